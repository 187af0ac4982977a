"""Kept: who is how far in a sequence, and who will begin, for a look ahead: page by page, as the driver gives it.

Law: it only reads, and reads what `store.sequences`, `store.sequence_events` and `store.begins` read of a page of
people, of all of them at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, String, and_, cast, func, literal, or_, select
from sqlmodel import Session, col

from ..records import (
    Customer,
    Delivery,
    DeliveryState,
    Enrolment,
    EnrolmentState,
    Seat,
    SeatState,
    Seminar,
    SeminarSession,
    Subscription,
    SubscriptionState,
)
from ..timing.sequence_words import OF_A_STEP, BeginKind, Event
from .begins import Scan, query_of, quiet_query
from .outbox import UNFINISHED
from .prepared import Prepared, instant, value_of
from .sequence_events import times_of

REACHABLE = (col(Customer.address_key).is_not(None), col(Customer.erased_at).is_(None))


class OnTheWay(NamedTuple):
    """Somebody in a sequence. `begun`: the instant; of a seminar's guests that at which their session begins."""

    id: int
    customer_id: int
    zone: str | None
    day: date
    begun: datetime
    done: dict[str, Any]


def going_now(session: Session, scan: Scan) -> Iterator[list[OnTheWay]]:
    """Everybody who is in the sequence and may get a further step."""
    who = _going(scan)
    guests = scan.begins.kind is BeginKind.SEMINAR and not scan.begins.who
    at: Any = col(Enrolment.began_at)
    if guests:
        at = col(SeminarSession.starts_at)
        who = [*who, col(Seat.state) == SeatState.ACCEPTED, col(SeminarSession.cancelled_at).is_(None)]
    columns = col(Enrolment.id), col(Enrolment.customer_id), col(Customer.zone), col(Enrolment.day), at
    query = select(*columns, col(Enrolment.done)).join(Customer, col(Customer.id) == col(Enrolment.customer_id))
    if guests:
        key = literal("session ").concat(cast(col(SeminarSession.id), String))
        query = query.join(SeminarSession, key == col(Enrolment.key))
        both = and_(col(Seat.session_id) == col(SeminarSession.id), col(Seat.customer_id) == col(Customer.id))
        query = query.join(Seat, both)
    if scan.subscribed:
        query = query.join(Subscription, col(Subscription.customer_id) == col(Customer.id)).where(
            col(Subscription.list_id) == scan.list_id, col(Subscription.state) == SubscriptionState.SUBSCRIBED
        )
    for page in Prepared(query.where(*who, *REACHABLE)).pages(session):
        yield [OnTheWay(row[0], row[1], row[2], _date(row[3]), instant(row[4]), value_of(row[5])) for row in page]


def _going(scan: Scan) -> list[ColumnElement[bool]]:
    return [col(Enrolment.sequence_id) == scan.sequence_id, col(Enrolment.state) == EnrolmentState.GOING]


def _date(stored: Any) -> date:
    return date.fromisoformat(stored) if isinstance(stored, str) else stored


def their_mails(
    session: Session, scan: Scan, steps: Mapping[str, int]
) -> dict[int, dict[str, tuple[bool, datetime | None]]]:
    """Of each enrolment's mails by step: whether it is on its way still, and when it is tried next, or went."""
    names = {campaign: step for step, campaign in steps.items()}
    at: Any = func.coalesce(col(Delivery.sent_at), col(Delivery.intent_at), col(Delivery.settled_at))
    query = (
        select(col(Enrolment.id), col(Delivery.campaign_id), col(Delivery.state), at, col(Delivery.next_at))
        .join(Delivery, col(Delivery.customer_id) == col(Enrolment.customer_id))
        .where(*_going(scan), col(Delivery.occasion) == col(Enrolment.key))
        .where(col(Delivery.campaign_id).in_(list(names)))
    )
    found: dict[int, dict[str, tuple[bool, datetime | None]]] = {}
    for page in Prepared(query).pages(session) if names else ():
        for number, campaign, state, went, next_at in page:
            busy = DeliveryState(state) in UNFINISHED
            found.setdefault(number, {})[names[campaign]] = busy, instant(next_at if busy else went)
    return found


def first_events(session: Session, scan: Scan, event: Event, steps: Mapping[str, int]) -> dict[int, datetime]:
    """When the event first happened since each enrolment began, by enrolment; those alone to whom it happened."""
    times = times_of(event, steps, None).subquery()
    who, key, at = times.c
    query = select(col(Enrolment.id), func.min(at)).join(times, who == col(Enrolment.customer_id))
    query = query.where(*_going(scan), at >= col(Enrolment.began_at))
    if event.kind in OF_A_STEP:
        query = query.where(key == col(Enrolment.key))
    rows = Prepared(query.group_by(col(Enrolment.id))).rows(session)
    return {number: instant(first) for number, first in rows}


def beginning(session: Session, scan: Scan) -> Iterator[Sequence[Any]]:
    """Those who begin by `scan`, or will: (customer, zone, at, on) each, as the driver gives it; of those who are
    becoming quiet, since when they are at the latest (`at`)."""
    if scan.begins.kind is BeginKind.QUIET:
        for page in Prepared(quiet_query(scan)).pages(session):
            yield [(row[0], row[1], max(instant(one) for one in row[2:] if one is not None), None) for row in page]
        return
    for page in Prepared(query_of(scan)).pages(session):
        yield [(row[0], row[1], instant(row[3]), row[4]) for row in page]


def enrolled(session: Session, sequence_id: int, since: date) -> set[tuple[int, str]]:
    """Who is, or was, in the sequence by which key, of those who began since that day."""
    query = select(col(Enrolment.customer_id), col(Enrolment.key)).where(
        col(Enrolment.sequence_id) == sequence_id, col(Enrolment.day) >= since
    )
    return {(row[0], row[1]) for page in Prepared(query).pages(session) for row in page}


def not_noted(session: Session, seminar: str, since: datetime, until: datetime) -> list[tuple[str, datetime, int]]:
    """The seminar's sessions that end between the two, whose guests are not told apart yet: name, end, guests."""
    query = (
        select(col(SeminarSession.name), col(SeminarSession.ends_at), func.count())
        .join(Seminar, col(Seminar.id) == col(SeminarSession.seminar_id))
        .join(Seat, col(Seat.session_id) == col(SeminarSession.id))
        .where(col(Seminar.name) == seminar, col(SeminarSession.cancelled_at).is_(None))
        .where(col(SeminarSession.ends_at) > since, col(SeminarSession.ends_at) <= until)
        .where(col(SeminarSession.attendance_at).is_(None), col(Seat.state) == SeatState.ACCEPTED)
        .group_by(col(SeminarSession.name), col(SeminarSession.ends_at))
        .order_by(col(SeminarSession.ends_at))
    )
    return [(name, ends, guests) for name, ends, guests in session.execute(query)]


def in_or_beginning(sequence_id: int, seminar: str) -> ColumnElement[bool]:
    """Whether a customer is in the sequence, or has a seat in one of the seminar's sessions."""
    theirs = select(col(Enrolment.id)).where(
        col(Enrolment.sequence_id) == sequence_id,
        col(Enrolment.customer_id) == col(Customer.id),
        col(Enrolment.state) == EnrolmentState.GOING,
    )
    seats = (
        select(col(Seat.id))
        .join(SeminarSession, col(SeminarSession.id) == col(Seat.session_id))
        .join(Seminar, col(Seminar.id) == col(SeminarSession.seminar_id))
        .where(col(Seminar.name) == seminar, col(Seat.customer_id) == col(Customer.id))
    )
    return or_(theirs.exists(), seats.exists())
