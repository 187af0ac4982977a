"""WHAT NEXT, for several people at once: causes that cases have in common, and thanks that may be quoted."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field, SQLModel

from ..words import CauseState
from .types import UtcDateTime, Word


class Cause(SQLModel, table=True):
    """What several cases have in common. `segment` is who else may have it, `fix` the words of what was done."""

    __tablename__ = "cause"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    title: str
    topic: str = ""
    segment: str = ""
    state: CauseState = Field(sa_type=Word(CauseState))
    fix: str = ""
    opened_at: datetime = Field(sa_type=UtcDateTime)
    opened_by: str = ""
    fixed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    fixed_by: str = ""


class CauseCase(SQLModel, table=True):
    """A case that comes from a cause; a case comes from one."""

    __tablename__ = "cause_case"
    id: int | None = Field(default=None, primary_key=True)
    cause_id: int = Field(foreign_key="cause.id", index=True)
    case_id: int = Field(foreign_key="case_file.id", unique=True)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = ""
