"""What values the newest customers have: enough to tell a slip of the pen in a rule, whatever the number of people.

Law: reads alone, and never more than a thousand rows.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from ..records import Customer

NEWEST = 1_000


def newest_values(session: Session, names: Collection[str]) -> dict[str, list[Any]]:
    """The values of these attributes that the newest thousand customers have, by name; null and absent are left out."""
    found: dict[str, list[Any]] = {name: [] for name in names}
    if not found:
        return found
    newest = select(col(Customer.attributes)).order_by(col(Customer.id).desc()).limit(NEWEST)
    for (attributes,) in session.connection().execute(newest):
        for name in found:
            value = (attributes or {}).get(name)
            if value is not None:
                found[name].append(value)
    return found
