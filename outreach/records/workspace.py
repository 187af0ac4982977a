"""The workspace's own row: its name, its version, and whether everything is paused."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from .types import UtcDateTime


class WorkspaceRow(SQLModel, table=True):
    """Exactly one row, id 1. `epoch` and `turn` are compared with a file beside the database (I10)."""

    __tablename__ = "workspace"
    id: int = Field(default=1, primary_key=True)
    name: str
    version: int = 1
    epoch: str
    turn: int = 0
    paused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    pause_reason: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)
