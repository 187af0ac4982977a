"""A person's part in a case: answering by mail or otherwise, noting, assigning, waiting, solving.

Law: an answer leaves by the same outbox as every mail, plain and threaded below what the customer wrote last
(RFC 5322 3.6.4). It goes to the customer's own address where we know it, so that a stranger who wrote into a case with
a forwarded mail gets its answer only where a person names them. It counts from the moment when it is queued;
`follow_up.after_lost_answers` takes that back should it fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from ..address import new_public_id, sign_token
from ..cases.asked import ask_fixed
from ..cases.case import CLOSED, UNSOLVED
from ..cases.clock import hand_over
from ..cases.said import wall_words
from ..errors import NeedsPerson, UsageError
from ..records import Case, CaseEvent, EntryKind, NoticeKind, Promise
from ..store import cases as kept
from ..store.desk import colleague_named
from .casework import case_desk, find_case, language_of, move_case
from .follow_up import after_answer, after_close, after_reopen
from .notices import note_case, told_of
from .promises import suggest_promises
from .ready import fill_answer
from .thread import find_thread, queue_in_thread
from .workspace import Workspace


@dataclass(frozen=True)
class Answered:
    """What became of an answer: its delivery, and what in it reads like a promise."""

    delivery_id: int
    promises: tuple[Promise, ...] = ()


def answer_case(workspace: Workspace, case_id: int, text: str, by: str, *, to: str = "") -> int:
    """Queue a personal mail as `answer` does; the delivery's id."""
    return answer(workspace, case_id, text, by, to=to).delivery_id


def answer(
    workspace: Workspace,
    case_id: int,
    text: str,
    by: str,
    *,
    to: str = "",
    then: CaseEvent | None = None,
    anyway: bool = False,
    use: str = "",
) -> Answered:
    """Queue a personal mail to the customer, or to another address that wrote in this case.

    `then`: the case waits for the customer, or is resolved; then the mail asks whether that fixed it. `use` names an
    answer kept ready, in the place of `text`. `anyway`: also while somebody else is answering.
    Raises UsageError for an unknown or closed case, an empty text, a customer whose address nobody knows, or a `to`
    that did not write; NeedsPerson while somebody else is answering.
    """
    with workspace.database.write() as session:
        now = workspace.clock()
        case = find_case(session, case_id)
        _must_be_open(case)
        if not anyway:
            must_be_free(workspace, case, by, now)
        said = _said(fill_answer(session, workspace, use, case, by) if use else text)
        thread = find_thread(session, workspace, case, to)
        number = 1 + sum(entry.kind is EntryKind.ANSWER for entry in kept.entries_of(session, case_id))
        public_id = new_public_id()
        asks = then is CaseEvent.RESOLVE and workspace.settings.cases.ask_fixed
        delivery_id = queue_in_thread(
            session,
            workspace,
            thread,
            occasion=f"case-{case_id}/{number}",
            text=_asking(session, workspace, case, said, public_id) if asks else said,
            now=now,
            public_id=public_id,
        )
        move_case(session, workspace, case, CaseEvent.ANSWER, at=now, by=by, text=said, delivery_id=delivery_id)
        after_answer(session, workspace, case, now, by=by)
        promises = suggest_promises(session, workspace, case, said, now, by)
        if then is not None and case.state in UNSOLVED:
            move_case(session, workspace, case, then, at=now, by=by)
            if then is CaseEvent.RESOLVE:
                after_close(session, workspace, case, now, by=by)
    return Answered(delivery_id, tuple(promises))


def _asking(session: Session, workspace: Workspace, case: Case, text: str, public_id: str) -> str:
    """The answer with the question below it, in the customer's language."""
    public = workspace.settings.public
    token = sign_token(workspace.keys, "fixed", public_id)
    page = f"{public.url.rstrip('/')}/f/{token}" if public.linkable else ""
    return ask_fixed(text, case.id or 0, page, language_of(session, workspace, case))


def must_be_free(workspace: Workspace, case: Case, by: str, now: datetime) -> None:
    """Raises NeedsPerson while somebody else is answering this case."""
    who, until = case.answering_by, case.answering_until
    if who and until is not None and until > now and who.lower() != by.lower():
        here = wall_words(until, workspace.working_hours.zone)
        raise NeedsPerson(
            f"{who} is answering case {case.id} (the mark lapses {here})",
            remedy="Ask them; or answer all the same with --anyway.",
        )


