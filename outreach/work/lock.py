"""The lock of a database's only daemon: a file beside it, held by flock.

Law: the kernel gives it back the moment its process dies, however it dies; the file stays where it is.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import DatabaseError
from .presence import FOLDER


def daemon_lock_file(root: Path, database: Path | None) -> Path:
    """The file whose lock the daemon of the workspace's database holds."""
    path = database or root / "database"
    return path.with_name(path.name + ".daemon")


@contextmanager
def hold_daemon_lock(path: Path, remedy: str) -> Iterator[None]:
    """Hold the lock that makes this the database's only daemon. Raises DatabaseError where another holds it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            number = os.pread(file, 20, 0).decode(errors="replace").strip() or "unknown"
            raise DatabaseError(
                f"another daemon (process {number}) already serves {path.with_suffix('').name}", remedy=remedy
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(file)


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
