"""Customers to be called or written to: those without an e-mail address, and those who asked for it.

Law: whoever asked not to be called, or not to be written to at all, is not named; a wish of their own counts more than
what a file says of calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlmodel import Session, col

from ..audience.headings import postal_of
from ..audience.segment import EVERYONE, Segment
from ..plan.steps import PROMOTION_SCOPE
from ..records import (
    PROMOTION,
    Contact,
    ContactKind,
    Customer,
    Hold,
    HoldState,
    Kind,
    Subscription,
    SubscriptionState,
    Suppression,
    SuppressionReason,
    Wish,
)
from .customers import PAGE
from .segments import segment_filter

NOT_CALLED = ("do_not_call", "donotcall", "nicht_anrufen")
"""Attributes by which a file says that somebody must not be called."""
WAYS = {"phone": "call", "letter": "write"}
"""What follows from the channel that somebody wishes."""


_OF_THE_ADDRESS = (SuppressionReason.BAD_ADDRESS, SuppressionReason.BOUNCES)
"""Blocks by which the mailbox is at fault, and nobody said anything."""


@dataclass(frozen=True)
class ByHand:
    """Somebody to be called (`phone`), or to be written to (`post`); `how` says which.

    `why`: they have no e-mail address, or asked for it; of the latter the number or postal address may be unknown.
    """

    customer_id: int
    name: str
    how: str
    phone: str
    post: str
    language: str
    why: str = "no e-mail address"


def people_by_hand(
    session: Session, list_id: int | None, segment: Segment = EVERYONE, *, now: datetime, kind: Kind = Kind.TIPS
) -> Iterator[ByHand]:
    """The people of a list whom the segment takes and who have no e-mail address, by rising id; then those who asked to
    be called or written to, unless they asked for a pause, too, or for no newsletters at all.

    Without a list: of all customers. Nobody whose consent has lapsed; of a `kind` that an open complaint stops nobody
    who has one.
    """
    columns = ("id", "first_name", "last_name", "phone", "language", "attributes")
    post = and_(col(Contact.customer_id) == col(Customer.id), col(Contact.kind) == ContactKind.POST)
    query = select(*(getattr(Customer, name) for name in columns), col(Contact.value)).select_from(Customer)
    query = query.outerjoin(Contact, post).where(col(Customer.erased_at).is_(None))
    if list_id is not None:
        tie = and_(col(Subscription.customer_id) == col(Customer.id), col(Subscription.list_id) == list_id)
        query = query.join(Subscription, tie).where(
            col(Subscription.state) == SubscriptionState.SUBSCRIBED,
            or_(col(Subscription.until).is_(None), col(Subscription.until) > now),
        )
    if kind in PROMOTION:
        held = select(col(Hold.id)).where(
            col(Hold.customer_id) == col(Customer.id),
            col(Hold.scope) == PROMOTION_SCOPE,
            col(Hold.state) != HoldState.LIFTED,
            or_(col(Hold.until).is_(None), col(Hold.until) > now),
        )
        query = query.where(~held.exists())
    query = query.where(segment_filter(segment)).order_by(col(Customer.id)).limit(PAGE)
    for row in _rows(session, query.where(col(Customer.address).is_(None))):
        if (one := _one(row)) is not None:
            yield one
    stopped = select(col(Suppression.id)).where(
        col(Suppression.address_key) == col(Customer.address_key),
        col(Suppression.reason).not_in(_OF_THE_ADDRESS),
        or_(col(Suppression.expires_at).is_(None), col(Suppression.expires_at) > now),
    )
    wished = query.add_columns(col(Wish.channel)).join(Wish, col(Wish.customer_id) == col(Customer.id))
    wished = wished.where(
        col(Wish.channel).in_(WAYS),
        or_(col(Wish.paused_until).is_(None), col(Wish.paused_until) <= now),
        col(Customer.address).is_not(None),
        ~stopped.exists(),
    )
    for row in _rows(session, wished):
        yield _asked(row)


def _rows(session: Session, query: Any) -> Iterator[Any]:
    """Each customer once, by rising id."""
    after = 0
    while page := session.connection().execute(query.where(col(Customer.id) > after)).all():
        after = page[-1][0]
        yield from {row[0]: row for row in page}.values()


def _name(first: str | None, last: str | None, attributes: dict[str, Any]) -> str:
    return " ".join(filter(None, (first, last))) or str(attributes.get("name") or "")


def _one(row: Any) -> ByHand | None:
    number, first, last, phone, language, attributes, post = row
    callable_ = phone and not any(attributes.get(one) is True or attributes.get(one) == 1 for one in NOT_CALLED)
    if not callable_ and not post:
        return None
    how = "call" if callable_ else "write"
    return ByHand(number, _name(first, last, attributes), how, phone or "", post or "", language or "")


def _asked(row: Any) -> ByHand:
    number, first, last, phone, language, attributes, post, channel = row
    name, post = _name(first, last, attributes), post or postal_of(attributes)
    return ByHand(number, name, WAYS[channel], phone or "", post, language or "", "asked for it")
