"""The records of customers that were made one: listed, found by number.

Law: what both were is told only as long as it is kept (an erasure and the time of [retention] empty it).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from ..records import Customer, CustomerMerge


@dataclass(frozen=True)
class MergeSeen:
    """One merging. `kept` and `gone`: the addresses, or None where it is not known any more. `state`: done (it can be
    taken back), taken_back, let_go (erased, or after its time).
    """

    id: int
    at: datetime
    by: str
    state: str
    kept: str | None
    gone: str | None
    customer_id: int
    moved: dict[str, int]
    undone_at: datetime | None
    undone_by: str
    before: dict[str, Any]


def list_merges(session: Session, limit: int = 20) -> list[MergeSeen]:
    """The newest mergings, newest first."""
    query = _RECORDS.order_by(col(CustomerMerge.id).desc()).limit(limit)
    return list(map(_seen, session.execute(query)))


def see_merge(session: Session, number: int) -> MergeSeen | None:
    """The merging with this number."""
    row = session.execute(_RECORDS.where(col(CustomerMerge.id) == number)).first()
    return None if row is None else _seen(row)


_OTHER: Any = aliased(Customer)
_RECORDS: Any = (
    select(CustomerMerge, col(Customer.address), _OTHER.address)
    .join(Customer, col(Customer.id) == col(CustomerMerge.customer_id), isouter=True)
    .join(_OTHER, and_(_OTHER.id == CustomerMerge.gone_id, col(CustomerMerge.undone_at).is_not(None)), isouter=True)
)


def _seen(row: Any) -> MergeSeen:
    record, address, parted = row
    before = record.before or {}
    state = "taken_back" if record.undone_at is not None else "done" if before.get("trace") else "let_go"
    gone = (before.get("gone") or {}).get("address") or parted
    told = (record.id or 0, record.at, record.by, state, address, gone, record.customer_id)
    moved = {name: count for name, count in record.moved.items() if count}
    return MergeSeen(*told, moved, record.undone_at, record.undone_by, before)
