"""Cases are ranked by whose turn it is, harm, due time and age; by nothing else."""

from __future__ import annotations

from datetime import timedelta

from outreach.cases.rank import rank_cases
from outreach.records import CaseState, Urgency

from .test_case import MONDAY, make_case


def test_harm_goes_before_due_time_and_due_time_before_age() -> None:
    old = make_case(id=1, urgency=Urgency.NORMAL, due_at=MONDAY + timedelta(days=2))
    due = make_case(id=2, urgency=Urgency.NORMAL, due_at=MONDAY + timedelta(days=1), opened_at=MONDAY + timedelta(1))
    harm = make_case(id=3, urgency=Urgency.HIGH, due_at=MONDAY + timedelta(days=9))
    raised = make_case(id=4, urgency=Urgency.RAISED, due_at=MONDAY + timedelta(days=9))
    twin = make_case(id=5, urgency=Urgency.NORMAL, due_at=MONDAY + timedelta(days=2), opened_at=MONDAY - timedelta(1))
    assert [case.id for case in rank_cases([old, due, harm, raised, twin])] == [3, 4, 2, 5, 1]


def test_what_waits_for_the_customer_or_is_solved_comes_after_our_turn() -> None:
    states = [CaseState.DISMISSED, CaseState.SOLVED, CaseState.WAITING, CaseState.OPEN]
    cases = [make_case(state, id=number) for number, state in enumerate(states)]
    assert [case.state for case in rank_cases(cases)] == states[::-1]


def test_writing_a_hundred_times_moves_a_case_no_further() -> None:
    quiet = make_case(id=1, opened_at=MONDAY - timedelta(hours=1))
    loud = make_case(id=2, version=101, summary="ANSWER ME NOW!!!", reopened=3)
    assert [case.id for case in rank_cases([loud, quiet])] == [1, 2]
