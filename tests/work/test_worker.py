"""The daemon: its heartbeat, its lanes, its lock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from outreach.errors import DatabaseError, NeedsPerson, RelayError
from outreach.work import worker
from outreach.work.lock import daemon_lock_file
from outreach.work.worker import Heart, Job, Round, only_daemon, run_forever, run_once
from outreach.work.workspace import Workspace


def wait_for(condition: object, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


@contextmanager
def daemon(
    workspace: Workspace, jobs: list[Job], tell: Callable[[Round], object], *, let_go: Callable[[], object] = bool
) -> Iterator[None]:
    """A daemon that works at `jobs` and is told to stop in the end, also where the test fails; then `let_go`."""
    stop = threading.Event()
    running = threading.Thread(
        target=run_forever, args=(workspace, stop, tell), kwargs={"jobs": jobs}, daemon=True, name="daemon"
    )
    running.start()
    try:
        yield
    finally:
        stop.set()
        let_go()
        running.join(timeout=30)
    assert not running.is_alive()


def fail(error: Exception) -> None:
    raise error


def test_one_round_does_every_job_though_some_fail(workspace: Workspace) -> None:
    jobs = [
        Job("first", "a", 1, lambda: fail(RelayError("no relay"))),
        Job("second", "a", 1, lambda: fail(ZeroDivisionError("a fault of ours"))),
        Job("third", "a", 1, lambda: fail(NeedsPerson("paused"))),
        Job("last", "a", 1, lambda: 7),
    ]
    done = run_once(workspace, jobs=jobs)
    assert done.results == {"last": 7}
    assert [(one.job, one.expected, one.waits) for one in done.troubles] == [
        ("first", True, False),
        ("second", False, False),
        ("third", True, True),
    ]
    assert "ZeroDivisionError" in done.troubles[1].details


def test_a_round_in_an_empty_workspace_does_nothing_and_finds_no_trouble(workspace: Workspace) -> None:
    for part in ("new", "cur", "tmp"):
        (workspace.root / "inbox" / part).mkdir(parents=True, exist_ok=True)
    done = run_once(workspace)
    assert done.troubles == []
    usual = ["replies", "cases", "trends", "publish", "sequences", "waves", "send", "stops", "follow_up", "alerts"]
    assert list(done.results) == usual


@pytest.mark.sqlite
def test_a_second_daemon_is_refused_with_the_first_ones_number(workspace: Workspace) -> None:
    with only_daemon(workspace):
        with pytest.raises(DatabaseError, match=r"process \d+\) already serves outreach.db") as told:
            run_forever(workspace, threading.Event(), print)
        assert "run --once" in told.value.remedy
    with only_daemon(workspace):
        pass


@pytest.mark.sqlite
def test_a_daemon_that_cannot_make_its_lock_says_so_with_a_remedy(workspace: Workspace) -> None:
    """In a folder that is mounted read-only it ended in a traceback."""
    assert workspace.database.path is not None
    daemon_lock_file(workspace.root, workspace.database.path).mkdir()
    with pytest.raises(DatabaseError, match="cannot be locked: Is a directory") as told:
        run_forever(workspace, threading.Event(), print)
    assert "right to write" in told.value.remedy


def test_the_daemon_beats_on_after_a_failure_and_stops_when_told(workspace: Workspace) -> None:
    rounds, tries = list[Round](), iter(range(1000))

    def shaky() -> int:
        number = next(tries)
        if number == 0:
            raise OSError("the disk hiccups")
        return number

    with daemon(workspace, [Job("shaky", "a", 1, shaky)], rounds.append):
        wait_for(lambda: any(done.results for done in rounds))
    assert rounds[0].troubles and rounds[1].results == {"shaky": 1}


def test_who_cannot_tell_of_a_job_does_not_end_its_lane(
    workspace: Workspace, capfd: pytest.CaptureFixture[str]
) -> None:
    done = [0]

    def work() -> None:
        done[0] += 1

    def mute(_round: Round) -> None:
        raise TypeError("no words")

    with daemon(workspace, [Job("it", "a", 1, work)], mute):
        wait_for(lambda: done[0] >= 2)
    assert "no words" in capfd.readouterr().err


def test_a_long_job_does_not_hold_up_another_lane_nor_run_beside_itself(workspace: Workspace) -> None:
    release = threading.Event()
    running, most, short = [0], [0], [0]

    def long() -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        release.wait()
        running[0] -= 1

    def quick() -> None:
        short[0] += 1

    jobs = [Job("long", "out", 1, long), Job("quick", "in", 1, quick)]
    with daemon(workspace, jobs, lambda _: None, let_go=release.set):
        wait_for(lambda: short[0] >= 3)
        assert (running[0], most[0]) == (1, 1)


def test_a_clock_that_is_set_back_an_hour_does_not_stop_the_heart() -> None:
    beats: list[int] = []
    heart = Heart([(1, lambda: beats.append(1))])
    assert len(beats) == 1
    for job in heart._ticker.jobs:
        job.next_run = datetime.now() + timedelta(hours=1)  # as `schedule` sees it after the clocks went back
    heart.beat()
    wait_for(lambda: heart.beat() or len(beats) >= 2, seconds=3)


def test_the_usual_lanes_keep_publishing_and_replies_apart_from_sending(workspace: Workspace) -> None:
    jobs = {job.name: job for job in worker.usual_jobs(workspace, threading.Event())}
    assert len({jobs["publish"].lane, jobs["send"].lane, jobs["replies"].lane}) == 3
    assert jobs["replies"].seconds == workspace.settings.replies.every_seconds
