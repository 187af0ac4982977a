"""A workspace: its folder, settings, keys, database and clock, opened once and handed on by argument."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlmodel import Session

from ..address import KeyRing, canonical_address, read_key_ring
from ..errors import NeedsPerson, SettingsError
from ..records import WorkspaceRow
from ..settings import Settings, load_settings
from ..store.database import Database, open_database
from ..store.migrate import check_revision
from ..workdays import Clock, WorkingHours, utc_now, zone_or
from .epoch import EPOCH, Mark, read_mark, write_mark

__all__ = [
    "EPOCH",
    "KEYS",
    "Workspace",
    "accept_database",
    "check_may_send",
    "new_epoch",
    "open_workspace",
    "workspace_row",
]

KEYS = "outreach.keys"


@dataclass(frozen=True)
class Workspace:
    """What every piece of work needs. `root` is absolute."""

    root: Path
    settings: Settings
    keys: KeyRing
    database: Database
    clock: Clock = utc_now

    @cached_property
    def sender_domain(self) -> str:
        """The domain of the identity's sender, for Message-IDs and List-Ids."""
        return canonical_address(self.settings.identity.sender).rpartition("@")[2]

    @cached_property
    def reply_address(self) -> str:
        """Where answers go, before a token is added."""
        return canonical_address(self.settings.replies.address or self.settings.identity.sender)

    @cached_property
    def bounce_address(self) -> str:
        """The reverse-path, before a token is added."""
        return canonical_address(self.settings.replies.bounces or self.reply_address)

    @property
    def working_hours(self) -> WorkingHours:
        """Business hours in the workspace's zone."""
        hours = self.settings.hours
        zone = zone_or(self.settings.identity.zone, "UTC")
        return WorkingHours(zone, hours.start, hours.end, hours.days, hours.holidays, hours.extra_holidays)


def open_workspace(root: Path, clock: Clock = utc_now) -> Workspace:
    """Open the workspace at `root`. Raises SettingsError or DatabaseError with a remedy."""
    root = root.resolve()
    settings = load_settings(root)
    keys = read_key_ring(root / KEYS)
    database = open_database(settings.database, root)
    check_revision(database)
    return Workspace(root, settings, keys, database, clock)


def new_epoch() -> str:
    """A fresh mark that ties a database to the folder that it lives in."""
    return secrets.token_hex(16)


def workspace_row(session: Session) -> WorkspaceRow:
    """The workspace's own row."""
    row = session.get(WorkspaceRow, 1)
    if row is None:
        raise SettingsError("the database belongs to no workspace", remedy="Run `outreach init` here.")
    return row


def accept_database(workspace: Workspace) -> None:
    """A person has looked: this database is the one to go on with. A later restore is noticed again."""
    epoch = new_epoch()
    with workspace.database.write() as session:
        row = workspace_row(session)
        row.epoch = epoch
        row.version += 1
        session.add(row)
        mark = Mark(epoch, row.turn)
    write_mark(workspace.root, mark)


def check_may_send(workspace: Workspace) -> None:
    """Raise NeedsPerson while everything is paused or the database is not the one that sent last (I10)."""
    mark = read_mark(workspace.root)  # before the row: others raise both meanwhile
    with workspace.database.read() as session:
        row = workspace_row(session)
    if row.paused_at is not None:
        words = f"all sending is paused since {row.paused_at:%Y-%m-%d %H:%M} UTC: {row.pause_reason}"
        raise NeedsPerson(words, remedy="Let it go on with `outreach resume`.")
    if mark is None or not mark.covers(row):
        raise NeedsPerson(
            "this database is not the one that sent last: it looks like a restored backup",
            remedy="Mail sent after it would go out again. Check, then run `outreach doctor --accept-database`.",
        )
