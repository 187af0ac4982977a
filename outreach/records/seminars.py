"""Seminars, their sessions, and who has answered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from ..words import SeatState
from .types import Record, UtcDateTime, Word


class Seminar(Record, table=True):
    """What is offered, as its file `source` says. `recording` is where it can be seen afterwards."""

    __tablename__ = "seminar"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    title: str
    place: str = ""
    zone: str = ""
    recording: str = ""
    words: str = ""
    source: str = ""
    source_path: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)


class SeminarSession(Record, table=True):
    """One date of a seminar. `public_id` is its UID in calendars, `revision` their SEQUENCE; those invited know of the
    revision `told`. `places` 0: for all who come. `attendance_at`: when it was noted who had come.
    """

    __tablename__ = "seminar_session"
    __table_args__ = (UniqueConstraint("seminar_id", "name"),)
    id: int | None = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    seminar_id: int = Field(foreign_key="seminar.id")
    name: str
    starts_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime = Field(sa_type=UtcDateTime)
    places: int = 0
    revision: int = 0
    told: int = 0
    changed_at: datetime = Field(sa_type=UtcDateTime)
    cancelled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    attendance_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Seat(Record, table=True):
    """What one customer answered to a session's invitation, and `how`: calendar, page, person. `attended_at`: they
    were there, as a file said; known only once the session's attendance was noted."""

    __tablename__ = "seat"
    __table_args__ = (UniqueConstraint("session_id", "customer_id"),)
    id: int | None = Field(default=None, primary_key=True)
    session_id: int = Field(foreign_key="seminar_session.id")
    customer_id: int = Field(foreign_key="customer.id", ondelete="CASCADE", index=True)
    state: SeatState = Field(sa_type=Word(SeatState))
    answered_at: datetime = Field(sa_type=UtcDateTime)
    how: str = ""
    attended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
