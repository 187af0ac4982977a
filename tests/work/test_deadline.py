"""A campaign's deadline: told by file and line, shown before anything goes, and kept against ladder and night."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from outreach.cli.plan import agenda_lines
from outreach.errors import InputError
from outreach.newsletter.campaign_file import parse_campaign, parse_deadline
from outreach.records import DeliveryState
from outreach.work.agenda import read_agenda
from outreach.work.check import check_campaign
from outreach.work.compose import apply_campaign
from outreach.work.proof import find_draft, prove
from outreach.work.proposal import propose
from outreach.work.publish import open_occasion, publish_due
from outreach.work.send import send_open
from outreach.work.workspace import Workspace

from ..servers.fault import FaultServer
from ..store.rows import delivery, states_of
from .sending import open_plain_press, with_relay

People = Callable[..., int]
OFFER = """\
---
name: offer
subject: Only today
template: news
list: customers
kind: news
{line}
---
Half price until midnight.
"""


def apply(workspace: Workspace, line: str) -> None:
    file = workspace.root / "offer.md"
    file.write_text(OFFER.format(line=line), encoding="utf-8")
    apply_campaign(workspace, Path(file))


@pytest.mark.parametrize(
    ("words", "span"),
    [
        ("90 minutes", timedelta(minutes=90)),
        ("6 hours", timedelta(hours=6)),
        ("1 Day", timedelta(days=1)),
        ("2weeks", timedelta(days=14)),
    ],
)
def test_spans_as_one_writes_them(words: str, span: timedelta) -> None:
    assert parse_deadline(words) == span


@pytest.mark.parametrize("words", ["soon", "6", "5 minutes", "61 days", "-1 day", "6 hours and a bit", "999 weeks"])
def test_a_deadline_that_cannot_be_is_told_by_file_and_line(words: str) -> None:
    with pytest.raises(InputError, match=r"offer\.md:7: deadline: .* (no span of time|between)") as told:
        parse_campaign(OFFER.format(line=f"deadline: {words}"), "offer.md")
    assert "deadline: 6 hours" in told.value.remedy


def test_it_beats_the_ladder_and_the_reason_is_kept(workspace: Workspace, make_customer: People, clock: Any) -> None:
    make_customer("ann@example.com", first_name="Ann")
    apply(workspace, "deadline: 1 hour")
    edition = open_occasion(workspace, "offer")
    assert delivery(workspace, 1).expires_at == clock.now + timedelta(hours=1)
    ends = clock.now + timedelta(hours=1)
    for _ in range(3):
        with FaultServer({"RCPT": b"450 4.2.1 busy\r\n"}) as server:
            send_open(with_relay(workspace, server.port, connections=1), press=open_plain_press)
        clock.now = delivery(workspace, 1).next_at or clock.now
    row = delivery(workspace, 1)
    assert (states_of(workspace, edition), row.reason, row.attempts) == ([DeliveryState.EXPIRED], "expired", 2)
    assert row.settled_at == clock.now == ends


def test_without_one_the_settings_hold(workspace: Workspace, make_customer: People, clock: Any) -> None:
    make_customer("ann@example.com")
    apply(workspace, "topics: []")
    open_occasion(workspace, "offer")
    assert delivery(workspace, 1).expires_at == clock.now + timedelta(days=5)


def test_who_sleeps_until_it_is_over_is_withheld_at_once(
    workspace: Workspace, make_customer: People, clock: Any
) -> None:
    make_customer("ann@example.com", zone="Asia/Tokyo")
    make_customer("bob@example.com", zone="Europe/Berlin")
    clock.now = datetime(2026, 12, 1, 9, 0, tzinfo=clock.now.tzinfo)
    apply(workspace, "deadline: 6 hours\nschedule: every day at 13:30\nzone: UTC")
    clock.advance(hours=4, minutes=30)
    publish_due(workspace)
    ann, bob = delivery(workspace, 1), delivery(workspace, 2)
    assert (ann.state, ann.reason) == (DeliveryState.WITHHELD, "quiet hours")
    assert ann.evidence == "it is night in Asia/Tokyo until after this mail's deadline"
    assert bob.state is DeliveryState.QUEUED


def test_it_is_shown_in_plan_question_preview_and_check(workspace: Workspace, make_customer: People) -> None:
    make_customer("ann@example.com")
    apply(workspace, "deadline: 20 minutes")
    [entry] = [entry for entry in read_agenda(workspace).entries if entry.campaign == "offer"]
    assert entry.deadline == "20 minutes"
    assert "given up where it is not accepted within 20 minutes" in "\n".join(
        agenda_lines(read_agenda(workspace), "UTC")
    )
    draft = find_draft(workspace, "offer")
    assert prove(workspace, draft).deadline == "20 minutes"
    address = workspace.settings.identity.model_copy(update={"postal_address": "1 Road"})
    here = replace(workspace, settings=workspace.settings.model_copy(update={"identity": address}))
    [told] = [fault for fault in check_campaign(here, draft, fetch=False) if fault.rule == "deadline"]
    assert (told.level, told.where) == ("warning", "offer.md:7")
    assert "after 30 minutes" in told.words
    assert propose(workspace, "offer").deadline == "20 minutes"
