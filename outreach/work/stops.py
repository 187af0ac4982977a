"""The register of stops beside the database: who said stop, or took it back, by keyed hashes alone.

Law: written when the stop is stored, after its commit, so that no sender waits for it; those who say it at one time are
written together. What a crash, another machine or a bulk import left out is read out of the database (`follow`). A
restore adds to it and takes nothing away.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..address import KeyRing
from ..audience.stops import NOBODY, Stop, in_force, read_stop
from ..errors import DatabaseError
from ..store.database import Database
from ..store.stops import Read, Said, read_so_far, said_in
from ..workdays import Clock
from .erasures import person_key
from .register import (
    add_lines,
    batched,
    head_of,
    held,
    lines_from,
    mark_of,
    read_if_there,
    reading,
    shorten,
    unread,
    write_over,
)
from .stop_lines import Marks
from .stop_lines import mark_of as mark_of_stop

STOPS = "outreach.stops"
HEADER = "outreach stops 1"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
SLICE = 2_000
PATIENCE = 2.0
"""Seconds for which whoever speaks first after a register was lost reads the database for a new one."""
UNFINISHED = "being-begun".ljust(32, "-")
"""In the place of the instant since when a register is whole, and as wide: what is known is being written down."""
LATE = timedelta(minutes=10)
"""Blocks and pauses that changed so lately are read again: their instant is that of their transaction's beginning."""


