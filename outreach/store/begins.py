"""Kept: who begins a sequence now, by what their sequence's line `begins:` asks for.

Law: whoever has an address, is subscribed to the list and in the segment, and is not in the sequence by the same key;
read in pages, so that a large list is never in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, String, and_, cast, func, literal, literal_column, null, or_, select
from sqlmodel import Session, col

from ..audience.segment import Segment
from ..records import (
    BULK,
    Case,
    Consent,
    ConsentAct,
    Customer,
    Delivery,
    Enrolment,
    EnrolmentState,
    Goal,
    Inbound,
    Machine,
    Seat,
    SeatState,
    Seminar,
    SeminarSession,
    Subscription,
    SubscriptionState,
    UtcDateTime,
)
from ..timing.sequence import days_of_year
from ..timing.sequence_words import BeginKind, Begins
from .segments import field_text, may_mention, segment_filter

PAGE = 1_000
AHEAD = timedelta(days=31)
"""So long before a session its guests' sequence may begin."""
CATCH_UP = timedelta(days=60)
"""Nobody begins by what happened longer ago than this: whoever is imported late is still caught up with."""
MONTHS = 3
"""Anniversaries in at most so many months are looked for by their text first."""


class Beginning(NamedTuple):
    """Somebody who begins: at the instant `at`, or on the local day `on` as their attribute gives it ("2026-11-20")."""

    customer_id: int
    zone: str | None
    key: str
    at: datetime | None
    on: str | None


@dataclass(frozen=True)
class Scan:
    """Where and when somebody must have begun: since an instant, or on a local day from `first` to `last`.

    Not `subscribed`: service mail to a session's guests, who asked for it.
    """

    sequence_id: int
    list_id: int
    segment: Segment
    begins: Begins
    since: datetime
    now: datetime
    first: date
    last: date
    subscribed: bool = True
    until: datetime | None = None
    """So far a look ahead goes, which takes in those who will begin by then; None: those who begin now."""


def who_begins(session: Session, scan: Scan) -> Iterator[list[Beginning]]:
    """Those who begin, by rising customer, in pages; some may be in the sequence by the same key already."""
    query, key = _QUERIES[scan.begins.kind](scan)
    after = (0, 0)
    while True:
        page = session.connection().execute(_page(query, key, after)).all()
        if page:
            yield [Beginning(row[0], row[1], str(row[2]), row[3], row[4]) for row in page]
        if len(page) < PAGE:
            return
        after = (page[-1][0], page[-1][5])


def query_of(scan: Scan) -> Select[Any]:
    """Those who begin, all at once: a row as `Beginning` has it, and one value more."""
    return _QUERIES[scan.begins.kind](scan)[0]


def quiet_query(scan: Scan) -> Select[Any]:
    """Whoever will have been quiet for so long by `until`, if they give no sign of life: customer, zone, and the last
    instants since which they may be."""
    until = scan.until or scan.now
    customer, since = col(Customer.id), until - timedelta(days=scan.begins.days)
    mailed = select(col(Delivery.id)).where(
        col(Delivery.customer_id) == customer,
        col(Delivery.sent_at) >= scan.now - timedelta(days=scan.begins.days),
        col(Delivery.kind).in_(sorted(BULK)),
    )
    wrote = select(func.max(col(Inbound.received_at))).where(
        col(Inbound.customer_id) == customer, col(Inbound.machine) == Machine.HUMAN
    )
    bought = select(func.max(col(Goal.at))).where(col(Goal.customer_id) == customer)
    ended = select(func.max(col(Enrolment.changed_at))).where(
        col(Enrolment.sequence_id) == scan.sequence_id, col(Enrolment.customer_id) == customer
    )
    signs = [query.scalar_subquery() for query in (wrote, bought, ended)]
    changed: Any = col(Subscription.changed_at)
    query: Select[Any] = _base(scan, changed, signs[0], signs[1], signs[2])
    in_it = col(Enrolment.state) == EnrolmentState.GOING
    old = [or_(sign.is_(None), sign < since) for sign in signs]
    return query.where(changed < since, mailed.exists(), _new(scan, in_it), *old)


