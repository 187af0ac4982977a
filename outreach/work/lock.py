"""The lock of a database's only daemon: a file beside it, held by flock.

Law: the kernel gives it back the moment its process dies, however it dies; the file stays where it is.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

from ..errors import DatabaseError
from ..store.database import Database
from ..store.health import living
from ..workdays import utc_now
from .presence import FOLDER

LIVES_FOR = timedelta(minutes=2)
"""A worker on another machine that gave no sign of life for so long is taken to be gone."""


def daemon_lock_file(root: Path, database: Path | None) -> Path:
    """The file whose lock the daemon of the workspace's database holds."""
    path = database or root / "database"
    return path.with_name(path.name + ".daemon")


@contextmanager
def alone(root: Path, database: Database, remedy: str) -> Iterator[None]:
    """Be the only one who works with the database. Raises DatabaseError, with the remedy, while anybody else does.

    On SQLite none can start meanwhile; on PostgreSQL workers of all machines are known by their beats.
    """
    file = daemon_lock_file(root, database.path)
    with hold_daemon_lock(file, remedy):
        refuse_while_others_work(root, database, remedy)
        yield


def refuse_while_others_work(root: Path, database: Database, remedy: str) -> None:
    """Raise DatabaseError while a worker lives."""
    found = living_workers(root)
    if not database.is_sqlite and not found:
        with suppress(DatabaseError), database.read() as session:  # no tables, or old ones: then nobody works
            found = living(session, utc_now() - LIVES_FOR)
    if found:
        raise DatabaseError(f"{', '.join(found)} is at work", remedy=remedy)


@contextmanager
def hold_daemon_lock(path: Path, remedy: str) -> Iterator[None]:
    """Hold the lock that makes this the database's only daemon.

    Raises DatabaseError where another holds it, and where its file cannot be made or locked.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as wrong:
        raise _unlockable(path, wrong) from wrong
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            number = os.pread(file, 20, 0).decode(errors="replace").strip() or "unknown"
            raise DatabaseError(
                f"another daemon (process {number}) already serves {path.with_suffix('').name}", remedy=remedy
            ) from None
        except OSError as wrong:
            raise _unlockable(path, wrong) from wrong
        with suppress(OSError):  # on a full disk: the number is for a person, the lock is the kernel's
            os.ftruncate(file, 0)
            os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)


def _unlockable(path: Path, wrong: OSError) -> DatabaseError:
    return DatabaseError(
        f"{path} cannot be locked: {wrong.strerror}",
        remedy="Make room, or give this user the right to write in its folder.",
    )


def living_workers(root: Path) -> list[str]:
    """The names of the workers on this machine that live: each holds the lock of its own file."""
    living = []
    for path in sorted((root / FOLDER).glob("*.lock")):
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            living.append(path.stem)
        finally:
            os.close(file)
    return living
