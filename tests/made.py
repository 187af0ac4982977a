"""A workspace as `outreach init` makes it on SQLite, made once for a process: tests get copies."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from outreach.settings import FILE
from outreach.work.create import create_workspace

USUAL_PORT = 2525
"""The port that is written into the copied settings; each copy may have another one in its place."""


def make_workspace(root: Path, *, port: int = USUAL_PORT) -> None:
    """A new workspace called acme in `root`, which must not exist. Its relay listens on `port`."""
    shutil.copytree(_made_once(), root)
    settings = root / FILE
    text = settings.read_text(encoding="utf-8")
    assert text.count(f"port = {USUAL_PORT}\n") == 1
    settings.write_text(text.replace(f"port = {USUAL_PORT}\n", f"port = {port}\n"), encoding="utf-8")


@cache
def _made_once() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="made"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    create_workspace(folder / "acme", "acme", port=USUAL_PORT)
    return folder / "acme"
