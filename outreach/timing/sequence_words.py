"""The lines of a sequence as a marketer writes them: when it begins, when a step's mail goes, what must have happened.

Law: each line is read here alone, and refused in words that show how to write it; what is read can be said again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

_NAME = r"[a-z0-9][a-z0-9._-]{0,63}"
_FIELD = r"[^\W\d][\w-]{0,63}"
_UNITS = {"minute": "minutes", "hour": "hours", "day": "days", "week": "weeks"}
_SPAN = r"(\d{1,4}) (minute|hour|day|week)s?"
LONGEST = timedelta(days=3660)


class EventKind(StrEnum):
    """What can happen to somebody in a sequence."""

    OPENED = "opened"
    CLICKED = "clicked"
    REPLIED = "replied"
    CASE_OPENED = "case opened"
    CASE_CLOSED = "case closed"
    GOAL = "goal"


OF_A_STEP = (EventKind.OPENED, EventKind.CLICKED, EventKind.REPLIED)


@dataclass(frozen=True)
class Event:
    """`name`: the step whose mail was opened, clicked or answered ("" any of them), or the goal that was reached."""

    kind: EventKind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name}".rstrip()


class BeginKind(StrEnum):
    """What makes somebody begin."""

    SIGNUP = "signup"
    DATE = "date"
    YEARLY = "each year on"
    GOAL = "goal"
    EVERY_GOAL = "every goal"
    QUIET = "quiet"
    CASE_CLOSED = "case closed"
    SEMINAR = "seminar"


@dataclass(frozen=True)
class Begins:
    """`name` is an attribute's, a goal's or a seminar's, `days` how long somebody was quiet; `who`: of a seminar's
    guests those who attended, or missed it (""): those who come, before it."""

    kind: BeginKind
    name: str = ""
    days: int = 0
    who: str = ""


@dataclass(frozen=True)
class When:
    """A time counted in whole `days` (at the sequence's hour) or exactly, by `span`; after the beginning, after a
    step's mail (`step`), or after an `event` that must come `within` a time, or the step is passed over."""

    days: int | None = None
    span: timedelta = timedelta()
    step: str = ""
    event: Event | None = None
    within: timedelta = timedelta(days=30)


@dataclass(frozen=True)
class Condition:
    """An event that must, or must not, have happened."""

    event: Event
    wanted: bool = True

    def __str__(self) -> str:
        return f"{'' if self.wanted else 'not '}{self.event}"


WHEN_EXAMPLE = (
    "Write when: at once, when: on day 3, when: 2 days after hello (a step's name), "
    "or when: 1 day after clicked hello, within 14 days"
)
BEGINS_EXAMPLE = (
    "Write begins: signup, begins: date joined, begins: each year on birthday, begins: goal order, "
    "begins: every goal order, begins: quiet 90 days, begins: case closed, begins: seminar NAME, "
    "or begins: seminar NAME missed (or attended)"
)
EVENT_EXAMPLE = (
    "Events are: opened, clicked, replied (each alone or with a step's name), case opened, case closed, goal NAME"
)


def parse_begins(text: str) -> Begins:
    """Read the line `begins:`. Raises ValueError in words for a person."""
    line = " ".join(text.split())
    low = line.lower()
    if low == "signup":
        return Begins(BeginKind.SIGNUP)
    if low == "case closed":
        return Begins(BeginKind.CASE_CLOSED)
    if found := re.fullmatch(r"quiet (\d{1,4}) days?", low):
        if int(found[1]) < 7:
            raise ValueError(f"{text!r}: nobody is quiet before a week has passed")
        return Begins(BeginKind.QUIET, days=int(found[1]))
    if found := re.fullmatch(rf"seminar ({_NAME})(?: (attended|missed))?", low):
        return Begins(BeginKind.SEMINAR, found[1], who=found[2] or "")
    for kind in (BeginKind.YEARLY, BeginKind.EVERY_GOAL, BeginKind.GOAL, BeginKind.DATE):
        if found := re.fullmatch(rf"{kind.value} ({_FIELD})", line, re.IGNORECASE):
            return Begins(kind, found[1])
    raise ValueError(f"{text!r} does not say what begins it" if line else "is missing")


def parse_event(text: str) -> Event:
    """Read one event. Raises ValueError in words for a person."""
    line = " ".join(text.lower().split())
    for kind in (EventKind.CASE_OPENED, EventKind.CASE_CLOSED):
        if line == kind.value:
            return Event(kind)
    if found := re.fullmatch(rf"(opened|clicked|replied)(?: ({_NAME}))?", line):
        return Event(EventKind(found[1]), found[2] or "")
    if found := re.fullmatch(rf"goal ({_FIELD})", " ".join(text.split())):
        return Event(EventKind.GOAL, found[1])
    raise ValueError(f"{text!r} is no event")


def parse_condition(text: str) -> Condition:
    """Read one condition: an event, or `not` and an event. Raises ValueError."""
    line = text.strip()
    negated = line.lower().startswith("not ")
    return Condition(parse_event(line[4:] if negated else line), not negated)


def parse_span(text: str) -> timedelta:
    """Read "3 days", "12 hours", "2 weeks". Raises ValueError."""
    found = re.fullmatch(_SPAN, " ".join(text.lower().split()))
    if found is None:
        raise ValueError(f"{text!r} is no span of time")
    return _span(found[1], found[2])


def parse_when(text: str) -> When:
    """Read a step's line `when:`. Raises ValueError in words for a person."""
    line, comma, rest = " ".join(text.split()).partition(", ")
    within = When().within
    if comma:
        found = re.fullmatch(rf"within {_SPAN}", rest.lower())
        if found is None:
            raise ValueError(f"{rest!r} does not follow a comma here")
        within = _span(found[1], found[2])
    when = _when(line, within)
    if comma and when.event is None:
        raise ValueError(f"{text!r}: only what waits for an event has a time within which it must come")
    return when


def _when(line: str, within: timedelta) -> When:
    if line.lower() in ("at once", "on the day"):
        return When(0 if line.lower() == "on the day" else None)
    if found := re.fullmatch(r"on day (-?\d{1,4})", line, re.IGNORECASE):
        return When(days=int(found[1]))
    if found := re.fullmatch(rf"{_SPAN} before start", line, re.IGNORECASE):
        return When(span=-_span(found[1], found[2]))
    found = re.fullmatch(rf"(?:{_SPAN} )?after (.+)", line, re.IGNORECASE)
    if found is None:
        raise ValueError(f"{line!r} is no time" if line else "is missing")
    when = _after(found[3], within)
    if not found[1]:
        return when
    span = _span(found[1], found[2])
    if found[2].lower() in ("day", "week"):
        return replace(when, days=span.days)
    return replace(when, span=span)


def _after(what: str, within: timedelta) -> When:
    if what.lower() == "start":
        return When()
    try:
        return When(event=parse_event(what), within=within)
    except ValueError:
        if re.fullmatch(_NAME, what):
            return When(step=what)
        raise


def _span(number: str, unit: str) -> timedelta:
    span = timedelta(**{_UNITS[unit.lower()]: int(number)})
    if span > LONGEST:
        raise ValueError(f"{number} {unit}s is longer than ten years")
    return span
