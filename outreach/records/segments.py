"""WHO, by rule: segments that are saved under a name, and the attributes that were declared with a type."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field

from .types import Record, UtcDateTime


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
