"""Kept: who claims deliveries, how long their word counts, and what becomes of what a dead worker held.

Law: a claimed row of a dead worker goes back to the queue; an inflight one is in doubt, never queued (RELIABILITY
I3). Only what the worker had in its hand when it died counts as a crash (I11), not all that it had claimed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, select, update
from sqlmodel import Session, col

from ..delivery.state import move
from ..records import Delivery, DeliveryEvent, DeliveryMove, DeliveryState, FailureClass, Worker
from .prepared import Connected
from .slices import HELD, Leased, forget_slices

CHUNK = 500
_HELD = col(Delivery.state).in_(HELD), Leased()
"""The second finds them: only rows that are held have a lease, and only these stand in its index, or in a slice."""


@dataclass(frozen=True, slots=True)
class Reclaimed:
    """How many rows of dead workers went where."""

    queued: int = 0
    in_doubt: int = 0
    poison: int = 0

    def __add__(self, other: Reclaimed) -> Reclaimed:
        return Reclaimed(self.queued + other.queued, self.in_doubt + other.in_doubt, self.poison + other.poison)

    @property
    def total(self) -> int:
        """All rows that were moved."""
        return self.queued + self.in_doubt + self.poison


def sign_on(session: Session, name: str, kind: str, now: datetime, *, host: str = "", pid: int = 0) -> None:
    """Write down that a worker begins; `host` and `pid` say where, for a person."""
    session.add(Worker(name=name, kind=kind, host=host, pid=pid, started_at=now, beat_at=now))


def sign_off(session: Session, name: str, now: datetime) -> None:
    """Write down that a worker ended in good order, or was found dead."""
    session.connection().execute(
        update(Worker).where(col(Worker.name) == name, col(Worker.stopped_at).is_(None)).values(stopped_at=now)
    )


def beat(session: Connected, name: str, now: datetime, lease: timedelta) -> None:
    """Show that a worker lives, and lengthen the leases of what it still holds."""
    connection = session.connection()
    connection.execute(update(Worker).where(col(Worker.name) == name).values(beat_at=now))
    connection.execute(update(Delivery).where(*_HELD, col(Delivery.owner) == name).values(lease_until=now + lease))


def holders(session: Session) -> list[str]:
    """The names of all workers that hold a row."""
    query = select(col(Delivery.owner)).where(*_HELD, col(Delivery.owner).is_not(None))
    return sorted(str(name) for name in session.execute(query.distinct()).scalars())


def overdue(session: Session, now: datetime) -> list[str]:
    """The names of workers that hold a row whose lease has run out."""
    query = select(col(Delivery.owner)).where(*_HELD, col(Delivery.lease_until) < now)
    return sorted(str(name) for name in session.execute(query.distinct()).scalars())


def reclaim(
    session: Session,
    owner: str,
    *,
    now: datetime,
    suspects: Collection[int] = (),
    max_crashes: int,
    only_overdue: bool = False,
    among: Collection[int] | None = None,
) -> Reclaimed:
    """Take up to 500 rows from a dead worker; call again until it gives nothing.

    `suspects` are the deliveries that it had in its hand. With `only_overdue` just those whose lease ran out;
    `among`: just these, at most 500, because a part of the worker has died and the rest goes on.
    """
    query = select(col(Delivery.id), col(Delivery.state), col(Delivery.crashes)).where(
        *_HELD, col(Delivery.owner) == owner
    )
    if only_overdue:
        query = query.where(col(Delivery.lease_until) < now)
    if among is not None:
        query = query.where(col(Delivery.id).in_(list(among)))
    # by a value, not by the key: else SQLite would go through the whole outbox in its order
    rows = session.execute(query.order_by(col(Delivery.id) + 0).limit(CHUNK).with_for_update()).all()
    if not rows and among is None:
        forget_slices(session)
    doubtful = [row.id for row in rows if row.state is DeliveryState.INFLIGHT]
    claimed = [row.id for row in rows if row.state is DeliveryState.CLAIMED]
    crashed = [row.id for row in rows if row.id in suspects and row.state is DeliveryState.CLAIMED]
    poison = [row.id for row in rows if row.id in crashed and row.crashes + 1 >= max_crashes]
    _put_in_doubt(session, owner, doubtful, now, died=not only_overdue)
    _poison(session, owner, poison, now)
    released = [row for row in claimed if row not in poison]
    _release(session, owner, [row for row in released if row not in crashed], now, crashes=0)
    _release(session, owner, [row for row in released if row in crashed], now, crashes=1)
    return Reclaimed(len(released), len(doubtful), len(poison))


def _put_in_doubt(session: Session, owner: str, ids: list[int], now: datetime, *, died: bool) -> None:
    """inflight --> in_doubt. The row keeps its owner: should that one live, a late reply still settles it.

    What the dead had begun was an attempt; one that may live counts its own.
    """
    if not ids:
        return
    after = move(DeliveryState.INFLIGHT, DeliveryEvent.UNKNOWN)
    why = "its process died" if died else "its lease ran out"
    evidence = f"the worker {owner} had begun to send it and {why}: the mail may have arrived"
    tried = col(Delivery.attempts) + int(died)
    _held(session, owner, ids, DeliveryState.INFLIGHT, state=after, reason="crash", evidence=evidence, attempts=tried)
    _tell(session, owner, ids, now, DeliveryEvent.UNKNOWN, DeliveryState.INFLIGHT, evidence)


def _poison(session: Session, owner: str, ids: list[int], now: datetime) -> None:
    """claimed --Nth crash--> failed(poison)."""
    if not ids:
        return
    after = move(DeliveryState.CLAIMED, DeliveryEvent.POISON)
    evidence = "a worker died each time it took this mail in hand"
    values = {"reason": "poison", "evidence": evidence, "failure": FailureClass.POISON, "owner": None}
    crashes = col(Delivery.crashes) + 1
    _held(session, owner, ids, DeliveryState.CLAIMED, state=after, crashes=crashes, settled_at=now, **values)
    _tell(session, owner, ids, now, DeliveryEvent.POISON, DeliveryState.CLAIMED, evidence)


def _release(session: Session, owner: str, ids: list[int], now: datetime, *, crashes: int) -> None:
    """claimed --> queued. Only what was in its hand has anything to tell: of the others no dot had left."""
    if not ids:
        return
    after = move(DeliveryState.CLAIMED, DeliveryEvent.RELEASE)
    _held(session, owner, ids, DeliveryState.CLAIMED, state=after, owner=None, crashes=col(Delivery.crashes) + crashes)
    if crashes:
        words = f"the worker {owner} died while it made this mail: it was not sent"
        _tell(session, owner, ids, now, DeliveryEvent.RELEASE, DeliveryState.CLAIMED, words)


def _held(session: Session, held_by: str, ids: list[int], before: DeliveryState, **values: object) -> None:
    session.connection().execute(
        update(Delivery)
        .where(col(Delivery.id).in_(ids), col(Delivery.state) == before, col(Delivery.owner) == held_by)
        .values(lease_until=None, **values)
    )


def _tell(
    session: Session,
    owner: str,
    ids: list[int],
    now: datetime,
    happened: DeliveryEvent,
    before: DeliveryState,
    words: str,
) -> None:
    told = {"at": now, "event": str(happened), "before": before, "after": move(before, happened), "by": owner}
    rows = [told | {"delivery_id": row, "reason": "crash", "detail": words} for row in ids]
    session.connection().execute(insert(DeliveryMove), rows)
