"""Several machines with one outbox on PostgreSQL, and kill -9 of some: nobody is lost, nobody is written to twice.

Each machine has a folder of its own, so that none sees another's processes; the relay's own log is the truth. What a
dead machine held comes back when it starts again, or when its lease has run out.
"""

from __future__ import annotations

import random
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from outreach.records import DeliveryState
from outreach.work.workspace import Workspace

from ..servers import Sink, start_sink
from .crowd import CONNECTIONS, Crowd, assert_nobody_lost_nobody_twice, count_in, gather
from .test_together import a_minute_ago

pytestmark = [pytest.mark.needs_debian, pytest.mark.parametrize("backend", ["postgresql"], indirect=True)]
LEASE = 5
GOING = (DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.INFLIGHT, DeliveryState.DEFERRED)


class Machine:
    """A machine of the crowd: its folder, and the daemon that runs there."""

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.said = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *words: str) -> None:
        self._process = self.crowd.start(*(words or ("run",)))

    def kill(self) -> bool:
        """kill -9; whether it met a living process."""
        return self._end(signal.SIGKILL) == -signal.SIGKILL

    def stop(self) -> None:
        """End it in good order; it must have got so far that it hears a signal."""
        if self._process is not None and self._process.stdout is not None:
            self.said += self._process.stdout.readline().decode()  # "Serving …": from then on it hears signals
        assert self._end(signal.SIGTERM) == 0, self.said

    def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(how)
        assert self._process.stdout is not None
        self.said += self._process.stdout.read().decode()
        self._process.stdout.close()
        status, self._process = self._process.wait(60), None
        return status

    @property
    def sent(self) -> int:
        """How many mails it said that it sent."""
        return sum(int(number) for number in re.findall(r"send: (\d+) sent", self.said))


@contextmanager
def park(folder: Path, sink: Sink, url: str, count: int, people: int) -> Iterator[tuple[list[Machine], Workspace]]:
    """`count` machines whose campaign has just come due, and the workspace as the first one sees it."""
    lease = {"OUTREACH_SENDING__LEASE_SECONDS": str(LEASE)}
    first = gather(folder / "m0", sink.port, people, schedule=a_minute_ago(), database=url, **lease)
    machines = [Machine(first)]
    for number in range(1, count):
        shutil.copytree(first.root, folder / f"m{number}")
        machines.append(Machine(replace(first, root=folder / f"m{number}")))
    workspace = first.open()
    try:
        yield machines, workspace
    finally:
        for machine in machines:
            machine.kill()
        workspace.database.close()


def wait_for(sink: Sink, count: int, seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while sink.count() < count:
        assert time.monotonic() < until, f"only {sink.count()} of {count} came"
        time.sleep(0.005)


def wait_until_done(workspace: Workspace, seconds: float) -> None:
    until = time.monotonic() + seconds
    while left := count_in(workspace, *GOING):
        assert time.monotonic() < until, f"{left} are still to go"
        time.sleep(0.1)


def settle(workspace: Workspace, machines: Sequence[Machine], sink: Sink, people: int, kills: int) -> None:
    """Wait for the end, stop all, and compare."""
    wait_until_done(workspace, 120)
    for machine in machines:
        machine.stop()
    wrong = [machine.said[-4000:] for machine in machines if "Traceback" in machine.said or "failed" in machine.said]
    assert not wrong, "\n".join(wrong)
    assert_nobody_lost_nobody_twice(workspace, [str(one["message_id"]) for one in sink.taken()], people)
    assert count_in(workspace, DeliveryState.IN_DOUBT) <= kills * CONNECTIONS


def test_two_machines_share_an_outbox_and_one_is_killed_and_comes_back(tmp_path: Path, database_url: str) -> None:
    people = 300
    with (
        start_sink(tmp_path / "sink.log", "--dot-delay", "0.02") as sink,
        park(tmp_path, sink, database_url, 2, people) as (machines, workspace),
    ):
        for machine in machines:
            machine.start()
        wait_for(sink, people // 3)
        assert machines[0].kill()
        machines[0].start()
        settle(workspace, machines, sink, people, kills=1)
        assert machines[1].sent > 0, machines[1].said


@pytest.mark.long
@pytest.mark.timeout(300)
def test_what_a_machine_held_that_never_comes_back_is_taken_over_when_its_lease_has_run_out(
    tmp_path: Path, database_url: str
) -> None:
    people = 400
    with (
        start_sink(tmp_path / "sink.log", "--dot-delay", "0.05") as sink,
        park(tmp_path, sink, database_url, 2, people) as (machines, workspace),
    ):
        for machine in machines:
            machine.start()
        wait_for(sink, people // 3)
        assert machines[0].kill()
        settle(workspace, machines, sink, people, kills=1)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_four_machines_and_sixteen_kills_over_four_thousand_people(tmp_path: Path, database_url: str) -> None:
    people, kills, dice = 4000, 16, random.Random(5)
    with (
        start_sink(tmp_path / "sink.log", "--dot-delay", "0.02") as sink,
        park(tmp_path, sink, database_url, 4, people) as (machines, workspace),
    ):
        for machine in machines:
            machine.start()
        met = 0
        for number in range(kills):
            wait_for(sink, int(people * 0.9 * (number + 1) / (kills + 1)))
            machine = dice.choice(machines)
            met += machine.kill()
            machine.start(*(("run",) if dice.random() < 0.7 else ("send", "news", "--yes")))
        assert met >= kills - 2
        for machine in machines:
            machine.kill()
            machine.start()
        settle(workspace, machines, sink, people, kills + len(machines))


@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.long)])
def test_rounds_from_cron_on_several_machines_in_the_same_instant_send_one_occasion_once(
    tmp_path: Path, database_url: str, count: int
) -> None:
    people = 100
    with (
        start_sink(tmp_path / "sink.log", "--dot-delay", "0.01") as sink,
        park(tmp_path, sink, database_url, count, people) as (machines, workspace),
    ):
        together = [machine.crowd.start("run", "--once") for machine in machines]
        ends = [(process.communicate(timeout=90)[0].decode(), process.returncode) for process in together]
        assert all(status == 0 and "Traceback" not in said for said, status in ends), ends
        for _ in range(3):  # whoever came a moment too early for the planning comes again, as cron does
            if count_in(workspace, DeliveryState.SENT) < people:
                machines[0].crowd.run("run", "--once")
        assert_nobody_lost_nobody_twice(workspace, [str(one["message_id"]) for one in sink.taken()], people)
        assert count_in(workspace, DeliveryState.SENT) == people
