"""An INSERT that may leave alone what is there already.

Law: each kind of database has such an INSERT of its own; of them all only the one that is used is ever loaded.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.engine import Connection

if TYPE_CHECKING:
    from sqlalchemy.dialects.sqlite import Insert


def insert_on(connection: Connection, table: Any) -> Insert:
    """An INSERT into `table` that knows `on_conflict_do_nothing`, for the kind of database behind `connection`."""
    return cast("Insert", import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert(table))
