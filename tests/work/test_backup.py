"""Backups: whole while everything runs, and checked; the way back pauses until a person says go."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlmodel import select

from outreach.address import KeyRing, new_key_ring, read_key_ring, write_key_ring
from outreach.errors import DatabaseError, InputError, NeedsPerson, OutreachError
from outreach.records import Customer, MailboxMark, MailingList
from outreach.settings import FILE
from outreach.store.backup import copy_database
from outreach.work.archive import read_archive
from outreach.work.backup import back_up_workspace
from outreach.work.epoch import EPOCH
from outreach.work.health import check_health
from outreach.work.life import daemon_life
from outreach.work.presence import Presence
from outreach.work.restore import restore_workspace
from outreach.work.worker import only_daemon
from outreach.work.workspace import KEYS, Workspace, accept_database, check_may_send, open_workspace, workspace_row
from outreach.workdays import utc_now

from ..cli.inside import outreach
from ..conftest import BOTH, HandClock
from ..faults.crowd import gather
from ..made import make_workspace
from ..servers import start_sink


def names_in(archive: Path) -> set[str]:
    with tarfile.open(archive) as tar:
        return set(tar.getnames())


def lists(workspace: Workspace) -> list[str]:
    with workspace.database.read() as session:
        return sorted(session.exec(select(MailingList.name)))


def add_list(workspace: Workspace, name: str) -> None:
    with workspace.database.write() as session:
        session.add(MailingList(name=name, title=name, created_at=workspace.clock()))


@pytest.mark.sqlite
def test_a_backup_holds_all_that_cannot_be_made_again_and_is_its_owners_alone(
    workspace: Workspace, clock: HandClock
) -> None:
    root = workspace.root
    (root / "dkim").mkdir()
    (root / "dkim" / "s1.pem").write_text("a key")
    (root / "relay.password").write_text("secret")
    text = (root / FILE).read_text().replace('password_file = ""', 'password_file = "relay.password"', 1)
    (root / FILE).write_text(text)
    made = back_up_workspace(root, clock=clock)
    assert made.file == root / "backups" / "acme-20261201T100000Z.tar.gz"
    assert stat.S_IMODE(made.file.stat().st_mode) == 0o600
    held = names_in(made.file)
    assert {"database.db", FILE, KEYS, EPOCH, "dkim/s1.pem", "relay.password"} <= held
    assert any(name.startswith("templates/tips/") for name in held)
    assert not any("inbox" in name or "backups" in name for name in held)
    beside = {path.name for path in made.file.parent.iterdir()}
    assert beside == {made.file.name, "acme.stops"}, "beside it only what later stops are added to"


@pytest.mark.sqlite
def test_a_backup_made_while_others_write_is_whole_and_does_not_begin_anew(
    workspace: Workspace, tmp_path: Path
) -> None:
    now = workspace.clock()
    rows = [
        {
            "public_id": f"p{number}",
            "address": f"p{number}@example.com",
            "address_key": f"k{number}",
            "attributes": {"padding": "x" * 500},
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }
        for number in range(20_000)
    ]
    with workspace.database.write() as session:
        session.connection().execute(insert(Customer), rows)
    stop, written = threading.Event(), list[int]()

    def write() -> None:
        while not stop.is_set():
            with workspace.database.write() as session:
                session.add(MailboxMark(mailbox=f"box-{len(written)}"))
            written.append(1)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    steps: list[tuple[int, int]] = []

    def step(done: int, total: int) -> None:
        steps.append((done, total))
        time.sleep(0.01)

    try:
        before = len(written)
        copy_database(workspace.database, tmp_path / "copy.db", step)
        during = len(written) - before
    finally:
        stop.set()
        writer.join()
    assert during > 3, "writers did not wait"
    assert [done for done, _ in steps] == sorted(done for done, _ in steps) and steps[-1][0] == steps[-1][1]
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM customer").fetchone() == (20_000,)
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


def test_only_the_newest_are_kept_and_what_has_another_name_is_left_alone(
    workspace: Workspace, clock: HandClock, tmp_path: Path
) -> None:
    other = tmp_path / "beta-20200101T000000Z.tar.gz"
    other.write_text("another workspace's")
    (tmp_path / "acme-notes.txt").write_text("mine")
    for _ in range(4):
        made = back_up_workspace(workspace.root, tmp_path, keep=2, clock=clock)
        clock.advance(days=1)
    kept = sorted(path.name for path in tmp_path.glob("acme-2*"))
    assert kept == ["acme-20261203T100000Z.tar.gz", "acme-20261204T100000Z.tar.gz"]
    assert [path.name for path in made.removed] == ["acme-20261202T100000Z.tar.gz"]
    assert other.exists() and (tmp_path / "acme-notes.txt").exists()


@pytest.mark.sqlite
def test_backups_to_be_kept_make_the_folder_that_is_not_there_yet(
    workspace: Workspace, clock: HandClock, tmp_path: Path
) -> None:
    """It became a file of that name, and the next night's backup was refused since that exists."""
    for _ in range(2):
        made = back_up_workspace(workspace.root, tmp_path / "new" / "backups", keep=14, clock=clock)
        assert made.file.parent == tmp_path / "new" / "backups"
        clock.advance(days=1)
    named = tmp_path / "mine.tar.gz"
    assert back_up_workspace(workspace.root, named, keep=14, clock=clock).file == named


