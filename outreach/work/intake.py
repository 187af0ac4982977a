"""`customers import`: a file of people, whatever program wrote it, becomes customers, subscriptions and consents.

Law: good rows are kept and bad ones set aside with a reason; each chunk is one short transaction (RELIABILITY I12),
so a killed import is simply run again. created + updated + unchanged + invalid + duplicate + suppressed = rows, always.
"""

from __future__ import annotations

import functools
import time
import zoneinfo
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from ..address import address_key
from ..audience.csv_text import DELIMITERS, Record
from ..audience.headings import attribute_name
from ..audience.intake import Person, RowFault, RowReader
from ..errors import UsageError
from ..records import SubscriptionState
from ..store.consents import unsubscribe
from ..store.customers import customer_ids_by_key, ensure_list, list_id_of
from ..store.imports import Chunk, add_import, plan_chunk, write_chunk
from .epoch import advance
from .rejects import Rejects
from .sheet import Sheet, open_sheet
from .workspace import Workspace

SMALLEST_CHUNK, CHUNK = 250, 1_000
"""Rows per transaction: a slow machine takes fewer, so that no other writer waits long."""
STOPS = 25
"""Withdrawals per transaction: each is a handful of statements."""
LONG, SHORT = 0.12, 0.06
"""Seconds of a transaction beyond which chunks are halved, and below which they grow again."""
_REASONS = 50
Progress = Callable[[int, int], None]
"""Told after each chunk: rows done, rows in all."""


@dataclass(slots=True)
class ImportResult:
    """What an import did, or in a dry run would do."""

    file: str
    list_name: str
    dry_run: bool
    encoding: str
    delimiter: str
    columns: dict[str, str]
    new_list: bool = False
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    invalid: int = 0
    duplicate: int = 0
    suppressed: int = 0
    unsubscribed: int = 0
    rejects: Path | None = None
    reasons: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)

    @property
    def counts(self) -> dict[str, int]:
        names = ("rows", "created", "updated", "unchanged", "invalid", "duplicate", "suppressed", "unsubscribed")
        return {name: getattr(self, name) for name in names}


