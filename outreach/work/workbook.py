"""An Excel workbook as rows of text: looked through before anything of it is unpacked into memory.

Law: what unpacks to far more than it weighs, or claims cells in the far corner of an empty sheet, is refused with a
remedy; a row that holds a formula is named, and not taken for its result (ECMA-376 18.3.1.40).
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import InputError

MOST_UNPACKED = 2_000_000_000
SUSPICIOUS, MOST_RATIO = 50_000_000, 150
MOST_CELLS = 30_000_000
PIECE = 1 << 20
RawRun = tuple[int, list[list[Any]], str]
"""The number of the first of some rows that follow each other, what their cells hold, and why they cannot be read."""
_ROWS = (".csv", ".tsv", ".txt", ".jsonl", ".xlsx")
_CELL = re.compile(rb'r="([A-Z]{1,3})[0-9]')
_ROW = re.compile(rb'<(?:\w+:)?row\b[^>]*?\br="([0-9]{1,9})"')
_FORMULA = re.compile(rb'r="[A-Z]{1,3}([0-9]{1,9})"[^>]{0,200}>\s*<(?:\w+:)?f[\s>/]')
_REMEDY = "Open it in a spreadsheet, copy the rows into a new file, and save that as CSV (UTF-8) or .xlsx."


def is_workbook(head: bytes, path: Path) -> bool:
    """Whether a file is an .xlsx workbook: a ZIP archive with a workbook in it."""
    if not head.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def refuse_archive(head: bytes, path: Path) -> None:
    """Raise InputError, with what is in it, where a file is a ZIP archive of files that may be imported one by one."""
    if not head.startswith(b"PK\x03\x04"):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            inside = [name for name in archive.namelist() if name.lower().endswith(_ROWS)]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return
    if inside:
        names = ", ".join(inside[:5]) + (" …" if len(inside) > 5 else "")
        remedy = f"Unpack it, and import what is in it one by one: {names}"
        raise InputError("this is a ZIP archive, not CSV", file=path, remedy=remedy)


class Workbook:
    """The first sheet with cells of an .xlsx file. Raises InputError where it is too large, or no sheet has any."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _told(path):
            self._formulas = _look_through(path)

    def runs(self, most: int = 1_000) -> Iterator[RawRun]:
        """All rows from the headings on, which are a run of their own; numbered as the spreadsheet counts."""
        from python_calamine import load_workbook  # lazy: only a workbook needs it

        with _told(self.path):
            book = load_workbook(str(self.path))
            for name in book.sheet_names:
                sheet = book.get_sheet_by_name(name)
                if sheet.total_height and sheet.total_width:
                    break
            else:
                raise InputError("the workbook has no cells", file=self.path, remedy=_REMEDY)
            rows = iter(sheet.iter_rows())  # blank rows above the first cell are among them
            number = 1
            for number, values in enumerate(rows, 1):
                if any(text_of(value).strip() for value in values):
                    yield number, [values], self._fault(number)
                    break
            number += 1
            while part := list(islice(rows, most)):
                yield from self._parted(number, part)
                number += len(part)

    def _parted(self, number: int, rows: list[list[Any]]) -> Iterator[RawRun]:
        """These rows from this number on, those with formulas each by itself."""
        begin = 0
        for bad in sorted(self._formulas.intersection(range(number, number + len(rows)))) if self._formulas else ():
            place = bad - number
            if place > begin:
                yield number + begin, rows[begin:place], ""
            yield bad, [rows[place]], self._fault(bad)
            begin = place + 1
        if begin < len(rows):
            yield number + begin, rows[begin:], ""

    def _fault(self, row: int) -> str:
        return "the row holds a formula: save its result, not the formula" if row in self._formulas else ""


def text_of(value: Any) -> str:
    """A cell as a CSV file would hold it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}" if value.time() == time() else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, timedelta | int) else value or ""


def _look_through(path: Path) -> frozenset[int]:
    """The rows with formulas. Raises InputError where the archive is a bomb or a sheet has cells beyond reason."""
    formulas: set[int] = set()
    weight, unpacked = path.stat().st_size, 0
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.flag_bits & 1:
                raise InputError("the workbook is locked by a password", file=path, remedy="Save it without one.")
            looker = _SheetLook() if info.filename.startswith("xl/worksheets/") else None
            for piece in _pieces(archive, info):
                unpacked += len(piece)
                if unpacked > MOST_UNPACKED or (unpacked > SUSPICIOUS and unpacked > weight * MOST_RATIO):
                    raise InputError(
                        f"the workbook of {weight:,} bytes unpacks to more than {unpacked:,}: it is no list of people",
                        file=path,
                        remedy=_REMEDY,
                    )
                if looker is not None and not looker.fits(piece):
                    raise InputError(
                        f"a sheet with cells up to row {looker.rows:,} and column {looker.columns:,}: too many to read",
                        file=path,
                        remedy=_REMEDY,
                    )
            if looker is not None:
                formulas |= looker.formulas
    return frozenset(formulas)


def _pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """What a member really holds, whatever size its entry claims."""
    real = copy(info)
    real.file_size = 1 << 50
    with archive.open(real) as member:
        while piece := member.read(PIECE):
            yield piece


class _SheetLook:
    """What a sheet's XML says of its size and formulas, read a piece at a time."""

    def __init__(self) -> None:
        self.rows = self.columns = 0
        self.formulas: set[int] = set()
        self._tail = b""

    def fits(self, piece: bytes) -> bool:
        """Take a piece into account; False where the cells so far are more than can be read."""
        text = self._tail + piece
        self._tail = text[-400:]
        for letters in set(_CELL.findall(text)):
            column = 0
            for letter in letters:
                column = column * 26 + letter - 64
            self.columns = max(self.columns, column)
        self.rows = max(self.rows, max(map(int, _ROW.findall(text)), default=0))
        self.formulas.update(map(int, _FORMULA.findall(text)))
        return self.rows * self.columns <= MOST_CELLS


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as wrong:
        raise InputError(f"the workbook is damaged: {wrong}", file=path, remedy=_REMEDY) from wrong
    except (InputError, OSError):
        raise
    except Exception as wrong:
        # calamine's own errors have no common base beside Exception
        raise InputError(f"the workbook cannot be read: {wrong}", file=path, remedy=_REMEDY) from wrong
