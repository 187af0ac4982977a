"""The mark beside the database: a copy of it from before the last mail or the last wish to leave is noticed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlmodel import select

from outreach.address import sign_token
from outreach.errors import DatabaseError, NeedsPerson
from outreach.records import Delivery
from outreach.store.backup import copy_database
from outreach.web.unsubscribe import leave
from outreach.work.epoch import EPOCH, advance, read_mark
from outreach.work.send import send_open
from outreach.work.workspace import Workspace, accept_database, check_may_send, open_workspace

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
