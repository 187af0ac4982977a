"""Promises to customers: noted by a person or suggested from an answer's words, told on their day, alarmed when late.

Law: only a person makes a suggestion a promise, and says that one was kept. On its day the owner is told of either;
a promise that is late is an alert until a person settles it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from ..cases.promise import find_promises, read_day
from ..cases.said import plain, wall_words
from ..errors import UsageError
from ..records import Case, EntryKind, NoticeKind, Promise, PromiseState
from ..store import cases as cases
from ..store import promises as kept
from .casework import case_desk, find_case
from .notices import note_case
from .workspace import Workspace

MOVES = {
    PromiseState.SUGGESTED: (PromiseState.MADE, PromiseState.DROPPED, PromiseState.KEPT),
    PromiseState.MADE: (PromiseState.KEPT, PromiseState.DROPPED),
}


@dataclass(frozen=True)
class Standing:
    """A promise that is not settled, and its case."""

    promise: Promise
    case: Case


def suggest_promises(
    session: Session, workspace: Workspace, case: Case, text: str, now: datetime, by: str
) -> list[Promise]:
    """Keep what an answer seems to promise as suggestions."""
    assert case.id is not None
    at_work = case_desk(session, workspace, case.owner).at_work
    known = {promise.text for promise in kept.promises_of(session, case.id)}
    return [
        kept.add_promise(session, case.id, now, by, found.text, found.due_at, PromiseState.SUGGESTED)
        for found in find_promises(text, now, at_work)
        if found.text not in known
    ]


def make_promise(workspace: Workspace, case_id: int, text: str, day: str, by: str) -> Promise:
    """Note what was promised, and by which day, such as "friday" or "2026-12-04". Raises UsageError."""
    text = " ".join(text.split())
    if not text:
        raise UsageError("what was promised? There is no text")
    with workspace.database.write() as session:
        now = workspace.clock()
        case = find_case(session, case_id)
        at_work = case_desk(session, workspace, case.owner).at_work
        due = read_day(day or text, now, at_work)
        if due is None:
            raise UsageError(
                f"{day or text!r} names no day", remedy='Say --by friday, --by 2026-12-04, or --by "in 3 working days".'
            )
        if due < now - timedelta(days=1):
            raise UsageError(f"{day or text!r} is over: {wall_words(due, at_work.zone)}", remedy="Name a day to come.")
        promise = kept.add_promise(session, case_id, now, by, text, due, PromiseState.MADE)
        _write_down(session, case, promise, now, by, f"promised by {wall_words(due, at_work.zone)}")
    return promise


def settle_promise(workspace: Workspace, case_id: int, number: int, state: PromiseState, by: str) -> Promise:
    """A person says that it was promised (of a suggestion), kept, or is no promise (any more). Raises UsageError."""
    with workspace.database.write() as session:
        now = workspace.clock()
        case = find_case(session, case_id)
        promise = kept.load_promise(session, number)
        if promise is None or promise.case_id != case_id:
            raise UsageError(f"case {case_id} has no promise {number}", remedy=f"See `outreach cases show {case_id}`.")
        if state not in MOVES.get(promise.state, ()):
            raise UsageError(f"promise {number} is {promise.state} already")
        kept.settle(session, promise, state, now, by)
        _write_down(session, case, promise, now, by, str(state))
    return promise


def list_promises(workspace: Workspace) -> list[Standing]:
    """What is not settled, soonest first."""
    with workspace.database.read() as session:
        return [Standing(promise, case) for promise, case in kept.standing_promises(session)]


def note_promises(session: Session, workspace: Workspace, now: datetime) -> int:
    """Have owners told on the day of a promise, and once more when it is late; how many notices."""
    told = 0
    for promise, case in kept.standing_promises(session, now + timedelta(days=2)):
        zone = case_desk(session, workspace, case.owner).at_work.zone
        day = promise.due_at.astimezone(zone).date()
        if now.astimezone(zone).date() < day:
            continue
        late = now > promise.due_at
        what = "perhaps promised" if promise.state is PromiseState.SUGGESTED else "promised"
        words = f"{what} by {wall_words(promise.due_at, zone)}{' and late' if late else ''}: {plain(promise.text)}"
        mark = f"{promise.id}/{'late' if late else 'today'}"
        told += len(note_case(session, case, NoticeKind.PROMISE, now, mark=mark, words=words))
    return told


def told_of_suggestions(found: Sequence[Promise], workspace: Workspace) -> list[str]:
    """What a person is told of suggestions after an answer."""
    zone = workspace.working_hours.zone
    return [
        f"It reads like a promise by {wall_words(one.due_at, zone)}: “{plain(one.text)}”\n"
        f"  If it is one: outreach cases promise {one.case_id} --accept {one.id}   If not: --drop {one.id}"
        for one in found
    ]


def _write_down(session: Session, case: Case, promise: Promise, now: datetime, by: str, what: str) -> None:
    text = f"{what}: {promise.text}"
    cases.add_entry(session, case.id or 0, now, EntryKind.PROMISE, by=by, text=text)
