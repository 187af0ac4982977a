"""The file of a backup: a gzipped tar that holds a manifest, and what the manifest names, each with its digest.

Law: a name in an archive is checked before anything is written; what is read back is compared with its digest; a file
under the final name is whole, or it is not there.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ..errors import InputError, OutreachError
from .register import sync_folder

MANIFEST = "manifest.json"
FORMAT = 1
PIECE = 1 << 20
MOST_MANIFEST = 5_000_000
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Manifest:
    """What an archive holds. `files` is {name: [bytes, SHA-256]}; `database` is the database's file among them."""

    workspace: str
    made_at: str
    program: str
    revision: str
    database: str
    kind: str
    files: Mapping[str, list[object]] = field(default_factory=dict)
    format: int = FORMAT


def write_archive(target: Path, manifest: Manifest, files: Mapping[str, Path], advance: Advance) -> int:
    """Write `files` (name in the archive: where it stands now) to `target`; its size in bytes.

    Nothing stands under the final name before all of it is on the disk. Raises OutreachError.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as out:
            with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1, format=tarfile.PAX_FORMAT) as tar:
                named = {name: [path.stat().st_size, _digest(path, advance)] for name, path in files.items()}
                told = json.dumps({**asdict(manifest), "files": named}, indent=1).encode()
                _add(tar, MANIFEST, len(told), io.BytesIO(told))
                for name, path in files.items():
                    with path.open("rb") as source:
                        _add(tar, name, path.stat().st_size, _Counted(source, advance))
            out.flush()
            os.fsync(out.fileno())
        _put_in_place(part, target)
    except OSError as wrong:
        raise OutreachError(
            f"the backup {target} cannot be written: {wrong.strerror or wrong}",
            remedy="Make room, or name a file on another disk. Nothing was left behind.",
        ) from wrong
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return target.stat().st_size


def _put_in_place(part: Path, target: Path) -> None:
    try:
        os.link(part, target)  # unlike a rename it never takes the place of a file that stands there
    except FileExistsError:
        raise InputError("exists already", file=target, remedy="Name a file that does not exist.") from None
    except OSError:
        part.rename(target)
    sync_folder(target.parent)


def _add(tar: tarfile.TarFile, name: str, size: int, source: Any) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    tar.addfile(entry, source)


class _Counted:
    """A file that tells how much of it was read."""

    def __init__(self, source: IO[bytes], advance: Advance) -> None:
        self._source, self._advance = source, advance

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._advance(len(data))
        return data


def _digest(path: Path, advance: Advance) -> str:
    found = hashlib.sha256()
    with path.open("rb") as source:
        while piece := source.read(PIECE):
            found.update(piece)
            advance(len(piece))
    return found.hexdigest()


def read_archive(archive: Path, folder: Path | None, advance: Advance = lambda _: None) -> Manifest:
    """Check an archive as a whole, and where a folder is named unpack it there. Raises InputError."""
    try:
        with tarfile.open(archive, mode="r:gz") as tar:
            manifest = _manifest(tar, archive)
            seen = set()
            for entry in islice(tar, 1, None):
                if entry.name not in manifest.files or entry.name in seen or not entry.isreg():
                    raise InputError(f"holds {entry.name!r}, which its manifest does not name", file=archive)
                seen.add(entry.name)
                source = tar.extractfile(entry)
                assert source is not None
                _take_out(source, entry.name, manifest, archive, folder, advance)
            missing = set(manifest.files) - seen
            if missing:
                raise InputError(f"lacks {', '.join(sorted(missing))}", file=archive, remedy="Take another backup.")
            return manifest
    except (tarfile.TarError, EOFError, zlib.error, json.JSONDecodeError, TypeError, UnicodeDecodeError) as wrong:
        raise InputError(f"is no backup that can be read: {wrong}", file=archive, remedy="Take another one.") from wrong
    except OSError as wrong:
        raise InputError(f"cannot be read: {wrong.strerror or wrong}", file=archive) from wrong


def read_manifest(archive: Path) -> Manifest:
    """What an archive says that it holds, unchecked: only its beginning is read. Raises InputError."""
    try:
        with tarfile.open(archive, mode="r:gz") as tar:
            return _manifest(tar, archive)
    except (tarfile.TarError, EOFError, zlib.error, ValueError, TypeError, OSError) as wrong:
        raise InputError(f"is no backup that can be read: {wrong}", file=archive, remedy="Take another one.") from wrong


def read_one(archive: Path, name: str) -> bytes:
    """One small file out of an archive, checked; b"" where the archive has none. Raises InputError.

    It is read up to there only, so it is quick where that file stands near the beginning.
    """
    try:
        with tarfile.open(archive, mode="r:gz") as tar:
            manifest = _manifest(tar, archive)
            entry = (
                next((one for one in islice(tar, 1, None) if one.name == name), None)
                if name in manifest.files
                else None
            )
            source = tar.extractfile(entry) if entry is not None and entry.isreg() else None
            if source is None:
                return b""
            data = source.read(MOST_MANIFEST)
    except (tarfile.TarError, EOFError, zlib.error, ValueError, TypeError, OSError) as wrong:
        raise InputError(f"is no backup that can be read: {wrong}", file=archive, remedy="Take another one.") from wrong
    if hashlib.sha256(data).hexdigest() != manifest.files[name][1]:
        raise InputError(f"{name} in it is damaged", file=archive, remedy="Take another backup.")
    return data


def _manifest(tar: tarfile.TarFile, archive: Path) -> Manifest:
    first = tar.next()
    source = tar.extractfile(first) if first is not None and first.name == MANIFEST and first.isreg() else None
    if first is None or source is None or first.size > MOST_MANIFEST:
        raise InputError("is no backup of outreach: it does not begin with a manifest", file=archive)
    told = json.loads(source.read())
    if told.get("format") != FORMAT:
        raise InputError("is from a newer outreach", file=archive, remedy="Restore it with that version.")
    manifest = Manifest(**told)
    for name in manifest.files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or str(path) != name or "\0" in name or "\\" in name:
            raise InputError(f"names a file {name!r} that may not be written", file=archive)
    return manifest


def _take_out(
    source: IO[bytes], name: str, manifest: Manifest, archive: Path, folder: Path | None, advance: Advance
) -> None:
    size, digest = manifest.files[name]
    found, left = hashlib.sha256(), int(str(size))
    out: IO[bytes] | None = None
    if folder is not None:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        out = os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    try:
        while piece := source.read(PIECE):
            left -= len(piece)
            found.update(piece)
            advance(len(piece))
            if out is not None:
                out.write(piece)
    finally:
        if out is not None:
            out.close()
    if left or found.hexdigest() != digest:
        raise InputError(f"{name} in it is damaged", file=archive, remedy="Take another backup.")
