"""`outreach report`: the same figures for a terminal, a program and a browser."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from outreach.cli.report import gather, print_report, report_app
from outreach.errors import OutreachError
from outreach.records import Category, Delivery, DeliveryState, Onward
from outreach.store.touches import keep_links, keep_touch
from outreach.work.workspace import Workspace

from ..cases.make import receive
from ..conftest import HandClock
from ..web.make import make_edition, make_people


@pytest.fixture
def here(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr("outreach.cli.report.open_here", lambda: workspace)
    return workspace


def fill(workspace: Workspace, clock: HandClock) -> None:
    people = make_people(workspace, 50)
    for number in range(3):
        _, deliveries = make_edition(workspace, people, states=[DeliveryState.FAILED], subject=f"[b]Issue {number}")
        for place in range(1, 4):
            receive(
                workspace,
                Category.COMPLAINT,
                customer_id=people[place],
                delivery_id=deliveries[place],
                topics=("grinder",),
            )
        clock.advance(days=7)


def count_clicks(workspace: Workspace, edition_id: int, delivery_id: int) -> None:
    with workspace.database.write() as session:
        keep_links(session, edition_id, ["https://acme.example/[b]cups?" + "x" * 80])
        keep_touch(session, session.get_one(Delivery, delivery_id), 1, workspace.clock(), "")


def test_clicks_are_told_for_editions_that_count_them(here: Workspace, tmp_path: Path) -> None:
    people = make_people(here, 10)
    make_edition(here, people)
    edition_id, mails = make_edition(here, people)
    count_clicks(here, edition_id, mails[0])
    out = io.StringIO()
    print_report(gather(), Console(file=out, width=80, highlight=False))
    said = out.getvalue()
    assert "1 clicked (10.0 %), opens not counted" in said and "1: not counted" in said
    assert "Not counted: links in the text part" in " ".join(said.split()) and "acme.example/[b]cups" in said
    assert max(len(line) for line in said.splitlines()) <= 80
    CliRunner().invoke(report_app, ["--html", str(tmp_path / "r.html")])
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "10.0 % of reached" in page and "acme.example/[b]cups" in page and "<small>not counted</small>" in page
    first, second = json.loads(CliRunner().invoke(report_app, ["--json"]).output)["editions"]
    assert first["touched"] is None
    assert (second["touched"]["clicked"], second["touched"]["opened"]) == (1, None)
    assert second["touched"]["links"][0]["people"] == 1


def test_an_empty_workspace_is_told_what_comes_next(here: Workspace) -> None:
    said = CliRunner().invoke(report_app).output
    assert "No newsletter has gone out and nobody has written yet." in said
    assert "outreach plan" in said


def test_the_terminal_shows_editions_replies_and_cases_within_80_columns(here: Workspace, clock: HandClock) -> None:
    fill(here, clock)
    out = io.StringIO()
    print_report(gather(), Console(file=out, width=80, highlight=False))
    said = out.getvalue()
    for words in ("tips 3", "61.2", "What people wrote", "grinder", "3 open", "3 overdue", "Open cases by age"):
        assert words in said
    assert "…" not in said
    assert max(len(line) for line in said.splitlines()) <= 80


def test_the_json_fields_stay_stable(here: Workspace, clock: HandClock) -> None:
    fill(here, clock)
    value = json.loads(CliRunner().invoke(report_app, ["--json"]).output)
    assert set(value) == {
        "workspace",
        "company",
        "at",
        "zone",
        "customers",
        "subscribed",
        "suppressed",
        "waiting",
        "never_confirmed",
        "asked_to_confirm",
        "confirmed",
        "people_reached",
        "people_heard_from",
        "sent",
        "bounced",
        "in_doubt",
        "unsubscribed",
        "complaints",
        "editions",
        "replies",
        "cases",
        "did_it_help",
        "fairness",
    }
    assert value["complaints"] == {"count": 3, "of": 49, "per_1000": 61.224}
    edition = value["editions"][-1]
    assert edition["counts"] == {"failed": 1, "sent": 49}
    assert edition["rates"]["bounces"] == {"count": 1, "of": 50, "per_1000": 20.0}
    assert edition["before_editions"] == 2
    assert set(edition["before"]) == {"complaints", "replies", "unsubscribes", "bounces"}
    assert set(value["replies"]) == {"people", "machines", "channels", "complaint_topics", "unreviewed", "by_day"}
    cases = value["cases"]
    assert cases["first_answer_hours"] == {"count": 0, "median": None, "p90": None}
    assert cases["opened"] == cases["open"] == 3


def test_the_html_page_is_written_and_json_may_come_with_it(here: Workspace, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert CliRunner().invoke(report_app, ["--html", str(page)]).output.startswith("Written: ")
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert json.loads(CliRunner().invoke(report_app, ["--html", str(page), "--json"]).output)["sent"] == 0


def test_a_page_that_cannot_be_written_is_said_plainly(here: Workspace, tmp_path: Path) -> None:
    done = CliRunner().invoke(report_app, ["--html", str(tmp_path / "no" / "report.html")])
    assert isinstance(done.exception, OutreachError)
    assert "cannot be written" in done.exception.message
    assert done.exception.remedy


def test_handed_over_and_accepted_by_the_next_server_are_told_apart_once_a_log_was_read(
    here: Workspace, tmp_path: Path
) -> None:
    assert "next server" not in CliRunner().invoke(report_app).output
    _, deliveries = make_edition(here, make_people(here, 4))
    with here.database.write() as session:
        for number, word in zip(deliveries, (Onward.ACCEPTED, Onward.ACCEPTED, Onward.BOUNCED), strict=False):
            session.get_one(Delivery, number).onward = word
    said = CliRunner().invoke(report_app).output
    assert "tips 1: 4 handed over, 2 accepted by the next server" in said
    assert "(0 put off, 1 refused, 1 not known)" in said
    [edition] = json.loads(CliRunner().invoke(report_app, ["--json"]).output)["editions"]
    assert edition["onward"] == {"accepted": 2, "deferred": 0, "bounced": 1}
    CliRunner().invoke(report_app, ["--html", str(tmp_path / "report.html")])
    assert "4 handed over, 2 accepted by the next server" in (tmp_path / "report.html").read_text()
