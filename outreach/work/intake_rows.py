"""How the rows of one file are judged, wherever that is done: here, or in a process that lends a hand.

Law: each row is good or refused with a reason; of two rows of one person the first counts, but whichever says stop.
"""

from __future__ import annotations

import functools
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from ..address import KeyMaker, KeyRing
from ..audience.csv_text import Run
from ..audience.headings import Columns
from ..audience.intake import Person, RowFault, RowReader
from ..audience.plain_rows import KEY, ROW, STATUS, PlainRows, person_of, plain_row
from ..audience.profiles import Profile
from ..audience.standing import Standing
from ..audience.typed import read_as
from ..records import SubscriptionState
from ..store.known import OF_PERSON, PERSON, Taken, name_of
from ..words import AttributeKind
from .sheet import wanted_types

Refused = tuple[int, str, list[str]]
"""A row, why it is refused, and its cells."""


@dataclass(frozen=True)
class Manner:
    """How the rows of a file are read; it may be handed to another process.

    `types`: how the cells of attributes are read, by meaning, as their columns show; `told`: types by heading as
    somebody said them; `kinds`: attributes that are declared. The rest is as a `RowReader` has it.
    """

    columns: Columns
    types: Mapping[str, Callable[[str], Any]]
    told: Mapping[str, str]
    kinds: Mapping[str, AttributeKind]
    now: datetime
    profile: Profile | None = None
    all_rows: Standing | None = None
    note_empty: bool = False


@dataclass(slots=True)
class Judged:
    """What became of some rows."""

    rows: int = 0
    taken: list[Taken] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class Judge:
    """Judges the rows of one file."""

    def __init__(self, manner: Manner, keys: KeyRing) -> None:
        columns = manner.columns
        types: dict[str, Callable[[str], Any]] = {
            **manner.types,
            **wanted_types(columns, manner.told),
            **{f".{name}": functools.partial(read_as, kind) for name, kind in manner.kinds.items()},
        }
        self._reader = RowReader(
            columns,
            types,
            _zones() if {"zone", "attributes"} & set(columns.meanings) else {},
            manner.now,
            profile=manner.profile,
            all_rows=manner.all_rows,
            note_empty=manner.note_empty,
        )
        self._keys = KeyMaker(keys)
        self._plain = PlainRows(columns, types, self._reader, self._keys.keys)

    @property
    def names(self) -> tuple[str, ...]:
        """The file's fields and attributes, where it is to be told which are empty."""
        return self._plain.names

    def judge(self, run: Run) -> Judged:
        """The good ones of these rows, in their order, and the others."""
        judged = Judged(len(run.rows))
        if run.fault:
            judged.refused.append((run.numbers[0], run.fault, run.rows[0]))
            return judged
        taken: list[Taken]
        taken, left, judged.warnings = self._plain.judge(run.numbers, run.rows)
        if left:
            taken = sorted([*taken, *self._read_alone(left, judged)], key=itemgetter(ROW))
        judged.taken = taken
        return judged

    def _read_alone(self, rows: list[tuple[int, list[str]]], judged: Judged) -> Iterator[Taken]:
        """Those of these unusual rows that are good."""
        for row, cells in rows:
            try:
                person = self._reader.read(row, cells)
            except RowFault as fault:
                judged.refused.append((row, str(fault), cells))
                continue
            judged.warnings += person.warnings
            person.warnings.clear()
            yield self._keyed(row, person)

    def _keyed(self, row: int, person: Person) -> Taken:
        """Under their key, as a plain row where that says all of them."""
        if not person.address:
            return (_mark(person), row, person)
        key = self._keys.key(person.address)
        if person.block is None:
            plain = plain_row(key, person)
            if not self.names or person_of(plain, self.names).empty == person.empty:
                return plain
        return (key, row, person)


def weight_of(run: Run) -> int:
    """How many characters its rows hold."""
    return sum(map(len, map("".join, run.rows)))


def join_rows(rows: Iterable[Taken], names: Sequence[str]) -> tuple[dict[str, Taken], int]:
    """Rows as people, nobody twice, by key in the order of their first rows; and how many were somebody's again.
    `names`: as a `Judge` has them."""
    people: dict[str, Taken] = {}
    again = 0
    for one in rows:
        first = people.setdefault(one[KEY], one)
        if first is not one:
            again += 1
            people[one[KEY]] = _both(first, one, names)
    return people, again


def _both(first: Taken, second: Taken, names: Sequence[str]) -> Taken:
    """Of two rows of one person the first counts; but whichever says stop, it counts."""
    stop = second[PERSON] if len(second) == OF_PERSON else None
    if stop is None:
        if second[STATUS] != SubscriptionState.UNSUBSCRIBED:
            return first
        stop = person_of(second)
    person = first[PERSON] if len(first) == OF_PERSON else person_of(first, names)
    if stop.status is SubscriptionState.UNSUBSCRIBED and stop.tied:
        person.status, person.row, person.tied = stop.status, stop.row, True
    if stop.block is not None:
        person.block, person.row = stop.block, stop.row
    return (first[KEY], person.row, person)


def _mark(person: Person) -> str:
    """What tells people without an address apart within a file."""
    return f"by hand: {person.fields.get('phone', '')} {person.post} {name_of(person)}"


@functools.cache
def _zones() -> dict[str, str]:
    """Every IANA zone by its name in small letters: people write europe/berlin."""
    return {name.lower(): name for name in zoneinfo.available_timezones()}
