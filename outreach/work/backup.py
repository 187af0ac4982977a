"""A backup: the database, keys, settings, mark, registers, and what else cannot be made again.

Law: made while everything runs, checked before it gets its name, and its owner's alone: it holds addresses and secrets.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from .. import __version__
from ..address import KeyRing, read_key_ring
from ..errors import DatabaseError, InputError, OutreachError
from ..settings import FILE, Settings, load_settings
from ..store.backup import copy_database
from ..store.database import open_database
from ..store.migrate import HEAD, current_revision
from ..workdays import Clock, utc_now
from .archive import Manifest, read_archive, read_manifest, read_one, write_archive
from .epoch import EPOCH
from .erasures import REGISTER, note
from .erasures import read_register as read_erasures
from .stops import STOPS, StopBook, add_stops, each_stop, is_made_by, since_of
from .workspace import KEYS

FOLDER = "backups"
ERASED_END, STOPS_END = ".erased", ".stops"
"""How the copies of the registers beside the backups end."""
DATABASE, DUMP = "database.db", "database.dump"
TREES = ("dkim", "templates")
"""Folders that a backup holds whole: the signing keys, and what the marketer wrote."""
Report = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much."""


@dataclass(frozen=True)
class BackupMade:
    """A backup that was made and checked, and the older ones that were removed for it. `behind`: what cannot be written
    of the registers, in words; the copy of the database knows what they lack.
    """

    file: Path
    bytes: int
    files: int
    revision: str
    removed: tuple[Path, ...] = ()
    behind: str = ""


def back_up_workspace(
    root: Path, target: Path | None = None, *, keep: int = 0, clock: Clock = utc_now, report: Report | None = None
) -> BackupMade:
    """Back the workspace at `root` up to `target`: a file, a folder, or None for the workspace's own.

    With `keep`, a target that does not exist is a folder, unless it is called .tar.gz or .tgz, and of the backups of
    this workspace in that folder only the newest so many stay. Raises OutreachError; then nothing is left behind.
    """
    report = report or (lambda _what, _done, _total: None)
    root = root.resolve()
    settings = load_settings(root)
    read_key_ring(root / KEYS)
    file = _target(root, target, clock(), folder=keep > 0)
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        staging = Path(tempfile.mkdtemp(prefix=".backup-", dir=file.parent))
    except OSError as wrong:
        raise OutreachError(
            f"{file.parent} cannot be written: {wrong.strerror}",
            remedy="Name a file in a folder that you may write to.",
        ) from wrong
    try:
        made = _make(root, settings, file, staging, clock, report)
    except OSError as wrong:
        raise OutreachError(
            f"the backup {file} cannot be written: {wrong.strerror or wrong}",
            remedy="Make room, or name a file on another disk. Nothing was left behind.",
        ) from wrong
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    behind = made.behind
    try:
        _put_registers_beside(root, file.parent / _word(root))
    except DatabaseError as wrong:
        behind = behind or wrong.message
    return replace(made, removed=_rotate(file, root, keep) if keep else (), behind=behind)


def _make(root: Path, settings: Settings, file: Path, staging: Path, clock: Clock, report: Report) -> BackupMade:
    database = open_database(settings.database, root)
    with closing(database):
        with database.engine.connect() as connection:
            revision = current_revision(connection)
        if revision is None:
            raise OutreachError(f"{root} has no database yet", remedy="Run `outreach init` here.")
        name = DATABASE if database.is_sqlite else DUMP
        copy_database(database, staging / name, lambda done, total: report("copying", done, total))
        behind = ""
        if revision == HEAD:  # else an upgrade comes first: it backs up, too
            try:
                StopBook(root, read_key_ring(root / KEYS), database, clock, settings.retention.stops_days).follow()
            except DatabaseError as wrong:
                behind = wrong.message
    registers = [one for one in (REGISTER, STOPS) if (root / one).is_file()]
    files = {one: staging / "beside" / one for one in registers}  # first, where they are soon found
    files[name] = staging / name
    for beside, path in _beside(root, settings):  # copied first: some of them change while we pack
        files[beside] = staging / "beside" / beside
        files[beside].parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, files[beside])
    total = 3 * sum(path.stat().st_size for path in files.values())
    done = 0

    def advance(step: int) -> None:
        nonlocal done
        done += step
        report("packing", min(done, total), total)

    manifest = Manifest(
        workspace=root.name,
        made_at=clock().isoformat(timespec="seconds"),
        program=__version__,
        revision=revision,
        database=name,
        kind="sqlite" if database.is_sqlite else "postgresql",
    )
    size = write_archive(file, manifest, files, advance)
    try:
        read_archive(file, None, advance)
    except OutreachError:
        file.unlink(missing_ok=True)
        raise
    return BackupMade(file, size, len(files), revision, behind=behind)


