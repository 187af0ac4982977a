"""The register of stops beside the database: who said stop, or took it back, by keyed hashes alone.

Law: written when the stop is stored, after its commit, so that no sender waits for it; those who say it at one time are
written together. What a crash, another machine or a bulk import left out is read out of the database (`follow`). A
restore adds to it and takes nothing away.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..address import KeyRing
from ..audience.stops import BACK, NOBODY, Stop, in_force, read_stop
from ..errors import DatabaseError
from ..store.database import Database
from ..store.stops import Read, Said, said_in
from ..workdays import Clock
from .erasures import person_key
from .register import add_lines, head_of, held, mark_of, read_if_there, read_whole, write_whole

STOPS = "outreach.stops"
HEADER = "outreach stops 1"
Key = tuple[datetime, str, str, str]
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
LATE = timedelta(minutes=10)
"""Blocks and pauses that changed so lately are read again: their instant is that of their transaction's beginning."""


@dataclass(frozen=True)
class Register:
    """What a register says. `since`: from when on it is whole; None where there is none."""

    since: datetime | None = None
    stops: tuple[Stop, ...] = ()


class StopBook:
    """Keeps a workspace's register; used by all threads of a process. `days`: so far back it begins, 0: for ever."""

    def __init__(self, root: Path, keys: KeyRing, database: Database, clock: Clock, days: int) -> None:
        self.path = root / STOPS
        self._keys, self._database, self._clock, self._days = keys, database, clock, days
        self._turn = threading.Condition()
        self._waiting: list[str] = []
        self._asked = self._done = 0
        self._busy = False
        self._seen, self._looked, self._known = Read(), BEGINNING, frozenset[Key]()
        self._left: tuple[int, int, bytes] | None = None

    def keep(self, said: Sequence[Said]) -> None:
        """Write down what a transaction said, together with what others said meanwhile; on the disk when it returns.

        What cannot be written now is left to `follow`: a stop that is stored must not be answered with an error.
        """
        with self._turn:
            self._waiting += [entry(self._keys, one).line() for one in said]
            self._asked += 1
            mine = self._asked
            self._turn.wait_for(lambda: not self._busy or self._done >= mine)
            if self._done >= mine:
                return
            self._busy, lines, self._waiting, last = True, self._waiting, [], self._asked
        try:
            with suppress(OSError, DatabaseError):
                self._write(lines)
        finally:
            with self._turn:
                self._busy, self._done = False, last
                self._turn.notify_all()

    def _write(self, lines: Sequence[str]) -> None:
        with held(self.path, HEADER, self._keys) as file:
            begun = os.fstat(file).st_size > 0
            if begun:
                add_lines(file, lines)
        if not begun:
            self.follow()

    def follow(self) -> int:
        """Add what the database knows and the register does not; how many lines. Raises DatabaseError.

        All of it is read where the register is not the one that was left behind the last time: one that is begun anew
        says that it is whole.
        """
        now = self._clock()
        begins = now - timedelta(days=self._days) if self._days else BEGINNING
        file, size, head = mark_of(self.path)
        left = self._left
        whole = left is None or (file, head) != (left[0], left[2]) or size < left[1]
        with self._database.read() as session:
            since = begins if whole else max(begins, min(now, self._looked) - LATE)
            found, newest = said_in(session, None if whole else self._seen, since)
        stops = [one for one in (entry(self._keys, each) for each in found) if one.at >= begins]
        keys = frozenset[Key]() if whole else frozenset(_key(one) for one in stops)
        added = add_stops(self.path, self._keys, stops, begins) if whole or keys - self._known else 0
        self._seen, self._looked, self._known, self._left = newest, now, keys, mark_of(self.path)
        return added


def entry(keys: KeyRing, said: Said) -> Stop:
    """As it stands in the register: the customer by a key of their random number."""
    person = person_key(keys, said.public_id) if said.public_id else NOBODY
    return Stop(said.at, said.what, person, said.address_key or NOBODY, said.scope, said.until)


