"""`customers import`: a file of people, whatever program wrote it, becomes customers, subscriptions and consents.

Law: good rows are kept and bad ones set aside with a reason; each chunk is one short transaction (RELIABILITY I12),
so a killed import is simply run again. created + updated + unchanged + invalid + duplicate + suppressed = rows, always.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from operator import itemgetter
from pathlib import Path

from sqlmodel import Session

from ..audience.csv_text import DELIMITERS
from ..audience.json_text import MOST_KEYS
from ..audience.plain_rows import KEY
from ..errors import InputError
from ..records import SubscriptionState
from ..store.attributes import kinds_of
from ..store.consents import asks_twice
from ..store.customers import ensure_list, list_id_of
from ..store.import_log import begin_import, finish_import, note_created, still_running
from ..store.imports import Chunk, Into, KeyedPerson, plan_chunk, stop_people, write_chunk
from ..store.known import Taken
from ..store.staged import Staged, met_since, put_staged, staged_keys, staging, take_staged
from .epoch import advance
from .import_hand import Dealt, Ready, Task, retyped
from .import_room import ImportRoom, Lost, enough
from .import_turns import CHUNK, Turns
from .intake_rows import Judge, Manner, Refused, join_rows, weight_of
from .intake_wishes import ImportResult, Progress, Wishes, check_list_name, resolve, shown
from .kin import cores
from .lapses import lapsing_list, settle_implied
from .piles import Piles, pile_count
from .rejects import Rejects
from .sheet import Sheet, open_sheet
from .stride import Stride
from .workspace import Workspace

COLLECT = 16
"""Chunks after which cycles are looked for."""
Work = list[Taken] | tuple[Ready, Callable[[], Sequence[Taken]]]
"""Some people, or a pile that was made ready and how to have all its people once more."""
STOPS = 25
"""Withdrawals per transaction: each is a handful of statements."""


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

    def run(glance: int, keys: Sequence[str] = ()) -> ImportResult:
        sheet = open_sheet(file, reading, folder=workspace.root, glance=glance, keys=keys)
        named = DELIMITERS.get(sheet.delimiter, sheet.delimiter) if sheet.kind == "csv" else sheet.kind
        result = ImportResult(file.name, list_name, dry_run, sheet.encoding, named, sheet.columns.told())
        result.source = wishes.source or (sheet.profile.name if sheet.profile else "")
        with workspace.database.read() as session:
            result.new_list = list_id_of(session, list_name) is None
        intake = _Intake(workspace, sheet, result, wishes, preview, progress)
        with closing(intake), _no_collecting():
            intake.run()
        result.rejects = intake.rejects.path
        return result

    if cores() > 1 and not preview:
        with suppress(Lost):
            try:
                return run(enough())
            except Lost as lost:
                if 0 < len(lost.keys) <= MOST_KEYS:
                    return run(enough(), lost.keys)
    return run(0)


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
        self._staged, self._closely = Turns.stride(), Turns.stride()
        self._preview, self._progress, self._told = preview, progress, 0
        self._stops: list[KeyedPerson] = []
        with workspace.database.read() as session:
            kinds = kinds_of(session)
        self._manner = Manner(
            sheet.columns,
            {meaning: kind.reader() for meaning, kind in sheet.found.items()},
            sheet.told,
            kinds,
            self._now,
            profile=sheet.profile,
            all_rows=sheet.profile.of_file(sheet.path.name) if sheet.profile else None,
            note_empty=not wishes.ways.plain,
        )
        self._judge = Judge(self._manner, workspace.keys)
        self._into = Into(None, self._now, result.file, ways=wishes.ways, names=self._judge.names)
        self._piles: Piles | None = None
        self._waiting, self._halves = 0, False
        places = [sheet.path.parent, workspace.root]
        self.rejects = Rejects(sheet.path, places, sheet.columns.headings, sheet.delimiter, not result.dry_run)

    def close(self) -> None:
        """Finish the file of rejects, and let go of what was put by."""
        if self._piles is not None:
            self._piles.close()
        self.rejects.close()
        self._sheet.close()

    def run(self) -> None:
        """Read all rows, then write them."""
        with self._from_several() if self._sheet.body else nullcontext(self._from_here()) as work:
            if self._result.dry_run:
                for one in work:
                    self._forecast(one)
                    self.tell()
                return
            with self._workspace.database.write_much(carries=True) as much, staging(much):
                turns = Turns(much)
                for number, one in enumerate(work):
                    if isinstance(one, list):
                        self.write(turns, one)
                    else:
                        self._take_over(turns, *one)
                    if number % COLLECT == 0:
                        gc.collect(1)
                    self.tell()
                if not self._into.import_id:
                    self.write(turns, [])
                turns.carry_over()
            self.finish()

    def _from_here(self) -> Iterator[Work]:
        """Judge all rows, deal the good ones into piles, and give them by rising keys (of a short file in their own
        order)."""
        self._piles = Piles(self._workspace.root, self._sheet.rows, self._sheet.size)
        self._halves = self._piles.count > 1
        for run in self._sheet.runs():
            judged = self._judge.judge(run)
            self._piles.add(judged.taken, weight_of(run))
            self._note(judged.rows, judged.refused, judged.warnings)
            self._waiting += len(judged.taken)
            if self._halves:
                self.tell()
        self._sheet.check_unchanged()
        for pile in self._piles:
            people, again = join_rows(pile, self._judge.names)
            self._again(again)
            yield from self._parts([people[key] for key in (sorted(people) if self._halves else people)])

    @contextmanager
    def _from_several(self) -> Iterator[Iterator[Work]]:
        """The same by several processes. Types that later cells belie are made right, and the file is read anew."""
        sheet = self._sheet
        assert sheet.body is not None
        self._halves = True
        unsure = tuple(meaning for meaning, kind in sheet.found.items() if kind.told()[0])
        count = pile_count(sheet.rows, sheet.size)
        task = Task(
            *(sheet.path.resolve(), sheet.body.encoding, sheet.delimiter, self._manner, unsure, sheet.body.keys),
            *(sheet.body.spool is not None, count, self._result.list_name, self._wishes.ways, not self._result.dry_run),
        )
        types = {meaning: sheet.found[meaning] for meaning in unsure}

        def take(dealt: Dealt, more: int) -> None:
            for meaning, told in dealt.types.items():
                types[meaning].take_in(*told)
            self._note(dealt.rows, dealt.refused, dealt.warnings, more)
            self._waiting += dealt.taken
            self.tell()

        while True:
            with ImportRoom(self._workspace, task, sheet.body) as room:
                try:
                    room.deal(take)
                    sheet.check_unchanged()
                except (Lost, InputError):
                    self._forget()
                    raise
                right = retyped(task, types)
                if right is None:
                    yield room.piles()
                    return
            self._forget()
            task = right

    def _forget(self) -> None:
        """Begin anew, here or by another run: nothing was written yet but rejects."""
        self.rejects.forget()
        self._result.forget()
        self._waiting = 0

    def _note(self, rows: int, refused: Sequence[Refused], warnings: Sequence[str], more: int = 0) -> None:
        """Count rows that were judged, and set the refused ones aside; `more` is added to their numbers."""
        self._result.rows += rows
        for row, reason, cells in refused:
            self._result.refuse(row + more, reason)
            self.rejects.add(row + more, reason, cells)
        for warning in warnings:
            self._result.warn(warning)

    def _again(self, count: int) -> None:
        """So many rows were somebody's whom an earlier row had brought."""
        self._waiting -= count
        self._result.duplicate += count

    def tell(self) -> None:
        """Say how far the import is: a long file is half done when it is read."""
        rows = self._result.rows
        done = rows - self._waiting
        if self._halves:
            done = (rows + done) // 2
        whole = max(rows, self._sheet.rows) if self._waiting else rows
        if self._progress and (done >= self._told + CHUNK // 16 or done == whole > self._told):
            self._told = done
            self._progress(done, whole)

    def _parts(self, people: list[Taken]) -> Iterator[list[Taken]]:
        """These people as chunks, in equal parts: a small rest would cost a transaction of its own."""
        while people:
            size = -(-len(people) // math.ceil(len(people) / self._closely.rows / 1.25))
            part, people = people[:size], people[size:]
            self._waiting -= len(part)
            yield part

    def _forecast(self, work: Work) -> None:
        """Count what would be done."""
        parts: Iterator[list[Taken]]
        if isinstance(work, list):
            parts = iter([work])
        else:
            ready, _ = work
            self._count_ready(ready)
            self._waiting -= ready.new
            self._result.created += ready.new
            self._result.unsubscribed += ready.left
            parts = self._parts(ready.closely)
        for part in parts:
            with self._workspace.database.read() as session:
                into = replace(self._into, list_id=list_id_of(session, self._result.list_name))
                self._count(plan_chunk(session, into, part))

    def _count_ready(self, ready: Ready) -> None:
        """Count whom nothing new is told of."""
        self._again(ready.again)
        self._waiting -= len(ready.same)
        twice = sum(map(self._into.seen.before, ready.same))
        self._result.duplicate += twice
        self._result.unchanged += len(ready.same) - twice

    def _take_over(self, turns: Turns, ready: Ready, once_more: Callable[[], Sequence[Taken]]) -> None:
        """Write a pile that was made ready."""
        self._count_ready(ready)
        if ready.staged is not None:
            put_staged(turns.much, ready.staged)
            first = 1
            while first <= ready.staged.count:
                left = ready.staged.count + 1 - first
                last = first + -(-left // math.ceil(left / self._staged.rows / 1.25)) - 1
                if (keys := self._take_staged(turns, ready.staged, first, last)) is None:
                    self._waiting -= last + 1 - first
                else:
                    for part in self._parts([one for one in once_more() if one[KEY] in keys]):
                        self.write(turns, part)
                first = last + 1
        for part in self._parts(ready.closely):
            self.write(turns, part)

    def _take_staged(self, turns: Turns, staged: Staged, first: int, last: int) -> set[str] | None:
        """Take over the people of these places; their keys, where something has come in between."""
        with self._transaction(turns, self._staged, last + 1 - first) as session:
            list_id = self._into.list_id
            assert list_id is not None
            if asks_twice(session, list_id) != staged.asked_twice or met_since(session, first, last):
                return staged_keys(session, first, last)
            ids, left = take_staged(session, list_id, self._now, self._result.file, staged, first, last)
            self._made(session, ids)
        self._result.created += len(ids)
        self._result.unsubscribed += left
        return None

    def write(self, turns: Turns, people: list[Taken]) -> None:
        """Do and count one chunk, in one transaction."""
        with self._transaction(turns, self._closely, len(people)) as session:
            chunk = plan_chunk(session, self._into, people)
            write_chunk(session, self._into, chunk)
            self._made(session, chunk.ids)
        self._count(chunk)
        self._stop(turns)

    @contextmanager
    def _transaction(self, turns: Turns, stride: Stride, rows: int) -> Iterator[Session]:
        """Of the import, which is noted in its first one."""
        with turns.turn(stride, rows) as session:
            if not self._into.import_id:
                self._into = replace(
                    self._into,
                    list_id=ensure_list(session, self._result.list_name, self._now),
                    import_id=self._begin(session),
                )
            elif not still_running(session, self._into.import_id):
                raise InputError("the import was taken back while it ran", file=self._sheet.path)
            yield session

    def _made(self, session: Session, ids: Sequence[int]) -> None:
        """Keep which customers were made."""
        if ids:
            self._into.seen.add_made(ids)
            note_created(session, self._into.import_id, self._into.seen.made)

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

    def _stop(self, turns: Turns) -> None:
        """Carry out what repeated rows said of people who are written already, a few in each transaction."""
        while self._stops:
            part, self._stops = self._stops[:STOPS], self._stops[STOPS:]
            with turns.turn() as session:
                self._result.unsubscribed += stop_people(session, self._into, part)

    def _count(self, chunk: Chunk) -> None:
        result = self._result
        result.count(chunk)
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
            at, found = self._workspace.clock(), self._into.seen.packed()
            finish_import(session, number, at=at, counts=counts, rejects=rejects, found=found)
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
