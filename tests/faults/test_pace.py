"""Limits that several processes share, by the relay's own log: two `send` together keep to one limit a second."""

from __future__ import annotations

import re
from pathlib import Path

from ..servers import start_sink
from ..timing.test_pace import most_within
from .crowd import assert_nobody_lost_nobody_twice, gather

PEOPLE = 140
LIMIT = 50


def test_two_sends_together_keep_to_fifty_a_second(tmp_path: Path) -> None:
    with start_sink(tmp_path / "sink.log") as sink:
        crowd = gather(
            tmp_path / "acme",
            sink.port,
            PEOPLE,
            OUTREACH_RELAY__PER_SECOND=str(LIMIT),
            OUTREACH_RELAY__CONNECTIONS="2",
            OUTREACH_SENDING__BATCH="40",
        )
        both = [crowd.start("send", "news", "--yes") for _ in range(2)]
        told = [process.communicate(timeout=110)[0].decode() for process in both]
        taken = sink.taken()
    times = [float(one["at"]) for one in taken]
    assert most_within(times, 1.0) <= LIMIT
    assert max(times) - min(times) >= (PEOPLE - 1) / LIMIT
    assert_nobody_lost_nobody_twice(crowd.open(), [str(one["message_id"]) for one in taken], PEOPLE)
    shares = [int(found[1]) for found in (re.search(r"Sent (\d+) now", words) for words in told) if found]
    assert sum(shares) == PEOPLE, told
