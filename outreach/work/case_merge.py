"""Two cases of one person that are one matter are made one, by a person's word.

Law: the older case stays, so that nobody's wait begins anew; what the customer wrote in the other stands in it too, the
sooner due time and the greater harm count, and promises go along. The other is closed with the reason and keeps its
entries; nothing that was written is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from ..cases.case import CLOSED, UNSOLVED
from ..errors import UsageError
from ..records import Case, CaseEvent, CaseState, Customer, EntryKind, Inbound
from ..store import cases as kept
from ..store.causes import cause_of_case, link_case
from ..store.promises import move_promises, promises_of
from ..store.replies import keep_case
from .answer import must_be_free
from .casework import find_case, move_case
from .follow_up import MATTERS, after_close, after_reopen, after_review
from .workspace import Workspace

LONGEST = 60
"""So much of a case's first message is shown."""


@dataclass(frozen=True)
class MergedCases:
    """What became of two cases: the number that stays, the one that was closed, and what went along."""

    kept: int
    closed: int
    messages: int
    promises: int


@dataclass(frozen=True)
class Sketch:
    """A case as a person knows it again before it is merged. `text`: how its first message begins."""

    number: int
    opened_at: datetime
    state: CaseState
    topic: str
    text: str
    messages: int
    answers: int
    promises: int


@dataclass(frozen=True)
class Foreseen:
    """Whose two cases would be one: which would stay, and which be closed."""

    whose: str
    stays: Sketch
    goes: Sketch


def look_before(workspace: Workspace, first: int, second: int) -> Foreseen:
    """What merging two cases would do; nothing is changed. Raises UsageError as `merge_cases`."""
    with workspace.database.read() as session:
        stays, goes = _pair(session, first, second)
        customer = session.get(Customer, stays.customer_id) if stays.customer_id is not None else None
        whose = (customer.address or customer.phone if customer is not None else stays.author) or "nobody known"
        return Foreseen(whose, _sketch(session, stays), _sketch(session, goes))


def _sketch(session: Session, case: Case) -> Sketch:
    messages = kept.inbounds_of(session, case.id or 0)
    text = " ".join((messages[0].text or messages[0].subject).split()) if messages else case.summary
    answers = sum(entry.kind is EntryKind.ANSWER for entry in kept.entries_of(session, case.id or 0))
    promises = len(promises_of(session, case.id or 0))
    known = (case.id or 0, case.opened_at, case.state, case.topic, text[:LONGEST])
    return Sketch(*known, len(messages), answers, promises)


def merge_cases(workspace: Workspace, first: int, second: int, by: str, *, anyway: bool = False) -> MergedCases:
    """Make two cases one: the older stays.

    Raises UsageError where they are the same, closed, or of two people; NeedsPerson where somebody else is answering
    and it is not to be done `anyway`.
    """
    with workspace.database.write() as session:
        now = workspace.clock()
        stays, goes = _pair(session, first, second)
        for case in (stays, goes) if not anyway else ():
            must_be_free(workspace, case, by, now)
        messages = kept.inbounds_of(session, goes.id or 0)
        _take_messages(session, workspace, stays, goes, messages, now)
        _take_answers(session, stays, goes, now, by)
        promises = move_promises(session, goes.id or 0, stays.id or 0)
        cause = cause_of_case(session, goes.id or 0)
        if cause is not None and cause_of_case(session, stays.id or 0) is None:
            link_case(session, cause.id or 0, stays.id or 0, by=by, at=now)
        if goes.state in UNSOLVED and stays.state not in UNSOLVED:
            text = f"case {goes.id} is one matter with it, and is not solved"
            move_case(session, workspace, stays, CaseEvent.REOPEN, at=now, by=by, text=text)
            after_reopen(session, workspace, stays, now, by=by)
        _take_columns(session, stays, goes)
        text = f"one matter with case {stays.id}: it goes on there"
        move_case(session, workspace, goes, CaseEvent.DISMISS, at=now, by=by, text=text)
        after_close(session, workspace, goes, now, by=by)
        due_at = stays.due_at
        for message in messages:
            if message.category in MATTERS:
                after_review(session, workspace, message.id or 0, now)
        kept.change_case(session, stays, {"due_at": min(stays.due_at, due_at)})
        return MergedCases(stays.id or 0, goes.id or 0, len(messages), promises)


