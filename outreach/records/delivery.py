"""HOW IT WENT: the outbox (one row per recipient and occasion) and each row's history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field

from ..words import DeliveryState, FailureClass, Kind, Onward
from .types import Record, UtcDateTime, Word, only_where


def _some(name: str, column: str, which: str) -> Index:
    """An index of few rows, which a mail that goes its way unharmed hardly touches."""
    return Index(name, column, **only_where(which))


class Delivery(Record, table=True):
    """One mail to one customer: the truth of who got what, who did not, and why.

    `owner` and `fence` name the worker that holds a claimed or inflight row; every move compares them (I4).
    `customer_version`, `campaign_version`, `workspace_version` are what the claim saw; the intent compares (I8).
    `choices` are those made for this person: {"tips": [names], "reasons": {tip: why}, "variant": …}.
    `reason` is the rule's name, `evidence` its words for a person. `domain_key` is the keyed hash of the address's
    domain (`address.domain_key`), for limits and storms. `onward` is the next server's answer, from the relay's log.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("campaign_id", "occasion", "address_key"),
        Index("ix_delivery_work", "edition_id", "state", "wave", "due_at"),
        Index("ix_delivery_customer", "customer_id", "sent_at"),
        _some("ix_delivery_lease", "lease_until", "lease_until IS NOT NULL"),
        _some("ix_delivery_doubt", "state", "state = 'in_doubt'"),
        Index("ix_delivery_domain", "domain_key", "id"),
    )
    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    edition_id: int = Field(foreign_key="edition.id")
    campaign_id: int = Field(foreign_key="campaign.id")
    occasion: str
    customer_id: int | None = Field(default=None, foreign_key="customer.id")
    address_key: str
    domain_key: str = ""
    kind: Kind = Field(sa_type=Word(Kind))
    state: DeliveryState = Field(sa_type=Word(DeliveryState))
    reason: str = ""
    evidence: str = ""
    due_at: datetime = Field(sa_type=UtcDateTime)
    next_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    wave: int = 0
    variant: str = ""
    choices: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    attempts: int = 0
    crashes: int = 0
    resent: int = 0
    owner: str | None = None
    fence: int = 0
    lease_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    customer_version: int = 0
    campaign_version: int = 0
    workspace_version: int = 0
    relay: str = ""
    response: str = ""
    failure: FailureClass | None = Field(default=None, sa_type=Word(FailureClass))
    intent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    sent_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    settled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    onward: Onward | None = Field(default=None, sa_type=Word(Onward))
    onward_words: str = ""
    onward_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DeliveryMove(Record, table=True):
    """What happened to a delivery that its own row does not tell: an attempt that did not end it, a doubt, evidence, a
    person's command, a note (`before` and `after` are equal then).

    `relay` is whom an attempt went to, `next_at` when the following one was due.
    """

    __tablename__ = "delivery_move"
    id: int | None = Field(default=None, primary_key=True)
    delivery_id: int = Field(foreign_key="delivery.id", index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    event: str
    before: DeliveryState = Field(sa_type=Word(DeliveryState))
    after: DeliveryState = Field(sa_type=Word(DeliveryState))
    reason: str = ""
    detail: str = ""
    relay: str = ""
    next_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    by: str = ""


class Worker(Record, table=True):
    """A process that claims deliveries; `beat_at` shows that it lives."""

    __tablename__ = "worker"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    kind: str
    host: str = ""
    pid: int = 0
    started_at: datetime = Field(sa_type=UtcDateTime)
    beat_at: datetime = Field(sa_type=UtcDateTime)
    stopped_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
