"""WHAT NEXT: holds on a kind of campaign for a person, and every change to the plan with its reason."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column
from sqlmodel import Field, SQLModel

from ..words import HoldState, StepState
from .types import UtcDateTime, Word


class Hold(SQLModel, table=True):
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


class Boost(SQLModel, table=True):
    """This person struggled with this topic and has had a personal answer: their next tips issue starts there."""

    __tablename__ = "boost"
    id: int | None = Field(default=None, primary_key=True)
    customer_id: int = Field(foreign_key="customer.id", index=True)
    case_id: int | None = Field(default=None, foreign_key="case_file.id")
    topic: str
    reason: str
    since: datetime = Field(sa_type=UtcDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Step(SQLModel, table=True):
    """One change to the plan: the rule's name, words for a person, and the evidence behind it."""

    __tablename__ = "step"
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    rule: str
    state: StepState = Field(sa_type=Word(StepState))
    customer_id: int | None = Field(default=None, foreign_key="customer.id", index=True)
    case_id: int | None = Field(default=None, foreign_key="case_file.id")
    campaign_id: int | None = Field(default=None, foreign_key="campaign.id")
    what: str
    reason: str
    evidence: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
