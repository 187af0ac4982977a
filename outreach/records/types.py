"""Column types shared by all tables.

Law: an instant is an aware datetime in UTC or it is refused; a word of a vocabulary is stored as its text.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, String, text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel


class Record(SQLModel):
    """What every table is. What would check a row by its types is made when one is first asked to: few ever are, and
    making it for all tables took a tenth of each start."""

    model_config = {"defer_build": True}


def only_where(condition: str) -> dict[str, Any]:
    """What makes an index one of the rows for which this SQL holds.

    On PostgreSQL the migration alone says so: to name it here would load that dialect at each start.
    """
    return {"sqlite_where": text(condition)}


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. SQLite keeps naive UTC text of fixed width (so it sorts), PostgreSQL a timestamptz."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: every instant in the database is UTC")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Word(TypeDecorator[StrEnum]):
    """A word of one of the vocabularies in `outreach.words`, stored as its value."""

    impl = String
    cache_ok = True

    def __init__(self, vocabulary: type[StrEnum]) -> None:
        super().__init__()
        self.vocabulary = vocabulary

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else self.vocabulary(value).value

    def process_result_value(self, value: Any, dialect: Dialect) -> StrEnum | None:
        return None if value is None else self.vocabulary(value)
