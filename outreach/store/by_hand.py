"""Customers without an e-mail address: who of a list is to be called, and who to be written to.

Law: whoever asked not to be called, or not to be written to at all, is not named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select
from sqlmodel import Session, col

from ..audience.segment import EVERYONE, Segment
from ..records import Contact, ContactKind, Customer, Subscription, SubscriptionState
from .customers import PAGE
from .segments import segment_filter

NOT_CALLED = ("do_not_call", "donotcall", "nicht_anrufen")
"""Attributes by which a file says that somebody must not be called."""


@dataclass(frozen=True)
class ByHand:
    """Somebody to be called (`phone`), or to be written to (`post`); `how` says which."""

    customer_id: int
    name: str
    how: str
    phone: str
    post: str
    language: str


def people_by_hand(session: Session, list_id: int | None, segment: Segment = EVERYONE) -> Iterator[ByHand]:
    """The people of a list whom the segment takes and who have no e-mail address, by rising id.

    Without a list: all customers who have none.
    """
    columns = ("id", "first_name", "last_name", "phone", "language", "attributes")
    post = and_(col(Contact.customer_id) == col(Customer.id), col(Contact.kind) == ContactKind.POST)
    query = select(*(getattr(Customer, name) for name in columns), col(Contact.value)).select_from(Customer)
    query = query.outerjoin(Contact, post).where(col(Customer.address).is_(None), col(Customer.erased_at).is_(None))
    if list_id is not None:
        tie = and_(col(Subscription.customer_id) == col(Customer.id), col(Subscription.list_id) == list_id)
        query = query.join(Subscription, tie).where(col(Subscription.state) == SubscriptionState.SUBSCRIBED)
    query = query.where(segment_filter(segment)).order_by(col(Customer.id)).limit(PAGE)
    after = 0
    while page := session.connection().execute(query.where(col(Customer.id) > after)).all():
        after = page[-1][0]
        for row in {row[0]: row for row in page}.values():
            if (one := _one(row)) is not None:
                yield one


def _one(row: Any) -> ByHand | None:
    number, first, last, phone, language, attributes, post = row
    name = " ".join(filter(None, (first, last))) or str(attributes.get("name") or "")
    callable_ = phone and not any(attributes.get(one) is True or attributes.get(one) == 1 for one in NOT_CALLED)
    if not callable_ and not post:
        return None
    return ByHand(number, name, "call" if callable_ else "write", phone or "", post or "", language or "")
