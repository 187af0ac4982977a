"""The table of moves: equal to its diagram, and without a way that could write to somebody twice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.delivery.state import FINAL, MOVES, move
from outreach.words import DeliveryEvent as Event
from outreach.words import DeliveryState as State

DOC = Path(__file__).parents[2] / "docs" / "delivery-states.md"
BY_A_PERSON = {Event.RESEND}


def drawn() -> str:
    return DOC.read_text(encoding="utf-8").split("```mermaid\n")[1].split("```")[0]


def test_the_diagram_in_the_docs_draws_exactly_the_table() -> None:
    arrows = re.findall(r"^ +(\w+) --> (\w+): (\w+)$", drawn(), re.MULTILINE)
    assert len(arrows) == len(set(arrows))
    assert {(State(before), Event(event)): State(after) for before, after, event in arrows} == dict(MOVES)


def test_the_diagram_ends_where_the_table_ends() -> None:
    assert {State(name) for name in re.findall(r"^ +(\w+) --> \[\*\]$", drawn(), re.MULTILINE)} == FINAL


def test_every_state_and_every_event_is_used() -> None:
    assert {state for state, _ in MOVES} | set(MOVES.values()) == set(State)
    assert {event for _, event in MOVES} == set(Event)


def test_every_event_is_explained_in_the_docs() -> None:
    rows = [line.split("|")[1] for line in DOC.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert {Event(name) for row in rows for name in re.findall(r"`(\w+)`", row)} == set(Event)


@given(st.sampled_from(State), st.sampled_from(Event))
def test_a_move_outside_the_table_is_refused(state: State, event: Event) -> None:
    if (state, event) in MOVES:
        assert move(state, event) is MOVES[state, event]
    else:
        with pytest.raises(ValueError, match=f"{state} cannot be moved by {event}"):
            move(state, event)


def test_nothing_automatic_leads_from_inflight_or_in_doubt_back_to_sending() -> None:
    reached = {State.INFLIGHT, State.IN_DOUBT}
    for (before, event), after in MOVES.items():
        if before in reached and event not in BY_A_PERSON and before is not State.DEFERRED:
            assert after in {State.SENT, State.DEFERRED, State.FAILED, State.IN_DOUBT}


def test_sent_is_reached_only_through_an_intent() -> None:
    assert {before for (before, _), after in MOVES.items() if after is State.SENT} == {State.INFLIGHT, State.IN_DOUBT}
    assert {before for (before, _), after in MOVES.items() if after is State.INFLIGHT} == {State.CLAIMED}


def test_what_was_withheld_sent_or_failed_stays_so() -> None:
    assert {State.SENT, State.FAILED, State.WITHHELD, State.SUPPRESSED, State.CANCELLED, State.EXPIRED} == FINAL
