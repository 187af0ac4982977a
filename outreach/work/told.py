"""What came in by other ways than a mailbox: a call or a letter that a person took down, and files of messages.

Law: each becomes an Inbound like any mail, raw kept; the same row of the same file twice is one message. A row that
cannot be used is told with its place, and the others are taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..audience.csv_text import guess_wide, read_records, refuse_other_kinds
from ..contacts import read_phone, split_handle
from ..errors import InputError, MailboxError
from ..records import Channel
from ..replies.mime import guess_text
from ..settings import MailboxSettings
from ..wire.mailbox import open_mailbox
from ..workdays import zone_or
from .collect import take_in, told_bytes
from .workspace import Workspace

FIELDS: dict[str, str] = {
    "channel": "channel, source, kanal, type",
    "at": "at, date, time, datetime, timestamp, created, created_at, received, received_at, datum",
    "from": "from, email, e-mail, mail, sender, address, author_email, e-mail-adresse, absender",
    "name": "name, author, from_name, customer_name, author_name",
    "customer": "customer, customer_email, kunde",
    "handle": "handle, user, username, screen_name, account",
    "phone": "phone, telephone, number, caller, telefon",
    "subject": "subject, title, betreff",
    "text": "text, message, body, content, comment, note, nachricht, mitteilung",
    "link": "link, url, permalink",
    "reach": "reach, followers, views",
    "id": "id, message_id, external_id, ticket",
}
_FIELD_BY_HEADING = {name.strip(): field for field, names in FIELDS.items() for name in names.split(",")}
_KINDS = {".eml": "mail", ".csv": "csv", ".tsv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json"}


@dataclass
class FileCounts:
    """What a file brought. `faults`: (row or line, why) of what could not be taken."""

    file: str
    found: int = 0
    stored: int = 0
    known: int = 0
    faults: list[tuple[int, str]] = field(default_factory=list)


def log_message(
    workspace: Workspace,
    channel: Channel,
    told: Mapping[str, Any],
    *,
    at: datetime | None = None,
    mailbox: str = "log",
    place: str = "",
) -> int | None:
    """Keep what a person took down; its id, or None where just this is here already.

    Raises InputError where there is nothing to keep, or the number or reach is none.
    """
    values = {name: _whole(str(value)).strip() for name, value in told.items() if value not in (None, "")}
    place = _whole(place)
    if not values.get("text"):
        raise InputError("there is no text", remedy="Say what was said: --text “…”.")
    phone = read_phone(values["phone"]) if "phone" in values else ""
    if phone is None:
        raise InputError(f"{values['phone']!r} is no phone number")
    reach = values.get("reach", "0")
    if not (reach.isascii() and reach.isdigit() and len(reach) < 12):
        raise InputError(f"reach: {reach!r} is no number")
    when = at or workspace.clock()
    if when > workspace.clock() + timedelta(minutes=5):
        raise InputError(f"{when:%Y-%m-%d %H:%M} UTC lies in the future")
    raw = told_bytes({**values, "channel": channel.value, "at": when.isoformat(), "place": place})
    network, handle = split_handle(values.get("handle", ""), values.get("network", ""), values.get("link", ""))
    columns = {
        "handle": handle,
        "network": network,
        "phone": phone,
        "link": values.get("link", "")[:2000],
        "reach": int(reach),
    }
    return take_in(workspace, raw, channel=channel, mailbox=mailbox, place=place, received_at=when, fields=columns)


def import_file(workspace: Workspace, path: Path, tick: Callable[[], None] = lambda: None) -> FileCounts:
    """Take the messages of a .eml, an mbox, a CSV or a JSON-lines file, or of a folder of .eml files.

    They are stored, not yet read. Raises InputError where the file is none of these.
    """
    counts = FileCounts(str(path))
    if path.is_dir():
        for mail in sorted(path.glob("*.eml")):
            _take_mail(workspace, mail, counts, tick)
        if not counts.found:
            raise InputError("the folder holds no .eml files", file=path)
        return counts
    kind = _kind_of(path)
    if kind == "mail":
        _take_mail(workspace, path, counts, tick)
    elif kind == "mbox":
        _take_mbox(workspace, path, counts, tick)
    else:
        rows = _csv_rows(path) if kind == "csv" else _json_rows(path)
        for number, row in rows:
            counts.found += 1
            try:
                if isinstance(row, str):
                    raise InputError(row)
                stored = _take_row(workspace, path, number, row)
                counts.stored += stored is not None
                counts.known += stored is None
            except InputError as wrong:
                counts.faults.append((number, wrong.message))
            tick()
    return counts


def read_when(text: str, workspace: Workspace) -> datetime:
    """An instant as a person writes it: ISO 8601; without an offset in the workspace's zone. Raises InputError."""
    try:
        when = datetime.fromisoformat(text.strip())
        if when.tzinfo is None:
            when = when.replace(tzinfo=zone_or(workspace.settings.identity.zone, "UTC"))
        return when.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(f"{text!r} is no date and time", remedy="Write it like 2026-12-01 14:30.") from None


