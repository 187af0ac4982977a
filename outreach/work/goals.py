"""`goals import`: what customers did that we hoped for (bought, booked, renewed), from a file of whatever program.

Laws: the same row again changes nothing; a row that cannot be used is set aside with its reason, and the others are
taken; each chunk is one short transaction (RELIABILITY I12). added + known + invalid = rows, always.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from ..address import address_key, canonical_address
from ..audience.places import fold
from ..audience.values import clean, one_line, read_instant
from ..errors import InputError
from ..store.customers import customer_ids_by_key
from ..store.goals import add_goals, known_goals, mails_before
from ..workdays import zone_or
from .rejects import Rejects
from .sheet import Reading, open_sheet
from .workspace import Workspace

CHUNK = 250
FIELDS = {
    "email": "email, e-mail, mail, address, email_address, e_mail, customer, customer_email",
    "goal": "goal, event, conversion, name, type, action, ziel",
    "at": "at, date, time, datetime, timestamp, when, created_at, ordered_at, order_date, datum, zeit",
    "value": "value, amount, revenue, total, price, wert, betrag, umsatz",
    "id": "id, order, order_id, transaction, transaction_id, event_id, external_id, bestellnummer",
}
_FIELD_BY_HEADING = {fold(name): field for field, names in FIELDS.items() for name in names.split(", ")}
LINES = (".jsonl", ".ndjson", ".json")
LONGEST_NAME = 100
LARGEST = 1e12


@dataclass
class GoalImport:
    """What an import did, or in a dry run would do. `attributed`: of those added, how many count for a newsletter."""

    file: str
    dry_run: bool
    rows: int = 0
    added: int = 0
    known: int = 0
    invalid: int = 0
    attributed: int = 0
    rejects: Path | None = None
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Row:
    """One row of a file: its number, its cells as they were read, and what they are called; `fault`: cannot be read."""

    number: int
    cells: list[str]
    values: dict[str, str]
    fault: str = ""


@dataclass(frozen=True)
class _Read:
    """A good row."""

    row: _Row
    key: str
    address: str
    name: str
    at: datetime
    value: float | None


def import_goals(
    workspace: Workspace,
    file: Path,
    *,
    goal: str = "",
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _rows: None,
) -> GoalImport:
    """Take the goals of a CSV or JSON-lines file. `goal`: what rows without a name of their own are.

    Raises InputError with a remedy where the file cannot be read as such.
    """
    result = GoalImport(file.name, dry_run)
    headings, delimiter, rows = _json_rows(file) if file.suffix.lower() in LINES else _csv_rows(file)
    rejects = Rejects(file, [file.parent, workspace.root], headings, delimiter, not dry_run)
    with closing(rejects):
        while chunk := list(islice(rows, CHUNK)):
            _take(workspace, chunk, goal, result, rejects)
            progress(len(chunk))
    result.rejects = rejects.path
    return result


def _take(workspace: Workspace, chunk: list[_Row], goal: str, result: GoalImport, rejects: Rejects) -> None:
    result.rows += len(chunk)
    read: dict[str, _Read] = {}

    def refuse(row: _Row, why: str) -> None:
        result.invalid += 1
        result.reasons[why] += 1
        rejects.add(row.number, why, row.cells)

    for row in chunk:
        try:
            found = _read(workspace, row, goal)
        except InputError as wrong:
            refuse(row, wrong.message)
            continue
        result.known += found.key in read
        read.setdefault(found.key, found)
    with workspace.database.read() as session:
        people = customer_ids_by_key(session, [one.address for one in read.values()])
        kept = known_goals(session, read)
        fresh = [one for one in read.values() if one.key not in kept and one.address in people]
        within = timedelta(days=workspace.settings.plan.goal_days)
        mails = mails_before(session, [(people[one.address], one.at) for one in fresh], within)
    result.known += len(kept)
    for one in read.values():
        if one.key not in kept and one.address not in people:
            refuse(one.row, "no customer has this address")
    result.added += len(fresh)
    result.attributed += sum((people[one.address], one.at) in mails for one in fresh)
    if result.dry_run:
        return
    with workspace.database.write() as session:
        there = known_goals(session, [one.key for one in fresh])
        add_goals(
            session,
            [
                {
                    "key": one.key,
                    "customer_id": people[one.address],
                    "delivery_id": mails.get((people[one.address], one.at)),
                    "name": one.name,
                    "at": one.at,
                    "value": one.value,
                    "file": result.file,
                    "row": one.row.number,
                }
                for one in fresh
                if one.key not in there
            ],
        )


def _read(workspace: Workspace, row: _Row, goal: str) -> _Read:
    """A row's meaning. Raises InputError with words that are the same for all rows with this fault."""
    if row.fault:
        raise InputError(row.fault)
    cells = {name: clean(value) for name, value in row.values.items()}
    if not cells.get("email"):
        raise InputError("there is no e-mail address")
    try:
        address = address_key(workspace.keys, canonical_address(cells["email"]))
    except InputError:
        raise InputError("this is no e-mail address") from None
    name = one_line(cells.get("goal") or goal)[:LONGEST_NAME]
    if not name:
        raise InputError("there is no goal: name it in a column, or for all rows with --goal")
    at = _instant(workspace, cells.get("at", ""))
    own = cells.get("id", "")
    value = _value(cells.get("value", ""))
    said = ["id", name, own] if own else [address, name, at.isoformat(), value]
    key = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:40]
    return _Read(row, key, address, name, at, value)


