"""PostgreSQL: who waits, a narrow row for each delivery in the queue, so that a mail that was taken leaves no index.

Law: the database itself writes a row whenever a delivery comes into the queue, and takes it out when one leaves
(migration 0035); only a claim takes out its own, all at once. So each that is queued stands here, once. What stands
here is a hint and no proof: whether it may be claimed, only the delivery itself says, whose lock is taken first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import DateTime, Integer, bindparam, column, delete, literal_column, or_, select, table, true
from sqlmodel import col

from ..records import Delivery, DeliveryState
from .prepared import Among, Connected, Prepared
from .standing import bare, bare_state

QUEUED = table(
    "queued_row",
    column("edition_id", Integer),
    column("wave", Integer),
    column("due_at", DateTime(timezone=True)),
    column("id", Integer),
)


_ITSELF = (
    select(literal_column("delivery.ctid").label("place"))
    .select_from(Delivery)
    .where(
        col(Delivery.id) == QUEUED.c.id,
        bare_state() == DeliveryState.QUEUED.value,
        bare(Delivery.edition_id) == bindparam("edition"),
        bare(Delivery.wave) == bindparam("its_wave"),
        col(Delivery.due_at) <= bindparam("now"),
        or_(col(Delivery.next_at).is_(None), col(Delivery.next_at) <= bindparam("now")),
    )
    .with_for_update(skip_locked=True)
    .correlate(QUEUED)
    .lateral("itself")
)
WAITING_IN_TURN = (
    select(_ITSELF.c.place)
    .join_from(QUEUED, _ITSELF, true())
    .where(
        QUEUED.c.edition_id == bindparam("edition"),
        QUEUED.c.wave == bindparam("its_wave"),
        QUEUED.c.due_at <= bindparam("now"),
    )
    .order_by(QUEUED.c.due_at, QUEUED.c.id)
    .limit(bindparam("most"))
)
"""Where those lie who may be claimed of an edition's wave, and are locked by it, in turn: by the queue's order, and by
what the delivery itself says. Each for itself, so that no plan ever begins with the deliveries: as a join it did, once
the server had counted a long queue, and went through all of it for each delivery."""


def take_out(session: Connected, ids: Sequence[int]) -> None:
    """Take these deliveries out, which this transaction has just claimed and holds."""
    if ids:
        _TAKE_OUT.changed(session, ids=list(ids))


_ITS: list[Any] = [each == getattr(Delivery, each.name) for each in QUEUED.c]
_TAKE_OUT = Prepared(delete(QUEUED).where(Among(col(Delivery.id), "ids"), *_ITS))
