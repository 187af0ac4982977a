"""Making a workspace overwrites nothing, and upgrades only after a backup."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from outreach.errors import DatabaseError, InputError, NeedsPerson, SettingsError
from outreach.store.backup import copy_database
from outreach.store.migrate import HEAD
from outreach.work.collect import collect
from outreach.work.create import create_workspace
from outreach.work.workspace import EPOCH, KEYS, Workspace, check_may_send, open_workspace


def test_a_workspace_opens_after_it_was_made(tmp_path: Path) -> None:
    made = create_workspace(tmp_path / "acme", "acme")
    opened = open_workspace(made.root)
    assert opened.reply_address == "care@acme.example"
    check_may_send(opened)


def test_a_fresh_workspace_has_an_inbox_that_can_be_read(tmp_path: Path) -> None:
    create_workspace(tmp_path, "acme")
    assert collect(open_workspace(tmp_path)).fetched == 0


@pytest.mark.parametrize("name", [KEYS, "outreach.toml", "outreach.db"])
def test_keys_settings_and_addresses_are_their_owners_alone(tmp_path: Path, name: str) -> None:
    create_workspace(tmp_path, "acme")
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_second_init_keeps_every_file(tmp_path: Path) -> None:
    create_workspace(tmp_path, "acme")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and "db" not in path.name}
    again = create_workspace(tmp_path, "acme")
    assert again.made == ()
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_name_that_is_no_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="workspace's name"):
        create_workspace(tmp_path, "../x\n")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be written"):
        create_workspace(tmp_path / "file" / "acme", "acme")


def test_a_database_from_a_newer_version_is_refused_untouched(tmp_path: Path) -> None:
    create_workspace(tmp_path, "acme")
    with sqlite3.connect(tmp_path / "outreach.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseError, match="newer outreach"):
        open_workspace(tmp_path)


def test_a_folder_without_settings_says_init(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no outreach workspace") as told:
        open_workspace(tmp_path)
    assert "outreach init" in told.value.remedy


def test_a_restored_backup_is_noticed_and_sends_nothing(workspace: Workspace) -> None:
    (workspace.root / EPOCH).write_text("another\n")
    with pytest.raises(NeedsPerson, match="restored backup"):
        check_may_send(workspace)


@pytest.mark.sqlite
def test_a_backup_of_a_database_in_use_is_whole(workspace: Workspace, tmp_path: Path) -> None:
    copy_database(workspace.database, tmp_path / "copy.db")
    with sqlite3.connect(tmp_path / "copy.db") as copy:
        assert copy.execute("SELECT version_num FROM alembic_version").fetchone() == (HEAD,)
        assert copy.execute("SELECT count(*) FROM mailing_list").fetchone() == (1,)


def test_lost_keys_are_never_made_anew_beside_a_database_that_needs_them(tmp_path: Path) -> None:
    create_workspace(tmp_path, "acme")
    (tmp_path / KEYS).unlink()
    with pytest.raises(SettingsError, match=r"key file .* is missing") as told:
        create_workspace(tmp_path, "acme")
    assert "backup" in told.value.remedy
    assert not (tmp_path / KEYS).exists()
