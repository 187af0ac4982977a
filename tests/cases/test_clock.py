"""Clocks count business hours, leave out only the waiting for the customer, and never go back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from outreach.cases.clock import Desk, continue_due, durations, next_due, pauses, sooner_due
from outreach.records import CaseEvent, Urgency
from outreach.workdays import WorkingHours

from .test_case import DESK, MONDAY, make_case

BERLIN = WorkingHours(ZoneInfo("Europe/Berlin"), holidays="DE-BY", extra_holidays=(date(2026, 12, 24),))


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 12, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("urgency", "start", "due"),
    [
        (Urgency.HIGH, at(1, 9), at(1, 13)),
        (Urgency.RAISED, at(1, 9), at(1, 17)),
        (Urgency.NORMAL, at(1, 9), at(2, 17)),
        (Urgency.HIGH, at(4, 16), at(7, 12)),
        (Urgency.HIGH, at(5, 3), at(7, 13)),
    ],
)
def test_due_times_follow_urgency_and_skip_nights_and_weekends(
    urgency: Urgency, start: datetime, due: datetime
) -> None:
    assert next_due(start, urgency, DESK) == due


def test_due_times_skip_holidays_in_the_owners_zone() -> None:
    desk = Desk(BERLIN, DESK.hours)
    assert next_due(at(23, 15), Urgency.HIGH, desk) == at(28, 11)


def test_a_pause_leaves_what_was_left_even_over_a_weekend() -> None:
    assert continue_due(at(4, 15), at(4, 13), at(7, 10), DESK.at_work) == at(7, 12)


def test_greater_urgency_brings_the_due_time_nearer_and_lesser_never_puts_it_off() -> None:
    case = make_case(due_at=MONDAY + timedelta(days=1))
    assert sooner_due(case, Urgency.HIGH, MONDAY, DESK) == MONDAY + timedelta(hours=4)
    assert sooner_due(case, Urgency.NORMAL, MONDAY + timedelta(days=4), DESK) == MONDAY + timedelta(days=1)


def test_assigning_somebody_does_not_end_a_pause() -> None:
    moves = [(at(1, 9), CaseEvent.WAIT), (at(1, 10), CaseEvent.ASSIGN), (at(1, 12), CaseEvent.MESSAGE)]
    assert pauses(moves) == [(at(1, 9), at(1, 12))]
    assert pauses(moves[:2]) == [(at(1, 9), None)]


def test_first_answer_and_solution_leave_out_the_waiting() -> None:
    case = make_case(opened_at=at(1, 9), first_answer_at=at(1, 11), solved_at=at(2, 11))
    moves = [
        (at(1, 9), CaseEvent.MESSAGE),
        (at(1, 11), CaseEvent.ANSWER),
        (at(1, 12), CaseEvent.WAIT),
        (at(2, 10), CaseEvent.MESSAGE),
        (at(2, 11), CaseEvent.RESOLVE),
    ]
    taken = durations(case, moves, DESK.at_work)
    assert (taken.first_answer, taken.solution) == (2, 4)


def test_a_case_reopened_counts_to_its_last_solution_and_a_wrong_solution_is_no_pause() -> None:
    case = make_case(opened_at=at(1, 9), solved_at=at(2, 10))
    moves = [(at(1, 10), CaseEvent.RESOLVE), (at(1, 15), CaseEvent.REOPEN), (at(2, 10), CaseEvent.RESOLVE)]
    assert durations(case, moves, DESK.at_work).solution == 9


def test_what_has_not_happened_has_no_duration() -> None:
    taken = durations(make_case(), [], DESK.at_work)
    assert (taken.first_answer, taken.solution) == (None, None)
