"""WHO, by rule: segments that are saved under a name, and the attributes that were declared with a type."""

from __future__ import annotations

from datetime import datetime

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
