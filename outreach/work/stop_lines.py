"""Which lines a register of stops has already: each is known by a mark of eight octets, and none is read twice.

Law: lines are added in the order in which they were said. Where one was missing, whatever the same person said later is
told once more behind it: a stop is over only where it was taken back after it (`audience.stops.in_force`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC

from ..audience.stops import NOBODY, STOP, Stop
from .register import CUT, lines_from


class Marks:
    """The marks of a register's lines, or of those `among` them that somebody asks for."""

    def __init__(self, among: Collection[int] | None = None) -> None:
        self._among = frozenset(among) if among is not None else None
        self._marks = set[int]()
        self._late, self._told = set[int](), set[int]()
        self._file, self._at = (0, 0), 0

    def read_on(self, file: int) -> None:
        """Learn what was added to the open register since the last time; all of it where another file stands there."""
        found = os.fstat(file)
        if (found.st_dev, found.st_ino) != self._file or found.st_size < self._at:
            self._file, self._at, self._marks = (found.st_dev, found.st_ino), 0, set()
        for line, end in lines_from(file, self._at):
            mark = _mark_of(line)
            if mark is not None and (self._among is None or mark in self._among):
                self._marks.add(mark)
            self._at = end

    def wrote(self, file: int) -> None:
        """What stands in the open register now is known: it was told here, behind what was read before."""
        self._at = os.fstat(file).st_size

    def unknown(self, stops: Iterable[Stop]) -> Iterator[Stop]:
        """Those of these, as they were said, that are to be added."""
        for one in stops:
            mark, whose = mark_of(one), hash((_who(one), one.scope))
            if mark in self._told or (mark in self._marks and whose not in self._late):
                continue
            self._told.add(mark)
            if one.what == STOP:
                self._late.add(whose)
            yield one

    def begin_anew(self) -> None:
        """What is told next has an order of its own."""
        self._marks |= self._told
        self._late, self._told = set(), set()


def mark_of(one: Stop) -> int:
    """The mark of a line: when, what, who and how far."""
    return hash((one.at.astimezone(UTC).isoformat(), one.what, _who(one), one.scope))


def _mark_of(line: bytes) -> int | None:
    parts = line.decode("utf-8", "replace").split(" ")
    if len(parts) not in (5, 6) or parts[-1] == CUT:
        return None
    at, what, person, address, scope = parts[:5]
    return hash((at, what, person if address == NOBODY else address, scope))


def _who(one: Stop) -> str:
    return one.address if one.address != NOBODY else one.person