def _beside(root: Path, settings: Settings) -> Iterator[tuple[str, Path]]:
    """What stands beside the database: settings, keys, mark, registers, folders, and the secrets that settings name."""
    for name in (FILE, KEYS, EPOCH, REGISTER, STOPS):
        if (root / name).is_file():
            yield name, root / name
    for tree in TREES:
        for path in sorted((root / tree).rglob("*")):
            if path.is_file() and path.resolve().is_relative_to(root):
                yield path.relative_to(root).as_posix(), path
    for name in sorted(_named_files(settings)):
        path = (root / name).resolve()
        known = path.parts[len(root.parts) : len(root.parts) + 1]
        if path.is_file() and path.is_relative_to(root) and known[0] not in TREES:
            yield path.relative_to(root).as_posix(), path


def _named_files(settings: Settings) -> set[str]:
    """Every password_file and ca_file of the settings."""
    parts = [*settings.all_relays, *settings.replies.mailboxes, settings.alerts.server]
    names = {getattr(part, kind) for part in parts for kind in ("password_file", "ca_file")}
    return {name for name in names if name and not name.startswith("~")}


def _put_registers_beside(root: Path, beside: Path) -> None:
    """Keep a copy of the registers beside the backups, so that the oldest of these still learns what came after it."""
    keys = read_key_ring(root / KEYS)
    erased, since = read_erasures(root / REGISTER, keys), since_of(root / STOPS, keys)
    if erased.entries:
        note(root, keys, erased.entries, beside.with_name(f"{beside.name}{ERASED_END}"))
    if since is not None:
        add_stops(beside.with_name(f"{beside.name}{STOPS_END}"), keys, since, each_stop(root / STOPS))


def _target(root: Path, target: Path | None, now: datetime, *, folder: bool) -> Path:
    """The file to make. With `folder` what does not exist and is not called as an archive is a folder to be made."""
    name = f"{_word(root)}-{now:%Y%m%dT%H%M%SZ}.tar.gz"
    if target is None:
        return root / FOLDER / name
    target = target.expanduser().absolute()
    if target.is_dir() or (folder and not target.exists() and not target.name.endswith((".tar.gz", ".tgz"))):
        return target / name
    if target.exists():
        raise InputError("exists already", file=target, remedy="Name a file that does not exist, or a folder.")
    return target


def _word(root: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", root.name).strip("-.") or "outreach"


def _rotate(file: Path, root: Path, keep: int) -> tuple[Path, ...]:
    """Remove the oldest backups of this workspace beside `file`; whatever has another name, or comes from another
    workspace whose folder is called the same, is left alone, as is what cannot be read.
    """
    pattern = re.compile(rf"{re.escape(_word(root))}-\d{{8}}T\d{{6}}Z\.tar\.gz")
    named = sorted(path for path in file.parent.iterdir() if pattern.fullmatch(path.name) and path.is_file())
    if len(named) <= keep:
        return ()
    ours = read_key_ring(root / KEYS)
    digest = hashlib.sha256((root / KEYS).read_bytes()).hexdigest()
    found = [path for path in named if path == file or _is_of(path, ours, digest)]
    removed = [path for path in found[: max(0, len(found) - keep)] if path != file]
    for path in removed:
        path.unlink(missing_ok=True)
    return tuple(removed)


def _is_of(archive: Path, keys: KeyRing, digest: str) -> bool:
    """Whether it holds these keys, or a register that their address key made: signing keys may have been added."""
    with suppress(InputError):
        held = read_manifest(archive).files.get(KEYS)
        return (held is not None and held[1] == digest) or is_made_by(read_one(archive, STOPS), keys)
    return False
