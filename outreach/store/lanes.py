"""How far the database has come: turns, in lanes, so that programs that commit at once need not wait for one row.

Law: whatever must not be forgotten raises a lane's turn in its own transaction; who raises one holds it until that
commit. So each program that commits all the time has a lane of its own, found by a lock that nobody waits for; the
first belongs to all others, and to SQLite, which has one writer. What is compared with them: `work.epoch` (I10).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import String, bindparam, cast, column, func, literal_column, select, table, text, update
from sqlalchemy.engine import Connection
from sqlalchemy.types import UserDefinedType
from sqlmodel import Session, col

from ..records import LANES, Lane, WorkspaceRow
from .postgresql import lock_number
from .prepared import Connected, Prepared

COMMON = 0
_KEYS = [lock_number(f"lane {lane}") for lane in range(1, LANES)]


def turns_of(session: Session) -> tuple[int, ...]:
    """The turn of each lane."""
    found = session.execute(select(col(Lane.id), col(Lane.turn))).all()
    turns = {row[0]: row[1] for row in found}
    return tuple(turns.get(lane, 0) for lane in range(LANES))


def raise_lane(session: Connected, lane: int) -> tuple[str, int] | None:
    """Raise this lane's turn in this transaction: the database's epoch, and the turn; None where there is no such."""
    rows = _RAISE.rows(session, lane=lane)
    return (rows[0][0], rows[0][1]) if rows else None


class Taken(NamedTuple):
    """A lane, and whether it is this connection's alone."""

    lane: int
    alone: bool


def own_lane(connection: Connection) -> Taken:
    """A lane for as long as this connection lives, on PostgreSQL; where all are taken, one that it shares."""
    lane = connection.execute(_FREE, {"keys": _KEYS}).scalar()
    if lane is not None:
        return Taken(int(lane), alone=True)
    return Taken(int(connection.execute(_ANY, {"lanes": LANES - 1}).scalar_one()), alone=False)


def lifted(lane: Any) -> Any:
    """The update that raises a lane's turn, and tells the database's epoch and that turn."""
    epoch = select(col(WorkspaceRow.epoch)).where(col(WorkspaceRow.id) == 1).scalar_subquery()
    return (
        update(Lane)
        .where(col(Lane.id) == lane)
        .values(turn=col(Lane.turn) + 1)
        .returning(func.coalesce(epoch, "").label("epoch"), col(Lane.turn))
    )


class _Tid(UserDefinedType[str]):
    """PostgreSQL: where a version of a row lies."""

    cache_ok = True

    def get_col_spec(self, **_how: Any) -> str:
        return "TID"


def lifted_at(lane: Any, place: Any) -> Any:
    """The same on PostgreSQL, for a lane that hardly anybody else raises: `place` is where its row lay after the last
    time, and is told anew. Each time leaves a version behind, which cannot be cleared away while anybody reads from an
    older snapshot: sought by its number the row is found behind all of them. Without a place, or where it lies there no
    more, it is sought so. Where another raised it in that very moment nothing is: then `lifted` does it."""
    there = table("lane", column("id"), column("ctid")).alias("there")
    found = select(there.c.ctid).where(there.c.id == lane)
    at_place = found.where(there.c.ctid == cast(place, _Tid))
    lies: Any = literal_column("lane.ctid")
    first = func.coalesce(at_place.scalar_subquery(), found.scalar_subquery())
    return lifted(lane).where(lies == first).returning(cast(lies, String).label("place"))


_RAISE = Prepared(lifted(bindparam("lane")))
_FREE = text(
    "SELECT lane FROM unnest(CAST(:keys AS bigint[])) WITH ORDINALITY AS one (key, lane)"
    " WHERE pg_try_advisory_lock(key) LIMIT 1"
)
_ANY = text("SELECT 1 + pg_backend_pid() % :lanes")
