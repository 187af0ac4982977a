"""Reading an mbox: one file of mails, each behind a line that begins with `From ` (RFC 4155).

Laws: the file is read under its owner's locks, some mails at a time, so that a delivery never waits for our database.
How far we are is an offset, tied to the file's first line: a file that was cut or replaced is read from its start.
"""

from __future__ import annotations

import fcntl
import re
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from ..errors import MailboxError
from ..settings import MailboxSettings
from .fetched import Fetched, Mailbox, Mark, Waiting

LOCK_SECONDS = 10.0
STALE_LOCK_SECONDS = 300.0
BATCH_MAILS = 100
BATCH_BYTES = 16_000_000
PIECE = 65_536
FOLDER = "INBOX"
_QUOTED = re.compile(rb">+From ")


class Mbox(Mailbox):
    """An mbox on this machine."""

    def __init__(self, box: MailboxSettings, path: Path, marks: Mapping[str, Mark], max_bytes: int) -> None:
        super().__init__(box, marks, max_bytes)
        self.path = path

    def check(self) -> None:
        with self._locked() as file:
            self._identity(file)

    def fetch(self) -> Iterator[Fetched]:
        with self._locked() as file:
            identity, at = self._start(file)
        waiting = Waiting(at)
        while True:
            with self._locked() as file:
                if self._identity(file) != identity:
                    return
                found, at = self._batch(file, at, identity, waiting)
            if not found:
                return
            yield from found

    def acknowledge(self, fetched: Fetched) -> None:
        identity, waiting, ticket = fetched.handle
        self.marks[FOLDER] = Mark(identity, waiting.settle(ticket))

    def _start(self, file: BinaryIO) -> tuple[int, int]:
        """The file's identity, and the offset of the first mail that we have not read."""
        identity, mark = self._identity(file), self.marks.get(FOLDER)
        if mark is None or mark.uidvalidity != identity:
            return identity, 0
        size = file.seek(0, 2)
        file.seek(min(mark.last_uid, size))
        known = mark.last_uid == size or (mark.last_uid < size and file.read(5) == b"From ")
        return identity, mark.last_uid if known else 0

    def _identity(self, file: BinaryIO) -> int:
        """A number for the file as it began: its first line names a sender and a time. 0 while it is empty."""
        file.seek(0)
        first = file.readline(PIECE)
        if first and not first.startswith(b"From "):
            raise self._wrong(
                f"{self.path} is no mbox: it does not begin with a From line", "Name an mbox, or set kind to maildir."
            )
        return zlib.crc32(first) if first else 0

    def _batch(self, file: BinaryIO, at: int, identity: int, waiting: Waiting) -> tuple[list[Fetched], int]:
        """The next mails from offset `at` on, and the offset behind them."""
        file.seek(at)
        found: list[Fetched] = []
        weight = 0
        line = file.readline(PIECE)
        if not line.startswith(b"From "):
            return found, at
        while line and len(found) < BATCH_MAILS and weight < BATCH_BYTES:
            start, opening = at, line
            raw, size, at, line = self._mail(file, at + len(line))
            ticket = waiting.hand_out(at)
            weight += len(raw)
            place, cut = f"{identity}/{start}", size > len(raw)
            found.append(Fetched(raw, place, FOLDER, _arrived(opening), cut, (identity, waiting, ticket)))
        return found, at

    def _mail(self, file: BinaryIO, at: int) -> tuple[bytes, int, int, bytes]:
        """One mail: its bytes up to the limit, its whole size, the offset behind it and the next From line."""
        raw, size = bytearray(), 0
        blank, fresh = False, True
        ending = b""
        while line := file.readline(PIECE):
            if fresh and blank and line.startswith(b"From "):
                break
            at += len(line)
            ending = line if fresh and line in (b"\n", b"\r\n") else b""
            blank = bool(ending)
            kept = line[1:] if fresh and _QUOTED.match(line) else line
            size += len(kept)
            if len(raw) <= self.max_bytes + 2:
                raw += kept
            fresh = line.endswith(b"\n")
        # the empty line before the next From line belongs to the file and not to the mail, at its end too
        size -= len(ending)
        return bytes(raw[: min(size, self.max_bytes)]), size, at, line

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        """The file, under a shared fcntl lock and while nobody holds its dot-lock."""
        try:
            file = self.path.open("rb")
        except OSError as wrong:
            raise self._wrong(f"{self.path} cannot be opened: {wrong.strerror}") from wrong
        with file:
            deadline = time.monotonic() + LOCK_SECONDS
            while not self._lock(file):
                if time.monotonic() >= deadline:
                    raise self._wrong(
                        f"{self.path} is locked by another program", "Try again; find that program if it stays so."
                    )
                time.sleep(0.05)
            try:
                yield file
            except OSError as wrong:
                raise self._wrong(f"{self.path} cannot be read: {wrong.strerror}") from wrong
            finally:
                fcntl.lockf(file, fcntl.LOCK_UN)

    def _lock(self, file: BinaryIO) -> bool:
        dot = self.path.with_name(self.path.name + ".lock")
        try:
            if time.time() - dot.stat().st_mtime < STALE_LOCK_SECONDS:
                return False
        except FileNotFoundError:
            pass
        try:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _wrong(self, words: str, remedy: str = "") -> MailboxError:
        return MailboxError(
            f"the mailbox {self.box.name}: {words}",
            remedy=remedy or "Check `path` of this mailbox in outreach.toml, and who may read it. Nothing was lost.",
        )


def _arrived(opening: bytes) -> datetime | None:
    """The time in a From line, which is UTC (RFC 4155); None where it has another form."""
    words = opening.decode("ascii", "replace").split()[2:]
    for form in ("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M %Y"):
        try:
            return datetime.strptime(" ".join(words[-5:]), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
