"""Retries: the whole ladder against a relay that always asks to wait, by a clock that is moved by hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from outreach.records import DeliveryMove, DeliveryState, Permission
from outreach.store.consents import unsubscribe
from outreach.store.moves import apply_moves, refuse
from outreach.work.send import SendCounts, send_open
from outreach.work.workspace import Workspace, open_workspace

from ..servers.fault import CLOSE, FaultServer
from ..store.rows import delivery, lay_edition
from ..store.test_outbox import take
from .sending import open_plain_press, with_relay

People = Callable[..., int]
BUSY = {"RCPT": b"450 4.2.1 Mailbox busy\r\n"}


def send(workspace: Workspace, script: Mapping[str, Any]) -> tuple[SendCounts, FaultServer]:
    with FaultServer(script) as server:
        here = with_relay(workspace, server.port, connections=1, reply_timeout=2.0, connect_timeout=2.0)
        return send_open(here, press=open_plain_press), server


def with_ladder(workspace: Workspace, *minutes: int) -> Workspace:
    settings = workspace.settings
    sending = settings.sending.model_copy(update={"retry_minutes": minutes})
    return replace(workspace, settings=settings.model_copy(update={"sending": sending}))


def history(workspace: Workspace) -> list[DeliveryMove]:
    with workspace.database.read() as session:
        return list(session.execute(select(DeliveryMove).order_by(col(DeliveryMove.id))).scalars())


def lay(workspace: Workspace, person: int, hours: float | None) -> None:
    ends = None if hours is None else workspace.clock() + timedelta(hours=hours)
    lay_edition(workspace, [person], expires_at=ends)


def test_the_whole_ladder_is_climbed_across_restarts_and_the_mail_expires_at_its_last_hour(
    workspace: Workspace, make_customer: People, clock: Any
) -> None:
    began = clock.now
    lay(workspace, make_customer("ann@example.com", first_name="Ann"), hours=24)
    tries: list[datetime] = []
    while delivery(workspace, 1).state in (DeliveryState.QUEUED, DeliveryState.DEFERRED):
        again = open_workspace(workspace.root, clock)  # as after a restart: nothing is kept but the outbox
        counts, _ = send(again, BUSY)
        again.database.close()
        if counts.deferred:
            tries.append(clock.now)
        wakes = delivery(workspace, 1).next_at
        if wakes is not None:
            clock.now = wakes
    waits = [later - earlier for earlier, later in itertools.pairwise(tries)]
    for wait, minutes in zip(waits, [30, 60, 120] + [180] * 20, strict=False):
        assert timedelta(minutes=minutes) <= wait <= timedelta(minutes=minutes * 1.2)
    row = delivery(workspace, 1)
    assert (row.state, row.reason, row.attempts) == (DeliveryState.EXPIRED, "expired", len(tries))
    assert row.settled_at == began + timedelta(hours=24), "the deadline does not wait for the ladder's next step"
    told = history(workspace)
    assert [one.at for one in told] == tries
    assert [one.next_at for one in told] == [*tries[1:], row.settled_at]
    assert {(one.event, one.detail) for one in told} == {("temporary", "450 4.2.1 Mailbox busy")}
    assert all(one.relay.startswith("127.0.0.1:") for one in told)


def test_the_settings_ladder_is_the_one_that_is_climbed(
    workspace: Workspace, make_customer: People, clock: Any
) -> None:
    lay(workspace, make_customer("ann@example.com", first_name="Ann"), hours=None)
    quick = with_ladder(workspace, 1, 5)
    for minutes in (1, 5, 5):
        send(quick, BUSY)
        wakes = delivery(workspace, 1).next_at
        assert wakes is not None
        assert timedelta(minutes=minutes) <= wakes - clock.now <= timedelta(minutes=minutes * 1.2)
        clock.now = wakes
    assert send(quick, {})[0].sent == 1
    assert [one.event for one in history(workspace)] == ["temporary"] * 3


def test_a_retry_is_judged_again(workspace: Workspace, make_customer: People, clock: Any) -> None:
    person = make_customer("ann@example.com", first_name="Ann")
    lay(workspace, person, hours=None)
    send(workspace, BUSY)
    with workspace.database.write() as session:
        unsubscribe(session, customer_id=person, list_id=None, at=clock.now, how="page", evidence="test")
    clock.advance(hours=1)
    counts, server = send(workspace, {})
    assert (counts.sent, counts.suppressed + counts.withheld, server.heard) == (0, 1, [])


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_an_attempt_that_a_lost_connection_ended_is_in_the_history(
    workspace: Workspace, make_customer: People, verb: str
) -> None:
    lay(workspace, make_customer("ann@example.com", first_name="Ann"), hours=None)
    usual = {"MAIL": b"250 Ok\r\n", "RCPT": b"250 Ok\r\n", "DATA": b"354 Go on\r\n"}[verb]
    assert send(workspace, {verb: [CLOSE, usual]})[0].sent == 1
    [told] = history(workspace)
    assert (told.event, told.before, told.after) == ("release", DeliveryState.CLAIMED, DeliveryState.QUEUED)
    assert told.detail
    assert told.relay


def test_a_mail_that_goes_at_once_leaves_no_row_but_its_own(workspace: Workspace, make_customer: People) -> None:
    lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(5)])
    assert send(workspace, {})[0].sent == 5
    assert history(workspace) == []


def test_who_is_put_off_for_a_reason_of_their_own_is_in_the_history_and_a_pause_is_not(
    workspace: Workspace, make_customer: People, clock: Any
) -> None:
    lay_edition(workspace, [make_customer("ann@example.com"), make_customer("bob@example.com")])
    ann, bob = take(workspace)
    night = Permission(reason="quiet hours", evidence="it is night in Asia/Tokyo", later=clock.now)
    paused = Permission(reason="paused", evidence="a person paused the campaign", later=clock.now)
    with workspace.database.write() as session:
        apply_moves(session, [refuse(ann, night), refuse(bob, paused)], clock.now)
    [told] = history(workspace)
    assert (told.delivery_id, told.reason, told.detail) == (ann.id, "quiet hours", "it is night in Asia/Tokyo")
