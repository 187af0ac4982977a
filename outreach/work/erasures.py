"""The register of erasures beside the database: who was erased when, by keyed hashes alone.

Law: a line is on the disk before the erasure's commit, and lines are only added: a restore adds what its backup knew
and takes nothing away. Without the workspace's keys it says nothing of anybody.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..address import KeyRing
from ..errors import DatabaseError
from .register import CUT, add_lines, head_of, held, read_if_there, read_whole

REGISTER = "outreach.erased"
HEADER = "outreach erasures 1"
ERASED, LIFTED = "erased", "lifted"
NOBODY = "-"
"""In the place of a person's key where only their address's is known."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody was erased, or the block of an erased address was lifted. `person`: the key of the customer's row."""

    at: datetime
    what: str
    person: str
    addresses: tuple[str, ...]

    def line(self) -> str:
        """As it stands in the file."""
        return " ".join((self.at.astimezone(UTC).isoformat(), self.what, self.person, *self.addresses))


@dataclass(frozen=True)
class Register:
    """What the register says, in the order in which it was written."""

    entries: tuple[Entry, ...] = ()

    def erased_at(self) -> dict[str, datetime]:
        """When each address was erased last, by its key."""
        found: dict[str, datetime] = {}
        for entry in self.entries:
            for key in entry.addresses if entry.what == ERASED else ():
                found[key] = max(entry.at, found.get(key, entry.at))
        return found

    def blocked(self) -> dict[str, datetime]:
        """The addresses that are to be blocked: erased, and not let in again since then, by the clock and by the order
        of lines: clocks are set back, and where the two differ they stay blocked."""
        lifted = self.lifted_at()
        return {key: at for key, at in self.erased_at().items() if key not in lifted or lifted[key] < at}

    def lifted_at(self) -> dict[str, datetime]:
        """When the block of each address was lifted that was not erased again in a later line."""
        found: dict[str, datetime] = {}
        for entry in self.entries:
            for key in entry.addresses:
                if entry.what == LIFTED:
                    found[key] = entry.at
                else:
                    found.pop(key, None)
        return found

    def persons(self) -> frozenset[str]:
        """The keys of the customers' rows that were erased."""
        return frozenset(entry.person for entry in self.entries if entry.what == ERASED) - {NOBODY}

    def knows(self, entry: Entry) -> bool:
        """Whether it says this, or more, already."""
        if entry.what == ERASED and entry.person in self.persons():
            return set(entry.addresses) <= {key for one in self.entries for key in one.addresses}
        if entry.what == ERASED and entry.person == NOBODY:
            known = self.erased_at()
            return all(key in known and known[key] >= entry.at for key in entry.addresses)
        return entry in self.entries


def person_key(keys: KeyRing, public_id: str) -> str:
    """The key of a customer's row: an HMAC of its random number, another one than any address's."""
    return hmac.digest(keys.address, f"customer:{public_id}".encode(), "sha256").hex()[:40]


def read_register(path: Path, keys: KeyRing) -> Register:
    """The register in this file; an empty one where there is none, or of other keys. Raises DatabaseError."""
    return parse_register(read_if_there(path), keys)


def parse_register(data: bytes, keys: KeyRing) -> Register:
    """What the file's lines say. A line that was cut in the middle says nothing."""
    head, *lines = data.decode("utf-8", "replace").split("\n")
    if head != head_of(HEADER, keys):
        return Register()
    return Register(tuple(entry for line in lines[:-1] if (entry := _entry(line)) is not None))


def note(root: Path, keys: KeyRing, entries: Iterable[Entry], path: Path | None = None) -> None:
    """Add what the register (or a copy of it at `path`) does not know yet, on the disk when this returns.

    Raises DatabaseError.
    """
    path = path or root / REGISTER
    try:
        with held(path, HEADER, keys) as file:
            data = read_whole(file)
            known = parse_register(data, keys)
            fresh = []
            for entry in entries:
                if not known.knows(entry):
                    known = Register((*known.entries, entry))
                    fresh.append(entry.line())
            begun = "" if data else f"{head_of(HEADER, keys)}\n"
            add_lines(file, fresh, begun)
    except OSError as wrong:
        raise DatabaseError(
            f"the register of erasures {path} cannot be written: {wrong.strerror}",
            remedy="Without it a restored backup would bring the person back. Give this user the right to write it, "
            "make room, and run the command again: nothing was changed.",
        ) from wrong


def _entry(line: str) -> Entry | None:
    at, what, *rest = line.split(" ") if line.count(" ") >= 2 else ("", "")
    try:
        when = datetime.fromisoformat(at)
    except ValueError:
        return None
    if what not in (ERASED, LIFTED) or when.tzinfo is None or rest[-1] == CUT:
        return None
    return Entry(when, what, rest[0], tuple(rest[1:]))
