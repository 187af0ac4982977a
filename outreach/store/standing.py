"""What an intent leans on, held still while it compares (RELIABILITY I8, PostgreSQL).

Law: under READ COMMITTED a statement sees what was committed when it began, so an unsubscribe that commits while the
intent is on its way would be let through by the comparison alone. The rows of its customers, campaigns and editions
are therefore locked FOR SHARE first, and looked at by a statement that begins after that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import literal, select, union_all
from sqlmodel import col

from ..records import Campaign, Customer, Edition, WorkspaceRow
from .prepared import Among, Connected, Prepared


def hold_still(
    session: Connected, customers: Sequence[int], campaigns: Sequence[int], editions: Sequence[int]
) -> tuple[set[int], set[int], set[int]]:
    """Lock these rows and the workspace's until the transaction ends; the ids that could be locked, of each table.

    A row that somebody is changing at this instant is left out, not waited for: its mail is judged again. So two
    programs never wait for each other here. The workspace's row is waited for: every intent raises its turn at the
    end of its transaction (`work.epoch`), and whoever holds it waits for nothing more.
    """
    given = {
        "customers": sorted(set(customers)),
        "campaigns": sorted(set(campaigns)),
        "editions": sorted(set(editions)),
    }
    held: tuple[set[int], set[int], set[int]] = (set(), set(), set())
    for which, found in _LOCK.rows(session, **given):
        if which < len(held):
            held[which].add(found)
    return held


def _locked(number: int, table: Any, name: str) -> Any:
    wanted = select(table.id).where(Among(table.id, name)).order_by(table.id)
    part = wanted.with_for_update(read=True, skip_locked=True).cte(name)
    return select(literal(number), part.c.id)


def _workspace(number: int) -> Any:
    part = select(col(WorkspaceRow.id)).with_for_update(key_share=True).cte("workspaces")
    return select(literal(number), part.c.id)


_LOCK = Prepared(
    union_all(
        _locked(0, Customer, "customers"),
        _locked(1, Campaign, "campaigns"),
        _locked(2, Edition, "editions"),
        _workspace(3),
    )
)
