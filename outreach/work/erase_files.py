"""Files of the workspace that name a person: found, and the person taken out of those that hold rows or one mail.

Law: settings, keys and templates are read but never written; a file is replaced whole or not at all; a phone number is
theirs however a file spells it. Backups are compressed and sealed by digests: they are named, since they hold everybody
of their day.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from ..contacts import holds_number, read_phone
from ..errors import InputError
from .backup import FOLDER
from .epoch import EPOCH
from .erasures import REGISTER
from .stops import STOPS
from .upgrade import BEFORE, BEFORE_POSTGRESQL
from .workspace import KEYS, Workspace

LARGEST = 500_000_000
"""A larger file is named unread."""
PIECE = 1 << 22
OVERLAP = 100
"""Octets of a piece that are looked at again with the next: a number may be spelt with blanks where they part."""
BESIDE = ("-wal", "-shm", "-journal", ".lock")
"""What SQLite and we keep beside a database, and read nobody from."""
OURS = ("templates", "dkim", FOLDER)
ROWS, LINES, MAILS = (".csv", ".tsv"), (".jsonl", ".ndjson"), (".eml",)


@dataclass(frozen=True)
class Named:
    """A file that names the person: `done` says what became of it, "" where it was left alone."""

    file: str
    done: str = ""


def naming_files(workspace: Workspace, needles: Sequence[str], *, clean: bool) -> tuple[Named, ...]:
    """Every file in the workspace's folder that names the person; with `clean` they are taken out where that can be."""
    found = []
    for path in _files(workspace):
        if _names(path, needles):
            done = _take_out(path, needles) if clean and _may_write(workspace, path) else ""
            found.append(Named(path.relative_to(workspace.root).as_posix(), done))
    return tuple(found)


def backups_of(workspace: Workspace) -> list[str]:
    """The backups beside the workspace, oldest first, and the copies that upgrades of the database left: they still
    hold whoever was a customer on their day.
    """
    root, base = workspace.root, workspace.database.path
    folder, name = (root, BEFORE_POSTGRESQL) if base is None else (base.parent, base.name)
    found = [*sorted((root / FOLDER).glob("*.tar.gz")), *sorted(folder.glob(f"{escape(name)}{BEFORE}*"))]
    return [(path.relative_to(root) if path.is_relative_to(root) else path).as_posix() for path in found]


def _files(workspace: Workspace) -> Iterator[Path]:
    base = workspace.database.path
    for folder, names, files in os.walk(workspace.root):
        if Path(folder) == workspace.root:
            names[:] = [name for name in names if name != FOLDER]
        for name in sorted(files):
            path = Path(folder) / name
            if name in (KEYS, EPOCH, REGISTER, STOPS) or path.is_symlink() or not path.is_file():
                continue
            if base is not None and path.parent == base.parent and _is_database(path.name, base.name):
                continue
            if name.startswith(f"{BEFORE_POSTGRESQL}{BEFORE}") and path.parent == workspace.root:
                continue
            yield path


def _is_database(name: str, base: str) -> bool:
    """Whether a file of this name is the database, goes with it, or is a copy of ours, which is named as a backup."""
    return name.startswith(f"{base}{BEFORE}") or name in (base, *(f"{base}{end}" for end in BESIDE))


def _may_write(workspace: Workspace, path: Path) -> bool:
    return path.relative_to(workspace.root).parts[0] not in OURS


def _names(path: Path, needles: Sequence[str]) -> bool:
    small = [needle.lower().encode() for needle in needles]
    numbers = [needle for needle in needles if read_phone(needle) is not None]
    longest = max((len(one) for one in small), default=0) + (OVERLAP if numbers else 0)
    try:
        if not small or path.stat().st_size > LARGEST:
            return bool(small)
        before = b""
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                whole = (before + piece).lower()
                if any(one in whole for one in small):
                    return True
                text = whole.decode("utf-8", "replace") if numbers else ""
                if any(holds_number(text, number) for number in numbers):
                    return True
                before = piece[-longest:]
    except OSError:
        return True
    return False


def _take_out(path: Path, needles: Sequence[str]) -> str:
    if path.suffix.lower() in MAILS or path.parent.name in ("cur", "new"):
        path.unlink()
        return "removed"
    try:
        if path.suffix.lower() in ROWS:
            return _write(path, *_other_rows(path, needles))
        if path.suffix.lower() in LINES:
            return _write(path, *_other_lines(path, needles))
    except (OSError, UnicodeError, csv.Error) as wrong:
        raise InputError(f"the person cannot be taken out of it: {wrong}", file=path) from wrong
    return ""


def _other_rows(path: Path, needles: Sequence[str]) -> tuple[str, int]:
    text = path.read_bytes().decode("utf-8")
    first = text.partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    out, gone = io.StringIO(newline=""), 0
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n" if "\r\n" in text else "\n")
    for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
        if any(_says(cell, needle) for cell in row for needle in needles):
            gone += 1
        else:
            writer.writerow(row)
    return out.getvalue(), gone


def _other_lines(path: Path, needles: Sequence[str]) -> tuple[str, int]:
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not any(_says(_plain(line), needle) for needle in needles)]
    return "".join(kept), len(lines) - len(kept)


def _says(text: str, needle: str) -> bool:
    return needle.lower() in text.lower() or (read_phone(needle) is not None and holds_number(text, needle))


def _plain(line: str) -> str:
    """A line of JSON with its escapes undone, so that an address written with them is seen too."""
    try:
        return line + json.dumps(json.loads(line), ensure_ascii=False)
    except ValueError:
        return line


def _write(path: Path, text: str, gone: int) -> str:
    if not gone:
        return ""
    fresh = path.with_name(f".{path.name}.fresh")
    fresh.write_text(text, encoding="utf-8", newline="")
    fresh.chmod(path.stat().st_mode & 0o777)
    fresh.replace(path)
    return f"{gone} row{'s' if gone > 1 else ''} taken out"
