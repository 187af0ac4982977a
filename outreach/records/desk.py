"""THE DESK: the colleagues who answer, what they were told, escalations, promises, and answers kept ready."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field

from ..words import NoticeKind, PromiseState, Telling
from .types import Record, UtcDateTime, Word


class Colleague(Record, table=True):
    """Somebody who answers. `name` is the owner's name in cases. What is empty of the hours is the workspace's own.

    `starts` and `ends` are wall times such as "09:00" in `zone`; `days` are weekdays from 0 (Monday); `off` are the
    dates of their own days off. `digest_on` is the local date of their last morning digest.
    """

    __tablename__ = "colleague"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    address: str = ""
    zone: str = ""
    starts: str = ""
    ends: str = ""
    days: list[int] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    holidays: str = ""
    off: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    telling: Telling = Field(default=Telling.AT_ONCE, sa_type=Word(Telling))
    digest_on: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)


class Notice(Record, table=True):
    """Something that a colleague is told of one case. `mark` tells two of one kind apart, such as the due time that
    passed; `delivery_id` is the mail that told it.
    """

    __tablename__ = "notice"
    __table_args__ = (UniqueConstraint("colleague_id", "case_id", "kind", "mark"),)
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    colleague_id: int = Field(foreign_key="colleague.id")
    case_id: int = Field(foreign_key="case_file.id", index=True)
    kind: NoticeKind = Field(sa_type=Word(NoticeKind))
    mark: str = ""
    words: str = ""
    told_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    delivery_id: int | None = Field(default=None, foreign_key="delivery.id", index=True)


class Escalation(Record, table=True):
    """One level of one case's escalation rule, done once. `hours` are the business hours that had passed by then."""

    __tablename__ = "escalation"
    __table_args__ = (UniqueConstraint("case_id", "level"),)
    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case_file.id")
    level: int
    rule: str
    at: datetime = Field(sa_type=UtcDateTime)
    hours: float = 0.0
    told: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))


class Promise(Record, table=True):
    """What we told a customer that we would do, and by when. `due_at` is the end of that day at the desk."""

    __tablename__ = "promise"
    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case_file.id", index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = ""
    text: str
    due_at: datetime = Field(sa_type=UtcDateTime)
    state: PromiseState = Field(sa_type=Word(PromiseState), index=True)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    settled_by: str = ""


class ReadyAnswer(Record, table=True):
    """An answer kept ready; `text` holds variables that are checked when it is kept and again when it is used."""

    __tablename__ = "ready_answer"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    topic: str = ""
    text: str
    by: str = ""
    changed_at: datetime = Field(sa_type=UtcDateTime)
