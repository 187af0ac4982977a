"""A worker that stands still for longer than its lease, and wakes up: what it held is somebody else's by then."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from outreach.records import DeliveryState

from ..servers import Sink, start_sink
from .crowd import Crowd, assert_nobody_lost_nobody_twice, carriers_of, count_in, gather, states_by_message

LEASE = 5


def freeze(process: subprocess.Popen[bytes], lock: Path) -> None:
    """Stop the process at a moment when it does not hold the database's write lock: then others could not go on."""
    for _ in range(500):
        os.kill(process.pid, signal.SIGSTOP)
        with lock.open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.kill(process.pid, signal.SIGCONT)
                time.sleep(0.01)
                continue
        return
    raise AssertionError("it held the lock all the time")


def wait_for(sink: Sink, count: int, process: subprocess.Popen[bytes]) -> None:
    while sink.count() < count:
        assert process.poll() is None
        time.sleep(0.005)


def wake_and_compare(
    crowd: Crowd, sink: Sink, frozen: list[subprocess.Popen[bytes]], people: int, carriers: list[int] | None = None
) -> None:
    """Wake them: they must send nothing, and the replies that waited for them settle what was in doubt.

    Who was stopped between an intent and its dot sends no dot, and says so: that one stays in doubt.
    """
    taken = sink.count()
    for pid in [*(carriers or ()), *(process.pid for process in frozen)]:
        os.kill(pid, signal.SIGCONT)
    for process in frozen:
        process.communicate(timeout=60)
    assert sink.count() == taken, "a frozen worker sent something after it woke up"
    workspace = crowd.open()
    assert_nobody_lost_nobody_twice(workspace, [str(one["message_id"]) for one in sink.taken()], people)
    states = states_by_message(workspace)
    arrived = {str(one["message_id"]) for one in sink.taken()}
    doubtful = {message for message, state in states.items() if state is DeliveryState.IN_DOUBT}
    assert not doubtful & arrived, "its replies were there: they settle what was in doubt"
    workspace.database.close()


@pytest.mark.long
@pytest.mark.parametrize(
    ("processes", "whole"), [("1", False), ("3", False), ("3", True)], ids=["alone", "the desk", "desk and carriers"]
)
def test_a_frozen_worker_that_wakes_up_sends_nothing_more_and_its_late_replies_count(
    tmp_path: Path, processes: str, whole: bool
) -> None:
    people = 60
    settings = {"OUTREACH_SENDING__LEASE_SECONDS": str(LEASE), "OUTREACH_SENDING__PROCESSES": processes}
    with start_sink(tmp_path / "sink.log", "--dot-delay", "0.3") as sink:
        crowd = gather(tmp_path / "acme", sink.port, people, **settings)
        with crowd.start("send", "news", "--yes") as frozen:
            wait_for(sink, 8, frozen)
            freeze(frozen, crowd.root / "outreach.db.lock")
            carriers = carriers_of(frozen.pid) if whole else []
            for carrier in carriers:
                os.kill(carrier, signal.SIGSTOP)
            workspace = crowd.open()
            in_the_air = count_in(workspace, DeliveryState.INFLIGHT)
            time.sleep(LEASE + 0.5)
            status, said = crowd.run("send", "news", "--yes")
            assert status == 3, said
            assert f"{in_the_air} in doubt" in said
            assert count_in(workspace, DeliveryState.IN_DOUBT) == in_the_air > 0
            assert count_in(workspace, DeliveryState.SENT) == people - in_the_air
            workspace.database.close()
            wake_and_compare(crowd, sink, [frozen], people, carriers)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_four_workers_of_which_three_freeze_past_their_lease_write_to_everybody_once(tmp_path: Path) -> None:
    people = 900
    with start_sink(tmp_path / "sink.log", "--dot-delay", "0.2") as sink, ExitStack() as living:
        crowd = gather(tmp_path / "acme", sink.port, people, OUTREACH_SENDING__LEASE_SECONDS=str(LEASE))
        assert crowd.run("send", "news")[0] == 3, "planned, and nobody said yes"
        workers = [living.enter_context(crowd.start("send", "news", "--yes")) for _ in range(4)]
        wait_for(sink, 60, workers[0])
        for number, process in enumerate(workers[:3]):
            freeze(process, crowd.root / "outreach.db.lock")
            wait_for(sink, 60 + 30 * (number + 1), workers[3])
        workers[3].communicate(timeout=200)
        time.sleep(LEASE + 0.5)
        status, said = crowd.run("send", "news", "--yes")
        assert status in (0, 3), said
        wake_and_compare(crowd, sink, workers[:3], people)


def test_carriers_do_not_outlive_their_desk_not_even_one_that_stands_still(tmp_path: Path) -> None:
    people = 80
    with start_sink(tmp_path / "sink.log", "--dot-delay", "0.05") as sink:
        crowd = gather(tmp_path / "acme", sink.port, people, OUTREACH_SENDING__PROCESSES="3")
        with crowd.start("send", "news", "--yes") as desk:
            wait_for(sink, 10, desk)
            carriers = carriers_of(desk.pid)
            assert len(carriers) == 2
            os.kill(carriers[0], signal.SIGSTOP)
            desk.kill()
        deadline = time.monotonic() + 10
        while any(is_carrier(pid) for pid in carriers):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        status, said = crowd.run("send", "news", "--yes")
        workspace = crowd.open()
        assert status == (3 if count_in(workspace, DeliveryState.IN_DOUBT) else 0), said
        assert_nobody_lost_nobody_twice(workspace, [str(one["message_id"]) for one in sink.taken()], people)
        workspace.database.close()


def is_carrier(pid: int) -> bool:
    """Whether this process still carries mail; a dead one that nobody has waited for has no command line."""
    try:
        return b"outreach.work.carrier" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
