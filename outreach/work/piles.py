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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
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
        whole = memoryview(b"".join(data))
        while whole:
            done = os.pwrite(self._file, whole, self._end)
            self._end, whole = self._end + done, whole[done:]
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


class Piles:
    """The people of a file of about so many `rows` and `size` octets; `folder` has room for them."""

    def __init__(self, folder: Path, rows: int, size: int) -> None:
        self.count = pile_count(rows, size)
        self._folder = folder
        self._held: list[Taken] = []
        self._file = None if self.count == 1 else open_nameless(folder)
        self._dealer = None if self._file is None else Dealer(self.count, self._file.fileno())
        self._parts = [array("q") for _ in range(self.count)]

    def add(self, people: Sequence[Taken], weight: int) -> None:
        """Take people in, in the order of their rows; `weight`: about how many characters they hold."""
        if self._dealer is None:
            self._held += people
            return
        with room_told(self._folder):
            self._note(self._dealer.add(people, weight))

    def __iter__(self) -> Iterator[Iterator[Taken]]:
        """Pile after pile, the keys rising from one to the next."""
        if self._dealer is not None:
            with room_told(self._folder):
                self._note(self._dealer.put_away())
        for place in range(self.count):
            yield self._pile(place)

    def close(self) -> None:
        """Let go of all."""
        if self._file is not None:
            self._file.close()

    def _note(self, parts: Sequence[Part]) -> None:
        for place, begin, size in parts:
            self._parts[place].extend((begin, size))

    def _pile(self, place: int) -> Iterator[Taken]:
        if self._file is None:
            yield from self._held
            return
        parts = self._parts[place]
        for begin, size in zip(parts[::2], parts[1::2], strict=True):
            with room_told(self._folder):
                yield from read_part(self._file.fileno(), begin, size)


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