def _pair(session: Session, first: int, second: int) -> tuple[Case, Case]:
    """The one that stays, and the one that goes."""
    if first == second:
        raise UsageError(f"case {first} cannot be merged with itself")
    pair = [find_case(session, number) for number in (first, second)]
    stays, goes = sorted(pair, key=lambda case: (case.opened_at, case.id))
    _must_fit(stays, goes)
    return stays, goes


def _must_fit(stays: Case, goes: Case) -> None:
    for case in (stays, goes):
        if case.state in CLOSED:
            raise UsageError(
                f"case {case.id} is {case.state}: it cannot be merged",
                remedy=f"Reopen it first: `outreach cases reopen {case.id}`.",
            )
    theirs = stays.author == goes.author if stays.customer_id is None else True
    if stays.customer_id != goes.customer_id or not theirs:
        raise UsageError(
            f"cases {stays.id} and {goes.id} are of two people",
            remedy="If it is one person, say so first: `outreach replies join ID WHO`, or `outreach customers merge`.",
        )


def _take_messages(
    session: Session, workspace: Workspace, stays: Case, goes: Case, messages: list[Inbound], now: datetime
) -> None:
    """What the customer wrote in the other stands in this one too; a case that waited for them waits no longer."""
    written = {
        entry.inbound_id: entry for entry in kept.entries_of(session, goes.id or 0) if entry.kind is EntryKind.MESSAGE
    }
    for message in messages:
        keep_case(session, message, stays.id or 0)
        entry = written.get(message.id)
        if entry is not None:
            move_case(
                session,
                workspace,
                stays,
                CaseEvent.MESSAGE,
                at=now,
                by=entry.by,
                text=entry.text,
                inbound_id=message.id,
            )


def _take_answers(session: Session, stays: Case, goes: Case, now: datetime, by: str) -> None:
    """What we answered in the other stands here too with its mail: a reply to it, a "no, it is not fixed" and the news
    that it did not arrive come here. With its own instant, by which a first answer is known; without an event: it was
    no step of this case."""
    for entry in kept.entries_of(session, goes.id or 0):
        if entry.kind is EntryKind.ANSWER:
            kept.add_entry(
                session,
                stays.id or 0,
                entry.at,
                EntryKind.ANSWER,
                by=entry.by,
                text=f"answered in case {goes.id}: {entry.text}",
                inbound_id=entry.inbound_id,
                delivery_id=entry.delivery_id,
            )
    text = f"case {goes.id} is one matter with this one: what came in there stands here"
    kept.add_entry(session, stays.id or 0, now, EntryKind.NOTE, by=by, text=text)


def _take_columns(session: Session, stays: Case, goes: Case) -> None:
    """The sooner due time of the two, where the other was our turn; an owner where there was none; and when the person
    was answered first, and last, in this matter: a first answer took from the older case's opening to then."""
    answers = [at for at in (stays.first_answer_at, goes.first_answer_at) if at is not None]
    lasts = [at for at in (stays.answered_at, goes.answered_at) if at is not None]
    changes: dict[str, object] = {
        "first_answer_at": min(answers, default=None),
        "answered_at": max(lasts, default=None),
    }
    if goes.state in (CaseState.NEW, CaseState.OPEN):
        changes["due_at"] = min(stays.due_at, goes.due_at)
        sooner = [at for at in (stays.first_word_by, goes.first_word_by) if at is not None]
        changes["first_word_by"] = min(sooner, default=None)
    if not stays.owner and goes.owner:
        changes["owner"] = goes.owner
    kept.change_case(session, stays, changes)
