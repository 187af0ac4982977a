"""What the calendar tells of versions that are tried: beforehand as they will be dealt, and while the test runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from outreach.cli.plan import agenda_lines
from outreach.cli.plan_tried import tried_lines
from outreach.work import dealing
from outreach.work.agenda import read_agenda
from outreach.work.entries import Entry
from outreach.work.publish import open_occasion
from outreach.work.tried import Tried, TriedVersion
from outreach.work.versions import settle_versions
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock
from .test_versions import rows, write

MakeCustomer = Callable[..., int]


def _only(workspace: Workspace) -> Entry:
    (entry,) = read_agenda(workspace).entries
    return entry


def _people(entry: Entry) -> Counter[str]:
    assert entry.tried is not None
    return Counter({one.version: one.people for one in entry.tried.versions} | {"rest": entry.tried.rest})


@BOTH
def test_a_test_is_foreseen_as_it_is_dealt_and_told_while_it_runs_and_once_it_is_decided(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    for number in range(60):
        make_customer(f"p{number}@example.com")
    make_customer("gone@example.com", subscribed=False)
    write(workspace)
    before = _only(workspace)
    assert before.tried is not None and before.going == 60 and not before.by_share
    assert [(one.version, one.subject) for one in before.tried.versions] == [("a", "Plain"), ("b", "Bold")]
    assert before.tried.judged_at == clock() + timedelta(hours=4)
    assert before.later == {"test": before.tried.rest}
    assert {slot.at - clock(): slot.people for slot in before.slots} == {
        timedelta(): 60 - before.tried.rest,
        timedelta(hours=4): before.tried.rest,
    }
    open_occasion(workspace, "spring")
    dealt = Counter(row.variant for row in rows(workspace) if row.variant)
    running = _only(workspace)
    assert _people(before) == _people(running) == dealt
    said = "\n".join(agenda_lines(read_agenda(workspace), "UTC"))
    assert f'version b to {dealt["b"]}: "Bold"' in said
    assert f"judged Tue 1 Dec 14:00 by replies; until then {dealt['rest']} wait for the version that wins" in said
    clock.advance(hours=5)
    settle_versions(workspace, running.edition_id or 0)
    said = "\n".join(agenda_lines(read_agenda(workspace), "UTC"))
    assert f"the rest, {dealt['rest']}, gets version a: no clear winner by replies" in said


def test_among_very_many_versions_are_counted_by_their_share_and_that_is_said(
    workspace: Workspace, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dealing, "DEAL_EACH", 50)
    for number in range(60):
        make_customer(f"p{number}@example.com", zone=["Europe/Berlin", "Asia/Tokyo"][number % 2])
    write(workspace)
    entry = _only(workspace)
    assert _people(entry) == {"a": 15, "b": 15, "rest": 30}
    assert entry.by_share and entry.going == 60
    said = "\n".join(agenda_lines(read_agenda(workspace), "UTC"))
    assert "counted by their share here; planning draws them one by one, nearly always within 7 of it" in said


def test_the_rest_of_a_test_of_hours_is_said_to_go_at_the_winners_hour() -> None:
    def lines(later: int) -> list[str]:
        versions = (TriedVersion("a", "Plain", 0, 5), TriedVersion("b", "Plain", later, 5))
        judged = datetime(2026, 12, 1, 14, tzinfo=UTC)
        return list(tried_lines("spring", Tried(versions, "replies", 10, judged), "UTC"))

    assert lines(120)[-1] == "  at that version's hour: on the next day where it is over by then"
    assert lines(0) == [line.replace(", 2 h later", "") for line in lines(120)[:-1]]
