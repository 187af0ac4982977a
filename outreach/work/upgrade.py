"""Bringing a workspace's database up to date: a checked copy first, then the migrations.

Law: no upgrade without a copy of the old database, and none while somebody works with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import DatabaseError
from ..store.backup import copy_database
from ..store.database import Database
from ..store.migrate import HEAD, current_revision, migrate
from ..store.queued import count_missed, keepers_off, lay_again
from .lock import alone

BEFORE, BEFORE_POSTGRESQL = ".before-", "database.dump"
"""How the copy that an upgrade leaves is called: as the database, or so where it is on a server, and this behind it."""
STOP_IT = "Stop it first, then run the command again: an upgrade changes the tables under it."


@dataclass(frozen=True)
class Upgraded:
    """The revisions before (None: there were no tables) and after, and the copy of what there was before.

    `found_again`: how many mails waited where no claim would have found them, and stand in the queue again.
    """

    before: str | None
    after: str
    backup: Path | None = None
    found_again: int = 0

    @property
    def changed(self) -> bool:
        """Whether there was anything to do."""
        return self.before != self.after


def upgrade(database: Database, root: Path) -> Upgraded:
    """Make the database's tables, or bring them to HEAD after a copy was made. Raises DatabaseError.

    Of one that is at HEAD the queue is put right, on PostgreSQL.
    """
    before = revision_of(database)
    if before == HEAD:
        return Upgraded(before, HEAD, found_again=_queue_again(database))
    if before is None:
        migrate(database)
        return Upgraded(None, HEAD)
    if before > HEAD:
        raise DatabaseError(
            f"the database is from a newer outreach (revision {before}; this one knows {HEAD})",
            remedy="Install that version, or restore a backup made by this one.",
        )
    with alone(root, database, STOP_IT):
        backup = _free_name(database, root)
        copy_database(database, backup)
        migrate(database)
    return Upgraded(before, HEAD, backup)


def _queue_again(database: Database) -> int:
    if database.is_sqlite:
        return 0
    with database.read() as session:  # else who sends at this moment would wait for nothing
        sound = not (count_missed(session) or keepers_off(session))
    if sound:
        return 0
    with database.write() as session:
        return lay_again(session)


def revision_of(database: Database) -> str | None:
    """The database's revision, or None where it has no tables of ours."""
    with database.engine.connect() as connection:
        return current_revision(connection)


def _free_name(database: Database, root: Path) -> Path:
    """outreach.db.before-0002, with a number where that stands there: an earlier copy is never written over."""
    base = database.path or root / BEFORE_POSTGRESQL
    name = f"{base.name}{BEFORE}{HEAD}"
    tries = (base.with_name(name if not number else f"{name}.{number}") for number in range(1000))
    return next(path for path in tries if not path.exists())
