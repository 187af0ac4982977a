"""A worker's sign of life on this machine: a locked file, and in it the delivery that it has in its hand.

Law: the kernel gives the lock back the moment the process dies, however it dies; so whoever can take it may settle
what the dead one held without waiting for a lease. The lock is tied to nothing that a clock could get wrong.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from ..errors import DatabaseError

FOLDER = Path(".outreach") / "workers"
_MARK = struct.Struct("<q")
SLOTS = 65
"""One for what the worker itself has in its hand, and one for each of its carriers."""


def worker_name(kind: str) -> str:
    """A name for this worker that was never used before."""
    return f"{kind}-{socket.gethostname().partition('.')[0][:24]}-{os.getpid()}-{secrets.token_hex(4)}"


class Presence:
    """Held as a context while a worker lives. `take` and `put_down` write to memory that outlives the process."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self.path = root / FOLDER / f"{name}.lock"
        self._file = -1
        self._keep = False

    def __enter__(self) -> Presence:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # locked before it gets its name: nobody may see it unlocked and take us for dead
            unnamed = self.path.with_suffix(".new")
            self._file = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.pwrite(self._file, bytes(SLOTS * _MARK.size), 0)
            self._hand = mmap.mmap(self._file, SLOTS * _MARK.size)
            unnamed.rename(self.path)
        except OSError as wrong:
            raise DatabaseError(
                f"{self.path.parent} cannot be written: {wrong.strerror}",
                remedy="Free some space, or give this user the right to write in the workspace.",
            ) from wrong
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._keep:
            self.path.unlink(missing_ok=True)
        self._hand.close()  # it holds a copy of the handle, and so the lock
        os.close(self._file)

    def keep_file(self) -> None:
        """Leave the file when we go: we hold rows that could not be given back, and somebody must find them."""
        self._keep = True

    def take(self, delivery_id: int) -> None:
        """Mark the delivery that we are about to render: should that kill us, we know which it was (I11)."""
        _MARK.pack_into(self._hand, 0, delivery_id)

    def put_down(self) -> None:
        """Nothing is in the hand."""
        _MARK.pack_into(self._hand, 0, 0)

    def left_in_hand(self, slot: int) -> int:
        """What the dead carrier of this slot had in its hand, 0 for nothing; its hand is emptied."""
        held = int(_MARK.unpack_from(self._hand, slot * _MARK.size)[0])
        _MARK.pack_into(self._hand, slot * _MARK.size, 0)
        return held


class Hand:
    """A carrier's own mark in its desk's file, which it opens anew: a handle that is inherited would keep the lock."""

    def __init__(self, path: Path, slot: int) -> None:
        with path.open("r+b") as file:
            self._marks = mmap.mmap(file.fileno(), SLOTS * _MARK.size)
        self._at = slot * _MARK.size

    def take(self, delivery_id: int) -> None:
        """Mark the delivery that we are about to render (I11)."""
        _MARK.pack_into(self._marks, self._at, delivery_id)

    def put_down(self) -> None:
        """Nothing is in the hand."""
        _MARK.pack_into(self._marks, self._at, 0)


@dataclass(frozen=True)
class Remains:
    """What a dead worker left: its lock, now ours, and the deliveries that it and its carriers had in hand, if any."""

    path: Path
    file: int
    suspects: tuple[int, ...]

    def bury(self) -> None:
        """Remove the file, after all that the worker held has been settled and committed."""
        self.path.unlink(missing_ok=True)
        os.close(self.file)

    def leave(self) -> None:
        """Let go of the lock without removing the file: somebody will try again."""
        os.close(self.file)


def find_dead(root: Path, name: str) -> Remains | None:
    """The remains of a worker whose process on this machine is gone; None while it lives, or where nobody knows."""
    path = root / FOLDER / f"{name}.lock"
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        named = path.stat().st_ino == os.fstat(file).st_ino
    except OSError:
        named = False
    if not named:  # it lives, or it ended in good order while we looked
        os.close(file)
        return None
    marks = os.pread(file, SLOTS * _MARK.size, 0)
    whole = marks[: len(marks) // _MARK.size * _MARK.size]
    return Remains(path, file, tuple(held for (held,) in _MARK.iter_unpack(whole) if held > 0))
