"""Making a workspace, and bringing an older one up to date.

Law: nothing that exists is overwritten; an upgrade backs the database up first.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from ..address import KeyRing, new_key_ring, read_key_ring, write_key_ring
from ..errors import InputError, SettingsError, UsageError
from ..records import MailingList, WorkspaceRow
from ..settings import FILE, load_settings, starter_templates
from ..store.database import Database, open_database, told
from ..store.migrate import current_revision
from ..wire.maildir_file import make_maildir
from ..workdays import Clock, utc_now
from .epoch import Mark, write_mark
from .upgrade import upgrade
from .workspace import KEYS, new_epoch

SETTINGS_TEMPLATE = "outreach.toml"
DATABASE = "outreach.db"
FIRST_LIST = "customers"
PRIVATE = 0o600
"""Settings may hold a password, the database holds addresses: they are their owner's alone."""
DROPPED = "incoming"
"""The watched folder that the settings name at first."""
INBOX = "inbox"
"""The Maildir that the settings name at first: the catcher files in it what comes to us."""


@dataclass(frozen=True)
class Created:
    """What `create_workspace` did: files made, files left as they were, and a backup if the database was old."""

    root: Path
    made: tuple[str, ...]
    kept: tuple[str, ...]
    backup: Path | None = None


def create_workspace(root: Path, name: str, *, clock: Clock = utc_now, port: int = 2525, database: str = "") -> Created:
    """Make a workspace at `root`, or complete and upgrade the one that stands there.

    `port` is the built-in catcher's: until a real relay is set, nothing leaves this machine. `database` is written into
    new settings; a file of the workspace where it is empty.
    Raises InputError for a name that cannot be used, SettingsError and DatabaseError as opening does.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}", name):
        raise InputError(f"{name!r} cannot be a workspace's name", remedy="Use letters, digits, spaces, dots, - and _.")
    made: list[str] = []
    kept: list[str] = []
    if database:
        _check_database(root, database)
    try:
        root.mkdir(parents=True, exist_ok=True)
        _write_settings(root, name, port, database, made, kept)
        _copy_templates(root, made, kept)
    except OSError as wrong:
        raise SettingsError(
            f"{root} cannot be written: {wrong.strerror}", remedy="Choose a folder that you may write to."
        ) from wrong
    settings = load_settings(root)
    opened = open_database(settings.database, root)
    try:
        _keys(root, opened, made, kept)
        backup = _migrated(opened, root, made, kept)
        _first_rows(opened, root, name, clock)
    finally:
        opened.close()
    return Created(root, tuple(made), tuple(kept), backup)


def _check_database(root: Path, where: str) -> None:
    """Before anything is written: can it be reached, and do settings that stand here name the same one?"""
    if (root / FILE).exists() and load_settings(root).database != where:
        raise UsageError(
            f"{root / FILE} names another database", remedy="Change `database` there, and leave out --database."
        )
    if "://" in where:
        opened = open_database(where, root)
        with told(opened), opened.engine.connect() as connection:
            current_revision(connection)
        opened.close()


def _write_settings(root: Path, name: str, port: int, database: str, made: list[str], kept: list[str]) -> None:
    path = root / FILE
    if path.exists():
        kept.append(FILE)
        return
    source = starter_templates()
    text = (source / SETTINGS_TEMPLATE).read_text(encoding="utf-8")
    word = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "acme"
    filled = (
        text.replace("@@COMPANY@@", json.dumps(name[:1].upper() + name[1:], ensure_ascii=False)[1:-1])
        .replace("@@WORD@@", word)
        .replace("@@PORT@@", str(port))
    )
    if database:
        filled = filled.replace(f'database = "{DATABASE}"', f"database = {json.dumps(database)}")
    topics = (source / "topics.toml").read_text(encoding="utf-8")
    path.touch(PRIVATE)
    path.write_text(filled + "\n" + topics, encoding="utf-8")
    made.append(FILE)
    make_maildir(root / INBOX)
    (root / DROPPED).mkdir(exist_ok=True)
    made += [INBOX, DROPPED]


def _copy_templates(root: Path, made: list[str], kept: list[str]) -> None:
    source = starter_templates()
    for folder in ("layouts", "campaigns", "seminars", "sequences", "tips"):
        for file in sorted((source / folder).rglob("*")):
            if not file.is_file():
                continue
            target = root / "templates" / file.relative_to(source)
            if target.exists():
                kept.append(str(target.relative_to(root)))
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            made.append(str(target.relative_to(root)))


def _keys(root: Path, database: Database, made: list[str], kept: list[str]) -> KeyRing:
    """The workspace's keys; new ones only where no database stands that was written with others."""
    path = root / KEYS
    if path.exists():
        kept.append(KEYS)
        return read_key_ring(path)
    with told(database), database.engine.connect() as connection:
        if current_revision(connection) is not None:
            raise SettingsError(
                f"the key file {path} is missing, and {database.place} was written with it",
                remedy="Restore it from a backup. With new keys nobody who left or was blocked would be known again, "
                "and no link in a mail would work. To begin anew, move the database away first.",
            )
    ring = new_key_ring()
    write_key_ring(path, ring)
    made.append(KEYS)
    return ring


def _migrated(database: Database, root: Path, made: list[str], kept: list[str]) -> Path | None:
    name = database.path.name if database.path else database.place
    done = upgrade(database, root)
    if done.before is None and database.path is not None:
        database.path.chmod(PRIVATE)
    (made if done.changed else kept).append(name)
    return done.backup


def _first_rows(database: Database, root: Path, name: str, clock: Clock) -> None:
    with database.write() as session:
        if session.get(WorkspaceRow, 1) is not None:
            return
        epoch = new_epoch()
        now = clock()
        session.add(WorkspaceRow(name=name, epoch=epoch, created_at=now))
        session.add(MailingList(name=FIRST_LIST, title="Customers", created_at=now))
        write_mark(root, Mark(epoch))
