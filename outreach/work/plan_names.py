"""The names behind a number of the plan: who gets a campaign's next mail, who does not, who later.

Law: of an edition under way the outbox tells; of one to come everybody is judged one by one, as planning will.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice

from sqlmodel import Session

from ..records import Campaign, DeliveryState
from ..store.accounts import people_in
from ..store.customers import load_customers
from ..store.editions import TO_GO, UNFINISHED, editions_of
from .agenda import BY_HAND, one_campaign
from .forecast import CHUNK, Judged, draft_edition, judge_all
from .schedules import Occasion, Timing, occasions_after, timing_of
from .workspace import Workspace


@dataclass(frozen=True)
class PersonPlan:
    """One name behind a number of an entry. `at`: when it goes, or went."""

    address: str
    state: str
    reason: str
    evidence: str
    at: datetime | None


def who_is(workspace: Workspace, campaign_name: str, which: str) -> Iterator[PersonPlan]:
    """The names behind the campaign's next entry: `which` is going, withheld (all who will not) or later.

    Streamed. Raises UsageError where there is no such campaign.
    """
    now = workspace.clock()
    with workspace.database.read() as session:
        found = one_campaign(session, campaign_name)
        assert found.id is not None
        editions = [edition for edition in editions_of(session, found.id) if edition.state in UNFINISHED]
        if editions and editions[0].id is not None:
            yield from _named_in_outbox(session, editions[0].id, which)
            return
        timing, occasion = _next(workspace, found, now)
        draft = draft_edition(session, workspace, found, occasion.key, occasion.opens, per_customer=timing.per_customer)
        judged = judge_all(session, workspace, found, draft, per_customer=timing.per_customer)
        wanted = (one for one in judged if which in _groups(one))
        while chunk := list(islice(wanted, CHUNK)):
            people = load_customers(session, [one.person.id for one in chunk])
            for one in chunk:
                said = one.permission
                state = said.state.value if said.state else DeliveryState.QUEUED.value
                yield PersonPlan(people[one.person.id].address or "", state, said.reason, said.evidence, one.at)


def _groups(one: Judged) -> tuple[str, ...]:
    if one.permission.state is not None:
        return ("withheld",)
    return ("going", "later") if one.permission.later is not None else ("going",)


def _named_in_outbox(session: Session, edition_id: int, which: str) -> Iterator[PersonPlan]:
    refused = (DeliveryState.WITHHELD, DeliveryState.SUPPRESSED, DeliveryState.CANCELLED, DeliveryState.EXPIRED)
    states = refused if which == "withheld" else TO_GO
    for line in chain.from_iterable(people_in(session, edition_id, state) for state in states):
        if which != "later" or line.next_at is not None:
            yield PersonPlan(line.address, line.state.value, line.reason, line.evidence, line.next_at or line.sent_at)


def _next(workspace: Workspace, campaign: Campaign, now: datetime) -> tuple[Timing, Occasion]:
    timing = timing_of(workspace, campaign)
    return timing, next(occasions_after(timing, now), Occasion(f"once-{BY_HAND}", now))
