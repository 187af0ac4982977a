"""What came in by other ways than a mailbox: a call or a letter that a person took down, a row of a file, a form.

Law: each becomes an Inbound like any mail, with what was told kept as its raw bytes; the same thing told twice is one
message. What a row says of an e-mail becomes a mail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from ..errors import InputError
from ..records import Channel
from ..replies.rows import RowFault, Told, read_moment, read_row, whole
from ..workdays import zone_or
from .take import inbound_values, take_all, told_bytes
from .workspace import Workspace


def log_message(
    workspace: Workspace,
    channel: Channel,
    told: Mapping[str, Any],
    *,
    at: datetime | None = None,
    mailbox: str = "log",
    place: str = "",
    identity: bytes = b"",
) -> int | None:
    """Keep what a person took down; its id, or None where just this is here already.

    Raises InputError where there is nothing to keep, or a number, reach or instant is none.
    """
    now = workspace.clock()
    when = at or now
    row = {name: str(value) for name, value in told.items() if value not in (None, "")} | {"at": when.isoformat()}
    try:
        read = read_row(row, now=now, zone=UTC, channel=channel)
    except RowFault as wrong:
        remedy = "Say what was said: --text “…”." if "no text" in str(wrong) else ""
        raise InputError(str(wrong), remedy=remedy) from None
    said: dict[str, str] = {name: row[name] for name in ("phone", "handle") if name in row}
    values = told_values(workspace, read, when, mailbox, place, identity=identity, more=said)
    return take_all(workspace, [values])[0]


def told_values(
    workspace: Workspace,
    told: Told,
    at: datetime,
    mailbox: str,
    place: str,
    *,
    identity: bytes = b"",
    more: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The columns of an Inbound for what was told. `more`: what else stood in the row; it is kept in the raw bytes."""
    place = place.encode("utf-8", "replace").decode()
    if told.channel is Channel.EMAIL:
        raw = _as_mail(told, at)
        return inbound_values(workspace, raw, told.channel, mailbox, place, at, identity=identity)
    values = {one.name: getattr(told, one.name) for one in fields(told) if getattr(told, one.name)}
    values |= {"from": values.pop("sender", ""), "at": at.isoformat(), "place": place}
    raw = told_bytes(values | ({"more": {whole(name): whole(cell) for name, cell in more.items()}} if more else {}))
    columns = {name: getattr(told, name) for name in ("handle", "network", "phone", "link", "reach", "repost_of")}
    return inbound_values(workspace, raw, told.channel, mailbox, place, at, identity=identity) | columns


def read_when(text: str, workspace: Workspace) -> datetime:
    """An instant as a person writes it; without an offset in the workspace's zone. Raises InputError."""
    try:
        return read_moment(text, zone_or(workspace.settings.identity.zone, "UTC"))
    except RowFault as wrong:
        raise InputError(str(wrong), remedy="Write it like 2026-12-01 14:30.") from None


def _as_mail(told: Told, at: datetime) -> bytes:
    """A mail that somebody exported as a row, as a mail again: without the headers that the export has lost."""
    mail = EmailMessage(policy=SMTP)
    name = " ".join(told.name.replace('"', " ").split())
    mail["From"] = f'"{name}" <{_one_word(told.sender)}>' if name else _one_word(told.sender) or "unknown"
    mail["Subject"] = " ".join(told.subject.split())
    mail["Date"] = at
    if told.id.startswith("<") and told.id.endswith(">"):
        mail["Message-ID"] = _one_word(told.id)
    mail.set_content(told.text)
    return mail.as_bytes()


def _one_word(text: str) -> str:
    return "".join(text.split())