def put_keys(root: Path, ring: KeyRing) -> None:
    (root / KEYS).unlink()
    write_key_ring(root / KEYS, ring)


@pytest.mark.sqlite
def test_backups_of_another_workspace_whose_folder_is_called_the_same_are_left_alone(
    workspace: Workspace, clock: HandClock, tmp_path: Path
) -> None:
    theirs = []
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        make_workspace(tmp_path / place / "acme")
        put_keys(tmp_path / place / "acme", new_key_ring())
        theirs.append(back_up_workspace(tmp_path / place / "acme", tmp_path, keep=1, clock=clock).file)
        clock.advance(days=1)
    made = back_up_workspace(workspace.root, tmp_path, keep=1, clock=clock)
    assert made.removed == () and all(path.exists() for path in theirs)
    ring = read_key_ring(workspace.root / KEYS)
    put_keys(workspace.root, replace(ring, signing=ring.signing | {2: b"x" * 32}, current=2))
    clock.advance(days=1)
    assert back_up_workspace(workspace.root, tmp_path, keep=1, clock=clock).removed == (made.file,)
    assert all(path.exists() for path in theirs)


def test_a_file_that_exists_is_never_written_over(workspace: Workspace, tmp_path: Path) -> None:
    target = tmp_path / "mine.tar.gz"
    target.write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        back_up_workspace(workspace.root, target)
    assert target.read_text() == "mine"


SHORT = """
import resource, signal, sys
from pathlib import Path
from outreach.cli.app import app
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
sys.exit(app())
"""


