"""The order in which cases are worked on.

Law: by harm, then by what we owe first, then by age. How often or how loudly somebody writes, and how many follow
them, moves nothing: none of it is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from ..records import Case, CaseState, Urgency

_HARM = {Urgency.HIGH: 0, Urgency.RAISED: 1, Urgency.NORMAL: 2}
_TURN = {
    CaseState.NEW: 0,
    CaseState.OPEN: 0,
    CaseState.WAITING: 1,
    CaseState.SOLVED: 2,
    CaseState.CONFIRMED: 3,
    CaseState.DISMISSED: 3,
}


def rank_key(case: Case) -> tuple[int, int, datetime, datetime, int]:
    """Sorts cases: whose turn it is (ours, the customer's, nobody's), harm, due time, age."""
    return _TURN[case.state], _HARM[case.urgency], case.due_at, case.opened_at, case.id or 0


def rank_cases(cases: Iterable[Case]) -> list[Case]:
    """The cases in the order in which they are to be worked on."""
    return sorted(cases, key=rank_key)
