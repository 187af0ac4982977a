"""A workspace as `outreach init` makes it on SQLite, made once for a process: tests get copies."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

from outreach.settings import FILE
from outreach.work.create import create_workspace

from .chances import drawing

USUAL_PORT = 2525
"""The port that is written into the copied settings; each copy may have another one in its place."""


class Mould:
    """A folder as it was when it was read, kept in memory: copies take a third of the time of shutil's."""

    def __init__(self, root: Path) -> None:
        found = [root, *sorted(root.rglob("*"))]
        self._folders = [(str(path.relative_to(root)), path.stat().st_mode & 0o7777) for path in found if path.is_dir()]
        self._files = [
            (str(path.relative_to(root)), path.stat().st_mode & 0o7777, path.read_bytes())
            for path in found
            if path.is_file()
        ]

    def pour(self, root: Path) -> None:
        """A copy in `root`, which must not exist: the same files and permissions."""
        for name, mode in self._folders:
            folder = root / name
            folder.mkdir()
            folder.chmod(mode)
        for name, mode, octets in self._files:
            handle = os.open(f"{root}/{name}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with open(handle, "wb", buffering=0) as file:
                os.fchmod(handle, mode)
                file.write(octets)


def make_workspace(root: Path, *, port: int = USUAL_PORT) -> None:
    """A new workspace called acme in `root`, which must not exist. Its relay listens on `port`."""
    _made_once().pour(root)
    settings = root / FILE
    text = settings.read_text(encoding="utf-8")
    assert text.count(f"port = {USUAL_PORT}\n") == 1
    settings.write_text(text.replace(f"port = {USUAL_PORT}\n", f"port = {port}\n"), encoding="utf-8")


@cache
def _made_once() -> Mould:
    with tempfile.TemporaryDirectory(prefix="made") as folder, drawing.apart("made"):
        create_workspace(Path(folder) / "acme", "acme", port=USUAL_PORT)
        return Mould(Path(folder) / "acme")
