"""The mark beside the database: a copy of it from before the last mail or the last wish to leave is noticed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import select

from outreach.address import sign_token
from outreach.errors import DatabaseError, NeedsPerson
from outreach.records import Delivery
from outreach.records.workspace import WorkspaceRow
from outreach.store import sqlite
from outreach.store.backup import copy_database
from outreach.web.unsubscribe import leave
from outreach.work.epoch import EPOCH, advance, read_mark
from outreach.work.home import Home, read_home
from outreach.work.send import send_open
from outreach.work.workspace import Workspace, accept_database, check_may_send, open_workspace, settle_home
from outreach.workdays import Clock

from ..servers import start_sink
from ..store.rows import lay_edition
from .sending import arrived, open_plain_press, with_relay


def saved(workspace: Workspace, folder: Path) -> Path:
    """A backup of the database as it is now."""
    copy = folder / "backup.db"
    copy_database(workspace.database, copy)
    return copy


def restored(workspace: Workspace, copy: Path) -> Workspace:
    """The same workspace, opened again on the backup."""
    path = workspace.database.path
    assert path is not None
    workspace.database.close()
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    shutil.copyfile(copy, path)
    return open_workspace(workspace.root, workspace.clock)


@pytest.mark.sqlite
def test_an_older_copy_of_the_same_database_is_noticed(workspace: Workspace, tmp_path: Path) -> None:
    copy = saved(workspace, tmp_path)
    with workspace.database.write() as session:
        advance(session, workspace.root)
    check_may_send(workspace)
    older = restored(workspace, copy)
    with pytest.raises(NeedsPerson, match="restored backup"):
        check_may_send(older)
    accept_database(older)
    check_may_send(older)
    older.database.close()


@pytest.mark.sqlite
def test_a_copy_that_misses_nothing_is_no_trouble(workspace: Workspace, tmp_path: Path) -> None:
    with workspace.database.write() as session:
        advance(session, workspace.root)
    same = restored(workspace, saved(workspace, tmp_path))
    check_may_send(same)
    same.database.close()


@pytest.mark.sqlite
def test_a_copy_from_before_a_wish_to_leave_is_noticed(
    workspace: Workspace, make_customer: Callable[..., int], tmp_path: Path
) -> None:
    lay_edition(workspace, [make_customer("ann@example.com")])
    with workspace.database.read() as session:
        public_id = session.exec(select(Delivery.public_id)).one()
    copy = saved(workspace, tmp_path)
    assert leave(workspace, sign_token(workspace.keys, "unsubscribe", public_id), how="page") is not None
    older = restored(workspace, copy)
    with pytest.raises(NeedsPerson, match="restored backup"):
        check_may_send(older)
    older.database.close()


@pytest.mark.sqlite
def test_a_copy_from_before_the_last_mail_sends_nothing(
    workspace: Workspace, make_customer: Callable[..., int], tmp_path: Path
) -> None:
    lay_edition(workspace, [make_customer("ann@example.com", first_name="Ann")])
    copy = saved(workspace, tmp_path)
    with start_sink(tmp_path / "sink.log") as sink:
        assert send_open(with_relay(workspace, sink.port), press=open_plain_press).sent == 1
        older = restored(workspace, copy)
        with pytest.raises(NeedsPerson, match="restored backup"):
            send_open(with_relay(older, sink.port), press=open_plain_press)
        assert len(arrived(sink)) == 1
    older.database.close()


def test_what_is_rolled_back_leaves_the_mark(workspace: Workspace) -> None:
    before = (workspace.root / EPOCH).read_bytes()
    with pytest.raises(ZeroDivisionError), workspace.database.write() as session:
        advance(session, workspace.root)
        raise ZeroDivisionError
    assert (workspace.root / EPOCH).read_bytes() == before


def test_a_process_that_dies_before_its_mark_is_written_is_no_restored_backup(workspace: Workspace) -> None:
    before = (workspace.root / EPOCH).read_bytes()
    with workspace.database.write() as session:
        advance(session, workspace.root)
    (workspace.root / EPOCH).write_bytes(before)
    check_may_send(workspace)


def test_a_mark_never_goes_back(workspace: Workspace) -> None:
    for _ in range(3):
        with workspace.database.write() as session:
            advance(session, workspace.root)
    mark = read_mark(workspace.root)
    assert mark is not None
    assert mark.turn == 3
    assert len(mark.line()) == (workspace.root / EPOCH).stat().st_size


def test_without_its_mark_an_intent_is_refused_and_a_wish_to_leave_is_kept(workspace: Workspace) -> None:
    (workspace.root / EPOCH).unlink()
    with pytest.raises(DatabaseError, match="cannot be written"), workspace.database.write() as session:
        advance(session, workspace.root)
    with workspace.database.write() as session:
        advance(session, workspace.root, needed=False)


def test_a_mark_from_before_there_were_lanes_tells_of_the_first(workspace: Workspace) -> None:
    with workspace.database.write() as session:
        advance(session, workspace.root)
    mark = read_mark(workspace.root)
    assert mark is not None
    (workspace.root / EPOCH).write_text(f"{mark.epoch} {1:020d}\n")
    check_may_send(workspace)
    assert read_mark(workspace.root) == mark
    (workspace.root / EPOCH).write_text(f"{mark.epoch} {2:020d}\n")
    with pytest.raises(NeedsPerson, match="restored backup"):
        check_may_send(workspace)


def sends_here(folder: Path, clock: Clock, port: int) -> int:
    """How many mails `send` hands over from this folder."""
    workspace = open_workspace(folder, clock)
    try:
        return send_open(with_relay(workspace, port), press=open_plain_press).sent
    finally:
        workspace.database.close()


@pytest.mark.sqlite
@pytest.mark.parametrize("locks", [True, False], ids=["an SQLite that needs a lock", "a newer one"])
def test_a_copy_of_the_folder_does_not_send_beside_the_first_one(
    workspace: Workspace,
    make_customer: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    locks: bool,
) -> None:
    monkeypatch.setattr(sqlite, "has_wal_reset_bug", lambda: locks)
    lay_edition(workspace, [make_customer("ann@example.com", first_name="Ann")])
    with start_sink(tmp_path / "sink.log") as sink:
        assert sends_here(workspace.root, workspace.clock, sink.port) == 1
        lay_edition(workspace, [make_customer("bob@example.com", first_name="Bob")], occasion="once-2")
        copy = tmp_path / "copy"
        shutil.copytree(workspace.root, copy)
        for _ in range(2):
            with pytest.raises(NeedsPerson, match=f"this folder is a copy: it was {workspace.root} on ") as wrong:
                sends_here(copy, workspace.clock, sink.port)
            (copy / "outreach.db.lock").unlink(missing_ok=True)
        assert "doctor --accept-database" in str(wrong.value.remedy)
        assert sends_here(workspace.root, workspace.clock, sink.port) == 1
        assert len(arrived(sink)) == 2


@pytest.mark.sqlite
def test_a_folder_that_moved_for_good_sends_once_a_person_said_so(
    workspace: Workspace, make_customer: Callable[..., int], tmp_path: Path
) -> None:
    lay_edition(workspace, [make_customer("ann@example.com", first_name="Ann")])
    with start_sink(tmp_path / "sink.log") as sink:
        assert sends_here(workspace.root, workspace.clock, sink.port) == 1
        shutil.copytree(workspace.root, tmp_path / "new")
        moved = open_workspace(tmp_path / "new")
        accept_database(moved)
        check_may_send(moved)
        moved.database.close()
        shutil.copytree(tmp_path / "new", tmp_path / "newer")
        with pytest.raises(NeedsPerson, match=str(tmp_path / "new")):
            sends_here(tmp_path / "newer", workspace.clock, sink.port)


@pytest.mark.sqlite
def test_a_folder_whose_name_is_no_text_sends_too(workspace: Workspace, tmp_path: Path) -> None:
    workspace.database.close()
    odd = workspace.root.rename(tmp_path / os.fsdecode(b"caf\xe9"))
    again = open_workspace(odd)
    settle_home(again)
    check_may_send(again)
    with again.database.read() as session:
        assert session.exec(select(WorkspaceRow.home)).one()
    again.database.close()


@pytest.mark.sqlite
def test_a_folder_that_is_renamed_or_put_back_in_its_place_is_no_copy(workspace: Workspace, tmp_path: Path) -> None:
    settle_home(workspace)
    workspace.database.close()
    renamed = workspace.root.rename(tmp_path / "renamed")
    again = open_workspace(renamed)
    check_may_send(again)
    settle_home(again)
    again.database.close()
    shutil.copytree(renamed, tmp_path / "saved")
    shutil.rmtree(renamed)
    shutil.copytree(tmp_path / "saved", renamed)
    back = open_workspace(renamed)
    check_may_send(back)
    back.database.close()


@pytest.mark.parametrize(
    ("number", "machine", "path", "copied"),
    [
        ("7-1", "m", "/srv/acme", False),
        ("7-1", "other", "/data", False),
        ("8-1", "m", "/srv/acme", False),
        ("8-1", "other", "/srv/acme", True),
        ("7-2", "other", "/srv/acme", True),
        ("7-2", "m", "/home/eve/my acme", True),
        ("8-2", "none", "/srv/acme", False),
        ("8-2", "none", "/srv/other", True),
        ("none", "other", "/srv/acme", True),
    ],
)
def test_a_copy_has_another_number_and_lies_in_another_place(
    number: str, machine: str, path: str, copied: bool
) -> None:
    before = read_home(Home("7-1", "m", "host", "/srv/acme").line())
    assert before is not None
    here = read_home(Home(number, machine, "host", path).line())
    assert here is not None and here.path == path
    assert before.is_copied_to(here) is copied


@pytest.mark.parametrize("line", ["", "x", "7-1 m", "7-1 m host"])
def test_a_home_that_nobody_noted_is_none(line: str) -> None:
    assert read_home(line) is None
