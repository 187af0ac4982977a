"""The rows of a workbook as they came out of it, put by in a file without a name: read once, judged by every core.

Law: a block holds the rows that follow each other, so that each may be read by itself and in any process; what a cell
says as a text is found where it is judged. The file goes with the process.
"""

from __future__ import annotations

import marshal
import os
import pickle  # only what this program wrote itself, in a file that nobody else can open
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from struct import Struct
from typing import Any

from ..audience.csv_text import Run
from .piles import open_nameless, room_told, write_all
from .workbook import RawRun, text_of

MOST_RUNS = 10
"""Runs of rows in a block."""
_HEAD = Struct("<q?")


class Spool:
    """Takes in what a workbook holds, the headings first; `folder` has room for it. `rows`: those below them, and
    `size`: octets of all. Raises InputError where there is no room."""

    def __init__(self, folder: Path, runs: Iterable[RawRun]) -> None:
        self.rows, self.size, self._folder = 0, 0, folder
        self._file = open_nameless(folder)
        try:
            self._take_in(iter(runs))
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        """The file's descriptor, for `runs_at`."""
        return self._file.fileno()

    def close(self) -> None:
        """Let go of it."""
        self._file.close()

    def runs(self) -> Iterator[Run]:
        """All rows that are not blank, the headings first."""
        for begin, size in self._blocks():
            with room_told(self._folder):
                runs = runs_at(self.fileno(), begin, size)
            yield from runs

    def pieces(self) -> Iterator[tuple[int, int]]:
        """Begin and size of the blocks below the headings."""
        blocks = self._blocks()
        next(blocks, None)
        return blocks

    def _take_in(self, runs: Iterator[RawRun]) -> None:
        most = 1  # the headings are a block of their own
        block: list[RawRun] = []
        for run in runs:
            block.append(run)
            if len(block) >= most:
                self._put_by(block)
                most, block = MOST_RUNS, []
        if block:
            self._put_by(block)

    def _put_by(self, block: list[RawRun]) -> None:
        self.rows += sum(len(rows) for _, rows, _ in block) if self.size else 0
        try:
            plain, data = True, marshal.dumps(block)
        except ValueError:  # a day or a time is among them
            plain, data = False, pickle.dumps(block, pickle.HIGHEST_PROTOCOL)
        with room_told(self._folder):
            write_all(self.fileno(), _HEAD.pack(len(data), plain) + data, self.size)
        self.size += _HEAD.size + len(data)

    def _blocks(self) -> Iterator[tuple[int, int]]:
        at = 0
        while at < self.size:
            with room_told(self._folder):
                size = _HEAD.size + _HEAD.unpack(os.pread(self.fileno(), _HEAD.size, at))[0]
            yield at, size
            at += size


def runs_at(file: int, begin: int, size: int) -> list[Run]:
    """The rows of a block that are not blank. Raises OSError."""
    data = os.pread(file, size, begin)
    _, plain = _HEAD.unpack_from(data)
    block: list[RawRun] = (marshal if plain else pickle).loads(memoryview(data)[_HEAD.size :])
    return list(told_runs(block))


def told_runs(runs: Iterable[RawRun]) -> Iterator[Run]:
    """What rows of a workbook say, but for blank ones."""
    for first, values, fault in runs:
        rows = _texts(values)
        numbers: Sequence[int] = range(first, first + len(rows))
        if not fault and not all(cells[0].strip() for cells in rows):
            filled = [place for place, cells in enumerate(rows) if any(map(str.strip, cells))]
            numbers, rows = [numbers[place] for place in filled], [rows[place] for place in filled]
        if rows:
            yield Run(numbers, rows, fault)


def _texts(rows: list[list[Any]]) -> list[list[str]]:
    return [[value if type(value) is str else text_of(value) for value in values] for values in rows]
