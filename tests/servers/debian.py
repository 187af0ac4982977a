"""Programs of Debian's packages, unpacked into a temporary folder and run without installing anything.

The unpacked tree is kept and used again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

TRIPLET = "x86_64-linux-gnu" if os.uname().machine == "x86_64" else f"{os.uname().machine}-linux-gnu"


class NotToBeHad(Exception):
    """Why a program cannot be had here; a test skips with it, a benchmark says it."""


def unpacked(name: str, packages: Sequence[str]) -> Path:
    """The folder with all of `packages` unpacked. Raises NotToBeHad with the reason."""
    kept = Path(tempfile.gettempdir()) / f"outreach-{name}-{os.getuid()}"
    if kept.exists():
        return kept
    for program in ("apt-get", "dpkg"):
        if shutil.which(program) is None:
            raise NotToBeHad(f"{name} is unpacked from Debian's packages, and there is no {program} here")
    with tempfile.TemporaryDirectory(prefix=f"outreach-{name}-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        got = subprocess.run(["apt-get", "download", *packages], cwd=folder, capture_output=True, text=True)
        if got.returncode != 0:
            raise NotToBeHad(f"Debian's packages of {name} cannot be had: {got.stderr.strip()[-200:]}")
        root = folder / "root"
        for archive in sorted(folder.glob("*.deb")):
            subprocess.run(["dpkg", "-x", str(archive), str(root)], check=True)
        root.chmod(0o755)
        fresh = kept.with_name(f"{kept.name}.{os.getpid()}")
        shutil.move(root, fresh)
        try:
            fresh.rename(kept)
        except OSError:  # somebody else was quicker
            shutil.rmtree(fresh)
    return kept
