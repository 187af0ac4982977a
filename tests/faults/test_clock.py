"""The clock is set while `outreach run` lives: nobody twice, nothing lost, each occurrence once, and it is said.

A real daemon of this program sees the time through libfaketime, whose file the test changes; the seconds that really
pass (the monotonic clocks) stay true, as they do on a machine whose clock is set.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from outreach.records import Campaign, Delivery, DeliveryState, Edition, EditionState
from outreach.store.database import check_integrity
from outreach.work.compose import apply_campaign
from outreach.work.schedules import settle_schedules
from outreach.work.steady import span_words
from outreach.work.workspace import open_workspace

from ..servers import Sink, start_sink
from ..servers.debian import TRIPLET, NotToBeHad, unpacked
from .crowd import CAMPAIGN, Crowd, gather

PEOPLE = 160
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LEAPS = [HOUR, -HOUR, -DAY, 365 * DAY]
SOON = timedelta(minutes=40)
"""So long after the start the daily campaign falls due: only a clock that is set brings it about in this test."""
PATIENCE = 90.0


SLEEP = """\
import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds) and None
"""
"""libfaketime 0.9.10 takes Python's sleep until a monotonic instant for one until a faked instant, and refuses it."""


def faked(clock: Path) -> dict[str, str]:
    """What a process needs to see the time by the file `clock`."""
    try:
        root = unpacked("faketime", ["libfaketime"])
    except NotToBeHad as wrong:
        pytest.skip(str(wrong))
    (clock.parent / "sitecustomize.py").write_text(SLEEP)
    paths = [str(clock.parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep), str(Path(__file__).parents[2])]
    return {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "LD_PRELOAD": str(root / "usr/lib" / TRIPLET / "faketime/libfaketimeMT.so.1"),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_CACHE_DURATION": "1",
    }


def set_clock(clock: Path, off: timedelta) -> None:
    """Set the daemon's clock to so much off the true time."""
    fresh = clock.with_suffix(".new")
    fresh.write_text(f"{int(off.total_seconds()):+d}\n")
    fresh.rename(clock)


def wait_for(what: str, happened: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < until, f"waited {PATIENCE:.0f} s for this in vain: {what}"
        time.sleep(0.1)


def add_daily(crowd: Crowd, at: datetime) -> None:
    """A campaign of every day at this hour."""
    workspace = open_workspace(crowd.root, lambda: datetime.now(UTC) - timedelta(minutes=5))
    file = crowd.root / "daily.md"
    front = f"schedule: every day at {at:%H:%M}\nzone: UTC\n"
    text = CAMPAIGN.replace("name: news", "name: daily").replace("Something new", "Every day")
    file.write_text(text.replace("kind: news\n", f"kind: news\n{front}"), encoding="utf-8")
    apply_campaign(workspace, file)
    settle_schedules(workspace)
    workspace.database.close()


def start_of_news(root: Path, sink: Sink) -> Crowd:
    """A workspace in which an edition is due at once, and another one in `SOON`; nobody's night is near."""
    now = datetime.now(UTC)
    night = now + timedelta(hours=12)
    crowd = gather(
        root,
        sink.port,
        PEOPLE,
        schedule=f"schedule: at {now - timedelta(minutes=2):%Y-%m-%d %H:%M}\nzone: UTC\n",
        OUTREACH_SENDING__QUIET_FROM=f"{night:%H:%M}",
        OUTREACH_SENDING__QUIET_UNTIL=f"{night + timedelta(minutes=1):%H:%M}",
    )
    add_daily(crowd, now + SOON)
    return crowd


def got(sink: Sink) -> Counter[tuple[str, str]]:
    """How often each recipient got each subject, without the name in it."""
    return Counter((str(one["recipient"]), str(one["subject"]).partition(",")[0]) for one in sink.taken())


@pytest.mark.long
@pytest.mark.needs_debian
@pytest.mark.parametrize("leap", LEAPS, ids=span_words)
def test_a_clock_that_is_set_under_a_living_daemon_repeats_nothing_and_loses_nothing(
    tmp_path: Path, leap: timedelta
) -> None:
    clock, said = tmp_path / "clock", tmp_path / "said"
    set_clock(clock, timedelta())
    environment = faked(clock)
    with start_sink(tmp_path / "sink.log", "--dot-delay", "0.3", "--subjects") as sink, said.open("wb") as output:
        crowd = start_of_news(tmp_path / "acme", sink)
        daemon = replace(crowd, settings=crowd.settings | environment).start("run", before=["env"], stdout=output)
        try:
            wait_for("the edition under way", lambda: sink.count() >= PEOPLE // 8)
            assert sink.count() < PEOPLE, "the edition had gone before the clock was set"
            set_clock(clock, leap)
            words = "365 days ahead" if leap > DAY else f"by {span_words(leap)} while we ran"
            wait_for("the notice", lambda: words in said.read_text())
            if leap < timedelta():
                time.sleep(8)
                assert sink.count() < PEOPLE, "what is planned was to wait for its time"
            else:
                due = 2 if leap == HOUR else 1
                wait_for("the edition's end", lambda: sink.count() >= due * PEOPLE)
                time.sleep(3)
                assert sink.count() == due * PEOPLE, "what is not due by the clock has gone, or something twice"
            set_clock(clock, timedelta())
            wait_for("the rest of the edition", lambda: sink.count() >= PEOPLE)
            time.sleep(5)
            set_clock(clock, SOON + timedelta(minutes=6))
            wait_for("the daily edition", lambda: sink.count() >= 2 * PEOPLE)
            time.sleep(8)
            assert daemon.poll() is None, said.read_text()
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(timeout=60)
        told = said.read_text()
        assert got(sink) == {
            (f"p{number}@example.com", subject): 1
            for number in range(1, PEOPLE + 1)
            for subject in ("Something new", "Every day")
        }, told
    _accounts_add_up(crowd)


def _accounts_add_up(crowd: Crowd) -> None:
    workspace = crowd.open()
    with workspace.database.read() as session:
        editions = session.exec(select(Campaign.name, Edition).join(Edition)).all()
        assert Counter(name for name, _ in editions) == {"news": 1, "daily": 1}
        assert {edition.state for _, edition in editions} <= {EditionState.DONE, EditionState.OPEN}
        states = Counter(session.exec(select(Delivery.state)))
        assert states == {DeliveryState.SENT: 2 * PEOPLE}
        assert check_integrity(session) == []
    workspace.database.close()