def _whole(text: str) -> str:
    """`text` without what no file or database can hold: halves of characters (JSON, argv, file names), and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "�")


def _kind_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as wrong:
        raise InputError(f"cannot be read: {wrong.strerror}", file=path) from wrong
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


def _take_mail(workspace: Workspace, path: Path, counts: FileCounts, tick: Callable[[], None]) -> None:
    limit = workspace.settings.replies.max_bytes
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as wrong:
        raise InputError(f"cannot be read: {wrong.strerror}", file=path) from wrong
    counts.found += 1
    stored = take_in(workspace, raw, mailbox="import", place=_whole(path.name))
    counts.stored += stored is not None
    counts.known += stored is None
    tick()


def _take_mbox(workspace: Workspace, path: Path, counts: FileCounts, tick: Callable[[], None]) -> None:
    box = MailboxSettings(name="import", kind="mbox", path=str(path.resolve()))
    limit = workspace.settings.replies.max_bytes
    try:
        with open_mailbox(box, workspace.root, {}, max_bytes=limit) as mailbox:
            for fetched in mailbox.fetch():
                counts.found += 1
                place = _whole(f"{path.name}: {fetched.place}")
                at = fetched.received_at
                stored = take_in(workspace, fetched.raw, mailbox="import", place=place, received_at=at, cut=fetched.cut)
                counts.stored += stored is not None
                counts.known += stored is None
                tick()
    except MailboxError as wrong:
        raise InputError(wrong.message, file=path, remedy=wrong.remedy) from wrong


def _take_row(workspace: Workspace, path: Path, number: int, row: Mapping[str, Any]) -> int | None:
    said = str(row.get("channel") or "").strip().lower()
    if not said:
        said = "mention" if row.get("handle") else "phone" if row.get("phone") else "form"
    try:
        channel = Channel({"e-mail": "email", "mail": "email", "call": "phone", "tweet": "mention"}.get(said, said))
    except ValueError:
        raise InputError(f"{said!r} is no channel; there are {', '.join(Channel)}") from None
    if channel is Channel.EMAIL:
        channel = Channel.FORM
    at = read_when(str(row["at"]), workspace) if row.get("at") else None
    place = f"{path.name}: {row.get('id') or f'row {number}'}"
    told = {name: value for name, value in row.items() if name not in ("channel", "at")}
    if at is None:
        at = datetime.fromtimestamp(int(path.stat().st_mtime), UTC)
    return log_message(workspace, channel, told, at=at, mailbox="import", place=place)


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    data = path.read_bytes()
    refuse_other_kinds(data[:4096], file=str(path))
    wide = guess_wide(data[:4096])
    text = data.decode(wide, "replace") if wide else guess_text(data)
    lines = text.lstrip("\ufeff").splitlines(keepends=True)
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(",;\t|", key=first.count)
    names: list[str] = []
    for record in read_records(lines, delimiter):
        if not names and any(record.cells):
            names = [_field(cell) for cell in record.cells]
            if "text" not in names:
                raise InputError(
                    "no column holds the text",
                    file=path,
                    line=1,
                    remedy="Call it text, message or body. Others: " + ", ".join(FIELDS) + ".",
                )
        elif record.fault:
            yield record.row, record.fault
        elif any(record.cells):
            yield record.row, dict(zip(names, record.cells, strict=False))


def _json_rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    text = guess_text(path.read_bytes()).lstrip("\ufeff")
    if text.lstrip().startswith("["):
        try:
            yield from ((number, _named(row)) for number, row in enumerate(json.loads(text), 1))
        except (ValueError, RecursionError) as wrong:
            raise InputError(f"not valid JSON: {wrong}", file=path) from None
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield number, _named(json.loads(line))
            except (ValueError, RecursionError) as wrong:
                yield number, f"not valid JSON: {wrong}"


def _named(row: Any) -> dict[str, Any] | str:
    if not isinstance(row, dict):
        return "not an object with named values"
    return {_field(str(name)): value for name, value in row.items() if isinstance(value, str | int | float)}


def _field(heading: str) -> str:
    plain = heading.strip().lower().replace(" ", "_")
    return _FIELD_BY_HEADING.get(plain, plain)
