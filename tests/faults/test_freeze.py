"""A worker that stands still for longer than its lease, and wakes up: what it held is somebody else's by then."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from outreach.records import DeliveryState

from ..servers import start_sink
from .crowd import assert_nobody_lost_nobody_twice, count_in, gather

LEASE = 5


def freeze(process: subprocess.Popen[bytes], lock: Path) -> None:
    """Stop the process at a moment when it does not hold the database's write lock: then others could not go on."""
    for _ in range(200):
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


@pytest.mark.long
@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_frozen_worker_that_wakes_up_sends_nothing_more_and_its_late_replies_count(
    tmp_path: Path, processes: str
) -> None:
    people = 60
    settings = {"OUTREACH_SENDING__LEASE_SECONDS": str(LEASE), "OUTREACH_SENDING__PROCESSES": processes}
    with start_sink(tmp_path / "sink.log", "--dot-delay", "0.3") as sink:
        crowd = gather(tmp_path / "acme", sink.port, people, **settings)
        with crowd.start("send", "news", "--yes") as frozen:
            while len(sink.taken()) < 8:
                assert frozen.poll() is None
                time.sleep(0.005)
            freeze(frozen, crowd.root / "outreach.db.lock")
            workspace = crowd.open()
            in_the_air = count_in(workspace, DeliveryState.INFLIGHT)
            time.sleep(LEASE + 0.5)
            status, said = crowd.run("send", "news", "--yes")
            assert status == 0, said
            assert f"{in_the_air} in doubt" in said
            assert count_in(workspace, DeliveryState.IN_DOUBT) == in_the_air > 0
            assert count_in(workspace, DeliveryState.SENT) == people - in_the_air
            taken = len(sink.taken())
            os.kill(frozen.pid, signal.SIGCONT)
            frozen.communicate(timeout=60)
        assert len(sink.taken()) == taken, "the frozen worker sent something after it woke up"
        assert_nobody_lost_nobody_twice(workspace, [str(one["message_id"]) for one in sink.taken()], people)
        assert count_in(workspace, DeliveryState.IN_DOUBT) == 0, "its replies were there: they settle what was in doubt"
        workspace.database.close()
