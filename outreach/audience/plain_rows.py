"""Rows without anything unusual, judged many at once and column by column.

Law: a plain row says what `RowReader` would read in it, to the letter; whatever is not surely plain is left to
`RowReader`, and a test compares the two. Measured: an eighth of the time of rows judged one by one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import repeat
from typing import Any

from ..groups import GroupKind, groups_told
from ..records import ContactKind, SubscriptionState
from .headings import Columns
from .intake import PLAIN_FIELDS, Person, RowFault, RowReader
from .merge import first_state
from .plain_columns import (
    MOST_KEPT,
    ODD,
    REACH,
    Cells,
    Memo,
    Reach,
    attribute_cells,
    field_cells,
    group_cells,
    many_sound,
    read_addresses,
    sound,
    text_of,
)

PlainRow = tuple[Any, ...]
"""KEY, ROW, ADDRESS, PLAIN_FIELDS in their order, ATTRIBUTES, STATUS, CONSENT_AT, CONSENT_HOW, CONSENT_WORDS, MORE."""
KEY, ROW, ADDRESS, FIELDS = 0, 1, 2, 3
ATTRIBUTES = FIELDS + len(PLAIN_FIELDS)
STATUS, CONSENT_AT, CONSENT_HOW, CONSENT_WORDS, MORE = range(ATTRIBUTES + 1, ATTRIBUTES + 6)
More = tuple[tuple[str, ...], tuple[tuple[str, str, str], ...]]
"""What MORE is where it is not None: the names of the groups, a `GroupKind` each ("": none), and further contacts."""
UNTIED = ""
"""The STATUS of whoever is tied to no list; None: the row tells of none."""
KeysOf = Callable[[Sequence[str]], Sequence[str]]
"""The keys of addresses."""

_KINDS = tuple(GroupKind)
_GROUPS = {kind.value: place for place, kind in enumerate(_KINDS)}


class PlainRows:
    """Judges the rows of one file. `reader` reads its unusual ones; `types` as it has them."""

    def __init__(
        self, columns: Columns, types: Mapping[str, Callable[[str], Any]], reader: RowReader, keys_of: KeysOf
    ) -> None:
        self._reader, self._keys_of, self._width = reader, keys_of, columns.width
        self._address = columns.place("address")
        self._fields = {place: field_cells(reader, name) for place, name in reader.fields if name not in REACH}
        self._names = [name for _, name in reader.fields if name not in REACH]
        kinds = {name: types.get(f".{name}", str) for _, name, _ in reader.attributes}
        self._attributes = {place: attribute_cells(name, kinds[name]) for place, name, _ in reader.attributes}
        groups = {name: place for place, name, _ in reader.attributes if name in _GROUPS}
        self._groups = {_GROUPS[name]: (place, group_cells(kinds[name])) for name, place in groups.items()}
        self._reach = Reach(reader)
        ties = [place for place, _ in reader.ties]
        self._ties = {place: Cells(text_of) for place in ties}
        self._told = _Ties(reader, ties, columns.width)
        known = {self._address, *self._fields, *self._attributes, *self._reach.places, *ties}
        self._others = {place: Cells(sound, many_sound) for place in range(self._width) if place not in known}
        self._objects: Memo | None = Memo(_object)

    @property
    def names(self) -> tuple[str, ...]:
        """The file's fields and attributes, where it is to be told which are empty."""
        if not self._reader.note_empty:
            return ()
        fields = (name for _, name in self._reader.fields)
        return (*fields, *(name for _, name, _ in self._reader.attributes))

    def judge(
        self, numbers: Sequence[int], rows: Sequence[list[str]]
    ) -> tuple[list[PlainRow], list[tuple[int, list[str]]], list[str]]:
        """The plain ones of these rows, and the others with their numbers, both in their order; and what was left
        empty in the plain ones."""
        if self._address is None:
            return [], list(zip(numbers, rows, strict=True)), []
        odd: set[int] = set()
        cells = self._columns(rows)
        addresses = read_addresses(cells[self._address], odd)
        for place, check in self._others.items():
            check(cells[place], odd)
        fields: list[Any] = [read(cells[place], odd) for place, read in self._fields.items()]
        parts: list[Any] = [read(cells[place], odd) for place, read in self._attributes.items()]
        told: list[Any] = self._told([self._ties[place](cells[place], odd) for place in self._ties], len(rows), odd)
        reach: list[Any] = self._reach([cells[place] for place in self._reach.places], odd)
        groups: list[Any] = [read(cells[place], odd) for place, read in self._groups.values()]
        left: list[tuple[int, list[str]]] = []
        warnings = self._warnings(cells, odd)
        if odd:
            keep = [place for place in range(len(rows)) if place not in odd]
            left = [(numbers[place], rows[place]) for place in sorted(odd)]
            for several in (fields, parts, told, reach, groups):
                several[:] = [[column[place] for place in keep] for column in several]
            addresses, numbers = ([column[place] for place in keep] for column in (addresses, numbers))
        nothing = [None] * len(addresses)
        named = dict(zip((*self._names, *REACH), (*fields, *reach), strict=False))
        said = [named.get(name, nothing) for name in PLAIN_FIELDS]
        objects = self._put_together(parts, len(addresses))
        columns = [addresses, *said, objects, *(told or [nothing] * 4), self._more(groups, reach) or nothing]
        return list(zip(self._keys_of(addresses), numbers, *columns, strict=True)), left, warnings

    def _more(self, groups: Sequence[Sequence[str]], reach: Sequence[Sequence[Any]]) -> list[More | None]:
        """What MORE is of each row; nothing where it is None of all."""
        contacts = reach[-1] if reach and any(reach[-1]) else None
        if not any(map(any, groups)) and contacts is None:
            return []
        told = dict(zip(self._groups, groups, strict=True))
        empty: Any = repeat("")
        names = zip(*(told.get(place, empty) for place in range(len(_KINDS))), strict=False)
        if contacts is None:
            return [(each, ()) if any(each) else None for each in names]
        return [(each, more) if more or any(each) else None for each, more in zip(names, contacts, strict=False)]

    def _warnings(self, columns: Sequence[Sequence[str]], odd: set[int]) -> list[str]:
        """What is to be said of the rows that are not odd."""
        told: list[str] = []
        for place, read in self._fields.items():
            if warned := read.warned:
                found = [number for number, cell in enumerate(columns[place]) if cell in warned]
                told += [warned[columns[place][number]] for number in found if number not in odd]
        return told

    def _columns(self, rows: Sequence[list[str]]) -> list[Sequence[str]]:
        width = self._width
        if set(map(len, rows)) != {width}:
            rows = [cells[:width] if len(cells) >= width else cells + [""] * (width - len(cells)) for cells in rows]
        return list(zip(*rows, strict=True))

    def _put_together(self, parts: Sequence[Sequence[str]], count: int) -> list[str]:
        """The attributes' JSON, from that of each."""
        if not parts:
            return ["{}"] * count
        each = zip(*parts, strict=True)
        if self._objects is not None:
            if len(self._objects) < MOST_KEPT:
                return list(map(self._objects.__getitem__, each))
            self._objects = None  # hardly two rows are alike: to look for what is kept costs more than it saves
        return list(map(_object, each))


