"""The table of a case's moves, and what each move does to its columns.

Law: states are a table; docs/case-states.md draws it and a test compares the two. `opened_at` never moves, so a
new message never resets the age. Solved is our word, confirmed is the customer's: no answer is not a yes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..records import Case, CaseEvent, CaseState
from .clock import Desk, continue_due, next_due

NEW, OPEN, WAITING = CaseState.NEW, CaseState.OPEN, CaseState.WAITING
SOLVED, CONFIRMED, DISMISSED = CaseState.SOLVED, CaseState.CONFIRMED, CaseState.DISMISSED
E = CaseEvent

MOVES: dict[tuple[CaseState, CaseEvent], CaseState] = {
    (NEW, E.MESSAGE): NEW,
    (NEW, E.ASSIGN): OPEN,
    (NEW, E.ANSWER): OPEN,
    (NEW, E.WAIT): WAITING,
    (NEW, E.RESOLVE): SOLVED,
    (NEW, E.DISMISS): DISMISSED,
    (OPEN, E.MESSAGE): OPEN,
    (OPEN, E.ASSIGN): OPEN,
    (OPEN, E.ANSWER): OPEN,
    (OPEN, E.WAIT): WAITING,
    (OPEN, E.RESOLVE): SOLVED,
    (OPEN, E.DISMISS): DISMISSED,
    (WAITING, E.MESSAGE): OPEN,
    (WAITING, E.ASSIGN): WAITING,
    (WAITING, E.ANSWER): OPEN,
    (WAITING, E.RESOLVE): SOLVED,
    (WAITING, E.REOPEN): OPEN,
    (WAITING, E.DISMISS): DISMISSED,
    (SOLVED, E.MESSAGE): SOLVED,
    (SOLVED, E.ASSIGN): SOLVED,
    (SOLVED, E.ANSWER): SOLVED,
    (SOLVED, E.CONFIRM): CONFIRMED,
    (SOLVED, E.REOPEN): OPEN,
    (SOLVED, E.DISMISS): DISMISSED,
    (CONFIRMED, E.MESSAGE): CONFIRMED,
    (CONFIRMED, E.REOPEN): OPEN,
    (DISMISSED, E.MESSAGE): DISMISSED,
    (DISMISSED, E.REOPEN): OPEN,
}
UNSOLVED = frozenset({NEW, OPEN, WAITING})
"""States in which somebody still has to do something: what a person calls an open case."""
CLOSED = frozenset({CONFIRMED, DISMISSED})
"""States in which the file is shut; solved is neither, it waits for the customer's word."""


def move(state: CaseState, event: CaseEvent) -> CaseState:
    """The state after `event`. Raises ValueError for a move that the table does not hold."""
    after = MOVES.get((state, event))
    if after is None:
        raise ValueError(f"a case that is {state} cannot {event}")
    return after


def possible(state: CaseState) -> tuple[CaseEvent, ...]:
    """The events that a case in `state` can take, in the table's order."""
    return tuple(event for before, event in MOVES if before is state)


def turn(case: Case, event: CaseEvent, at: datetime, desk: Desk) -> dict[str, Any]:
    """The columns that `event` at the instant `at` changes. Raises ValueError as `move` does."""
    after = move(case.state, event)
    changes: dict[str, Any] = {"state": after, "version": case.version + 1}
    if case.state is WAITING and after is not WAITING:
        changes["due_at"] = continue_due(case.due_at, case.waiting_since or at, at, desk.at_work)
        changes["waiting_since"] = None
        if case.first_word_by is not None:
            waited = (case.waiting_since or at, at, desk.at_work)
            changes["first_word_by"] = continue_due(case.first_word_by, *waited)
    if event is E.ANSWER:
        changes["first_answer_at"] = case.first_answer_at or at
        changes.update(answered_at=at, answering_by="", answering_until=None)
        if after in UNSOLVED:
            changes["due_at"] = next_due(at, case.urgency, desk)
    elif event is E.WAIT:
        changes["waiting_since"] = at
    elif event is E.RESOLVE:
        changes["solved_at"] = at
    elif event is E.CONFIRM:
        changes.update(confirmed_at=at, closed_at=at)
    elif event is E.DISMISS:
        changes["closed_at"] = at
    elif event is E.REOPEN:
        changes.update(solved_at=None, confirmed_at=None, closed_at=None)
        if case.state is not WAITING:
            stopped = case.solved_at or case.closed_at or at
            changes["due_at"] = continue_due(case.due_at, stopped, at, desk.at_work)
            changes["reopened"] = case.reopened + 1
    return changes
