"""Kept: the outbox, as people ask about it: who got what, and all that is known of one mail.

Law: reads only. A customer who was erased is found by Message-ID, or by the key of the address that somebody names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlmodel import Session, col

from ..records import (
    Bounce,
    Campaign,
    Case,
    Customer,
    Delivery,
    DeliveryMove,
    DeliveryState,
    Edition,
    FailureClass,
    Inbound,
    Onward,
)

CHUNK = 500
SHOWN = 100
"""So many mails to one person are shown at most, the newest."""


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One mail as a listing shows it. `address` is empty where the customer was erased."""

    id: int
    public_id: str
    address: str
    campaign: str
    edition: int
    occasion: str
    state: DeliveryState
    reason: str
    evidence: str
    failure: FailureClass | None
    relay: str
    response: str
    attempts: int
    resent: int
    due_at: datetime
    next_at: datetime | None
    expires_at: datetime | None
    intent_at: datetime | None
    sent_at: datetime | None
    settled_at: datetime | None
    onward: Onward | None
    onward_words: str
    onward_at: datetime | None
    planned_at: datetime | None
    customer_id: int | None

    @property
    def bounced(self) -> bool:
        """Whether it came back although the relay had taken it."""
        return self.state is DeliveryState.SENT and (self.failure is not None or self.onward is Onward.BOUNCED)


@dataclass(frozen=True, slots=True)
class CameBack:
    """A message about a mail, and the case that it is in."""

    inbound_id: int
    received_at: datetime
    channel: str
    machine: str
    category: str | None
    subject: str
    case_id: int | None
    case_opened_at: datetime | None


def _rows() -> Select[Any]:
    query: Any = (
        select(
            col(Delivery.id),
            col(Delivery.public_id),
            func.coalesce(col(Customer.address), ""),
            col(Campaign.name),
            col(Edition.number),
            col(Delivery.occasion),
            col(Delivery.state),
            col(Delivery.reason),
            col(Delivery.evidence),
            col(Delivery.failure),
            col(Delivery.relay),
            col(Delivery.response),
            col(Delivery.attempts),
            col(Delivery.resent),
            col(Delivery.due_at),
            col(Delivery.next_at),
            col(Delivery.expires_at),
            col(Delivery.intent_at),
            col(Delivery.sent_at),
            col(Delivery.settled_at),
            col(Delivery.onward),
            col(Delivery.onward_words),
            col(Delivery.onward_at),
            func.coalesce(col(Edition.planned_at), col(Edition.frozen_at)),
            col(Delivery.customer_id),
        )
        .join(Edition, col(Edition.id) == col(Delivery.edition_id))
        .join(Campaign, col(Campaign.id) == col(Delivery.campaign_id))
        .outerjoin(Customer, col(Customer.id) == col(Delivery.customer_id))
    )
    wanted: Select[Any] = query
    return wanted


def list_deliveries(
    session: Session,
    campaign_id: int,
    *,
    state: DeliveryState | None = None,
    number: int | None = None,
    since: datetime | None = None,
    limit: int | None = None,
) -> Iterator[DeliveryRow]:
    """The mails of a campaign in the order of planning, streamed. `since`: what happened to them last, or is due."""
    query = _rows().where(col(Delivery.campaign_id) == campaign_id).order_by(col(Delivery.id)).limit(limit)
    if state is not None:
        query = query.where(col(Delivery.state) == state)
    if number is not None:
        query = query.where(col(Edition.number) == number)
    if since is not None:
        last = func.coalesce(col(Delivery.settled_at), col(Delivery.intent_at), col(Delivery.due_at))
        query = query.where(or_(last >= since, col(Delivery.onward_at) >= since))
    for row in session.execute(query.execution_options(yield_per=CHUNK)):
        yield DeliveryRow(*row)


def deliveries_of(
    session: Session,
    *,
    delivery_id: int | None = None,
    public_id: str = "",
    address_key: str = "",
    campaign_id: int | None = None,
) -> list[DeliveryRow]:
    """The mail with this id or public id, or all mails to the address with this key, oldest first."""
    if delivery_id is not None:
        query = _rows().where(col(Delivery.id) == delivery_id)
    elif public_id:
        query = _rows().where(col(Delivery.public_id) == public_id)
    else:
        person = select(col(Customer.id)).where(col(Customer.address_key) == address_key)
        query = _rows().where(
            or_(col(Delivery.address_key) == address_key, col(Delivery.customer_id).in_(person.scalar_subquery()))
        )
    if campaign_id is not None:
        query = query.where(col(Delivery.campaign_id) == campaign_id)
    found = session.execute(query.order_by(col(Delivery.id).desc()).limit(SHOWN))
    return sorted((DeliveryRow(*row) for row in found), key=lambda row: row.id)


def bounces_of(session: Session, delivery_id: int) -> Sequence[Bounce]:
    """The bounces of one mail, oldest first."""
    query = select(Bounce).where(col(Bounce.delivery_id) == delivery_id).order_by(col(Bounce.at), col(Bounce.id))
    return session.execute(query).scalars().all()


def notes_of(session: Session, delivery_id: int) -> Sequence[DeliveryMove]:
    """What happened to one mail that its row does not tell, oldest first."""
    query = select(DeliveryMove).where(col(DeliveryMove.delivery_id) == delivery_id).order_by(col(DeliveryMove.id))
    return session.execute(query).scalars().all()


def came_back(session: Session, delivery_id: int) -> list[CameBack]:
    """What came in about one mail, oldest first."""
    query = (
        select(
            col(Inbound.id),
            col(Inbound.received_at),
            col(Inbound.channel),
            col(Inbound.machine),
            col(Inbound.category),
            col(Inbound.subject),
            col(Inbound.case_id),
            col(Case.opened_at),
        )
        .outerjoin(Case, col(Case.id) == col(Inbound.case_id))
        .where(col(Inbound.delivery_id) == delivery_id)
        .order_by(col(Inbound.received_at), col(Inbound.id))
    )
    return [
        CameBack(row[0], row[1], str(row[2]), str(row[3]), str(row[4]) if row[4] else None, row[5], row[6], row[7])
        for row in session.execute(query)
    ]
