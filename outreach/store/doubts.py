"""Kept: deliveries of which nobody knows whether the relay took them, and how each doubt ends.

Law: evidence or a person's word settles a doubt, never a guess or a clock (RELIABILITY I3). Every end is a
compare-and-set on `in_doubt`, and leaves a line with who said so and why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, literal, select, update
from sqlmodel import Session, col

from ..delivery.state import move
from ..records import (
    Campaign,
    CampaignState,
    Customer,
    Delivery,
    DeliveryEvent,
    DeliveryMove,
    DeliveryState,
    Edition,
    EditionState,
    FailureClass,
)
from ..records.types import UtcDateTime
from .database import rows_in_chunks
from .phases import InState
from .prepared import Prepared

CHUNK = 500
HANDED_OVER = "the final dot may have left"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A delivery that somebody asks about, in doubt or not. `address` is empty where the customer was erased."""

    delivery_id: int
    public_id: str
    state: DeliveryState
    address: str
    campaign: str
    campaign_state: CampaignState
    edition_id: int
    number: int
    occasion: str
    edition_state: EditionState
    relay: str
    intent_at: datetime | None
    expires_at: datetime | None
    evidence: str


_DOUBTS: Any = (
    select(
        col(Delivery.id).label("delivery_id"),
        col(Delivery.public_id),
        col(Delivery.state),
        func.coalesce(col(Customer.address), "").label("address"),
        col(Campaign.name).label("campaign"),
        col(Campaign.state).label("campaign_state"),
        col(Delivery.edition_id),
        col(Edition.number),
        col(Delivery.occasion),
        col(Edition.state).label("edition_state"),
        col(Delivery.relay),
        col(Delivery.intent_at),
        col(Delivery.expires_at),
        col(Delivery.evidence),
    )
    .join(Edition, col(Edition.id) == col(Delivery.edition_id))
    .join(Campaign, col(Campaign.id) == col(Delivery.campaign_id))
    .outerjoin(Customer, col(Customer.id) == col(Delivery.customer_id))
    .order_by(col(Delivery.id) + 0)
)
"""In order by a value, not by the key: else SQLite would go through the whole outbox in its order."""


def doubts(session: Session, campaign_id: int | None = None, number: int | None = None) -> Iterator[Doubt]:
    """Every delivery in doubt, of one campaign (and one of its editions) if named, streamed as they were planned."""
    query = _DOUBTS.where(InState(DeliveryState.IN_DOUBT))
    if campaign_id is not None:
        query = query.where(col(Delivery.campaign_id) == campaign_id)
    if number is not None:
        query = query.where(col(Edition.number) == number)
    for row in session.execute(query.execution_options(yield_per=CHUNK)):
        yield Doubt(**row._mapping)


def asked_about(session: Session, *, ids: Collection[int] = (), public_ids: Collection[str] = ()) -> list[Doubt]:
    """The deliveries with these ids or public ids, in whatever state."""
    found: list[Doubt] = []
    for column, wanted in ((col(Delivery.id), list(ids)), (col(Delivery.public_id), list(public_ids))):
        for part in rows_in_chunks(list(wanted), CHUNK):
            found += [Doubt(**row._mapping) for row in session.execute(_DOUBTS.where(column.in_(part)))]
    return found


_IN_DOUBT = Prepared(
    select(col(Delivery.id)).where(col(Delivery.id) == bindparam("id"), col(Delivery.state) == DeliveryState.IN_DOUBT)
)
"""Asked first: nearly every answer is to a mail that nobody doubts."""


def settle_doubt(
    session: Session,
    delivery_id: int,
    *,
    event: DeliveryEvent,
    at: datetime,
    evidence: str,
    by: str,
    failure: FailureClass | None = None,
) -> bool:
    """End a doubt by evidence or a person's word (a compare-and-set); False where there is none.

    `event` is EVIDENCE_SENT or EVIDENCE_FAILED. Sent is a mail as of its intent: limits count from there.
    """
    if not _IN_DOUBT.rows(session, id=delivery_id):
        return False
    after = move(DeliveryState.IN_DOUBT, event)
    values: dict[str, Any] = {"state": after, "settled_at": at, "evidence": evidence[:500], "failure": failure}
    if after is DeliveryState.SENT:
        values["sent_at"] = func.coalesce(col(Delivery.intent_at), literal(at, UtcDateTime()))
    changed = session.connection().execute(
        update(Delivery)
        .where(col(Delivery.id) == delivery_id, col(Delivery.state) == DeliveryState.IN_DOUBT)
        .values(owner=None, reason="evidence", **values)
    )
    if changed.rowcount != 1:
        return False
    _tell(session, delivery_id, event, at, after, evidence, by)
    return True


def resend(session: Session, delivery_id: int, *, at: datetime, why: str, by: str) -> bool:
    """in_doubt --resend--> queued, by a person's command only: counted, with the same Message-ID; False where no doubt.

    An edition that was done is open again, else nobody would claim it. When and to which relay it was handed over is
    kept in its history: the next attempt writes over both.
    """
    after = move(DeliveryState.IN_DOUBT, DeliveryEvent.RESEND)
    begun = select(col(Delivery.intent_at), col(Delivery.relay), col(Delivery.owner)).where(
        col(Delivery.id) == delivery_id
    )
    handed = session.execute(begun).one_or_none()
    changed = session.connection().execute(
        update(Delivery)
        .where(col(Delivery.id) == delivery_id, col(Delivery.state) == DeliveryState.IN_DOUBT)
        .values(
            state=after,
            reason="resend",
            evidence=why[:500],
            resent=col(Delivery.resent) + 1,
            owner=None,
            lease_until=None,
            next_at=None,
        )
    )
    if changed.rowcount != 1:
        return False
    edition = select(col(Delivery.edition_id)).where(col(Delivery.id) == delivery_id).scalar_subquery()
    session.connection().execute(
        update(Edition)
        .where(col(Edition.id) == edition, col(Edition.state) == EditionState.DONE)
        .values(state=EditionState.OPEN, finished_at=None)
    )
    if handed is not None and handed.intent_at is not None:
        session.add(
            DeliveryMove(
                delivery_id=delivery_id,
                at=handed.intent_at,
                event=DeliveryEvent.INTENT.value,
                before=DeliveryState.CLAIMED,
                after=DeliveryState.INFLIGHT,
                detail=HANDED_OVER,
                relay=handed.relay,
                by=handed.owner or "",
            )
        )
    _tell(session, delivery_id, DeliveryEvent.RESEND, at, after, why, by)
    return True


def doubtful_relays(found: Sequence[Doubt]) -> list[str]:
    """The relays whose logs would know."""
    return sorted({row.relay for row in found if row.relay})


def _tell(
    session: Session, delivery_id: int, event: DeliveryEvent, at: datetime, after: DeliveryState, why: str, by: str
) -> None:
    reason = "a person's word" if event is DeliveryEvent.RESEND else "evidence"
    session.add(
        DeliveryMove(
            delivery_id=delivery_id,
            at=at,
            event=event.value,
            before=DeliveryState.IN_DOUBT,
            after=after,
            reason=reason,
            detail=why[:1000],
            by=by,
        )
    )
