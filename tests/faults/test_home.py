"""Whoever notes where a workspace lives is killed at each step, and the clock jumps: a copy of the folder never sends.

The law of `work.home`: a copy is told from the first one, and the first one is never taken for a copy.
"""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from outreach.errors import NeedsPerson
from outreach.work.workspace import Workspace, accept_database, check_may_send, open_workspace, settle_home

from ..conftest import HandClock
from .test_registers import Death, live


def send_here(root: Path, clock: HandClock) -> None:
    with closing((workspace := open_workspace(root, clock)).database):
        settle_home(workspace)


def assert_only_the_first_sends(root: Path, copy: Path, clock: HandClock, *, asks: bool) -> None:
    """A copy is refused; the first one goes on, where nobody was asked before."""
    shutil.copytree(root, copy)
    with pytest.raises(NeedsPerson):
        send_here(copy, clock)
    if asks:
        with closing((workspace := open_workspace(root, clock)).database):
            accept_database(workspace)
    send_here(root, clock)
    shutil.rmtree(copy)


@pytest.mark.parametrize("leap", [timedelta(), timedelta(days=-1), timedelta(days=365)], ids=["", "back", "ahead"])
def test_a_copy_is_refused_wherever_the_acceptance_was_killed(
    workspace: Workspace, clock: HandClock, tmp_path: Path, leap: timedelta
) -> None:
    settle_home(workspace)
    workspace.database.close()
    number = deaths = 0
    clock.now += leap
    while True:
        number += 1
        for when in ("before", "after"):
            ended = live(workspace.root, clock, lambda here, _: accept_database(here), Death(number, when))
            if ended == 0:
                assert deaths >= 4
                assert_only_the_first_sends(workspace.root, tmp_path / "copy", clock, asks=False)
                return
            deaths += 1
            with closing((again := open_workspace(workspace.root, clock)).database):
                asks = may_not_send(again)
            assert_only_the_first_sends(workspace.root, tmp_path / "copy", clock, asks=asks)


def may_not_send(workspace: Workspace) -> bool:
    try:
        check_may_send(workspace)
    except NeedsPerson:
        return True
    return False


def test_two_that_begin_at_once_note_one_home_and_a_copy_is_refused(
    workspace: Workspace, clock: HandClock, tmp_path: Path
) -> None:
    workspace.database.close()
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                send_here(workspace.root, clock)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    assert_only_the_first_sends(workspace.root, tmp_path / "copy", clock, asks=False)
