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
from ..records import Case, CaseEvent, CaseState, EntryKind, Inbound
from ..store import cases as kept
from ..store.causes import cause_of_case, link_case
from ..store.promises import move_promises
from ..store.replies import keep_case
from .answer import must_be_free
from .casework import find_case, move_case
from .follow_up import MATTERS, after_close, after_reopen, after_review
from .workspace import Workspace


@dataclass(frozen=True)
class MergedCases:
    """What became of two cases: the number that stays, the one that was closed, and what went along."""

    kept: int
    closed: int
    messages: int
    promises: int


def merge_cases(workspace: Workspace, first: int, second: int, by: str, *, anyway: bool = False) -> MergedCases:
    """Make two cases one: the older stays.

    Raises UsageError where they are the same, closed, or of two people; NeedsPerson where somebody else is answering
    and it is not to be done `anyway`.
    """
    if first == second:
        raise UsageError(f"case {first} cannot be merged with itself")
    with workspace.database.write() as session:
        now = workspace.clock()
        pair = [find_case(session, number) for number in (first, second)]
        stays, goes = sorted(pair, key=lambda case: (case.opened_at, case.id))
        _must_fit(stays, goes)
        for case in pair if not anyway else ():
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
    that it did not arrive come here. Without an event: it was no step of this case."""
    for entry in kept.entries_of(session, goes.id or 0):
        if entry.kind is EntryKind.ANSWER:
            kept.add_entry(
                session,
                stays.id or 0,
                now,
                EntryKind.ANSWER,
                by=entry.by,
                text=f"answered in case {goes.id}: {entry.text}",
                inbound_id=entry.inbound_id,
                delivery_id=entry.delivery_id,
            )
    text = f"case {goes.id} is one matter with this one: what came in there stands here"
    kept.add_entry(session, stays.id or 0, now, EntryKind.NOTE, by=by, text=text)


def _take_columns(session: Session, stays: Case, goes: Case) -> None:
    """The sooner due time of the two, where the other was our turn, and an owner where there was none."""
    changes: dict[str, object] = {}
    if goes.state in (CaseState.NEW, CaseState.OPEN):
        changes["due_at"] = min(stays.due_at, goes.due_at)
        sooner = [at for at in (stays.first_word_by, goes.first_word_by) if at is not None]
        changes["first_word_by"] = min(sooner, default=None)
    if not stays.owner and goes.owner:
        changes["owner"] = goes.owner
    kept.change_case(session, stays, changes)
