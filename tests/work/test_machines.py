"""Several machines on one PostgreSQL: each has a mark of its own, and a restored backup stops all of them (I10)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import text

from outreach.errors import NeedsPerson
from outreach.records import LANES
from outreach.store.lanes import COMMON
from outreach.work.epoch import EPOCH, advance, raise_turn, read_mark
from outreach.work.workspace import Workspace, accept_database, check_may_send, open_workspace

pytestmark = [pytest.mark.needs_debian, pytest.mark.parametrize("backend", ["postgresql"], indirect=True)]


@pytest.fixture
def other(workspace: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    """The same workspace on another machine: a copy of the folder, the same database."""
    shutil.copytree(workspace.root, tmp_path / "other")
    opened = open_workspace(tmp_path / "other", workspace.clock)
    yield opened
    opened.database.close()


def work(workspace: Workspace, times: int) -> None:
    for _ in range(times):
        with workspace.database.write() as session:
            advance(session, workspace.root)


def turn(workspace: Workspace) -> int:
    mark = read_mark(workspace.root)
    assert mark is not None
    return mark.turn


def put_back(workspace: Workspace, turn: int, epoch: str = "") -> None:
    """What restoring an older backup does to the workspace's row."""
    with workspace.database.write() as session:
        run = session.connection().execute
        run(text("UPDATE lane SET turn = :turn WHERE id = 0"), {"turn": turn})
        run(text("UPDATE workspace SET paused_at = NULL, pause_reason = ''"))
        if epoch:
            run(text("UPDATE workspace SET epoch = :epoch"), {"epoch": epoch})


def test_a_machine_that_is_behind_may_send_and_catches_up_by_looking(workspace: Workspace, other: Workspace) -> None:
    work(workspace, 5)
    assert (turn(workspace), turn(other)) == (5, 0)
    check_may_send(other)
    assert turn(other) == 5
    work(other, 1)
    check_may_send(workspace)
    assert (turn(workspace), turn(other)) == (6, 6)


def test_a_machine_that_only_looked_sees_the_backup_too(workspace: Workspace, other: Workspace) -> None:
    work(workspace, 5)
    check_may_send(other)
    put_back(workspace, 3)
    with pytest.raises(NeedsPerson, match="restored backup"):
        check_may_send(other)


def test_whoever_sees_the_backup_stops_those_who_cannot(workspace: Workspace, other: Workspace) -> None:
    work(workspace, 5)
    put_back(workspace, 3)
    with pytest.raises(NeedsPerson, match="restored backup"):
        check_may_send(workspace)
    with pytest.raises(NeedsPerson, match="--accept-database"):
        check_may_send(other)


def test_a_person_accepts_once_for_all_and_each_machine_takes_the_new_name_over(
    workspace: Workspace, other: Workspace
) -> None:
    work(workspace, 5)
    check_may_send(other)
    put_back(workspace, 3)
    with pytest.raises(NeedsPerson):
        check_may_send(workspace)
    accept_database(workspace)
    check_may_send(workspace)
    with pytest.raises(NeedsPerson, match="--accept-database"):
        check_may_send(other)
    accept_database(other)
    for one in (workspace, other):
        check_may_send(one)
        work(one, 1)
    check_may_send(workspace)


def test_a_new_machine_without_a_mark_waits_for_a_person_and_stops_nobody(
    workspace: Workspace, other: Workspace
) -> None:
    (other.root / EPOCH).unlink()
    with pytest.raises(NeedsPerson):
        check_may_send(other)
    check_may_send(workspace)
    accept_database(other)
    check_may_send(other)
    check_may_send(workspace)


def test_two_that_commit_at_once_wait_for_nobody_and_each_lane_is_compared(
    workspace: Workspace, other: Workspace
) -> None:
    with workspace.database.keep_writing() as one, other.database.keep_writing() as two:
        assert len({one.lane, two.lane, COMMON}) == 3
        with one.write():
            ours = raise_turn(one, workspace.root)
            with two.write():
                theirs = raise_turn(two, other.root)
            theirs()
        ours()
    check_may_send(workspace)
    check_may_send(other)
    assert (turn(workspace), turn(other)) == (2, 2)
    with workspace.database.write() as session:  # a copy that misses what one of them did, and has more of the other
        run = session.connection().execute
        run(text("UPDATE lane SET turn = 0 WHERE id = :lane"), {"lane": one.lane})
        run(text("UPDATE lane SET turn = 9 WHERE id = :lane"), {"lane": two.lane})
    with pytest.raises(NeedsPerson, match="restored backup"):
        check_may_send(workspace)


def test_where_all_lanes_are_taken_one_is_shared(workspace: Workspace) -> None:
    with ExitStack() as many:
        lanes = [many.enter_context(workspace.database.keep_writing()).lane for _ in range(LANES + 1)]
    assert sorted(lanes[: LANES - 1]) == list(range(1, LANES))
    assert set(lanes[LANES - 1 :]) <= set(range(1, LANES))
    with workspace.database.keep_writing() as later:
        assert later.lane in range(1, LANES)
