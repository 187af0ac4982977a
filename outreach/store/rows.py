"""Writing one row that has a name: the new one or the changed one, in the same way for every noun.

Law: columns that the caller does not name stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session

from ..records import Campaign, Seminar, Tip
from ..records import Sequence as SequenceRow


def write_row(
    session: Session, row: Campaign | Tip | SequenceRow | Seminar, values: Mapping[str, Any], now: datetime
) -> int:
    """Put `values` into a row, new or known, as of `now`; its id."""
    for key, value in values.items():
        setattr(row, key, value)
    row.updated_at = now
    session.add(row)
    session.flush()
    assert row.id is not None
    return row.id
