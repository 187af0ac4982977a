"""HOW IT GOES OUT: relays and their health, limits shared by all processes, bounces, looks between waves, alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, Index, UniqueConstraint
from sqlmodel import Field

from ..words import AlertKind, BreakerState, FailureClass, WaveVerdict
from .types import Record, UtcDateTime, Word, only_where


class RelayState(Record, table=True):
    """How a relay has been doing, for all processes. `name` is the settings' name of it.

    `since` is when it carried its first mail: a warm-up counts its days from there. `rests` is how often in a row its
    breaker opened.
    """

    __tablename__ = "relay_state"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    breaker: BreakerState = Field(default=BreakerState.CLOSED, sa_type=Word(BreakerState))
    failures: int = 0
    rests: int = 0
    retry_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    opened_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_good_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_bad_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reason: str = ""
    remedy: str = ""
    since: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Pace(Record, table=True):
    """What was used up of a limit: a relay's (`key` "relay:NAME") or a recipient domain's ("domain:KEY").

    `windows` is made and read by `timing.pace` alone. `factor` (0 to 1) is how far the domain has made us slow down,
    since `changed_at`; `base` what it bore a minute before that, where the settings give it no limit. `slots` are the
    connections that each worker holds now: {worker: [number, until]}. `label` names the domain for a person, kept only
    while there is something to say of it.
    """

    __tablename__ = "pace"
    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    label: str = ""
    windows: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    factor: float = 1.0
    base: int = 0
    slots: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    paused_until: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    reason: str = ""
    changed_at: datetime = Field(sa_type=UtcDateTime)


class Bounce(Record, table=True):
    """One bounce of one delivery, whichever way it was told: an SMTP refusal, a DSN, a relay's log.

    `storm`: its whole domain refused at that time, so that it counts against nobody's address. `undone_at`: a person
    said that it was none.
    """

    __tablename__ = "bounce"
    __table_args__ = (
        UniqueConstraint("delivery_id", "source"),
        Index("ix_bounce_domain", "domain_key", "at"),
        Index("ix_bounce_address", "address_key", "at"),
        Index("ix_bounce_at", "at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(sa_type=UtcDateTime)
    delivery_id: int = Field(foreign_key="delivery.id", index=True)
    address_key: str
    domain_key: str = ""
    failure: FailureClass = Field(sa_type=Word(FailureClass))
    source: str = Field(description="smtp, dsn or maillog")
    words: str = ""
    storm: bool = False
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class WaveLook(Record, table=True):
    """A look at a wave that went out: its figures, what followed, and who said so ("outreach", or a person)."""

    __tablename__ = "wave_look"
    id: int | None = Field(default=None, primary_key=True)
    edition_id: int = Field(foreign_key="edition.id", index=True)
    wave: int
    at: datetime = Field(sa_type=UtcDateTime)
    verdict: WaveVerdict = Field(sa_type=Word(WaveVerdict))
    figures: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    reason: str = ""
    by: str = ""


class Alert(Record, table=True):
    """Something that needs a person. `subject` names what it is about, so that one thing is told once.

    `told_at`: when somebody was told; `over_at` and `over_told_at`: the same for its end. `tries` counts the times
    that telling failed; not before `retry_at` is it tried again. Of one thing at most one alert is open.
    """

    __tablename__ = "alert"
    __table_args__ = (
        Index(
            "ix_alert_open",
            "kind",
            "subject",
            unique=True,
            **only_where("over_at IS NULL"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    kind: AlertKind = Field(sa_type=Word(AlertKind))
    subject: str
    words: str
    remedy: str = ""
    raised_at: datetime = Field(sa_type=UtcDateTime)
    told_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    over_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    over_told_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    trouble: str = Field(default="", description="why it could not be told, if so")
    tries: int = 0
    retry_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
