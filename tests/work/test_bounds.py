"""What recipients' domains bear, against real servers: their limits hold, and a slow one never holds up the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from outreach.address import domain_key
from outreach.records import BreakerState, Customer, Delivery, DeliveryState
from outreach.settings import DomainLimits
from outreach.store.pace import DOMAIN, pause_domain, troubled_domains
from outreach.store.relays import relay_states
from outreach.work.relays import domain_views, resume_domain_named
from outreach.work.send import SendCounts, send_open
from outreach.work.workspace import Workspace

from ..conftest import START, HandClock
from ..faults.crowd import add_people
from ..servers import Sink, start_sink
from ..servers.fault import Action, FaultServer
from ..store.rows import lay_edition
from .sending import open_plain_press, with_relay

People = Callable[..., int]


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with start_sink(tmp_path / "sink.log") as running:
        yield running


def with_domains(workspace: Workspace, *limits: dict[str, Any]) -> Workspace:
    """The same workspace with these limits of domains."""
    made = tuple(DomainLimits.model_validate(one) for one in limits)
    return replace(workspace, settings=workspace.settings.model_copy(update={"domains": made}))


def crowd(workspace: Workspace, **domains: int) -> int:
    """An edition for so many people of each domain, named with _ for a dot, in this order."""
    first = 1
    for name, count in domains.items():
        add_people(workspace, count, domain=name.replace("_", "."), first=first)
        first += count
    return lay_edition(workspace, list(range(1, first)))


def send(workspace: Workspace, **how: Any) -> SendCounts:
    return send_open(workspace, press=open_plain_press, **how)


def rows_of(workspace: Workspace, domain: str) -> list[Delivery]:
    with workspace.database.read() as session:
        query = (
            select(Delivery)
            .join(Customer, col(Customer.id) == col(Delivery.customer_id))
            .where(col(Customer.address).endswith(f"@{domain}"))
            .order_by(col(Delivery.id))
        )
        return list(session.execute(query).scalars())


def test_a_domain_at_its_limit_waits_with_its_reason_and_the_others_go(
    workspace: Workspace, sink: Sink, clock: HandClock
) -> None:
    here = with_domains(with_relay(workspace, sink.port), {"names": "gmail.com, googlemail.com", "per_minute": 60})
    crowd(here, gmail_com=15, googlemail_com=5, example_com=30)
    assert send(here).sent == 35
    assert {row.state for row in rows_of(here, "example.com")} == {DeliveryState.SENT}
    waiting = [row for row in rows_of(here, "gmail.com") + rows_of(here, "googlemail.com") if row.sent_at is None]
    assert len(waiting) == 15, "a twelfth of a minute's limit goes at once"
    assert {row.state for row in waiting} == {DeliveryState.QUEUED}
    assert {row.evidence for row in waiting} == {"waits for gmail.com, googlemail.com's limit"}
    waits = sorted((row.next_at - clock()).total_seconds() for row in waiting if row.next_at is not None)
    assert len(set(waits)) == 15, "they come back one after the other"
    assert 4 <= waits[0] <= 5 and 18 <= waits[-1] <= 20
    for _ in range(4):
        clock.advance(seconds=6)
        send(here)
    assert sink.count() == 50
    assert {row.reason for row in rows_of(here, "gmail.com")} == {""}


def test_the_default_is_for_each_domain_by_itself(workspace: Workspace, sink: Sink) -> None:
    here = with_domains(
        with_relay(workspace, sink.port),
        {"names": "*", "per_minute": 60},
        {"names": "big.example", "per_minute": 600},
    )
    crowd(here, a_example=20, b_example=20, big_example=20)
    assert send(here).sent == 5 + 5 + 20


def test_a_person_who_sends_waits_for_a_domain_that_takes_more_soon(workspace: Workspace, sink: Sink) -> None:
    here = with_domains(with_relay(workspace, sink.port), {"names": "gmail.com", "per_minute": 60})
    here = replace(here, clock=RunningClock())
    edition = crowd(here, gmail_com=7)
    assert send(here, edition_ids=[edition]).sent == 7


def test_whoever_waits_for_a_busy_relay_or_a_domain_takes_no_cpu_for_it(workspace: Workspace, tmp_path: Path) -> None:
    """With a rule for any domain, it asked again and again, by a whole core, who could send now."""
    with start_sink(tmp_path / "slow.log", "--dot-delay", "0.3") as slow:
        relayed = with_relay(workspace, slow.port, connections=1)
        here = replace(with_domains(relayed, {"names": "gmail.com", "per_minute": 60}), clock=RunningClock())
        edition = crowd(here, gmail_com=4, example_org=6)
        began, worked = time.monotonic(), time.thread_time()
        assert send(here, edition_ids=[edition]).sent == 10
        passed, worked = time.monotonic() - began, time.thread_time() - worked
    assert passed > 2.9
    assert worked < passed / 3, f"{worked:.2f} of {passed:.2f} seconds"


class RunningClock(HandClock):
    """Ten o'clock and running, twenty times as fast as ours."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self) -> datetime:
        return START + timedelta(seconds=20 * (time.monotonic() - self._began))


