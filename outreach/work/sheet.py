"""Opening a file of people: its kind, encoding, columns and their types are found before a row is used.

Law: a text is read in bounded pieces and never kept; what is no text with separated cells, no JSON lines and no
workbook is refused with a remedy.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO, StringIO, TextIOWrapper
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

from ..audience.csv_text import (
    LONGEST_LINE,
    Record,
    Run,
    choose_narrow,
    guess_wide,
    in_runs,
    read_runs,
    refuse_other_kinds,
    sniff_delimiter,
    without_blank,
)
from ..audience.headings import Columns, attribute_name, means_address, read_headings
from ..audience.intake import column_types
from ..audience.json_text import find_keys, looks_like_json_lines, read_objects
from ..audience.places import fold
from ..audience.profiles import Profile, recognise
from ..audience.values import ColumnType, typed_reader
from ..errors import InputError, UsageError
from .workbook import Workbook, is_workbook, refuse_archive

PIECE = 1 << 20
SAMPLE_ROWS, SAMPLE_SIZE = 1_000, 65_536


@dataclass(frozen=True)
class Reading:
    """How a file is to be read: meanings by heading, types by heading, and the program that wrote it, if it is told.

    `must`: those of these headings that the file must have; the others are known of earlier files of its source.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    profile: Profile | None = None
    recognise: bool = True
    must: frozenset[str] = frozenset()

    def known_to(self, headings: Sequence[str]) -> Reading:
        """The same without what was only kept and this file does not have."""
        present = {fold(heading) for heading in headings} | {fold(attribute_name(heading)) for heading in headings}

        def here(told: Mapping[str, str]) -> dict[str, str]:
            return {head: means for head, means in told.items() if head in self.must or fold(head) in present}

        return replace(self, mapping=here(self.mapping), types=here(self.types))


@dataclass(frozen=True)
class Body:
    """Where the rows of a text begin: so many octets and records behind its start. `encoding` is that of the rest."""

    begin: int
    row: int
    encoding: str


@dataclass(frozen=True)
class Sheet:
    """A file that may be read any number of times. `rows`: those below the headings, blank ones left out.

    `kind`: csv, json lines or workbook. `profile`: the program that wrote it, told or recognised by its headings.
    `told`: types by heading, as somebody said them. `body`: where the rows begin in a text that may be read in pieces;
    then only some rows were looked at: `rows` is a guess, and what `found` says of the columns is of those. `stamp`:
    what the file was when it was opened.
    """

    path: Path
    kind: str
    encoding: str
    delimiter: str
    columns: Columns
    types: Mapping[str, Callable[[str], Any]]
    rows: int
    profile: Profile | None
    runs_of: Callable[[], Iterator[Run]]
    found: Mapping[str, ColumnType] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    stamp: tuple[int, ...] = ()

    def runs(self) -> Iterator[Run]:
        """The rows below the headings, many at a time."""
        with file_told(self.path):
            runs = self.runs_of()
            _first_record(runs)
            yield from runs

    def check_unchanged(self) -> None:
        """Raise InputError where the file is no longer what it was when it was opened."""
        with file_told(self.path):
            if _stamp(self.path) != self.stamp:
                raise InputError(
                    "the file was changed while it was read; nothing was imported",
                    file=self.path,
                    remedy="Run the import again when nothing writes to the file any more.",
                )

    def records(self) -> Iterator[Record]:
        """The rows below the headings, one after the other."""
        for run in self.runs():
            yield from run.records()


def open_sheet(path: Path, reading: Reading | None = None, *, glance: int = 0) -> Sheet:
    """Look through a file of people. Raises InputError with a remedy, UsageError where `reading` is wrong.

    Of a text of so many octets at least (0: none) that may be read in pieces, only the beginning is looked at.
    """
    with file_told(path):
        if not path.is_file():
            words = "is a folder" if path.is_dir() else "is no regular file" if path.exists() else "does not exist"
            raise InputError(f"the file {words}", file=path, remedy="Name a CSV, JSON-lines or .xlsx file.")
        stamp = _stamp(path)
        return replace(_look_through(path, reading or Reading(), glance), stamp=stamp)


