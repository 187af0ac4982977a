"""`replies import`: files of messages, whatever program wrote them: mails, mboxes, CSV and JSON lines.

Law: good rows are taken and bad ones set aside with number and reason; a few hundred are one short transaction
(RELIABILITY I12), so a killed import is simply run again: what is here already is known by its id, or by what it
says, in whichever row it stands. A dry run reads all and writes nothing.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import InputError, MailboxError
from ..records import Channel
from ..replies.rows import RowFault, check_mapping, is_text_heading, name_values, read_columns, read_row
from ..settings import MailboxSettings
from ..store.replies import known_hashes
from ..wire.mailbox import open_mailbox
from ..workdays import zone_or
from .rejects import LineRejects, Rejects
from .sheet import open_lines, open_rows
from .take import inbound_values, take_all
from .told import told_values
from .workspace import Workspace

BATCH = 200
MOST_FAULTS = 1_000
MOST_JSON = 100_000_000
_KINDS = {".eml": "mail", ".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json"}
Tick = Callable[[int, int], None]
"""Told now and then: rows or mails done, and in all (0: unknown)."""


@dataclass
class FileCounts:
    """What a file brought, or in a dry run would bring. `faults`: (row or line, why) of the first thousand refused."""

    file: str
    dry_run: bool = False
    found: int = 0
    stored: int = 0
    known: int = 0
    invalid: int = 0
    columns: dict[str, str] = field(default_factory=dict)
    rejects: str = ""
    faults: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Wishes:
    """How a file is to be read. `rejects`: folders where refused rows may be kept; without any beside the file."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    channel: Channel | None = None
    dry_run: bool = False
    rejects: Sequence[Path] = ()


class _Row(NamedTuple):
    """A row by its fields, what else stood in it, and its cells as they were read; or why it cannot be read."""

    number: int
    values: dict[str, str]
    more: dict[str, str]
    cells: list[str]
    fault: str = ""


def import_file(
    workspace: Workspace, path: Path, wishes: Wishes | None = None, tick: Tick = lambda done, whole: None
) -> FileCounts:
    """Take the messages of a .eml, an mbox, a CSV or a JSON-lines file, or of a folder of .eml files.

    They are stored, not yet read. Raises InputError where the file is none of these or holds no text, UsageError where
    the mapping is wrong.
    """
    wishes = wishes or Wishes()
    counts = FileCounts(str(path), wishes.dry_run)
    intake = _Intake(workspace, counts, tick)
    kind = "folder" if path.is_dir() else _kind_of(path)
    if kind == "folder":
        files = sorted(path.glob("*.eml"))
        if not files:
            raise InputError("the folder holds no .eml files", file=path)
        for mail in files:
            _take_mail(workspace, mail, intake)
    elif kind == "mail":
        _take_mail(workspace, path, intake)
    elif kind == "mbox":
        _take_mbox(workspace, path, intake)
    else:
        _take_rows(workspace, path, kind, wishes, intake)
    intake.flush()
    return counts


class _Intake:
    """Collects what is to be stored and writes it a batch at a time."""

    def __init__(self, workspace: Workspace, counts: FileCounts, tick: Tick) -> None:
        self.workspace, self.counts, self.whole = workspace, counts, 0
        self._tick, self._batch, self._bytes = tick, list[dict[str, Any]](), 0
        self._seen: set[str] = set()

    def take(self, values: dict[str, Any]) -> None:
        self._batch.append(values)
        self._bytes += len(values["raw"])
        if len(self._batch) >= BATCH or self._bytes > 4_000_000:
            self.flush()

    def flush(self) -> None:
        counts = self.counts
        if counts.dry_run:
            hashes = [one["content_hash"] for one in self._batch]
            with self.workspace.database.read() as session:
                known = known_hashes(session, hashes)
            for one in hashes:
                here = one in known or one in self._seen
                counts.known, counts.stored = counts.known + here, counts.stored + (not here)
            self._seen.update(hashes)
        elif self._batch:
            for stored in take_all(self.workspace, self._batch):
                counts.known, counts.stored = counts.known + (stored is None), counts.stored + (stored is not None)
        self._batch, self._bytes = [], 0
        self._tick(counts.found, self.whole)

    def refuse(self, number: int, reason: str) -> None:
        self.counts.invalid += 1
        if len(self.counts.faults) < MOST_FAULTS:
            self.counts.faults.append((number, reason))


def _kind_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as wrong:
        raise InputError(f"cannot be read: {wrong.strerror}", file=path, remedy="Check its name and rights.") from wrong
    if head.startswith(b"From "):
        return "mbox"
    kind = _KINDS.get(path.suffix.lower())
    if kind is None and re.match(rb"[!-9;-~]+:[ \t]", head):
        return "mail"
    if kind is None and head.lstrip()[:1] == b"{":
        return "json"
    if kind is None:
        raise InputError(
            "this is no mail, mbox, CSV or JSON-lines file",
            file=path,
            remedy="Name it .eml, .mbox, .csv or .jsonl, and look whether it holds that.",
        )
    return kind


def _take_mail(workspace: Workspace, path: Path, intake: _Intake) -> None:
    limit = workspace.settings.replies.max_bytes
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as wrong:
        raise InputError(f"cannot be read: {wrong.strerror}", file=path) from wrong
    intake.counts.found += 1
    intake.take(inbound_values(workspace, raw, Channel.EMAIL, "import", _named(path), None))


