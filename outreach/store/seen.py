"""Which people of a file have been there already, however long it is: in constant memory.

Law: whom the import made it knows by stretches of ids, whom it found by a bit each; only a dry run, which makes nobody,
keeps the keys it has seen, and in a file of its own that goes with it.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable


class Seen:
    """Remembers the people of one file. `dry`: nobody is written, so their keys are kept here."""

    def __init__(self, *, dry: bool = False) -> None:
        self.made: list[list[int]] = []
        self._bits = bytearray()
        self._blocked: set[str] = set()
        self._here: set[int] = set()
        self._scratch: sqlite3.Connection | None = None
        if dry:
            self._scratch = sqlite3.connect("", check_same_thread=False)  # a file without a name, gone when closed
            self._scratch.execute("PRAGMA cache_size=-16000")
            self._scratch.execute("CREATE TABLE seen (mark INTEGER PRIMARY KEY)")

    def look(self, keys: Iterable[str]) -> None:
        """Find out which of a chunk's keys an earlier chunk had, and keep them all; nothing to do outside a dry run."""
        if self._scratch is None:
            return
        wanted = sorted(map(_mark, keys))
        given = (json.dumps(wanted),)
        found = self._scratch.execute("SELECT mark FROM seen WHERE mark IN (SELECT value FROM json_each(?))", given)
        self._here = {row[0] for row in found}
        self._scratch.executemany("INSERT OR IGNORE INTO seen VALUES (?)", ((mark,) for mark in wanted))

    def add_made(self, ids: Iterable[int]) -> None:
        """Take in which customers the import has made, by rising ids."""
        for one in ids:
            if self.made and self.made[-1][1] == one - 1:
                self.made[-1][1] = one
            else:
                self.made.append([one, one])

    def made_here(self, customer_id: int) -> bool:
        """Whether the import has made this customer."""
        return any(first <= customer_id <= last for first, last in self.made)

    def before(self, key: str, customer_id: int | None) -> bool:
        """Whether an earlier row of the file was this person; the next time they are."""
        if customer_id is None:
            return bool(self._here) and _mark(key) in self._here
        if self.made_here(customer_id):
            return True
        place, bit = customer_id >> 3, 1 << (customer_id & 7)
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1024 - len(self._bits)))
        seen = bool(self._bits[place] & bit)
        self._bits[place] |= bit
        return seen

    def blocked_before(self, key: str) -> bool:
        """The same of an address that is blocked and nobody's."""
        seen = key in self._blocked
        self._blocked.add(key)
        return seen

    def close(self) -> None:
        """Let go of what was kept."""
        if self._scratch is not None:
            self._scratch.close()


def _mark(key: str) -> int:
    """A key as a number of 60 bits: small on the disk, and two of a million are the same once in millions of files."""
    try:
        return int(key[:15], 16)
    except ValueError:  # somebody without an address
        return int(hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:15], 16)
