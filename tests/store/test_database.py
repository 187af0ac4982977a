"""The database keeps its promises: durable, one writer, clear words."""

from __future__ import annotations

import fcntl
import os
import resource
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from outreach.errors import DatabaseError
from outreach.store.backup import check_copy, copy_database, pour_back
from outreach.store.database import open_database
from outreach.store.sqlite import LOG_STAYS, PAGE_SIZE, has_wal_reset_bug
from outreach.work.workspace import Workspace


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 6, 23), False),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
    ],
)
def test_versions_with_the_wal_reset_bug_are_known(version: tuple[int, ...], affected: bool) -> None:
    assert has_wal_reset_bug(version) is affected


@pytest.mark.sqlite
def test_commits_are_durable_and_foreign_keys_hold(workspace: Workspace) -> None:
    with workspace.database.read() as session:
        pragma = {
            name: session.connection().execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragma == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 15_000}


@pytest.mark.sqlite
def test_a_file_of_smaller_pages_keeps_them_and_goes_into_and_out_of_one_of_ours(
    workspace: Workspace, tmp_path: Path
) -> None:
    ours = workspace.database.path
    assert ours is not None and _page_size(ours) == PAGE_SIZE
    older, copy = tmp_path / "older.db", tmp_path / "copy.db"
    with closing(sqlite3.connect(older)) as small, closing(sqlite3.connect(ours)) as source:
        small.execute("PRAGMA page_size=4096")
        for line in source.iterdump():
            small.execute(line)
        small.commit()
    database = open_database("older.db", tmp_path)
    with database.write() as session:
        session.execute(text("UPDATE workspace SET version = 77"))
    copy_database(database, copy)
    database.close()
    assert _page_size(older) == _page_size(copy) == 4096
    workspace.database.close()
    back = tmp_path / "back.db"
    copy_database(workspace.database, back)
    workspace.database.close()
    pour_back(copy, ours)
    pour_back(back, older)
    assert (_page_size(ours), _page_size(older)) == (4096, PAGE_SIZE)
    with workspace.database.read() as session:
        assert session.execute(text("SELECT version FROM workspace")).scalar() == 77
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    assert check_copy(older)