def import_customers(
    workspace: Workspace,
    file: Path,
    list_name: str,
    *,
    mapping: Mapping[str, str] | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> ImportResult:
    """Import a file of people to a list, which is made where there is none. A dry run writes nothing at all.

    Raises InputError with a remedy where the file is no CSV or has no column of e-mail addresses.
    """
    list_name = _check_list_name(list_name)
    sheet = open_sheet(file, mapping or {})
    named = DELIMITERS.get(sheet.delimiter, sheet.delimiter)
    result = ImportResult(file.name, list_name, dry_run, sheet.encoding, named, sheet.columns.told())
    with workspace.database.read() as session:
        result.new_list = list_id_of(session, list_name) is None
    intake = _Intake(workspace, sheet, result)
    with closing(intake.rejects):
        for people in intake.chunks():
            (intake.forecast if dry_run else intake.write)(people)
            if progress:
                progress(result.rows, sheet.rows)
        if not dry_run:
            intake.finish()
    result.rejects = intake.rejects.path
    return result


class _Intake:
    """One run over the rows of a file."""

    def __init__(self, workspace: Workspace, sheet: Sheet, result: ImportResult) -> None:
        self._workspace, self._sheet, self._result = workspace, sheet, result
        self._now = workspace.clock()
        self._size = CHUNK // 2
        self._seen: set[bytes] = set()
        self._chunk: dict[str, Person] = {}
        self._stops: list[tuple[str, Person]] = []
        zones = _zones() if sheet.columns.place("zone") is not None else {}
        self._reader = RowReader(sheet.columns, sheet.types, zones, self._now)
        places = [sheet.path.parent, workspace.root]
        self.rejects = Rejects(sheet.path, places, sheet.columns.headings, sheet.delimiter, not result.dry_run)

    def chunks(self) -> Iterator[list[tuple[str, Person]]]:
        """Good rows, no person twice, a chunk at a time; faults and duplicates are counted on the way."""
        keys = self._workspace.keys
        for record in self._sheet.records():
            self._result.rows += 1
            person = self._read(record)
            if person is not None:
                self._take(address_key(keys, person.address), person)
            if len(self._chunk) >= self._size:
                yield list(self._chunk.items())
                self._chunk.clear()
        yield list(self._chunk.items())

    def _take(self, key: str, person: Person) -> None:
        short = bytes.fromhex(key)
        if short not in self._seen:
            self._seen.add(short)
            self._chunk[key] = person
            return
        self._result.duplicate += 1
        if person.status is not SubscriptionState.UNSUBSCRIBED:
            return
        # whichever of two rows says stop, it counts
        if first := self._chunk.get(key):
            first.status, first.row = person.status, person.row
        else:
            self._stops.append((key, person))

    def _read(self, record: Record) -> Person | None:
        try:
            if record.fault:
                raise RowFault(record.fault)
            person = self._reader.read(record.row, record.cells)
        except RowFault as fault:
            self._result.invalid += 1
            _count(self._result.reasons, _general(str(fault)))
            self.rejects.add(record.row, str(fault), record.cells)
            return None
        for warning in person.warnings:
            _count(self._result.warnings, warning)
        return person

    def forecast(self, people: list[tuple[str, Person]]) -> None:
        """Count what a chunk would do."""
        with self._workspace.database.read() as session:
            self._count(plan_chunk(session, list_id_of(session, self._result.list_name), people, self._now))

    def write(self, people: list[tuple[str, Person]]) -> None:
        """Do and count one chunk, in one transaction."""
        with self._workspace.database.write() as session:
            began = time.monotonic()
            list_id = ensure_list(session, self._result.list_name, self._now)
            chunk = plan_chunk(session, list_id, people, self._now)
            write_chunk(session, list_id, chunk, self._now, self._result.file)
        took = time.monotonic() - began
        if took > LONG:
            self._size = max(SMALLEST_CHUNK, self._size // 2)
        elif took < SHORT:
            self._size = min(CHUNK, self._size * 2)
        self._count(chunk)
        self._stop()

    def _stop(self) -> None:
        """Carry out what repeated rows said of people who are written already, a few in each transaction."""
        while self._stops:
            part, self._stops = self._stops[:STOPS], self._stops[STOPS:]
            with self._workspace.database.write() as session:
                list_id = ensure_list(session, self._result.list_name, self._now)
                ids = customer_ids_by_key(session, [key for key, _ in part])
                for key, person in part:
                    way = {"how": "import", "evidence": f"{self._result.file}:{person.row}"}
                    if key in ids:
                        self._result.unsubscribed += unsubscribe(
                            session, customer_id=ids[key], list_id=list_id, at=self._now, **way
                        )

    def _count(self, chunk: Chunk) -> None:
        result = self._result
        result.created += len(chunk.created)
        result.updated += chunk.changed
        result.unchanged += chunk.unchanged
        result.suppressed += len(chunk.suppressed)
        result.unsubscribed += sum(tie.state is SubscriptionState.UNSUBSCRIBED for tie in chunk.ties)

    def finish(self) -> None:
        """Keep that the import was made."""
        with self._workspace.database.write() as session:
            add_import(
                session,
                file=str(self._sheet.path.resolve()),
                list_name=self._result.list_name,
                at=self._now,
                counts=self._result.counts,
                rejects=str(self.rejects.path or ""),
            )
            advance(session, self._workspace.root, needed=False)


@functools.cache
def _zones() -> dict[str, str]:
    """Every IANA zone by its name in small letters: people write europe/berlin."""
    return {name.lower(): name for name in zoneinfo.available_timezones()}


def _check_list_name(name: str) -> str:
    plain = name.strip()
    if not plain or len(plain) > 64 or not plain.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise UsageError(
            f"{name!r} cannot be the name of a list",
            remedy=f"Use letters, digits, - _ and . only, such as {attribute_name(name)[:64].strip('_')}.",
        )
    return plain


def _count(told: Counter[str], words: str) -> None:
    """Count a reason; beyond fifty different ones the rest is counted together."""
    told[words if words in told or len(told) < _REASONS else "others"] += 1


def _general(reason: str) -> str:
    """A fault's reason without the row's own address in front, so that alike ones are counted together."""
    _, known, rest = reason.partition(" is no e-mail address: ")
    return f"no e-mail address: {rest}" if known else reason
