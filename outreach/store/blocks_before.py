"""Kept: a block that stood before another took its place, so that whoever takes the other back has it again.

Law: nobody is written to by an undoing whom somebody else's word had stopped. The caller commits.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, SQLModel

from ..audience.stops import BACK, STOP
from ..records import SuppressionReason
from .consents import find_suppression
from .stops import note_block
from .told_rows import put_row, read_row, tell_row


def told_block(session: Session, address_key: str) -> dict[str, Any]:
    """The block on an address as JSON has it; empty where there is none."""
    block = find_suppression(session, address_key)
    return {} if block is None else tell_row(block.model_dump())


def take_block_back(
    session: Session, address_key: str, reason: str, evidence: str, before: Mapping[str, Any], now: datetime
) -> bool:
    """Take a block away where it still says this, and put back what stood there before; whether it did."""
    block = find_suppression(session, address_key)
    if block is None or (block.reason, block.evidence) != (reason, evidence):
        return False
    note_block(session, BACK, now, address_key, block.reason)
    session.delete(block)
    session.flush()
    if before:
        put_row(session, _TABLE, read_row(_TABLE, before))
        until = datetime.fromisoformat(before["expires_at"]) if before["expires_at"] else None
        note_block(session, STOP, now, address_key, SuppressionReason(before["reason"]), until)
    return True


_TABLE = SQLModel.metadata.tables["suppression"]
