"""Running the program as a user does, but in this process: the same door, without a second of imports each time."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest.mock import patch

import typer.main

from outreach.cli.app import app

typer.main.get_command = cache(typer.main.get_command)
"""The tree of commands is the same each time: built once."""


@dataclass(frozen=True)
class Done:
    """What a command left: its exit status and what it printed."""

    returncode: int
    stdout: str
    stderr: str


def outreach(root: Path, *arguments: str, stdin: str = "", **environ: str) -> Done:
    """`outreach ARGUMENTS` in the folder `root`, without a terminal, and with these variables set."""
    out, err = io.StringIO(), io.StringIO()
    with _place(root, ["outreach", *arguments], environ, stdin), redirect_stdout(out), redirect_stderr(err):
        status = app()
    return Done(status, out.getvalue(), err.getvalue())


@contextmanager
def _place(root: Path, argv: list[str], environ: dict[str, str], stdin: str) -> Iterator[None]:
    before = Path.cwd()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OUTREACH_")} | environ
    os.chdir(root)
    try:
        with (
            patch.object(sys, "argv", argv),
            patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()))),
            patch.dict(os.environ, kept, clear=True),
        ):
            yield
    finally:
        os.chdir(before)
