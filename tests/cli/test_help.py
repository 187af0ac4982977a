"""The door opens quickly, teaches, and shows no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from outreach.cli.app import COMMANDS

from . import inside

HEAVY = ("sqlmodel", "sqlalchemy", "premailer", "jinja2", "lxml", "alembic", "pydantic", "starlette", "uvicorn")


def outreach(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "outreach", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload,no-any-return]


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, json; sys.argv = ['outreach', '--help']\n"
        "from outreach.cli.app import app\n"
        "app(); print('\\n' + json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not loaded & set(HEAVY)


def test_a_workspace_on_sqlite_loads_nothing_of_postgresql() -> None:
    code = "import sys, outreach.work.worker; print([name for name in sys.modules if 'postgresql' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "['outreach.store.postgresql']"


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(name: str, tmp_path: Path) -> None:
    done = inside.outreach(tmp_path, name, "--help")
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


def test_an_unknown_command_is_wrong_usage() -> None:
    done = outreach("sned")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_command_outside_a_workspace_says_what_to_do(tmp_path: object) -> None:
    done = outreach("plan", cwd=tmp_path)
    assert done.returncode == 1
    assert "outreach init" in done.stderr
    assert "Traceback" not in done.stderr