def _page(query: Select[Any], second: ColumnElement[int] | None, after: tuple[int, int]) -> Select[Any]:
    customer: Any = col(Customer.id)
    if second is None:
        return query.where(customer > after[0]).order_by(customer).limit(PAGE)
    beyond = or_(customer > after[0], and_(customer == after[0], second > after[1]))
    return query.where(beyond).order_by(customer, second).limit(PAGE)


def _base(scan: Scan, key: Any, at: Any, on: Any, second: Any, *, first: Sequence[ColumnElement[bool]] = ()) -> Any:
    """Whom the list has, and the segment takes; those alone are looked up in the list for whom `first` holds."""
    query: Any = select(col(Customer.id), col(Customer.zone), key, at, on, null() if second is None else second)
    tie = and_(
        col(Subscription.customer_id) == col(Customer.id),
        col(Subscription.list_id) == scan.list_id,
        col(Subscription.state) == SubscriptionState.SUBSCRIBED,
    )
    if scan.subscribed and first:
        query = query.where(*first, select(col(Subscription.id)).where(tie).exists())  # asked last
    elif scan.subscribed:
        query = query.join(Subscription, tie)
    else:
        query = query.where(*first)
    return query.where(
        col(Customer.address_key).is_not(None),
        col(Customer.erased_at).is_(None),
        segment_filter(scan.segment),
    )


