"""Limits and slow-downs are shared by all processes, and nothing is kept of a domain that is well."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from outreach.store.pace import (
    DOMAIN,
    RELAY,
    forget_idle,
    hold_slots,
    paces,
    pause_domain,
    resume_domain,
    return_permits,
    slow_down,
    speed_up,
    take_permits,
    troubled_domains,
)
from outreach.timing.pace import Limits
from outreach.timing.slowdown import FLOOR, LEAST_RATE, REST
from outreach.work.workspace import Workspace
from tests.conftest import HandClock

GMAIL = f"{DOMAIN}abc"


def take(workspace: Workspace, key: str, limits: Limits, wanted: int) -> int:
    with workspace.database.write() as session:
        return take_permits(session, key, limits, wanted, workspace.clock()).count


def test_takers_in_many_threads_get_the_limit_between_them(workspace: Workspace) -> None:
    counts: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: counts.append(take(workspace, f"{RELAY}one", Limits(minute=100), 30)), daemon=True
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 100
    assert take(workspace, f"{RELAY}two", Limits(minute=100), 30) == 30


def test_permits_given_back_can_be_taken_by_another(workspace: Workspace) -> None:
    assert take(workspace, GMAIL, Limits(minute=10), 10) == 10
    assert take(workspace, GMAIL, Limits(minute=10), 1) == 0
    with workspace.database.write() as session:
        return_permits(session, GMAIL, 4, workspace.clock(), workspace.clock())
    assert take(workspace, GMAIL, Limits(minute=10), 10) == 4


def test_a_domain_that_asks_is_slowed_down_and_recovers_until_nothing_is_left_to_say(
    workspace: Workspace, clock: HandClock
) -> None:
    with workspace.database.write() as session:
        row = slow_down(session, GMAIL, "gmail.com", "421 4.7.28 unusual rate", 300, clock())
    assert (row.factor, row.base, row.label) == (0.5, 300, "gmail.com")
    with workspace.database.read() as session:
        assert troubled_domains(session, clock())["abc"].reason == "421 4.7.28 unusual rate"
    for _ in range(10):
        clock.advance(minutes=1)
        with workspace.database.write() as session:
            factor = speed_up(session, GMAIL, clock())
    assert factor == 1.0
    with workspace.database.read() as session:
        assert troubled_domains(session, clock()) == {}


def test_a_domain_that_refuses_even_the_slowest_pace_is_left_alone_for_a_while(
    workspace: Workspace, clock: HandClock
) -> None:
    for _ in range(6):
        with workspace.database.write() as session:
            row = slow_down(session, GMAIL, "gmail.com", "4.7.0", 3, clock())
        clock.advance(seconds=30)
    assert (row.factor, row.base) == (FLOOR, LEAST_RATE)
    assert row.paused_until == clock() - timedelta(seconds=30) + REST


def test_a_person_lets_a_paused_domain_go_on(workspace: Workspace, clock: HandClock) -> None:
    with workspace.database.write() as session:
        pause_domain(session, GMAIL, "gmail.com", clock() + timedelta(hours=1), "a storm of bounces", clock())
    with workspace.database.read() as session:
        assert troubled_domains(session, clock())["abc"].paused_until == clock() + timedelta(hours=1)
    with workspace.database.write() as session:
        assert resume_domain(session, GMAIL, clock())
        assert not resume_domain(session, GMAIL, clock())
        assert not resume_domain(session, f"{DOMAIN}never", clock())
    with workspace.database.read() as session:
        assert troubled_domains(session, clock()) == {}


@pytest.mark.parametrize("limit", [1, 2, 5, 10])
def test_workers_share_the_connections_to_a_domain(workspace: Workspace, clock: HandClock, limit: int) -> None:
    def hold(worker: str, busy: int = 0) -> int:
        with workspace.database.write() as session:
            return hold_slots(session, GMAIL, worker, wanted=10, busy=busy, limit=limit, now=clock())

    first = hold("a")
    assert first == limit
    assert hold("b", 0) == 0, "all are in use"
    first = hold("a", busy=first)
    assert hold("b") == 0, "those in use count until they end"
    first = hold("a", busy=first // 2)
    second = hold("b")
    assert first + second <= limit
    clock.advance(seconds=11)
    assert hold("b") == limit, "a worker that is silent has none any more"


def test_rows_about_which_there_is_nothing_to_say_are_forgotten(workspace: Workspace, clock: HandClock) -> None:
    take(workspace, GMAIL, Limits(minute=10), 1)
    take(workspace, f"{RELAY}one", Limits(minute=10), 1)
    with workspace.database.write() as session:
        slow_down(session, f"{DOMAIN}slow", "slow.example", "4.7.0", 3, clock())
    clock.advance(days=3)
    take(workspace, f"{DOMAIN}fresh", Limits(minute=10), 1)
    with workspace.database.write() as session:
        forget_idle(session, clock() - timedelta(days=2))
    with workspace.database.read() as session:
        left = paces(session, [GMAIL, f"{RELAY}one", f"{DOMAIN}slow", f"{DOMAIN}fresh"])
    assert set(left) == {f"{RELAY}one", f"{DOMAIN}slow", f"{DOMAIN}fresh"}
