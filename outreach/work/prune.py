"""Letting go of what is older than the settings keep it.

Law: a few hundred rows in each short transaction, so that sending goes on beside it; counted first where somebody only
asks; the file is made smaller only when nobody works with it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta

from ..errors import DatabaseError
from ..store.database import told
from ..store.prune import IN_VAIN, SORTS, UNCONFIRMED, Sort, next_ids
from ..store.sign_ups import forget_sign_ups
from ..store.size import database_size
from .lock import alone
from .stops import prune_stops
from .workspace import Workspace

IN_VAIN_AFTER = timedelta(hours=1)
"""A storm, which blocks nobody in the end, is noticed long before."""
STOP_IT = "Stop it first, then run the command again: nothing else may be open while the file is made smaller."


@dataclass(frozen=True)
class Pruned:
    """How many of each sort were let go (or would be), and bytes in the file that new rows use before it grows."""

    removed: dict[str, int] = field(default_factory=dict)
    free_bytes: int = 0


def prune(
    workspace: Workspace, *, dry_run: bool = False, advance: Callable[[str, int], None] = lambda _name, _count: None
) -> Pruned:
    """Let go of what [retention] no longer keeps; with `dry_run` only count it."""
    removed = {}
    for sort in SORTS:
        days = int(getattr(workspace.settings.retention, f"{sort.name}_days"))
        removed[sort.name] = _prune_sort(workspace, sort, timedelta(days=days), dry_run, advance) if days else 0
        if sort is UNCONFIRMED and days:
            removed[sort.name] += _prune_sort(workspace, IN_VAIN, IN_VAIN_AFTER, dry_run, advance)
    days = workspace.settings.retention.stops_days
    stops = prune_stops(workspace.root, workspace.keys, days, workspace.clock(), dry_run=dry_run)
    return Pruned(removed | {"stops": stops}, database_size(workspace.database).free)


def forget_unconfirmed(workspace: Workspace) -> int:
    """End sign-ups that nobody confirmed in time, or whose address does not exist, and forget whoever is known by
    nothing else; how many.
    """
    with workspace.database.write() as session:
        forget_sign_ups(session, workspace.clock())
    days = workspace.settings.retention.unconfirmed_days
    ages = ((UNCONFIRMED, timedelta(days=days)), (IN_VAIN, IN_VAIN_AFTER)) if days else ()
    return sum(_prune_sort(workspace, sort, age, False, lambda _name, _count: None) for sort, age in ages)


def _prune_sort(
    workspace: Workspace, sort: Sort, age: timedelta, dry_run: bool, advance: Callable[[str, int], None]
) -> int:
    before = workspace.clock() - age
    count = after = 0
    while True:
        with workspace.database.read() as session:
            ids = next_ids(session, sort, before, after)
        if not ids:
            return count
        after = ids[-1]
        if dry_run:
            done = len(ids)
        else:
            with workspace.database.write() as session:
                done = sort.let_go(session, ids)
        count += done
        advance(sort.name, done)


def make_smaller(workspace: Workspace) -> int:
    """Give the disk back what is free in the file; how many bytes. Raises DatabaseError while anybody works here."""
    database = workspace.database
    if database.path is None:
        raise DatabaseError(
            "PostgreSQL does this by itself", remedy="See autovacuum in its manual; or run VACUUM FULL."
        )
    before = database_size(database).bytes
    if shutil.disk_usage(database.path.parent).free < 2 * before:
        raise DatabaseError(
            f"there is no room: it takes up to {2 * before // 1_000_000:,} MB for a while", remedy="Make room first."
        )
    with (
        alone(workspace.root, database, STOP_IT),
        told(database),
        closing(database.engine.raw_connection()) as connection,
    ):
        cursor = connection.cursor()
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.close()
    return max(0, before - database_size(database).bytes)
