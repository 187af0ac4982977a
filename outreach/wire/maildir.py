"""Reading a Maildir: new, then what lies in cur and was not read by us.

Law: acknowledging moves a mail from new to cur, or adds S; a file that vanishes between looking and reading was moved
by its owner and is looked for once more, then left alone. Maildir++ names a folder Junk as `.Junk`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..errors import MailboxError
from ..settings import MailboxSettings
from .fetched import Fetched, Mailbox, Mark, Waiting

GRACE_SECONDS = 120
"""What somebody else opened is read again if it is at most this much older than the mark; doubles are known by hash."""


@dataclass(frozen=True, slots=True)
class _Found:
    folder: str
    base: Path
    part: str
    name: str
    seconds: float


class Maildir(Mailbox):
    """A Maildir on this machine."""

    def __init__(self, box: MailboxSettings, path: Path, marks: Mapping[str, Mark], max_bytes: int) -> None:
        super().__init__(box, marks, max_bytes)
        self.path = path
        self._done: set[str] = set()

    def check(self) -> None:
        self._folders()

    def fetch(self) -> Iterator[Fetched]:
        for folder, base in self._folders():
            waiting = Waiting(self.marks.get(folder, Mark()).last_uid)
            for found in sorted(self._look(folder, base), key=lambda one: (one.seconds, one.name)):
                raw = self._read(found)
                if raw is None:
                    continue
                ticket = waiting.hand_out(int(min(found.seconds, time.time())))
                yield Fetched(
                    raw=raw[: self.max_bytes],
                    place=f"{folder}/{_unique(found.name)}",
                    folder=folder,
                    received_at=datetime.fromtimestamp(found.seconds, UTC),
                    cut=len(raw) > self.max_bytes,
                    handle=(found, waiting, ticket),
                )

    def acknowledge(self, fetched: Fetched) -> None:
        found, waiting, ticket = fetched.handle
        self._done.add(f"{found.folder}/{_unique(found.name)}")
        part, name = found.part, found.name
        if not (found.base / part / name).exists():
            part, name = "cur", self._moved(found) or ""
        flags = name.partition(":2,")[2]
        if name and (part == "new" or "S" not in flags):
            wanted = f"{_unique(name)}:2,{''.join(sorted({*flags, 'S'}))}"
            try:
                (found.base / part / name).rename(found.base / "cur" / wanted)
            except FileNotFoundError:
                pass
            except OSError as wrong:
                raise self._wrong(f"{found.base} cannot be written: {wrong.strerror}") from wrong
        self.marks[found.folder] = Mark(None, waiting.settle(ticket))

    def _folders(self) -> list[tuple[str, Path]]:
        if not self.path.is_dir():
            raise self._wrong(f"there is no folder {self.path}")
        if not ((self.path / "new").is_dir() and (self.path / "cur").is_dir()):
            raise self._wrong(f"{self.path} is no Maildir: it has no new and cur")
        found = []
        for name in self.box.folders or ("INBOX",):
            base = self.path if name.upper() == "INBOX" else self.path / f".{name.lstrip('.').replace('/', '.')}"
            if (base / "new").is_dir() and (base / "cur").is_dir():
                found.append((name, base))
        return found

    def _look(self, folder: str, base: Path) -> Iterator[_Found]:
        mark = self.marks.get(folder)
        for part in ("new", "cur"):
            try:
                entries = list(os.scandir(base / part))
            except OSError as wrong:
                raise self._wrong(f"{base / part} cannot be read: {wrong.strerror}") from wrong
            for entry in entries:
                flags = entry.name.partition(":2,")[2] if part == "cur" else ""
                if entry.name.startswith(".") or "D" in flags or f"{folder}/{_unique(entry.name)}" in self._done:
                    continue
                try:
                    if not entry.is_file():
                        continue
                    seconds = entry.stat().st_mtime
                except FileNotFoundError:
                    continue
                if "S" in flags and mark is not None and seconds < mark.last_uid - GRACE_SECONDS:
                    continue
                yield _Found(folder, base, part, entry.name, seconds)

    def _read(self, found: _Found) -> bytes | None:
        """The mail, up to one octet more than the limit; None when it is gone."""
        for place in (found.base / found.part / found.name, None):
            if place is None:
                moved = self._moved(found)
                if moved is None:
                    return None
                place = found.base / "cur" / moved
            try:
                with place.open("rb") as file:
                    return file.read(self.max_bytes + 1)
            except FileNotFoundError:
                continue
            except OSError as wrong:
                raise self._wrong(f"{place} cannot be read: {wrong.strerror}") from wrong
        return None

    def _moved(self, found: _Found) -> str | None:
        """The name under which somebody else moved a mail to cur, or changed its flags."""
        unique = _unique(found.name)
        try:
            return next((entry.name for entry in os.scandir(found.base / "cur") if _unique(entry.name) == unique), None)
        except OSError:
            return None

    def _wrong(self, words: str) -> MailboxError:
        return MailboxError(
            f"the mailbox {self.box.name}: {words}",
            remedy="Check `path` of this mailbox in outreach.toml, and who may read it. Nothing was lost.",
        )


def _unique(name: str) -> str:
    """A mail's name without its flags."""
    return name.partition(":")[0]
