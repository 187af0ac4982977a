"""Columns of rows without anything unusual: each cell is read once, or a whole column at once.

Law: a cell reads as `RowReader` would read it, to the letter; whatever is not surely so is `ODD`, and its row with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from ..groups import LONGEST_GROUP, group_name
from .intake import LONGEST_CELL, LONGEST_NAME, SEVERAL, Person, RowFault, RowReader
from .values import NO_DAYS, clean, defused

ODD: Any = object()
"""What a cell reads as that makes its row an unusual one."""
MOST_KEPT, _LONGEST_KEPT = 5_000, 100
_ADDRESSES = re.compile(
    r"(?:[A-Za-z0-9_+-]++(?:\.[A-Za-z0-9_+-]++)*+@[a-z0-9]++(?:-++[a-z0-9]++)*+(?:\.[a-z0-9]++(?:-++[a-z0-9]++)*+)++"
    r"(?<=[a-z])\n)*+"
)
"""Lines of addresses that are canonical as they stand, none longer than a local part may be."""
_LONGEST_ADDRESS = 64
_PLACES = frozenset({"language", "country", "zone"})
REACH = ("phone", "handle")


class Memo(dict[Any, Any]):
    """What cells read as; each is read once, as long as there is room."""

    __slots__ = ("_read", "odd")

    def __init__(self, read: Callable[[Any], Any]) -> None:
        super().__init__()
        self._read, self.odd = read, False

    def __missing__(self, cell: Any) -> Any:
        value = self._read(cell)
        if value is ODD:
            self.odd = True
        elif len(self) < MOST_KEPT and sum(map(len, cell)) <= _LONGEST_KEPT:
            self[cell] = value
        return value


class Cells:
    """Reads a column. `many`: reads cells that are all sound, at once, or gives None where it cannot tell."""

    def __init__(
        self, read: Callable[[str], Any], many: Callable[[Sequence[str]], Sequence[Any] | None] | None = None
    ) -> None:
        self._memo, self._many = Memo(read), many
        self._few: bool | None = None
        self.warned: dict[str, str] = {}
        """What is to be said of cells that are left empty."""

    def __call__(self, cells: Sequence[str], odd: set[int]) -> Sequence[Any]:
        if self._few is None and len(cells) > 100:
            self._few = len(set(cells)) * 3 < len(cells)
        if self._many is not None and not self._few and (values := self._many(cells)) is not None:
            return values
        memo = self._memo
        memo.odd = False
        read = list(map(memo.__getitem__, cells))
        if memo.odd:
            odd.update(place for place, value in enumerate(read) if value is ODD)
            read = ["" if value is ODD else value for value in read]
        return read


def sound(cell: str) -> Any:
    """A cell without what surrounds it; odd where its row would be refused for it."""
    if cell.isprintable() and len(cell) <= LONGEST_CELL and cell[:1] not in ("'", "=", " ") and "\ufffd" not in cell:
        return cell
    try:
        RowReader.check((cell,))
    except RowFault:
        return ODD
    return clean(cell)


def text_of(cell: str) -> Any:
    """A cell's text, not defused yet."""
    cell = sound(cell)
    return cell if cell is ODD else cell.strip()


def _all_sound(cells: Sequence[str], longest: int) -> bool:
    """Whether each of these cells surely stands for itself."""
    joined = "|" + "|".join(cells) + "|"
    return (
        joined.isprintable()
        and max(map(len, cells)) <= longest
        and not any(doubt in joined for doubt in ("|'", "|=", "| ", " |", "  ", "\ufffd"))
    )


def many_sound(cells: Sequence[str]) -> Sequence[str] | None:
    """These cells where each surely stands for itself, else None."""
    return cells if _all_sound(cells, LONGEST_CELL) else None


def field_cells(reader: RowReader, name: str) -> Cells:
    """Reads a field of a customer's own; odd where it makes a fault, or a warning that is more than that."""

    def read(cell: str) -> Any:
        text = text_of(cell)
        if text is ODD or not text:
            return text or None
        person = Person(0, "", {}, {})
        try:
            reader.read_field(person, name, text)
        except RowFault:
            return ODD
        if person.warnings:
            if name not in _PLACES or reader.note_empty or len(cells.warned) >= MOST_KEPT:
                return ODD
            (cells.warned[cell],) = person.warnings
        return person.fields.get(name)

    def many(cells: Sequence[str]) -> Sequence[Any] | None:
        return [cell or None for cell in cells] if _all_sound(cells, LONGEST_NAME) else None

    cells = Cells(read, many if name in ("first_name", "last_name") else None)
    return cells


