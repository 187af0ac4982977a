"""Opening a file of people: its encoding, delimiter, columns and their types are found before a row is used.

Law: the file is read in bounded pieces and never kept; what is no text with separated cells is refused with a remedy.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

from ..audience.csv_text import (
    LONGEST_LINE,
    Record,
    choose_narrow,
    guess_wide,
    read_records,
    refuse_other_kinds,
    sniff_delimiter,
)
from ..audience.headings import Columns, means_address, read_headings
from ..audience.intake import survey_types
from ..audience.places import fold
from ..errors import InputError

PIECE = 1 << 20
SAMPLE_ROWS, SAMPLE_SIZE = 1_000, 65_536


@dataclass(frozen=True)
class Sheet:
    """A file that may be read any number of times. `rows`: those below the headings, blank ones left out."""

    path: Path
    encoding: str
    delimiter: str
    columns: Columns
    types: Mapping[str, Callable[[str], Any]]
    rows: int

    def records(self) -> Iterator[Record]:
        """The rows below the headings, one after the other."""
        with _told(self.path):
            records = _records(self.path, self.encoding, self.delimiter)
            next(records, None)
            yield from records


def open_sheet(path: Path, mapping: Mapping[str, str]) -> Sheet:
    """Look through a file of people. Raises InputError with a remedy, UsageError where `mapping` is wrong."""
    with _told(path):
        if not path.is_file():
            words = "is a folder" if path.is_dir() else "is no regular file" if path.exists() else "does not exist"
            raise InputError(f"the file {words}", file=path, remedy="Name a CSV file.")
        encoding = _find_encoding(path)
        with _open_text(path, encoding) as text:
            sample = text.read(SAMPLE_SIZE)
            whole = not text.read(1)
        named = {fold(heading) for heading, field in mapping.items() if field in ("address", "email")}
        delimiter = sniff_delimiter(sample, whole, lambda head: means_address(head) or fold(head) in named)
        return _survey(path, encoding, delimiter, mapping)


def _survey(path: Path, encoding: str, delimiter: str, mapping: Mapping[str, str]) -> Sheet:
    records = _records(path, encoding, delimiter)
    first = next(records, None)
    if first is None:
        raise InputError("the file has no rows", file=path, remedy="It needs a row of headings, one of them email.")
    if first.fault:
        raise InputError(f"the headings cannot be read: {first.fault}", file=path, line=first.row)
    sample = list(islice(records, SAMPLE_ROWS))
    good = [record.cells for record in sample if not record.fault]
    columns = read_headings(first.cells, mapping, good, file=str(path))
    count = 0

    def counted(rows: Iterable[Record]) -> Iterator[list[str]]:
        nonlocal count
        for record in rows:
            count += 1
            if not record.fault:
                yield record.cells

    types = survey_types(columns, counted(chain(sample, records)))
    return Sheet(path, encoding, delimiter, columns, types, count)


@dataclass(frozen=True)
class Rows:
    """A text with separated cells whose headings say nothing to us yet."""

    path: Path
    encoding: str
    delimiter: str

    def records(self) -> Iterator[Record]:
        """Every record that is not blank, the headings first."""
        with _told(self.path):
            yield from _records(self.path, self.encoding, self.delimiter)


def open_rows(path: Path, is_heading: Callable[[str], bool]) -> Rows:
    """Find encoding and delimiter of a file; `is_heading` knows a heading that it must hold. Raises InputError."""
    with _told(path):
        encoding = _find_encoding(path)
        with _open_text(path, encoding) as text:
            sample = text.read(SAMPLE_SIZE)
            whole = not text.read(1)
    delimiter = sniff_delimiter(sample, whole, is_heading)
    heading = next((line for line in sample.splitlines() if line.strip()), "")
    return Rows(path, encoding, delimiter if delimiter in heading else "\x1f")


def open_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file with their numbers; of one that is far too long only the beginning."""
    with _told(path):
        with path.open("rb") as raw:
            head = raw.read(SAMPLE_SIZE)
        encoding = guess_wide(head) or choose_narrow(*_count_foreign(path))
        with _open_text(path, encoding) as text:
            yield from enumerate(_lines(text), 1)


def _records(path: Path, encoding: str, delimiter: str) -> Iterator[Record]:
    with _open_text(path, encoding) as text:
        for record in read_records(_lines(text), delimiter):
            if record.fault or (record.cells and (record.cells[0] or any(map(str.strip, record.cells)))):
                yield record


def _lines(text: TextIO) -> Iterator[str]:
    """Lines with their endings; of one that is far too long only the beginning, so that memory stays bounded."""
    while line := text.readline(LONGEST_LINE):
        if len(line) < LONGEST_LINE or line.endswith(("\n", "\r")):
            yield line
            continue
        while (more := text.readline(LONGEST_LINE)) and not more.endswith(("\n", "\r")):
            pass
        yield line + "\n"


def _open_text(path: Path, encoding: str) -> TextIO:
    return path.open(encoding=encoding, errors="replace", newline="")


def _find_encoding(path: Path) -> str:
    with path.open("rb") as raw:
        head = raw.read(SAMPLE_SIZE)
    refuse_other_kinds(head, file=str(path))
    return guess_wide(head) or choose_narrow(*_count_foreign(path))


def _count_foreign(path: Path) -> tuple[int, int, int]:
    """Characters beyond ASCII that read well as UTF-8, places that do not, bytes that Windows-1252 does not know."""
    foreign = broken = undefined = 0
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    with path.open("rb") as raw:
        while piece := raw.read(PIECE):
            text = decoder.decode(piece)
            if text.isascii():
                continue
            bad = text.count("\ufffd") - piece.count(b"\xef\xbf\xbd")
            broken += bad
            foreign += len(text) - len(text.encode("ascii", "ignore")) - bad
            undefined += sum(map(piece.count, (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")))
    return foreign, broken + decoder.decode(b"", final=True).count("\ufffd"), undefined


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as wrong:
        raise InputError(
            f"the file cannot be read: {wrong.strerror or wrong}", file=path, remedy="Check its name and permissions."
        ) from wrong
