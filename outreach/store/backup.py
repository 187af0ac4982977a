"""Kept: a whole copy of the database while it is in use, and the way back.

Law: SQLite is copied by its own backup API from one snapshot, so that writers neither wait nor spoil the copy, and
every copy is checked before anybody relies on it. It is poured back by the same API in one transaction, so that
whoever has the database open sees the old state or the new one. PostgreSQL has pg_dump, pg_restore and psql.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy.engine import URL
from sqlmodel import SQLModel

from ..errors import DatabaseError
from .database import Database
from .queued import QUEUED
from .slices import SLICE

PAGES = 1000
"""Pages in one step, 8 MB: between steps progress is told."""
BUSY_SECONDS = 15.0
Step = Callable[[int, int], None]


def _quiet(done: int, total: int) -> None:
    """Nobody watches."""


def copy_database(database: Database, target: Path, step: Step = _quiet) -> None:
    """Copy the database to the file `target`, and check the copy. `step` is told what is done of how much.

    Raises DatabaseError; a copy that cannot be relied on is removed.
    """
    try:
        if database.path is not None:
            _copy_file(database.path, target, step)
        else:
            _dump(database.engine.url, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _copy_file(source: Path, target: Path, step: Step) -> None:
    try:
        with closing(_connect(source)) as reader, closing(sqlite3.connect(target)) as writer:
            target.chmod(0o600)
            # with a snapshot held the copy need not begin anew whenever somebody writes
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
            reader.backup(writer, pages=PAGES, progress=lambda _status, left, total: step(total - left, total))
            reader.execute("ROLLBACK")
            writer.execute("PRAGMA journal_mode=DELETE")
            check_file(writer, target)
    except sqlite3.Error as wrong:
        raise DatabaseError(
            f"the database {source} cannot be copied to {target}: {wrong}",
            remedy="Is there room for a second copy? Run `outreach doctor`.",
        ) from wrong


def check_file(connection: sqlite3.Connection, path: Path) -> None:
    """Raise DatabaseError where a database file is damaged."""
    found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(5)")]
    if found != ["ok"]:
        raise DatabaseError(f"{path} is damaged: {'; '.join(found)}", remedy="Restore an older backup.")


def check_copy(path: Path) -> str:
    """Check a copy as a whole: the revision that it has. Raises DatabaseError where it is no database of ours."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            check_file(connection, path)
            return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    except (sqlite3.Error, TypeError) as wrong:
        raise DatabaseError(f"{path} is no database of outreach: {wrong}", remedy="Restore another backup.") from wrong


def is_sound(path: Path) -> bool:
    """Whether the database file at `path` can be read as a whole."""
    try:
        with closing(_connect(path)) as connection:
            check_file(connection, path)
    except (sqlite3.Error, DatabaseError):
        return False
    return True


def pour_back(copy: Path, target: Path) -> None:
    """Make the database file `target` what `copy` is, under everybody who has it open (under nobody where they are
    made of pages of different sizes). Raises DatabaseError."""
    try:
        with closing(sqlite3.connect(copy)) as source, closing(_connect(target)) as live:
            if len({one.execute("PRAGMA page_size").fetchone() for one in (source, live)}) > 1:
                live.execute("PRAGMA journal_mode=DELETE")  # a log keeps the size of its pages
            source.backup(live)
            live.execute("PRAGMA journal_mode=WAL")
    except sqlite3.Error as wrong:
        raise DatabaseError(
            f"the database {target} cannot be replaced: {wrong}",
            remedy="Stop whatever uses it (outreach serve, sqlite3), and run the command again.",
        ) from wrong


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)


def _dump(url: URL, target: Path) -> None:
    _postgres("pg_dump", url, ["--format=custom", "--no-owner", f"--file={target}"])
    target.chmod(0o600)
    _postgres("pg_restore", None, ["--list", str(target)])


def load_dump(dump: Path, url: URL) -> None:
    """Make the PostgreSQL database what the dump is, in one transaction. Raises DatabaseError.

    All tables of ours go first: what a later version added would stand in the way, and of its next upgrade.
    """
    script = dump.with_name(f"{dump.name}.sql")
    names = ", ".join(f'"{name}"' for name in [*SQLModel.metadata.tables, SLICE.name, QUEUED.name, "alembic_version"])
    options = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1"]
    script.touch(0o600)
    try:
        _postgres("pg_restore", None, ["--clean", "--if-exists", "--no-owner", f"--file={script}", str(dump)])
        first = f"--command=DROP TABLE IF EXISTS {names}"
        _postgres("psql", url, [*options, first, f"--file={script}"], database_option=True)
    finally:
        script.unlink(missing_ok=True)


def _postgres(program: str, url: URL | None, options: list[str], *, database_option: bool = False) -> None:
    """Run one of PostgreSQL's own programs; the password goes by a variable that other users cannot read."""
    if shutil.which(program) is None:
        raise DatabaseError(f"{program} is missing", remedy="Install PostgreSQL's client programs (postgresql-client).")
    environ, place = dict(os.environ), []
    environ["PGOPTIONS"] = f"{environ.get('PGOPTIONS', '')} -c lock_timeout={int(BUSY_SECONDS)}s".strip()
    if url is not None:
        environ |= {"PGPASSWORD": str(url.password)} if url.password else {}
        bare = url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
        place = [f"--dbname={bare}"] if database_option or program == "pg_dump" else [bare]
    done = subprocess.run([program, *options[:-1], *place, options[-1]], env=environ, capture_output=True, text=True)
    if done.returncode == -signal.SIGXFSZ:  # it says nothing then
        remedy = "Free some space, or raise the limit on the size of files (ulimit -f)."
        raise DatabaseError(f"{program}: there is no room for the dump", remedy=remedy)
    if done.returncode:
        said = next((line for line in done.stderr.splitlines() if "error" in line.lower()), done.stderr.strip()[-300:])
        raise DatabaseError(f"{program}: {said}", remedy="Check `database` in outreach.toml, and the server's version.")


def file_bytes(path: Path) -> int:
    """How much a database file takes with its log."""
    total = 0
    for end in ("", "-wal"):
        with suppress(OSError):
            total += path.with_name(path.name + end).stat().st_size
    return total
