"""The watched folder: files of messages dropped there are taken in, then moved to done/ or rejected/ beside them.

Law: a file that may still be written is left alone; one is moved only after all of its rows are committed, so a crash
in between reads it again and finds them known. Nothing is deleted, and nothing that lies there is written over.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .reply_files import FileCounts, Wishes, import_file
from .workspace import Workspace

SETTLED = 5.0
"""Seconds in which nothing touched a file before it is read: whoever writes slowly is still at it."""
EMPTY = 60.0
DONE, REJECTED = "done", "rejected"
_HALF = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".filepart", ".swp", "~")


@dataclass(frozen=True)
class Dropped:
    """What became of a file: `where` it lies now, what it brought, or why it could not be used; else it `waits`."""

    file: str
    where: str = ""
    counts: FileCounts | None = None
    reason: str = ""
    remedy: str = ""
    waits: bool = False


def watched_folder(workspace: Workspace) -> Path | None:
    """The folder that the settings name, where it is there."""
    name = workspace.settings.replies.folder
    folder = workspace.root / Path(name).expanduser()
    return folder if name and folder.is_dir() else None


def take_dropped(workspace: Workspace, folder: Path, *, settled: float = SETTLED) -> list[Dropped]:
    """Take in every file of the folder that is whole; hidden and half-written ones wait. They are stored, not read.

    Raises InputError where the folder itself cannot be read or written.
    """
    taken: list[Dropped] = []
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as wrong:
        raise InputError(f"the watched folder cannot be read: {wrong.strerror}", file=folder) from wrong
    for name in names:
        path = folder / name
        found = _look(path)
        if found is None or name.startswith(".") or name.lower().endswith(_HALF):
            continue
        if _may_be_written(path, found, settled):
            taken.append(Dropped(name, waits=True))
        elif (done := _take(workspace, path, found)) is not None:
            taken.append(done)
    return taken


def _look(path: Path) -> os.stat_result | None:
    """The state of a regular file; None for anything else, and for one that is gone."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _may_be_written(path: Path, found: os.stat_result, settled: float) -> bool:
    """Whether somebody may still be writing: touched just now, or open for writing on this machine.

    The time of change counts, not that of modification: copying may set the latter back (`cp -p`).
    """
    quiet = time.time() - max(found.st_ctime, min(found.st_mtime, time.time()))
    return quiet < (settled if found.st_size else max(settled, EMPTY if settled else 0)) or _is_open(path)


def _is_open(path: Path) -> bool:
    """Whether a process has the file open for writing: then the kernel grants no lease to read it (Linux)."""
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        # who opens it for writing in this instant would end us by SIGIO: let the kernel send what is ignored instead
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as wrong:
        return wrong.errno == errno.EAGAIN
    finally:
        os.close(handle)
    return False


def _take(workspace: Workspace, path: Path, found: os.stat_result) -> Dropped | None:
    """Take one file in and move it; None where it changed or went meanwhile: the next round sees it as it is then."""
    try:
        counts = import_file(workspace, path, Wishes(rejects=(_beside(path, REJECTED),)))
    except InputError as wrong:
        if not _same(path, found):
            return None
        place = _move(path, REJECTED)
        place.with_name(place.name + ".reason.txt").write_text(
            f"{wrong.message}\n{wrong.remedy}\n".rstrip() + "\n", encoding="utf-8"
        )
        return Dropped(path.name, f"{REJECTED}/{place.name}", reason=wrong.message, remedy=wrong.remedy)
    except FileNotFoundError:
        return None
    if not _same(path, found):
        return None
    return Dropped(path.name, f"{DONE}/{_move(path, DONE).name}", counts)


def _same(path: Path, found: os.stat_result) -> bool:
    now = _look(path)
    return now is not None and (now.st_ino, now.st_size, now.st_mtime_ns) == (
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
    )


def _beside(path: Path, name: str) -> Path:
    folder = path.parent / name
    try:
        folder.mkdir(exist_ok=True)
    except OSError as wrong:
        raise InputError(
            f"the watched folder cannot be written: {wrong.strerror}", file=folder, remedy="Give write access to it."
        ) from wrong
    return folder


def _move(path: Path, name: str) -> Path:
    """Move a file to the folder beside it, under a name that is free there."""
    folder = _beside(path, name)
    place, number = folder / path.name, 2
    while place.exists():
        place, number = folder / f"{path.stem}-{number}{path.suffix}", number + 1
    try:
        path.rename(place)
    except OSError as wrong:
        raise InputError(
            f"cannot be moved to {name}/: {wrong.strerror}", file=path, remedy="Give write access to its folder."
        ) from wrong
    return place
