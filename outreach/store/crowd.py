"""Kept: what the rules read of everybody at once, for a forecast: page by page, as the driver gives it.

Law: each row is a customer's id and a value that people share in whom no rule finds a difference: what is only told is
left out, and an instant is a whole minute, rounded up. What `store.consents` reads for a judgement is read here by the
same columns, so that a new fact comes along.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, null, or_, select
from sqlmodel import Session, col

from ..audience.segment import Segment
from ..records import (
    BULK,
    Boost,
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    Hold,
    HoldState,
    Kind,
    Subscription,
    Suppression,
)
from .consents import MAIL_COLUMNS
from .editions import TO_GO, UNFINISHED
from .packed import Make, Packs, Within, in_columns, in_pieces, packs
from .plan import MAY_HAVE_BEEN_SENT
from .prepared import Prepared
from .rounded import MINUTE, MinuteUp
from .segments import segment_filter

Pages = Iterator[Sequence[Any]]
FEW, NEAR = 10_000, 4
"""An edition of more mails than this is walked by their numbers, where it has one in so many of them."""
REACHABLE = (col(Customer.address_key).is_not(None), col(Customer.erased_at).is_(None))
"""As `store.customers.stream_people` has it: whom an edition is for at all."""


def highest_id(session: Session) -> int:
    """The highest customer id that there is; 0 where there is nobody."""
    return int(session.execute(select(func.coalesce(func.max(col(Customer.id)), 0))).scalar_one())


def facts_of_all(
    session: Session,
    list_id: int | None,
    among: ColumnElement[bool] | None,
    segments: Sequence[Segment] = (),
) -> Packs:
    """Everyone tied to the list: id, zone, what `read_mail_facts` reads, and of each of these segments whether it takes
    them (1 or 0). Without a list: all whom `among` takes.

    The few whose address is suppressed come once more at the end, with their suppression: what comes last counts.
    """
    takes = [case((segment_filter(segment), 1), else_=0) for segment in segments]
    free = [null() if column.table is _SUPPRESSION else _ALIKE.get(column.key, column) for column in MAIL_COLUMNS]
    person, all_ids = col(Customer.id), None
    if list_id is not None and among is None:
        tied = select(func.min(col(Subscription.customer_id)), func.max(col(Subscription.customer_id)))
        first, last = session.execute(tied.where(col(Subscription.list_id) == list_id)).one()
        all_ids = Within(person, first or 0, last or 0)
    yield from packs(session, everyone(list_id, among), person, [col(Customer.zone), *free, *takes], all_ids)
    blocked = everyone(list_id, among, blocked=True)
    columns = [_ALIKE.get(column.key, column) for column in MAIL_COLUMNS]
    yield from packs(session, blocked, person, [col(Customer.zone), *columns, *takes], None)


def everyone(list_id: int | None, among: ColumnElement[bool] | None, *, blocked: bool = False) -> Make:
    """Those whom a list, or `among`, takes; `blocked`: of them those whose address is suppressed."""
    of_list: Any = col(Subscription.list_id) + 0 if blocked else col(Subscription.list_id)  # never from the list, then
    tie = and_(col(Subscription.customer_id) == col(Customer.id), of_list == list_id)

    def make(columns: Sequence[Any]) -> Select[Any]:
        query: Any = select(*columns).select_from(Suppression if blocked else Customer)
        if blocked:  # from the suppressed, who are few: never a look for each customer
            key = func.coalesce(col(Suppression.address_key), "")
            query = query.join(Customer, col(Customer.address_key) == key)
        query = query.join(Subscription, tie, isouter=list_id is None).where(*REACHABLE)
        return query if among is None else query.where(among)  # type: ignore[no-any-return]

    return make


_SUPPRESSION: Any = Suppression.__table__  # type: ignore[attr-defined]
_ALIKE: dict[str, Any] = {
    "address": case((or_(col(Customer.address).is_(None), col(Customer.address) == ""), 0), else_=1),
    "erased_at": case((col(Customer.erased_at).is_not(None), 1)),
    "changed_at": null(),
    "evidence": literal(""),
}
"""Instead of these columns what the rules read of them: whether it is there, or (what is only told) nothing."""


def members(session: Session, list_id: int | None, segment: Segment, among: ColumnElement[bool] | None) -> Pages:
    """Of those tied to the list whom segment and filter take: id alone."""
    query: Any = select(col(Customer.id)).where(*REACHABLE, segment_filter(segment))
    if list_id is not None:
        tie = and_(col(Subscription.customer_id) == col(Customer.id), col(Subscription.list_id) == list_id)
        query = query.join(Subscription, tie)
    yield from Prepared(query if among is None else query.where(among)).pages(session)


def sent_since(session: Session, since: datetime) -> Iterator[tuple[int, str, Packs]]:
    """Each edition of bulk mail that somebody was sent after `since`, or may have been, with of which groups one person
    gets it, and who did: id and minute, once for each mail."""
    finished: Any = func.coalesce(col(Edition.finished_at), since + MINUTE)
    recent = or_(col(Edition.state) != EditionState.DONE, finished > since)
    query = select(col(Edition.id), col(Edition.one_per)).where(col(Edition.kind).in_(BULK), recent)
    at: Any = func.coalesce(col(Delivery.sent_at), col(Delivery.intent_at))
    for edition_id, one_per in session.execute(query.order_by(col(Edition.id))).all():
        yield edition_id, one_per, mails_of(session, edition_id, MAY_HAVE_BEEN_SENT, [MinuteUp(at)], at > since)


def still_under_way(session: Session) -> Packs:
    """Whose bulk mail is still to go: id, edition, kind, whether the edition goes on by itself, minute."""
    going = col(Edition.state).in_([state for state in UNFINISHED if state is not EditionState.WAITING])
    query = select(col(Edition.id), col(Edition.kind), going).where(
        col(Edition.kind).in_(BULK), or_(col(Edition.state).in_(UNFINISHED), col(Edition.kind) == Kind.TIPS)
    )
    at: Any = func.coalesce(col(Delivery.next_at), col(Delivery.due_at))
    for edition_id, kind, goes in session.execute(query.order_by(col(Edition.id))).all():
        same = literal(edition_id), literal(kind.value), literal(int(bool(goes)))
        yield from mails_of(session, edition_id, TO_GO, [*same, MinuteUp(at)])


def mails_of(
    session: Session, edition_id: int, states: Iterable[DeliveryState], columns: Sequence[Any], *where: Any
) -> Packs:
    """The mails of an edition in these states. Those of a large one lie side by side: they are walked by number."""
    number, edition, state = col(Delivery.id), col(Delivery.edition_id), col(Delivery.state).in_(states)
    within = None
    if in_pieces(session):
        all_there = select(func.min(number), func.max(number), func.count()).where(edition == edition_id, state)
        first, last, count = session.execute(all_there).one()
        if count > FEW and last - first < NEAR * count:
            within = Within(number, first, last)
    theirs: Any = edition == edition_id if within is None else edition + 0 == edition_id  # not by the index, then

    def make(wanted: Sequence[Any]) -> Select[Any]:
        return select(*wanted).where(theirs, state, col(Delivery.customer_id).is_not(None), *where)

    yield from packs(session, make, col(Delivery.customer_id), columns, within)


def open_holds(session: Session) -> Pages:
    """All holds that are not lifted: customer id, scope, topic, state, until; by customer."""
    query = select(col(Hold.customer_id), col(Hold.scope), col(Hold.topic), col(Hold.state), col(Hold.until))
    query = query.where(col(Hold.state) != HoldState.LIFTED).order_by(col(Hold.customer_id), col(Hold.id))
    yield from Prepared(query).pages(session)


def with_boosts(session: Session) -> Pages:
    """Whose next tips issue begins with what they wrote about: id alone."""
    yield from Prepared(select(col(Boost.customer_id)).where(col(Boost.used_at).is_(None)).distinct()).pages(session)


def addresses(session: Session) -> Pages:
    """Everybody's id and address."""
    yield from Prepared(select(col(Customer.id), col(Customer.address)).where(*REACHABLE)).pages(session)


def keys_of_all(session: Session, size: int) -> Iterator[list[Sequence[Any]]]:
    """Everybody's id and address key, some at a time, column by column; `size`: more than the highest id."""

    def make(columns: Sequence[Any]) -> Select[Any]:
        return select(*columns).where(*REACHABLE)

    columns = [col(Customer.id), col(Customer.address_key)]
    return in_columns(session, make, columns, Within(columns[0], 1, size), [columns[0]])
