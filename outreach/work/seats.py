"""Answers to invitations: who comes, who may, who does not, who waits for a place, and who was there.

Law: the newest answer of a person counts, by when it came in; a place that is given back goes to whoever has waited
longest, in the same transaction. RFC 5546 3.2.3.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlmodel import Session

from ..address import address_key, canonical_address
from ..errors import InputError, NeedsPerson
from ..records import Customer, Inbound, SeatState, Seminar, SeminarSession
from ..replies.calendar import CalendarAnswer
from ..store.customers import customer_ids_by_key
from ..store.seminars import (
    change_session,
    first_waiting,
    keep_seat,
    note_attendance,
    seat_of,
    session_of_uid,
    taken,
    with_free_places,
)
from .files import read_text
from .seminars import queue_event_mail, session_named
from .workspace import Workspace

ANSWERS = {
    "accepted": SeatState.ACCEPTED,
    "declined": SeatState.DECLINED,
    "tentative": SeatState.TENTATIVE,
}
_ADDRESS = re.compile(r"[^\s<>\"'(),;:|\\\[\]]{1,64}@[\w.-]{1,255}")


def heed_calendar(session: Session, workspace: Workspace, inbound: Inbound, answer: CalendarAnswer) -> list[str]:
    """Take down what a calendar answered; in words. What names no session of ours changes nothing.

    Where the mail came from another address than the one that was invited (a forwarded invitation, an assistant), the
    answer is theirs whom it names, or who wrote it: never the guest's by a token alone.
    """
    found = session_of_uid(session, answer.uid.partition("@")[0].lower())
    if found is None:
        return ["it names no session of ours"] if answer.uid else []
    seminar, held = found
    state = ANSWERS.get(answer.answer)
    if state is None:
        _flag(inbound, answer)
        return [f"{seminar.name}/{held.name}: {answer.answer} is for a person to look at"]
    known = None if inbound.foreign_token else inbound.customer_id
    customer_id = known or _guest(session, workspace, answer.attendee)
    if customer_id is None and inbound.foreign_token:
        customer_id = _guest(session, workspace, inbound.sender)
    if customer_id is None:
        if inbound.foreign_token:
            _flag(inbound, answer)
        return [f"{seminar.name}/{held.name}: nobody knows whose answer it is"]
    inbound.customer_id = customer_id
    return [take_answer(session, workspace, seminar, held, customer_id, state, inbound.received_at, "calendar")]


def _flag(inbound: Inbound, answer: CalendarAnswer) -> None:
    inbound.flagged = "; ".join(part for part in (inbound.flagged, f"answers a seminar: {answer.words}") if part)


def _guest(session: Session, workspace: Workspace, address: str) -> int | None:
    try:
        key = address_key(workspace.keys, canonical_address(address))
    except InputError:
        return None
    return customer_ids_by_key(session, [key]).get(key)


def take_answer(
    session: Session,
    workspace: Workspace,
    seminar: Seminar,
    held: SeminarSession,
    customer_id: int,
    state: SeatState,
    at: datetime,
    how: str,
) -> str:
    """Write an answer, with what follows for the waiting list; in words.

    Once the session is over a calendar's answer (whoever clears up theirs declines what is past) changes nothing.
    """
    assert held.id is not None
    place = f"{seminar.name}/{held.name}"
    if held.cancelled_at is not None:
        return f"{place} is called off: nothing was noted"
    if how == "calendar" and at >= held.ends_at:
        return f"{place} is over: nothing was noted"
    before = seat_of(session, held.id, customer_id)
    if before is not None and before.answered_at > at:
        return f"{place}: a later answer is known already"
    had = before.state if before is not None else None
    if state is SeatState.ACCEPTED and had not in (SeatState.ACCEPTED, SeatState.WAITING):
        full = held.places and taken(session, held.id) >= held.places
        state = SeatState.WAITING if full else state
    elif state is SeatState.ACCEPTED and had is SeatState.WAITING:
        state = SeatState.WAITING
    if state is had:
        return f"{place}: {state.value} already"
    keep_seat(session, held.id, customer_id, state, at, how)
    if state is SeatState.WAITING or (state is SeatState.ACCEPTED and how != "calendar"):
        _write(session, workspace, seminar, held, customer_id, "waiting" if state is SeatState.WAITING else "place")
    if had is SeatState.ACCEPTED:
        _fill(session, workspace, seminar, held)
    return f"{place}: {state.value}"


def _fill(session: Session, workspace: Workspace, seminar: Seminar, held: SeminarSession) -> int:
    """Give free places to those who have waited longest, until it begins; how many."""
    assert held.id is not None
    given = 0
    while not _begun(workspace, held) and (not held.places or taken(session, held.id) < held.places):
        customer_id = first_waiting(session, held.id)
        if customer_id is None:
            break
        keep_seat(session, held.id, customer_id, SeatState.ACCEPTED, workspace.clock(), "waiting list")
        _write(session, workspace, seminar, held, customer_id, "place")
        given += 1
    return given


def _begun(workspace: Workspace, held: SeminarSession) -> bool:
    return held.starts_at <= workspace.clock()


def _write(
    session: Session, workspace: Workspace, seminar: Seminar, held: SeminarSession, customer_id: int, what: str
) -> None:
    customer = session.get_one(Customer, customer_id)
    if customer.address and not _begun(workspace, held):
        language = customer.language or ""
        queue_event_mail(session, workspace, seminar, held, customer_id, customer.address, what, language=language)


def fill_places(workspace: Workspace, place: str) -> int:
    """The same after a session was given more places; how many people got one."""
    with workspace.database.write() as session:
        seminar, held = session_named(session, place)
        return _fill(session, workspace, seminar, held)


def give_free_places(workspace: Workspace) -> int:
    """Fill the places that came free without an answer (their guest was erased, or merged with another); how many."""
    with workspace.database.read() as session:
        places = with_free_places(session, workspace.clock())
    return sum(fill_places(workspace, place) for place in places)


@dataclass(frozen=True)
class Attendance:
    """What a list of those who came did: how many addresses it held, of which customers, who is unknown."""

    place: str
    found: int
    noted: int
    unknown: tuple[str, ...]


def import_attendance(workspace: Workspace, place: str, file: Path) -> Attendance:
    """Note who was there, from any text that holds their addresses: a CSV of a meeting's service, a list.

    Raises UsageError for an unknown session, NeedsPerson before it began, InputError where the file holds no address.
    """
    now = workspace.clock()
    with workspace.database.read() as session:
        _, held = session_named(session, place)
    if held.starts_at > now:
        raise NeedsPerson(f"{place} has not begun yet", remedy="Note who was there when it is over.")
    keys: dict[str, str] = {}
    for written in _ADDRESS.findall(read_text(file)):
        try:
            canonical = canonical_address(written.rstrip("."))
        except InputError:
            continue
        keys[address_key(workspace.keys, canonical)] = canonical
    if not keys:
        raise InputError("no address stands in it", file=str(file), line=1, remedy="It needs the guests' addresses.")
    with workspace.database.write() as session:
        known = customer_ids_by_key(session, list(keys))
        assert held.id is not None
        noted = note_attendance(session, held.id, set(known.values()), now)
        change_session(session, held.id, {"attendance_at": now})
    return Attendance(place, len(keys), noted, tuple(sorted(keys[key] for key in keys if key not in known)))
