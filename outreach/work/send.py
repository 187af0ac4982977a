"""Sending what is due: claim a slice, judge it again, choose, render, and hand it to the lines.

Law: whatever ends a run (nothing left, a signal, the relay, the disk), what is in the air is finished, the rest is
given back, and what was read but could not be written is in doubt. RELIABILITY I1-I12 say it; `store.outbox`,
`work.commit`, `work.lines` and `work.feed` keep it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from ..errors import OutreachError
from ..records import DeliveryState
from ..store.outbox import anything_due, finish_editions, open_editions
from ..store.workers import Reclaimed, sign_on
from ..wire.smtp import relay_target
from .commit import Committer
from .epoch import advance
from .feed import Feed, Judge, OpenPress, Progress
from .judge import judge_people
from .letter import open_press
from .lines import Lines
from .presence import Presence, worker_name
from .recover import recover, take_back
from .workspace import Workspace, check_may_send

NOTHING = Reclaimed()


@dataclass(frozen=True)
class SendCounts:
    """What one run of sending did. `reclaimed` is what dead workers had held, `finished` the editions now done."""

    sent: int = 0
    deferred: int = 0
    failed: int = 0
    in_doubt: int = 0
    withheld: int = 0
    suppressed: int = 0
    cancelled: int = 0
    expired: int = 0
    postponed: int = 0
    reclaimed: Reclaimed = NOTHING
    finished: tuple[int, ...] = ()

    @property
    def total(self) -> int:
        """All deliveries that were settled or put off."""
        return sum(int(getattr(self, str(state))) for state in _COUNTED) + self.postponed


_COUNTED = (
    DeliveryState.SENT,
    DeliveryState.DEFERRED,
    DeliveryState.FAILED,
    DeliveryState.IN_DOUBT,
    DeliveryState.WITHHELD,
    DeliveryState.SUPPRESSED,
    DeliveryState.CANCELLED,
    DeliveryState.EXPIRED,
)


def send_open(
    workspace: Workspace,
    *,
    edition_ids: Sequence[int] | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
    owner: str = "send",
    press: OpenPress = open_press,
    judge: Judge = judge_people,
) -> SendCounts:
    """Send all that is due in these editions (None: in every open one) until nothing is left or `stop` is set.

    `owner` is the kind of worker, for its name. Raises NeedsPerson while everything is paused, RelayError when the
    relay takes nothing, DatabaseError when a commit failed; in each case nobody is lost and nothing is sent twice.
    """
    check_may_send(workspace)
    name = worker_name(owner)
    lease = timedelta(seconds=workspace.settings.sending.lease_seconds)
    target = relay_target(workspace.settings.relay, workspace.root)
    reclaimed = recover(workspace)
    with workspace.database.read() as session:
        editions = open_editions(session, edition_ids)
        due = anything_due(session, editions, workspace.clock())
    if not due:
        return SendCounts(reclaimed=reclaimed, finished=_finish(workspace, editions))
    stopping = (lambda: False) if stop is None else stop.is_set
    with Presence(workspace.root, name) as presence:
        with workspace.database.write() as session:
            sign_on(session, name, owner, workspace.clock())
        committer = Committer(
            workspace.database,
            name,
            workspace.clock,
            lease,
            progress,
            on_intents=lambda session: advance(session, workspace.root),
        )
        feed = Feed(workspace, presence, committer, edition_ids, lease, press, judge, progress)
        ladder = workspace.settings.sending.retry_minutes
        lines = Lines(target, workspace.settings.relay, committer, workspace.clock, ladder)
        try:
            with committer, lines:
                feed.run(lines, stopping)
        finally:
            left = _tidy(workspace, name, presence)
        trouble = lines.trouble or committer.failure
        if trouble is not None:
            raise trouble
    with workspace.database.read() as session:
        editions = open_editions(session, edition_ids)
    finished = _finish(workspace, editions)
    return _counts(committer.counts + feed.counts, feed.postponed, left, reclaimed, finished)


def _tidy(workspace: Workspace, name: str, presence: Presence) -> Reclaimed:
    """Give back what we still hold. Where that cannot be written, the lock file stays and tells that we are gone."""
    try:
        return take_back(workspace, name, ())
    except OutreachError:
        presence.keep_file()
        return Reclaimed()


def _finish(workspace: Workspace, edition_ids: Sequence[int]) -> tuple[int, ...]:
    """Close the editions in which nothing is left to do."""
    if not edition_ids:
        return ()
    with workspace.database.write() as session:
        return tuple(finish_editions(session, edition_ids, workspace.clock()))


def _counts(
    counts: Counter[DeliveryState], postponed: int, left: Reclaimed, reclaimed: Reclaimed, finished: tuple[int, ...]
) -> SendCounts:
    values = {str(state): counts[state] for state in _COUNTED}
    values["in_doubt"] += left.in_doubt
    return SendCounts(**values, postponed=postponed, reclaimed=reclaimed, finished=finished)
