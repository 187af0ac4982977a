"""WHO ANSWERS BY WHEN: the file of a complaint or question until the customer confirms that it is solved."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Field

from ..words import CaseEvent, CaseState, Category, EntryKind, Urgency
from .types import Record, UtcDateTime, Word


class Case(Record, table=True):
    """`opened_at` is the first message's arrival and never moves. `first_answer_at` is a person's answer, `answered_at`
    the last of them.

    `first_word_by`: many people read a public message, so the first answer is owed sooner than `due_at`; the case's
    place among the others stays. `answering_by` is writing an answer until `answering_until`: the mark lapses.
    """

    __tablename__ = "case_file"
    id: int | None = Field(default=None, primary_key=True)
    customer_id: int | None = Field(default=None, foreign_key="customer.id", index=True)
    author: str = Field(default="", index=True)
    category: Category = Field(sa_type=Word(Category))
    topic: str = ""
    urgency: Urgency = Field(sa_type=Word(Urgency))
    state: CaseState = Field(sa_type=Word(CaseState), index=True)
    summary: str = ""
    owner: str = ""
    opened_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime)
    first_word_by: datetime | None = Field(default=None, sa_type=UtcDateTime)
    first_answer_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    answered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    answering_by: str = ""
    answering_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    waiting_since: datetime | None = Field(default=None, sa_type=UtcDateTime)
    solved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reopened: int = 0
    version: int = 1


class CaseEntry(Record, table=True):
    """One thing that happened in a case: a message, an answer, a note, a move."""

    __tablename__ = "case_entry"
    id: int | None = Field(default=None, primary_key=True)
    case_id: int = Field(foreign_key="case_file.id", index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    kind: EntryKind = Field(sa_type=Word(EntryKind))
    event: CaseEvent | None = Field(default=None, sa_type=Word(CaseEvent))
    by: str = ""
    text: str = ""
    link: str = Field(default="", description="where an answer given in public can be read")
    inbound_id: int | None = Field(default=None, foreign_key="inbound.id", index=True)
    delivery_id: int | None = Field(default=None, foreign_key="delivery.id", index=True)