def _take_mbox(workspace: Workspace, path: Path, intake: _Intake) -> None:
    box = MailboxSettings(name="import", kind="mbox", path=str(path.resolve()))
    limit = workspace.settings.replies.max_bytes
    try:
        with open_mailbox(box, workspace.root, {}, max_bytes=limit) as mailbox:
            for one in mailbox.fetch():
                intake.counts.found += 1
                place = f"{_named(path)}: {one.place}"
                at, cut = one.received_at, one.cut
                intake.take(inbound_values(workspace, one.raw, Channel.EMAIL, "import", place, at, cut=cut))
    except MailboxError as wrong:
        raise InputError(wrong.message, file=path, remedy=wrong.remedy) from wrong


def _take_rows(workspace: Workspace, path: Path, kind: str, wishes: Wishes, intake: _Intake) -> None:
    now, zone = workspace.clock(), zone_or(workspace.settings.identity.zone, "UTC")
    written = min(datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(microsecond=0), now)
    alike: Counter[bytes] = Counter()
    intake.whole = _lines_in(path)
    folders = [*wishes.rejects] or [path.parent, workspace.root]
    rows, rejects = (_csv if kind == "csv" else _json)(path, wishes, folders, intake.counts)
    with closing(rejects):
        for row in rows:
            intake.counts.found += 1
            try:
                if row.fault:
                    raise RowFault(row.fault)
                told = read_row(row.values, now=now, zone=zone, channel=wishes.channel)
            except RowFault as wrong:
                intake.refuse(row.number, str(wrong))
                rejects.add(row.number, str(wrong), row.cells)
                continue
            same = told.identity(_named(path))
            alike[same] += 1
            identity = told.identity(_named(path), alike[same] - 1)
            place = f"{_named(path)}: {told.id or f'row {row.number}'}"
            at = told.at or written
            intake.take(told_values(workspace, told, at, "import", place, identity=identity, more=row.more))
        intake.counts.rejects = str(rejects.path or "")


def _csv(path: Path, wishes: Wishes, folders: list[Path], counts: FileCounts) -> tuple[Iterator[_Row], Rejects]:
    mapped = {heading.casefold().strip() for heading, field in wishes.mapping.items() if field == "text"}
    try:
        sheet = open_rows(path, lambda head: is_text_heading(head) or head.casefold().strip() in mapped)
    except InputError as wrong:
        remedy = "Save it as CSV (UTF-8) with a row of headings, one of them text."
        raise InputError(wrong.message, file=path, remedy=remedy) from None
    records = sheet.records()
    first = next(records, None)
    if first is None or first.fault:
        why = f"the headings cannot be read: {first.fault}" if first is not None else "the file has no rows"
        raise InputError(why, file=path, line=1, remedy="It needs a row of headings, one of them text.")
    columns = read_columns(first.cells, wishes.mapping, file=str(path))
    counts.columns = {
        head: name for head, name in zip(first.cells, columns, strict=True) if not name.startswith((".", "-"))
    }

    def rows() -> Iterator[_Row]:
        for record in records:
            named = dict(zip(columns, record.cells, strict=False))
            more = {name[1:]: cell for name, cell in named.items() if name.startswith(".") and cell.strip()}
            yield _Row(
                record.row, {k: v for k, v in named.items() if k[0] not in ".-"}, more, record.cells, record.fault
            )

    return rows(), Rejects(path, folders, first.cells, sheet.delimiter, not wishes.dry_run)


def _json(path: Path, wishes: Wishes, folders: list[Path], counts: FileCounts) -> tuple[Iterator[_Row], Rejects]:
    wanted = check_mapping(wishes.mapping)

    def named(number: int, value: Any, line: str) -> _Row:
        if not isinstance(value, dict):
            return _Row(number, {}, {}, [line], "not an object with named values")
        values, more = name_values(value, wanted)
        counts.columns.update((name, name) for name in values)
        return _Row(number, values, more, [line])

    return _json_rows(path, named), LineRejects(path, folders, not wishes.dry_run)


def _json_rows(path: Path, named: Callable[[int, Any, str], _Row]) -> Iterator[_Row]:
    first = True
    for number, line in open_lines(path):
        if first and line.strip("\ufeff \t\r\n"):
            first = False
            if line.lstrip("\ufeff \t").startswith("["):
                yield from (named(at, one, json.dumps(one)) for at, one in enumerate(_whole_list(path), 1))
                return
        if not line.strip("\ufeff \t\r\n"):
            continue
        try:
            yield named(number, json.loads(line.lstrip("\ufeff")), line)
        except (ValueError, RecursionError) as wrong:
            yield _Row(number, {}, {}, [line], f"not valid JSON: {wrong}")


def _whole_list(path: Path) -> list[Any]:
    if path.stat().st_size > MOST_JSON:
        raise InputError(
            "a JSON list of more than 100 MB", file=path, remedy="Save it as JSON lines: one object a line."
        )
    try:
        value = json.loads("".join(line for _, line in open_lines(path)).lstrip("\ufeff"))
    except (ValueError, RecursionError) as wrong:
        raise InputError(f"not valid JSON: {wrong}", file=path) from None
    return value if isinstance(value, list) else [value]


def _lines_in(path: Path) -> int:
    with path.open("rb") as file:
        return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))


def _named(path: Path) -> str:
    return path.name.encode("utf-8", "replace").decode()
