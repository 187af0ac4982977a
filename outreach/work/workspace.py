"""A workspace: its folder, settings, keys, database and clock, opened once and handed on by argument."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlmodel import Session

from ..address import KeyRing, canonical_address, read_key_ring
from ..errors import NeedsPerson, SettingsError
from ..records import WorkspaceRow
from ..settings import Settings, load_settings
from ..store.database import Database, open_database
from ..store.lanes import turns_of
from ..store.migrate import check_revision
from ..store.server_clock import ServerClock
from ..store.sqlite import lock_file
from ..store.standing import hold_back_intents
from ..workdays import Clock, WorkingHours, utc_now, zone_or
from .epoch import EPOCH, Mark, catch_up, read_mark, write_mark
from .home import Home, home_at, read_home
from .steady import SteadyClock
from .stops import StopBook

__all__ = [
    "EPOCH",
    "KEYS",
    "Workspace",
    "accept_database",
    "check_may_send",
    "new_epoch",
    "open_workspace",
    "settle_home",
    "stop_book",
    "workspace_row",
]

KEYS = "outreach.keys"
RESTORED = "a machine saw that the database is older than what it sent"


@dataclass(frozen=True)
class Workspace:
    """What every piece of work needs. `root` is absolute."""

    root: Path
    settings: Settings
    keys: KeyRing
    database: Database
    clock: Clock = utc_now

    @cached_property
    def sender_address(self) -> str:
        """The address of the identity's sender."""
        return canonical_address(self.settings.identity.sender)

    @cached_property
    def sender_domain(self) -> str:
        """The domain of the identity's sender, for Message-IDs and List-Ids."""
        return self.sender_address.rpartition("@")[2]

    @cached_property
    def reply_address(self) -> str:
        """Where answers go, before a token is added."""
        return canonical_address(self.settings.replies.address or self.sender_address)

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


def open_workspace(root: Path, clock: Clock | None = None) -> Workspace:
    """Open the workspace at `root`. Raises SettingsError or DatabaseError with a remedy.

    Without a clock of the caller's it goes by this machine's, or on PostgreSQL by the server's: several machines then
    agree on what is due and whose lease has run out.
    """
    root = root.resolve()
    settings = load_settings(root)
    keys = read_key_ring(root / KEYS)
    database = open_database(settings.database, root)
    check_revision(database)
    if clock is None:
        clock = SteadyClock(utc_now if database.is_sqlite else ServerClock(database))
    workspace = Workspace(root, settings, keys, database, clock)
    database.on_noted = stop_book(workspace).keep
    return workspace


def stop_book(workspace: Workspace) -> StopBook:
    """What keeps this workspace's register of stops."""
    days = workspace.settings.retention.stops_days
    return StopBook(workspace.root, workspace.keys, workspace.database, workspace.clock, days)


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
    """A person has looked: this database is the one to go on with. A later restore is noticed again.

    On PostgreSQL the machine that noticed gives the database a new name and lets all go on that it had stopped; another
    machine, which only knows the old name, takes the new one over.
    """
    known, here = read_mark(workspace.root), _home_to_note(workspace)
    with workspace.database.write() as session:
        hold_back_intents(session)
        row = workspace_row(session)
        if workspace.database.is_sqlite or (known is not None and known.epoch == row.epoch):
            row.epoch = new_epoch()
        if row.pause_reason == RESTORED:
            row.paused_at, row.pause_reason = None, ""
        row.version += 1
        row.home = here  # with it: a copy made before it were noted would send, too
        session.add(row)
        mark = Mark(row.epoch, turns_of(session))
    write_mark(workspace.root, mark)


def looks_restored() -> NeedsPerson:
    """What is said while a restored backup waits for a person's go."""
    return NeedsPerson(
        "this database is not the one that sent last: it looks like a restored backup",
        remedy="Mail sent after it would go out again. Check, then run `outreach doctor --accept-database`.",
    )


def check_may_send(workspace: Workspace) -> None:
    """Raise NeedsPerson while everything is paused, or the database or folder is not the one that sent last (I10)."""
    mark = read_mark(workspace.root)  # before the row: others raise both meanwhile
    with workspace.database.read() as session:
        row = workspace_row(session)
        found = Mark(row.epoch, turns_of(session))
    restored = mark is None or not mark.covers(found)
    if mark is not None and not restored:
        catch_up(workspace.root, mark, found)
    elif mark is not None and mark.epoch == row.epoch and not workspace.database.is_sqlite:
        _stop_all(workspace)
    if row.paused_at is not None and row.pause_reason != RESTORED:
        words = f"all sending is paused since {row.paused_at:%Y-%m-%d %H:%M} UTC: {row.pause_reason}"
        raise NeedsPerson(words, remedy="Let it go on with `outreach resume`.")
    if restored or row.paused_at is not None:
        raise looks_restored()
    before, here = read_home(row.home), _home(workspace)
    if before is not None and here is not None and before.is_copied_to(here):
        raise NeedsPerson(
            f"this folder is a copy: it was {before.words()} that sent last",
            remedy="If both send, everybody gets each mail twice. Stop the other one for good, then run "
            "`outreach doctor --accept-database` here.",
        )


def settle_home(workspace: Workspace) -> None:
    """Whoever begins to send notes that this folder is where the workspace lives. Raises as `check_may_send`."""
    check_may_send(workspace)
    _note_home(workspace)


def _home(workspace: Workspace) -> Home | None:
    """On SQLite alone: machines that share PostgreSQL each have a folder."""
    path = workspace.database.path
    return None if path is None else home_at(workspace.root, lock_file(path))


def _home_to_note(workspace: Workspace) -> str:
    """The line of this home, whose file is there from now on; "" on PostgreSQL."""
    path = workspace.database.path
    if path is None:
        return ""
    with suppress(OSError):  # where nothing can be written the database says so; `touch` would change when it changed
        lock_file(path).open("a").close()
    return home_at(workspace.root, lock_file(path)).line()


def _note_home(workspace: Workspace) -> None:
    here = _home_to_note(workspace)
    with workspace.database.read() as session:
        if not here or workspace_row(session).home == here:
            return
    with workspace.database.write() as session:
        row = workspace_row(session)
        row.home = here
        session.add(row)


def _stop_all(workspace: Workspace) -> None:
    """This machine knows that the database is an older copy: the others, who sent less, may not see it."""
    with workspace.database.write() as session:
        hold_back_intents(session)
        row = workspace_row(session)
        if row.paused_at is None:
            row.paused_at, row.pause_reason = workspace.clock(), RESTORED
            row.version += 1
            session.add(row)
