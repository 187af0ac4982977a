"""The workspace's own row: its name, its version, and whether everything is paused; and how far it has come."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field

from .types import Record, UtcDateTime


class WorkspaceRow(Record, table=True):
    """Exactly one row, id 1. `epoch` is compared with a file beside the database (I10), `home` with the place where
    that lies ("" before the first sending, and on PostgreSQL).
    """

    __tablename__ = "workspace"
    id: int = Field(default=1, primary_key=True)
    name: str
    version: int = 1
    epoch: str
    paused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    pause_reason: str = ""
    home: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)


LANES = 16


class Lane(Record, table=True):
    """So many rows, from 0: how often each was raised by what must not be forgotten (I10; see `store.lanes`)."""

    __tablename__ = "lane"
    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    turn: int = Field(default=0, sa_type=BigInteger)
