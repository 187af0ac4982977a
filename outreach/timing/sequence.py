"""What somebody in a sequence gets next, and when.

Law: a pure rule over what has happened to one person; a step that is done is never done again, whatever the sequence
says meanwhile, and nobody goes back to a step that they have passed. Daemon, preview and tests ask here.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from ..workdays import to_instant
from .sequence_words import Condition, Event, When

LATE = timedelta(days=3)
"""A mail whose time was over this long ago is not sent any more, unless its sequence says otherwise."""
BUSY = timedelta(minutes=30)
"""How long a sequence waits before it looks again whether its last mail has gone."""


@dataclass(frozen=True)
class Step:
    """One mail of a sequence, by its name; all `conditions` must hold when its time has come."""

    name: str
    when: When
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A sequence's steps in order, what ends it, and the hour of the day for what is counted in days."""

    steps: tuple[Step, ...]
    exits: tuple[Event, ...] = ()
    at: time = time(9)
    late: timedelta = LATE

    def events(self) -> set[Event]:
        """Every event that these steps ask for."""
        asked = {condition.event for step in self.steps for condition in step.conditions}
        return asked | set(self.exits) | {step.when.event for step in self.steps if step.when.event is not None}


@dataclass(frozen=True)
class Going:
    """One person in a sequence. `day` is the local date of their beginning, `since` the instant.

    `done`: when each step's mail went, or was passed over; `busy`: one is on its way until then. `events`: when each
    first happened. `outside`: the steps that are not for this person.
    """

    day: date
    since: datetime
    zone: ZoneInfo
    done: Mapping[str, datetime] = field(default_factory=dict)
    events: Mapping[Event, datetime] = field(default_factory=dict)
    busy: datetime | None = None
    outside: Collection[str] = ()


class MoveKind(StrEnum):
    """send: the step's mail goes now; passed: never; wait: look again at `at`; leave: an exit; end: no step is left.

    stand by: another of their household (or company) has its place.
    """

    SEND = "send"
    PASSED = "passed"
    WAIT = "wait"
    LEAVE = "leave"
    END = "end"
    STAND_BY = "stand by"


@dataclass(frozen=True)
class Move:
    """What follows for one person, with the reason. `at` is the step's own time, or when to look again."""

    kind: MoveKind
    step: str = ""
    at: datetime | None = None
    reason: str = ""
    waits: Event | None = None
    """The event that has not come: while it is waited for, or where the step was passed over for want of it."""


def next_moves(plan: Plan, going: Going, now: datetime) -> list[Move]:
    """The steps that are passed over by now, and then what comes first: a mail, a wait, an exit or the end."""
    for event in plan.exits:
        happened = going.events.get(event)
        if happened is not None and happened <= now:
            return [Move(MoveKind.LEAVE, at=happened, reason=str(event))]
    if going.busy is not None:
        following = next((step.name for step in plan.steps[_place(plan, going.done) :]), "")
        return [
            Move(MoveKind.WAIT, following, at=max(going.busy, now + BUSY), reason="its last mail is still on its way")
        ]
    moves: list[Move] = []
    done = dict(going.done)
    for step in plan.steps[_place(plan, done) :]:
        move = _judge(plan, replace(going, done=done), step, now)
        moves.append(move)
        if move.kind is not MoveKind.PASSED:
            return moves
        done[step.name] = move.at or now
    return [*moves, Move(MoveKind.END, at=now)]


@dataclass(frozen=True)
class Hope:
    """A step that somebody gets only if the event comes, by `until`; None: by the time at which the step is due."""

    step: str
    event: Event
    until: datetime | None = None


@dataclass(frozen=True)
class Ahead:
    """What comes for one person if nothing else happens: the next `mail` (None: none), where they are once it went,
    and the steps before it that only an event would bring."""

    mail: Move | None
    going: Going
    hopes: tuple[Hope, ...] = ()


def look_ahead(plan: Plan, going: Going, now: datetime, until: datetime) -> Ahead:
    """The next mail up to `until`. One that is on its way is taken to go when it is tried next."""
    hopes: list[Hope] = []
    if going.busy is not None:
        last = next((step.name for step in reversed(plan.steps) if step.name in going.done), "")
        went = max(going.busy, now)
        going = replace(going, busy=None, done={**going.done, last: went} if last else going.done)
        now = went
    while now <= until:
        for move in next_moves(plan, going, now):
            if move.waits is not None:
                hopes.append(Hope(move.step, move.waits, move.at if move.kind is MoveKind.WAIT else None))
            if move.kind in (MoveKind.LEAVE, MoveKind.END) or move.at is None:
                return Ahead(None, going, tuple(hopes))
            if move.kind is MoveKind.WAIT:
                now = max(move.at, now + timedelta(seconds=1))
                continue
            at = max(move.at, now) if move.kind is MoveKind.SEND else move.at
            going = replace(going, done={**going.done, move.step: at})
            if move.kind is MoveKind.SEND:
                return Ahead(replace(move, at=at), going, tuple(hopes))
    return Ahead(None, going, tuple(hopes))