def add_stops(path: Path, keys: KeyRing, stops: Iterable[Stop], since: datetime) -> int:
    """Add what the register at `path` does not know; one that begins now is whole `since` then. Raises DatabaseError.

    That something was taken back is of use only where it had been said.
    """
    try:
        with held(path, HEADER, keys) as file:
            data = read_whole(file)
            known = parse_register(data, keys)
            have = {_key(one) for one in known.stops}
            wanted = [one for one in stops if _key(one) not in have]
            said = {who for one in (*known.stops, *wanted) if one.what != BACK for who in _who(one)}
            wanted = [one for one in wanted if one.what != BACK or any(who in said for who in _who(one))]
            lines = list({_key(one): one.line() for one in sorted(wanted, key=lambda one: one.at)}.values())
            add_lines(file, lines, "" if data else f"{_head(keys, since)}\n")
            return len(lines)
    except OSError as wrong:
        raise unwritten(path, wrong) from wrong


def unwritten(path: Path, wrong: OSError) -> DatabaseError:
    """The register cannot be written."""
    return DatabaseError(
        f"the register of stops {path} cannot be written: {wrong.strerror}",
        remedy="Without it a restored backup would write to people who said stop since. Give this user the right to "
        "write it, and make room: what is missing is read out of the database then.",
    )


def read_register(path: Path, keys: KeyRing) -> Register:
    """The register in this file; an empty one where there is none, or of other keys. Raises DatabaseError."""
    return parse_register(read_if_there(path), keys)


def parse_register(data: bytes, keys: KeyRing) -> Register:
    """What the file's lines say. A line that was cut in the middle says nothing.

    Where it is damaged just there where it says since when it is whole, nobody knows more than its newest line.
    """
    head, *lines = data.decode("utf-8", "replace").split("\n")
    known, _, since = head.rpartition(" ")
    if known != head_of(HEADER, keys) or not lines:
        return Register()
    stops = tuple(one for line in lines[:-1] if (one := read_stop(line)) is not None)
    begins = None
    with suppress(ValueError):
        begins = datetime.fromisoformat(since)
    if begins is None or begins.tzinfo is None:
        begins = max((one.at for one in stops), default=None)
    return Register(begins, stops)


def prune_stops(root: Path, keys: KeyRing, days: int, now: datetime, *, dry_run: bool) -> int:
    """Let go of stops that no backup needs that is younger than `days`, and of those that are over; how many.

    The file is written anew beside itself: whoever waits for it takes the new one. Raises DatabaseError.
    """
    path, before = root / STOPS, now - timedelta(days=days) if days else BEGINNING
    if not path.exists():
        return 0
    try:
        with held(path, HEADER, keys) as file:
            known = parse_register(read_whole(file), keys)
            kept = [one for one in known.stops if one.at >= before and (one.until is None or one.until > now)]
            gone = len(known.stops) - len(kept)
            if gone and not dry_run:
                since = max(before, known.since or before)
                _replace(path, [_head(keys, since), *(one.line() for one in kept)])
            return gone
    except OSError as wrong:
        raise unwritten(path, wrong) from wrong


def still_said(root: Path, keys: KeyRing, now: datetime) -> list[Stop]:
    """The stops that hold, as the register beside the database tells them."""
    return in_force(read_register(root / STOPS, keys).stops, now)


def _replace(path: Path, lines: Sequence[str]) -> None:
    fresh = path.with_name(f".{path.name}.fresh")
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_whole(file, "".join(f"{line}\n" for line in lines).encode())
    finally:
        os.close(file)
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _head(keys: KeyRing, since: datetime) -> str:
    return f"{head_of(HEADER, keys)} {since.astimezone(UTC).isoformat()}"


def _key(one: Stop) -> Key:
    return (one.at, one.what, one.address if one.address != NOBODY else one.person, one.scope)


def _who(one: Stop) -> list[tuple[str, str]]:
    return [(who, one.scope) for who in (one.person, one.address) if who != NOBODY]
