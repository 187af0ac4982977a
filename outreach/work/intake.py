"""`customers import`: a file of people, whatever program wrote it, becomes customers, subscriptions and consents.

Law: good rows are kept and bad ones set aside with a reason; each chunk is one short transaction (RELIABILITY I12),
so a killed import is simply run again. created + updated + unchanged + invalid + duplicate + suppressed = rows, always.
"""

from __future__ import annotations

import functools
import gc
import math
import time
import zoneinfo
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import replace
from operator import itemgetter
from pathlib import Path
from typing import Any

from sqlmodel import Session

from ..address import KeyMaker
from ..audience.csv_text import DELIMITERS
from ..audience.intake import Person, RowFault, RowReader
from ..audience.plain_rows import KEY, ROW, STATUS, PlainRows, person_of
from ..audience.typed import read_as
from ..errors import InputError
from ..records import SubscriptionState
from ..store.attributes import kinds_of
from ..store.customers import ensure_list, list_id_of
from ..store.import_log import begin_import, finish_import, note_created, still_running
from ..store.imports import OF_PERSON, PERSON, Chunk, Into, KeyedPerson, Taken, plan_chunk, stop_people, write_chunk
from ..store.known import name_of
from .epoch import advance
from .intake_wishes import ImportResult, Progress, Wishes, check_list_name, resolve, shown
from .opt_in import lapsing_list, settle_implied
from .piles import Piles
from .rejects import Rejects
from .sheet import Sheet, open_sheet
from .workspace import Workspace

SMALLEST_CHUNK, CHUNK = 600, 8_000
"""Rows per transaction: a slow machine takes fewer, so that no other writer waits long."""
COLLECT = 16
"""Chunks after which cycles are looked for."""
Begin = Callable[[], AbstractContextManager[Session]]
"""Begins a write transaction."""
STOPS = 25
"""Withdrawals per transaction: each is a handful of statements."""
LONG, SHORT = 0.12, 0.06
"""Seconds of a transaction beyond which chunks are halved, and below which they grow again."""


def import_customers(
    workspace: Workspace,
    file: Path,
    list_name: str,
    wishes: Wishes | None = None,
    *,
    dry_run: bool = False,
    preview: int = 0,
    progress: Progress | None = None,
) -> ImportResult:
    """Import a file of people to a list, which is made where there is none. A dry run writes nothing at all.

    `preview`: of so many rows the result shows what would become of them. Raises InputError with a remedy where the
    file cannot be used or has neither addresses nor numbers, UsageError where `wishes` do not fit it.
    """
    list_name = check_list_name(list_name)
    wishes, reading = resolve(workspace, wishes or Wishes())
    sheet = open_sheet(file, reading)
    named = DELIMITERS.get(sheet.delimiter, sheet.delimiter) if sheet.kind == "csv" else sheet.kind
    result = ImportResult(file.name, list_name, dry_run, sheet.encoding, named, sheet.columns.told())
    result.source = wishes.source or (sheet.profile.name if sheet.profile else "")
    with workspace.database.read() as session:
        result.new_list = list_id_of(session, list_name) is None
    intake = _Intake(workspace, sheet, result, wishes, preview, progress)
    with closing(intake), _no_collecting():
        intake.read()
        with nullcontext() if dry_run else workspace.database.write_much() as begin:
            for number, people in enumerate(intake.chunks()):
                if begin is None:
                    intake.forecast(people)
                else:
                    intake.write(begin, people)
                if number % COLLECT == 0:
                    gc.collect(1)
                intake.tell()
        if not dry_run:
            intake.finish()
    result.rejects = intake.rejects.path
    return result


