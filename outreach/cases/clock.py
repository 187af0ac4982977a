"""A case's clocks: when we owe the customer the next word, and how long answers and solutions took.

Law: counted in business hours. Waiting for the customer is the only pause. The due time is set when the case opens
and again by our own answer, never by what the customer writes; after a pause it continues where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..records import Case, CaseEvent, CaseState, Urgency
from ..workdays import WorkingHours, add_business_hours, business_hours_between


@dataclass(frozen=True)
class Desk:
    """Who answers works these hours and has so many of them per urgency."""

    at_work: WorkingHours
    hours: Mapping[Urgency, float]


@dataclass(frozen=True)
class Durations:
    """Business hours from the first message to a person's first answer and to the solution; None: not yet."""

    first_answer: float | None
    solution: float | None


def next_due(start: datetime, urgency: Urgency, desk: Desk) -> datetime:
    """When we owe the customer a word, counted from `start`."""
    return add_business_hours(start, desk.hours[urgency], desk.at_work)


def continue_due(due: datetime, stopped: datetime, now: datetime, at_work: WorkingHours) -> datetime:
    """The due time after a pause from `stopped` to `now`: what was left (or overdrawn) is still left."""
    return add_business_hours(due, business_hours_between(stopped, now, at_work), at_work)


def sooner_due(case: Case, urgency: Urgency, now: datetime, desk: Desk) -> datetime:
    """The due time once a message made the case more urgent: never later than it was."""
    return min(case.due_at, next_due(now, urgency, desk))


def hand_over(due: datetime, now: datetime, before: WorkingHours, after: WorkingHours) -> datetime:
    """The due time when the case goes to somebody with other hours: the working hours that were left are still left.

    What is overdue stays so. Handing a case to and fro wins no time.
    """
    if now >= due or before == after:
        return due
    return add_business_hours(now, business_hours_between(now, due, before), after)


def first_word(case: Case, reach: int, quick: int, desk: Desk) -> datetime | None:
    """When a first answer is owed because `reach` people can read the message; None where that changes nothing.

    It is the time that the next higher urgency would have. Nothing else becomes sooner: not the solution, not the
    case's place among the others.
    """
    sooner = {Urgency.NORMAL: Urgency.RAISED, Urgency.RAISED: Urgency.HIGH}.get(case.urgency)
    if not quick or reach < quick or sooner is None or case.first_answer_at is not None:
        return None
    return min(next_due(case.opened_at, sooner, desk), case.first_word_by or case.due_at)


def owed_at(case: Case) -> datetime:
    """When the customer is to hear from us: the due time, or sooner where many can read what was not yet answered."""
    if case.first_answer_at is None and case.first_word_by is not None:
        return min(case.due_at, case.first_word_by)
    return case.due_at


def is_overdue(case: Case, now: datetime) -> bool:
    """Whether the customer should have heard from us by now. A case that waits for the customer is not."""
    return case.state in (CaseState.NEW, CaseState.OPEN) and now > owed_at(case)


def pauses(moves: Iterable[tuple[datetime, CaseEvent]]) -> list[tuple[datetime, datetime | None]]:
    """When the case waited for the customer, from its entries in order; the last may be unfinished."""
    found: list[tuple[datetime, datetime | None]] = []
    since: datetime | None = None
    for at, event in moves:
        if event is CaseEvent.WAIT:
            since = since or at
        elif since is not None and event is not CaseEvent.ASSIGN:
            found.append((since, at))
            since = None
    return [*found, (since, None)] if since is not None else found


def durations(case: Case, moves: Sequence[tuple[datetime, CaseEvent]], at_work: WorkingHours) -> Durations:
    """How long the first answer and the solution took, waiting for the customer left out.

    A case that was reopened counts from its first message to its last solution.
    """
    waited = pauses(moves)

    def taken(end: datetime | None) -> float | None:
        if end is None:
            return None
        paused = sum(
            business_hours_between(start, min(stop or end, end), at_work) for start, stop in waited if start < end
        )
        return max(business_hours_between(case.opened_at, end, at_work) - paused, 0.0)

    return Durations(taken(case.first_answer_at), taken(case.solved_at))
