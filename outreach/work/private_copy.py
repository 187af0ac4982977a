"""A copy of the workspace to live in for a while: its templates, and a database of its own.

Law: it is gone at the end. What a killed process left lies where it is found, in the workspace's folder or its
database, and goes with the next copy or the next erasure; a lock tells that somebody lives there still.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..errors import DatabaseError
from ..store.backup import copy_database
from ..store.database import Database, open_database
from ..store.simulated_schema import drop_left_schemas, schema_copy
from .workspace import Workspace

PREFIX = ".simulation-"


@contextmanager
def copy_to_live_in(workspace: Workspace) -> Iterator[Workspace]:
    """The copy, until the block ends. Raises DatabaseError where none can be made."""
    drop_left_copies(workspace)
    with _folder_in(workspace.root) as folder, _lived_in(root := Path(folder)) as mine:
        if not mine:
            raise DatabaseError(
                "the copy to live in was cleared away while it was made", remedy="Run the command again."
            )
        _take_templates(workspace.root, root)
        with _database(workspace, root) as database:
            yield replace(workspace, root=root, database=database)


def _folder_in(root: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix=PREFIX, dir=root, ignore_cleanup_errors=True)
    except OSError as wrong:
        raise _not_made(root, wrong) from wrong


def _take_templates(root: Path, copy: Path) -> None:
    if not (root / "templates").is_dir():
        return
    try:
        shutil.copytree(root / "templates", copy / "templates")
    except OSError as wrong:
        raise _not_made(root, wrong) from wrong


def _not_made(root: Path, wrong: OSError) -> DatabaseError:
    return DatabaseError(
        f"the copy to live in cannot be made in {root}: {wrong.strerror or wrong}",
        remedy="Free some space, or give this user the right to write there; outreach plan looks ahead without one.",
    )


def drop_left_copies(workspace: Workspace) -> None:
    """Remove the copies in which nobody lives any more."""
    if not workspace.database.is_sqlite:
        drop_left_schemas(workspace.database)
    for folder in workspace.root.glob(f"{PREFIX}*"):
        with _lived_in(folder) as nobody_lived_there:
            if nobody_lived_there:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _lived_in(folder: Path) -> Iterator[bool]:
    """Hold this folder's lock, which goes with the process; False where somebody else has it."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


@contextmanager
def _database(workspace: Workspace, root: Path) -> Iterator[Database]:
    if not workspace.database.is_sqlite:
        with schema_copy(workspace.database) as copy:
            yield copy
        return
    copy_database(workspace.database, root / "outreach.db")
    copy = open_database("outreach.db", root)
    try:
        yield copy
    finally:
        copy.close()
