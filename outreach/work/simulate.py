"""The time ahead lived through by a clock of its own, in a copy: what would have gone when, and what would have waited.

Law: nothing is sent and the workspace is not touched. The copy's editions are opened, planned, claimed and judged by
what does so in earnest; only the relay is left out: whatever would be handed to one counts as taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlmodel import Session

from ..errors import OutreachError
from ..records import Campaign, DeliveryEvent, DeliveryState, Edition
from ..store.customers import load_customers
from ..store.moves import Move, apply_moves, keep_choices, refuse
from ..store.outbox import Claimed, claim, finish_editions, intend, open_editions
from ..store.rounded import minute_up
from ..store.simulated import LivedEdition, lived_editions, next_event
from ..store.workers import sign_on
from .choose import choose_for
from .feed import permission_of
from .judge import judge_people
from .private_copy import copy_to_live_in
from .publish import publish_due
from .sequences import follow_sequences
from .together import stand_in
from .waves import look_at_waves
from .workspace import Workspace

AFTER = timedelta(microseconds=1)
"""The clock goes on by whole minutes: what falls due within one is done together."""
SLICE = 1000
OWNER = "simulation"
LEASE = timedelta(days=366)


class MovedClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Lived:
    """What went between `since` and `until`; `problems`: what would have failed, or waited for a person."""

    since: datetime
    until: datetime
    editions: tuple[LivedEdition, ...]
    problems: tuple[str, ...]


def simulate(workspace: Workspace, days: int, progress: Callable[[datetime], None] = lambda now: None) -> Lived:
    """Live through the coming `days` in a copy. Raises DatabaseError where no copy can be made."""
    since = workspace.clock()
    with copy_to_live_in(workspace) as lived_in:
        clock = MovedClock(since)
        copy = replace(lived_in, clock=clock)
        with copy.database.write() as session:
            sign_on(session, OWNER, OWNER, since)
        problems = _live(copy, clock, since + timedelta(days=days), progress)
        with copy.database.read() as session:
            editions = tuple(lived_editions(session, since))
    return Lived(since, since + timedelta(days=days), editions, problems)


def _live(copy: Workspace, clock: MovedClock, end: datetime, progress: Callable[[datetime], None]) -> tuple[str, ...]:
    problems: dict[str, None] = {}
    while clock.now <= end:
        progress(clock.now)
        for work in (publish_due, follow_sequences, look_at_waves):
            try:
                work(copy)
            except OutreachError as wrong:
                problems.setdefault(wrong.message)
        _hand_over(copy)
        with copy.database.read() as session:
            following = next_event(session, clock.now)
        if following is None:
            break
        clock.now = max(minute_up(following), minute_up(clock.now + AFTER))
    return tuple(problems)


def _hand_over(copy: Workspace) -> None:
    """Let all that is due go, as `work.send` would; nobody waits for a mailbox to be read: nothing comes in."""
    now = copy.clock()
    while True:
        with copy.database.write() as session:
            rows = claim(session, edition_ids=None, owner=OWNER, limit=SLICE, now=now, lease=LEASE)
        if not rows and not stand_in(copy, None):
            break
        for edition_id, together in groupby(rows, _edition_of):
            _settle(copy, edition_id, list(together), now)
    with copy.database.write() as session:
        finish_editions(session, open_editions(session), now)


def _settle(copy: Workspace, edition_id: int, rows: Sequence[Claimed], now: datetime) -> None:
    with copy.database.read() as session:
        edition = session.get_one(Edition, edition_id)
        campaign = session.get_one(Campaign, edition.campaign_id)
        people = [row.customer_id for row in rows if row.customer_id is not None]
        allowed = judge_people(session, copy, campaign=campaign, edition=edition, customer_ids=people, now=now)
        said = [(row, permission_of(row, allowed, now)) for row in rows]
        going = [row for row, permission in said if permission.allowed and row.customer_id in allowed]
        chosen = _choices(session, copy, edition, campaign, going, now)
    refused = [refuse(row, permission) for row, permission in said if not permission.allowed]
    with copy.database.write() as session:
        apply_moves(session, refused, now)
        keep_choices(session, [(row, chosen[row.customer_id]) for row in going if row.customer_id in chosen])
        granted = intend(session, going, now)
        taken = [row for row in going if row.id in granted]
        boosts = {row.id: tuple(chosen.get(row.customer_id or 0, {}).get("boosts", ())) for row in taken}
        apply_moves(session, [_taken(row, boosts[row.id]) for row in taken], now)


def _taken(row: Claimed, boosts: tuple[int, ...]) -> Move:
    return Move(row, DeliveryState.INFLIGHT, (DeliveryEvent.ACCEPTED,), response="250 simulated", boosts=boosts)


def _choices(
    session: Session, copy: Workspace, edition: Edition, campaign: Campaign, going: Sequence[Claimed], now: datetime
) -> dict[int, dict[str, Any]]:
    if not edition.frozen.get("tips"):
        return {}
    people = load_customers(session, [row.customer_id for row in going if row.customer_id is not None])
    return choose_for(session, copy, edition=edition, campaign=campaign, customers=list(people.values()), now=now)


def _edition_of(row: Claimed) -> int:
    return row.edition_id
