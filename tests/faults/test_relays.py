"""Killed with -9 again and again while two relays carry, one of which dies: nobody lost, nobody twice, by both logs."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from outreach.records import DeliveryState

from ..servers import start_sink
from .crowd import assert_nobody_lost_nobody_twice, count_in, gather

SECOND = """
[[relays]]
name = "second"
host = "127.0.0.1"
port = {port}
connections = 8
weight = 2
"""


@pytest.mark.long
@pytest.mark.parametrize("processes", ["1", "3"])
def test_two_relays_and_many_kills(tmp_path: Path, processes: str) -> None:
    people, kills, chance = 1500, 12, random.Random(7)
    with (
        start_sink(tmp_path / "first.log", "--dot-delay", "0.01") as first,
        start_sink(tmp_path / "second.log", "--dot-delay", "0.01") as second,
    ):
        crowd = gather(tmp_path / "acme", first.port, people, OUTREACH_SENDING__PROCESSES=processes)
        file = crowd.root / "outreach.toml"
        text = file.read_text().replace("catcher = true", "catcher = false")
        file.write_text(text.replace("[public]", SECOND.format(port=second.port) + "\n[public]", 1))
        for number in range(kills):
            sending = crowd.start("send", "news", "--yes", start_new_session=True)
            before = first.count() + second.count()
            deadline = time.monotonic() + 20
            while first.count() + second.count() < before + 40 and sending.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            time.sleep(chance.random() * 0.1)
            if number == kills // 2:
                first.process.kill()
            os.killpg(sending.pid, signal.SIGKILL)
            sending.communicate()
        status, told = crowd.run("send", "news", "--yes")
        taken = [str(one["message_id"]) for sink in (first, second) for one in sink.taken()]
    workspace = crowd.open()
    assert status == (3 if count_in(workspace, DeliveryState.IN_DOUBT) else 0), told
    assert_nobody_lost_nobody_twice(workspace, taken, people)
    assert first.count() and second.count() > people / 3
