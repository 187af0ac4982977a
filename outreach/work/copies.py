"""Copies of one matter: they go to the first one's case. A repost adds reach, never a case or a customer's turn.

Law: a copy repeats the first one's verdict and waits for no review of its own; what the author says again after an
answer is no copy but the matter once more. In the caller's transaction.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from ..contacts import shown_handle
from ..records import Case, CaseEvent, CaseState, Category, EntryKind, Inbound
from ..replies.copies import near_same
from ..store import cases as kept
from ..store.channels import earlier_words
from ..store.replies import CUES, Judged, add_verdict, keep_case
from .casework import move_case
from .workspace import Workspace

SPAN = timedelta(days=14)
"""What is said again later than this is said anew."""


def find_first(session: Session, inbound: Inbound) -> Inbound | None:
    """The message whose words this one repeats: by the same author, or passed on from them."""
    if inbound.category is Category.MACHINE or not inbound.text.strip():
        return None
    at = inbound.received_at
    for earlier_id, text in earlier_words(session, inbound, since=at - SPAN, until=at + SPAN):
        if near_same(text, inbound.text):
            return session.get_one(Inbound, earlier_id)
    return None


def case_again(session: Session, first: Inbound) -> int | None:
    """The case that the same words go to where they are no copy: the first one's, unless a person dismissed it."""
    case = session.get(Case, first.case_id) if first.case_id is not None else None
    return case.id if case is not None and case.state is not CaseState.DISMISSED else None


def is_copy(session: Session, inbound: Inbound, first: Inbound) -> bool:
    """Whether it adds nothing: passed on by others, or said again before anybody answered."""
    if inbound.repost_of or first.case_id is None:
        return True
    answered = any(entry.event is CaseEvent.ANSWER for entry in kept.entries_of(session, first.case_id))
    case = session.get_one(Case, first.case_id)
    return not answered and case.state in (CaseState.NEW, CaseState.OPEN)


def add_copy(session: Session, workspace: Workspace, inbound: Inbound, first: Inbound, now: datetime) -> None:
    """Keep it beside the first: same verdict, same case, no turn of its own."""
    passed_on = bool(inbound.repost_of)
    who = shown_handle(inbound.network, inbound.handle) or inbound.sender or inbound.phone or inbound.channel.value
    words = f"passed on by {who}" if passed_on else f"said again by {inbound.channel.value}"
    inbound.copy_of = first.id
    verdict = Judged(
        now,
        CUES,
        first.category or Category.OTHER,
        [f"the same words as message {first.id}, {words}"],
        list(first.topics),
        first.urgency,
        first.confidence,
    )
    add_verdict(session, inbound, verdict)
    if first.case_id is None:
        return
    case = session.get_one(Case, first.case_id)
    keep_case(session, inbound, first.case_id)
    if passed_on:
        text = f"{words}: {inbound.reach:,} may read it there" if inbound.reach else words
        kept.add_entry(
            session, first.case_id, now, EntryKind.NOTE, by=CUES, text=text, link=inbound.link, inbound_id=inbound.id
        )
        return
    by = inbound.sender_name or who
    move_case(session, workspace, case, CaseEvent.MESSAGE, at=now, by=by, text=inbound.text, inbound_id=inbound.id)
