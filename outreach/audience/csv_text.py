"""A text with separated cells: which encoding, which delimiter, which records (RFC 4180, and what programs write).

Law: an opening quotation mark that is never closed costs its own line, never the lines behind it; nothing here reads
more than a bounded piece of the file at once.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

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


def _reader(lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=False)


def read_records(lines: Iterable[str], delimiter: str) -> Iterator[Record]:
    """The records of a file from its lines (with their endings); the first that is not blank sets the width.

    Where a quotation mark is opened and never closed (the file ends, the cell grows beyond 131,072 characters, or a
    record of several lines has too many cells or text behind a closing mark), the line it stands in is refused and
    reading goes on behind it. A line is given back only up to the next mark, so this stays linear in time.
    """
    source = _Lines(lines)
    row, width = 0, 0
    while True:
        plain = source.plain_lines() if width else []
        try:
            quick = list(_reader(plain, delimiter))
        except csv.Error:  # a cell that is far too long: the slow way says which
            source.give_back(plain)
            quick = []
        for cells in quick:
            row += 1
            if len(cells) > width and any(cells[width:]):
                yield Record(row, cells, f"{len(cells)} cells, but {width} headings")
            else:
                yield Record(row, cells)
        found = _next_record(source, delimiter, row, width)
        if found is None:
            return
        row = found.row
        if row and not width and not found.fault and any(found.cells):
            width = len(found.cells)
        if row:
            yield found


def _next_record(source: _Lines, delimiter: str, row: int, width: int) -> Record | None:
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
    if row == 1 and _SEPARATOR_LINE.fullmatch(taken[0].strip("\ufeff\r\n")):
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
        self.ended = False

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
                raise
        self.taken.append(line)
        return line

    def plain_lines(self, most: int = 1_000) -> list[str]:
        """The next lines up to one with a quotation mark: each of them is a record by itself."""
        if self._back:
            return []
        taken: list[str] = []
        for line in islice(self._lines, most):
            if '"' in line:
                self._back.append(line)
                break
            taken.append(line)
        return taken

    def give_back(self, lines: list[str]) -> None:
        self._back.extendleft(reversed(lines))
        self.ended = False


def _explain(wrong: csv.Error) -> str:
    if "field larger" in str(wrong):
        return "a cell of more than 131,072 characters: perhaps a quotation mark is never closed"
    return f"the row cannot be read: {wrong}"
