"""People of a file dealt into piles by their keys, so that rows with one address meet, and indexes grow at one place.

Law: a file of any length takes the same memory: its piles wait in files without a name, which go with the process.
A pile holds the keys of one stretch; a short file is one pile, in the order of its rows.
"""

from __future__ import annotations

import marshal
import os
import pickle  # only what this program wrote itself, in a file that nobody else can open
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from struct import Struct
from typing import BinaryIO
from zlib import crc32

from ..audience.plain_rows import KEY, ROW
from ..errors import InputError
from ..store.known import OF_PERSON, PERSON, Taken

PILE, MOST = 8_000, 4_096
"""Rows in a pile, and piles."""
AT_ONCE, WEIGHT = 20_000, 8_000_000
"""Rows that wait in memory, and characters of what may be long in them."""
Part = tuple[int, int, int]
"""The number of a pile, and where in a file some of its rows stand: begin and size."""
Place = tuple[int, int, int, int]
"""Where some rows of a pile stand: which file, begin, size, and what is added to their numbers."""
_ENTRY, _HELD = Struct("<qqqqq"), 1 << 18


def pile_count(rows: int, size: int) -> int:
    """Into how many piles a file of about so many rows and octets is dealt."""
    return max(1, min(MOST, rows // PILE, rows // 2), min(MOST, size // WEIGHT))


class Dealer:
    """Deals people into so many piles, and writes them to an open file."""

    def __init__(self, count: int, file: int) -> None:
        self._count, self._file = count, file
        self._held: list[list[Taken]] = [[] for _ in range(count)]
        self._takers = {f"{begin:03x}": self._held[begin * count >> 12].append for begin in range(1 << 12)}
        self._waiting = self._weight = self._end = 0

    def add(self, people: Sequence[Taken], weight: int) -> list[Part]:
        """Take people in, in the order of their rows; `weight`: about how many characters they hold. Raises OSError."""
        taker = self._takers.get
        for one in people:
            if (take := taker(one[KEY][:3])) is None:  # somebody without an address
                take = self._held[crc32(one[KEY].encode("utf-8", "replace")) % self._count].append
            take(one)
        self._waiting += len(people)
        self._weight += weight
        return self.put_away() if self._waiting >= AT_ONCE or self._weight >= WEIGHT else []

    def put_away(self) -> list[Part]:
        """Write down who waits; where. Raises OSError."""
        parts: list[Part] = []
        data: list[bytes] = []
        end = self._end
        for place, people in enumerate(self._held):
            if not people:
                continue
            plain = [(*one[:PERSON], pickle.dumps(one[PERSON])) if len(one) == OF_PERSON else one for one in people]
            data.append(marshal.dumps(plain))
            parts.append((place, end, len(data[-1])))
            end += len(data[-1])
            people.clear()
        write_all(self._file, b"".join(data), self._end)
        self._end = end
        self._waiting = self._weight = 0
        return parts


def read_part(file: int, begin: int, size: int, offset: int = 0) -> list[Taken]:
    """Some rows of a pile, each number raised by `offset`. Raises OSError."""
    rows: list[Taken] = marshal.loads(os.pread(file, size, begin))  # noqa: S302  what this program wrote itself
    if OF_PERSON in map(len, rows):
        rows = [_with_person(one) if len(one) == OF_PERSON else one for one in rows]
        for one in rows:
            if len(one) == OF_PERSON:
                one[PERSON].row += offset
    return [(one[KEY], one[ROW] + offset, *one[PERSON:]) for one in rows] if offset else rows


def _with_person(one: Taken) -> Taken:
    return (*one[:PERSON], pickle.loads(one[PERSON]))  # noqa: S301


class Places:
    """Where the rows of each of so many piles stand: written down in an open file, of which each entry tells where the
    one before it of the same pile stands. Here only the last one of each pile is known, however long the file is."""

    def __init__(self, count: int, file: int) -> None:
        self._file, self._end, self._held = file, 0, bytearray()
        self._last = array("q", [-1]) * count

    def add(self, parts: Iterable[Part], file: int = 0, more: int = 0) -> None:
        """Take in where rows stand, in which of several files, and what is added to their numbers. Raises OSError."""
        for pile, begin, size in parts:
            self._held += _ENTRY.pack(self._last[pile], file, begin, size, more)
            self._last[pile] = self._end + len(self._held) - _ENTRY.size
        if len(self._held) >= _HELD:
            self._put_away()

    def of(self, pile: int) -> list[Place]:
        """Those of a pile, in the order in which they came. Raises OSError."""
        self._put_away()
        found: list[Place] = []
        at = self._last[pile]
        while at >= 0:
            at, *place = _ENTRY.unpack(os.pread(self._file, _ENTRY.size, at))
            found.append((place[0], place[1], place[2], place[3]))
        return found[::-1]

    def filled(self) -> Iterator[int]:
        """The piles that are not empty."""
        return (pile for pile, last in enumerate(self._last) if last >= 0)

    def _put_away(self) -> None:
        write_all(self._file, self._held, self._end)
        self._end += len(self._held)
        self._held = bytearray()


def write_all(file: int, data: bytes | bytearray, at: int) -> None:
    """Write all of it there. Raises OSError."""
    whole = memoryview(data)
    while whole:
        done = os.pwrite(file, whole, at)
        at, whole = at + done, whole[done:]


class Piles:
    """The people of a file of about so many `rows` and `size` octets; `folder` has room for them."""

    def __init__(self, folder: Path, rows: int, size: int) -> None:
        self.count = pile_count(rows, size)
        self._folder = folder
        self._held: list[Taken] = []
        self._files: list[BinaryIO] = []
        self._dealer: Dealer | None = None
        if self.count > 1:
            self._files += (open_nameless(folder), open_nameless(folder))
            self._dealer = Dealer(self.count, self._files[0].fileno())
            self._places = Places(self.count, self._files[1].fileno())

    def add(self, people: Sequence[Taken], weight: int) -> None:
        """Take people in, in the order of their rows; `weight`: about how many characters they hold."""
        if self._dealer is None:
            self._held += people
            return
        with room_told(self._folder):
            self._places.add(self._dealer.add(people, weight))

    def __iter__(self) -> Iterator[Iterator[Taken]]:
        """Pile after pile, the keys rising from one to the next."""
        if self._dealer is not None:
            with room_told(self._folder):
                self._places.add(self._dealer.put_away())
        for place in range(self.count):
            yield self._pile(place)

    def close(self) -> None:
        """Let go of all."""
        for file in self._files:
            file.close()

    def _pile(self, place: int) -> Iterator[Taken]:
        if self._dealer is None:
            yield from self._held
            return
        with room_told(self._folder):
            places = self._places.of(place)
        for _, begin, size, _ in places:
            with room_told(self._folder):
                yield from read_part(self._files[0].fileno(), begin, size)


@contextmanager
def room_told(folder: Path) -> Iterator[None]:
    """Turn what the disk says into an InputError with a remedy."""
    try:
        yield
    except OSError as wrong:
        raise no_room(folder, wrong.strerror or str(wrong)) from wrong


def open_nameless(folder: Path) -> BinaryIO:
    """A file without a name in `folder`. Raises InputError where there can be none."""
    with room_told(folder):
        return tempfile.TemporaryFile(dir=folder)


def no_room(folder: Path, why: str) -> InputError:
    """What a person is told where rows cannot wait in the workspace."""
    return InputError(
        f"the rows of a long file wait in the workspace, and cannot: {why}",
        file=folder,
        remedy="Make room for four times the size of the file, then run the import again.",
    )
