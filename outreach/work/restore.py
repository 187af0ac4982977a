"""The way back from a backup.

Law: nothing is touched before the archive has been checked as a whole; what stands there is kept aside; and whatever is
put back, everything pauses until a person says go (RELIABILITY I10): mail that went out after the backup was made would
go out again. The registers of erasures and of stops are never rolled back, and what they say is done again.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import update
from sqlmodel import col

from ..address import KeyRing, read_key_ring
from ..audience.stops import Stop
from ..errors import DatabaseError, InputError, OutreachError, SettingsError
from ..records import WorkspaceRow
from ..settings import FILE, load_settings
from ..store.backup import check_copy, copy_database, is_sound, load_dump, pour_back
from ..store.database import Database, open_database
from ..store.migrate import HEAD
from ..store.standing import hold_back_intents
from ..store.stops import erased_blocks, said_in
from ..workdays import Clock, utc_now
from .archive import Manifest, read_archive, read_one
from .backup import DUMP, ERASED_END, STOPS_END, TREES
from .epoch import EPOCH, Mark, read_mark, write_mark
from .erase import entries_of
from .erase_again import ErasedAgain, erase_again
from .erasures import REGISTER, note
from .erasures import parse_register as parse_erasures
from .erasures import read_register as read_erasures
from .lock import alone, refuse_while_others_work
from .stop_again import StoppedAgain, stop_again
from .stops import BEGINNING, STOPS, add_stops, entry
from .stops import parse_register as parse_stops
from .stops import read_register as read_stops
from .upgrade import revision_of
from .workspace import KEYS, RESTORED, new_epoch, open_workspace

ASIDE = "before-restore"
COPY_IT = (
    "If you have a later outreach.erased and outreach.stops (of the old machine, of another one), copy them here "
    "before you say go."
)
STOP_IT = "Stop it first (systemctl stop, or Ctrl-C), then run the command again."


@dataclass(frozen=True)
class Gathered:
    """Where it is known from who was erased or said stop since the backup. `until`: only until then, as far as one can
    see; None where nothing is missing. `since`: from when on the register is whole.
    """

    sources: tuple[str, ...]
    until: datetime | None
    since: datetime | None


@dataclass(frozen=True)
class Restored:
    """What was put back, where the present state is kept, and whether the database must be upgraded.

    `known`: what was found of erasures and stops since. `erased`, `stopped`: who was erased, or stopped, again; None
    where that waits for the upgrade, and for a person's go.
    """

    made_at: str
    files: int
    aside: Path | None
    revision: str
    known: Gathered
    erased: ErasedAgain | None = None
    stopped: StoppedAgain | None = None

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
                    gathered = _gather(root, staging, archive, manifest, database, clock)
                    _put_database(staging / manifest.database, database)
                    _pause_in_it(database, clock())
                    _put_files(root, staging, manifest)
                except (OSError, DatabaseError) as wrong:
                    said = wrong.message if isinstance(wrong, OutreachError) else f"{wrong.strerror}"
                    kept = f" What stood here is in {aside}." if aside else ""
                    raise OutreachError(
                        f"the backup could not be put back whole: {said}", remedy=f"Everything is paused.{kept}"
                    ) from wrong
        done = Restored(manifest.made_at, len(manifest.files), aside, revision, gathered)
    except OSError as wrong:
        raise OutreachError(
            f"{archive} cannot be restored: {wrong.strerror or wrong}", remedy="Is there room for it? Nothing changed."
        ) from wrong
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    erased, stopped = _again(root, revision, clock)
    return replace(done, erased=erased, stopped=stopped)


def _gather(root: Path, staging: Path, archive: Path, manifest: Manifest, database: Database, clock: Clock) -> Gathered:
    """Bring together what is known of erasures and stops: here, in the archive and those beside it, in copies of the
    registers there, and in the database that goes: another machine may have written it, or an older outreach."""
    keys = read_key_ring(staging / KEYS)
    erased = list(read_erasures(staging / REGISTER, keys).entries)
    here, said = read_stops(root / STOPS, keys), [read_stops(staging / STOPS, keys)]
    found = [STOPS] if here.since is not None else [f"the beginning of {STOPS}"] if here.stops else []
    beside = sorted(archive.parent.glob(f"*{ERASED_END}")) + sorted(archive.parent.glob(f"*{STOPS_END}"))
    for path in beside:
        if path.parent != root:
            erased += read_erasures(path, keys).entries
            said.append(read_stops(path, keys))
            found += [path.name] if said[-1].since is not None else []
    until = datetime.fromisoformat(manifest.made_at)
    for other in sorted(archive.parent.glob("*.tar.gz")):
        with suppress(InputError):
            erased += parse_erasures(read_one(other, REGISTER), keys).entries
            said.append(parse_stops(read_one(other, STOPS), keys))
            found += [other.name] if said[-1].since is not None and other != archive else []
    told: list[Iterable[Stop]] = [register.stops for register in (here, *said)]
    until = max([until, *(one.at for register in (here, *said) for one in register.stops)])
    if _made_by(keys, root / KEYS):
        with suppress(DatabaseError):
            with database.read() as session:
                erased += entries_of(erased_blocks(session))
            told.append([entry(keys, one) for part in said_in(database) for one in part])
            found.append("the database that stood here")
    note(root, keys, erased)
    whole = STOPS in found or "the database that stood here" in found
    begins = BEGINNING if whole else clock()
    add_stops(root / STOPS, keys, begins, *told)
    since = read_stops(root / STOPS, keys).since
    return Gathered(tuple(dict.fromkeys(found)), None if whole else until, since)


def _made_by(keys: KeyRing, file: Path) -> bool:
    """Whether these keys, for all one can see, made the hashes of what stands here: other keys' mean nothing."""
    with suppress(SettingsError):
        return not file.exists() or read_key_ring(file).address == keys.address
    return True


def _again(root: Path, revision: str, clock: Clock) -> tuple[ErasedAgain | None, StoppedAgain | None]:
    if revision < HEAD:
        return None, None
    workspace = open_workspace(root, clock)
    with closing(workspace.database):
        return erase_again(workspace), stop_again(workspace)


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
    names = [each for each in (FILE, KEYS, EPOCH, REGISTER, STOPS, *TREES) if (root / each).exists()]
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
    """Everything but the database, the registers and the mark: that one says how far the database had come, which must
    be noticed."""
    for name in sorted(manifest.files):
        if name in (manifest.database, EPOCH, REGISTER, STOPS):
            continue
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        (staging / name).replace(place)


def told_known(done: Restored) -> Iterator[str]:
    """What may be missing of erasures and stops, in words; nothing where all is known."""
    known = done.known
    if known.until is not None and not known.sources:
        yield (
            "No register of erasures and stops was found, here or beside the backup: nobody knows here who was erased "
            f"or said stop after {done.made_at}. {COPY_IT}"
        )
    elif known.until is not None:
        found = ", ".join(known.sources)
        yield f"Erasures and stops are known from {found}, the last of {known.until:%Y-%m-%d %H:%M} UTC. {COPY_IT}"
    elif known.since is not None and known.since > datetime.fromisoformat(done.made_at):
        yield (
            f"The register of stops begins on {known.since:%Y-%m-%d}, after this backup was made: who said stop "
            "between is not known (`stops_days` in [retention])."
        )
