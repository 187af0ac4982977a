"""The register adds up over any history, and the ageing counts every unresolved case where it belongs."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.cases.ageing import age_table, aged_cases, band_of, is_late, reconcile
from outreach.cases.case import CLOSED, MOVES, UNSOLVED
from outreach.records import Case, CaseEvent, CaseState, Channel

from .test_case import MONDAY, after, make_case

History = list[list[tuple[CaseEvent, int]]]
HISTORIES = st.lists(
    st.lists(st.tuples(st.sampled_from(list(CaseEvent)), st.integers(0, 5000)), max_size=12), max_size=8
)


def lived(histories: History) -> tuple[list[Case], dict[int, list]]:
    """Cases that went through these events, as far as their states allow them, and what happened in them."""
    cases, moves = [], {}
    for number, history in enumerate(histories, 1):
        begun = MONDAY + timedelta(hours=number * 7)
        case, now = make_case(id=number, opened_at=begun, due_at=begun), begun
        moves[number] = []
        for event, minutes in history:
            now += timedelta(minutes=minutes)
            if (case.state, event) in MOVES:
                after(case, event, now)
                moves[number].append((now, event))
        cases.append(case)
    return cases, moves


@settings(deadline=None)
@given(HISTORIES, st.integers(0, 40_000))
def test_opened_and_reopened_less_closed_is_open_for_all_of_time_and_for_any_period(
    histories: History, minutes: int
) -> None:
    cases, moves = lived(histories)
    whole = reconcile(cases, moves)
    assert whole.adds_up
    assert whole.opened == len(cases)
    assert whole.opened + whole.reopened - whole.closed == sum(case.state not in CLOSED for case in cases)
    since = MONDAY + timedelta(minutes=minutes)
    period = reconcile(cases, moves, since)
    assert period.adds_up
    assert period.opened == sum(case.opened_at >= since for case in cases)
    assert period.open == whole.open


def test_a_state_that_its_entries_do_not_lead_to_is_told() -> None:
    cases, moves = lived([[(CaseEvent.DISMISS, 5)], [(CaseEvent.RESOLVE, 5)]])
    cases[0].state = CaseState.OPEN
    found = reconcile(cases, moves)
    assert (found.adds_up, found.wrong) == (False, (1,))
    moves[2].append((MONDAY, CaseEvent.DISMISS))
    moves[2].append((MONDAY, CaseEvent.ANSWER))
    assert reconcile(cases, moves).wrong == (1, 2), "an event that cannot be"


@settings(deadline=None, max_examples=40)
@given(HISTORIES)
def test_every_unresolved_case_is_counted_once_by_topic_and_owner(histories: History) -> None:
    cases, _ = lived(histories)
    for number, case in enumerate(cases):
        case.topic, case.owner = ("", "leak", "app")[number % 3], ("", "maria")[number % 2]
    found = aged_cases(cases, {}, {}, MONDAY + timedelta(days=20))
    unresolved = sum(case.state in UNSOLVED for case in cases)
    for way in ("topic", "owner", "channel"):
        rows = age_table(found, way, 7, 0)
        assert sum(row.unresolved for row in rows) == unresolved
        assert sum(sum(row.by_age.values()) for row in rows) == unresolved
        assert sum(row.late for row in rows) == sum(is_late(one, 7, 0) for one in found)


def test_unresolved_after_days_and_escalations_by_the_ways_that_messages_came() -> None:
    young = make_case(id=1, topic="leak", opened_at=MONDAY + timedelta(days=6))
    old = make_case(id=2, topic="leak", owner="maria", opened_at=MONDAY)
    solved = make_case(CaseState.SOLVED, id=3, opened_at=MONDAY)
    now = MONDAY + timedelta(days=8)
    found = aged_cases([young, old, solved], {2: {1, 2}}, {2: {Channel.EMAIL, Channel.PHONE}, 1: {Channel.PHONE}}, now)
    assert [(one.case.id, one.days, one.escalations) for one in found] == [(2, 8, 2), (1, 2, 0)]
    assert [one.case.id for one in found if is_late(one, 7, 2)] == [2]
    assert not is_late(found[0], 7, 3)
    assert [(row.name, row.unresolved, row.late) for row in age_table(found, "channel", 7, 1)] == [
        ("phone", 2, 1),
        ("email", 1, 1),
    ]
    (row,) = age_table(found, "topic", 7, 1)
    assert (row.name, row.by_age["1 to 3 days"], row.by_age["7 to 14 days"]) == ("leak", 1, 1)
    assert row.by_escalations == {2: 1, 0: 1}
    assert band_of(400) == "over 30 days"
