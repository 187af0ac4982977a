from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from typer.testing import CliRunner

from outreach.cli.plan import agenda_lines, plan_app
from outreach.plan.steps import PlanEvent
from outreach.records import EditionState, Kind
from outreach.work.agenda import read_agenda
from outreach.work.alike import Alike
from outreach.work.clashes import Clash, find_clashes
from outreach.work.intake import import_customers
from outreach.work.team_calendar import calendar_of
from outreach.work.workspace import Workspace
from tests.cli import inside
from tests.work.planning_kit import complain, make_campaign, make_edition, make_tip, with_calendar
from tests.work.test_sequences import HELLO, TIPS, join, start

MakeCustomer = Callable[..., int]


@pytest.fixture
def acme(workspace: Workspace, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Three people in two zones, one of them with a complaint that was answered, and two campaigns."""
    monkeypatch.setenv("OUTREACH_WORKSPACE", str(workspace.root))
    monkeypatch.setattr("outreach.cli.plan.open_here", lambda: workspace)
    monkeypatch.setattr("outreach.cli.plan_steps.open_here", lambda: workspace)
    ann = make_customer("ann@example.com", zone="Europe/Berlin")
    make_customer("ben@example.com", zone="Europe/Berlin")
    make_customer("cid@example.com", zone="America/New_York")
    make_customer("dan@example.com", subscribed=False)
    make_tip(workspace, "plain")
    make_tip(workspace, "descale", "descaling", position=5)
    complain(workspace, ann, "descaling", PlanEvent.COMPLAINT_SUGGESTED, PlanEvent.ANSWERED)
    make_campaign(workspace, "news", Kind.NEWS, schedule="every wednesday at 15:00", zone="Europe/Berlin")
    make_campaign(workspace, "tips", schedule="every thursday at 09:00", zone="recipient")
    return workspace


def _run(*arguments: str) -> str:
    found = CliRunner().invoke(plan_app, list(arguments))
    assert found.exit_code == 0, found.output
    return found.output


def test_the_plan_says_what_goes_to_whom_when_by_their_clock_what_does_not_and_why(acme: Workspace) -> None:
    said = _run("--days", "7")
    assert "news · news · 2026-12-02 15:00 · to come" in said
    assert "to 2 of 4 people" in said
    assert "15:00 local on Wed 2 Dec  Europe/Berlin" in said
    assert "09:00 local on Wed 2 Dec  America/New_York" in said
    assert "= Wed 14:00 UTC" in said
    assert "not to 1: open complaint" in said
    assert "not to 1: unsubscribed" in said
    assert "09:00 local on Thu 3 Dec  America/New_York" in said


def test_the_plan_shows_before_and_after_replies_and_what_changed_it(acme: Workspace) -> None:
    said = _run("--days", "7")
    assert "before replies: 3 people; after them: 2" in said
    assert "tips on descaling come first for 1, because they wrote about it and have had an answer" in said
    assert "What changed the plan since" in said
    assert "ann@example.com: hold news, offers and invitations until 3 Dec 2026" in said


def test_names_behind_a_number(acme: Workspace) -> None:
    said = _run("--campaign", "news", "--who", "withheld")
    assert [line.split("\t")[:3] for line in said.splitlines()] == [
        ["address", "state", "reason"],
        ["ann@example.com", "withheld", "open complaint"],
        ["dan@example.com", "withheld", "unsubscribed"],
    ]
    found = json.loads(_run("--campaign", "news", "--who", "going", "--json"))
    assert {person["address"] for person in found} == {"ben@example.com", "cid@example.com"}
    assert set(found[0]) == {"address", "state", "reason", "evidence", "at"}


def test_names_need_a_campaign(acme: Workspace) -> None:
    found = CliRunner().invoke(plan_app, ["--who", "withheld"])
    assert found.exit_code == 2


def test_the_json_of_the_plan_keeps_its_fields(acme: Workspace) -> None:
    found: dict[str, Any] = json.loads(_run("--json", "--days", "7"))
    assert set(found) == {
        "now",
        "until",
        "since",
        "entries",
        "changes",
        "changed",
        "problems",
        "clashes",
        "closed",
        "sequences",
        "by_hand",
    }
    news, tips = found["entries"]
    assert set(news) == {
        "campaign",
        "kind",
        "subject",
        "occasion",
        "state",
        "opens",
        "people",
        "going",
        "before",
        "slots",
        "refused",
        "later",
        "instead",
        "first",
        "waiting",
        "waves",
        "changed_tips",
        "note",
        "deadline",
        "edition_id",
        "done",
        "hold_out",
        "by_share",
        "tried",
        "invites",
        "expected",
        "waits",
    }
    assert news["slots"][0] == {
        "zone": "America/New_York",
        "local": "2026-12-02 09:00",
        "at": "2026-12-02T14:00:00+00:00",
        "people": 1,
    }
    assert news["refused"][0] == {"state": "withheld", "reason": "open complaint", "people": 1}
    assert tips["first"] == {"descaling": 1}
    assert set(found["changes"][0]) == {"at", "rule", "state", "who", "what", "reason", "case"}


def test_an_edition_that_waits_says_why_and_what_a_person_can_do(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outreach.cli.plan.open_here", lambda: workspace)
    make_edition(workspace, make_campaign(workspace), state=EditionState.WAITING, reason="unchanged", subject="Tips")
    said = _run()
    assert '"Tips": unchanged' in said
    assert "outreach send tips --release" in said


def test_an_empty_workspace_says_how_to_begin(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outreach.cli.plan.open_here", lambda: workspace)
    assert "outreach campaigns apply" in _run()


def test_an_unknown_campaign_is_a_wrong_argument(workspace: Workspace) -> None:
    make_campaign(workspace, "tips")
    done = inside.outreach(workspace.root, "plan", "--campaign", "nope")
    assert done.returncode == 2
    assert "there is no campaign called nope" in done.stderr
    assert "There are: tips" in done.stderr


def test_diff_names_who_is_affected_by_which_step_and_approve_pins_it(acme: Workspace) -> None:
    said = _run("diff", "news")
    assert "before: without what replies changed; nobody has approved this plan" in said
    assert "to 3 people before, to 2 now" in said
    assert "ann@example.com" in said and "now:    open complaint: complaint about descaling" in said
    assert "because of step 1," in said and "hold news, offers and invitations" in said
    assert "tips: descale, plain" in _run("diff", "tips")
    assert "approved by" in _run("approve", "news", "--yes")
    said = _run("diff", "news")
    assert "nothing has changed" in said and "approved it on 1 Dec 2026 10:00 UTC" in said
    (found,) = json.loads(_run("diff", "news", "--json"))
    assert found["digest"] == found["approved_digest"]
    assert CliRunner().invoke(plan_app, ["approve", "news"]).exit_code == 3


def test_the_plan_tells_who_is_over_their_budget_where_newsletters_meet_and_the_days_off(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = with_calendar(acme, blackout=("2026-12-10",), weekdays=(0, 1, 2, 3, 4))
    monkeypatch.setattr("outreach.cli.plan.open_here", lambda: closed)
    make_campaign(acme, "second", Kind.NEWS, schedule="at 2026-12-02 16:00", zone="Europe/Berlin")
    make_campaign(acme, "third", Kind.TIPS, schedule="at 2026-12-03 09:30", zone="UTC")
    said = _run("--days", "12")
    assert "! Thu 3 Dec 2026: tips and third on one day for 3 people" in said
    assert "3 of them later: over their budget: 3 on Fri 11 Dec" in said
    assert "Thu 10 Dec 2026: no newsletters of a schedule (no newsletters on this day, say the settings)" in said
    assert re.search(r"later: blackout day: \d on Fri 11 Dec", said)
    assert "10:30 local on Thu 10 Dec" not in said


def test_whom_to_reach_by_hand_is_said_of_what_is_to_come_alone(acme: Workspace, tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text("Vorname,Telefon\nFlo,030 1234567\n", encoding="utf-8")
    import_customers(acme, tmp_path / "calls.csv", "customers")
    make_campaign(acme, "gone", Kind.NEWS, schedule="at 2026-01-05 09:00", zone="UTC")
    said = _run("--days", "7")
    assert "By hand, beside news: 1 to call, 0 to write to: outreach plan --campaign news --who by-hand" in said
    assert "beside gone" not in said


def test_two_steps_of_a_sequence_meet_others_in_one_line() -> None:
    noon = datetime(2026, 12, 1, 12, tzinfo=UTC)
    mails = {4: ((0, noon), (7, noon + timedelta(hours=2))), 31: ((0, noon), (8, noon + timedelta(hours=1)))}
    groups = [Alike(ZoneInfo("UTC"), {}, count=count, mails=own) for count, own in mails.items()]
    [clash] = find_clashes(groups, {0: ("tips", "1"), 7: ("birthday", ""), 8: ("birthday", "")})
    assert (clash.campaigns, clash.people) == (("tips", "birthday"), 35)


def test_two_issues_of_one_campaign_on_one_day_are_told_as_such_in_the_calendar_too(acme: Workspace) -> None:
    plan = read_agenda(acme, days=7)
    entry, day = plan.entries[0], plan.now.date()
    clash = Clash(day, (entry.campaign, "tips", entry.campaign), (entry.occasion, "2", "3"), 7)
    plan = replace(plan, clashes=(clash,), entries=(replace(entry, going=1), *plan.entries[1:]))
    said = f"2 issues of {entry.campaign} and tips on one day for 7 people"
    assert f"! {day:%a %-d %b %Y}: {said}" in list(agenda_lines(plan, "UTC"))
    events = icalendar.Calendar.from_ical(calendar_of(acme, plan)).walk("VEVENT")
    assert any(said in str(event["DESCRIPTION"]) for event in events)
    assert str(events[0]["SUMMARY"]).endswith(": to 1 person")


def test_the_plan_goes_into_a_calendar_that_a_program_reads(acme: Workspace, tmp_path: Path) -> None:
    said = _run("--days", "7", "--ics", str(tmp_path / "plan.ics"))
    assert "2 events are in" in said and "set [public] url" in said
    events = list(icalendar.Calendar.from_ical((tmp_path / "plan.ics").read_bytes()).walk("VEVENT"))
    assert [str(event["summary"]) for event in events] == ["news (news): to 2 people", "tips (tips): to 3 people"]
    assert events[0]["dtstart"].dt == datetime(2026, 12, 2, 14, 0, tzinfo=UTC)
    assert "not to 1: open complaint" in events[0]["description"]
    assert CliRunner().invoke(plan_app, ["--ics", str(tmp_path / "no" / "plan.ics")]).exit_code
    _run("--days", "7", "--ics", str(tmp_path / "again.ics"))
    again = icalendar.Calendar.from_ical((tmp_path / "again.ics").read_bytes()).walk("VEVENT")
    assert [event["uid"] for event in again] == [event["uid"] for event in events]


def test_the_plan_tells_of_running_sequences_in_words_json_and_the_calendar(
    workspace: Workspace, make_customer: MakeCustomer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outreach.cli.plan.open_here", lambda: workspace)
    eve = make_customer("eve@example.com", subscribed=None, zone="Europe/Berlin")
    more = "---\nstep: more\nwhen: 1 day after replied hello, within 4 days\nsubject: More\n---\nMore.\n\n"
    start(workspace, HELLO, TIPS, more, zone="customer")
    join(workspace, eve)
    said = _run("--days", "7")
    assert "welcome · sequence of tips · begins: signup · 0 people are in it, 1 more begin by then" in said
    assert "Tue 1 Dec  hello to 1 at 11:00 local" in said
    assert "Thu 3 Dec  tips to 1 at 09:00 local" in said
    assert "up to 1 get more 1 day after replied hello, within 4 days (by 7 Dec)" in said
    (found,) = json.loads(_run("--days", "7", "--json"))["sequences"]
    assert (found["sequence"], found["begin"], found["going"]) == ("welcome", 1, 2)
    assert [(one["step"], one["day"], one["local"], one["people"]) for one in found["mails"]] == [
        ("hello", "2026-12-01", "11:00", 1),
        ("tips", "2026-12-03", "09:00", 1),
    ]
    file = tmp_path / "plan.ics"
    told = json.loads(_run("--days", "7", "--ics", str(file), "--json"))
    events = icalendar.Calendar.from_ical(file.read_bytes()).walk("VEVENT")
    assert told["events"] == len(events)
    own = [event for event in events if "welcome (sequence)" in event["summary"]]
    assert [str(event["dtstart"].dt) for event in own] == ["2026-12-01", "2026-12-03"]
    assert "tips: to 1 person at 09:00 of theirs" in own[1]["description"]
