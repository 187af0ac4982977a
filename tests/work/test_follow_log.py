"""The relay's log that the daemon reads on by itself: as it grows, is rotated, and where it cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dateutil.tz import tzlocal
from sqlalchemy import update

from outreach.errors import InputError
from outreach.records import Delivery, DeliveryState, Onward
from outreach.work import follow_log
from outreach.work.follow_log import LogFollower, LogNews
from outreach.work.worker import run_once
from outreach.work.workspace import Workspace

from ..store.rows import delivery, lay_edition
from .logging_relay import RelayLog

People = Callable[..., int]


@pytest.fixture
def here(workspace: Workspace, make_customer: People, clock: Any) -> Workspace:
    """Three mails in doubt, and a relay whose log is `relay.log` in the workspace."""
    lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(3)])
    with workspace.database.write() as session:
        session.connection().execute(update(Delivery).values(state=DeliveryState.IN_DOUBT, intent_at=clock.now))
    relay = workspace.settings.relay.model_copy(update={"maillog": "relay.log"})
    return replace(workspace, settings=workspace.settings.model_copy(update={"relay": relay}))


@pytest.fixture
def log(workspace: Workspace, clock: Any) -> RelayLog:
    return RelayLog(workspace, (clock.now - timedelta(minutes=30)).astimezone(tzlocal()))


def grow(log: RelayLog, path: Path, ending: str = "\n") -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write("\n".join(log.lines) + ending)
    log.lines.clear()


def states(workspace: Workspace) -> list[DeliveryState]:
    return [delivery(workspace, number).state for number in (1, 2, 3)]


SENT, DOUBT = DeliveryState.SENT, DeliveryState.IN_DOUBT


def test_what_is_added_is_read_at_each_look_and_a_line_that_is_being_written_waits(
    here: Workspace, log: RelayLog
) -> None:
    path, follower = here.root / "relay.log", LogFollower(here)
    queue = log.taken(delivery(here, 1))
    grow(log, path)
    assert follower.look() == LogNews(settled=1)
    log.answered(queue, "p0@example.com")
    log.taken(delivery(here, 2))
    grow(log, path, ending="")
    assert follower.look() == LogNews(accepted=1), "the queue id's mail is known from the look before"
    assert states(here) == [SENT, DOUBT, DOUBT]
    grow(log, path)
    assert follower.look() == LogNews(settled=1)
    assert follower.look() == LogNews()


@pytest.mark.parametrize("name", ["relay.log.1", "relay.log-20261201", "relay-20261201.log"])
def test_the_rest_of_a_log_that_was_rotated_away_is_read_first(here: Workspace, log: RelayLog, name: str) -> None:
    path, follower = here.root / "relay.log", LogFollower(here)
    grow(log, path)
    follower.look()
    queue = log.taken(delivery(here, 1))
    grow(log, path)
    path.rename(here.root / name)
    log.answered(queue, "p0@example.com")
    grow(log, path)
    assert follower.look() == LogNews(settled=1, accepted=1)
    path.write_text("")
    log.taken(delivery(here, 2))
    grow(log, path)
    assert follower.look() == LogNews(settled=1), "a log that was cut off and begun again is read from its beginning"
    assert delivery(here, 1).onward is Onward.ACCEPTED


def test_a_new_process_begins_a_little_before_the_end(
    here: Workspace, log: RelayLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = here.root / "relay.log"
    log.taken(delivery(here, 1))
    grow(log, path)
    old = path.stat().st_size
    log.taken(delivery(here, 2))
    grow(log, path)
    monkeypatch.setattr(follow_log, "BACK", path.stat().st_size - old + 10)
    assert LogFollower(here).look() == LogNews(settled=1)
    assert states(here) == [DOUBT, SENT, DOUBT]


def test_a_round_of_the_daemon_reads_it_and_tells_where_it_cannot(here: Workspace, log: RelayLog) -> None:
    done = run_once(here)
    [trouble] = [trouble for trouble in done.troubles if trouble.job == "maillog"]
    assert isinstance(trouble.error, InputError)
    assert "relay.log: cannot be read" in str(trouble.error)
    log.taken(delivery(here, 1))
    grow(log, here.root / "relay.log")
    assert run_once(here).results["maillog"] == LogNews(settled=1)
