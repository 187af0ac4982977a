"""Sending what is due: claim a slice, judge it again, choose, render, and hand it to the lines.

Law: whatever ends a run (nothing left, a signal, the relay, the disk), what is in the air is finished, the rest is
given back, and what was read but could not be written is in doubt. RELIABILITY I1-I12 say it; `store.outbox`,
`work.commit`, `work.lines` and `work.feed` keep it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ..errors import OutreachError
from ..records import DeliveryState
from ..store.outbox import count_due, finish_editions, open_editions
from ..store.workers import Reclaimed, sign_on
from ..wire.relay import relay_target
from .bounces import bounce_rules, watching
from .bounds import Bounds
from .commit import Committer
from .dispatch import Dispatch
from .epoch import follow_turn
from .feed import Feed, Judge, OpenPress, Progress
from .judge import judge_people
from .kin import cores
from .letter import open_press
from .presence import Presence, worker_name
from .recover import recover, take_back
from .rested import try_rested
from .sight import kinds_that_wait
from .signing import open_sign
from .together import stand_in
from .traffic import Traffic
from .ways import Ways
from .workspace import Workspace, settle_home

NOTHING = Reclaimed()
LARGE = 1000
"""From so many due deliveries on, starting processes that carry them pays."""
MOST_PROCESSES = 4
"""More carriers beside it than three the desk, which is one process, cannot keep busy."""


@dataclass(frozen=True)
class SendCounts:
    """What one run of sending did. `reclaimed` is what dead workers had held, `finished` the editions now done.

    `full_until`: when the relays' limits leave room for more, where they ended the run.
    """

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
    full_until: datetime | None = None

    def plus(self, later: SendCounts) -> SendCounts:
        """Both runs together; what is a state of things is that of the later one."""
        summed = {name: getattr(self, name) + getattr(later, name) for name in (*map(str, _COUNTED), "postponed")}
        reclaimed = self.reclaimed + later.reclaimed
        return replace(later, reclaimed=reclaimed, finished=self.finished + later.finished, **summed)

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
    press: OpenPress | None = None,
    judge: Judge = judge_people,
) -> SendCounts:
    """Send all that is due in these editions (None: in every open one) until nothing is left or `stop` is set.

    `owner` is the kind of worker, for its name; `press` None gives mails as they are, signed. Raises SettingsError
    where a key to sign with is missing, NeedsPerson while everything is paused, RelayError when the relay takes
    nothing, DatabaseError when a commit failed; in each case nobody is lost and nothing is sent twice.
    """
    settle_home(workspace)
    name, lease = worker_name(owner), timedelta(seconds=workspace.settings.sending.lease_seconds)
    relays = workspace.settings.all_relays
    targets = [relay_target(relay, workspace.root) for relay in relays]
    ways = Ways(workspace, relays)
    press = press or partial(open_press, sign=open_sign(workspace))
    reclaimed = recover(workspace)
    stand_in(workspace, edition_ids, ending=True)
    with workspace.database.read() as session:
        now = workspace.clock()
        editions = open_editions(session, edition_ids)
        going = open_editions(session, edition_ids, without=kinds_that_wait(session, workspace, now))
        due = count_due(session, going, now, LARGE)
    if not due:
        if owner == "run":
            try_rested(workspace)
        return SendCounts(reclaimed=reclaimed, finished=_finish(workspace, editions))
    ways.begin(eager=owner == "send")
    if ways.full_until():
        return SendCounts(reclaimed=reclaimed, full_until=ways.full_until())
    processes = _processes(workspace, due)
    stopping: Callable[[], bool] = (lambda: False) if stop is None else stop.is_set
    with Presence(workspace.root, name) as presence:
        with workspace.database.write() as session:
            sign_on(session, name, owner, workspace.clock())
        committer = _committer(workspace, name, lease, progress)
        feed = Feed(workspace, presence, committer, edition_ids, lease, press, judge, progress)
        traffic = Traffic(ways, Bounds(workspace, name))
        connections = [relay.connections for relay in relays]
        dispatch = Dispatch(workspace, presence, committer, targets, connections, processes - 1, traffic)
        try:
            with watching(workspace, lambda: committer.counts[DeliveryState.FAILED]), committer, dispatch:
                _run(feed, dispatch, stopping)
        finally:
            left = _tidy(workspace, name, presence)
        trouble = dispatch.trouble or committer.failure
        if trouble is not None:
            raise trouble
    with workspace.database.read() as session:
        editions = open_editions(session, edition_ids)
    finished = _finish(workspace, editions)
    counts = _counts(committer.counts + feed.counts, left + dispatch.lost)
    until = dispatch.full_until()
    return replace(counts, postponed=feed.postponed, reclaimed=reclaimed, finished=finished, full_until=until)


def _run(feed: Feed, dispatch: Dispatch, stopping: Callable[[], bool]) -> None:
    """Send what is due, and then what stands in for what could not go."""
    feed.run(dispatch, stopping)
    while not (stopping() or dispatch.stopped) and stand_in(feed.workspace, feed.edition_ids):
        feed.run(dispatch, stopping)


def _committer(workspace: Workspace, name: str, lease: timedelta, progress: Progress | None) -> Committer:
    return Committer(
        workspace.database,
        name,
        workspace.clock,
        lease,
        progress,
        on_raised=partial(follow_turn, workspace.root),
        bounce_rules=bounce_rules(workspace.settings.bounces),
    )


def _processes(workspace: Workspace, due: int) -> int:
    """How many processes send, this one among them."""
    wanted = workspace.settings.sending.processes
    if wanted:
        return wanted
    return min(cores(), MOST_PROCESSES) if due >= LARGE else 1


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


def _counts(counts: Counter[DeliveryState], left: Reclaimed) -> SendCounts:
    values: dict[str, Any] = {str(state): counts[state] for state in _COUNTED}
    values["in_doubt"] += left.in_doubt
    return replace(SendCounts(), **values)
