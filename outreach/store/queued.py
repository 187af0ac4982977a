"""PostgreSQL: who waits, a narrow row for each delivery in the queue, so that a mail that was taken leaves no index.

Law: the database itself writes a row whenever a delivery comes into the queue, and takes it out when one leaves
(migration 0035); only a claim takes out its own, all at once. So each that is queued stands here, once. What stands
here is a hint and no proof: whether it may be claimed, only the delivery itself says, whose lock is taken first.
What other hands did to the queue is found by the doctor, and put right by `outreach db upgrade`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    DateTime,
    Integer,
    bindparam,
    column,
    delete,
    func,
    literal_column,
    or_,
    select,
    table,
    text,
    true,
    tuple_,
    update,
)
from sqlmodel import col

from ..records import Delivery, DeliveryState, Edition, EditionState
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
        tuple_(QUEUED.c.due_at, QUEUED.c.id) > tuple_(bindparam("after_due"), bindparam("after_id")),
    )
    .order_by(QUEUED.c.due_at, QUEUED.c.id)
    .limit(bindparam("most"))
)
"""Where those lie who may be claimed of an edition's wave, and are locked by it, in turn: by the queue's order, and by
what the delivery itself says. Each for itself, so that no plan ever begins with the deliveries: as a join it did, once
the server had counted a long queue, and went through all of it for each delivery."""


class Reached:
    """How far one who claims has come in the queue of each edition's wave: their next claim goes on behind it.

    What was taken leaves an entry behind, which a vacuum cannot clear away while anybody reads from an older snapshot
    (a dump, a long report): each claim from the start goes over all of them again, and they are as many as were sent.
    A hint, and its claimer's own: who comes into the queue before it is found by the next claim from the start, which
    follows when this is forgotten. `slices` are the numbers of the claimer's own (`slices.note_slice`), which stay;
    None where this does not last, and nobody keeps them.
    """

    def __init__(self, *, lasting: bool = True) -> None:
        self.slices: list[int] | None = [] if lasting else None
        self._places: dict[tuple[int, int], tuple[datetime, int]] = {}

    def __bool__(self) -> bool:
        """Whether the next claim goes on anywhere; else it begins at the start everywhere."""
        return bool(self._places)

    def knows(self, edition_id: int) -> bool:
        """Whether something of this edition was claimed already, or sought in vain."""
        return (edition_id, 0) in self._places

    def behind(self, edition_id: int, wave: int) -> dict[str, Any]:
        """What a claim is given to go on."""
        due_at, number = self._places.get((edition_id, wave), _START)
        return {"after_due": due_at, "after_id": number}

    def note(self, edition_id: int, wave: int, place: tuple[datetime, int] | None, now: datetime) -> None:
        """A claim came as far as to this due time and delivery; None: to the end of what was due `now`."""
        self._places[edition_id, wave] = place or (now, _LAST)

    def forget(self) -> None:
        """Begin at the start with the next claim."""
        self._places.clear()


_START = (datetime(1, 1, 1, tzinfo=UTC), 0)
_LAST = 2**31 - 1


def take_out(session: Connected, ids: Sequence[int]) -> None:
    """Take these deliveries out, which this transaction has just claimed and holds."""
    if ids:
        _TAKE_OUT.changed(session, ids=list(ids))


_STANDING = (
    select(literal_column("queued_row.ctid").label("place"))
    .select_from(QUEUED)
    .where(*(each == getattr(Delivery, each.name) for each in QUEUED.c))
    .offset(literal_column("0"))
    .correlate(Delivery)
    .lateral("standing")
)
_PLACES = select(_STANDING.c.place).join_from(Delivery, _STANDING, true()).where(Among(col(Delivery.id), "ids"))
_place: Any = literal_column("queued_row.ctid")
_TAKE_OUT = Prepared(delete(QUEUED).where(_place == func.any(func.array(_PLACES.scalar_subquery()))))
"""Each by its whole key, whatever the server believes (as above): a queue that it had last seen empty was gone through
as a whole, for each claim."""


def keepers_off(session: Connected) -> list[str]:
    """Which of the database's own keepers of the queue are missing or switched off."""
    at_work = set(session.connection().execute(_AT_WORK).scalars())
    return [name for name in KEEPERS if name not in at_work]


def count_missed(session: Connected) -> int:
    """How many deliveries are queued and stand in no queue: nobody would ever claim them."""
    return int(session.connection().execute(_COUNT_MISSED).scalar_one())


def lay_again(session: Connected) -> int:
    """Make the queue what the outbox says, and have it kept again; how many were missed, and are claimed from now on.

    Nobody changes a mail until this transaction ends. An edition that was closed over them is open again.
    """
    connection = session.connection()
    connection.exec_driver_sql("LOCK TABLE delivery IN SHARE ROW EXCLUSIVE MODE")
    for name in keepers_off(session):
        connection.exec_driver_sql(f"ALTER TABLE delivery ENABLE TRIGGER {name}")
    connection.execute(_NOBODY_WAITS)
    missed = connection.execute(_BRING_IN).all()
    connection.execute(
        update(Edition)
        .where(col(Edition.id).in_([row.edition_id for row in missed]), col(Edition.state) == EditionState.DONE)
        .values(state=EditionState.OPEN, finished_at=None)
    )
    return sum(row.number for row in missed)


KEEPERS = ("queued_in", "queued_out", "queued_moved")
_AT_WORK = text(
    "SELECT tgname FROM pg_trigger WHERE tgrelid = CAST('delivery' AS regclass) AND tgenabled IN ('O', 'A')"
)
_SAME = (
    "(queued_row.edition_id, queued_row.wave, queued_row.due_at, queued_row.id)"
    " = (delivery.edition_id, delivery.wave, delivery.due_at, delivery.id)"
)
_MISSED = f"delivery WHERE state = 'queued' AND NOT EXISTS (SELECT 1 FROM queued_row WHERE {_SAME})"  # noqa: S608  ours
_COUNT_MISSED = text(f"SELECT count(*) FROM {_MISSED}")  # noqa: S608  as above
_BRING_IN = text(
    f"WITH missed AS (INSERT INTO queued_row SELECT edition_id, wave, due_at, id FROM {_MISSED} RETURNING edition_id)"  # noqa: S608
    " SELECT edition_id, count(*) AS number FROM missed GROUP BY edition_id"
)
_NOBODY_WAITS = text(
    f"DELETE FROM queued_row WHERE NOT EXISTS (SELECT 1 FROM delivery WHERE {_SAME} AND state = 'queued')"  # noqa: S608
)
