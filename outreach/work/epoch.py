"""The mark beside the database that tells a restored backup: which database it is, and how far that one has come.

Law: the database's turn is raised in the transaction of whatever must not be forgotten (an intent to send, a wish to
leave), and written beside it after that commit and before the dot. So a database that is behind its mark is an older
copy (RELIABILITY I10); one that is ahead only lost its process between the two, or other machines went on with it.
Each machine has a mark of its own, raised whenever it looks; whoever sees the database go back stops all of them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import event, update
from sqlmodel import Session, col

from ..errors import DatabaseError
from ..records import WorkspaceRow
from ..store.prepared import Connected, Prepared

EPOCH = "outreach.epoch"
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Mark:
    """A database's name, given anew whenever a person accepts it, and the turn that it has reached."""

    epoch: str
    turn: int = 0

    def line(self) -> bytes:
        """As it stands in the file: always of one length, so that a full disk cannot refuse it."""
        return f"{self.epoch} {self.turn:020d}\n".encode()

    def covers(self, row: WorkspaceRow) -> bool:
        """Whether `row` belongs to the database that this mark was written for, and is no older copy of it."""
        return self.epoch == row.epoch and self.turn <= row.turn


def read_mark(root: Path) -> Mark | None:
    """The mark beside the database; None where there is none that can be read."""
    try:
        return _parse((root / EPOCH).read_bytes())
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


def catch_up(root: Path, mark: Mark, row: WorkspaceRow) -> None:
    """Note how far the database has come by what other machines did, so that this one, too, sees when it goes back."""
    if mark.turn < row.turn:
        with suppress(DatabaseError):
            _raise_to(root / EPOCH, Mark(row.epoch, row.turn))


def raise_turn(session: Connected, root: Path) -> Callable[[], None]:
    """Raise the turn in this transaction; what is returned raises it in the file, and is for after the commit."""
    rows = _RAISE.rows(session)
    return (lambda: _raise_to(root / EPOCH, Mark(*rows[0]))) if rows else lambda: None


_RAISE = Prepared(
    update(WorkspaceRow)
    .where(col(WorkspaceRow.id) == 1)
    .values(turn=col(WorkspaceRow.turn) + 1)
    .returning(col(WorkspaceRow.epoch), col(WorkspaceRow.turn))
)


def _raise_to(path: Path, mark: Mark) -> None:
    """Write `mark` unless a later one, or another database's, stands there."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as wrong:
        raise _unwritten(path, wrong) from wrong
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        known = _parse(os.pread(file, _LONGEST, 0))
        if known is not None and known.epoch == mark.epoch and known.turn < mark.turn:
            os.pwrite(file, mark.line(), 0)
    except OSError as wrong:
        raise _unwritten(path, wrong) from wrong
    finally:
        os.close(file)


def _unwritten(path: Path, wrong: OSError) -> DatabaseError:
    return DatabaseError(
        f"the mark {path} cannot be written: {wrong.strerror}",
        remedy="Without it a restored backup would not be noticed. Give this user the right to write it; where it is "
        "missing, look whether the database is the right one, then run `outreach doctor --accept-database`.",
    )


def _parse(data: bytes) -> Mark | None:
    words = data[:_LONGEST].decode("ascii", "replace").split()
    if len(words) == 1:
        return Mark(words[0])
    return Mark(words[0], int(words[1])) if len(words) == 2 and words[1].isdecimal() else None
