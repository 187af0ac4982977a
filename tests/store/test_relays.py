"""Relays' health is shared: what one process learns another sees, and only one of them tries a resting relay."""

from __future__ import annotations

import threading
from datetime import timedelta

from outreach.delivery.breaker import FAILURES, Health, after_bad, after_good, probe
from outreach.records import BreakerState
from outreach.store.relays import Relayed, begin_relay, change_health, relay_states
from outreach.work.workspace import Workspace
from tests.conftest import HandClock


def fail(workspace: Workspace, name: str, times: int = 1) -> None:
    for _ in range(times):
        with workspace.database.write() as session:
            change_health(session, name, lambda health: after_bad(health, workspace.clock(), "no connection"))


def states(workspace: Workspace) -> dict[str, Relayed]:
    with workspace.database.read() as session:
        return relay_states(session)


def test_a_relay_that_was_never_used_is_not_there_and_one_that_was_is(workspace: Workspace) -> None:
    assert states(workspace) == {}
    fail(workspace, "one")
    assert states(workspace)["one"].health == Health(failures=1, last_bad_at=workspace.clock(), reason="no connection")


def test_failures_told_by_many_at_once_are_all_counted(workspace: Workspace) -> None:
    threads = [threading.Thread(target=fail, args=(workspace, "one"), daemon=True) for _ in range(FAILURES - 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states(workspace)["one"].health.failures == FAILURES - 1
    fail(workspace, "one")
    assert states(workspace)["one"].health.breaker is BreakerState.OPEN


def test_only_one_of_many_that_ask_at_once_may_try_a_resting_relay(workspace: Workspace, clock: HandClock) -> None:
    fail(workspace, "one", FAILURES)
    clock.advance(minutes=1)
    won: list[Health] = []

    def ask() -> None:
        with workspace.database.write() as session:
            tried = change_health(session, "one", lambda health: probe(health, workspace.clock()))
        if tried is not None:
            won.append(tried)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert states(workspace)["one"].health.breaker is BreakerState.HALF_OPEN
    with workspace.database.write() as session:
        change_health(session, "one", lambda health: after_good(health, workspace.clock()))
    assert states(workspace)["one"].health.breaker is BreakerState.CLOSED


def test_a_warm_ups_first_day_begins_once(workspace: Workspace, clock: HandClock) -> None:
    begun = clock.now
    with workspace.database.write() as session:
        assert begin_relay(session, "one", clock()) == begun
    clock.advance(days=3)
    with workspace.database.write() as session:
        assert begin_relay(session, "one", clock()) == begun
    assert states(workspace)["one"].since == begun
    assert clock() - begun == timedelta(days=3)
