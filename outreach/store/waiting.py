"""Who waits in an edition's queue, in the words of what each database finds them by.

Law: on PostgreSQL a query begins with the queue and looks up each delivery by its own number, whatever the server
believes of either table; as a join, or with EXISTS, it could begin with the deliveries and go through the whole queue
for each. On SQLite the state stands in the index. Either way the order, and so each place in it, is the queue's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, literal, literal_column, or_, select, true, tuple_
from sqlmodel import Session, col

from ..records import Delivery, DeliveryState
from .phases import InState
from .postgresql import by_keys
from .queued import QUEUED
from .standing import bare, bare_state


class Place(NamedTuple):
    """Where a delivery stands among those of its edition in one state: who is behind it comes later."""

    state: DeliveryState
    wave: int
    due_at: datetime
    id: int


class Waiting:
    """The queued deliveries of an edition. `c` are their columns; by `wave`, `due_at` and `id` they are found."""

    def __init__(self, session: Session, edition_id: Any) -> None:
        table: Any = Delivery.__table__  # type: ignore[attr-defined]
        if session.connection().dialect.name == "postgresql":
            itself = (
                select(table)
                .where(
                    col(Delivery.id) == QUEUED.c.id,
                    bare_state() == DeliveryState.QUEUED.value,
                    bare(Delivery.edition_id) == QUEUED.c.edition_id,
                    bare(Delivery.wave) == QUEUED.c.wave,
                    col(Delivery.due_at) == QUEUED.c.due_at,
                )
                .offset(literal_column("0"))  # else the server may join the two as it likes
                .correlate(QUEUED)
                .lateral("itself")
            )
            self.c, found = itself.c, QUEUED
            self._from: Any = QUEUED.join(itself, true())
            self._which: ColumnElement[bool] = QUEUED.c.edition_id == edition_id
        else:
            self.c, found = table.c, table
            self._from = table
            self._which = and_(table.c.edition_id == edition_id, table.c.state == DeliveryState.QUEUED)
        self.wave, self.due_at, self.id = found.c.wave, found.c.due_at, found.c.id

    def select(self, *columns: Any) -> Select[Any]:
        """A query for these columns of them."""
        return select(*columns).select_from(self._from).where(self._which)

    def has_any(self) -> ColumnElement[bool]:
        """Whether there are some; stops at the first."""
        return self.select(literal_column("1")).limit(1).scalar_subquery().is_not(None)


def ripe(next_at: Any, now: datetime) -> ColumnElement[bool]:
    """Whether somebody who waits was not put off, or for no longer than until now."""
    return or_(next_at.is_(None), next_at <= now)


def behind(place: Place, wave: Any, due_at: Any, number: Any) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Who of those with these columns stands behind this place, as the index has them: first those of the same instant,
    then all later ones. Asked in one, SQLite goes through all of the same instant each time."""
    same = and_(wave == place.wave, due_at == place.due_at, number > place.id)
    columns = (wave, due_at)
    return same, tuple_(*columns) > tuple_(*map(literal, place[1:3], (each.type for each in columns)))


def places(session: Session, edition_id: int, state: DeliveryState, after: Place | None, limit: int) -> list[Place]:
    """The first so many of those who wait for their turn, or are deferred, behind this place."""
    if state is DeliveryState.QUEUED:
        waiting = Waiting(session, edition_id)
        columns: tuple[Any, ...] = (waiting.wave, waiting.due_at, waiting.id)
        query = waiting.select(*columns)
    else:
        columns = (col(Delivery.wave), col(Delivery.due_at), col(Delivery.id))
        query = select(*columns).where(col(Delivery.edition_id) == edition_id, InState(state))
    return [Place(state, *row) for row in onward(session, query, columns, after, limit)]


def onward(session: Session, query: Select[Any], columns: Sequence[Any], after: Place | None, limit: int) -> list[Any]:
    """The first so many rows of `query` behind this place, in the order of `columns`: wave, due time, number."""
    by_keys(session.connection())
    found: list[Any] = []
    for which in (true(),) if after is None else behind(after, *columns):
        if len(found) < limit:
            some = query.where(which).order_by(*columns).limit(limit - len(found))
            found += session.connection().execute(some).all()
    return found
