"""Daemons, cron and people at the same instant: one occasion is planned once and sent once, and one daemon stays."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import Popen

import pytest

from outreach.records import DeliveryState

from ..servers import Sink, start_sink
from .crowd import Crowd, assert_nobody_lost_nobody_twice, count_in, gather


def a_minute_ago() -> str:
    """The front matter of a schedule that has just come due."""
    return f"schedule: at {datetime.now(UTC) - timedelta(minutes=1):%Y-%m-%d %H:%M}\nmissed: send\n"


def start_together(crowd: Crowd, daemons: int, sink: Sink, people: int) -> list[tuple[int, str]]:
    """Daemons, cron and two people in the same instant; how each ended once everybody was written to."""
    together: list[Popen[bytes]] = [crowd.start("run") for _ in range(daemons)]
    together += [crowd.start("run", "--once"), *(crowd.start("send", "news", "--yes") for _ in range(2))]
    deadline = time.monotonic() + 90
    while sink.count() < people and time.monotonic() < deadline:
        time.sleep(0.05)
    ends = []
    for process in reversed(together):
        if together.index(process) < daemons:
            process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
        ends.append((process.returncode, out.decode()))
    return ends[::-1]


@pytest.mark.parametrize(
    ("daemons", "people"), [(2, 200), pytest.param(4, 4000, marks=[pytest.mark.long, pytest.mark.timeout(300)])]
)
def test_daemons_cron_and_people_in_the_same_instant_write_to_nobody_twice_and_one_daemon_stays(
    tmp_path: Path, daemons: int, people: int
) -> None:
    with start_sink(tmp_path / "sink.log", "--dot-delay", "0.005") as sink:
        crowd = gather(tmp_path / "acme", sink.port, people, schedule=a_minute_ago())
        ends = start_together(crowd, daemons, sink, people)
        assert all("Traceback" not in said for _, said in ends), ends
        served = [said for status, said in ends[:daemons] if status == 0]
        turned_away = [said for status, said in ends[:daemons] if status == 1]
        assert len(served) == 1 and "Stopped in good order" in served[0], ends
        assert len(turned_away) == daemons - 1
        assert all("another daemon" in said for said in turned_away), ends
        assert all(status in (0, 3) for status, _ in ends[daemons:]), ends
        workspace = crowd.open()
        assert_nobody_lost_nobody_twice(workspace, [str(one["message_id"]) for one in sink.taken()], people)
        assert count_in(workspace, DeliveryState.SENT) == people
        workspace.database.close()
