"""Holds are not blind: offers wait for replies to be read; a complaint amid a send stops the mail to its author."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from outreach.errors import NeedsPerson
from outreach.records import Delivery, DeliveryState, Kind
from outreach.store.alerts import open_alerts
from outreach.store.marks import keep_marks
from outreach.work.agenda import read_agenda
from outreach.work.collect import collect
from outreach.work.proposal import propose, send_proposed
from outreach.work.send import send_open
from outreach.work.watch import watch
from outreach.work.why import explain_person
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock, MakeCustomer
from ..servers import Sink, start_sink
from ..store.rows import lay_edition
from .planning_kit import make_campaign
from .replying import drop_in
from .sending import open_plain_press, with_relay

pytestmark = BOTH


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with start_sink(tmp_path / "sink.log") as running:
        yield running


def crowd(make_customer: MakeCustomer, count: int) -> list[int]:
    return [make_customer(f"p{number}@example.com", first_name=f"P{number}") for number in range(count)]


def read_mailbox(workspace: Workspace) -> None:
    with workspace.database.write() as session:
        keep_marks(session, "inbox", {}, at=workspace.clock())


def send(workspace: Workspace, **how: Any) -> int:
    return send_open(workspace, press=open_plain_press, **how).sent


def with_settings(workspace: Workspace, **values: Any) -> Workspace:
    replies = workspace.settings.replies.model_copy(update=values)
    return replace(workspace, settings=workspace.settings.model_copy(update={"replies": replies}))


def alerts(workspace: Workspace) -> list[str]:
    watch(workspace)
    with workspace.database.read() as session:
        return [f"{alert.subject}: {alert.words}" for alert in open_alerts(session) if alert.kind == "offer_waits"]


def test_an_offer_starts_only_once_the_mailbox_was_read_and_says_why_it_waits(
    workspace: Workspace, make_customer: MakeCustomer, sink: Sink, clock: HandClock
) -> None:
    edition = lay_edition(workspace, crowd(make_customer, 3), kind=Kind.OFFER)
    here = with_relay(workspace, sink.port)
    assert send(here) == send(here, edition_ids=[edition]) == 0
    assert "inbox was never read" in alerts(here)[0]
    read_mailbox(here)
    clock.advance(minutes=31)
    assert send(here) == 0
    assert "inbox was last read 31 minutes ago" in alerts(here)[0]
    assert sink.count() == 0
    read_mailbox(here)
    assert send(here) == 3, "it goes on by itself"
    assert alerts(here) == []


@pytest.mark.parametrize("how", ["no mailbox", "switched off", "news"])
def test_where_nothing_could_be_read_or_nobody_asked_for_it_nothing_waits(
    workspace: Workspace, make_customer: MakeCustomer, sink: Sink, how: str
) -> None:
    lay_edition(workspace, crowd(make_customer, 2), kind=Kind.NEWS if how == "news" else Kind.OFFER)
    here = with_relay(workspace, sink.port)
    if how != "news":
        here = with_settings(here, **({"mailboxes": ()} if how == "no mailbox" else {"blind_minutes": 0}))
    assert send(here) == 2
    assert alerts(here) == []


def test_a_running_offer_pauses_when_reading_stops_and_the_rest_follows_once_it_is_read_nobody_twice(
    workspace: Workspace, make_customer: MakeCustomer, sink: Sink, clock: HandClock
) -> None:
    lay_edition(workspace, crowd(make_customer, 90), kind=Kind.OFFER)
    here = with_relay(workspace, sink.port)
    read_mailbox(here)
    first = send(here, progress=lambda settled: clock.advance(minutes=settled))
    assert 30 <= first < 90, "what was claimed when it went blind is finished, no further slice is begun"
    assert send(here) == 0
    read_mailbox(here)
    assert first + send(here) == 90
    assert len({record["recipient"] for record in sink.taken()}) == len(sink.taken()) == 90


def test_a_person_who_sends_an_offer_need_not_read_first_but_is_told_when_it_cannot_be_read(
    workspace: Workspace, make_customer: MakeCustomer, sink: Sink, clock: HandClock
) -> None:
    crowd(make_customer, 60)
    apply_offer(workspace)
    gone = with_settings(workspace, mailboxes=(box(workspace, path="nowhere/at/all"),))
    with pytest.raises(NeedsPerson, match="does not go: the mailbox inbox was never read"):
        propose(gone, "offer")
    here = with_relay(workspace, sink.port)
    proposal = propose(here, "offer", asking=False)
    clock.advance(minutes=31)

    def pass_time(settled: int) -> None:
        clock.advance(minutes=settled)

    done = send_proposed(here, proposal, stop=threading.Event(), progress=pass_time, press=open_plain_press)
    assert (done.sent, sink.count()) == (60, 60), "the mailbox is read in between, as often as it takes"


def box(workspace: Workspace, **values: Any) -> Any:
    return workspace.settings.replies.mailboxes[0].model_copy(update=values)


def apply_offer(workspace: Workspace) -> None:
    make_campaign(workspace, "offer", Kind.OFFER, template="news", body="Ten per cent off.")


def test_plan_and_why_say_that_an_offer_waits_for_replies(workspace: Workspace, make_customer: MakeCustomer) -> None:
    make_customer("ann@example.com")
    apply_offer(workspace)
    assert any("offer waits: the mailbox inbox was never read" in line for line in read_agenda(workspace).problems)
    said = explain_person(workspace, "ann@example.com", "offer")
    assert [(rule.rule, rule.answer) for rule in said.rules if rule.answer != "yes"] == [("replies", "later")]
    read_mailbox(workspace)
    assert not read_agenda(workspace).problems
    assert explain_person(workspace, "ann@example.com", "offer").answer.startswith("yes")


COMPLAINT = b"""From: P%d <p%d@example.com>
To: care@acme.example
Subject: my machine is broken
Message-ID: <mid-send-complaint@example.com>
Date: Tue, 01 Dec 2026 10:00:00 +0000

The pump does not work any more. This is a disappointment, I am annoyed and I want my money back.
"""


def test_a_complaint_in_the_middle_of_a_send_stops_what_has_not_gone_to_its_author_alone(
    workspace: Workspace, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    people = crowd(make_customer, 15)
    edition = lay_edition(workspace, people, kind=Kind.OFFER)
    read_mailbox(workspace)
    with start_sink(tmp_path / "slow.log", "--dot-delay", "0.1") as slow:
        here = with_relay(workspace, slow.port, connections=1)
        sending = threading.Thread(target=send, args=(here,), daemon=True)
        sending.start()
        while slow.count() < 2:
            time.sleep(0.01)
        assert {state for state, _ in rows(workspace, edition).values()} >= {DeliveryState.CLAIMED}
        drop_in(workspace.root / "inbox", COMPLAINT % (14, 14))
        collect(here)
        gone = slow.count()
        sending.join()
        recipients = [record["recipient"] for record in slow.taken()]
    assert gone < 14, "the complaint came in the middle"
    assert sorted(map(str, recipients)) == sorted(f"p{number}@example.com" for number in range(14))
    state, row = rows(workspace, edition)[people[14]]
    assert (state, row.reason) == (DeliveryState.WITHHELD, "open complaint")
    assert row.fence == 2, "claimed before the complaint, refused at the intent, claimed and judged again"


def rows(workspace: Workspace, edition: int) -> dict[int, tuple[DeliveryState, Delivery]]:
    with workspace.database.read() as session:
        found = session.execute(select(Delivery).where(col(Delivery.edition_id) == edition)).scalars()
        return {row.customer_id or 0: (row.state, row) for row in found}
