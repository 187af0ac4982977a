"""Kept: what happened to people in a sequence: answers to its mails, goals, cases.

Law: an event counts from the beginning of a person's way on; an answer counts for the mail that it answers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, String, and_, cast, func, literal, not_, or_, select, update
from sqlmodel import Session, col

from ..records import (
    Case,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    Enrolment,
    EnrolmentState,
    Goal,
    Inbound,
    Machine,
    Seat,
    SeatState,
    SeminarSession,
    Touch,
)
from ..timing.sequence_words import OF_A_STEP, Event, EventKind
from .database import rows_in_chunks
from .sequences import CHUNK, Enrolled


def leaving_now(
    session: Session, sequence_id: int, steps: Mapping[str, int], exits: Sequence[Event], now: datetime
) -> list[int]:
    """The enrolments of those whose mail was put off, and to whom one of the `exits` has happened meanwhile."""
    found: set[int] = set()
    for event in exits:
        happened = _happened(event, steps)
        if happened is None:
            continue
        mine = (col(Enrolment.customer_id) == col(Delivery.customer_id), col(Enrolment.key) == col(Delivery.occasion))
        query = (
            select(col(Enrolment.id))
            .join(Delivery, and_(*mine))
            .join(Edition, col(Edition.id) == col(Delivery.edition_id))
            .where(col(Edition.campaign_id).in_(list(steps.values())), col(Edition.state) == EditionState.OPEN)
            .where(col(Delivery.state).in_((DeliveryState.QUEUED, DeliveryState.DEFERRED)), col(Delivery.next_at) > now)
            .where(col(Enrolment.sequence_id) == sequence_id, col(Enrolment.state) == EnrolmentState.GOING)
            .where(col(Enrolment.look_at) > now, happened)
        )
        found.update(one for one in session.execute(query).scalars() if one is not None)
    return sorted(found)


def wake_waiting(
    session: Session, sequence_id: int, steps: Mapping[str, int], now: datetime, also: Sequence[int] = ()
) -> int:
    """Have those looked at now who wait for an event that has come, and `also` these enrolments; how many. `steps`:
    each step's campaign."""
    waiting = session.execute(
        select(col(Enrolment.waits))
        .where(col(Enrolment.sequence_id) == sequence_id, col(Enrolment.state) == EnrolmentState.GOING)
        .where(col(Enrolment.waits) != "")
        .distinct()
    ).scalars()
    woken = 0
    for words in list(waiting):
        kind = next(one for one in EventKind if words.startswith(one.value))
        event = Event(kind, words.removeprefix(kind.value).strip())
        happened = _happened(event, steps)
        if happened is None:
            continue
        query = update(Enrolment).where(
            col(Enrolment.sequence_id) == sequence_id,
            col(Enrolment.state) == EnrolmentState.GOING,
            col(Enrolment.waits) == words,
            col(Enrolment.look_at) > now,
            happened,
        )
        woken += session.connection().execute(query.values(look_at=now)).rowcount
    for part in rows_in_chunks(list(also), CHUNK):
        these = update(Enrolment).where(col(Enrolment.id).in_(part), col(Enrolment.state) == EnrolmentState.GOING)
        woken += session.connection().execute(these.values(look_at=now)).rowcount
    return woken


def _campaigns(event: Event, steps: Mapping[str, int]) -> list[int]:
    return [campaign for step, campaign in steps.items() if event.name in ("", step)]


def _happened(event: Event, steps: Mapping[str, int]) -> ColumnElement[bool] | None:
    """Whether the event has happened to an enrolment since it began; None where nothing tells of such events."""
    if event.kind is EventKind.REPLIED:
        replies = (
            select(col(Inbound.id))
            .join(Delivery, col(Delivery.id) == col(Inbound.delivery_id))
            .where(
                col(Inbound.customer_id) == col(Enrolment.customer_id),
                col(Inbound.machine) == Machine.HUMAN,
                col(Delivery.campaign_id).in_(_campaigns(event, steps)),
                col(Delivery.occasion) == col(Enrolment.key),
            )
        )
        return replies.exists()
    if event.kind is EventKind.GOAL:
        goals = select(col(Goal.id)).where(
            col(Goal.customer_id) == col(Enrolment.customer_id),
            col(Goal.name) == event.name,
            since_begun(event, col(Goal.at)),
        )
        return goals.exists()
    if event.kind in _TOUCHED:
        touches = (
            select(col(Touch.id))
            .join(Delivery, col(Delivery.id) == col(Touch.delivery_id))
            .where(
                col(Delivery.customer_id) == col(Enrolment.customer_id),
                col(Delivery.campaign_id).in_(_campaigns(event, steps)),
                col(Delivery.occasion) == col(Enrolment.key),
                col(Touch.person_at).is_not(None),
                _TOUCHED[event.kind],
            )
        )
        return touches.exists()
    column = _CASE_TIMES.get(event.kind)
    if column is None:
        return None
    mine = col(Case.customer_id) == col(Enrolment.customer_id)
    cases = select(col(Case.id)).where(mine, since_begun(event, column))
    return cases.exists()


_CASE_TIMES: dict[EventKind, Any] = {
    EventKind.CASE_OPENED: col(Case.opened_at),
    EventKind.CASE_CLOSED: col(Case.closed_at),
}
_TOUCHED: dict[EventKind, Any] = {
    EventKind.OPENED: col(Touch.number) >= 0,
    EventKind.CLICKED: col(Touch.number) > 0,
}
"""Whoever followed a link has opened the mail."""
RECORDED = (EventKind.REPLIED, EventKind.GOAL, *_CASE_TIMES, *_TOUCHED)
"""The kinds of events that the database tells of."""


