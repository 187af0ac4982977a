"""Kept: mail that was put off is judged at the next claim, since what it waited for is over.

Law: nobody is held up: who waits is looked through onward, a portion in each short transaction (RELIABILITY I12), and
is only changed where they are still queued and still wait for that. What is claimed meanwhile is its claimer's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import and_, bindparam, select, update
from sqlmodel import Session, col

from ..records import Delivery, DeliveryState, Edition, EditionState
from .database import Database
from .prepared import Among, Prepared
from .standing import bare_state
from .waiting import Place, Waiting, onward

PORTION = 1_000
ROUNDS = 2
"""Whoever was judged before what they waited for was over may have been put off behind us: one more look finds them."""
OPEN = (EditionState.PLANNING, EditionState.OPEN, EditionState.PAUSED, EditionState.WAITING)
DOMAIN_PAUSED = "domain paused"
"""The reason on mail that waits because its domain is paused."""


def hasten_campaign(database: Database, campaign_id: int, reason: str) -> int:
    """Have a campaign's queued mail that waits for this reason judged at the next claim; how many had been put off."""
    with database.read() as session:
        query = select(col(Edition.id)).where(col(Edition.campaign_id) == campaign_id, col(Edition.state).in_(OPEN))
        editions = session.execute(query.order_by(col(Edition.id))).scalars().all()
    return sum(_hasten(database, one or 0, reason) for one in editions)


def hasten_domains(database: Database, edition_ids: Iterable[int], keys: Collection[str]) -> int:
    """The same for what waits in these editions because its domain, one of these, was paused."""
    return sum(_hasten(database, one, DOMAIN_PAUSED, keys) for one in edition_ids)


def _hasten(database: Database, edition_id: int, reason: str, domains: Collection[str] | None = None) -> int:
    hastened = 0
    for _ in range(ROUNDS):
        after: Place | None = None
        while True:
            with database.read() as session:
                after, ids = _put_off(session, edition_id, reason, domains, after)
            if ids:
                with database.write() as session:
                    hastened += _SOONER.changed(session, ids=ids, why=reason)
            if after is None:
                break
    return hastened


def _put_off(
    session: Session, edition_id: int, reason: str, domains: Collection[str] | None, after: Place | None
) -> tuple[Place | None, list[int]]:
    """Of the next `PORTION` of who waits behind this place: where it ends, None at the end of all, and who was put off
    for this reason."""
    waiting = Waiting(session, edition_id)
    columns = (waiting.wave, waiting.due_at, waiting.id)
    put_off = [waiting.c.next_at.is_not(None), waiting.c.reason == reason]
    if domains is not None:
        put_off.append(waiting.c.domain_key.in_(domains))
    rows = onward(session, waiting.select(*columns, and_(*put_off)), columns, after, PORTION)
    last = Place(DeliveryState.QUEUED, *rows[-1][:3]) if len(rows) == PORTION else None
    return last, [row[2] for row in rows if row[3]]


_SOONER = Prepared(
    update(Delivery)
    .where(
        Among(col(Delivery.id), "ids"),
        bare_state() == DeliveryState.QUEUED.value,
        col(Delivery.next_at).is_not(None),
        col(Delivery.reason) == bindparam("why"),
    )
    .values(next_at=None, reason="", evidence="")
)
