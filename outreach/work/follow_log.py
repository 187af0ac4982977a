"""A relay's log that the daemon reads on by itself: what was added since it looked last.

Law: as in `work.maillog`: only what a line proves, and reading a line twice changes nothing. So no place need be kept:
a new process begins a little before the end, and knows a mail whose first line lies before that by its reverse-path.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dateutil.tz import tzlocal

from ..delivery.maillog import LONGEST_LINE, LogReader
from ..errors import InputError
from ..records import Onward
from .maillog import LogResult, Scribe, whose
from .workspace import Workspace

BACK = 8_000_000
"""Octets before the end at which a new process begins."""
AT_MOST = 32_000_000
"""Octets that one look reads; the rest follows at the next beat."""


@dataclass(frozen=True)
class LogNews:
    """What was new: doubts that ended, and what the next servers said."""

    settled: int = 0
    accepted: int = 0
    put_off: int = 0
    refused: int = 0


class LogFollower:
    """Follows the logs that the settings name, across rotation, for as long as this process lives."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        named = dict.fromkeys(relay.maillog for relay in workspace.settings.all_relays if relay.maillog)
        self._files = [_Followed(workspace, workspace.root / Path(name).expanduser()) for name in named]

    @property
    def wanted(self) -> bool:
        """Whether the settings name a log at all."""
        return bool(self._files)

    def look(self) -> LogNews:
        """Read what was added. Raises InputError where a log cannot be read."""
        result = LogResult()
        for file in self._files:
            file.read_on(result)
        result.heed_storms(self._workspace)
        counts = (result.onward[word] for word in (Onward.ACCEPTED, Onward.DEFERRED, Onward.BOUNCED))
        return LogNews(result.settled_sent + result.settled_failed, *counts)


class _Followed:
    """One log: how far it was read, and the mails that are under way in it."""

    def __init__(self, workspace: Workspace, path: Path) -> None:
        self._workspace, self._path = workspace, path
        self._reader = LogReader(lambda found: whose(workspace, found), tzlocal(), workspace.clock())
        self._inode, self._offset, self._too_long, self._tail = -1, -1, False, b""

    def read_on(self, result: LogResult) -> None:
        scribe = Scribe(self._workspace, result)
        try:
            for path in self._parts():
                with path.open("rb") as file:
                    self._read(file, path, scribe)
        except OSError as wrong:
            remedy = "Check `maillog` of the relay in outreach.toml, and that this user may read the file."
            raise InputError(f"cannot be read: {wrong.strerror}", file=self._path, remedy=remedy) from wrong
        finally:
            scribe.write()

    def _parts(self) -> Sequence[Path]:
        """The file, and before it the rest of the one that was rotated away since."""
        now = self._path.stat()
        if self._offset < 0:
            self._inode, self._offset = now.st_ino, max(0, now.st_size - BACK)
            return [self._path]
        if now.st_ino == self._inode and now.st_size >= self._offset:
            return [self._path]
        return [*self._rotated(), self._path]

    def _rotated(self) -> Sequence[Path]:
        """The file that we read before, under its new name: `mail.log.1`, or with a date (logrotate's `dateext`)."""
        found = [self._path.with_name(self._path.name + ".1")]
        with suppress(OSError):
            found += [one for one in self._path.parent.iterdir() if one.name.startswith(self._path.stem)]
        for one in found:
            with suppress(OSError):
                if one != self._path and one.stat().st_ino == self._inode:
                    return [one]
        return []

    def _read(self, file: BinaryIO, path: Path, scribe: Scribe) -> None:
        status = os.fstat(file.fileno())
        file.seek(max(0, self._offset - len(self._tail)))
        if status.st_ino != self._inode or file.read(len(self._tail)) != self._tail:
            # another file, or this one was cut off and begun again
            self._inode, self._offset, self._too_long, self._tail = status.st_ino, 0, False, b""
        self._reader.latest = self._workspace.clock()
        file.seek(self._offset)
        until = self._offset + AT_MOST if path == self._path else status.st_size
        while self._offset < until and (line := file.readline(LONGEST_LINE)):
            whole = line.endswith(b"\n")
            if not whole and len(line) < LONGEST_LINE:
                break  # it is still being written
            if whole and not self._too_long:
                for fact in self._reader.read(line.decode("utf-8", "replace"), f"{path.name}, octet {self._offset}"):
                    scribe.take(fact)
            self._too_long, self._tail = not whole, line
            self._offset += len(line)
