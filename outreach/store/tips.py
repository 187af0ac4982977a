"""Kept: the pool of tips."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from ..records import Tip
from .rows import write_row


def tip_named(session: Session, name: str) -> Tip | None:
    """The tip called `name`."""
    return session.execute(select(Tip).where(col(Tip.name) == name)).scalar()


def all_tips(session: Session) -> list[Tip]:
    """Every tip, in the editor's order."""
    return list(session.execute(select(Tip).order_by(col(Tip.position), col(Tip.id))).scalars())


def next_position(session: Session) -> int:
    """The place behind all tips, in steps of ten so that one can be put between two."""
    last = session.execute(select(func.max(col(Tip.position)))).scalar()
    return (last or 0) + 10


def keep_tip(session: Session, name: str, values: Mapping[str, Any], now: datetime) -> int:
    """Write a tip, new or changed; its id."""
    found = tip_named(session, name) or Tip(name=name, created_at=now, updated_at=now)
    return write_row(session, found, values, now)
