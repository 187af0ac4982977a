"""WHAT CAME BACK without words: where an edition's links lead, and who followed them or opened the mail."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from .types import Record, UtcDateTime


class Link(Record, table=True):
    """Where link `number` of an edition's mails leads: the only places that a click is ever sent to.

    Number 0, which leads nowhere, is the picture by which an opened mail is known, where the edition has it.
    """

    __tablename__ = "link"
    __table_args__ = (UniqueConstraint("edition_id", "number"),)
    id: int | None = Field(default=None, primary_key=True)
    edition_id: int = Field(foreign_key="edition.id")
    number: int
    url: str


class Touch(Record, table=True):
    """A link of one mail that was followed, or (`number` 0) the mail opened; one row however often.

    `person_at`: the first time that it was a person, as far as can be told; `why` it was none, where it never was.
    """

    __tablename__ = "touch"
    __table_args__ = (UniqueConstraint("delivery_id", "number"), Index("ix_touch_edition", "edition_id", "number"))
    id: int | None = Field(default=None, primary_key=True)
    delivery_id: int = Field(foreign_key="delivery.id")
    edition_id: int = Field(foreign_key="edition.id")
    number: int
    first_at: datetime = Field(sa_type=UtcDateTime)
    last_at: datetime = Field(sa_type=UtcDateTime)
    times: int = 1
    person_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    why: str = ""
