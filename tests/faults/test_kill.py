"""kill -9 in the middle of an edition, again and again: nobody is lost, nobody is written to twice.

The truth is the relay's own log: it is written before the relay says 250. What was taken without our knowing it must
be in doubt, and in doubt may be at most one delivery per open connection and kill.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from outreach.records import DeliveryState

from ..servers import Sink, start_sink
from .crowd import CONNECTIONS, Crowd, assert_nobody_lost_nobody_twice, count_in, gather


def kill_repeatedly(crowd: Crowd, sink: Sink, kills: int, planned: int, seed: int) -> int:
    """Kill `send` that many times, each after a few more mails were taken; how many were in the air at the kills."""
    dice = random.Random(seed)
    doubtful = killed = 0
    for number in range(kills):
        before = sink.count()
        enough = before + dice.randint(1, max(2, 2 * (planned - before) // (kills - number + 2)))
        with crowd.start("send", "news", "--yes") as process:
            while process.poll() is None and sink.count() < min(enough, planned - 1):
                time.sleep(0.002)
            process.kill()
            killed += process.wait() == -signal.SIGKILL
        workspace = crowd.open()
        in_the_air = count_in(workspace, DeliveryState.INFLIGHT)
        assert in_the_air <= CONNECTIONS
        doubtful += in_the_air
        workspace.database.close()
    assert killed >= max(1, kills - 1), f"only {killed} of {kills} kills met a living process"
    return doubtful


def campaign_of_kills(folder: Path, *, people: int, kills: int, seed: int, **settings: str) -> None:
    with start_sink(folder / "sink.log", "--dot-delay", "0.01") as sink:
        crowd = gather(folder / "acme", sink.port, people, **settings)
        doubtful = kill_repeatedly(crowd, sink, kills, people, seed)
        status, said = crowd.run("send", "news", "--yes")
        assert status == (3 if doubtful else 0), said
        workspace = crowd.open()
        taken = [str(record["message_id"]) for record in sink.taken()]
        assert_nobody_lost_nobody_twice(workspace, taken, people)
        assert count_in(workspace, DeliveryState.IN_DOUBT) == doubtful
        workspace.database.close()


def test_a_send_that_is_killed_twice_loses_nobody_and_writes_to_nobody_twice(tmp_path: Path) -> None:
    campaign_of_kills(tmp_path, people=300, kills=2, seed=1)


def test_so_it_is_where_other_processes_carry_the_mail(tmp_path: Path) -> None:
    """The desk is killed: its carriers see the end of their pipe, and no dot of theirs follows."""
    campaign_of_kills(tmp_path, people=200, kills=1, seed=3, OUTREACH_SENDING__PROCESSES="3")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_twenty_kills_over_two_thousand_people_in_one_process(tmp_path: Path) -> None:
    campaign_of_kills(tmp_path, people=2000, kills=20, seed=2, OUTREACH_SENDING__PROCESSES="1")


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_two_hundred_kills_over_twenty_thousand_people(tmp_path: Path) -> None:
    campaign_of_kills(tmp_path, people=20_000, kills=200, seed=4, OUTREACH_SENDING__PROCESSES="3")


@pytest.mark.parametrize("whole_group", [True, False], ids=["as a terminal or systemd does", "to the desk alone"])
def test_a_send_with_carriers_that_is_told_to_stop_leaves_nobody_in_doubt(tmp_path: Path, whole_group: bool) -> None:
    people = 120
    with start_sink(tmp_path / "sink.log", "--dot-delay", "0.05") as sink:
        crowd = gather(tmp_path / "acme", sink.port, people, OUTREACH_SENDING__PROCESSES="3")
        with crowd.start("send", "news", "--yes", start_new_session=True) as process:
            while process.poll() is None and sink.count() < 20:
                time.sleep(0.005)
            (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT if whole_group else signal.SIGTERM)
            process.communicate(timeout=30)
        workspace = crowd.open()
        assert 20 <= count_in(workspace, DeliveryState.SENT) == sink.count() < people
        assert count_in(workspace, DeliveryState.QUEUED) == people - sink.count()
        status, said = crowd.run("send", "news", "--yes")
        assert status == 0, said
        taken = [str(record["message_id"]) for record in sink.taken()]
        assert_nobody_lost_nobody_twice(workspace, taken, people)
        assert count_in(workspace, DeliveryState.IN_DOUBT) == 0
        workspace.database.close()
