"""Moving one case: its columns, the entry that says why, and the hours that its clocks run by.

Law: a case's clocks run by its owner's hours, or the workspace's where nobody known owns it; who comes back to a case
that was solved or waited, or writes after our answer, is told to the owner.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from ..cases.case import possible, turn
from ..cases.clock import Desk
from ..cases.shift import colleague_hours
from ..errors import UsageError
from ..records import Case, CaseEvent, CaseState, EntryKind, NoticeKind, Urgency
from ..store import cases as kept
from ..store.desk import colleague_named
from ..store.matters import last_word
from .notices import note_case
from .workspace import Workspace

OURS = (CaseState.NEW, CaseState.OPEN)
KINDS = {CaseEvent.MESSAGE: EntryKind.MESSAGE, CaseEvent.ANSWER: EntryKind.ANSWER}


def case_desk(session: Session, workspace: Workspace, owner: str) -> Desk:
    """The owner's working hours, and the hours per urgency that the settings give."""
    hours = workspace.settings.cases
    colleague = colleague_named(session, owner) if owner else None
    usual = workspace.working_hours
    return Desk(
        colleague_hours(colleague, usual) if colleague is not None else usual,
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
    link: str = "",
    inbound_id: int | None = None,
    delivery_id: int | None = None,
) -> int:
    """Apply `event` and write it down; the entry's id.

    Raises UsageError, with what is possible, for a move that is not.
    """
    assert case.id is not None
    before = case.state
    answered = (
        event is CaseEvent.MESSAGE and before is CaseState.OPEN and last_word(session, case.id) is CaseEvent.ANSWER
    )
    try:
        changes = turn(case, event, at, case_desk(session, workspace, case.owner))
    except ValueError as wrong:
        ways = ", ".join(COMMANDS[each] for each in possible(case.state) if each in COMMANDS)
        raise UsageError(f"case {case.id}: {wrong}", remedy=f"What can be done with it now: {ways}.") from None
    kept.change_case(session, case, changes)
    kind = KINDS.get(event, EntryKind.MOVE)
    entry = kept.add_entry(
        session,
        case.id,
        at,
        kind,
        event=event,
        by=by,
        text=text,
        link=link,
        inbound_id=inbound_id,
        delivery_id=delivery_id,
    )
    back = before not in OURS and event in (CaseEvent.MESSAGE, CaseEvent.REOPEN)
    if case.state is CaseState.OPEN and (back or answered):
        words = text.splitlines()[0][:200] if text.strip() else f"was {before}"
        note_case(session, case, NoticeKind.BACK, at, mark=str(entry), words=words, by=by)
    return entry


def language_of(session: Session, workspace: Workspace, case: Case) -> str:
    """The customer's language: as we know it, as they wrote, or the workspace's own."""
    customer = kept.customer_of(session, case)
    wrote = [each.language for each in kept.inbounds_of(session, case.id or 0) if each.language]
    known = customer.language if customer is not None else None
    return known or (wrote[-1] if wrote else "") or workspace.settings.identity.language


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
