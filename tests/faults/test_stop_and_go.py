"""Pause, resume, cancel and SIGTERM in the middle of an edition: within a second, and nobody is repeated or skipped."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path
from subprocess import Popen

import pytest

from outreach.records import DeliveryState

from ..cli.inside import outreach
from ..servers import Sink, start_sink
from .crowd import CONNECTIONS, Crowd, assert_nobody_lost_nobody_twice, count_in, gather, only_account

SECOND = 1.0


def until(sink: Sink, count: int, process: Popen[bytes]) -> None:
    """Wait until so many mails were taken, or the process has ended."""
    while sink.count() < count and process.poll() is None:
        time.sleep(0.005)


def last_after(sink: Sink, instant: float) -> float:
    """How many seconds after `instant` (time.time) the last mail was taken; 0 where none was after it."""
    return max([float(str(one["at"])) - instant for one in sink.taken()] + [0.0])


def quiet_after(crowd: Crowd, sink: Sink, *words: str) -> None:
    """Give a command that stops mail; within a second of its end nothing more may be taken."""
    ended = outreach(crowd.root, *words)
    done = time.time()
    assert ended.returncode == 0, ended
    time.sleep(SECOND + 0.3)
    assert last_after(sink, done) <= SECOND
    before = sink.count()
    time.sleep(0.5)
    assert sink.count() == before


def stop_and_go(folder: Path, people: int, pauses: int) -> None:
    dice = random.Random(11)
    with start_sink(folder / "sink.log", "--dot-delay", "0.03") as sink:
        crowd = gather(folder / "acme", sink.port, people)
        for number in range(pauses):
            with crowd.start("send", "news", "--yes") as process:
                until(sink, sink.count() + dice.randint(1, people // (pauses + 1)), process)
                if number % 2:
                    process.send_signal(signal.SIGTERM)
                    asked = time.monotonic()
                    process.communicate(timeout=30)
                    assert time.monotonic() - asked < 5
                    continue
                quiet_after(crowd, sink, "campaigns", "pause", "news")
                process.communicate(timeout=30)
            assert outreach(crowd.root, "send", "news", "--yes").returncode == 3, "it is paused"
            assert outreach(crowd.root, "campaigns", "resume", "news").returncode == 0
        status, said = crowd.run("send", "news", "--yes")
        assert status == 0, said
        workspace = crowd.open()
        assert_nobody_lost_nobody_twice(workspace, [str(one["message_id"]) for one in sink.taken()], people)
        assert count_in(workspace, DeliveryState.SENT) == people, "none of these stops leaves a doubt"
        workspace.database.close()


def test_a_paused_edition_goes_on_where_it_stopped(tmp_path: Path) -> None:
    stop_and_go(tmp_path, 300, 1)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_twelve_stops_neither_repeat_nor_skip_anybody(tmp_path: Path) -> None:
    stop_and_go(tmp_path, 3000, 12)


def test_a_cancelled_edition_stops_within_a_second_and_the_rest_is_accounted_for(tmp_path: Path) -> None:
    people = 1500
    with start_sink(tmp_path / "sink.log", "--dot-delay", "0.02") as sink:
        crowd = gather(tmp_path / "acme", sink.port, people)
        with crowd.start("send", "news", "--yes") as process:
            until(sink, 40, process)
            quiet_after(crowd, sink, "campaigns", "cancel", "news", "--yes")
            process.communicate(timeout=30)
        workspace = crowd.open()
        one = only_account(workspace)
        assert one.adds_up
        taken = sink.count()
        assert 40 <= taken < people
        assert one.counts[DeliveryState.SENT] == taken
        assert one.counts[DeliveryState.CANCELLED] == people - taken
        assert one.counts[DeliveryState.IN_DOUBT] <= CONNECTIONS
        workspace.database.close()