def test_a_domain_gets_only_so_many_connections(workspace: Workspace, tmp_path: Path, clock: HandClock) -> None:
    with start_sink(tmp_path / "slow.log", "--dot-delay", "0.08") as slow:
        here = with_domains(with_relay(workspace, slow.port, connections=8), {"names": "gmail.com", "connections": 2})
        crowd(here, gmail_com=14, example_com=12)
        while slow.count() < 26:  # what its connections could not carry within a second comes back later
            assert send(here).sent
            clock.advance(seconds=30)
        taken = slow.taken()
    mine = sorted(float(one["at"]) for one in taken if "@gmail.com" in str(one["recipient"]))
    others = sorted(float(one["at"]) for one in taken if "@gmail.com" not in str(one["recipient"]))
    assert all(third - first >= 0.075 for first, third in zip(mine, mine[2:], strict=False))
    assert others[-1] < mine[-1], "the others did not wait"


class Rating(FaultServer):
    """Answers RCPT for slow.example with these actions, one after the other; the last one holds."""

    def __init__(self, *actions: bytes) -> None:
        super().__init__()
        self.actions = list(actions)

    def action(self, verb: str) -> Action:
        if verb == "RCPT" and "@slow.example" in self.heard[-1]:
            return self.actions.pop(0) if len(self.actions) > 1 else self.actions[0]
        return super().action(verb)


TOO_MUCH = b"450 4.7.1 Too many messages, slow down\r\n"
FINE = b"250 2.1.5 Ok\r\n"


@pytest.mark.parametrize("refusal", [TOO_MUCH, b"421 4.7.28 Our system has detected an unusual rate of mail\r\n"])
def test_a_domain_that_asks_is_slowed_down_alone_and_recovers(
    workspace: Workspace, clock: HandClock, refusal: bytes
) -> None:
    with Rating(refusal, FINE) as server:
        here = with_relay(workspace, server.port, connections=1)
        crowd(here, slow_example=30, example_com=20)
        send(here)
        assert {row.state for row in rows_of(here, "example.com")} == {DeliveryState.SENT}
        with here.database.read() as session:
            row = troubled_domains(session, clock())[domain_key(here.keys, "x@slow.example")]
            assert relay_states(session)["main"].health.breaker is BreakerState.CLOSED
        assert (row.factor, row.label) == (0.5, "slow.example")
        assert "4.7" in row.reason
        (view,) = domain_views(here)
        assert (view.name, view.state, view.share) == ("slow.example", "slowed", 0.5)
        before = sum(row.state is DeliveryState.SENT for row in rows_of(here, "slow.example"))
        assert before < 10, "most of its mail waits"
        for _ in range(16):
            clock.advance(minutes=4)
            send(here)
        assert {row.state for row in rows_of(here, "slow.example")} == {DeliveryState.SENT}
        assert 0.5 < domain_views(here)[0].share < 1.0 if domain_views(here) else True


def test_a_paused_domain_waits_until_a_person_resumes_it(workspace: Workspace, sink: Sink, clock: HandClock) -> None:
    here = with_relay(workspace, sink.port)
    crowd(here, slow_example=10, example_com=10)
    key = DOMAIN + domain_key(here.keys, "x@slow.example")
    with here.database.write() as session:
        pause_domain(session, key, "slow.example", clock() + timedelta(hours=1), "a storm of bounces", clock())
    assert send(here).sent == 10
    rows = rows_of(here, "slow.example")
    assert {row.state for row in rows} == {DeliveryState.QUEUED}
    (told,) = {row.evidence for row in rows}
    assert "a storm of bounces" in told and "slow.example" in told
    assert {row.next_at for row in rows} == {clock() + timedelta(hours=1)}
    assert send(here).sent == 0
    resume_domain_named(here, "slow.example")
    assert send(here).sent == 10
