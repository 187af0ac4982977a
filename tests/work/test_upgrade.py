"""Upgrades: a checked copy first, nothing under a daemon, nothing written over."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config

import outreach.store.migrate
import outreach.work.commit
from outreach.errors import DatabaseError
from outreach.store.database import Database, open_database
from outreach.store.health import living
from outreach.store.migrate import HEAD, check_revision
from outreach.store.workers import sign_on
from outreach.work.commit import Committer, beats_every
from outreach.work.lock import LIVES_FOR, daemon_lock_file, hold_daemon_lock
from outreach.work.presence import Presence
from outreach.work.upgrade import Upgraded, upgrade
from outreach.work.workspace import Workspace

from ..conftest import HandClock


@pytest.fixture
def old(tmp_path: Path) -> Database:
    """A database of revision 0001 with one list in it."""
    database = open_database("outreach.db", tmp_path)
    config = Config()
    config.set_main_option("script_location", str(Path(outreach.store.migrate.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.commit()
    with closing(sqlite3.connect(tmp_path / "outreach.db")) as file:
        file.execute("INSERT INTO mailing_list (name, title, created_at) VALUES ('old', 'Old', '2026-01-01 00:00:00')")
        file.commit()
    return database


def test_an_older_database_is_copied_then_upgraded(old: Database, tmp_path: Path) -> None:
    done = upgrade(old, tmp_path)
    assert done == Upgraded("0001", HEAD, tmp_path / f"outreach.db.before-{HEAD}")
    check_revision(old)
    with closing(sqlite3.connect(tmp_path / f"outreach.db.before-{HEAD}")) as copy:
        assert copy.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        assert copy.execute("SELECT name FROM mailing_list").fetchall() == [("old",)]
    with closing(sqlite3.connect(tmp_path / "outreach.db")) as file:
        assert file.execute("SELECT name FROM mailing_list").fetchall() == [("old",)]
    assert upgrade(old, tmp_path) == Upgraded(HEAD, HEAD)
    old.close()


def test_an_earlier_copy_is_never_written_over(old: Database, tmp_path: Path) -> None:
    (tmp_path / f"outreach.db.before-{HEAD}").write_text("an earlier try")
    done = upgrade(old, tmp_path)
    assert done.backup == tmp_path / f"outreach.db.before-{HEAD}.1"
    assert (tmp_path / f"outreach.db.before-{HEAD}").read_text() == "an earlier try"
    old.close()


def test_nothing_is_upgraded_under_a_daemon_or_a_sender(old: Database, tmp_path: Path) -> None:
    with (
        hold_daemon_lock(daemon_lock_file(tmp_path, old.path), ""),
        pytest.raises(DatabaseError, match="already serves"),
    ):
        upgrade(old, tmp_path)
    with Presence(tmp_path, "send-1"), pytest.raises(DatabaseError, match="send-1 is at work"):
        upgrade(old, tmp_path)
    with pytest.raises(DatabaseError, match="older outreach"):
        check_revision(old)
    assert not list(tmp_path.glob("*.before-*"))
    old.close()


@pytest.mark.parametrize("seconds", [20, 600, 7200])
def test_a_sender_elsewhere_beats_before_it_is_taken_for_gone(seconds: int) -> None:
    assert beats_every(timedelta(seconds=seconds)) * 2 < min(LIVES_FOR.total_seconds(), seconds)


def test_a_sender_beats_also_while_it_has_nothing_to_write_and_its_lease_is_long(
    workspace: Workspace, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outreach.work.commit, "LIVES_FOR", timedelta(seconds=0.2))
    with workspace.database.write() as session:
        sign_on(session, "sender", "send", clock())
    later, until = clock.advance(minutes=3), time.monotonic() + 20
    with Committer(workspace.database, "sender", clock, timedelta(hours=1)):
        while True:
            with workspace.database.read() as session:
                if living(session, later):
                    return
            assert time.monotonic() < until
            time.sleep(0.05)