@dataclass(frozen=True)
class Register:
    """What a register says. `since`: from when on it is whole; None where there is none, or it is only begun."""

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
        self._seen, self._looked, self._known = Read(), BEGINNING, frozenset[int]()
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
        if begun:
            return
        late = time.monotonic() + PATIENCE
        self.follow(lambda: time.monotonic() >= late)
        if self._left is None:  # the next look, which begins anew, tells all that is still missing
            with held(self.path, HEADER, self._keys) as file:
                add_lines(file, lines)

    def follow(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Add what the database knows and the register does not; how many lines. Raises DatabaseError.

        All of it is read where the register is not the one that was left behind the last time: one that is begun anew
        says that it is whole as soon as it is. A slice at a time is read and written; between two of them others write,
        and `stop` may break it off: then the next look begins anew.
        """
        now = self._clock()
        begins = now - timedelta(days=self._days) if self._days else BEGINNING
        file, size, head = mark_of(self.path)
        left = self._left
        whole = left is None or (file, head) != (left[0], left[2]) or size < left[1]
        with self._database.read() as session:
            newest = read_so_far(session)
        after, since = (None, begins) if whole else (self._seen, max(begins, min(now, self._looked) - LATE))
        parts = (
            [one for one in (entry(self._keys, each) for each in part) if one.at >= begins]
            for part in said_in(self._database, after, since, SLICE)
        )
        added, keys, self._left = 0, frozenset[int](), None
        if whole:
            added = self._add(Marks(), parts, stop, begins)
        else:
            stops = [one for part in parts for one in part]
            keys = frozenset(map(mark_of_stop, stops))
            if keys - self._known:
                added = self._add(Marks(keys), [stops], stop)
        mark = mark_of(self.path)
        if not stop() and not mark[2].endswith(UNFINISHED.encode()):
            self._seen, self._looked, self._known, self._left = newest, now, keys, mark
        return added

    def _add(
        self,
        marks: Marks,
        parts: Iterable[Sequence[Stop]],
        stop: Callable[[], bool],
        begins: datetime | None = None,
    ) -> int:
        """Add what of these the register has not. One that was begun, here or by whoever was killed then, says at the
        end that it is whole since `begins`: these are all.
        """
        added = 0
        try:
            with suppress(FileNotFoundError), reading(self.path) as file:
                marks.read_on(file)  # most of it, while nobody waits for the lock
            with held(self.path, HEADER, self._keys) as file:
                _begin(file, self._keys)
                same = _which(file)
            for part in parts:
                if stop():
                    return added
                with held(self.path, HEADER, self._keys) as file:
                    if _begin(file, self._keys) or _which(file) != same:  # emptied, or lost: it lacks what was told
                        begins = None
                    marks.read_on(file)
                    lines = [one.line() for one in marks.unknown(part)]
                    add_lines(file, lines)
                    marks.wrote(file)
                added += len(lines)
            with held(self.path, HEADER, self._keys) as file:
                if begins is not None and _which(file) == same:
                    _say_whole(self.path, file, self._keys, begins)
        except OSError as wrong:
            raise unwritten(self.path, wrong) from wrong
        return added


def entry(keys: KeyRing, said: Said) -> Stop:
    """As it stands in the register: the customer by a key of their random number."""
    person = person_key(keys, said.public_id) if said.public_id else NOBODY
    return Stop(said.at, said.what, person, said.address_key or NOBODY, said.scope, said.until)


def add_stops(path: Path, keys: KeyRing, since: datetime, *told: Iterable[Stop]) -> int:
    """Add what the register at `path` does not know; one that begins now is whole `since` then. Raises DatabaseError.

    `told`: of each source what it says, in its order.
    """
    marks, added = Marks(), 0
    try:
        with held(path, HEADER, keys) as file:
            marks.read_on(file)
            _begin(file, keys)
            for source in told:
                marks.begin_anew()
                for part in batched(marks.unknown(source)):
                    add_lines(file, [one.line() for one in part])
                    added += len(part)
            _say_whole(path, file, keys, since)
    except OSError as wrong:
        raise unwritten(path, wrong) from wrong
    return added


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


def each_stop(path: Path) -> Iterator[Stop]:
    """The stops of the register at `path`, line by line: of one that is known to be of the keys at hand."""
    with reading(path) as file:
        for line, _ in lines_from(file):
            one = _read(line)
            if one is not None:
                yield one


def _read(line: bytes) -> Stop | None:
    return read_stop(line.decode("utf-8", "replace"))


def parse_register(data: bytes, keys: KeyRing) -> Register:
    """What the file's lines say. A line that was cut in the middle says nothing.

    Where it is damaged just there where it says since when it is whole, nobody knows more than its newest line.
    """
    head, *lines = data.decode("utf-8", "replace").split("\n")
    if not lines or not _is_head(head, keys):
        return Register()
    stops = tuple(one for line in lines[:-1] if (one := read_stop(line)) is not None)
    return Register(_since(head, stops), stops)


def is_made_by(data: bytes, keys: KeyRing) -> bool:
    """Whether a register with this beginning is one that these keys made."""
    return _is_head(data.partition(b"\n")[0].decode("utf-8", "replace"), keys)


def since_of(path: Path, keys: KeyRing) -> datetime | None:
    """Since when the register at `path` is whole, as in a `Register`; None where there is none of these keys.

    Raises DatabaseError where it cannot be read.
    """
    try:
        with reading(path) as file:
            head = next((line.decode("utf-8", "replace") for line, _ in lines_from(file)), "")
        if not _is_head(head, keys):
            return None
        return _since(head, each_stop(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as wrong:
        raise unread(path, wrong) from wrong


def _is_head(head: str, keys: KeyRing) -> bool:
    return head.rpartition(" ")[0] == head_of(HEADER, keys)


def _since(head: str, stops: Iterable[Stop]) -> datetime | None:
    word = head.rpartition(" ")[2]
    if word == UNFINISHED:
        return None
    with suppress(ValueError):
        since = datetime.fromisoformat(word)
        if since.tzinfo is not None:
            return since
    return max((one.at for one in stops), default=None)


def prune_stops(root: Path, keys: KeyRing, days: int, now: datetime, *, dry_run: bool) -> int:
    """Let go of stops that no backup needs that is younger than `days`; how many. Raises DatabaseError.

    What is over (a pause) is kept as long as all else: it says that a longer one before it is so, too. A register of
    other keys is left alone.
    """
    path, before = root / STOPS, now - timedelta(days=days) if days else BEGINNING
    since = since_of(path, keys)
    if since is None:
        return 0

    def stays(line: bytes) -> bool:
        one = _read(line)
        return one is not None and one.at >= before

    try:
        gone = sum(one.at < before for one in each_stop(path))
        if gone and not dry_run and not shorten(path, HEADER, keys, _head(keys, max(before, since)), stays):
            return 0
    except OSError as wrong:
        raise unwritten(path, wrong) from wrong
    return gone


def still_said(root: Path, keys: KeyRing, now: datetime) -> list[Stop]:
    """The stops that hold, as the register beside the database tells them."""
    return in_force(read_register(root / STOPS, keys).stops, now)


def _head(keys: KeyRing, since: datetime | None) -> str:
    word = UNFINISHED if since is None else since.astimezone(UTC).isoformat(timespec="microseconds")
    return f"{head_of(HEADER, keys)} {word}"


def _begin(file: int, keys: KeyRing) -> bool:
    """Whether the open register was empty. It begins with a first line that does not yet say that it is whole."""
    empty = not os.fstat(file).st_size
    if empty:
        add_lines(file, (), f"{_head(keys, None)}\n")
    return empty


def _say_whole(path: Path, file: int, keys: KeyRing, since: datetime) -> None:
    """All that is known stands in the register, which is held: where it was only begun it says so now, in one write."""
    before, after = _head(keys, None).encode(), _head(keys, since).encode()
    if os.pread(file, len(before), 0) == before:
        write_over(path, after)


def _which(file: int) -> tuple[int, int]:
    found = os.fstat(file)
    return found.st_dev, found.st_ino
