"""`outreach backup`, `restore` and `db`: what a person types at night."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from outreach.store.migrate import HEAD
from outreach.work.workspace import Workspace

from .inside import outreach


@pytest.fixture
def root(workspace: Workspace) -> Path:
    return workspace.root


def test_a_backup_and_the_way_back(root: Path, tmp_path: Path) -> None:
    done = outreach(root, "backup", str(tmp_path / "a.tar.gz"))
    assert done.returncode == 0 and "checked" in done.stdout, done.stderr
    told = json.loads(outreach(root, "backup", "--keep", "3", "--json").stdout)
    assert told["bytes"] > 1000 and Path(told["file"]).parent == root / "backups" and told["removed"] == []
    done = outreach(root, "restore", str(tmp_path / "a.tar.gz"))
    assert done.returncode == 3, "without a yes nothing is done"
    done = outreach(root, "restore", str(tmp_path / "a.tar.gz"), "--yes")
    assert done.returncode == 0 and "outreach doctor --accept-database" in done.stdout, done.stderr
    done = outreach(root, "health", "--quiet")
    assert done.returncode == 1 and "restored backup" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("restore", "nowhere.tar.gz", "--yes"), "cannot be read"),
        (("restore", "outreach.toml", "--yes"), "no backup"),
        (("backup", "/proc/nowhere/a.tar.gz"), "cannot be written"),
        (("backup", "outreach.toml"), "exists already"),
    ],
)
def test_what_cannot_be_done_is_told(root: Path, words: tuple[str, ...], told: str) -> None:
    done = outreach(root, *words)
    assert done.returncode == 1 and told in done.stderr and "Traceback" not in done.stderr


@pytest.mark.sqlite
def test_the_database_says_its_version_and_is_brought_up_to_date(root: Path) -> None:
    told = json.loads(outreach(root, "db", "status", "--json").stdout)
    assert (told["state"], told["revision"], told["needed"]) == ("current", HEAD, HEAD)
    assert told["bytes"] > 0 and told["rows"]["customer"] == 0
    done = outreach(root, "db", "upgrade")
    assert done.returncode == 0 and "Nothing to do" in done.stdout
    with closing(sqlite3.connect(root / "outreach.db")) as file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")
        file.commit()
    done = outreach(root, "db", "status")
    assert done.returncode == 1 and done.stdout.startswith("newer")
    done = outreach(root, "db", "upgrade")
    assert done.returncode == 1 and "newer outreach" in done.stderr


@pytest.mark.sqlite
def test_an_upgrade_of_nothing_says_init(root: Path) -> None:
    (root / "outreach.db").unlink()
    done = outreach(root, "db", "upgrade")
    assert done.returncode == 1 and "outreach init" in done.stderr