def take_case(workspace: Workspace, case_id: int, by: str, *, anyway: bool = False) -> datetime:
    """Mark a case as being answered by somebody, so that no other does; until when. Raises NeedsPerson."""
    with workspace.database.write() as session:
        now = workspace.clock()
        case = find_case(session, case_id)
        _must_be_open(case)
        if not anyway:
            must_be_free(workspace, case, by, now)
        until = now + timedelta(minutes=workspace.settings.cases.mark_minutes)
        kept.change_case(session, case, {"answering_by": by, "answering_until": until})
    return until


def leave_case(workspace: Workspace, case_id: int) -> None:
    """Take the mark off again: nobody is answering."""
    with workspace.database.write() as session:
        kept.change_case(session, find_case(session, case_id), {"answering_by": "", "answering_until": None})


def note_answer(workspace: Workspace, case_id: int, text: str, by: str, *, link: str = "") -> None:
    """The customer was answered by phone, by letter or in public (at `link`): the clock stops as for a mail."""
    text = _said(text)
    if link and not link.lower().startswith(("https://", "http://")):
        raise UsageError(f"{link!r} is no link", remedy="Give the whole address, with https:// in front.")
    with workspace.database.write() as session:
        now = workspace.clock()
        case = find_case(session, case_id)
        _must_be_open(case)
        move_case(session, workspace, case, CaseEvent.ANSWER, at=now, by=by, text=text, link=link)
        after_answer(session, workspace, case, now, by=by)
        suggest_promises(session, workspace, case, text, now, by)


def note(workspace: Workspace, case_id: int, text: str, by: str) -> None:
    """Write something down in a case; nothing else changes."""
    text = _said(text)
    with workspace.database.write() as session:
        find_case(session, case_id)
        kept.add_entry(session, case_id, workspace.clock(), EntryKind.NOTE, by=by, text=text)


def assign_case(workspace: Workspace, case_id: int, owner: str, by: str) -> None:
    """Give the case to somebody."""
    owner = owner.strip()
    if not owner:
        raise UsageError("an owner needs a name")
    with workspace.database.write() as session:
        case = find_case(session, case_id)
        before = case.owner
        now = workspace.clock()
        known = colleague_named(session, owner)
        owner = known.name if known is not None else owner
        old, new = (case_desk(session, workspace, name).at_work for name in (before, owner))
        due = hand_over(case.due_at, now, old, new) if case.state in UNSOLVED else case.due_at
        if case.first_answer_at is None and kept.is_acknowledged(session, case_id):
            due = min(due, case.due_at)  # the customer was told that time
        text = f"{before or 'nobody'} → {owner}"
        if due != case.due_at:
            text += f"; due {wall_words(due, new.zone)} by their hours ({new.zone.key})"
        entry = move_case(session, workspace, case, CaseEvent.ASSIGN, at=now, by=by, text=text)
        kept.change_case(session, case, {"owner": owner, "due_at": due})
        if known is not None:
            note_case(session, case, NoticeKind.ASSIGNED, now, mark=str(entry), by=by, to=told_of([known], owner))


def change_state(workspace: Workspace, case_id: int, event: CaseEvent, by: str, text: str = "") -> None:
    """Wait, resolve, confirm, reopen or dismiss, with what follows for the plan.

    Raises UsageError, with what is possible, for a move that the case's state does not allow.
    """
    with workspace.database.write() as session:
        now = workspace.clock()
        case = find_case(session, case_id)
        move_case(session, workspace, case, event, at=now, by=by, text=text.strip())
        if event is CaseEvent.REOPEN:
            after_reopen(session, workspace, case, now, by=by)
        elif event in (CaseEvent.RESOLVE, CaseEvent.CONFIRM, CaseEvent.DISMISS):
            after_close(session, workspace, case, now, by=by)


def _said(text: str) -> str:
    if not text.strip():
        raise UsageError("there is no text: nothing was written down and nothing sent")
    return text.strip()


def _must_be_open(case: Case) -> None:
    if case.state in CLOSED:
        raise UsageError(
            f"case {case.id} is {case.state}: it cannot be answered",
            remedy=f"Reopen it first: `outreach cases reopen {case.id}`.",
        )
