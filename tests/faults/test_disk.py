"""The disk fails at moments of chance: full (ENOSPC) or broken (EIO), at writes and at fsync (libfiu, real command).

A commit that failed is followed by no dot; whoever was in the air then is in doubt, and the next run finishes the rest.
"""

from __future__ import annotations

import errno
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from outreach.records import DeliveryState

from ..servers import start_sink
from .crowd import CONNECTIONS, Crowd, assert_nobody_lost_nobody_twice, count_in, gather

POINTS = (("posix/io/rw/pwrite",), ("posix/io/sync/fdatasync",), ("posix/io/rw/pwrite", "posix/io/sync/fdatasync"))
needs_fiu = pytest.mark.skipif(shutil.which("fiu-run") is None, reason="apt-get install fiu-utils")


def send_on_a_failing_disk(crowd: Crowd, log: Path, folder: Path, dice: random.Random) -> tuple[int, str]:
    """Start a send, and after a few mails more let one in so many calls fail; how it ended."""
    control = folder / "fiu"
    command = ["fiu-run", "-x", "-f", str(control)]
    with crowd.start("send", "news", "--yes", before=command) as process:
        enough = log.stat().st_size + dice.randint(1, 20_000) if log.exists() else 1
        while process.poll() is None and (not log.exists() or log.stat().st_size < enough):
            time.sleep(0.002)
        fault = f"failinfo={dice.choice((errno.ENOSPC, errno.EIO))},probability={dice.choice((0.3, 0.05, 0.01))}"
        for point in dice.choice(POINTS):
            order = f"enable_random name={point},{fault}"
            subprocess.run(["fiu-ctrl", "-f", str(control), "-c", order, str(process.pid)], check=False, timeout=10)
        out, _ = process.communicate(timeout=120)
        return process.returncode, out.decode()


def failing_disks(folder: Path, people: int, times: int) -> int:
    """So many sends on a disk that fails; how many of them it stopped."""
    dice = random.Random(3)
    stopped = doubtful = 0
    with start_sink(folder / "sink.log", "--dot-delay", "0.005") as sink:
        crowd = gather(folder / "acme", sink.port, people)
        for _ in range(times):
            status, said = send_on_a_failing_disk(crowd, sink.log, folder, dice)
            assert status in (0, 1, 3) and "Traceback" not in said, said
            stopped += status == 1
            workspace = crowd.open()
            assert count_in(workspace, DeliveryState.INFLIGHT) <= CONNECTIONS
            doubtful += CONNECTIONS
            workspace.database.close()
        status, said = crowd.run("send", "news", "--yes")
        assert status in (0, 3), said
        workspace = crowd.open()
        assert_nobody_lost_nobody_twice(workspace, [str(one["message_id"]) for one in sink.taken()], people)
        assert count_in(workspace, DeliveryState.IN_DOUBT) <= doubtful
        workspace.database.close()
    return stopped


@needs_fiu
@pytest.mark.needs_debian
def test_a_disk_that_fails_in_the_middle_stops_the_send_and_the_next_one_finishes(tmp_path: Path) -> None:
    assert failing_disks(tmp_path, 200, 1) == 1


@needs_fiu
@pytest.mark.needs_debian
@pytest.mark.long
@pytest.mark.timeout(900)
def test_forty_sends_on_a_disk_that_fails_at_random(tmp_path: Path) -> None:
    stopped = failing_disks(tmp_path, 6000, 40)
    print(f"40 sends on a failing disk, {stopped} stopped by it: 0 lost, 0 twice")
    assert stopped > 10
