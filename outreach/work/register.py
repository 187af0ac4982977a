"""The form of a register beside the database: a text file of short lines that no restore rolls back.

Law: a line is on the disk to its last octet before anybody relies on it; one that was cut is marked, and says nothing.
The first line says by a keyed hash whose keys made the others: a file of other keys, or whose first line is not whole,
is put aside, never mixed in.
"""

from __future__ import annotations

import fcntl
import hmac
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from itertools import islice
from pathlib import Path
from stat import S_IMODE
from typing import TypeVar

from ..address import KeyRing
from ..errors import DatabaseError

T = TypeVar("T")
LONGEST_HEAD = 200
CUT = "cut"
"""The last word of a line that a full disk or a crash had cut: what stood before it may look whole, and is not."""
PIECE = 1 << 20
sync = getattr(os, "fdatasync", os.fsync)
"""What lies in the file, and how long it is, on the disk; its times need not be (they cost another write)."""


def head_of(header: str, keys: KeyRing) -> str:
    """How the first line of a register begins that these keys made."""
    return f"{header} {hmac.new(keys.address, header.encode(), 'sha256').hexdigest()[:16]}"


@contextmanager
def held(path: Path, header: str, keys: KeyRing) -> Iterator[int]:
    """The file, open and locked against all other processes, made where there is none. Raises OSError."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _stands_at(path, file):
                continue  # it was shortened, and another one stands in its place
            head = os.pread(file, LONGEST_HEAD, 0)
            if head and not _is_ours(head, header, keys):
                _put_aside(path, read_whole(file))  # of a workspace with other keys, whose hashes no key here can make
                os.ftruncate(file, 0)
            if not head:
                with suppress(PermissionError):  # a folder that this user may not list
                    sync_folder(path.resolve().parent)
            yield file
            return
        finally:
            os.close(file)


def _is_ours(head: bytes, header: str, keys: KeyRing) -> bool:
    first, end, _ = head.partition(b"\n")
    return bool(end) and f"{first.decode('utf-8', 'replace')} ".startswith(f"{head_of(header, keys)} ")


def _stands_at(path: Path, file: int) -> bool:
    try:
        found, mine = path.stat(), os.fstat(file)
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)


def read_whole(file: int) -> bytes:
    """All octets of an open file."""
    pieces, at = [], 0
    while piece := os.pread(file, PIECE, at):
        pieces.append(piece)
        at += len(piece)
    return b"".join(pieces)


def add_lines(file: int, lines: Iterable[str], begun: str = "") -> None:
    """Add lines to an open register, behind `begun` where that is not empty."""
    text = "".join(f"{line}\n" for line in lines)
    size = os.fstat(file).st_size
    cut = size and os.pread(file, 1, size - 1) != b"\n"
    if text or begun:
        write_whole(file, f"{f' {CUT}{chr(10)}' if cut else ''}{begun}{text}".encode())


def mark_of(path: Path) -> tuple[int, int, bytes]:
    """By what a register is known again: which file it is, how long, and its first line; all nought where none is."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            return found.st_ino, found.st_size, file.read(LONGEST_HEAD).partition(b"\n")[0]
    except OSError:
        return 0, 0, b""


@contextmanager
def reading(path: Path) -> Iterator[int]:
    """The file, open to be read alone. Raises OSError."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


def lines_from(file: int, at: int = 0) -> Iterator[tuple[bytes, int]]:
    """The whole lines of an open file from octet `at` on, without their ends, each with the octet behind it. What is
    read is a piece at a time, however long the file is."""
    rest = b""
    while piece := os.pread(file, PIECE, at + len(rest)):
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            at += len(line) + 1
            yield line, at


def shorten(path: Path, header: str, keys: KeyRing, begun: str, stays: Callable[[bytes], bool]) -> bool:
    """Leave of the register at `path` only those of its lines that stay, behind the line `begun`; False where another
    one stands there by now. Raises OSError.

    It is written anew beside itself, whose owner and rights it takes, and others write on meanwhile: they wait only
    while what came so is added, and go on in the new one. Where `path` is a link, it stays one.
    """
    path = path.resolve()
    fresh = path.with_name(f".{path.name}.anew")
    with held(fresh, header, keys) as into, reading(path) as old:
        try:
            os.ftruncate(into, 0)  # a process that was killed left it
            write_whole(into, f"{begun}\n".encode())
            at = _copy(old, 0, into, stays)
            with held(path, header, keys) as file:
                same = os.path.sameopenfile(old, file) and os.fstat(file).st_size >= at
                if same:
                    _copy(file, at, into, stays)
                    _take_the_place(fresh, into, path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        if not same:
            fresh.unlink(missing_ok=True)
    return same


def _copy(file: int, at: int, into: int, stays: Callable[[bytes], bool]) -> int:
    """Copy the whole lines that stay from octet `at` on; up to which octet there were any."""
    kept = bytearray()
    for line, end in lines_from(file, at):
        at = end
        if stays(line):
            kept += line + b"\n"
        if len(kept) >= PIECE:
            write_whole(into, bytes(kept))
            kept.clear()
    write_whole(into, bytes(kept))
    return at


def _take_the_place(fresh: Path, file: int, path: Path) -> None:
    like = path.stat()
    with suppress(OSError):  # of another user, whom only the superuser may give it to
        os.fchown(file, like.st_uid, like.st_gid)
        os.fchmod(file, S_IMODE(like.st_mode))
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk. Raises OSError."""
    file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def batched(items: Iterable[T], size: int = 5_000) -> Iterator[list[T]]:
    """`items` in lists of at most `size`."""
    found = iter(items)
    while part := list(islice(found, size)):
        yield part


def read_if_there(path: Path) -> bytes:
    """All octets of the register at `path`; b"" where there is none. Raises DatabaseError where it cannot be read."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return b""
    except OSError as wrong:
        raise unread(path, wrong) from wrong


def unread(path: Path, wrong: OSError) -> DatabaseError:
    """The register cannot be read."""
    return DatabaseError(
        f"the register {path} cannot be read: {wrong.strerror}",
        remedy="It says who was erased, or said stop, since a backup. Let this user read and write it.",
    )


def unwritable(path: Path) -> str:
    """Why no line can be added to the register at `path`, or none be begun there, in words; "" where one can."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC))
    except FileNotFoundError:
        return (
            ""
            if os.access(path.resolve().parent, os.W_OK | os.X_OK)
            else "is missing, and cannot be made in its folder"
        )
    except OSError as wrong:
        return f"cannot be written: {wrong.strerror}"
    return ""


def write_over(path: Path, data: bytes) -> None:
    """Write over the first octets of the register at `path`, which is held: it needs no room, and a kill leaves the old
    ones or these. It is opened once more, since whatever is written to a file that is added to comes to its end."""
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(file, data, 0)
        sync(file)
    finally:
        os.close(file)


def write_whole(file: int, data: bytes) -> None:
    """On the disk to the last octet: a disk that fills up takes a part first, and says so only when asked again."""
    while data:
        data = data[os.write(file, data) :]
    sync(file)


def _put_aside(path: Path, data: bytes) -> None:
    """Keep what the register of other keys says under a name of its own, for whoever finds these keys again."""
    mark = sha256(data.split(b"\n", 1)[0]).hexdigest()[:8]
    aside = os.open(path.with_name(f"{path.name}.{mark}"), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        write_whole(aside, data)
    finally:
        os.close(aside)
