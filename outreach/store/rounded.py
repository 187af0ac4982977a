"""Kept: instants rounded up in the database, as text that many people share: nobody's own second makes a group.

Law: what is rounded there and what is rounded here (`minute_up`, `hour_up`) is the same instant.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


class MinuteUp(FunctionElement[str]):
    """An instant's minute as text, and behind it whether it was over: "2026-12-01 09:001"."""

    type = String()
    inherit_cache = True


class HourUp(FunctionElement[str]):
    """The same by the hour: "2026-12-01 091"."""

    type = String()
    inherit_cache = True


@compiles(MinuteUp, "sqlite")
def _minute_in_sqlite(element: Any, compiler: Any, **how: Any) -> str:
    at = compiler.process(next(iter(element.clauses)), **how)
    return f"(substr({at}, 1, 16) || (substr({at}, 18) > '00.000000'))"


@compiles(HourUp, "sqlite")
def _hour_in_sqlite(element: Any, compiler: Any, **how: Any) -> str:
    at = compiler.process(next(iter(element.clauses)), **how)
    return f"(substr({at}, 1, 13) || (substr({at}, 15) > '00:00.000000'))"


@compiles(MinuteUp, "postgresql")
def _minute_in_postgresql(element: Any, compiler: Any, **how: Any) -> str:
    return _in_postgresql(compiler.process(next(iter(element.clauses)), **how), "minute", "YYYY-MM-DD HH24:MI")


@compiles(HourUp, "postgresql")
def _hour_in_postgresql(element: Any, compiler: Any, **how: Any) -> str:
    return _in_postgresql(compiler.process(next(iter(element.clauses)), **how), "hour", "YYYY-MM-DD HH24")


def _in_postgresql(at: str, unit: str, form: str) -> str:
    whole = f"date_trunc('{unit}', {at})"
    return f"(to_char({whole} AT TIME ZONE 'UTC', '{form}') || CASE WHEN {whole} < {at} THEN '1' ELSE '0' END)"


def rounded(at: Any, unit: timedelta) -> Any:
    """The instant in a column, rounded up to whole minutes or hours by the database; as `read_rounded` reads it."""
    return HourUp(at) if unit == HOUR else MinuteUp(at)


@lru_cache(maxsize=65_536)
def read_rounded(said: str) -> datetime:
    """The whole minute, or hour, that the instant is over by."""
    unit = MINUTE if len(said) > 14 else HOUR
    return datetime.fromisoformat(said[:-1]).replace(tzinfo=UTC) + unit * int(said[-1])


def minute_up(at: datetime) -> datetime:
    """The whole minute that the instant is over by."""
    floor = at.replace(second=0, microsecond=0)
    return floor if floor == at else floor + MINUTE


def hour_up(at: datetime) -> datetime:
    """The whole hour that the instant is over by."""
    floor = at.replace(minute=0, second=0, microsecond=0)
    return floor if floor == at else floor + HOUR
