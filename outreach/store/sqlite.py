"""SQLite: how a file is opened, how its one writer at a time is kept, and what it means when it fails.

Law: WAL, synchronous=FULL, foreign keys on, and writers begin IMMEDIATE (RELIABILITY, SQLite). Where the linked SQLite
has the WAL-reset bug (3.7.0–3.51.2 but 3.44.6+ and 3.50.7+), a file lock is held around each write transaction, and
nobody checkpoints outside it.
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import QueuePool

from ..errors import DatabaseError

BUSY_MILLISECONDS = 15_000
LOOK_AGAIN_SECONDS = 0.002
PAGE_SIZE = 8_192
"""Octets of a page of a new file; one that is there keeps its own. Of four thousand, a million imported people took a
tenth more, and a newsletter the same."""
LOG_STAYS = 64_000_000
"""Octets that the write-ahead log keeps at most when it begins anew: while somebody reads it only grows."""


def open_file(url: URL) -> tuple[Engine, Path]:
    """The engine for a database file, and the file. Raises DatabaseError where its folder does not exist."""
    path = Path(url.database or "")
    if not path.parent.is_dir():
        raise DatabaseError(f"the folder {path.parent} of the database does not exist")
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=8,
        pool_use_lifo=True,  # the one used last has the pages at hand; each connection's cache counts in memory
        max_overflow=32,
        connect_args={"timeout": BUSY_MILLISECONDS / 1000, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine, path


def has_wal_reset_bug(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> bool:
    """Whether this SQLite can lose a commit when two connections write and checkpoint at once."""
    if version >= (3, 51, 3) or version < (3, 7, 0):
        return False
    return not ((3, 50, 7) <= version < (3, 51, 0) or (3, 44, 6) <= version < (3, 45, 0))


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_MILLISECONDS}",
        f"page_size={PAGE_SIZE}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "temp_store=MEMORY",
        "cache_size=-8000",
        f"journal_size_limit={LOG_STAYS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@contextmanager
def roomier(connection: Connection, *, carries: bool) -> Iterator[None]:
    """Let this connection keep more pages at hand and write them back less often; its commits are as durable as any.

    `carries`: none of its commits writes them back, since that is done apart.
    """
    cursor = connection.connection.cursor()
    try:
        for name, value in (("cache_size", "-32000"), ("wal_autocheckpoint", "0" if carries else "4000")):
            cursor.execute(f"PRAGMA {name}={value}")
        yield
    finally:
        with suppress(sqlite3.ProgrammingError):  # Ctrl-C in the midst of a statement closes it
            connection.rollback()
            for name, value in (("cache_size", "-8000"), ("wal_autocheckpoint", "1000")):
                cursor.execute(f"PRAGMA {name}={value}")
            cursor.close()


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("outreach_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def explain(place: str, wrong: Exception) -> DatabaseError:
    """What a failure of SQLite means, and the remedy."""
    said = str(getattr(wrong, "orig", wrong))
    for words, remedy in (
        ("disk is full", "Free some space; nothing that was committed is lost. Then run the command again."),
        ("is locked", "Another program holds it for longer than 15 seconds. Find it, or try again."),
        ("malformed", "The file is damaged. Restore a backup; do not copy a database that is in use."),
        ("not a database", "The file is no SQLite database. Check `database` in outreach.toml."),
        ("unable to open", "Check that the folder exists and can be written."),
        ("readonly", "The file or its folder cannot be written by this user."),
        ("no such table", "Run `outreach init` here, or restore a backup."),
        ("disk I/O error", "The disk reported an error. Nothing further was sent."),
    ):
        if words in said:
            return DatabaseError(f"the database {place}: {said}", remedy=remedy)
    return DatabaseError(f"the database {place}: {said}")


def log_of(path: Path) -> Path:
    """The write-ahead log of a database file."""
    return path.with_name(path.name + "-wal")


def faults(connection: Connection) -> list[str]:
    """What SQLite finds wrong with the file; an empty list when it is sound."""
    found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
    return [] if found == ["ok"] else found


def lock_file(database: Path) -> Path:
    """The file beside a database on which whoever writes holds a lock, where SQLite needs that; it stays empty."""
    return database.with_name(database.name + ".lock")


class WriteLock:
    """One writer at a time across threads and processes: a thread lock, then flock on a file of its own.

    Nobody waits longer than for SQLite's own lock: a process that was stopped while it held this one is told of.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._file = lock_file(database)
        self._thread = threading.Lock()
        self._handle: Any = None

    def __enter__(self) -> None:
        until = time.monotonic() + BUSY_MILLISECONDS / 1000
        if not self._thread.acquire(timeout=BUSY_MILLISECONDS / 1000):
            raise self._held()
        try:
            if self._handle is None:
                self._handle = self._file.open("a")
            while not self._taken():
                if time.monotonic() >= until:
                    raise self._held()
                time.sleep(LOOK_AGAIN_SECONDS)
        except OSError as wrong:
            self._thread.release()
            raise DatabaseError(
                f"{self._file} cannot be locked: {wrong.strerror}",
                remedy="Make room, or give this user the right to write in its folder.",
            ) from wrong
        except BaseException:
            self._thread.release()
            raise

    def close(self) -> None:
        """Let go of the file, unless somebody holds the lock just now; the next who wants it opens it anew."""
        if self._thread.acquire(blocking=False):
            if self._handle is not None:
                self._handle.close()
                self._handle = None
            self._thread.release()

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _held(self) -> DatabaseError:
        return DatabaseError(
            f"the database {self._database} is locked by another program",
            remedy="It has held it for longer than 15 seconds. Is an outreach process stopped (Ctrl-Z)? Let it go on.",
        )

    def __exit__(self, *_: object) -> None:
        fcntl.flock(self._handle, fcntl.LOCK_UN)
        self._thread.release()
