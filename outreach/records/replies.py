"""WHAT CAME BACK: everything that came in, whose it is, and what we think it says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, LargeBinary
from sqlmodel import Field

from ..words import Category, Channel, ClueKind, InboundState, Machine, Urgency
from .types import Record, UtcDateTime, Word, only_where


class Inbound(Record, table=True):
    """One thing that came in. `raw` is what arrived, byte for byte, committed before it is acknowledged.

    `text` is what the person wrote, quotes removed; `category`, `topics`, `urgency` repeat the verdict in force.
    `flagged` names what a person should look at (a forwarded token, an unreadable part). `copy_of`: the same matter
    once more, in the same words (a repost, a second posting); its case and verdict are the first one's.
    """

    __tablename__ = "inbound"
    __table_args__ = (
        Index(
            "ix_inbound_unlooked",
            "machine",
            "category",
            "received_at",
            **only_where("reviewed_at IS NULL AND case_id IS NULL AND copy_of IS NULL"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    channel: Channel = Field(sa_type=Word(Channel))
    state: InboundState = Field(sa_type=Word(InboundState))
    received_at: datetime = Field(sa_type=UtcDateTime)
    stored_at: datetime = Field(sa_type=UtcDateTime)
    mailbox: str = ""
    place: str = Field(default="", description="UIDVALIDITY/UID, Maildir key, mbox offset, file and row")
    content_hash: str = Field(unique=True)
    raw: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    message_id: str = Field(default="", index=True)
    recipient: str = ""
    sender: str = Field(default="", index=True)
    sender_name: str = ""
    handle: str = ""
    network: str = Field(default="", description="where the handle is at home: x, mastodon, a forum's name")
    phone: str = ""
    link: str = ""
    reach: int = 0
    author: str = Field(default="", index=True, description="whose words they are, the same next time: `author_key`")
    repost_of: str = Field(default="", description="the handle of the author whose words were passed on")
    copy_of: int | None = Field(default=None, foreign_key="inbound.id", index=True)
    subject: str = ""
    text: str = ""
    quoted: str = ""
    attachments: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    language: str = ""
    machine: Machine = Field(default=Machine.HUMAN, sa_type=Word(Machine))
    customer_id: int | None = Field(default=None, foreign_key="customer.id", index=True)
    delivery_id: int | None = Field(default=None, foreign_key="delivery.id", index=True)
    clue: ClueKind | None = Field(default=None, sa_type=Word(ClueKind))
    foreign_token: bool = Field(default=False, description="it holds a token of a mail to another than its sender")
    case_id: int | None = Field(default=None, foreign_key="case_file.id", index=True)
    category: Category | None = Field(default=None, sa_type=Word(Category))
    topics: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    urgency: Urgency = Field(default=Urgency.NORMAL, sa_type=Word(Urgency))
    confidence: float | None = None
    flagged: str = ""
    reviewed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Verdict(Record, table=True):
    """What somebody (`by`: 'cues', or a person) held an inbound to be. The newest not undone is in force."""

    __tablename__ = "verdict"
    id: int | None = Field(default=None, primary_key=True)
    inbound_id: int = Field(foreign_key="inbound.id", index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str
    category: Category = Field(sa_type=Word(Category))
    topics: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    urgency: Urgency = Field(default=Urgency.NORMAL, sa_type=Word(Urgency))
    confidence: float | None = None
    reasons: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class MailboxMark(Record, table=True):
    """How far a mailbox's folder has been read, and how the last look went. Both numbers may pass 2^31."""

    __tablename__ = "mailbox_mark"
    id: int | None = Field(default=None, primary_key=True)
    mailbox: str = Field(unique=True)
    uidvalidity: int | None = Field(default=None, sa_type=BigInteger)
    last_uid: int = Field(default=0, sa_type=BigInteger)
    read_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    error: str = ""