def _look_through(path: Path, reading: Reading, glance: int) -> Sheet:
    with path.open("rb") as raw:
        head = raw.read(SAMPLE_SIZE)
    if is_workbook(head, path):
        return _survey(path, "workbook", "xlsx", ",", _runs_of(Workbook(path)), reading)
    refuse_archive(head, path)
    if looks_like_json_lines(head):
        encoding = guess_wide(head) or choose_narrow(*_count_foreign(path))
        keys = find_keys(_all_lines(path, encoding))
        return _survey(path, "json lines", encoding, ",", lambda: _objects(path, encoding, keys), reading)
    encoding = _find_encoding(path)
    with _open_text(path, encoding) as text:
        sample = text.read(SAMPLE_SIZE)
        whole = not text.read(1)
    delimiter = sniff_delimiter(sample, whole, _heading_test(sample, reading))
    body = _find_body(path, encoding, delimiter) if 0 < glance <= path.stat().st_size else None
    return _survey(path, "csv", encoding, delimiter, lambda: _runs(path, encoding, delimiter), reading, body)


def _stamp(path: Path) -> tuple[int, ...]:
    """What tells a file from what is later written into it or put in its place."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _heading_test(sample: str, reading: Reading) -> Callable[[str], bool]:
    """Whether a heading is one of e-mail addresses, by its name, by `--map` or by the program that is named."""
    named = {fold(heading) for heading, means in reading.mapping.items() if means in ("address", "email")}
    if reading.profile is not None:
        named |= {fold(heading) for heading in reading.profile.fields}
    return lambda head: means_address(head) or fold(head) in named


def _survey(
    path: Path,
    kind: str,
    encoding: str,
    delimiter: str,
    runs_of: Callable[[], Iterator[Run]],
    reading: Reading,
    body: Body | None = None,
) -> Sheet:
    runs = runs_of()
    first = _first_record(runs)
    if first is None:
        raise InputError("the file has no rows", file=path, remedy="It needs a row of headings, one of them email.")
    if first.fault:
        raise InputError(
            f"the headings cannot be read: {first.fault}",
            file=path,
            line=first.row,
            remedy="Mend the first row: one heading for each column.",
        )
    reading = reading.known_to(first.cells)
    profile = reading.profile or (recognise(first.cells) if reading.recognise else None)
    mapping = {**(profile.mapping(first.cells) if profile else {}), **reading.mapping}
    sample: list[Run] = []
    while sum(len(run.rows) for run in sample) < SAMPLE_ROWS and (run := next(runs, None)) is not None:
        sample.append(run)
    good = [cells for run in sample if not run.fault for cells in run.rows][:SAMPLE_ROWS]
    columns = read_headings(first.cells, mapping, good, file=str(path))
    told = {**(profile.typed(first.cells, reading.mapping) if profile else {}), **reading.types}
    wanted = wanted_types(columns, told)
    count = 0

    def counted(runs: Iterable[Run]) -> Iterator[list[list[str]]]:
        nonlocal count
        for run in runs:
            count += len(run.rows)
            if not run.fault:
                yield run.rows

    found = column_types(columns, counted(sample if body else chain(sample, runs)), wanted)
    types = {meaning: kind.reader() for meaning, kind in found.items()} | wanted
    if body:
        size = sum(len("".join(cells)) + len(cells) for cells in good) / max(1, len(good))
        count = max(count, int(path.stat().st_size / max(1.0, size)))
    return Sheet(path, kind, encoding, delimiter, columns, types, count, profile, runs_of, found, told, body)


_NARROW = {"utf-8": 0, "utf-8-sig": 3, "cp1252": 0, "latin-1": 0}
"""Encodings of texts that may be cut behind any newline, and the octets of their marks."""


def _find_body(path: Path, encoding: str, delimiter: str) -> Body | None:
    """Where the rows below the headings begin; None where the text may not be cut."""
    if encoding not in _NARROW:
        return None
    taken: list[str] = []

    def noted(lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    with _open_text(path, encoding) as text:
        first = _first_record(
            filter(lambda run: run.rows, map(without_blank, read_runs(noted(_lines(text)), delimiter)))
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
        runs = list(read_runs(_lines(text), delimiter, width=width, cut=lambda: ends.append(True)))
    filled = [one for run in runs if (one := without_blank(run)).rows]
    return filled, sum(len(run.rows) for run in runs), bool(ends)


def _first_record(runs: Iterator[Run]) -> Record | None:
    """The record of the headings, which always is a run of its own."""
    return next((record for run in runs for record in run.records()), None)


def _runs_of(book: Workbook) -> Callable[[], Iterator[Run]]:
    def runs() -> Iterator[Run]:
        records = book.records()
        yield from in_runs(islice(records, 1))
        yield from in_runs(records)

    return runs


def wanted_types(columns: Columns, types: Mapping[str, str]) -> dict[str, Callable[[str], Any]]:
    """How to read the columns whose type was told. Raises UsageError for one that is no attribute of the file."""
    by_name = {fold(heading): place for place, heading in enumerate(columns.headings)}
    by_name |= {fold(meaning[1:]): place for place, meaning in enumerate(columns.meanings) if meaning.startswith(".")}
    wanted = {meaning: typed_reader(kind, meaning[1:]) for meaning, kind in columns.types.items()}
    for heading, kind in types.items():
        place = by_name.get(fold(heading))
        meaning = "" if place is None else columns.meanings[place]
        if place is None or not meaning.startswith("."):
            why = "the file has no such column" if place is None else f"that column is {meaning or 'left out'}"
            raise UsageError(f"--type {heading}={kind}: {why}", remedy="Types are for columns that become attributes.")
        wanted[meaning] = typed_reader(kind, columns.headings[place])
    return wanted


def _objects(path: Path, encoding: str, keys: list[str]) -> Iterator[Run]:
    yield Run((0,), [keys])
    yield from in_runs(read_objects(_all_lines(path, encoding), keys))


def _all_lines(path: Path, encoding: str) -> Iterator[str]:
    with _open_text(path, encoding) as text:
        yield from _lines(text)


@dataclass(frozen=True)
class Rows:
    """A text with separated cells whose headings say nothing to us yet."""

    path: Path
    encoding: str
    delimiter: str

    def records(self) -> Iterator[Record]:
        """Every record that is not blank, the headings first."""
        with file_told(self.path):
            for run in _runs(self.path, self.encoding, self.delimiter):
                yield from run.records()


def open_rows(path: Path, is_heading: Callable[[str], bool]) -> Rows:
    """Find encoding and delimiter of a file; `is_heading` knows a heading that it must hold. Raises InputError."""
    with file_told(path):
        encoding = _find_encoding(path)
        with _open_text(path, encoding) as text:
            sample = text.read(SAMPLE_SIZE)
            whole = not text.read(1)
    delimiter = sniff_delimiter(sample, whole, is_heading)
    heading = next((line for line in sample.splitlines() if line.strip()), "")
    return Rows(path, encoding, delimiter if delimiter in heading else "\x1f")


def open_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file with their numbers; of one that is far too long only the beginning."""
    with file_told(path):
        with path.open("rb") as raw:
            head = raw.read(SAMPLE_SIZE)
        encoding = guess_wide(head) or choose_narrow(*_count_foreign(path))
        with _open_text(path, encoding) as text:
            yield from enumerate(_lines(text), 1)


def _runs(path: Path, encoding: str, delimiter: str) -> Iterator[Run]:
    with _open_text(path, encoding) as text:
        for run in read_runs(_lines(text), delimiter):
            if (filled := without_blank(run)).rows:
                yield filled


def _lines(text: TextIO) -> Iterator[str]:
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
def file_told(path: Path) -> Iterator[None]:
    """Turn what the system says of a file that is read into an InputError with a remedy."""
    try:
        yield
    except OSError as wrong:
        raise InputError(
            f"the file cannot be read: {wrong.strerror or wrong}", file=path, remedy="Check its name and permissions."
        ) from wrong
