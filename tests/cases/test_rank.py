"""Cases are ranked by whose turn it is, harm, due time and age; by nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from outreach.cases.clock import first_word, owed_at
from outreach.cases.rank import Work, counts_as_due, rank_cases, work_order
from outreach.records import Case, CaseEvent, CaseState, Urgency

from .test_case import DESK, MONDAY, after, make_case
from .triage import flood, run_desk


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


def place(loud: Case, quiet: Case, *others: Case) -> int:
    """How many stand before `loud`."""
    return [case.id for case in rank_cases([loud, quiet, *others])].index(loud.id)


def test_many_people_with_one_topic_bring_it_forward_by_hours_and_one_person_who_writes_often_does_not() -> None:
    due = MONDAY + timedelta(hours=16)
    quiet = make_case(id=1, urgency=Urgency.NORMAL, author="q", topic="app", due_at=due - timedelta(hours=3))
    leak = make_case(id=2, urgency=Urgency.NORMAL, author="a", topic="leak", due_at=due)
    crowd = [make_case(id=n, urgency=Urgency.NORMAL, author=f"p{n}", topic="leak", due_at=due) for n in range(3, 10)]
    same = [make_case(id=n, urgency=Urgency.NORMAL, author="a", topic="leak", due_at=due) for n in range(3, 10)]
    assert place(leak, quiet) == 1
    assert place(leak, quiet, *crowd) == 0, "eight people: six hours"
    assert place(leak, quiet, *same) == 1, "one person, eight times"
    assert counts_as_due(leak, 10**6) == due - timedelta(hours=8), "a million people bring eight hours"
    urgent = make_case(id=99, urgency=Urgency.RAISED, author="u", due_at=due + timedelta(days=9))
    assert place(leak, urgent, *crowd) == 1, "harm goes first"


def test_one_persons_hundred_cases_push_nobody_back_behind_more_than_three_of_them() -> None:
    loud = [make_case(id=n, urgency=Urgency.NORMAL, author="loud", due_at=MONDAY) for n in range(1, 101)]
    quiet = make_case(id=200, urgency=Urgency.NORMAL, author="quiet", due_at=MONDAY + timedelta(days=1))
    assert [case.id for case in rank_cases([*loud, quiet])].index(200) == 3


def test_how_many_can_read_it_moves_nothing_but_the_time_of_the_first_answer() -> None:
    seen = make_case(id=1, urgency=Urgency.NORMAL, due_at=MONDAY + timedelta(hours=16))
    same = make_case(id=2, urgency=Urgency.NORMAL, due_at=MONDAY + timedelta(hours=15))
    before = place(seen, same)
    seen.first_word_by = first_word(seen, 1_000_000, 5000, DESK)
    assert seen.first_word_by == MONDAY + timedelta(hours=8)
    assert owed_at(seen) == seen.first_word_by
    assert place(seen, same) == before == 1
    assert seen.due_at == MONDAY + timedelta(hours=16)
    after(seen, CaseEvent.ANSWER, MONDAY + timedelta(hours=2))
    assert owed_at(seen) == seen.due_at, "after the first answer nothing is sooner"
    assert first_word(make_case(urgency=Urgency.NORMAL), 4999, 5000, DESK) is None
    assert first_word(make_case(urgency=Urgency.HIGH), 10**6, 5000, DESK) is None


def test_every_fourth_piece_of_work_is_owed_to_whoever_waited_longest_and_cannot_be_put_off() -> None:
    old = make_case(id=1, urgency=Urgency.NORMAL, author="old", opened_at=MONDAY - timedelta(days=3))
    urgent = [make_case(id=n, author=f"p{n}", opened_at=MONDAY + timedelta(minutes=n)) for n in range(2, 9)]
    ordered = work_order([old, *urgent], [], 4)
    assert [turn.case.id for turn in ordered] == [2, 3, 4, 1, 5, 6, 7, 8]
    assert [turn.oldest for turn in ordered].index(True) == 3
    worked = [Work(n, MONDAY) for n in (9, 10, 11)]
    assert work_order([old, *urgent], worked, 4)[0].case.id == 1
    assert work_order([old, *urgent], [Work(12, MONDAY), *worked], 4)[0].case.id == 1, "it stays owed"
    assert work_order([old, *urgent], [Work(9, MONDAY)] * 3, 4)[0].case.id == 2, "one case worked on thrice is one"
    served = [Work(1, MONDAY - timedelta(days=3)), *worked]
    assert work_order(urgent, served, 4)[0].case.id == 2


@pytest.mark.parametrize(("share", "urgent", "seed"), [(4, 0.95, 1), (4, 0.5, 2), (2, 0.9, 3), (10, 0.9, 4)])
def test_no_case_waits_longer_than_its_bound_however_many_urgent_ones_come_in(
    share: int, urgent: float, seed: int
) -> None:
    found = run_desk(160, share, flood(urgent, 0.1), seed)
    assert len(found.waits) > 60
    for one in found.waits:
        assert one.steps <= one.bound
    by_rank_alone = run_desk(160, 0, flood(0.95, 0.1), seed)
    assert by_rank_alone.never(Urgency.NORMAL) > 5, "by rank alone ordinary cases starve"
