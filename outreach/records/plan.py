"""WHAT NEXT: holds on a kind of campaign for a person, and every change to the plan with its reason."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, LargeBinary
from sqlmodel import Field

from ..words import HoldState, StepState
from .types import Record, UtcDateTime, Word


class Hold(Record, table=True):
    """Promotion to this person stops until the hold is lifted or lapses.

    `topic` set and `scope` 'tips': tips on that topic wait until the person has had a personal answer.
    """

    __tablename__ = "hold"
    id: int | None = Field(default=None, primary_key=True)
    customer_id: int = Field(foreign_key="customer.id", index=True)
    case_id: int | None = Field(default=None, foreign_key="case_file.id", index=True)
    scope: str = "promotion"
    topic: str = ""
    state: HoldState = Field(sa_type=Word(HoldState))
    reason: str
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    lifted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Boost(Record, table=True):
    """This person struggled with this topic and has had a personal answer: their next tips issue starts there."""

    __tablename__ = "boost"
    id: int | None = Field(default=None, primary_key=True)
    customer_id: int = Field(foreign_key="customer.id", index=True)
    case_id: int | None = Field(default=None, foreign_key="case_file.id")
    topic: str
    reason: str
    since: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Step(Record, table=True):
    """One change to the plan: the rule's name, words for a person, and the evidence behind it.

    `effect` is what it does, made and read by `plan.effects` ({}: it only tells). `decided_by` said yes or no, or took
    it back, `decision` in their words. `edition_id`: the edition that a trend came into, or that was stopped.
    """

    __tablename__ = "step"
    __table_args__ = (Index("ix_step_campaign", "campaign_id"), Index("ix_step_state", "state", "at"))
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    rule: str
    state: StepState = Field(sa_type=Word(StepState))
    customer_id: int | None = Field(default=None, foreign_key="customer.id", index=True)
    case_id: int | None = Field(default=None, foreign_key="case_file.id", index=True)
    campaign_id: int | None = Field(default=None, foreign_key="campaign.id")
    edition_id: int | None = Field(default=None, foreign_key="edition.id")
    what: str
    reason: str
    evidence: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    effect: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_by: str = ""
    decision: str = ""


class Approval(Record, table=True):
    """A person's yes to what a campaign's next occasion will do. The newest of a campaign counts.

    `digest` pins the plan; `lines` (compressed, made and read by `plan.pin`) are what was agreed for each person, so
    that a later difference can be told by name. `content` names what the mail says, in parts.
    """

    __tablename__ = "plan_approval"
    id: int | None = Field(default=None, primary_key=True)
    campaign_id: int = Field(foreign_key="campaign.id", index=True)
    occasion: str
    digest: str
    content: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    lines: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    people: int = 0
    going: int = 0
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = ""


class Goal(Record, table=True):
    """What a customer did that we hoped for, as a file told. `key` lets a second import of the same row change nothing.

    `delivery_id`: the last newsletter that they had been sent within the days that the settings give, if any.
    """

    __tablename__ = "goal"
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    customer_id: int = Field(foreign_key="customer.id", index=True)
    delivery_id: int | None = Field(default=None, foreign_key="delivery.id", index=True)
    name: str
    at: datetime = Field(sa_type=UtcDateTime, index=True)
    value: float | None = None
    file: str = ""
    row: int = 0