def _page_size(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        size: int = connection.execute("PRAGMA page_size").fetchone()[0]
    return size


@pytest.mark.sqlite
def test_a_closed_database_holds_no_file_open_and_can_be_used_again(workspace: Workspace) -> None:
    def held() -> list[str]:
        open_files = [os.readlink(each) for each in Path("/proc/self/fd").iterdir() if os.path.lexists(each)]
        return [name for name in open_files if name.startswith(str(workspace.root))]

    for _ in range(2):
        with workspace.database.write() as session:
            session.execute(text("UPDATE workspace SET version = version + 1"))
        assert held()
        workspace.database.close()
        assert held() == []


def test_what_is_written_while_reading_is_not_kept(workspace: Workspace) -> None:
    with workspace.database.read() as session:
        session.connection().execute(text("UPDATE workspace SET pause_reason = 'x'"))
    with workspace.database.read() as session:
        assert session.connection().execute(text("SELECT pause_reason FROM workspace")).scalar() == ""


def test_many_writers_lose_no_count(workspace: Workspace) -> None:
    def bump() -> None:
        for _ in range(25):
            with workspace.database.write() as session:
                seen = session.connection().execute(text("SELECT version FROM workspace")).scalar()
                session.connection().execute(text("UPDATE workspace SET version = :v"), {"v": (seen or 0) + 1})

    threads = [threading.Thread(target=bump, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with workspace.database.read() as session:
        assert session.connection().execute(text("SELECT version FROM workspace")).scalar() == 101


def test_a_file_that_is_no_database_is_told_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("this is a letter to my aunt, and no database at all" * 40)
    database = open_database("a.db", tmp_path)
    with pytest.raises(DatabaseError, match="not a database"), database.read() as session:
        session.connection().execute(text("SELECT 1 FROM customer"))


@pytest.mark.sqlite
def test_a_full_database_is_told_with_a_remedy(workspace: Workspace) -> None:
    with pytest.raises(DatabaseError, match="full") as told, workspace.database.write() as session:
        connection = session.connection()
        pages = connection.execute(text("PRAGMA page_count")).scalar()
        connection.execute(text(f"PRAGMA max_page_count = {pages}"))
        for number in range(2000):
            connection.execute(
                text(
                    "INSERT INTO mailing_list (name, title, created_at) VALUES (:n, :t, '2026-01-01 00:00:00.000000')"
                ),
                {"n": f"list {number}", "t": "x" * 2000},
            )
    assert "Free some space" in told.value.remedy


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="does not exist"):
        open_database("nowhere/a.db", tmp_path)


@pytest.mark.sqlite
def test_a_stopped_process_that_holds_the_lock_is_told_of_and_not_waited_for(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outreach.store.sqlite.BUSY_MILLISECONDS", 200)
    monkeypatch.setattr("outreach.store.sqlite.has_wal_reset_bug", lambda: True)
    database = open_database("outreach.db", workspace.root)
    with (workspace.root / "outreach.db.lock").open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DatabaseError, match="locked") as told, database.write():
            pass
        assert "15 seconds" in told.value.remedy
    with database.write() as session:
        session.connection().execute(text("SELECT 1"))
    database.close()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_what_the_log_holds_is_carried_over_in_a_turn_of_its_own_and_waits_for_whoever_reads(
    workspace: Workspace,
) -> None:
    with workspace.database.write_much(carries=True) as much:
        with much() as session:
            session.connection().exec_driver_sql("CREATE TABLE many (n INTEGER, data TEXT)")
        assert much.carry_over().waiting == 0 and much.carry_over().done == 0
        with workspace.database.read() as reader:
            reader.connection().exec_driver_sql("SELECT count(*) FROM many").all()
            for _ in range(3):
                with much() as session:
                    rows = [(n, "x" * 6_000) for n in range(1_000)]
                    session.connection().exec_driver_sql("INSERT INTO many VALUES (?, ?)", rows)
            held = much.carry_over()
            assert held.logged >= 3_000 and held.done == 0 and held.waiting >= 3_000
        carried = much.carry_over()
        assert carried.done >= 3_000 and carried.waiting == 0 and carried.seconds > 0
        assert much.carry_over().done == 0, "it is carried over once"


def test_the_log_that_grew_while_somebody_read_is_cut_when_it_begins_anew(tmp_path: Path) -> None:
    database = open_database("a.db", tmp_path)
    log = tmp_path / "a.db-wal"
    with database.write() as session:
        session.execute(text("CREATE TABLE large (octets BLOB)"))
    with database.read() as reader:
        assert reader.execute(text("SELECT count(*) FROM large")).scalar() == 0
        with database.write() as session:
            session.execute(text("INSERT INTO large VALUES (zeroblob(:size))"), {"size": LOG_STAYS + 1_000_000})
        assert log.stat().st_size > LOG_STAYS
    for _ in range(2):  # the first moves it all into the file, the second begins it anew
        with database.write() as session:
            session.execute(text("INSERT INTO large VALUES (1)"))
    assert log.stat().st_size <= LOG_STAYS
    database.close()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_disk_that_is_full_when_the_log_is_carried_over_is_told_in_words(workspace: Workspace) -> None:
    with workspace.database.write_much(carries=True) as much:
        with much() as session:
            session.connection().exec_driver_sql("CREATE TABLE many (n INTEGER, data TEXT)")
        rows = [(n, "x" * 3_000) for n in range(500)]
        for _ in range(4):
            much.carry_over()
            with much() as session:
                session.connection().exec_driver_sql("INSERT INTO many VALUES (?, ?)", rows)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (_file(workspace).stat().st_size, before[1]))
        try:
            with pytest.raises(DatabaseError, match=r"outreach.db.*(full|I/O)") as told:
                much.carry_over()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert told.value.remedy and much.carry_over().waiting == 0, "nothing is lost by it"
    with workspace.database.read() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM many").scalar() == 2_000


def _file(workspace: Workspace) -> Path:
    return workspace.root / "outreach.db"
