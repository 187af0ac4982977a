from __future__ import annotations

import httpx
import icalendar

from outreach.records import Kind
from outreach.work.team_calendar import feed_path, is_feed_token
from outreach.work.workspace import Workspace
from tests.work.planning_kit import make_campaign, with_calendar

from ..conftest import HandClock, MakeCustomer


def test_whoever_has_the_link_reads_the_plan_and_nobody_else_learns_that_there_is_one(
    site: httpx.Client, workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    make_customer("ann@example.com")
    make_campaign(workspace, "news", Kind.NEWS, schedule="every wednesday at 15:00")
    found = site.get(feed_path(workspace))
    assert found.headers["content-type"] == "text/calendar; charset=utf-8"
    events = icalendar.Calendar.from_ical(found.text).walk("VEVENT")
    assert {str(event["summary"]) for event in events} == {"news (news): to 1 person"}
    assert "ann@example.com" not in found.text
    wrong, nothing = site.get(f"/plan/{'0' * 40}.ics"), site.get("/nowhere")
    assert (wrong.status_code, wrong.text) == (nothing.status_code, nothing.text) == (404, nothing.text)
    make_campaign(workspace, "more", Kind.NEWS, schedule="at 2026-12-04 15:00")
    assert "more" not in site.get(feed_path(workspace)).text
    clock.advance(minutes=11)
    assert "more (news)" in site.get(feed_path(workspace)).text


def test_a_plan_without_anything_is_a_calendar_that_programs_take(site: httpx.Client, workspace: Workspace) -> None:
    """RFC 5545 3.6: a calendar holds one component at least."""
    found = icalendar.Calendar.from_ical(site.get(feed_path(workspace)).text)
    assert [one.name for one in found.subcomponents] == ["VTIMEZONE"]
    assert found.walk("VEVENT") == []


def test_what_goes_by_nobodys_yes_alone_is_tentative(
    site: httpx.Client, workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    make_customer("ann@example.com")
    make_campaign(workspace, "hand", Kind.NEWS)
    make_campaign(workspace, "news", Kind.NEWS, schedule="every wednesday at 15:00")
    told = icalendar.Calendar.from_ical(site.get(feed_path(workspace)).text).walk("VEVENT")
    first = {str(event["SUMMARY"])[:4]: str(event["STATUS"]) for event in reversed(told)}
    assert first == {"hand": "TENTATIVE", "news": "CONFIRMED"}
    weeks = [str(event["STATUS"]) for event in told if str(event["SUMMARY"]).startswith("news")]
    assert weeks[1:] and set(weeks[1:]) == {"TENTATIVE"}, "the same text goes twice only by a person's word"


def test_a_link_ends_when_its_number_is_counted_up(workspace: Workspace) -> None:
    token = feed_path(workspace).removeprefix("/plan/").removesuffix(".ics")
    assert is_feed_token(workspace, token)
    assert not is_feed_token(with_calendar(workspace, feed=2), token)
    assert not is_feed_token(with_calendar(workspace, feed=0), token)
    assert feed_path(with_calendar(workspace, feed=0)) == ""
