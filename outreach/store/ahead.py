"""Kept: the tips that people are still to get, which other mail leaves room for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from ..audience.segment import Segment
from ..plan.budget import FIRST
from ..records import Customer, Delivery, DeliveryState, Edition, Subscription, SubscriptionState
from .database import rows_in_chunks
from .editions import UNFINISHED
from .segments import segment_filter

CHUNK = 500
STILL = (DeliveryState.QUEUED, DeliveryState.DEFERRED, DeliveryState.CLAIMED)


def any_tips_under_way(session: Session) -> bool:
    """Whether tips are planned that have not all gone: else nobody's need be looked up."""
    query = select(col(Edition.id)).where(col(Edition.kind).in_(FIRST), col(Edition.state).in_(UNFINISHED)).limit(1)
    return session.execute(query).first() is not None


def tips_in_outbox(session: Session, customer_ids: Collection[int]) -> dict[int, list[datetime]]:
    """When tips that are planned already are to go to these people."""
    found: dict[int, list[datetime]] = defaultdict(list)
    at: Any = func.coalesce(col(Delivery.next_at), col(Delivery.due_at))
    for ids in rows_in_chunks(list(customer_ids), CHUNK):
        query = select(col(Delivery.customer_id), col(Delivery.kind), col(Delivery.state), at).where(
            col(Delivery.customer_id).in_(ids), col(Delivery.sent_at).is_(None)
        )
        for customer_id, kind, state, when in session.connection().execute(query):
            if customer_id is not None and kind in FIRST and state in STILL:
                found[customer_id].append(when)
    return dict(found)


def among_people(session: Session, customer_ids: Collection[int], list_id: int | None, segment: Segment) -> set[int]:
    """Who of these people is subscribed to the list and in the segment."""
    found: set[int] = set()
    for ids in rows_in_chunks(list(customer_ids), CHUNK):
        query: Any = (
            select(col(Customer.id))
            .join(Subscription, col(Subscription.customer_id) == col(Customer.id))
            .where(
                col(Customer.id).in_(ids),
                col(Subscription.list_id) == list_id,
                col(Subscription.state) == SubscriptionState.SUBSCRIBED,
                segment_filter(segment),
            )
        )
        found.update(session.execute(query).scalars())
    return found
