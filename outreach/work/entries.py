"""What the plan says of one edition, and of a whole look ahead; and of an edition under way, as the outbox has it.

Law: what is under way is counted, never foreseen; people read whole minutes, by their own clocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from ..chance import off_by
from ..plan.holdout import HELD_OUT, HoldOut, read_hold_out
from ..plan.holds import OPEN_COMPLAINT
from ..plan.worth import Expected
from ..records import Campaign, DeliveryState, Edition, EditionState
from ..store.editions import (
    due_counts,
    outcome_counts,
)
from ..workdays import zone_or
from .clashes import Clash, ClosedDay, Instead
from .outlook import Outlook
from .schedules import deadline_words
from .tried import Tried, invites_to, versions_under_way
from .workspace import Workspace


@dataclass(frozen=True)
class Slot:
    """People whose mail goes at one instant, which is `local` on their clocks."""

    zone: str
    local: str
    at: datetime
    people: int


@dataclass(frozen=True)
class Refused:
    """How many will not get it for one reason."""

    state: str
    reason: str
    people: int


@dataclass(frozen=True)
class Entry:
    """One edition, under way (`edition_id`) or to come.

    `going` will get it; of those, `later` are delayed, by reason, and `instead` says to which day.
    `before` is how many would get it without what replies changed; `first` and `waiting` are topics that come first,
    or wait, in how many people's tips. `by_share`: so many that those dealt by chance are counted by their share.
    `waits`: it goes only when a person has said yes.
    """

    campaign: str
    kind: str
    subject: str
    occasion: str
    state: str
    opens: datetime
    people: int
    going: int
    before: int
    slots: tuple[Slot, ...]
    refused: tuple[Refused, ...]
    later: dict[str, int]
    instead: tuple[Instead, ...]
    first: dict[str, int]
    waiting: dict[str, int]
    changed_tips: int
    note: str = ""
    deadline: str = ""
    waves: tuple[int, ...] = ()
    edition_id: int | None = None
    done: dict[str, int] | None = None
    hold_out: HoldOut | None = None
    by_share: bool = False
    tried: Tried | None = None
    invites: str = ""
    expected: Expected | None = None
    waits: bool = False

    @property
    def off_by(self) -> int:
        """By how many those drawn may differ from what is counted by the share; 0 where they are dealt one by one."""
        if not self.by_share:
            return 0
        held = sum(one.people for one in self.refused if one.reason == HELD_OUT) + self.later.get(HELD_OUT, 0)
        parts = [one.people for one in self.tried.versions] if self.tried is not None else [held]
        everybody = sum(parts) + (self.tried.rest if self.tried is not None else self.going)
        return max(off_by(one, everybody) for one in parts)


@dataclass(frozen=True)
class Change:
    """A step that changed the plan."""

    at: datetime
    rule: str
    state: str
    who: str
    what: str
    reason: str
    case: int | None


@dataclass(frozen=True)
class Agenda:
    """The plan from `now` up to `until`, with the days on which newsletters meet and those without any.

    `changes` are the newest steps since `since`, `changed` counts all.
    """

    now: datetime
    until: datetime
    since: datetime
    entries: tuple[Entry, ...]
    changes: tuple[Change, ...]
    changed: dict[str, int]
    problems: tuple[str, ...]
    clashes: tuple[Clash, ...] = ()
    closed: tuple[ClosedDay, ...] = ()
    sequences: tuple[Outlook, ...] = ()


def under_way(session: Session, workspace: Workspace, edition: Edition, campaign: Campaign) -> Entry:
    """An edition that was opened already, with what became of its mails so far."""
    assert edition.id is not None
    outcomes = outcome_counts(session, edition.id)
    refused = tuple(
        Refused(state.value, reason, people)
        for state, reason, people in outcomes
        if state in (DeliveryState.WITHHELD, DeliveryState.SUPPRESSED, DeliveryState.CANCELLED, DeliveryState.EXPIRED)
    )
    done: dict[str, int] = {}
    later: dict[str, int] = {}
    for state, reason, people in outcomes:
        done[state.value] = done.get(state.value, 0) + people
        if state in (DeliveryState.QUEUED, DeliveryState.DEFERRED) and reason:
            later[reason] = later.get(reason, 0) + people
    slots = tuple(
        _slot(workspace, zone_or(zone, workspace.settings.identity.zone).key, due, people)
        for zone, due, people in due_counts(session, edition.id)
    )
    held = sum(one.people for one in refused if one.reason.startswith(OPEN_COMPLAINT))
    going = sum(people for state, _, people in outcomes) - sum(one.people for one in refused)
    return Entry(
        campaign=campaign.name,
        kind=edition.kind.value,
        subject=edition.subject or campaign.subject,
        occasion=edition.occasion,
        state=edition.state.value,
        opens=edition.due_at,
        people=sum(done.values()),
        going=going,
        before=going + held,
        slots=slots,
        refused=refused,
        later=later,
        instead=(),
        first={},
        waiting={},
        changed_tips=0,
        note=edition.reason,
        deadline=deadline_words(workspace, campaign),
        waves=tuple(edition.waves),
        edition_id=edition.id,
        done=done,
        hold_out=read_hold_out(edition.hold_out or {}),
        tried=versions_under_way(session, campaign, edition),
        invites=invites_to(session, workspace, campaign),
        waits=edition.state in (EditionState.WAITING, EditionState.PAUSED),
    )


def slots_of(workspace: Workspace, going: Counter[tuple[str, datetime]]) -> tuple[Slot, ...]:
    """People by zone and instant as they are told: by whole minutes, in order of time."""
    return tuple(_slot(workspace, zone, at, people) for (zone, at), people in sorted(_minutes(going), key=_by_time))


def refused_of(not_going: Counter[tuple[str, str]]) -> tuple[Refused, ...]:
    """Who does not get it, by state and reason, most first."""
    return tuple(Refused(state, reason, people) for (state, reason), people in sorted(not_going.items(), key=_most))


def _minutes(going: Counter[tuple[str, datetime]]) -> Iterable[tuple[tuple[str, datetime], int]]:
    """The same by whole minutes, as people read them: a budget has room again at anybody's own second."""
    slots: Counter[tuple[str, datetime]] = Counter()
    for (zone, at), people in going.items():
        slots[zone, at.replace(second=0, microsecond=0)] += people
    return slots.items()


def _slot(workspace: Workspace, zone: str, at: datetime, people: int) -> Slot:
    local = at.astimezone(zone_or(zone, workspace.settings.identity.zone))
    return Slot(zone, f"{local:%Y-%m-%d %H:%M}", at, people)


def _most(item: tuple[tuple[str, str], int]) -> tuple[int, tuple[str, str]]:
    return -item[1], item[0]


def _by_time(item: tuple[tuple[str, datetime], int]) -> tuple[datetime, str]:
    return item[0][1], item[0][0]
