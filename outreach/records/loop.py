"""WHAT NEXT, for several people at once: causes that cases have in common, and thanks that may be quoted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, Column
from sqlmodel import Field

from ..words import CauseState, ThanksState
from .types import Record, UtcDateTime, Word


class Cause(Record, table=True):
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


class CauseCase(Record, table=True):
    """A case that comes from a cause; a case comes from one."""

    __tablename__ = "cause_case"
    id: int | None = Field(default=None, primary_key=True)
    cause_id: int = Field(foreign_key="cause.id", index=True)
    case_id: int = Field(foreign_key="case_file.id", unique=True)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = ""


class Thanks(Record, table=True):
    """A message of thanks: who was delighted, by what. `quote` is kept only once its author allowed it.

    `question` is what we asked, word for word, by the mail `delivery_id`; `answer` is what they said (in the message
    `answer_id`, or told to `decided_by`).
    """

    __tablename__ = "thanks"
    id: int | None = Field(default=None, primary_key=True)
    inbound_id: int = Field(foreign_key="inbound.id", unique=True)
    customer_id: int = Field(foreign_key="customer.id", index=True)
    state: ThanksState = Field(sa_type=Word(ThanksState))
    at: datetime = Field(sa_type=UtcDateTime)
    edition_id: int | None = Field(default=None, foreign_key="edition.id")
    topics: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    tips: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    quote: str = ""
    asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    asked_by: str = ""
    question: str = ""
    delivery_id: int | None = Field(default=None, foreign_key="delivery.id", index=True)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_by: str = ""
    answer: str = ""
    answer_id: int | None = Field(default=None, foreign_key="inbound.id")