_BEGINS = {EventKind.GOAL: ("goal ",), EventKind.CASE_CLOSED: ("case ",)}
"""By which keys somebody is in a sequence whom such an event has brought in."""


def since_begun(event: Event, at: Any) -> ColumnElement[bool]:
    """Whether an event came since an enrolment began: not the one that it began by."""
    begun, theirs = col(Enrolment.began_at), [col(Enrolment.key).startswith(one) for one in _BEGINS.get(event.kind, ())]
    return at >= begun if not theirs else or_(at > begun, and_(at == begun, not_(or_(*theirs))))


def events_of(
    session: Session, event: Event, steps: Mapping[str, int], people: Sequence[Enrolled]
) -> dict[int, datetime]:
    """When the event first happened since each enrolment began, by enrolment."""
    ids = sorted({person.customer_id for person in people})
    found: dict[tuple[int, str], list[datetime]] = defaultdict(list)
    for part in rows_in_chunks(ids, CHUNK):
        for customer_id, key, at in session.connection().execute(times_of(event, steps, part)):
            found[customer_id, key].append(at)
    first: dict[int, datetime] = {}
    for person in people:
        key = person.key if event.kind in OF_A_STEP else ""
        begins = any(person.key.startswith(prefix) for prefix in _BEGINS.get(event.kind, ()))
        known = [at for at in found.get((person.customer_id, key), ()) if at is not None]
        times = [at for at in known if at > person.began_at or (at == person.began_at and not begins)]
        if times:
            first[person.id] = min(times)
    return first


def times_of(event: Event, steps: Mapping[str, int], ids: Sequence[int] | None) -> Any:
    """Customer, occasion ("" where it is no matter) and time of each such event; None: everybody's."""
    query: Any
    if event.kind is EventKind.REPLIED:
        query = (
            select(col(Inbound.customer_id), col(Delivery.occasion), col(Inbound.received_at))
            .join(Delivery, col(Delivery.id) == col(Inbound.delivery_id))
            .where(col(Inbound.machine) == Machine.HUMAN, col(Delivery.campaign_id).in_(_campaigns(event, steps)))
        )
    elif event.kind in _TOUCHED:
        query = (
            select(col(Delivery.customer_id), col(Delivery.occasion), col(Touch.person_at))
            .join(Touch, col(Touch.delivery_id) == col(Delivery.id))
            .where(col(Delivery.campaign_id).in_(_campaigns(event, steps)), _TOUCHED[event.kind])
        )
    elif event.kind is EventKind.GOAL:
        query = select(col(Goal.customer_id), _NO_KEY, col(Goal.at)).where(col(Goal.name) == event.name)
    else:
        query = select(col(Case.customer_id), _NO_KEY, _CASE_TIMES[event.kind])
    return query if ids is None else query.where(query.selected_columns[0].in_(ids))


_NO_KEY: Any = func.coalesce("", "")


def session_starts(session: Session, people: Sequence[Enrolled]) -> dict[int, datetime]:
    """When the session now begins by which each of these people came in, by enrolment."""
    query = select(col(SeminarSession.id), col(SeminarSession.starts_at))
    known = {f"session {row[0]}": row[1] for row in session.execute(query)}
    return {person.id: known[person.key] for person in people if person.key in known}


def guests_of(session: Session, people: Sequence[Enrolled], *, missed: bool = False) -> dict[int, bool]:
    """Whether each of these people still has a place in their session, and it takes place; by enrolment.

    `missed`: and whether nobody has noted since that they were there.
    """
    found: set[tuple[int, str]] = set()
    for part in rows_in_chunks(sorted({person.customer_id for person in people}), CHUNK):
        query = (
            select(col(Seat.customer_id), col(Seat.session_id))
            .join(SeminarSession, col(SeminarSession.id) == col(Seat.session_id))
            .where(
                col(Seat.customer_id).in_(part),
                col(Seat.state) == SeatState.ACCEPTED,
                col(SeminarSession.cancelled_at).is_(None),
                *([col(Seat.attended_at).is_(None)] if missed else []),
            )
        )
        found.update((customer_id, f"session {session_id}") for customer_id, session_id in session.execute(query))
    return {person.id: (person.customer_id, person.key) in found for person in people}


def wake_guests(session: Session, session_id: int, now: datetime) -> None:
    """Have the guests of a session that was moved or called off looked at anew."""
    session.connection().execute(
        update(Enrolment)
        .where(col(Enrolment.key) == f"session {session_id}", col(Enrolment.state) == EnrolmentState.GOING)
        .values(look_at=now)
    )


def let_guests_on(session: Session, sequence_id: int, reason: str, now: datetime) -> int:
    """left → going for whoever left for this `reason` and has a place again in a session that is yet to come; how many.

    They go on where they were: what they had does not come again.
    """
    key = literal("session ").concat(cast(col(SeminarSession.id), String))
    place = (
        select(col(Seat.id))
        .join(SeminarSession, col(SeminarSession.id) == col(Seat.session_id))
        .where(
            col(Seat.customer_id) == col(Enrolment.customer_id),
            col(Seat.state) == SeatState.ACCEPTED,
            col(SeminarSession.cancelled_at).is_(None),
            col(SeminarSession.starts_at) > now,
            key == col(Enrolment.key),
        )
    )
    on = update(Enrolment).where(
        col(Enrolment.sequence_id) == sequence_id,
        col(Enrolment.state) == EnrolmentState.LEFT,
        col(Enrolment.reason) == reason,
        place.exists(),
    )
    values = {"state": EnrolmentState.GOING, "reason": "", "look_at": now, "changed_at": now}
    return session.connection().execute(on.values(**values, version=col(Enrolment.version) + 1)).rowcount
