"""Kept: who is how far in a sequence, and who will begin, for a look ahead: page by page, as the driver gives it.

Law: it only reads, and reads what `store.sequences`, `store.sequence_events` and `store.begins` read of a page of
people, of all of them at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, and_, case, cast, func, literal, or_, select
from sqlmodel import Session, col

from ..records import (
    Customer,
    Delivery,
    Edition,
    Enrolment,
    EnrolmentState,
    Seat,
    SeatState,
    Seminar,
    SeminarSession,
)
from ..timing.sequence_words import OF_A_STEP, BeginKind, Event
from .begins import Scan, query_of, quiet_query
from .outbox import UNFINISHED
from .prepared import Prepared, instant
from .rounded import HOUR, hour_up, minute_up, rounded
from .sequence_events import since_begun, times_of

MOST = 20_000
"""Of more people in a sequence than this, tables are walked from end to end instead of looked up person by person."""


def count_going(session: Session, sequence_id: int) -> int:
    """How many are in a sequence, whether or not they may still be written to: out of the index alone."""
    query = select(func.count()).where(*_going(sequence_id))
    return int(session.execute(query).scalar_one())


def going_now(session: Session, scan: Scan, unit: timedelta) -> Iterator[Sequence[Any]]:
    """Everybody who is in the sequence, or stands by: customer, enrolment, key, day, when they began rounded up to
    `unit` (as `read_rounded` reads it), what is done as text; who may be written to is for the caller to say.

    Of a seminar's guests, those alone who still have a place, with the beginning of their session as day and begin.
    """
    who = _going(scan.sequence_id)
    day, at = col(Enrolment.day), col(Enrolment.began_at)
    if count_going(session, scan.sequence_id) > MOST:  # walked by id: by the index each row lies elsewhere
        who[0] = col(Enrolment.sequence_id) + 0 == scan.sequence_id
    guests = scan.begins.kind is BeginKind.SEMINAR and not scan.begins.who
    if guests:
        day, at = col(SeminarSession.starts_at), col(SeminarSession.starts_at)
        who = [*who, col(Seat.state) == SeatState.ACCEPTED, col(SeminarSession.cancelled_at).is_(None)]
    ids = col(Enrolment.customer_id), col(Enrolment.id), col(Enrolment.key)
    query = select(*ids, day, rounded(at, unit), cast(col(Enrolment.done), String))
    if guests:
        key = literal("session ").concat(cast(col(SeminarSession.id), String))
        query = query.join(SeminarSession, key == col(Enrolment.key))
        both = and_(col(Seat.session_id) == col(SeminarSession.id), col(Seat.customer_id) == col(Enrolment.customer_id))
        query = query.join(Seat, both)
    yield from Prepared(query.where(*who)).pages(session)


def _going(sequence_id: int) -> list[ColumnElement[bool]]:
    states = (EnrolmentState.GOING, EnrolmentState.STANDBY)
    return [col(Enrolment.sequence_id) == sequence_id, col(Enrolment.state).in_(states)]


def standing(session: Session, sequence_id: int) -> set[int]:
    """The enrolments of those who stand by for another of theirs."""
    query = select(col(Enrolment.id)).where(
        col(Enrolment.sequence_id) == sequence_id, col(Enrolment.state) == EnrolmentState.STANDBY
    )
    return {row[0] for row in Prepared(query).rows(session)}


def mails_by_enrolment(
    session: Session, scan: Scan, steps: Mapping[str, int], unit: timedelta
) -> Iterator[Sequence[Any]]:
    """The mails that those who are in the sequence had by it: enrolment, step, whether it is on its way still, and when
    it is tried next, or went, rounded up to `unit`. Looked up for each of them."""
    query = select(col(Enrolment.id), *_mail(steps, unit)).join(
        Delivery, col(Delivery.customer_id) == col(Enrolment.customer_id)
    )
    query = query.where(*_going(scan.sequence_id), col(Delivery.occasion) == col(Enrolment.key))
    query = query.where(col(Delivery.campaign_id).in_(list(steps.values())))
    yield from Prepared(query).pages(session) if steps else ()


def mails_by_person(
    session: Session, scan: Scan, steps: Mapping[str, int], unit: timedelta, ahead: timedelta
) -> Iterator[Sequence[Any]]:
    """The same of many: customer, key, step and so on, of all mails since the first of those who are in it began;
    `ahead`: so long before that day its mails may go."""
    began = session.execute(select(func.min(col(Enrolment.began_at))).where(*_going(scan.sequence_id))).scalar()
    first = (began or scan.now) - ahead
    last: Any = func.coalesce(col(Edition.finished_at), col(Edition.expires_at), first)
    editions = select(col(Edition.id)).where(col(Edition.campaign_id).in_(list(steps.values())), last >= first)
    for edition_id in session.execute(editions.order_by(col(Edition.id))).scalars().all():
        query = select(col(Delivery.customer_id), col(Delivery.occasion), *_mail(steps, unit))
        mails = query.where(col(Delivery.edition_id) == edition_id, col(Delivery.customer_id).is_not(None))
        yield from Prepared(mails).pages(session)


def _mail(steps: Mapping[str, int], unit: timedelta) -> tuple[Any, Any, Any]:
    """Of a mail by a step: the step, whether it is on its way still, and when it is tried next, or went."""
    step = case(*((col(Delivery.campaign_id) == campaign, name) for name, campaign in steps.items()), else_="")
    went: Any = func.coalesce(col(Delivery.sent_at), col(Delivery.intent_at), col(Delivery.settled_at))
    busy = col(Delivery.state).in_(list(UNFINISHED))
    return step, case((busy, 1), else_=0), rounded(case((busy, col(Delivery.next_at)), else_=went), unit)


def first_events(
    session: Session, scan: Scan, event: Event, steps: Mapping[str, int], unit: timedelta
) -> dict[int, datetime]:
    """When the event first happened since each enrolment began, rounded up to `unit`, by enrolment; those alone to whom
    it happened."""
    times = times_of(event, steps, None).subquery()
    who, key, at = times.c
    theirs = [who == col(Enrolment.customer_id), since_begun(event, at)]
    if event.kind in OF_A_STEP:
        theirs.append(key == col(Enrolment.key))
    query = select(col(Enrolment.id), func.min(at)).group_by(col(Enrolment.id))
    if count_going(session, scan.sequence_id) > MOST:
        # from the events, which are fewer; an outer join, since then no plan begins at the other end
        query = query.select_from(times).outerjoin(Enrolment, and_(*theirs, *_going(scan.sequence_id)))
    else:
        query = query.join(times, and_(*theirs)).where(*_going(scan.sequence_id))
    up = hour_up if unit == HOUR else minute_up
    return {number: up(instant(first)) for number, first in Prepared(query).rows(session) if number is not None}


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
