"""Two people and cron at the same instant: one occasion is planned once and sent once."""

from __future__ import annotations

from pathlib import Path

from outreach.records import DeliveryState

from ..servers import start_sink
from .crowd import assert_nobody_lost_nobody_twice, count_in, gather


def test_two_sends_and_a_cron_job_at_once_write_to_nobody_twice(tmp_path: Path) -> None:
    people = 400
    with start_sink(tmp_path / "sink.log", "--dot-delay", "0.01") as sink:
        crowd = gather(tmp_path / "acme", sink.port, people)
        together = [
            crowd.start("send", "news", "--yes"),
            crowd.start("run", "--once"),
            crowd.start("send", "news", "--yes"),
        ]
        ends = []
        for process in together:
            out, _ = process.communicate(timeout=120)
            ends.append((process.returncode, out.decode()))
        assert all("Traceback" not in said for _, said in ends), ends
        assert ends[0][0] in (0, 3) and ends[2][0] in (0, 3), ends
        workspace = crowd.open()
        assert_nobody_lost_nobody_twice(workspace, [str(one["message_id"]) for one in sink.taken()], people)
        assert count_in(workspace, DeliveryState.SENT) == people
        workspace.database.close()
