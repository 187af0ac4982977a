"""Washed: what was emptied leaves the disk too, and is looked for afterwards.

Law: SQLite overwrites what it lets go (secure_delete) and the WAL is cut to nothing; whether a trace is left is not
believed but searched for in the very files. PostgreSQL keeps an emptied row until it is vacuumed, which is done here;
its own log and its pages' free space are the server's.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from .database import Database, told

PATIENCE = 5.0
"""Seconds in which readers may end, so that the WAL can be cut."""


def cut_wal(database: Database, patience: float = PATIENCE) -> bool:
    """Move all of the WAL into the database file and cut it to nothing; False while somebody still reads from it."""
    if database.path is None:
        return True
    until = time.monotonic() + patience
    with told(database), closing(database.engine.raw_connection()) as connection:
        cursor = connection.cursor()
        while True:
            with database.writing_alone():
                cursor.execute("PRAGMA busy_timeout=200")
                busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                cursor.execute("PRAGMA busy_timeout=15000")
            if not busy or time.monotonic() > until:
                cursor.close()
                return not busy
            time.sleep(0.1)


def vacuum_tables(database: Database, names: Sequence[str]) -> None:
    """On PostgreSQL: let the server take out the rows' old versions now, not when it comes to it."""
    if database.path is not None:
        return
    with told(database), database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in names:
            connection.execute(text(f'VACUUM "{name}"'))


def traces(database: Database, needles: Sequence[bytes]) -> list[bytes]:
    """Which of these octets still stand in the database's file or its WAL. PostgreSQL's files we cannot see: none.

    Our connections are given back before: to close a file drops every lock of this process on it (fcntl(2)), and
    another one would take the WAL away from under those that are open.
    """
    if database.path is None:
        return []
    database.engine.dispose()
    return [needle for needle in needles if any(_stands_in(path, needle) for path in database_files(database.path))]


def database_files(path: Path) -> list[Path]:
    """The files that hold a database's rows."""
    return [one for one in (path, path.with_name(path.name + "-wal")) if one.exists()]


def _stands_in(path: Path, needle: bytes) -> bool:
    if not needle or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        return whole.find(needle) >= 0