def attribute_cells(name: str, reader: Callable[[str], Any]) -> Cells:
    """Reads an attribute as a part of a JSON object."""
    begin = f"{json.dumps(name)}: "

    def read(cell: str) -> Any:
        cell = text_of(cell)
        if cell is ODD or not cell:
            return cell
        if not (cell := defused(cell)):
            return ODD
        if cell in NO_DAYS:
            return ""
        try:
            return begin + _json(reader(cell))
        except (ValueError, RecursionError):
            return ODD

    def many(cells: Sequence[str]) -> Sequence[Any] | None:
        if not _all_sound(cells, LONGEST_CELL):
            return None
        return [begin + _quoted(cell) if cell and cell not in NO_DAYS else "" for cell in cells]

    return Cells(read, many if reader is str else None)


def group_cells(reader: Callable[[str], Any]) -> Cells:
    """Reads the name of a household or company."""

    def read(cell: str) -> Any:
        cell = text_of(cell)
        try:
            return cell if cell is ODD else group_name(reader(defused(cell))) if cell else ""
        except (ValueError, RecursionError):
            return ODD

    return Cells(read, (lambda cells: cells if _all_sound(cells, LONGEST_GROUP) else None) if reader is str else None)


def _json(value: Any) -> str:
    kind = type(value)
    return _quoted(value) if kind is str else str(value) if kind is int else json.dumps(value)


class Reach:
    """Reads numbers and handles, also further ones."""

    def __init__(self, reader: RowReader) -> None:
        self._reader = reader
        self._own = [(place, name) for place, name in reader.fields if name in REACH]
        self.places = [*(place for place, _ in self._own), *(place for place, _, _ in reader.more)]
        self._memo = Memo(self._read)

    def __call__(self, columns: list[Sequence[str]], odd: set[int]) -> list[Sequence[Any]]:
        """Number, handle and further contacts of each row, as columns; none where the file has no such column."""
        if not columns:
            return []
        memo = self._memo
        memo.odd = False
        read = list(map(memo.__getitem__, zip(*columns, strict=True)))
        if memo.odd:
            odd.update(place for place, value in enumerate(read) if value is ODD)
            read = [(None, None, ()) if value is ODD else value for value in read]
        return list(zip(*read, strict=True))

    def _read(self, said: tuple[str, ...]) -> Any:
        cells = list(map(text_of, said))
        if ODD in cells:
            return ODD
        person = Person(0, "", {}, {})
        try:
            for (_, name), cell in zip(self._own, cells, strict=False):
                if cell:
                    self._reader.read_field(person, name, cell)
            for (_, kind, network), cell in zip(self._reader.more, cells[len(self._own) :], strict=True):
                if cell:
                    self._reader.read_more(person, kind, network, cell)
        except RowFault:
            return ODD
        if person.warnings:
            return ODD
        contacts = tuple((kind.value, network, value) for kind, network, value in person.contacts)
        return (*map(person.fields.get, REACH), contacts)


def read_addresses(cells: Sequence[str], odd: set[int]) -> Any:
    """The canonical addresses of these cells; who has none, or one that cannot be used, is odd."""
    joined = "\n".join(cells) + "\n"
    if joined.count("\n") != len(cells) or len(max(cells, key=len)) > _LONGEST_ADDRESS:
        joined = "".join("\n" if len(one) > _LONGEST_ADDRESS or "\n" in one else f"{one}\n" for one in cells)
    read: Any = cells
    at = place = 0
    while True:
        found = _ADDRESSES.match(joined, at)
        assert found is not None
        place += joined.count("\n", at, found.end())
        if found.end() == len(joined):
            return read
        if read is cells:
            read = list(cells)
        if (address := _address(cells[place])) is ODD:
            odd.add(place)
        else:
            read[place] = address
        place, at = place + 1, joined.index("\n", found.end()) + 1


def _address(cell: str) -> Any:
    """An address that is less plain, where it is surely one."""
    if "@" not in cell or SEVERAL in cell or (cell := text_of(cell)) is ODD:
        return ODD
    try:
        return RowReader.read_address(cell)
    except RowFault:
        return ODD
