"""Moving one case: its columns, the entry that says why, and the hours that its clocks run by."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from ..cases.case import possible, turn
from ..cases.clock import Desk
from ..errors import UsageError
from ..records import Case, CaseEntry, CaseEvent, EntryKind, Urgency
from ..store import cases as kept
from .workspace import Workspace

KINDS = {CaseEvent.MESSAGE: EntryKind.MESSAGE, CaseEvent.ANSWER: EntryKind.ANSWER}


def case_desk(workspace: Workspace) -> Desk:
    """The working hours and the hours per urgency that the settings give."""
    hours = workspace.settings.cases
    return Desk(
        workspace.working_hours,
        {Urgency.HIGH: hours.high_hours, Urgency.RAISED: hours.raised_hours, Urgency.NORMAL: hours.normal_hours},
    )


def find_case(session: Session, case_id: int) -> Case:
    """The case with this number. Raises UsageError where there is none."""
    case = kept.load_case(session, case_id)
    if case is None:
        raise UsageError(f"there is no case {case_id}", remedy="`outreach cases list` shows those there are.")
    return case


def move_case(
    session: Session,
    workspace: Workspace,
    case: Case,
    event: CaseEvent,
    *,
    at: datetime,
    by: str,
    text: str = "",
    inbound_id: int | None = None,
    delivery_id: int | None = None,
) -> CaseEntry:
    """Apply `event` and write it down. Raises UsageError, with what is possible, for a move that is not."""
    assert case.id is not None
    try:
        changes = turn(case, event, at, case_desk(workspace))
    except ValueError as wrong:
        ways = ", ".join(COMMANDS[each] for each in possible(case.state) if each in COMMANDS)
        raise UsageError(f"case {case.id}: {wrong}", remedy=f"What can be done with it now: {ways}.") from None
    kept.change_case(session, case, changes)
    kind = KINDS.get(event, EntryKind.MOVE)
    return kept.add_entry(
        session, case.id, at, kind, event=event, by=by, text=text, inbound_id=inbound_id, delivery_id=delivery_id
    )


COMMANDS = {
    CaseEvent.ASSIGN: "assign",
    CaseEvent.ANSWER: "answer",
    CaseEvent.WAIT: "wait",
    CaseEvent.RESOLVE: "resolve",
    CaseEvent.CONFIRM: "confirm",
    CaseEvent.REOPEN: "reopen",
    CaseEvent.DISMISS: "dismiss",
}
"""The command that a person gives for each event."""
