"""A pair of hands for an import: rows of a piece of the file judged and dealt, then a pile of people looked up and
made ready. The same hands work in child processes and, where one of those is missing, in the process that writes.

Law: nothing is written here but to files without a name; a piece that ran into its own end is judged again with more.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter
from pathlib import Path

from ..address import KeyRing
from ..audience.merge import Ways
from ..audience.plain_rows import KEY, STATUS, first_states
from ..audience.values import ColumnType
from ..records import SubscriptionState
from ..store.consents import asks_twice
from ..store.customers import list_id_of
from ..store.database import Database
from ..store.group_intake import first_names, settle_names
from ..store.imports import Into, sort_out
from ..store.known import Taken
from ..store.staged import Staged, stage
from .intake_rows import Judge, Manner, Refused, join_rows
from .piles import Dealer, Part, Place, read_part
from .spool import runs_at
from .text_pieces import objects_in, runs_in


@dataclass(frozen=True)
class Task:
    """What hands need to know of an import. `unsure`: attributes whose type all cells must still bear out.

    `keys`: those of its JSON lines, where it is no CSV; `spooled`: it is a workbook. `count`: into how many piles the
    file is dealt. `write`: whether new customers are made ready, or only counted.
    """

    path: Path
    encoding: str
    delimiter: str
    manner: Manner
    unsure: tuple[str, ...]
    keys: tuple[str, ...]
    spooled: bool
    count: int
    list_name: str
    ways: Ways
    write: bool


@dataclass(frozen=True)
class Dealt:
    """What became of a piece of the file; its rows are counted from 1, blank ones too in `numbered`.

    `cut`: the last row ran into the end of the piece. `types`: what the cells say of the unsure columns. `others`: keys
    that are none of those that the task knows.
    """

    rows: int
    numbered: int
    cut: bool
    taken: int
    parts: list[Part]
    refused: list[Refused]
    warnings: list[str]
    types: dict[str, tuple[list[int], bool]]
    others: list[str]


@dataclass(frozen=True)
class Ready:
    """A pile of people: `again` of its rows were somebody's whom an earlier row had brought.

    `new`, and `left` of them, are counted where they are not `staged`; `same`: whom nothing new is told of, by id.
    """

    again: int
    new: int
    left: int
    staged: Staged | None
    same: array[int]
    closely: list[Taken]


class Hand:
    """Does its share of a task. `files` hold what all have dealt; the one at `own` is written here. The last one is
    where a workbook's rows are."""

    def __init__(self, task: Task, keys: KeyRing, database: Database, files: Sequence[int], own: int) -> None:
        self._task, self._database, self._files = task, database, files
        self._judge = Judge(task.manner, keys)
        self._dealer = Dealer(task.count, files[own])
        columns = task.manner.columns
        self._places = {meaning: columns.meanings.index(meaning) for meaning in task.unsure}

    @property
    def names(self) -> tuple[str, ...]:
        """As a `Judge` has them."""
        return self._judge.names

    def deal(self, begin: int, size: int) -> Dealt:
        """Judge the rows of a piece of the file, and deal the good ones. Raises OSError."""
        task = self._task
        width, cut, others, path = task.manner.columns.width, False, list[str](), task.path
        if task.spooled:
            runs, numbered = runs_at(self._files[-1], begin, size), 0
        elif task.keys:
            runs, numbered, others = objects_in(path, task.encoding, task.keys, begin=begin, size=size)
        else:
            runs, numbered, cut = runs_in(path, task.encoding, task.delimiter, width=width, begin=begin, size=size)
        types = {meaning: ColumnType() for meaning in self._places}
        whole = sum(len(run.rows) for run in runs)
        rows = taken = 0
        parts: list[Part] = []
        refused: list[Refused] = []
        warnings: list[str] = []
        for run in runs:
            if not run.fault:
                self._look(types, run.rows)
            judged = self._judge.judge(run)
            rows += judged.rows
            taken += len(judged.taken)
            parts += self._dealer.add(judged.taken, size * judged.rows // whole)
            refused += judged.refused
            warnings += judged.warnings
        parts += self._dealer.put_away()
        told = {meaning: kind.told() for meaning, kind in types.items()}
        return Dealt(rows, numbered, cut, taken, parts, refused, warnings, told, others)

    def _look(self, types: Mapping[str, ColumnType], rows: Sequence[list[str]]) -> None:
        for meaning, place in self._places.items():
            types[meaning].look_at([cells[place] for cells in rows if place < len(cells)])

    def gather(self, places: Sequence[Place]) -> tuple[Sequence[Taken], int]:
        """The people of a pile by rising keys, and how many rows were somebody's again. Raises OSError."""
        parts = (read_part(self._files[file], begin, size, more) for file, begin, size, more in places)
        people, again = join_rows(chain.from_iterable(parts), self.names)
        return sorted(people.values(), key=itemgetter(KEY)), again

    def prepare(self, pile: int, places: Sequence[Place]) -> Ready:
        """Look up the people of a pile, and make those ready who are new. Raises OSError, DatabaseError."""
        task, now = self._task, self._task.manner.now
        people, again = self.gather(places)
        with self._database.read() as session:
            list_id = list_id_of(session, task.list_name)
            people = settle_names(session, people)
            found = sort_out(session, Into(list_id, now, "", ways=task.ways), people)
            twice = asks_twice(session, list_id)
            states = first_states(found.newcomers, asks_twice=twice)
            staged = None
            if task.write and found.newcomers:
                staged = stage(
                    session, found.newcomers, states, now, place=pile, twice=twice, called=first_names(people)
                )
        stops = [row for row, _ in found.same if row[STATUS] == SubscriptionState.UNSUBSCRIBED]
        same = array("q", [one for row, one in found.same if row[STATUS] != SubscriptionState.UNSUBSCRIBED])
        closely = sorted([*found.closely, *stops], key=itemgetter(KEY)) if stops else found.closely
        left = states.count(SubscriptionState.UNSUBSCRIBED)
        return Ready(again, len(found.newcomers), left, staged, same, closely)


def retyped(task: Task, types: Mapping[str, ColumnType]) -> Task | None:
    """The task with the types that whole columns have; None where those are what was assumed."""
    read = {meaning: kind.reader() for meaning, kind in types.items()}
    assumed = task.manner.types
    if all(assumed[meaning] is reader for meaning, reader in read.items()):
        return None
    return replace(task, manner=replace(task.manner, types={**assumed, **read}), unsure=())
