"""Kept: what the rules read of everybody at once, for a forecast: page by page, as the driver gives it.

Law: each row is a customer's id and a value that people share in whom no rule finds a difference: what is only told is
left out, and an instant is a whole minute, rounded up. What `store.consents` reads for a judgement is read here by the
same columns, so that a new fact comes along.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal, null, or_, select
from sqlmodel import Session, col

from ..audience.segment import Segment
from ..records import (
    BULK,
    Boost,
    Customer,
    Delivery,
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
from .plan import MAY_HAVE_BEEN_SENT
from .prepared import Prepared
from .rounded import MINUTE, MinuteUp
from .segments import segment_filter

Pages = Iterator[Sequence[Any]]
REACHABLE = (col(Customer.address_key).is_not(None), col(Customer.erased_at).is_(None))
"""As `store.customers.stream_people` has it: whom an edition is for at all."""


def highest_id(session: Session) -> int:
    """The highest customer id that there is; 0 where there is nobody."""
    return int(session.execute(select(func.coalesce(func.max(col(Customer.id)), 0))).scalar_one())


def facts_of_all(session: Session, list_id: int | None, among: ColumnElement[bool] | None) -> Pages:
    """Everyone tied to the list: id, zone, and what `read_mail_facts` reads. Without a list: all whom `among` takes.

    The few whose address is suppressed come once more at the end, with their suppression: what comes last counts.
    """
    free = [null() if column.table is _SUPPRESSION else _ALIKE.get(column.key, column) for column in MAIL_COLUMNS]
    yield from Prepared(_everyone(list_id, free, among)).pages(session)
    blocked = _everyone(list_id, [_ALIKE.get(column.key, column) for column in MAIL_COLUMNS], among)
    blocked = blocked.join(Suppression, col(Suppression.address_key) == col(Customer.address_key))
    yield from Prepared(blocked).pages(session)


def _everyone(list_id: int | None, columns: Sequence[Any], among: ColumnElement[bool] | None) -> Any:
    query: Any = select(col(Customer.id), col(Customer.zone), *columns)
    tie = and_(col(Subscription.customer_id) == col(Customer.id), col(Subscription.list_id) == list_id)
    query = query.select_from(Customer).join(Subscription, tie, isouter=list_id is None).where(*REACHABLE)
    return query if among is None else query.where(among)


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


def sent_since(session: Session, since: datetime) -> Pages:
    """Who was sent bulk mail after `since`, or may have been: id and minute, once for each mail."""
    finished: Any = func.coalesce(col(Edition.finished_at), since + MINUTE)
    recent = or_(col(Edition.state) != EditionState.DONE, finished > since)
    query = select(col(Edition.id)).where(col(Edition.kind).in_(BULK), recent).order_by(col(Edition.id))
    at: Any = func.coalesce(col(Delivery.sent_at), col(Delivery.intent_at))
    for edition_id in session.execute(query).scalars().all():
        sent = select(col(Delivery.customer_id), MinuteUp(at)).where(
            col(Delivery.edition_id) == edition_id,
            col(Delivery.state).in_(MAY_HAVE_BEEN_SENT),
            col(Delivery.customer_id).is_not(None),
            at > since,
        )
        yield from Prepared(sent).pages(session)


def still_under_way(session: Session) -> Pages:
    """Whose bulk mail is still to go: id, edition, kind, whether the edition goes on by itself, minute."""
    going = col(Edition.state).in_([state for state in UNFINISHED if state is not EditionState.WAITING])
    query = select(col(Edition.id), col(Edition.kind), going).where(
        col(Edition.kind).in_(BULK), or_(col(Edition.state).in_(UNFINISHED), col(Edition.kind) == Kind.TIPS)
    )
    at: Any = func.coalesce(col(Delivery.next_at), col(Delivery.due_at))
    for edition_id, kind, goes in session.execute(query.order_by(col(Edition.id))).all():
        same = literal(edition_id), literal(kind.value), literal(int(bool(goes)))
        there = select(col(Delivery.customer_id), *same, MinuteUp(at)).where(
            col(Delivery.edition_id) == edition_id,
            col(Delivery.state).in_(TO_GO),
            col(Delivery.customer_id).is_not(None),
        )
        yield from Prepared(there).pages(session)


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


def keys_of_all(session: Session) -> Pages:
    """Everybody's id and address key."""
    yield from Prepared(select(col(Customer.id), col(Customer.address_key)).where(*REACHABLE)).pages(session)
