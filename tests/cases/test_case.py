"""The table of a case's moves is the one drawn in the docs, and each move changes just its columns."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.cases.case import CLOSED, MOVES, UNSOLVED, move, possible, turn
from outreach.cases.clock import Desk, is_overdue
from outreach.records import Case, CaseEvent, CaseState, Category, Urgency
from outreach.workdays import WorkingHours

MONDAY = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
DESK = Desk(WorkingHours(ZoneInfo("UTC")), {Urgency.HIGH: 4, Urgency.RAISED: 8, Urgency.NORMAL: 16})


def make_case(state: CaseState = CaseState.NEW, **fields: object) -> Case:
    values: dict[str, object] = {
        "category": Category.COMPLAINT,
        "urgency": Urgency.HIGH,
        "state": state,
        "opened_at": MONDAY,
        "due_at": MONDAY + timedelta(hours=4),
        **fields,
    }
    return Case(**values)


def after(case: Case, event: CaseEvent, at: datetime) -> Case:
    for name, value in turn(case, event, at, DESK).items():
        setattr(case, name, value)
    return case


def test_the_table_is_the_one_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "case-states.md").read_text(encoding="utf-8")
    drawn = re.findall(r"^ +(\w+) --> (\w+): (\w+)$", page, re.MULTILINE)
    assert {(before, event): state for before, state, event in drawn} == {
        (before.value, event.value): state.value for (before, event), state in MOVES.items()
    }
    assert len(drawn) == len(MOVES)
    assert set(re.findall(r"^\| (\w+) \|", page, re.MULTILINE)) - {"state"} == {state.value for state in CaseState}


def test_every_event_is_possible_somewhere_and_every_state_can_be_left_or_takes_messages() -> None:
    assert {event for _, event in MOVES} == set(CaseEvent)
    assert all(CaseEvent.MESSAGE in possible(state) for state in CaseState)
    assert set(CaseState) == UNSOLVED | CLOSED | {CaseState.SOLVED}


def test_a_move_that_the_table_does_not_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="confirmed cannot answer"):
        move(CaseState.CONFIRMED, CaseEvent.ANSWER)


def test_no_answer_is_not_a_yes_only_confirm_confirms() -> None:
    assert {event for (_, event), state in MOVES.items() if state is CaseState.CONFIRMED} == {
        CaseEvent.CONFIRM,
        CaseEvent.MESSAGE,
    }


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(CaseEvent)), st.integers(0, 3000)), max_size=25))
def test_whatever_happens_the_age_never_starts_again_and_columns_fit_the_state(
    happened: list[tuple[CaseEvent, int]],
) -> None:
    case, now = make_case(), MONDAY
    for event, minutes in happened:
        now += timedelta(minutes=minutes)
        if (case.state, event) not in MOVES:
            continue
        due, version = case.due_at, case.version
        after(case, event, now)
        assert case.opened_at == MONDAY
        assert case.version == version + 1
        assert (case.waiting_since is not None) == (case.state is CaseState.WAITING)
        assert (case.closed_at is not None) == (case.state in CLOSED)
        assert (case.solved_at is not None) >= (case.state in (CaseState.SOLVED, CaseState.CONFIRMED))
        if event is CaseEvent.MESSAGE and case.waiting_since is None and due != case.due_at:
            assert case.due_at > due, "only the end of waiting moves the due time, and by what was waited"


def test_a_message_never_resets_the_due_time() -> None:
    case = make_case()
    after(case, CaseEvent.MESSAGE, MONDAY + timedelta(hours=3))
    assert case.due_at == MONDAY + timedelta(hours=4)
    assert is_overdue(case, MONDAY + timedelta(hours=5))


def test_waiting_stops_the_clock_and_the_customers_message_sets_it_going_again() -> None:
    case = make_case()
    after(case, CaseEvent.WAIT, MONDAY + timedelta(hours=1))
    assert not is_overdue(case, MONDAY + timedelta(days=3))
    after(case, CaseEvent.MESSAGE, MONDAY + timedelta(days=2, hours=1))
    assert case.state is CaseState.OPEN
    assert case.due_at == MONDAY + timedelta(days=2, hours=4)


def test_an_answer_keeps_the_first_answers_time_and_owes_the_next_word() -> None:
    case = make_case()
    after(case, CaseEvent.ANSWER, MONDAY + timedelta(hours=1))
    after(case, CaseEvent.ANSWER, MONDAY + timedelta(hours=2))
    assert case.first_answer_at == MONDAY + timedelta(hours=1)
    assert case.due_at == MONDAY + timedelta(hours=6)


def test_reopening_continues_with_what_was_left() -> None:
    case = make_case()
    after(case, CaseEvent.RESOLVE, MONDAY + timedelta(hours=1))
    after(case, CaseEvent.CONFIRM, MONDAY + timedelta(hours=2))
    after(case, CaseEvent.REOPEN, MONDAY + timedelta(days=1))
    assert (case.state, case.reopened, case.solved_at, case.closed_at) == (CaseState.OPEN, 1, None, None)
    assert case.due_at == MONDAY + timedelta(days=1, hours=3)
