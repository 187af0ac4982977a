"""The customer's own word whether an answer fixed it: yes confirms, no reopens.

Law: the link's token names one answer of ours, and with it the case; nothing else can be reached by it, and looking
changes nothing. A yes counts whatever we think of the case; without a word nothing is taken for a yes.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, col, select

from ..address import read_token
from ..cases.case import CLOSED, UNSOLVED
from ..cases.clock import sooner_due
from ..cases.said import plain
from ..prose import guess_language
from ..records import Case, CaseEntry, CaseEvent, CaseState, Delivery, EntryKind, Urgency
from ..replies.classify import classify
from ..store import cases as kept
from .casework import case_desk, language_of, move_case
from .evidence import link_acted_on
from .follow_up import after_close, after_reopen
from .workspace import Workspace

BY = "customer"
HARM = {Urgency.NORMAL: 0, Urgency.RAISED: 1, Urgency.HIGH: 2}
LONGEST = 4000


@dataclass(frozen=True)
class Asked:
    """The case that an answer of ours asked about, and how it stands."""

    case_id: int
    state: CaseState
    language: str
    delivery: str


def find_asked(session: Session, workspace: Workspace, token: str) -> Asked | None:
    """What `token` is about, or None where we did not make it, or the case is gone."""
    found = _find(session, workspace, token)
    return None if found is None else _asked(session, workspace, *found)


def say_fixed(workspace: Workspace, token: str, *, yes: bool, words: str = "") -> Asked | None:
    """The customer says whether it is fixed, and perhaps what is not. None where the token is not ours."""
    words = "\n".join(plain(line) for line in words.strip()[:LONGEST].splitlines()).strip()
    with workspace.database.write() as session:
        found = _find(session, workspace, token)
        if found is None:
            return None
        delivery, case = found
        link_acted_on(session, workspace, delivery.public_id, "did this fix it")
        (_confirm if yes else _reopen)(session, workspace, case, words)
        return _asked(session, workspace, delivery, case)


def _confirm(session: Session, workspace: Workspace, case: Case, words: str) -> None:
    now = workspace.clock()
    if case.state in CLOSED:
        return
    said = "the customer says yes: it is fixed"
    if case.state in UNSOLVED:
        move_case(session, workspace, case, CaseEvent.RESOLVE, at=now, by=BY, text=said)
    move_case(session, workspace, case, CaseEvent.CONFIRM, at=now, by=BY, text=said)
    after_close(session, workspace, case, now, by=BY)


def _reopen(session: Session, workspace: Workspace, case: Case, words: str) -> None:
    now = workspace.clock()
    said = "the customer says no: it is not fixed" + (f"\n{words}" if words else "")
    if case.state in (CaseState.NEW, CaseState.OPEN):
        entries = kept.entries_of(session, case.id or 0)
        if not any(entry.text == said for entry in entries):
            kept.add_entry(session, case.id or 0, now, EntryKind.NOTE, by=BY, text=said)
            _heed(session, workspace, case, words)
        return
    move_case(session, workspace, case, CaseEvent.REOPEN, at=now, by=BY, text=said)
    after_reopen(session, workspace, case, now, by=BY)
    _heed(session, workspace, case, words)


def _heed(session: Session, workspace: Workspace, case: Case, words: str) -> None:
    """Words that tell of greater harm make the case more urgent, as a mail would."""
    judgement = classify(words, "", guess_language(words), workspace.settings.topics)
    if HARM[judgement.urgency] > HARM[case.urgency]:
        desk = case_desk(session, workspace, case.owner)
        due = sooner_due(case, judgement.urgency, workspace.clock(), desk)
        kept.change_case(session, case, {"urgency": judgement.urgency, "due_at": due})


def _find(session: Session, workspace: Workspace, token: str) -> tuple[Delivery, Case] | None:
    public_id = read_token(workspace.keys, "fixed", token)
    if public_id is None:
        return None
    query = (
        select(Delivery, Case)
        .join(CaseEntry, col(CaseEntry.delivery_id) == col(Delivery.id))
        .join(Case, col(Case.id) == col(CaseEntry.case_id))
        .where(Delivery.public_id == public_id, CaseEntry.kind == EntryKind.ANSWER)
        .order_by(col(Case.state) == CaseState.DISMISSED, col(CaseEntry.id))  # of merged ones that which goes on
    )
    return session.exec(query).first()


def _asked(session: Session, workspace: Workspace, delivery: Delivery, case: Case) -> Asked:
    return Asked(case.id or 0, case.state, language_of(session, workspace, case), delivery.public_id)
