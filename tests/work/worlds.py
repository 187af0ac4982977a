"""Small worlds for tests of the forecast: drawn, foreseen, simulated, and lived through with a moved clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from sqlmodel import select

from outreach.records import (
    Campaign,
    Delivery,
    EditionState,
    GroupKind,
    Hold,
    HoldState,
    Kind,
    Wish,
)
from outreach.store.editions import TO_GO
from outreach.store.groups import ensure_groups, put_members
from outreach.store.simulated import next_event
from outreach.work.agenda import read_agenda
from outreach.work.compose import apply_campaign
from outreach.work.publish import publish_due
from outreach.work.send import send_open
from outreach.work.sequences import follow_sequences
from outreach.work.simulate import simulate
from outreach.work.workspace import Workspace

from ..conftest import HandClock
from .planning_kit import make_campaign, make_edition, make_sent, make_tip, with_calendar
from .sending import open_plain_press

DAYS = 14
MOST_TIPS = 12
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo")
KINDS = ("news", "offer", "invitation", "tips")
HOURS = ("09:00", "15:00", "09:03", "20:30", "22:00")


@dataclass(frozen=True)
class Person:
    """Somebody with the bulk mail that they had so many hours ago. `house`: with whom they live (0: alone)."""

    zone: str = ZONES[0]
    had: tuple[int, ...] = ()
    rarely: int = 0
    paused: int = 0
    held: int = 0
    house: int = 0


@dataclass(frozen=True)
class Letter:
    """A campaign: on which days from the first (the second of December) on it goes, at which hour of whose zone."""

    kind: str = "news"
    days: tuple[int, ...] = (0,)
    hour: str = HOURS[0]
    zone: str = ZONES[0]
    deadline: str = ""
    one_per: str = ""


@dataclass(frozen=True)
class World:
    """What is drawn."""

    people: tuple[Person, ...] = (Person(),)
    letters: tuple[Letter, ...] = (Letter(),)
    per_week: int = 1
    blackout: tuple[int, ...] = ()


def people(houses: bool = False) -> st.SearchStrategy[Person]:
    """Anybody."""
    return st.builds(
        Person,
        zone=st.sampled_from(ZONES),
        had=st.lists(st.integers(1, 200), max_size=3, unique=True).map(tuple),
        rarely=st.sampled_from((0, 0, 0, 3, 10)),
        paused=st.sampled_from((0, 0, 0, 4)),
        held=st.sampled_from((0, 0, 0, 5)),
        house=st.sampled_from((0, 1)) if houses else st.just(0),
    )


def letters(houses: bool = False) -> st.SearchStrategy[Letter]:
    """Any campaign."""
    return st.builds(
        Letter,
        kind=st.sampled_from(KINDS),
        days=st.lists(st.integers(0, DAYS - 3), min_size=1, max_size=3, unique=True).map(
            lambda days: tuple(sorted(days))
        ),
        hour=st.sampled_from(HOURS),
        zone=st.sampled_from((ZONES[0], ZONES[1], "recipient")),
        deadline=st.sampled_from(("", "", "6 hours", "2 days", "3 weeks")),
        one_per=st.sampled_from(("", "household")) if houses else st.just(""),
    )


def worlds(houses: bool = False) -> st.SearchStrategy[World]:
    """Any world."""
    return st.builds(
        World,
        people=st.lists(people(houses), min_size=1, max_size=3).map(tuple),
        letters=st.lists(letters(houses), min_size=1, max_size=5).map(tuple),
        per_week=st.sampled_from((1, 2, 3)),
        blackout=st.lists(st.integers(0, DAYS - 1), max_size=2, unique=True).map(tuple),
    )


def day(number: int) -> datetime:
    """The day of a world with this number."""
    return datetime(2026, 12, 2) + timedelta(days=number)


def lay(workspace: Workspace, make_customer: Callable[..., int], world: World) -> Workspace:
    """The workspace with all that is in this world; as its settings have it."""
    now = workspace.clock()
    ids = [
        make_customer(f"p{number}@example.com", zone=person.zone, first_name=f"P{number}")
        for number, person in enumerate(world.people)
    ]
    past = make_campaign(workspace, "past", Kind.NEWS, state="paused")
    for hours in sorted({hours for person in world.people for hours in person.had}):
        edition = make_edition(workspace, past, f"once-{hours}", state=EditionState.DONE)
        for number, person in zip(ids, world.people, strict=True):
            if hours in person.had:
                make_sent(workspace, edition, number, now - timedelta(hours=hours))
    with workspace.database.write() as session:
        for number, person in zip(ids, world.people, strict=True):
            if person.rarely or person.paused:
                until = now + timedelta(days=person.paused) if person.paused else None
                how = {"changed_at": now, "how": "page", "no_topics": []}
                session.add(Wish(customer_id=number, paused_until=until, every_days=person.rarely, **how))
            if person.held:
                until = now + timedelta(days=person.held)
                what = {"scope": "promotion", "state": HoldState.SUGGESTED, "reason": "because", "since": now}
                session.add(Hold(customer_id=number, until=until, **what))
        house = [number for number, person in zip(ids, world.people, strict=True) if person.house]
        if len(house) > 1:
            groups = ensure_groups(session, GroupKind.HOUSEHOLD, ["h"], now)
            put_members(session, GroupKind.HOUSEHOLD, dict.fromkeys(house, groups["h"]), now, how="import")
    for number in range(MOST_TIPS):
        make_tip(workspace, f"tip{number}", "other", position=number)
    for number, letter in enumerate(world.letters):
        for each in letter.days:
            _write(workspace, f"c{number}-{each}", letter, each)
    settings = workspace.settings
    sending = settings.sending.model_copy(update={"per_week": world.per_week})
    replies = settings.replies.model_copy(update={"blind_minutes": 0})
    workspace = replace(workspace, settings=settings.model_copy(update={"sending": sending, "replies": replies}))
    return with_calendar(workspace, blackout=tuple(f"{day(number):%Y-%m-%d}" for number in world.blackout))


def _write(workspace: Workspace, name: str, letter: Letter, each: int) -> None:
    lines = [f"name: {name}", f"subject: About {name}", "list: customers", f"kind: {letter.kind}"]
    lines += [f"schedule: at {day(each):%Y-%m-%d} {letter.hour}", f"zone: {letter.zone}"]
    lines += ["tips: 1"] * (letter.kind == "tips")
    lines += [f"deadline: {letter.deadline}"] * bool(letter.deadline)
    lines += [f"one_per: {letter.one_per}"] * bool(letter.one_per)
    path = workspace.root / f"{name}.md"
    path.write_text("---\n" + "\n".join(lines) + "\n---\nHello\n", encoding="utf-8")
    apply_campaign(workspace, path)


@dataclass
class Told:
    """What came of one edition: when how many got it, who waits longer than the look, who did not get it and why."""

    at: Counter[datetime] = field(default_factory=Counter)
    waits: int = 0
    refused: Counter[str] = field(default_factory=Counter)


def foreseen(workspace: Workspace) -> dict[str, Told]:
    """As the plan has it."""
    agenda = read_agenda(workspace, days=DAYS)
    found = {}
    for entry in agenda.entries:
        told = found[entry.campaign] = Told()
        for slot in entry.slots:
            if slot.at > agenda.until:
                told.waits += slot.people
            else:
                told.at[slot.at] += slot.people
        told.refused.update({one.reason: one.people for one in entry.refused})
    return found


def lived(workspace: Workspace, clock: HandClock) -> dict[str, Told]:
    """As it came, with real sending and a moved clock."""
    end = clock.now + timedelta(days=DAYS)
    while clock.now <= end:
        publish_due(workspace)
        follow_sequences(workspace)
        send_open(workspace, press=open_plain_press)
        with workspace.database.read() as session:
            following = next_event(session, clock.now)
        if following is None:
            break
        clock.now = following
    return told_by_outbox(workspace)


def told_by_outbox(workspace: Workspace) -> dict[str, Told]:
    """What the outbox has of each edition that was opened."""
    found: dict[str, Told] = {}
    with workspace.database.read() as session:
        query = select(Delivery, Campaign.name).join(Campaign, Campaign.id == Delivery.campaign_id)
        for mail, name in session.exec(query):
            if name == "past":
                continue
            told = found.setdefault(name, Told())
            if mail.sent_at is not None:
                told.at[mail.sent_at.replace(second=0, microsecond=0)] += 1
            elif mail.state in TO_GO:
                told.waits += 1
            else:
                told.refused[mail.reason or mail.state.value] += 1
    return found


def simulated(workspace: Workspace) -> dict[str, tuple[Any, ...]]:
    """As the simulation has it: see `summed`."""
    lived = simulate(workspace, DAYS)
    assert not lived.problems
    return {
        one.campaign: (one.sent, one.first, one.last, one.to_go, dict(one.not_sent))
        for one in lived.editions
        if one.campaign != "past"
    }


def summed(told: Told) -> tuple[Any, ...]:
    """As much of it as the simulation tells: how many got it, the first and the last when, who waits, who does not."""
    times = sorted(told.at)
    return told.at.total(), *((times[0], times[-1]) if times else (None, None)), told.waits, dict(told.refused)


def differ(plan: dict[str, Told], came: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
    """Where a plan is another one than what came (as `summed`). Of mail that still waits at the end of a look the plan
    may say that it will be refused."""
    found = {}
    for name in {*plan, *came}:
        told, (sent, first, last, waits, refused) = plan.get(name, Told()), came.get(name, (0, None, None, 0, {}))
        more = told.refused - Counter(refused)
        same = summed(told)[:3] == (sent, first, last) and not Counter(refused) - told.refused
        if not same or more.total() != waits - told.waits:
            found[name] = summed(told), came.get(name)
    return found
