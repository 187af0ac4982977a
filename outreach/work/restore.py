"""The way back from a backup.

Law: nothing is touched before the archive has been checked as a whole; what stands there is kept aside; and whatever is
put back, everything pauses until a person says go (RELIABILITY I10): mail that went out after the backup was made would
go out again.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..address import read_key_ring
from ..errors import DatabaseError, InputError, OutreachError
from ..settings import FILE, load_settings
from ..store.backup import check_copy, copy_database, is_sound, load_dump, pour_back
from ..store.database import open_database
from ..store.migrate import HEAD
from ..workdays import Clock, utc_now
from .archive import Manifest, read_archive
from .backup import TREES
from .epoch import EPOCH, Mark, read_mark, write_mark
from .lock import daemon_lock_file, hold_daemon_lock, living_workers
from .workspace import KEYS, new_epoch

ASIDE = "before-restore"
STOP_IT = "Stop it first (systemctl stop, or Ctrl-C), then run the command again."


@dataclass(frozen=True)
class Restored:
    """What was put back, where the present state is kept, and whether the database must be upgraded."""

    made_at: str
    files: int
    aside: Path | None
    revision: str

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
        where = open_database(settings.database, root)
        with closing(where):
            path, url = where.path, where.engine.url
        if (manifest.kind == "sqlite") != (path is not None):
            raise InputError(f"holds a {manifest.kind} database, and its settings name another", file=archive)
        with _alone(root, path):
            aside = _keep_aside(root, path, f"{ASIDE}-{clock():%Y%m%dT%H%M%SZ}")
            _pause(root)
            try:
                _put_database(staging / manifest.database, path, lambda: load_dump(staging / manifest.database, url))
                _put_files(root, staging, manifest)
            except (OSError, DatabaseError) as wrong:
                said = wrong.message if isinstance(wrong, OutreachError) else f"{wrong.strerror}"
                remedy = f"Everything is paused. What stood here is in {aside}." if aside else "Everything is paused."
                raise OutreachError(f"the backup could not be put back whole: {said}", remedy=remedy) from wrong
        return Restored(manifest.made_at, len(manifest.files), aside, revision)
    except OSError as wrong:
        raise OutreachError(
            f"{archive} cannot be restored: {wrong.strerror or wrong}", remedy="Is there room for it? Nothing changed."
        ) from wrong
    finally:
        shutil.rmtree(staging, ignore_errors=True)


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


@contextmanager
def _alone(root: Path, database: Path | None) -> Iterator[None]:
    """Hold the daemon's lock, so that none runs and none starts. Raises DatabaseError while anybody works here."""
    file = daemon_lock_file(root, database)
    file.parent.mkdir(parents=True, exist_ok=True)
    with hold_daemon_lock(file, STOP_IT):
        _refuse_while_alive(root)
        yield


def _pause(root: Path) -> None:
    """Write a mark that no database covers; whoever began to send just before is seen now."""
    before = read_mark(root)
    write_mark(root, Mark(new_epoch()))
    try:
        _refuse_while_alive(root)
    except DatabaseError:
        if before is not None:
            write_mark(root, before)
        raise


def _refuse_while_alive(root: Path) -> None:
    living = living_workers(root)
    if living:
        raise DatabaseError(f"{', '.join(living)} is sending", remedy=f"Let it finish, or stop it. {STOP_IT}")


def _keep_aside(root: Path, database: Path | None, name: str) -> Path | None:
    """Copy what stands in the folder into one of its own; None where nothing does. A damaged file is taken as it is."""
    names = [each for each in (FILE, KEYS, EPOCH, *TREES) if (root / each).exists()]
    if not names and not (database is not None and database.exists()):
        return None
    aside = root / name
    aside.mkdir(mode=0o700)
    for each in names:
        source = root / each
        if source.is_dir():
            shutil.copytree(source, aside / each)
        else:
            shutil.copy2(source, aside / each)
    if database is not None and database.exists():
        if is_sound(database):
            with closing(open_database(str(database), root)) as opened:
                copy_database(opened, aside / database.name)
        else:
            for end in ("", "-wal", "-shm"):
                piece = database.with_name(database.name + end)
                if piece.exists():
                    shutil.copy2(piece, aside / piece.name)
    return aside


def _put_database(copy: Path, path: Path | None, load: Callable[[], None]) -> None:
    if path is None:
        load()
        return
    if path.exists() and not is_sound(path):
        for end in ("-wal", "-shm", ""):
            path.with_name(path.name + end).unlink(missing_ok=True)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
    pour_back(copy, path)


def _put_files(root: Path, staging: Path, manifest: Manifest) -> None:
    """Everything but the database and the mark: that one says how far the database had come, which must be noticed."""
    for name in sorted(manifest.files):
        if name in (manifest.database, EPOCH):
            continue
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        (staging / name).replace(place)
