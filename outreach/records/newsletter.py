"""WHAT and WHEN: campaigns, their schedule, tips, images, and the frozen editions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, LargeBinary, UniqueConstraint, text
from sqlmodel import Field

from ..words import CampaignState, EditionState, Kind
from .types import Record, UtcDateTime, Word


class Campaign(Record, table=True):
    """What a marketer composes. `source` is the whole Markdown file; the rest is read from its front matter.

    `digest` covers all that a reader would see; `version` is bumped by what may stop its mail (I8).
    System campaigns (`_service`, `_test`) carry single mails: answers, confirmations, tests.
    """

    __tablename__ = "campaign"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    kind: Kind = Field(sa_type=Word(Kind))
    state: CampaignState = Field(default=CampaignState.ACTIVE, sa_type=Word(CampaignState))
    subject: str = ""
    preheader: str = ""
    sender: str = ""
    template: str = ""
    list_id: int | None = Field(default=None, foreign_key="mailing_list.id")
    segment: str = ""
    topics: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    schedule: str = ""
    zone: str = ""
    body: str = ""
    options: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    source: str = ""
    source_path: str = ""
    digest: str = ""
    version: int = 1
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class Schedule(Record, table=True):
    """A campaign's rule in time, and the next occasion. The daemon's heartbeat only looks at `next_at`."""

    __tablename__ = "schedule"
    id: int | None = Field(default=None, primary_key=True)
    campaign_id: int = Field(foreign_key="campaign.id", unique=True)
    rule: str
    zone: str
    per_customer_zone: bool = False
    missed: str = "send"
    next_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    next_occasion: str | None = None
    last_occasion: str | None = None


class Asset(Record, table=True):
    """An image beside a campaign's Markdown, embedded in its mails by Content-ID."""

    __tablename__ = "asset"
    id: int | None = Field(default=None, primary_key=True)
    digest: str = Field(unique=True)
    name: str
    media_type: str
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Tip(Record, table=True):
    """One piece of advice. `texts` is {language: {"title", "body" (Markdown), "line", "images"}}, the default first."""

    __tablename__ = "tip"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    topics: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    segment: str = ""
    position: int = 0
    valid_from: datetime | None = Field(default=None, sa_type=UtcDateTime)
    valid_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    texts: dict[str, dict[str, str]] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    digest: str = ""
    source: str = ""
    source_path: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class Edition(Record, table=True):
    """One frozen revision of a campaign's content for one occasion.

    `frozen` is all that rendering needs (the compiled layout, texts, pool of tips, asset digests): a JSON
    value made by `newsletter.compile` and read by `newsletter.render` alone.
    `planned` and `planned_digest` are set when planning ends, before the first claim.
    `waves` are the sizes of its waves, or empty; only deliveries whose wave is at most `released_wave` are claimed.
    `hold_out` is whether some are left out by chance, and why or why not: made and read by `plan.holdout`.
    `one_per`: of each household (or company) one person gets it, "": everybody.
    `versions`: which versions of it are tried on whom (`plan.variants`), and once that is decided, which the rest gets.
    """

    __tablename__ = "edition"
    __table_args__ = (UniqueConstraint("campaign_id", "occasion"),)
    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    campaign_id: int = Field(foreign_key="campaign.id")
    kind: Kind = Field(sa_type=Word(Kind))
    number: int = 1
    occasion: str
    state: EditionState = Field(sa_type=Word(EditionState))
    reason: str = ""
    list_id: int | None = Field(default=None, foreign_key="mailing_list.id")
    segment: str = ""
    subject: str = ""
    sender: str = ""
    frozen: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    content_digest: str = ""
    due_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    frozen_at: datetime = Field(sa_type=UtcDateTime)
    planned_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    planned: int | None = None
    planned_digest: str | None = None
    waves: list[int] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    released_wave: int = 0
    released_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    hold_out: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    versions: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False, server_default=text("'{}'"))
    )
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    one_per: str = ""
