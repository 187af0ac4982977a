from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from outreach.cli.why import why_app
from outreach.records import Kind
from outreach.work.workspace import Workspace
from tests.cli import inside
from tests.work.planning_kit import complain, make_campaign, make_tip

MakeCustomer = Callable[..., int]


@pytest.fixture
def acme(workspace: Workspace, make_customer: MakeCustomer) -> Workspace:
    ann = make_customer("ann@example.com", zone="Europe/Berlin")
    make_tip(workspace, "plain")
    make_tip(workspace, "descale", "descaling", position=-1)
    complain(workspace, ann)
    make_campaign(workspace, "news", Kind.NEWS)
    make_campaign(workspace, "tips")
    return workspace


def _say(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    monkeypatch.setattr("outreach.cli.plan.open_here", lambda: workspace)
    found = CliRunner().invoke(why_app, list(arguments))
    assert found.exit_code == 0, found.output
    return found.output


def _why(workspace: Workspace, *arguments: str) -> inside.Done:
    return inside.outreach(workspace.root, "why", *arguments)


def test_the_answer_for_one_person_in_words(acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    said = _say(acme, monkeypatch, "ann@example.com", "tips")
    assert said.startswith("ann@example.com and tips (tips), by hand: yes: nothing speaks against it")
    assert "  it goes 2026-12-01 11:00 Europe/Berlin" in said
    assert "  yes   holds" in said
    assert "  plain: next in the editor's order" in said
    assert "tips on descaling: complaint about descaling in case 1" in said
    assert "1 Dec 2026 10:00  hold news, offers and invitations until 3 Dec 2026" in said


def test_the_answer_for_one_person_in_json(acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, Any] = json.loads(_say(acme, monkeypatch, "ann@example.com", "news", "--json"))
    assert set(found) == {
        "email",
        "customer_id",
        "campaign",
        "kind",
        "allowed",
        "answer",
        "occasion",
        "due",
        "local",
        "rules",
        "deliveries",
        "holds",
        "boosts",
        "tips",
        "steps",
    }
    assert found["allowed"] is False
    held = next(rule for rule in found["rules"] if rule["rule"] == "holds")
    assert held == {
        "rule": "holds",
        "answer": "no",
        "reason": "open complaint",
        "evidence": "complaint about descaling in case 1, suggested by cues; "
        "lapses 3 Dec 2026 unless a person confirms it",
        "until": "2026-12-03T10:00:00+00:00",
    }


def test_somebody_who_is_no_customer_and_a_campaign_that_is_none(acme: Workspace) -> None:
    stranger = _why(acme, "nobody@example.com", "tips")
    assert stranger.returncode == 2
    assert "no customer has the address nobody@example.com" in stranger.stderr
    nothing = _why(acme, "ann@example.com", "nope")
    assert nothing.returncode == 2
    assert "There are: news, tips" in nothing.stderr