def timeline(plan: Plan, going: Going, now: datetime, until: datetime) -> Iterator[Move]:
    """The mails that would go up to `until` if nothing else happened."""
    while True:
        ahead = look_ahead(plan, going, now, until)
        if ahead.mail is None or ahead.mail.at is None:
            return
        yield ahead.mail
        now, going = ahead.mail.at, ahead.going


def ends_at(plan: Plan, going: Going, now: datetime, until: datetime) -> datetime | None:
    """When nothing is left for somebody, if nothing else happens; None where that is not by `until`."""
    ahead = look_ahead(plan, going, now, until)
    while ahead.mail is not None and ahead.mail.at is not None:
        now, going = ahead.mail.at, ahead.going
        ahead = look_ahead(plan, going, now, until)
    going = replace(going, busy=None)
    while now <= until:
        last = next_moves(plan, going, now)[-1]
        if last.kind in (MoveKind.END, MoveKind.LEAVE) or last.at is None:
            return now
        now = max(last.at, now + timedelta(seconds=1))
    return None


def _place(plan: Plan, done: Mapping[str, datetime]) -> int:
    """Behind the last step that is done: whoever passed a place does not come back to it."""
    return max((place + 1 for place, step in enumerate(plan.steps) if step.name in done), default=0)


def _judge(plan: Plan, going: Going, step: Step, now: datetime) -> Move:
    due = _due(plan, going, step, now)
    if due.kind is not MoveKind.SEND:
        return due
    assert due.at is not None
    if due.at > now:
        return replace(due, kind=MoveKind.WAIT)
    if now - max(due.at, _turn(plan, going, step) or due.at) > plan.late:
        return replace(due, kind=MoveKind.PASSED, reason=f"its time was over: {due.at:%Y-%m-%d %H:%M} UTC")
    if step.name in going.outside:
        return replace(due, kind=MoveKind.PASSED, reason="it is not for this person")
    for condition in step.conditions:
        happened = going.events.get(condition.event)
        if (happened is not None and happened <= now) is not condition.wanted:
            said = "has not happened" if condition.wanted else "has happened"
            wanted = condition.event if condition.wanted else None
            return replace(due, kind=MoveKind.PASSED, reason=f"{condition.event} {said}", waits=wanted)
    return due


def _turn(plan: Plan, going: Going, step: Step) -> datetime | None:
    """When it was this step's turn, where its time may have been over by then though nothing had stood still.

    That is so for an event that came while earlier steps were still to go, and behind a step that waited for its event
    in vain.
    """
    if step.when.event is not None:
        return max(going.done.values(), default=None)
    waits = [(going.done[one.name], one.when.event) for one in plan.steps if one.when.event and one.name in going.done]
    came = {event: going.events[event] for _, event in waits if event in going.events}
    return max((until for until, event in waits if event not in came or came[event] > until), default=None)


def _due(plan: Plan, going: Going, step: Step, now: datetime) -> Move:
    """When the step's mail is due (SEND), or that it waits for an event, or that this did not come in time."""
    when, start = step.when, going.since
    if when.step:
        known = going.done.get(when.step)
        if known is None:
            return Move(MoveKind.PASSED, step.name, now, f"{when.step} was never sent")
        start = known
    elif when.event is not None:
        happened = going.events.get(when.event)
        if happened is None or happened > now:
            return _waiting(going, step, now)
        start = happened
    if when.days is None:
        return Move(MoveKind.SEND, step.name, start + when.span)
    first = going.day if start == going.since else start.astimezone(going.zone).date()
    due = to_instant(first + timedelta(days=when.days), plan.at, going.zone)
    if when.days == 0:
        due = max(due, start)
    return Move(MoveKind.SEND, step.name, due)


def _waiting(going: Going, step: Step, now: datetime) -> Move:
    when = step.when
    since = max(going.done.values(), default=going.since)
    if since + when.within <= now:
        return Move(MoveKind.PASSED, step.name, since + when.within, f"{when.event} did not come in time")
    return Move(MoveKind.WAIT, step.name, since + when.within, f"waits for: {when.event}", when.event)


def anniversary(day: date, year: int) -> date:
    """The day in `year`; 29 February is kept on the 28th in a year that has none."""
    if (day.month, day.day) == (2, 29) and not isleap(year):
        return date(year, 2, 28)
    return day.replace(year=year)


def days_of_year(first: date, last: date) -> set[str]:
    """The month and day, as "02-28", of those whose anniversary is kept between the two dates."""
    found: set[str] = set()
    day = first
    while day <= last and len(found) < 366:
        found.add(f"{day:%m-%d}")
        if (day.month, day.day) == (2, 28) and not isleap(day.year):
            found.add("02-29")
        day += timedelta(days=1)
    return found