class _Intake:
    """One run over the rows of a file."""

    def __init__(
        self,
        workspace: Workspace,
        sheet: Sheet,
        result: ImportResult,
        wishes: Wishes,
        preview: int,
        progress: Progress | None,
    ) -> None:
        self._workspace, self._sheet, self._result, self._wishes = workspace, sheet, result, wishes
        self._now = workspace.clock()
        self._size = CHUNK // 16
        self._preview, self._progress, self._told = preview, progress, 0
        self._stops: list[KeyedPerson] = []
        zones = _zones() if sheet.columns.place("zone") is not None else {}
        types = {**sheet.types, **_as_declared(workspace)}
        self._reader = RowReader(
            sheet.columns,
            types,
            zones,
            self._now,
            profile=sheet.profile,
            all_rows=sheet.profile.of_file(sheet.path.name) if sheet.profile else None,
            note_empty=not wishes.ways.plain,
        )
        self._key_maker = KeyMaker(workspace.keys)
        self._plain = PlainRows(sheet.columns, types, self._reader, self._key_maker.keys)
        self._into = Into(None, self._now, result.file, ways=wishes.ways, names=self._plain.names)
        self._piles = Piles(workspace.root, sheet.rows, sheet.path.stat().st_size)
        self._waiting = 0
        places = [sheet.path.parent, workspace.root]
        self.rejects = Rejects(sheet.path, places, sheet.columns.headings, sheet.delimiter, not result.dry_run)

    def close(self) -> None:
        """Finish the file of rejects."""
        self._piles.close()
        self.rejects.close()

    def read(self) -> None:
        """Judge all rows, and deal the good ones into piles."""
        for run in self._sheet.runs():
            self._result.rows += len(run.rows)
            if run.fault:
                self._refuse(run.numbers[0], run.fault, run.rows[0])
                continue
            taken: list[Taken]
            taken, left = self._plain.judge(run.numbers, run.rows)
            if left:
                taken = sorted([*taken, *self._read_alone(left)], key=itemgetter(ROW))
            self._piles.add(taken, sum(map(len, map("".join, run.rows))))
            self._waiting += len(taken)
            if self._piles.count > 1:
                self.tell()

    def _read_alone(self, rows: list[tuple[int, list[str]]]) -> Iterator[Taken]:
        """Those of these unusual rows that are good."""
        for row, cells in rows:
            try:
                person = self._reader.read(row, cells)
            except RowFault as fault:
                self._refuse(row, str(fault), cells)
                continue
            for warning in person.warnings:
                self._result.warn(warning)
            person.warnings.clear()
            yield (self._key_maker.key(person.address) if person.address else _mark(person), row, person)

    def _refuse(self, row: int, reason: str, cells: list[str]) -> None:
        self._result.refuse(row, reason)
        self.rejects.add(row, reason, cells)

    def tell(self) -> None:
        """Say how far the import is: a long file is half done when it is read."""
        done = self._result.rows - self._waiting
        if self._piles.count > 1:
            done = (self._result.rows + done) // 2
        if self._progress and (done >= self._told + CHUNK // 16 or done == self._sheet.rows):
            self._told = done
            self._progress(done, self._sheet.rows)

    def chunks(self) -> Iterator[list[Taken]]:
        """Good rows by rising keys (in a short file in their own order), nobody twice; one chunk at least."""
        empty = True
        for pile in self._piles:
            people: dict[str, Taken] = {}
            for one in pile:
                first = people.setdefault(one[KEY], one)
                if first is not one:
                    self._waiting -= 1
                    self._result.duplicate += 1
                    people[one[KEY]] = _both(first, one)
            keys = sorted(people) if self._piles.count > 1 else list(people)
            while keys:
                # a pile is cut into equal parts: a small rest would cost a transaction of its own
                size = -(-len(keys) // math.ceil(len(keys) / self._size / 1.25))
                part = [people.pop(key) for key in keys[:size]]
                del keys[:size]
                self._waiting -= len(part)
                empty = False
                yield part
        if empty:
            yield []

    def forecast(self, people: list[Taken]) -> None:
        """Count what a chunk would do."""
        with self._workspace.database.read() as session:
            into = replace(self._into, list_id=list_id_of(session, self._result.list_name))
            self._count(plan_chunk(session, into, people))

    def write(self, begin: Begin, people: list[Taken]) -> None:
        """Do and count one chunk, in one transaction."""
        with begin() as session:
            began = time.monotonic()
            if not self._into.import_id:
                self._into = replace(
                    self._into,
                    list_id=ensure_list(session, self._result.list_name, self._now),
                    import_id=self._begin(session),
                )
            elif not still_running(session, self._into.import_id):
                raise InputError("the import was taken back while it ran", file=self._sheet.path)
            chunk = plan_chunk(session, self._into, people)
            write_chunk(session, self._into, chunk)
            if chunk.ids:
                self._into.seen.add_made(chunk.ids)
                note_created(session, self._into.import_id, self._into.seen.made)
        took = time.monotonic() - began
        if took > LONG:
            self._size = max(SMALLEST_CHUNK, self._size // 2)
        elif took < SHORT:
            self._size = min(CHUNK, self._size * 2)
        self._count(chunk)
        self._stop(begin)

    def _begin(self, session: Session) -> int:
        return begin_import(
            session,
            file=str(self._sheet.path.resolve()),
            list_name=self._result.list_name,
            at=self._now,
            source=self._result.source,
            options=self._wishes.options(self._sheet.profile),
            by=self._wishes.by,
        )

    def _stop(self, begin: Begin) -> None:
        """Carry out what repeated rows said of people who are written already, a few in each transaction."""
        while self._stops:
            part, self._stops = self._stops[:STOPS], self._stops[STOPS:]
            with begin() as session:
                self._result.unsubscribed += stop_people(session, self._into, part)

    def _count(self, chunk: Chunk) -> None:
        result = self._result
        result.created += len(chunk.newcomers)
        result.updated += chunk.changed
        result.unchanged += chunk.unchanged
        result.suppressed += len(chunk.suppressed)
        result.duplicate += len(chunk.repeated)
        result.unsubscribed += sum(tie.state is SubscriptionState.UNSUBSCRIBED for tie in chunk.ties)
        result.unsubscribed += chunk.states.count(SubscriptionState.UNSUBSCRIBED)
        result.blocked += len(chunk.blocks)
        result.by_hand += sum(not person.address for _, person in chunk.created)
        stops = [one for one in chunk.repeated if one[1].status is SubscriptionState.UNSUBSCRIBED or one[1].block]
        self._stops += [one for one in stops if one[1].address and not result.dry_run]
        if self._preview:
            last = result.preview[-1]["row"] if len(result.preview) == self._preview else self._sheet.rows * 2
            both = [*result.preview, *shown(chunk, last)]
            result.preview = sorted(both, key=itemgetter("row"))[: self._preview]

    def finish(self) -> None:
        """Keep that the import was made."""
        with self._workspace.database.write() as session:
            number = self._into.import_id or self._begin(session)
            counts, rejects = self._result.counts, str(self.rejects.path or "")
            finish_import(session, number, at=self._workspace.clock(), counts=counts, rejects=rejects)
            advance(session, self._workspace.root, needed=False)
            lapsing = lapsing_list(session, self._result.list_name)
        self._result.import_id = number
        if lapsing is not None:
            settle_implied(self._workspace, lapsing)


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Look for cycles now and then only: people make none, and looking for some takes a sixth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _both(first: Taken, second: Taken) -> Taken:
    """Of two rows of one person the first counts; but whichever says stop, it counts."""
    stop = second[PERSON] if len(second) == OF_PERSON else None
    if stop is None:
        if second[STATUS] != SubscriptionState.UNSUBSCRIBED:
            return first
        stop = person_of(second)
    person = first[PERSON] if len(first) == OF_PERSON else person_of(first)
    if stop.status is SubscriptionState.UNSUBSCRIBED and stop.tied:
        person.status, person.row, person.tied = stop.status, stop.row, True
    if stop.block is not None:
        person.block, person.row = stop.block, stop.row
    return (first[KEY], person.row, person)


def _mark(person: Person) -> str:
    """What tells people without an address apart within a file."""
    return f"by hand: {person.fields.get('phone', '')} {person.post} {name_of(person)}"


def _as_declared(workspace: Workspace) -> dict[str, Callable[[str], Any]]:
    """How the cells of declared attributes are read, whatever else stands in their columns."""
    with workspace.database.read() as session:
        kinds = kinds_of(session)
    return {f".{name}": functools.partial(read_as, kind) for name, kind in kinds.items()}


@functools.cache
def _zones() -> dict[str, str]:
    """Every IANA zone by its name in small letters: people write europe/berlin."""
    return {name.lower(): name for name in zoneinfo.available_timezones()}
