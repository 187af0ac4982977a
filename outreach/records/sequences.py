"""WHEN, one person at a time: sequences of mails, and who is how far in which."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field

from ..words import EnrolmentState, SequenceState
from .types import Record, UtcDateTime, Word


class Sequence(Record, table=True):
    """Mails that follow each other, each person's by their own time. Each step's mail is a campaign, `NAME/STEP`.

    `plan` is what is in force, as `work.sequence_plan` made it from the file `source`; `draft` is what was applied
    since and waits for a person's yes ({}: nothing). Nobody who began before `starting` takes part. `scanned_at`: when
    it was last looked who begins.
    """

    __tablename__ = "sequence"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    state: SequenceState = Field(default=SequenceState.DRAFT, sa_type=Word(SequenceState))
    list_id: int | None = Field(default=None, foreign_key="mailing_list.id")
    plan: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    draft: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    source: str = ""
    source_path: str = ""
    starting: date | None = None
    scanned_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    approved_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    approved_by: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class Enrolment(Record, table=True):
    """One person's way through a sequence; `key` says why they are in it ("signup", "2027") and is the occasion of
    every mail that they get by it.

    `day` is the local date of the beginning. `done`: {step: {"at", "how": sent or passed, "why"}}. Nothing is to be
    decided before `look_at`, unless the event in `waits` comes first. Each change raises `version`.
    """

    __tablename__ = "enrolment"
    __table_args__ = (
        UniqueConstraint("sequence_id", "customer_id", "key"),
        Index("ix_enrolment_look", "sequence_id", "state", "look_at"),
        Index("ix_enrolment_customer", "customer_id"),
    )
    id: int | None = Field(default=None, primary_key=True)
    sequence_id: int = Field(foreign_key="sequence.id")
    customer_id: int = Field(foreign_key="customer.id", ondelete="CASCADE")
    key: str
    day: date
    began_at: datetime = Field(sa_type=UtcDateTime)
    state: EnrolmentState = Field(default=EnrolmentState.GOING, sa_type=Word(EnrolmentState))
    reason: str = ""
    done: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    step: str = ""
    waits: str = ""
    look_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    changed_at: datetime = Field(sa_type=UtcDateTime)
    version: int = 1
