"""Kept: which version of an edition each person was dealt, what came back of each, and what the rest gets.

Law: only who was dealt a version by chance counts for it; the rest that got the winner later does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from ..chance import Share
from ..records import Category, Delivery, DeliveryState, Edition, Inbound, Machine, Touch
from .database import rows_in_chunks

CHUNK = 500
NO_MAIL = (DeliveryState.WITHHELD, DeliveryState.SUPPRESSED, DeliveryState.CANCELLED, DeliveryState.EXPIRED)


def dealt_versions(session: Session, delivery_ids: Sequence[int]) -> dict[int, tuple[str, datetime]]:
    """Each delivery's version and when it was due."""
    found: dict[int, tuple[str, datetime]] = {}
    for part in rows_in_chunks(list(delivery_ids), CHUNK):
        query = select(col(Delivery.id), col(Delivery.variant), col(Delivery.due_at)).where(col(Delivery.id).in_(part))
        found.update((row[0], (row[1], row[2])) for row in session.execute(query))
    return found


def versions_of_people(session: Session, edition_id: int, customer_ids: Sequence[int]) -> dict[int, str]:
    """The version of an edition that each of these customers was dealt."""
    found: dict[int, str] = {}
    for part in rows_in_chunks(list(customer_ids), CHUNK):
        query = select(col(Delivery.customer_id), col(Delivery.edition_id), col(Delivery.variant))
        rows = session.execute(query.where(col(Delivery.customer_id).in_(part)))
        found.update((row[0], row[2]) for row in rows if row[1] == edition_id)
    return found


def version_shares(session: Session, edition_id: int, names: Sequence[str], by: str) -> dict[str, Share]:
    """For each version the people who answered it, complained in answer to it, or clicked, of those it was sent to."""
    sent = col(Delivery.edition_id) == edition_id, col(Delivery.state) == DeliveryState.SENT
    sizes = select(col(Delivery.variant), func.count()).where(*sent).group_by(col(Delivery.variant))
    of: dict[str, int] = {row[0]: row[1] for row in session.execute(sizes)}
    people: Any = func.count(func.distinct(col(Delivery.id)))
    if by == "clicks":
        clicked = (
            select(col(Delivery.variant), people)
            .join(Touch, col(Touch.delivery_id) == col(Delivery.id))
            .where(*sent, col(Touch.number) > 0, col(Touch.person_at).is_not(None))
            .group_by(col(Delivery.variant))
        )
        counts: dict[str, int] = {row[0]: row[1] for row in session.execute(clicked)}
        return {name: Share(counts.get(name, 0), of.get(name, 0)) for name in names}
    query = (
        select(col(Delivery.variant), people)
        .join(Inbound, col(Inbound.delivery_id) == col(Delivery.id))
        .where(*sent, col(Inbound.machine) == Machine.HUMAN)
        .group_by(col(Delivery.variant))
    )
    if by == "complaints":
        query = query.where(col(Inbound.category) == Category.COMPLAINT)
    counts = {row[0]: row[1] for row in session.execute(query)}
    return {name: Share(counts.get(name, 0), of.get(name, 0)) for name in names}


def people_by_version(session: Session, edition_id: int) -> dict[str, int]:
    """How many people of an edition get each version, or wait for one; those who get no mail apart."""
    query = select(col(Delivery.variant), func.count()).where(col(Delivery.edition_id) == edition_id)
    query = query.where(col(Delivery.state).not_in(NO_MAIL)).group_by(col(Delivery.variant))
    return {row[0]: row[1] for row in session.execute(query)}


def keep_in_test(session: Session, edition_id: int, told: Mapping[str, Any]) -> None:
    """Add this to what an edition keeps of its test. The caller commits."""
    edition = session.get_one(Edition, edition_id, with_for_update=True, populate_existing=True)
    values = {"versions": {**edition.versions, **told}}
    session.connection().execute(update(Edition).where(col(Edition.id) == edition_id).values(values))


def decide_versions(session: Session, edition_id: int, told: Mapping[str, Any]) -> bool:
    """Write down what the rest gets; False where that is decided already."""
    edition = session.get_one(Edition, edition_id, with_for_update=True, populate_existing=True)
    if "decided" in edition.versions:
        return False
    keep_in_test(session, edition_id, told)
    return True
