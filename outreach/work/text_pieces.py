"""A text read a piece at a time: its lines and rows, from the start or in the midst of it.

Law: what is read is bounded and never kept; a text is cut only where a newline surely ends a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO, StringIO, TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import TextIO

from ..audience.csv_text import LONGEST_LINE, Record, Run, read_runs, without_blank
from ..audience.json_text import read_objects
from ..errors import InputError
from .spool import Spool

PIECE = 1 << 20


@dataclass(frozen=True)
class Body:
    """Where the rows of a text begin: so many octets and records behind its start. `encoding` is that of the rest.

    `keys`: of JSON lines, those of the objects at which we have looked. `spool`: where a workbook's rows are instead.
    """

    begin: int
    row: int
    encoding: str
    keys: tuple[str, ...] = ()
    spool: Spool | None = None


_NARROW = {"utf-8": 0, "utf-8-sig": 3, "cp1252": 0, "latin-1": 0}
"""Encodings of texts that may be cut behind any newline, and the octets of their marks."""


def find_body(path: Path, encoding: str, delimiter: str) -> Body | None:
    """Where the rows below the headings begin; None where the text may not be cut."""
    if encoding not in _NARROW:
        return None
    taken: list[str] = []

    def noted(lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    with open_text(path, encoding) as text:
        first = first_record(
            filter(lambda run: run.rows, map(without_blank, read_runs(noted(lines_of(text)), delimiter)))
        )
    head = "".join(taken)
    if first is None or "\ufffd" in head or not head.endswith("\n") or len(head) > LONGEST_LINE:
        return None
    narrow = encoding.removesuffix("-sig")
    return Body(_NARROW[encoding] + len(head.encode(narrow)), first.row, narrow)


def runs_in(
    path: Path, encoding: str, delimiter: str, *, width: int, begin: int, size: int
) -> tuple[list[Run], int, bool]:
    """The rows in a piece of a text, counted from 1; how many there are with blank ones; and whether the last of them
    ran into the end of the piece."""
    ends: list[bool] = []
    with file_told(path), path.open("rb") as raw:
        raw.seek(begin)
        data = raw.read(size)
    with TextIOWrapper(BytesIO(data), encoding=encoding, errors="replace", newline="") as text:
        runs = list(read_runs(lines_of(text), delimiter, width=width, cut=lambda: ends.append(True)))
    filled = [one for run in runs if (one := without_blank(run)).rows]
    return filled, sum(len(run.rows) for run in runs), bool(ends)


def objects_in(
    path: Path, encoding: str, keys: Sequence[str], *, begin: int, size: int
) -> tuple[list[Run], int, list[str]]:
    """The same of JSON lines, none of which is cut; and which other keys they have."""
    others: dict[str, None] = {}
    with file_told(path), path.open("rb") as raw:
        raw.seek(begin)
        data = raw.read(size)
    with TextIOWrapper(BytesIO(data), encoding=encoding, errors="replace", newline="") as text:
        lines = list(lines_of(text))
    return list(read_objects(lines, keys, others)), len(lines), list(others)


def whole_lines(encoding: str, keys: Sequence[str]) -> Body | None:
    """Where the objects of JSON lines begin; None where the text may not be cut."""
    return Body(_NARROW[encoding], 0, encoding.removesuffix("-sig"), tuple(keys)) if encoding in _NARROW else None


def first_record(runs: Iterator[Run]) -> Record | None:
    """The record of the headings, which always is a run of its own."""
    return next((record for run in runs for record in run.records()), None)


def lines_of(text: TextIO) -> Iterator[str]:
    """Lines with their endings; of one that is far too long only the beginning, so that memory stays bounded."""
    return chain.from_iterable(_many_lines(text))


def _many_lines(text: TextIO) -> Iterator[list[str]]:
    rest = ""
    while piece := text.read(PIECE):
        lines = StringIO(rest + piece, newline="").readlines()
        rest = lines.pop()  # the next piece may go on with it, if only by the \n behind its \r
        if len(rest) > LONGEST_LINE:
            rest = _shortened(rest) if rest.endswith(("\n", "\r")) else rest[: LONGEST_LINE + 1]
        if lines and len(max(lines, key=len)) > LONGEST_LINE:
            lines = [_shortened(line) if len(line) > LONGEST_LINE else line for line in lines]
        yield lines
    if rest:
        yield [_shortened(rest) if len(rest) > LONGEST_LINE else rest]


def _shortened(line: str) -> str:
    return line[:LONGEST_LINE] + ("\r" if line.endswith("\r") else "\n")


def open_text(path: Path, encoding: str) -> TextIO:
    """A text whose ends of lines stay as they are; what cannot be read in it shows as U+FFFD."""
    return path.open(encoding=encoding, errors="replace", newline="")


@contextmanager
def file_told(path: Path) -> Iterator[None]:
    """Turn what the system says of a file that is read into an InputError with a remedy."""
    try:
        yield
    except OSError as wrong:
        raise InputError(
            f"the file cannot be read: {wrong.strerror or wrong}", file=path, remedy="Check its name and permissions."
        ) from wrong
