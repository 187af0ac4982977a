"""The way back from a backup.

Law: nothing is touched before the archive has been checked as a whole; what stands there is kept aside; and whatever is
put back, everything pauses until a person says go (RELIABILITY I10): mail that went out after the backup was made would
go out again. The register of erasures is never rolled back, and whoever it names is erased again.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import update
from sqlmodel import col

from ..address import read_key_ring
from ..errors import DatabaseError, InputError, OutreachError
from ..records import WorkspaceRow
from ..settings import FILE, load_settings
from ..store.backup import check_copy, copy_database, is_sound, load_dump, pour_back
from ..store.consents import erased_blocks
from ..store.database import Database, open_database
from ..store.migrate import HEAD
from ..store.standing import hold_back_intents
from ..workdays import Clock, utc_now
from .archive import Manifest, read_archive, read_one
from .backup import DUMP, TREES
from .epoch import EPOCH, Mark, read_mark, write_mark
from .erase import entries_of
from .erase_again import ErasedAgain, erase_again
from .erasures import REGISTER, note, parse_register, read_register
from .lock import alone, refuse_while_others_work
from .upgrade import revision_of
from .workspace import KEYS, RESTORED, new_epoch, open_workspace

ASIDE = "before-restore"
STOP_IT = "Stop it first (systemctl stop, or Ctrl-C), then run the command again."


@dataclass(frozen=True)
class Restored:
    """What was put back, where the present state is kept, and whether the database must be upgraded.

    `erased`: who was erased again; None where that waits for the upgrade, and for a person's go.
    """

    made_at: str
    files: int
    aside: Path | None
    revision: str
    erased: ErasedAgain | None = None

    @property
    def older(self) -> bool:
        """Whether this program must upgrade the database before it can be used."""
        return self.revision < HEAD


def restore_workspace(root: Path, archive: Path, *, clock: Clock = utc_now) -> Restored:
    """Put a backup back into the folder `root`, which may be empty. Raises OutreachError; then nothing was changed,
    or what stood there stands in the folder that the message names.
    """
    root = root.resolve()
    archive = archive.expanduser().absolute()
    try:
        root.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".restore-", dir=root))
    except OSError as wrong:
        raise OutreachError(f"{root} cannot be written: {wrong.strerror}") from wrong
    try:
        manifest = read_archive(archive, staging)
        revision = _check(staging, manifest, archive)
        settings = load_settings(staging)
        with closing(open_database(settings.database, root)) as database:
            if (manifest.kind == "sqlite") != database.is_sqlite:
                raise InputError(f"holds a {manifest.kind} database, and its settings name another", file=archive)
            with alone(root, database, STOP_IT):
                aside = _keep_aside(root, database, f"{ASIDE}-{clock():%Y%m%dT%H%M%SZ}")
                _pause(root, database)
                try:
                    _gather_erasures(root, staging, archive, database)
                    _put_database(staging / manifest.database, database)
                    _pause_in_it(database, clock())
                    _put_files(root, staging, manifest)
                except (OSError, DatabaseError) as wrong:
                    said = wrong.message if isinstance(wrong, OutreachError) else f"{wrong.strerror}"
                    kept = f" What stood here is in {aside}." if aside else ""
                    raise OutreachError(
                        f"the backup could not be put back whole: {said}", remedy=f"Everything is paused.{kept}"
                    ) from wrong
        done = Restored(manifest.made_at, len(manifest.files), aside, revision)
    except OSError as wrong:
        raise OutreachError(
            f"{archive} cannot be restored: {wrong.strerror or wrong}", remedy="Is there room for it? Nothing changed."
        ) from wrong
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return replace(done, erased=_erase_again(root, revision, clock))


def _gather_erasures(root: Path, staging: Path, archive: Path, database: Database) -> None:
    """Bring together what is known of erasures: here, in the archive and those beside it, and in the database that
    goes: another machine may have done them, or an older outreach."""
    keys = read_key_ring(staging / KEYS)
    found = list(read_register(staging / REGISTER, keys).entries)
    for other in sorted(archive.parent.glob("*.tar.gz")):
        with suppress(InputError):
            found += parse_register(read_one(other, REGISTER), keys).entries
    with suppress(DatabaseError), database.read() as session:
        found += entries_of(erased_blocks(session))
    note(root, keys, found)


def _erase_again(root: Path, revision: str, clock: Clock) -> ErasedAgain | None:
    if revision < HEAD:
        return None
    workspace = open_workspace(root, clock)
    with closing(workspace.database):
        return erase_again(workspace)


def _check(staging: Path, manifest: Manifest, archive: Path) -> str:
    """Raise unless what was unpacked is a workspace that this program can use; the database's revision."""
    for name in (FILE, KEYS, manifest.database):
        if name not in manifest.files:
            raise InputError(f"lacks {name}", file=archive, remedy="Take another backup.")
    read_key_ring(staging / KEYS)
    revision = check_copy(staging / manifest.database) if manifest.kind == "sqlite" else manifest.revision
    if revision > HEAD:
        raise InputError(
            f"is from a newer outreach (revision {revision}; this one knows {HEAD})",
            file=archive,
            remedy="Install that version first.",
        )
    return revision


def _pause(root: Path, database: Database) -> None:
    """Write a mark that no database covers; whoever began to send just before is seen now."""
    before = read_mark(root)
    write_mark(root, Mark(new_epoch()))
    try:
        refuse_while_others_work(root, database, STOP_IT)
    except DatabaseError:
        if before is not None:
            write_mark(root, before)
        raise


def _pause_in_it(database: Database, now: datetime) -> None:
    """Have the restored database itself say that it is one: other machines have marks of their own."""
    paused = {"paused_at": now, "pause_reason": RESTORED, "version": col(WorkspaceRow.version) + 1}
    with database.write() as session:
        hold_back_intents(session)
        session.connection().execute(update(WorkspaceRow).values(paused))


def _keep_aside(root: Path, database: Database, name: str) -> Path | None:
    """Copy what stands in the folder into one of its own; None where nothing does. A damaged file is taken as it is."""
    names = [each for each in (FILE, KEYS, EPOCH, REGISTER, *TREES) if (root / each).exists()]
    file = database.path
    if not names and not (file is not None and file.exists() and file.stat().st_size):
        return None
    aside = root / name
    aside.mkdir(mode=0o700)
    for each in names:
        source = root / each
        if source.is_dir():
            shutil.copytree(source, aside / each)
        else:
            shutil.copy2(source, aside / each)
    if file is None:
        if revision_of(database) is not None:
            copy_database(database, aside / DUMP)
    elif file.exists() and is_sound(file):
        copy_database(database, aside / file.name)
    else:
        for end in ("", "-wal", "-shm"):
            piece = file.with_name(file.name + end)
            if piece.exists():
                shutil.copy2(piece, aside / piece.name)
    return aside


def _put_database(copy: Path, database: Database) -> None:
    path = database.path
    if path is None:
        load_dump(copy, database.engine.url)
        return
    if path.exists() and not is_sound(path):
        for end in ("-wal", "-shm", ""):
            path.with_name(path.name + end).unlink(missing_ok=True)
    if not path.exists():
        path.touch(0o600)
    pour_back(copy, path)


def _put_files(root: Path, staging: Path, manifest: Manifest) -> None:
    """Everything but the database, the register and the mark: that one says how far the database had come, which must
    be noticed."""
    for name in sorted(manifest.files):
        if name in (manifest.database, EPOCH, REGISTER):
            continue
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        (staging / name).replace(place)