def _new(scan: Scan, *more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether this customer is not in the sequence (by anything, or as `more` says)."""
    theirs = select(col(Enrolment.id)).where(
        col(Enrolment.sequence_id) == scan.sequence_id, col(Enrolment.customer_id) == col(Customer.id), *more
    )
    return ~theirs.exists()


_NEVER: ColumnElement[Any] = null()
Query = tuple[Select[Any], ColumnElement[int] | None]


def _signup(scan: Scan) -> Query:
    """Whoever joined by themselves or was added by a person: an import of old customers is no signup."""
    first: Any = func.min(col(Consent.at))
    joined = (
        select(col(Consent.customer_id).label("who"), first.label("at"))
        .where(
            col(Consent.list_id) == scan.list_id,
            literal_column("consent.how <> 'import'"),
            col(Consent.act) == ConsentAct.GIVEN,
            col(Consent.at) >= scan.since,
        )
        .group_by(col(Consent.customer_id))
        .subquery()
    )
    query = _base(scan, literal("signup"), joined.c.at, _NEVER, None)
    return query.join(joined, joined.c.who == col(Customer.id)).where(_new(scan)), None


def _date(scan: Scan) -> Query:
    day = func.substr(field_text(scan.begins.name), 1, 10)
    query = _base(scan, literal(scan.begins.name), _NEVER, day, None)
    return query.where(day >= scan.first.isoformat(), day <= scan.last.isoformat(), _new(scan)), None


def _yearly(scan: Scan) -> Query:
    """From the customers, not the list: the days let nearly nobody through, and to read the JSON of a million takes a
    while, so that its text is looked over for their months before."""
    text, name = field_text(scan.begins.name), scan.begins.name
    days = sorted(days_of_year(scan.first, scan.last))
    months = sorted({f"-{day[:3]}" for day in days})
    theirs = [func.substr(text, 6, 5).in_(days), text.like("____-__-__%")]
    first = [may_mention(name, months), *theirs] if len(months) <= MONTHS else theirs
    return _base(scan, literal(""), _NEVER, func.substr(text, 1, 10), None, first=first), None


def _goal(scan: Scan) -> Query:
    wanted = and_(col(Goal.name) == scan.begins.name, col(Goal.at) >= scan.since, col(Goal.at) <= scan.now)
    first: Any = func.min(col(Goal.at))
    reached = (
        select(col(Goal.customer_id).label("who"), first.label("at")).where(wanted).group_by(col(Goal.customer_id))
    ).subquery()
    query = _base(scan, literal(f"goal {scan.begins.name}"), reached.c.at, _NEVER, None)
    return query.join(reached, reached.c.who == col(Customer.id)).where(_new(scan)), None


def _every_goal(scan: Scan) -> Query:
    """Each goal, but one that was reached while its customer was in the sequence already."""
    second: Any = col(Goal.id)
    query = _base(scan, literal(f"goal {scan.begins.name} ").concat(_number(second)), col(Goal.at), _NEVER, second)
    during = and_(
        col(Enrolment.began_at) <= col(Goal.at),
        or_(col(Enrolment.state) == EnrolmentState.GOING, col(Enrolment.changed_at) >= col(Goal.at)),
    )
    return (
        query.join(Goal, col(Goal.customer_id) == col(Customer.id)).where(
            col(Goal.name) == scan.begins.name,
            col(Goal.at) >= scan.since,
            col(Goal.at) <= scan.now,
            _new(scan, during),
        ),
        second,
    )


def _case_closed(scan: Scan) -> Query:
    second: Any = col(Case.id)
    key = literal("case ").concat(_number(second))
    query = _base(scan, key, col(Case.closed_at), _NEVER, second)
    closed = and_(col(Case.closed_at).is_not(None), col(Case.closed_at) >= scan.since, col(Case.closed_at) <= scan.now)
    return query.join(Case, col(Case.customer_id) == col(Customer.id)).where(closed, _new(scan, _same(key))), second


def _same(key: ColumnElement[str]) -> ColumnElement[bool]:
    return col(Enrolment.key) == key


def _number(column: Any) -> ColumnElement[str]:
    return cast(column, String)


def _quiet(scan: Scan) -> Query:
    """Whoever was sent newsletters all that time, and gave no sign of life in it."""
    since = scan.now - timedelta(days=scan.begins.days)
    mailed = select(col(Delivery.id)).where(
        col(Delivery.customer_id) == col(Customer.id),
        col(Delivery.sent_at) >= since,
        col(Delivery.kind).in_(sorted(BULK)),
    )
    wrote = select(col(Inbound.id)).where(
        col(Inbound.customer_id) == col(Customer.id),
        col(Inbound.received_at) >= since,
        col(Inbound.machine) == Machine.HUMAN,
    )
    bought = select(col(Goal.id)).where(col(Goal.customer_id) == col(Customer.id), col(Goal.at) >= since)
    again = or_(col(Enrolment.state) == EnrolmentState.GOING, col(Enrolment.changed_at) >= since)
    query = _base(scan, literal(f"quiet {scan.now:%Y-%m-%d}"), literal(scan.now, UtcDateTime()), _NEVER, None)
    return (
        query.where(
            col(Subscription.changed_at) < since, mailed.exists(), ~wrote.exists(), ~bought.exists(), _new(scan, again)
        ),
        None,
    )


def _seminar(scan: Scan) -> Query:
    """Those with a place, from a month before the session on; or those who were there, or missed it, once noted."""
    second: Any = col(SeminarSession.id)
    key = literal("session ").concat(_number(second))
    who = scan.begins.who
    at = col(SeminarSession.attendance_at) if who else col(SeminarSession.starts_at)
    query = _base(scan, key, at, _NEVER, second)
    query = query.join(Seat, col(Seat.customer_id) == col(Customer.id))
    query = query.join(SeminarSession, col(SeminarSession.id) == col(Seat.session_id))
    query = query.join(Seminar, col(Seminar.id) == col(SeminarSession.seminar_id))
    query = query.where(
        col(Seminar.name) == scan.begins.name,
        col(SeminarSession.cancelled_at).is_(None),
        at >= scan.since,
        _new(scan, _same(key)),
    )
    if who == "attended":
        return query.where(col(Seat.attended_at).is_not(None)), second
    comes = col(Seat.state) == SeatState.ACCEPTED
    if who == "missed":
        return query.where(col(Seat.attended_at).is_(None), comes), second
    return query.where(comes, at <= (scan.until or scan.now) + AHEAD, at > scan.now), second


_QUERIES: dict[BeginKind, Callable[[Scan], Query]] = {
    BeginKind.SIGNUP: _signup,
    BeginKind.DATE: _date,
    BeginKind.YEARLY: _yearly,
    BeginKind.GOAL: _goal,
    BeginKind.EVERY_GOAL: _every_goal,
    BeginKind.QUIET: _quiet,
    BeginKind.CASE_CLOSED: _case_closed,
    BeginKind.SEMINAR: _seminar,
}