@pytest.mark.parametrize("room", [100_000, 4_000_000])
def test_a_disk_that_fills_in_the_middle_leaves_no_half_file(workspace: Workspace, tmp_path: Path, room: int) -> None:
    (workspace.root / "templates" / "large.bin").write_bytes(os.urandom(6_000_000))
    target = tmp_path / "copies" / "full.tar.gz"
    command = [sys.executable, "-c", SHORT, str(room), "-w", str(workspace.root), "backup", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.startswith("error: ") and "room" in done.stderr.lower()
    assert list(target.parent.iterdir()) == []


@BOTH
def test_what_was_restored_is_as_it_was_and_sends_nothing_until_a_person_says_go(
    workspace: Workspace, clock: HandClock
) -> None:
    add_list(workspace, "before")
    made = back_up_workspace(workspace.root, clock=clock)
    keys = (workspace.root / KEYS).read_bytes()
    add_list(workspace, "after")
    (workspace.root / KEYS).write_bytes(b"lost")
    done = restore_workspace(workspace.root, made.file, clock=clock)
    assert lists(workspace) == ["before", "customers"], "whoever had it open sees the restored database"
    assert (workspace.root / KEYS).read_bytes() == keys
    again = open_workspace(workspace.root, clock)
    with pytest.raises(NeedsPerson, match="restored backup"):
        check_may_send(again)
    with again.database.read() as session:
        assert workspace_row(session).paused_at is not None, "other machines see it in the database"
    accept_database(again)
    check_may_send(again)
    again.database.close()
    assert done.aside is not None and (done.aside / KEYS).read_bytes() == b"lost"
    if workspace.database.is_sqlite:
        with closing(sqlite3.connect(done.aside / "outreach.db")) as old:
            assert ("after",) in old.execute("SELECT name FROM mailing_list").fetchall()
    else:
        assert (done.aside / "database.dump").stat().st_size > 10_000
    assert not list(workspace.root.glob(".restore-*"))


@BOTH
def test_resume_is_no_go_for_a_restored_backup(workspace: Workspace, clock: HandClock, tmp_path: Path) -> None:
    """Nor does it say that mail goes on: only the other command stops again whoever said stop since the backup."""
    made = back_up_workspace(workspace.root, tmp_path, clock=clock)
    workspace.database.close()
    restore_workspace(workspace.root, made.file, clock=clock)
    done = outreach(workspace.root, "resume")
    assert done.returncode == 3 and "goes on" not in done.stdout
    assert "doctor --accept-database" in done.stderr
    back = open_workspace(workspace.root, clock)
    with closing(back.database), back.database.read() as session:
        assert workspace_row(session).paused_at is not None


@pytest.mark.sqlite
def test_a_backup_goes_back_into_an_empty_folder_and_over_a_damaged_database(
    workspace: Workspace, clock: HandClock, tmp_path: Path
) -> None:
    add_list(workspace, "before")
    made = back_up_workspace(workspace.root, tmp_path, clock=clock)
    assert restore_workspace(tmp_path / "new", made.file, clock=clock).aside is None
    fresh = open_workspace(tmp_path / "new", clock)
    assert lists(fresh) == ["before", "customers"]
    with pytest.raises(NeedsPerson):
        check_may_send(fresh)
    fresh.database.close()
    workspace.database.close()
    (workspace.root / "outreach.db").write_bytes(b"garbage" * 10_000)
    done = restore_workspace(workspace.root, made.file, clock=clock)
    assert done.aside is not None and (done.aside / "outreach.db").read_bytes().startswith(b"garbage")
    assert lists(workspace) == ["before", "customers"]


@BOTH
def test_nothing_is_restored_under_a_daemon_or_a_sender(workspace: Workspace, clock: HandClock) -> None:
    made = back_up_workspace(workspace.root, clock=clock)
    mark = (workspace.root / EPOCH).read_bytes()
    if workspace.database.is_sqlite:
        with only_daemon(workspace), pytest.raises(DatabaseError, match="already serves") as told:
            restore_workspace(workspace.root, made.file, clock=clock)
        assert "Stop it" in told.value.remedy
    else:
        with daemon_life(replace(workspace, clock=utc_now), "daemon"), pytest.raises(DatabaseError, match="at work"):
            restore_workspace(workspace.root, made.file, clock=clock)
    with Presence(workspace.root, "send-1"), pytest.raises(DatabaseError, match="send-1 is at work"):
        restore_workspace(workspace.root, made.file, clock=clock)
    assert (workspace.root / EPOCH).read_bytes() == mark
    assert not list(workspace.root.glob("before-restore-*"))


def forge(archive: Path, target: Path, change: str) -> None:
    """A copy of an archive with one thing wrong."""
    with tarfile.open(archive) as tar:
        parts = {entry.name: tar.extractfile(entry).read() for entry in tar}  # type: ignore[union-attr]
    told = json.loads(parts["manifest.json"])
    if change == "digest":
        parts[KEYS] = parts[KEYS][:-2] + b"x\n"
    elif change == "path":
        parts["../escaped"] = b"x"
        told["files"]["../escaped"] = [1, "x"]
    elif change == "extra":
        parts["surprise"] = b"x"
    elif change == "missing":
        del parts["database.db"]
    elif change == "newer":
        told["format"] = 99
    elif change == "fields":
        told["surprise"] = 1
    parts["manifest.json"] = json.dumps(told).encode()
    with tarfile.open(target, "w:gz") as tar:
        for name, data in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


@pytest.mark.sqlite
@pytest.mark.parametrize("change", ["digest", "path", "extra", "missing", "newer", "fields"])
def test_an_archive_that_is_not_what_it_says_changes_nothing(workspace: Workspace, tmp_path: Path, change: str) -> None:
    made = back_up_workspace(workspace.root, tmp_path)
    forged = tmp_path / "forged.tar.gz"
    forge(made.file, forged, change)
    before = {path: path.stat().st_mtime_ns for path in workspace.root.rglob("*")}
    with pytest.raises(InputError):
        restore_workspace(workspace.root, forged)
    assert not (tmp_path / "escaped").exists() and not (workspace.root.parent / "escaped").exists()
    after = {path: path.stat().st_mtime_ns for path in workspace.root.rglob("*")}
    assert {path for path in before if path != workspace.root} == {path for path in after if path != workspace.root}


def test_a_cut_or_foreign_file_is_told_as_such(workspace: Workspace, tmp_path: Path) -> None:
    made = back_up_workspace(workspace.root, tmp_path)
    whole = made.file.read_bytes()
    for data in (whole[: len(whole) // 2], b"hello", b"", gzip.compress(b"hello")):
        (tmp_path / "odd.tar.gz").write_bytes(data)
        with pytest.raises(InputError, match=r"odd\.tar\.gz"):
            read_archive(tmp_path / "odd.tar.gz", None)
    with pytest.raises(OutreachError):
        restore_workspace(workspace.root, tmp_path / "nowhere.tar.gz")


def test_a_backup_restored_in_the_middle_of_a_run_sends_nothing_until_a_person_says_go(tmp_path: Path) -> None:
    with start_sink(tmp_path / "sink.log", "--dot-delay", "0.2") as sink:
        crowd = gather(tmp_path / "acme", sink.port, 400)
        with crowd.start("send", "news", "--yes") as process:
            wait_for(lambda: len(sink.taken()) > 20)
            made = back_up_workspace(crowd.root, tmp_path)
            wait_for(lambda: len(sink.taken()) > 40)
            with pytest.raises(DatabaseError, match="is at work"):
                restore_workspace(crowd.root, made.file)
            process.send_signal(signal.SIGKILL)
            process.wait()
        restore_workspace(crowd.root, made.file)
        before = len(sink.taken())
        status, said = crowd.run("run", "--once")
        assert status == 3 and "restored backup" in said, said
        workspace = crowd.open()
        assert [found.check for found in check_health(workspace) if found.level == "bad"] == ["sending"]
        assert len(sink.taken()) == before
        accept_database(workspace)
        check_may_send(workspace)
        workspace.database.close()


def wait_for(condition: object, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until, "it never happened"
        time.sleep(0.005)
