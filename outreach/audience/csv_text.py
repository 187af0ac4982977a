"""A text with separated cells: which encoding, which delimiter, which records (RFC 4180, and what programs write).

Law: an opening quotation mark that is never closed costs its own line, never the lines behind it; nothing here reads
more than a bounded piece of the file at once.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Any

from ..errors import InputError

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
LONGEST_LINE = 1_000_000
"""Characters of one physical line that are read; a field ends at 131,072 anyway."""

_BOMS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_KINDS = (
    (b"PK\x03\x04", "an Excel or OpenDocument workbook, or a ZIP archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"{\\rtf", "an RTF document"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML file"),
    (b"BEGIN:VCARD", "a vCard file"),
)
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Record:
    """One row. `row` counts as a spreadsheet does, the headings being row 1; `fault` says why it cannot be read."""

    row: int
    cells: list[str]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """Rows that follow each other, with their numbers; one alone where `fault` says why it cannot be read."""

    numbers: Sequence[int]
    rows: list[list[str]]
    fault: str = ""

    def records(self) -> Iterator[Record]:
        """Its rows one by one."""
        for number, cells in zip(self.numbers, self.rows, strict=True):
            yield Record(number, cells, self.fault)


def without_blank(run: Run) -> Run:
    """The run without rows that hold nothing."""
    if run.fault or ([] not in run.rows and all(map(itemgetter(0), run.rows))):
        return run
    both = [
        (number, cells)
        for number, cells in zip(run.numbers, run.rows, strict=True)
        if cells and (cells[0] or any(map(str.strip, cells)))
    ]
    return Run([number for number, _ in both], [cells for _, cells in both])


def in_runs(records: Iterable[Record], most: int = 1_000) -> Iterator[Run]:
    """Records as runs of at most so many."""
    numbers: list[int] = []
    rows: list[list[str]] = []
    for record in records:
        if numbers and (record.fault or len(numbers) >= most):
            yield Run(numbers, rows)
            numbers, rows = [], []
        if record.fault:
            yield Run((record.row,), [record.cells], record.fault)
        else:
            numbers.append(record.row)
            rows.append(record.cells)
    if numbers:
        yield Run(numbers, rows)


def refuse_other_kinds(head: bytes, *, file: str) -> None:
    """Raise InputError where the first bytes show that this is no text with separated cells."""
    remedy = "Open it in the program that made it, choose “Save as”, and save it as CSV (UTF-8)."
    for magic, kind in _KINDS:
        if head.lstrip()[: len(magic)].lower() == magic.lower():
            raise InputError(f"this is {kind}, not CSV", file=file, remedy=remedy)
    if head.lstrip()[:1] in (b"{", b"[") and b'"' in head:
        raise InputError("this looks like a JSON list, not CSV", file=file, remedy="Save it as JSON lines: {…} a line.")
    if not head.strip():
        raise InputError("the file is empty", file=file, remedy="It needs a row of headings, one of them email.")
    if guess_wide(head) is None and head.count(0) > len(head) // 20:
        raise InputError("this is a binary file, not CSV", file=file, remedy=remedy)


def guess_wide(head: bytes) -> str | None:
    """The encoding by a byte order mark, or UTF-16 without one by where its NUL bytes stand; else None."""
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    even, odd = head[0:4096:2], head[1:4096:2]
    if odd and odd.count(0) > len(odd) * 0.4 and even.count(0) < len(even) * 0.1:
        return "utf-16-le"
    if even and even.count(0) > len(even) * 0.4 and odd.count(0) < len(odd) * 0.1:
        return "utf-16-be"
    return None


def choose_narrow(foreign: int, broken: int, undefined: int) -> str:
    """The encoding of bytes without a mark: UTF-8, else the Western one of Windows, else Latin-1.

    `foreign`: characters beyond ASCII that read well as UTF-8. `broken`: places that do not.
    `undefined`: bytes that Windows-1252 does not know. Some broken bytes among many good ones are damage in a
    UTF-8 file: then only the rows that hold them are refused.
    """
    if broken * 2 < foreign or not broken:
        return "utf-8"
    return "latin-1" if undefined else "cp1252"


def sniff_delimiter(sample: str, whole: bool, is_address: Callable[[str], bool]) -> str:
    """The delimiter by which the sample falls into rows of one width with a heading for addresses."""
    named = _SEPARATOR_LINE.fullmatch(sample.split("\n", 1)[0].strip("\ufeff\r"))
    if named:
        return named[1]
    best, best_score = ",", (False, 0.0, 0)
    for delimiter in DELIMITERS:
        rows = _parse(sample, delimiter)
        rows = rows if whole or len(rows) < 2 else rows[:-1]
        if not rows or len(rows[0]) < 2:
            continue
        width = len(rows[0])
        same = sum(len(row) == width for row in rows) / len(rows)
        score = (any(map(is_address, rows[0])), round(same, 1), width)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _parse(sample: str, delimiter: str) -> list[list[str]]:
    rows: list[list[str]] = []
    lines = io.StringIO(sample, newline="")
    with suppress(csv.Error):
        rows.extend(row for row in islice(_reader(lines, delimiter), 60) if row)
    return rows


def _reader(lines: Iterable[str], delimiter: str, *, strict: bool = False) -> Any:
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=strict)


def read_records(lines: Iterable[str], delimiter: str) -> Iterator[Record]:
    """The records of a file one by one, as `read_runs` finds them."""
    for run in read_runs(lines, delimiter):
        yield from run.records()


def read_runs(
    lines: Iterable[str], delimiter: str, *, width: int = 0, cut: Callable[[], object] = lambda: None
) -> Iterator[Run]:
    """The records of a file from its lines (with their endings); the first that is not blank sets the width.

    With a `width` these are lines from the midst of a file, counted from 1. `cut` is called where a record ran into
    their end, so that more lines might have told another story.

    Where a quotation mark is opened and never closed (the file ends, the cell grows beyond 131,072 characters, or a
    record of several lines has too many cells or text behind a closing mark), the line it stands in is refused and
    reading goes on behind it. A line is given back only up to the next mark, so this stays linear in time.
    """
    source = _Lines(lines)
    row, inside, careful = 0, bool(width), 0
    while True:
        if width and not careful:
            taken = source.take()
            quick, used = _read_strictly(taken, delimiter, width)
            source.give_back(taken[used:])
            # what only the end of these lines cut off is read again with more of them, a doubtful line by itself
            careful = 0 if quick and used else CAREFUL
            if quick:
                yield from _not_too_wide(row + 1, quick, width)
                row += len(quick)
                continue
        careful = max(0, careful - 1)
        found = _next_record(source, delimiter, row, width, inside=inside)
        if source.cut:
            cut()
        if found is None:
            return
        row = found.row
        if row and not width and not found.fault and any(found.cells):
            width = len(found.cells)
        if row:
            yield Run((found.row,), [found.cells], found.fault)


MOST_LINES = 1_000
"""Lines that are read at once."""
CAREFUL = 32
"""Records that are read one by one after a doubtful one: where one is, there are more."""


def _read_strictly(lines: list[str], delimiter: str, width: int) -> tuple[list[list[str]], int]:
    """The records of these lines up to the first that gives cause for doubt, and how many lines they took.

    Strictly read, nothing is doubtful but a record of several lines with more cells than headings.
    """
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows.extend(_reader(lines, delimiter, strict=True))
        if not _too_wide(rows, width):
            return rows, len(lines)
    rows, used = [], 0
    reader = _reader(lines, delimiter, strict=True)
    with suppress(csv.Error):
        for cells in reader:
            if reader.line_num > used + 1 and any(cells[width:]):
                break
            rows.append(cells)
            used = reader.line_num
    return rows, used


def _too_wide(rows: list[list[str]], width: int) -> list[int]:
    """Which of these rows have more cells than there are headings."""
    if max(map(len, rows), default=0) <= width:
        return []
    return [place for place, cells in enumerate(rows) if len(cells) > width and any(cells[width:])]


def _not_too_wide(number: int, rows: list[list[str]], width: int) -> Iterator[Run]:
    """Rows from this number on as runs; those that are too wide each by itself, as a fault."""
    begin = 0
    for place in _too_wide(rows, width):
        if place > begin:
            yield Run(range(number + begin, number + place), rows[begin:place])
        yield Run((number + place,), [rows[place]], f"{len(rows[place])} cells, but {width} headings")
        begin = place + 1
    if begin < len(rows):
        yield Run(range(number + begin, number + len(rows)), rows[begin:])


def _next_record(source: _Lines, delimiter: str, row: int, width: int, *, inside: bool = False) -> Record | None:
    """The next record, whatever its lines hold; None at the end. Row 0: a line that only named the delimiter."""
    source.taken.clear()
    fault = ""
    try:
        cells = next(_reader(source, delimiter))
    except StopIteration:
        return None
    except csv.Error as wrong:
        cells, fault = [], _explain(wrong)
    row += 1
    taken = source.taken
    if row == 1 and not inside and _SEPARATOR_LINE.fullmatch(taken[0].strip("\ufeff\r\n")):
        return Record(0, [])
    if not fault and source.ended:
        fault = "a quotation mark is opened and never closed"
    if not fault and len(taken) > 1 and (any(cells[width:] if width else ()) or not _is_strict(taken, delimiter)):
        fault = "a quotation mark is opened and not closed in this row"
    if fault:
        cells = [taken[0].rstrip("\r\n")[:10_000]]
        source.give_back(taken[1:])
    elif width and len(cells) > width and any(cells[width:]):
        fault = f"{len(cells)} cells, but {width} headings"
    return Record(row, cells, fault)


def _is_strict(lines: list[str], delimiter: str) -> bool:
    """Whether a record of several lines keeps to RFC 4180; else a mark in a later row closed an earlier one's."""
    try:
        return len(list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True))) == 1
    except csv.Error:
        return False


class _Lines:
    """Lines that can be given back; knows which ones the present record took, and whether it ran into the end."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._back: deque[str] = deque()
        self.taken: list[str] = []
        self.ended = self.cut = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if self._back:
            line = self._back.popleft()
        else:
            try:
                line = next(self._lines)
            except StopIteration:
                self.ended = bool(self.taken)
                self.cut = self.cut or self.ended
                raise
        self.taken.append(line)
        return line

    def take(self) -> list[str]:
        """The next lines, as far as they are there: at most so many, and about a million characters."""
        lines: list[str] = []
        size = 0
        while len(lines) < MOST_LINES and size < LONGEST_LINE:
            more = min(50, MOST_LINES - len(lines))
            part = [self._back.popleft() for _ in range(min(more, len(self._back)))] or list(islice(self._lines, more))
            if not part:
                break
            lines += part
            size += sum(map(len, part))
        return lines

    def give_back(self, lines: list[str]) -> None:
        self._back.extendleft(reversed(lines))
        self.ended = False


def _explain(wrong: csv.Error) -> str:
    if "field larger" in str(wrong):
        return "a cell of more than 131,072 characters: perhaps a quotation mark is never closed"
    return f"the row cannot be read: {wrong}"
