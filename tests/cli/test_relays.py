"""`outreach relays`, `domains`, `pause` and `resume`, as an operator types them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from outreach.address import domain_key
from outreach.delivery.breaker import after_bad
from outreach.store.pace import DOMAIN, RELAY, pause_domain, slow_down, take_permits
from outreach.store.relays import begin_relay, change_health
from outreach.timing.pace import Limits
from outreach.work.workspace import Workspace, open_workspace
from tests.cli.inside import outreach
from tests.made import make_workspace

SEVERAL = """
[relay]
host = "a.example"
per_hour = 500
warmup = [50, 100]
[[relays]]
name = "second"
host = "b.example"
weight = 3
per_second = 20
[[relays]]
name = "spare"
host = "c.example"
backup = true
[[domains]]
names = "gmail.com, googlemail.com"
per_minute = 600
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_workspace(tmp_path / "acme")
    (tmp_path / "acme" / "outreach.toml").write_text(SEVERAL)
    return tmp_path / "acme"


def opened(root: Path) -> Workspace:
    return open_workspace(root)


def test_relays_list_shows_limits_what_is_used_and_why_one_rests(root: Path) -> None:
    workspace = opened(root)
    now = workspace.clock()
    with workspace.database.write() as session:
        begin_relay(session, "main", now - timedelta(hours=1))
        take_permits(session, f"{RELAY}main", Limits(hour=500, today=50), 30, now)
        change_health(
            session, "second", lambda health: after_bad(health, now, "535 no", "Check the password.", trip=True)
        )
    main, second, spare = json.loads(outreach(root, "relays", "list", "--json").stdout)
    assert (main["state"], main["limits"]["hour"], main["used"]) == ("closed", 500, {"hour": 30, "warmup": 30})
    assert (main["warmup_day"], main["warmup_allows"]) == (1, 50)
    assert (second["state"], second["weight"], second["reason"]) == ("open", 3, "535 no")
    assert second["remedy"] == "Check the password."
    assert (spare["backup"], spare["warmup_day"]) == (True, None)
    told = outreach(root, "relays", "list").stdout
    assert "30 of 500 a hour" in told.replace("an hour", "a hour")
    assert "day 1: 30 of 50" in told
    assert "535 no" in told and "Check the password." in told and "outreach relays try second" in told


def test_a_resting_relay_is_tried_at_once_when_a_person_says_so(root: Path) -> None:
    workspace = opened(root)
    now = workspace.clock()
    with workspace.database.write() as session:
        change_health(session, "second", lambda health: after_bad(health, now, "no", trip=True))
    assert "The next mail tries second" in outreach(root, "relays", "try", "second").stdout
    listed = json.loads(outreach(root, "relays", "list", "--json").stdout)
    assert listed[1]["retry_at"] <= workspace.clock().isoformat()
    assert "does not rest" in outreach(root, "relays", "try", "main").stdout
    unknown = outreach(root, "relays", "try", "nobody")
    assert unknown.returncode == 2
    assert "outreach relays list" in unknown.stderr


def test_domains_list_and_resume_by_any_name_of_the_group(root: Path) -> None:
    assert "No domain rests" in outreach(root, "domains", "list").stdout
    workspace = opened(root)
    now = workspace.clock()
    gmail = DOMAIN + domain_key(workspace.keys, "x@gmail.com")
    other = DOMAIN + domain_key(workspace.keys, "x@slow.example")
    with workspace.database.write() as session:
        slow_down(session, gmail, "gmail.com, googlemail.com", "421 4.7.28 unusual rate", 900, now)
        pause_domain(session, other, "slow.example", now + timedelta(hours=1), "a storm of bounces", now)
    paused, slowed = json.loads(outreach(root, "domains", "list", "--json").stdout)
    assert (paused["name"], paused["state"], paused["reason"]) == ("slow.example", "paused", "a storm of bounces")
    assert (slowed["state"], slowed["share"], slowed["per_minute"]) == ("slowed", 0.5, 300)
    told = outreach(root, "domains", "list").stdout
    assert "50%, 300 a minute" in told and "a storm of bounces" in told
    assert outreach(root, "domains", "resume", "GoogleMail.com").returncode == 0
    assert outreach(root, "domains", "resume", "slow.example").returncode == 0
    assert json.loads(outreach(root, "domains", "list", "--json").stdout) == []
    again = outreach(root, "domains", "resume", "slow.example")
    assert again.returncode == 1 and "neither paused nor slowed down" in again.stderr
    with workspace.database.write() as session:
        slow_down(session, gmail, "gmail.com, googlemail.com", "421 4.7.28 unusual rate", 900, now)
    assert outreach(root, "domains", "resume", "gmail.com, googlemail.com").returncode == 0, "as the list shows it"
    wrong = outreach(root, "domains", "resume", "nope")
    assert (wrong.returncode, "'nope' is no domain" in wrong.stderr, "x@" in wrong.stderr) == (2, True, False)


def test_a_pause_is_told_by_run_and_doctor_and_ends_with_resume(root: Path) -> None:
    assert "Nothing was paused" in outreach(root, "resume").stdout
    assert "Nothing leaves until" in outreach(root, "pause", "--reason", "wrong price").stdout
    assert "paused already" in outreach(root, "pause", "--reason", "again").stdout
    waits = outreach(root, "run", "--once")
    assert waits.returncode == 3
    assert "wrong price" in waits.stderr and "outreach resume" in waits.stderr
    assert "goes on" in outreach(root, "resume").stdout
    assert "paused" not in outreach(root, "run", "--once").stderr