def _instant(workspace: Workspace, text: str) -> datetime:
    if not text:
        raise InputError("there is no date")
    at = read_instant(text)
    if at is None:
        raise InputError("the date cannot be read: write it like 2026-12-01 14:30")
    if "+" not in text[10:] and "-" not in text[10:] and not text.upper().endswith(("Z", "UTC", "GMT")):
        at = at.replace(tzinfo=zone_or(workspace.settings.identity.zone, "UTC")).astimezone(UTC)
    if at > workspace.clock() + timedelta(minutes=5):
        raise InputError("the date lies in the future")
    return at


def _value(text: str) -> float | None:
    if not text:
        return None
    plain = text.replace("\u00a0", "").replace(" ", "").replace("'", "")
    if "," in plain and "." in plain:
        plain = plain.replace("." if plain.rfind(",") > plain.rfind(".") else ",", "")
    try:
        value = float(plain.replace(",", "."))
    except ValueError:
        raise InputError("the value is no number") from None
    if not abs(value) < LARGEST:
        raise InputError("the value is no number")
    return value


def _csv_rows(file: Path) -> tuple[list[str], str, Iterator[_Row]]:
    sheet = open_sheet(file, Reading(recognise=False))
    names = [_FIELD_BY_HEADING.get(fold(heading), "") for heading in sheet.columns.headings]
    place = sheet.columns.place("address")
    if "email" not in names and place is not None:
        names[place] = "email"
    if "at" not in names:
        remedy = f"Name it at, date or timestamp. The headings are: {', '.join(sheet.columns.headings[:30])}."
        raise InputError("no column holds dates", file=file, line=1, remedy=remedy)

    def rows() -> Iterator[_Row]:
        for record in sheet.records():
            values: dict[str, str] = {}
            for name, cell in zip(names, record.cells, strict=False):
                if name and cell.strip():
                    values.setdefault(name, cell)
            yield _Row(record.row, record.cells, values, record.fault)

    return list(sheet.columns.headings), sheet.delimiter, rows()


def _json_rows(file: Path) -> tuple[list[str], str, Iterator[_Row]]:
    try:
        text = file.open(encoding="utf-8-sig", errors="replace")
    except OSError as wrong:
        raise InputError(
            f"the file cannot be read: {wrong.strerror or wrong}", file=file, remedy="Check its name and permissions."
        ) from wrong

    def rows() -> Iterator[_Row]:
        with text:
            for number, line in enumerate(text, 1):
                if line.strip():
                    yield _json_row(number, line.strip())

    return ["line"], ",", rows()


def _json_row(number: int, line: str) -> _Row:
    try:
        said: Any = json.loads(line)
    except (ValueError, RecursionError):
        return _Row(number, [line[:10_000]], {}, "this line is no JSON")
    if not isinstance(said, dict):
        return _Row(number, [line[:10_000]], {}, "this line is no JSON object")
    values: dict[str, str] = {}
    for heading, value in said.items():
        name = _FIELD_BY_HEADING.get(fold(str(heading)))
        if name and isinstance(value, str | int | float) and not isinstance(value, bool):
            values.setdefault(name, str(value).encode("utf-8", "replace").decode())
    return _Row(number, [line[:10_000]], values)
