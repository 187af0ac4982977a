"""Kept: what is read of everybody at once, two thousand people in each row that SQLite gives.

Law: the same people and values as the rows would have, each value as JSON until somebody reads it (`unpacked`): to hand
over a row costs more than to find it, and what a million people have to themselves is their number alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, func
from sqlmodel import Session

from .prepared import Prepared

SIZE = 2000


class Pack(NamedTuple):
    """Some people, and what is read of each: see `unpacked`."""

    persons: Sequence[int]
    values: Sequence[Any]


class Within(NamedTuple):
    """The numbers by which a statement may be run piece by piece: the column, its lowest and highest value."""

    key: Any
    first: int
    last: int


Make = Callable[[Sequence[Any]], Select[Any]]
Packs = Iterator[Pack]


def in_pieces(session: Session) -> bool:
    """Whether this database is read piece by piece: SQLite, where a row costs more than a statement."""
    return session.connection().dialect.name == "sqlite"


def packs(session: Session, make: Make, person: Any, columns: Sequence[Any], within: Within | None) -> Packs:
    """Everybody whom the statement finds that `make` writes of these columns. On SQLite in as many pieces as lie
    `within`; without that, and on PostgreSQL, row by row."""
    if within is None or not in_pieces(session):
        for page in Prepared(make([person, *columns])).pages(session, SIZE):
            yield Pack([row[0] for row in page], [row[1:] for row in page])
        return
    together = [func.group_concat(person), func.group_concat(func.json_array(*columns), "\n")]
    piece = make(together).where(within.key > bindparam("after", 0), within.key <= bindparam("upto", 0))
    prepared = Prepared(piece)
    for after in range(within.first - 1, within.last, SIZE):
        [(persons, values)] = prepared.rows(session, after=after, upto=after + SIZE)
        if persons is not None:
            yield Pack(json.loads(f"[{persons}]"), values.split("\n"))


def in_columns(
    session: Session, make: Make, columns: Sequence[Any], within: Within | None, order: Sequence[Any]
) -> Iterator[list[Sequence[Any]]]:
    """The same of what has no comma and is never empty, some rows at a time, column by column. On SQLite a piece comes
    in any order, and numbers as text; else the rows come in this one."""
    if within is None or not in_pieces(session):
        for page in Prepared(make(columns).order_by(*order)).pages(session, SIZE):
            yield list(zip(*page, strict=True))
        return
    piece = make([func.group_concat(column) for column in columns])
    prepared = Prepared(piece.where(within.key > bindparam("after", 0), within.key <= bindparam("upto", 0)))
    for after in range(within.first - 1, within.last, SIZE):
        [row] = prepared.rows(session, after=after, upto=after + SIZE)
        if row[0] is not None:
            yield [str(column).split(",") for column in row]


def unpacked(value: Any) -> Sequence[Any]:
    """What stands behind a person, column by column, as the driver gives it."""
    found: Sequence[Any] = json.loads(value) if isinstance(value, str) else value
    return found
