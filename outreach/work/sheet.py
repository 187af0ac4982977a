"""Opening a file of people: its kind, encoding, columns and their types are found before a row is used.

Law: a text is read in bounded pieces and never kept; what is no text with separated cells, no JSON lines and no
workbook is refused with a remedy.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ..audience.csv_text import (
    Record,
    Run,
    choose_narrow,
    guess_wide,
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
from .spool import Spool, told_runs
from .text_pieces import PIECE, Body, file_told, find_body, first_record, lines_of, open_text, whole_lines
from .workbook import Workbook, is_workbook, refuse_archive

SAMPLE_ROWS, SAMPLE_SIZE = 1_000, 65_536
QUICK_PIECE = 1 << 18
"""Octets that are looked at once; a text of a megabyte is memory that is asked of the kernel each time."""


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
class Sheet:
    """A file that may be read any number of times. `rows`: those below the headings, blank ones left out.

    `kind`: csv, json lines or workbook. `profile`: the program that wrote it, told or recognised by its headings.
    `told`: types by heading, as somebody said them. `body`: where the rows begin in a text that may be read in pieces;
    then only some rows were looked at: `rows` is a guess, and what `found` says of the columns is of those. `stamp`:
    what the file was when it was opened. `spool`: where the rows of a workbook are.
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
    spool: Spool | None = None

    @property
    def size(self) -> int:
        """Octets of its rows, as far as they are known."""
        return self.spool.size if self.spool else self.path.stat().st_size

    def close(self) -> None:
        """Let go of what was put by of it."""
        if self.spool is not None:
            self.spool.close()

    def runs(self) -> Iterator[Run]:
        """The rows below the headings, many at a time."""
        with file_told(self.path):
            runs = self.runs_of()
            first_record(runs)
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


def open_sheet(
    path: Path, reading: Reading | None = None, *, folder: Path | None = None, glance: int = 0, keys: Sequence[str] = ()
) -> Sheet:
    """Look through a file of people. Raises InputError with a remedy, UsageError where `reading` is wrong.

    Of a text of so many octets at least (0: none) that may be read in pieces, only the beginning is looked at; `keys`
    are those that its JSON lines are known to have. `folder`: where the rows of a workbook wait, so that it is
    read but once; `Sheet.close` lets go of them.
    """
    with file_told(path):
        if not path.is_file():
            words = "is a folder" if path.is_dir() else "is no regular file" if path.exists() else "does not exist"
            raise InputError(f"the file {words}", file=path, remedy="Name a CSV, JSON-lines or .xlsx file.")
        stamp = _stamp(path)
        return replace(_look_through(path, reading or Reading(), glance, keys, folder), stamp=stamp)


def _look_through(path: Path, reading: Reading, glance: int, keys: Sequence[str], folder: Path | None) -> Sheet:
    with path.open("rb") as raw:
        head = raw.read(SAMPLE_SIZE)
    if is_workbook(head, path):
        return _spooled(path, reading, glance, folder)
    refuse_archive(head, path)
    if looks_like_json_lines(head):
        encoding = guess_wide(head) or _narrow(path)
        body = whole_lines(encoding, keys) if 0 < glance <= path.stat().st_size else None
        keys = [*keys, *(key for key in find_keys(_all_lines(path, encoding, body)) if key not in keys)]
        body = body and replace(body, keys=tuple(keys))
        return _survey(path, "json lines", encoding, ",", lambda: _objects(path, encoding, keys), reading, body)
    encoding = _find_encoding(path)
    with open_text(path, encoding) as text:
        sample = text.read(SAMPLE_SIZE)
        whole = not text.read(1)
    delimiter = sniff_delimiter(sample, whole, _heading_test(sample, reading))
    body = find_body(path, encoding, delimiter) if 0 < glance <= path.stat().st_size else None
    return _survey(path, "csv", encoding, delimiter, lambda: _runs(path, encoding, delimiter), reading, body)


def _spooled(path: Path, reading: Reading, glance: int, folder: Path | None) -> Sheet:
    """A workbook, whose rows are taken out of it once where there is a folder to put them by."""
    book = Workbook(path)
    if folder is None:
        return _survey(path, "workbook", "xlsx", ",", lambda: told_runs(book.runs()), reading)
    spool = Spool(folder, book.runs())
    try:
        body = Body(0, 0, "", spool=spool) if 0 < glance <= spool.size else None
        return replace(_survey(path, "workbook", "xlsx", ",", spool.runs, reading, body), spool=spool)
    except BaseException:
        spool.close()
        raise


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
    first = first_record(runs)
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
        size += sum(len(key) + 5 for key in body.keys)
        count = body.spool.rows if body.spool else max(count, int(path.stat().st_size / max(1.0, size)))
    return Sheet(path, kind, encoding, delimiter, columns, types, count, profile, runs_of, found, told, body)


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


def _runs(path: Path, encoding: str, delimiter: str) -> Iterator[Run]:
    with open_text(path, encoding) as text:
        for run in read_runs(lines_of(text), delimiter):
            if (filled := without_blank(run)).rows:
                yield filled


def _objects(path: Path, encoding: str, keys: Sequence[str]) -> Iterator[Run]:
    yield Run((0,), [list(keys)])
    yield from read_objects(_all_lines(path, encoding), keys)


def _all_lines(path: Path, encoding: str, body: Body | None = None) -> Iterator[str]:
    """Its lines; only the first ones of a text that is to be read in pieces."""
    with open_text(path, encoding) as text:
        yield from lines_of(text) if body is None else islice(lines_of(text), SAMPLE_ROWS)


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
        with open_text(path, encoding) as text:
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
        encoding = guess_wide(head) or _narrow(path)
        with open_text(path, encoding) as text:
            yield from enumerate(lines_of(text), 1)


def _find_encoding(path: Path) -> str:
    with path.open("rb") as raw:
        head = raw.read(SAMPLE_SIZE)
    refuse_other_kinds(head, file=str(path))
    return guess_wide(head) or _narrow(path)


def _narrow(path: Path) -> str:
    """The encoding of a text without a mark. Most are sound, and that is seen in a tenth of the time of counting."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as raw:
            while piece := raw.read(QUICK_PIECE):
                decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return choose_narrow(*_count_foreign(path))
    return choose_narrow(0, 0, 0)


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
