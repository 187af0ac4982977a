"""Kept: how large the database is, and what it is full of.

Law: it only reads; counts are exact on SQLite, and estimates of the server on PostgreSQL.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, inspect, select, text

from ..records import Bounce, Customer, Delivery, DeliveryMove, Inbound
from .backup import file_bytes
from .database import Database, told

COUNTED = (Customer, Delivery, DeliveryMove, Inbound, Bounce)


@dataclass(frozen=True)
class DatabaseSize:
    """Bytes in all, bytes that new rows may use before it grows, and rows of the large tables."""

    bytes: int
    free: int
    rows: dict[str, int]


def database_size(database: Database) -> DatabaseSize:
    """What the database takes. A database of an older revision is counted too."""
    with told(database), database.engine.connect() as connection:
        known = set(inspect(connection).get_table_names())
        tables = [table for table in COUNTED if str(table.__tablename__) in known]
        if database.path is None:
            total = connection.execute(text("SELECT pg_database_size(current_database())")).scalar() or 0
            estimate = text("SELECT coalesce(max(reltuples), 0)::bigint FROM pg_class WHERE relname = :name")
            guesses = {
                str(table.__tablename__): connection.execute(estimate, {"name": table.__tablename__}).scalar()
                for table in tables
            }
            rows = {name: max(0, int(guess or 0)) for name, guess in guesses.items()}
            return DatabaseSize(total, 0, rows)
        page = connection.exec_driver_sql("PRAGMA page_size").scalar() or 0
        free = connection.exec_driver_sql("PRAGMA freelist_count").scalar() or 0
        rows = {
            str(table.__tablename__): int(connection.execute(select(func.count()).select_from(table)).scalar() or 0)
            for table in tables
        }
        return DatabaseSize(file_bytes(database.path), page * free, rows)
