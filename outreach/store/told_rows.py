"""Rows as values that JSON holds, and back: for records by which something is taken back.

Law: what is told and read again is the same row; an id that somebody else has by then is not taken from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import Column, Date, Table, insert, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from ..records import UtcDateTime


def tell_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's values by column, as JSON has them."""
    return {name: _told(value) for name, value in row.items()}


def tell_rows(session: Session, table: Table, condition: Any) -> list[dict[str, Any]]:
    """Every row for which this holds."""
    return [tell_row(dict(row)) for row in session.connection().execute(select(table).where(condition)).mappings()]


def _told(value: Any) -> Any:
    if isinstance(value, date):  # an instant is one too
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


def read_row(table: Table, told: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row that was told, for those columns that there still are."""
    return {column.name: _read(column, told[column.name]) for column in table.columns if column.name in told}


def put_row(session: Session, table: Table, values: Mapping[str, Any]) -> int | None:
    """Write a row under the id that it had, or another where that is taken; None where the like is there already."""
    taken = session.connection().execute(select(table.c.id).where(table.c.id == values["id"])).first()
    kept = {name: value for name, value in values.items() if name != "id" or taken is None}
    try:
        with session.begin_nested():
            key = session.connection().execute(insert(table).values(kept)).inserted_primary_key
    except IntegrityError:
        return None
    return int(key[0]) if key is not None else None


def _read(column: Column[Any], told: Any) -> Any:
    if told is None:
        return None
    if isinstance(column.type, UtcDateTime):
        return datetime.fromisoformat(told)
    return date.fromisoformat(told) if isinstance(column.type, Date) else told
