"""The mark beside the database that tells a restored backup: which database it is, and how far that one has come.

Law: a turn of the database is raised in the transaction of whatever must not be forgotten (an intent to send, a wish to
leave), and written beside it after that commit and before the dot. So a database that is behind its mark is an older
copy (RELIABILITY I10); one that is ahead only lost its process between the two, or other machines went on with it.
Turns are counted in lanes (`store.lanes`); a database is behind when it is so in any. Each machine has a mark of its
own, raised whenever it looks; whoever sees the database go back stops all of them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import event
from sqlmodel import Session

from ..errors import DatabaseError
from ..records import LANES
from ..store.database import Writer
from ..store.lanes import COMMON, raise_lane

EPOCH = "outreach.epoch"
_LONGEST = 600
_DIGITS = 20
_NONE = (0,) * LANES


@dataclass(frozen=True, slots=True)
class Mark:
    """A database's name, given anew whenever a person accepts it, and the turn that each of its lanes has reached."""

    epoch: str
    turns: tuple[int, ...] = _NONE

    @property
    def turn(self) -> int:
        """All turns together."""
        return sum(self.turns)

    def line(self) -> bytes:
        """As it stands in the file: always of one length, so that a full disk cannot refuse it."""
        return f"{self.epoch} {' '.join(f'{turn:020d}' for turn in self.turns)}\n".encode()

    def covers(self, found: Mark) -> bool:
        """Whether what was found is the database that this mark was written for, and no older copy of it."""
        return self.epoch == found.epoch and all(map(int.__le__, self.turns, found.turns))

    def with_(self, other: Mark) -> Mark:
        """The later turn of each lane."""
        return Mark(self.epoch, tuple(map(max, self.turns, other.turns)))


def read_mark(root: Path) -> Mark | None:
    """The mark beside the database; None where there is none that can be read."""
    try:
        with (root / EPOCH).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return _parse(file.read(_LONGEST))
    except OSError:
        return None


def write_mark(root: Path, mark: Mark) -> None:
    """Write the mark of a database that a person has just made or accepted."""
    (root / EPOCH).write_bytes(mark.line())


def advance(session: Session, root: Path, *, needed: bool = True) -> None:
    """Raise the turn in this transaction, and in the file as soon as it is committed.

    Where the mark cannot be written the commit is made and DatabaseError raised, so that no dot follows; without
    `needed` it is let pass: a wish to leave that is stored must not be answered with an error.
    """
    follow = raise_turn(session, root)

    def write(_session: Session) -> None:
        with nullcontext() if needed else suppress(DatabaseError):
            follow()

    event.listen(session, "after_commit", write, once=True)


def catch_up(root: Path, mark: Mark, found: Mark) -> None:
    """Note how far the database has come by what other machines did, so that this one, too, sees when it goes back."""
    if mark.turns != found.turns:
        with suppress(DatabaseError):
            _raise_to(root / EPOCH, found)


def raise_turn(session: Session | Writer, root: Path) -> Callable[[], None]:
    """Raise the turn in this transaction; what is returned raises it in the file, and is for after the commit."""
    lane = session.lane if isinstance(session, Writer) else COMMON
    raised = raise_lane(session, lane)
    return (lambda: follow_turn(root, lane, *raised)) if raised is not None else lambda: None


def follow_turn(root: Path, lane: int, epoch: str, turn: int) -> None:
    """Raise the turn of this lane in the file, after the commit in which it was raised in the database."""
    path = root / EPOCH
    with _held(path) as file:
        known = os.pread(file, _LONGEST, 0)
        start = len(epoch) + 1 + lane * (_DIGITS + 1)
        written, wanted = known[start : start + _DIGITS], b"%020d" % turn
        if len(known) == _length(epoch) and known.startswith(f"{epoch} ".encode()) and written.isdigit():
            if written < wanted:
                os.pwrite(file, wanted, start)
            return
    _raise_to(path, Mark(epoch, (*_NONE[:lane], turn, *_NONE[lane + 1 :])))


def _length(epoch: str) -> int:
    """Octets of a mark's line, whatever its turns: each lane's digits stand in a place of their own."""
    return len(epoch) + LANES * (_DIGITS + 1) + 1


def _raise_to(path: Path, mark: Mark) -> None:
    """Write `mark` where an earlier one of the same database stands."""
    with _held(path) as file:
        known = _parse(os.pread(file, _LONGEST, 0))
        if known is not None and known.epoch == mark.epoch and not mark.covers(known):
            os.pwrite(file, known.with_(mark).line(), 0)


@contextmanager
def _held(path: Path) -> Iterator[int]:
    """The mark's file, open and locked; what cannot be read or written is told as a DatabaseError."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)
    except OSError as wrong:
        raise _unwritten(path, wrong) from wrong


def _unwritten(path: Path, wrong: OSError) -> DatabaseError:
    return DatabaseError(
        f"the mark {path} cannot be written: {wrong.strerror}",
        remedy="Without it a restored backup would not be noticed. Give this user the right to write it; where it is "
        "missing, look whether the database is the right one, then run `outreach doctor --accept-database`.",
    )


def _parse(data: bytes) -> Mark | None:
    """A file of before there were lanes tells of the first."""
    epoch, *turns = data[:_LONGEST].decode("ascii", "replace").split() or [""]
    if not epoch or len(turns) > LANES or not all(map(str.isdecimal, turns)):
        return None
    return Mark(epoch, (*map(int, turns), *_NONE[len(turns) :]))
