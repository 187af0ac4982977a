"""A person's part in a case: answering by mail or otherwise, noting, assigning, waiting, solving.

Law: an answer leaves by the same outbox as every mail, plain and threaded below what the customer wrote last
(RFC 5322 3.6.4). It goes to the customer's own address where we know it, so that a stranger who wrote into a case with
a forwarded mail gets its answer only where a person names them. It counts from the moment when it is queued;
`follow_up.after_lost_answers` takes that back should it fail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.parser import BytesHeaderParser

from sqlmodel import Session

from ..cases.case import CLOSED, UNSOLVED
from ..cases.clock import hand_over
from ..cases.said import wall_words
from ..errors import UsageError
from ..records import Case, CaseEvent, Channel, EntryKind, Inbound, Kind, NoticeKind
from ..store import cases as kept
from ..store.desk import colleague_named
from .casework import case_desk, find_case, move_case
from .follow_up import after_answer, after_close, after_reopen
from .notices import note_case, told_of
from .single import queue_single
from .workspace import Workspace

MAX_REFERENCES = 20
HEADER_BYTES = 100_000
_ID = re.compile(r"<[\x21-\x3b=\x3f-\x7e]{3,250}>")
_REPLY = re.compile(r"(?:(?:re|aw|antw|sv|vs|odp|rif|res) ?(?:\[\d{1,3}\])? ?: ?)+", re.IGNORECASE)


@dataclass(frozen=True)
class Thread:
    """Where an answer goes, and below which mail it hangs."""

    address: str
    subject: str
    customer_id: int | None = None
    in_reply_to: str = ""
    references: str = ""


def answer_case(workspace: Workspace, case_id: int, text: str, by: str, *, to: str = "") -> int:
    """Queue a personal mail to the customer, or to another address that wrote in this case; the delivery's id.

    Raises UsageError for an unknown or closed case, an empty text, a customer whose address nobody knows, or a `to`
    that did not write.
    """
    text = _said(text)
    with workspace.database.write() as session:
        now = workspace.clock()
        case = find_case(session, case_id)
        _must_be_open(case)
        thread = find_thread(session, workspace, case, to)
        number = 1 + sum(entry.kind is EntryKind.ANSWER for entry in kept.entries_of(session, case_id))
        delivery_id = queue_single(
            session,
            workspace,
            kind=Kind.SERVICE,
            customer_id=thread.customer_id,
            address=thread.address,
            occasion=f"case-{case_id}/{number}",
            subject=thread.subject,
            text=text,
            in_reply_to=thread.in_reply_to,
            references=thread.references,
            now=now,
        )
        move_case(session, workspace, case, CaseEvent.ANSWER, at=now, by=by, text=text, delivery_id=delivery_id)
        after_answer(session, workspace, case, now, by=by)
    return delivery_id


def note_answer(workspace: Workspace, case_id: int, text: str, by: str) -> None:
    """The customer was answered by phone, by letter or in public: the clock stops as for a mail."""
    text = _said(text)
    with workspace.database.write() as session:
        now = workspace.clock()
        case = find_case(session, case_id)
        _must_be_open(case)
        move_case(session, workspace, case, CaseEvent.ANSWER, at=now, by=by, text=text)
        after_answer(session, workspace, case, now, by=by)


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
        text = f"{before or 'nobody'} → {owner}"
        if due != case.due_at:
            text += f"; due {wall_words(due, new.zone)} by their hours ({new.zone.key})"
        entry = move_case(session, workspace, case, CaseEvent.ASSIGN, at=now, by=by, text=text)
        kept.change_case(session, case, {"owner": owner, "due_at": due})
        if known is not None:
            note_case(session, case, NoticeKind.ASSIGNED, now, mark=str(entry.id), by=by, to=told_of([known], owner))


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


def find_thread(session: Session, workspace: Workspace, case: Case, to: str = "") -> Thread:
    """Where an answer in this case goes. Raises UsageError where no address is known, or `to` did not write."""
    assert case.id is not None
    mails = [each for each in kept.inbounds_of(session, case.id) if each.channel is Channel.EMAIL and each.sender]
    last = mails[-1] if mails else None
    customer = kept.customer_of(session, case)
    if to and (customer is None or to.strip().lower() != (customer.address or "").lower()):
        return _thread_to(case, mails, to.strip())
    address = (customer.address if customer is not None else None) or (
        last.sender if last is not None and case.customer_id is None else ""
    )
    if not address:
        raise UsageError(
            f"case {case.id}: nobody knows an e-mail address of this person",
            remedy=f"Answer another way, then write it down: `outreach cases note {case.id} TEXT --answered`.",
        )
    if last is None:
        return Thread(address, f"Your message to {workspace.settings.identity.company}", case.customer_id)
    return _below(last, address, case.customer_id)


def _thread_to(case: Case, mails: list[Inbound], to: str) -> Thread:
    """An answer to one who wrote in this case from an address that is not the customer's own."""
    last = next((each for each in reversed(mails) if each.sender.lower() == to.lower()), None)
    if last is None:
        senders = ", ".join(dict.fromkeys(each.sender for each in mails)) or "nobody"
        raise UsageError(
            f"case {case.id}: nobody wrote from {to}", remedy=f"Those who wrote: {senders}. Or leave --to out."
        )
    return _below(last, last.sender, None)


def _below(last: Inbound, address: str, customer_id: int | None) -> Thread:
    ids = _references(last)
    return Thread(address, answer_subject(last.subject), customer_id, ids[-1] if ids else "", " ".join(ids))


def answer_subject(subject: str) -> str:
    """The subject with one "Re:" before it, however many marks of replies it had."""
    plain = " ".join(subject.split())
    marks = _REPLY.match(plain)
    plain = plain[marks.end() :] if marks else plain
    return f"Re: {plain}" if plain else "Re: your message"


def _references(inbound: Inbound) -> list[str]:
    """The message ids of the thread, the customer's own last (RFC 5322 3.6.4); whatever is no id is left out."""
    own = _ID.findall(inbound.message_id)
    if not own:
        return []
    head = inbound.raw[:HEADER_BYTES].partition(b"\r\n\r\n")[0].partition(b"\n\n")[0]
    headers = BytesHeaderParser().parsebytes(head)
    earlier = _ID.findall(str(headers.get("References") or headers.get("In-Reply-To") or ""))
    kept_ids = [each for each in dict.fromkeys(earlier) if each != own[0]]
    if len(kept_ids) >= MAX_REFERENCES:
        kept_ids = [kept_ids[0], *kept_ids[-(MAX_REFERENCES - 2) :]]
    return [*kept_ids, own[0]]


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
