"""WHO, by rule and by look: saved segments, attributes declared with a type, and customers that a person made one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field

from ..words import AttributeKind
from .types import Record, UtcDateTime, Word


class Attribute(Record, table=True):
    """An attribute that was declared with a type: its values stand in a column of their own too, which is indexed.

    `filled_at`: since when the column holds everybody's; until then segments read the JSON.
    """

    __tablename__ = "attribute"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    kind: AttributeKind = Field(sa_type=Word(AttributeKind))
    declared_at: datetime = Field(sa_type=UtcDateTime)
    filled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    by: str = ""


class SavedSegment(Record, table=True):
    """A rule under a name, used in campaigns and inside other rules; it is looked at anew each time."""

    __tablename__ = "saved_segment"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    rule: str
    about: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    by: str = ""


class CustomerMerge(Record, table=True):
    """That a person made two customers one: who was kept, what both were before, and how much was moved.

    `before` also tells row by row what was done (`store.merge.Trace`); it is emptied when that is taken back, with the
    customer's erasure, and after its time.
    """

    __tablename__ = "customer_merge"
    id: int | None = Field(default=None, primary_key=True)
    customer_id: int = Field(foreign_key="customer.id", index=True)
    gone_id: int
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = ""
    before: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    moved: dict[str, int] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    undone_by: str = ""