def person_of(row: PlainRow, names: Sequence[str] = ()) -> Person:
    """The person in a plain row. `names`: the fields and attributes of the file, where empty ones are to be told."""
    fields = {name: row[place] for place, name in enumerate(PLAIN_FIELDS, FIELDS) if row[place] is not None}
    person = Person(row[ROW], row[ADDRESS] or "", fields, json.loads(row[ATTRIBUTES]))
    if row[STATUS] is not None:
        person.tied = row[STATUS] != UNTIED
        person.status = SubscriptionState(row[STATUS]) if person.tied else None
    person.consent_at = datetime.fromisoformat(row[CONSENT_AT]) if row[CONSENT_AT] else None
    person.consent_how, person.consent_words = row[CONSENT_HOW] or "", row[CONSENT_WORDS] or ""
    person.empty = tuple(name for name in names if name not in fields and name not in person.attributes)
    if row[MORE] is not None:
        person.contacts = [(ContactKind(kind), network, value) for kind, network, value in row[MORE][1]]
    return person


def plain_row(key: str, person: Person) -> PlainRow:
    """What a plain row would hold of this person: what is written of them, blocks aside."""
    fields = person.fields
    status = UNTIED if not person.tied else None if person.status is None else person.status.value
    at = person.consent_at.isoformat() if person.consent_at else None
    said = (json.dumps(person.attributes), status, at, person.consent_how or None, person.consent_words or None)
    groups = groups_told(person.attributes)
    more: More | None = None
    if groups or person.contacts:
        contacts = tuple((kind.value, network, value) for kind, network, value in person.contacts)
        more = tuple(groups.get(kind, "") for kind in _KINDS), contacts
    return (key, person.row, person.address or None, *map(fields.get, PLAIN_FIELDS), *said, more)


def first_states(rows: Sequence[PlainRow], *, asks_twice: bool) -> list[SubscriptionState | None]:
    """The states of the subscriptions that these rows make; None where one makes none."""
    made: dict[tuple[str | None, bool], SubscriptionState | None] = {}
    told = [(row[STATUS], row[CONSENT_AT] is not None) for row in rows]
    for status, dated in set(told):
        state = SubscriptionState(status) if status else None
        first = None if status == UNTIED else first_state(state, dated=dated, asks_twice=asks_twice)
        made[status, dated] = first
    return [made[one] for one in told]


def _object(parts: tuple[str, ...]) -> str:
    return f"{{{', '.join(filter(None, parts))}}}"


class _Ties:
    """Reads how a row stands to our mail, as far as it is said by few different words."""

    def __init__(self, reader: RowReader, places: list[int], width: int) -> None:
        self._reader, self._places, self._width = reader, places, width
        self._memo = Memo(self._read)

    def __call__(self, columns: list[Sequence[str]], count: int, odd: set[int]) -> list[Sequence[Any]]:
        """STATUS and what follows it, as columns; none where the file says nothing of the kind."""
        if not columns and self._reader.all_rows is None:
            return []
        memo = self._memo
        memo.odd = False
        read = list(map(memo.__getitem__, zip(*columns, strict=True) if columns else repeat((), count)))
        if memo.odd:
            odd.update(place for place, value in enumerate(read) if value is ODD)
            read = [(None,) * 4 if value is ODD else value for value in read]
        return list(zip(*read, strict=True))

    def _read(self, said: tuple[str, ...]) -> Any:
        cells = [""] * self._width
        for place, cell in zip(self._places, said, strict=True):
            cells[place] = cell
        person = Person(0, "", {}, {})
        try:
            self._reader.read_ties(person, cells)
        except RowFault:
            return ODD
        if person.warnings or person.block is not None or person.attributes or person.fields or person.contacts:
            return ODD
        return plain_row("", person)[STATUS:MORE]
