"""People of a file dealt into piles by their keys, so that rows with one address meet, and indexes grow at one place.

Law: a file of any length takes the same memory: its piles wait in a file without a name, which goes with the process.
A pile holds the keys of one stretch; a short file is one pile, in the order of its rows.
"""

from __future__ import annotations

import marshal
import pickle  # only what this process wrote itself, in a file that nobody else can open
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from ..audience.plain_rows import KEY
from ..errors import InputError
from ..store.imports import OF_PERSON, PERSON, Taken

PILE, MOST = 8_000, 4_096
"""Rows in a pile, and piles."""
AT_ONCE, WEIGHT = 20_000, 8_000_000
"""Rows that wait in memory, and characters of what may be long in them."""


class Piles:
    """The people of a file of about so many `rows` and `size` octets; `folder` has room for them."""

    def __init__(self, folder: Path, rows: int, size: int) -> None:
        self.count = max(1, min(MOST, rows // PILE, rows // 2), min(MOST, size // WEIGHT))
        self._folder, self._file = folder, None if self.count == 1 else _open(folder)
        self._held: list[list[Taken]] = [[] for _ in range(self.count)]
        self._parts: list[list[tuple[int, int]]] = [[] for _ in range(self.count)]
        self._places = {f"{begin:03x}": begin * self.count >> 12 for begin in range(1 << 12)}
        self._waiting = self._weight = self._end = 0

    def add(self, people: Sequence[Taken], weight: int) -> None:
        """Take people in, in the order of their rows; `weight`: about how many characters they hold."""
        if self._file is None:
            self._held[0] += people
            return
        held, places = self._held, self._places
        for one in people:
            place = places.get(one[KEY][:3])
            if place is None:  # somebody without an address
                place = crc32(one[KEY].encode("utf-8", "replace")) % self.count
            held[place].append(one)
        self._waiting += len(people)
        self._weight += weight
        if self._waiting >= AT_ONCE or self._weight >= WEIGHT:
            with self._told():
                self._put_away(self._file)

    def __iter__(self) -> Iterator[Iterator[Taken]]:
        """Pile after pile, the keys rising from one to the next."""
        if self._file is not None:
            with self._told():
                self._put_away(self._file)
        for place in range(self.count):
            yield self._pile(place)

    def close(self) -> None:
        """Let go of all."""
        if self._file is not None:
            self._file.close()

    def _pile(self, place: int) -> Iterator[Taken]:
        if self._file is None:
            yield from self._held[0]
            return
        for begin, size in self._parts[place]:
            with self._told():
                self._file.seek(begin)
                read = self._file.read(size)
            for one in marshal.loads(read):  # noqa: S302  what this process wrote itself
                if len(one) == OF_PERSON:
                    yield (*one[:PERSON], pickle.loads(one[PERSON]))  # noqa: S301
                else:
                    yield one

    def _put_away(self, file: BinaryIO) -> None:
        for place, people in enumerate(self._held):
            if not people:
                continue
            plain = [(*one[:PERSON], pickle.dumps(one[PERSON])) if len(one) == OF_PERSON else one for one in people]
            data = marshal.dumps(plain)
            file.write(data)
            self._parts[place].append((self._end, len(data)))
            self._end += len(data)
            people.clear()
        self._waiting = self._weight = 0
        file.flush()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as wrong:
            raise _no_room(self._folder, wrong) from wrong


def _open(folder: Path) -> BinaryIO:
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError as wrong:
        raise _no_room(folder, wrong) from wrong


def _no_room(folder: Path, wrong: OSError) -> InputError:
    return InputError(
        f"the rows of a long file wait in the workspace, and cannot: {wrong.strerror or wrong}",
        file=folder,
        remedy="Make room for twice the size of the file, then run the import again.",
    )
