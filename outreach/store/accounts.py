"""Kept: what became of everybody that an edition was planned for (RELIABILITY, `verify`).

Law: at every instant planned = the sum of all states; and the digest of the people in the outbox is the digest of
the people whom the segment gave (`delivery.tally`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from ..delivery.tally import Tally
from ..records import Customer, Delivery, DeliveryMove, DeliveryState, Edition, EditionState, FailureClass
from .edition_figures import bounced
from .phases import InState

CHUNK = 2000


@dataclass(frozen=True)
class EditionAccount:
    """One edition's account. `planned` is None while planning has not ended. `bounced`: of those sent, came back."""

    edition_id: int
    number: int
    occasion: str
    state: EditionState
    reason: str
    subject: str
    due_at: datetime
    finished_at: datetime | None
    planned: int | None
    counts: dict[DeliveryState, int] = field(default_factory=dict)
    digest_matches: bool | None = None
    bounced: int = 0
    waves: tuple[int, ...] = ()
    released_wave: int = 0

    @property
    def total(self) -> int:
        """Everybody in the outbox for this edition, whatever became of them."""
        return sum(self.counts.values())

    @property
    def adds_up(self) -> bool:
        """Whether planned = the sum of all states, and these are the people who were planned."""
        return self.planned is None or (self.planned == self.total and self.digest_matches is not False)

    @property
    def in_doubt(self) -> int:
        """How many wait for evidence or a person."""
        return self.counts[DeliveryState.IN_DOUBT]


@dataclass(frozen=True)
class PersonLine:
    """One name behind a number. `address` is empty where the customer was erased."""

    delivery_id: int
    address: str
    state: DeliveryState
    reason: str
    evidence: str
    response: str
    failure: FailureClass | None
    attempts: int
    resent: int
    public_id: str
    intent_at: datetime | None
    sent_at: datetime | None
    next_at: datetime | None


def account(session: Session, campaign_id: int) -> list[EditionAccount]:
    """The account of each of a campaign's editions, oldest first, from one snapshot."""
    editions = session.execute(
        select(
            col(Edition.id).label("edition_id"),
            col(Edition.number),
            col(Edition.occasion),
            col(Edition.state),
            col(Edition.reason),
            col(Edition.subject),
            col(Edition.due_at),
            col(Edition.finished_at),
            col(Edition.planned),
            col(Edition.planned_digest),
            col(Edition.waves),
            col(Edition.released_wave),
        )
        .where(col(Edition.campaign_id) == campaign_id)
        .order_by(col(Edition.id))
    ).all()
    return [_account(session, dict(row._mapping)) for row in editions]


def _account(session: Session, row: dict[str, Any]) -> EditionAccount:
    digest = row.pop("planned_digest")
    row["waves"] = tuple(row["waves"])
    matches = None if digest is None else digest == people_tally(session, row["edition_id"]).digest
    edition_id = row["edition_id"]
    counts = state_counts(session, edition_id)
    return EditionAccount(**row, counts=counts, digest_matches=matches, bounced=bounced_late(session, edition_id))


def bounced_late(session: Session, edition_id: int) -> int:
    """How many of an edition's mails the relay took that came back later: their state stays what the relay said."""
    query = select(func.count(func.distinct(col(Delivery.id)))).where(
        col(Delivery.edition_id) == edition_id,
        col(Delivery.state) == DeliveryState.SENT,
        col(Delivery.id).in_(bounced()),
    )
    return int(session.execute(query).scalar_one())


def state_counts(session: Session, edition_id: int) -> dict[DeliveryState, int]:
    """How many of an edition's deliveries are in each state; every state is named."""
    counts = dict.fromkeys(DeliveryState, 0)
    found = session.execute(
        select(col(Delivery.state), func.count())
        .where(col(Delivery.edition_id) == edition_id)
        .group_by(col(Delivery.state))
    )
    counts.update((state, number) for state, number in found)
    return counts


def people_tally(session: Session, edition_id: int) -> Tally:
    """The count and digest of the people in the outbox for an edition, streamed."""
    query = select(col(Delivery.address_key)).where(col(Delivery.edition_id) == edition_id)
    return Tally().add(session.execute(query.execution_options(yield_per=CHUNK)).scalars())


def people_in(
    session: Session, edition_id: int, state: DeliveryState, *, limit: int | None = None
) -> Iterator[PersonLine]:
    """Every name behind one number of the account, streamed in the order of planning."""
    query = (
        select(
            col(Delivery.id),
            func.coalesce(col(Customer.address), ""),
            col(Delivery.state),
            col(Delivery.reason),
            col(Delivery.evidence),
            col(Delivery.response),
            col(Delivery.failure),
            col(Delivery.attempts),
            col(Delivery.resent),
            col(Delivery.public_id),
            col(Delivery.intent_at),
            col(Delivery.sent_at),
            col(Delivery.next_at),
        )
        .outerjoin(Customer, col(Customer.id) == col(Delivery.customer_id))
        .where(col(Delivery.edition_id) == edition_id, InState(state))
        .order_by(col(Delivery.id))
        .limit(limit)
    )
    for row in session.execute(query.execution_options(yield_per=CHUNK)):
        yield PersonLine(*row)


def moves_of(session: Session, delivery_id: int) -> list[DeliveryMove]:
    """The history of one delivery that its own row does not tell, oldest first."""
    query = select(DeliveryMove).where(col(DeliveryMove.delivery_id) == delivery_id).order_by(col(DeliveryMove.id))
    return list(session.execute(query).scalars())
