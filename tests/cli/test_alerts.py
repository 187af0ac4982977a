"""`outreach alerts` and `outreach health`: what a person and a monitor are told."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from outreach.delivery.breaker import after_bad, after_good
from outreach.records import AlertKind
from outreach.store.relays import change_health
from outreach.work.workspace import Workspace

from ..servers.fault import FaultServer
from ..work.alerting import trouble
from ..work.test_tell import pause
from .inside import outreach


@pytest.fixture
def root(workspace: Workspace) -> Path:
    return workspace.root


def server_of(server: FaultServer, *to: str) -> dict[str, str]:
    """Variables that have alerts leave by this server."""
    place = {"HOST": "127.0.0.1", "PORT": str(server.port), "TLS": "none"}
    return {f"OUTREACH_ALERTS__SERVER__{name}": value for name, value in place.items()} | {
        "OUTREACH_ALERTS__TO": ",".join(to)
    }


def test_nothing_needs_a_person_in_a_fresh_workspace(root: Path) -> None:
    done = outreach(root, "alerts", "list")
    assert (done.returncode, done.stdout) == (0, "Nothing needs a person.\n")
    assert json.loads(outreach(root, "alerts", "list", "--json").stdout) == []


def test_an_alert_is_listed_with_the_command_to_run_next(workspace: Workspace, root: Path) -> None:
    trouble(workspace, "the disk is full\x1b[2J")
    done = outreach(root, "alerts", "list")
    assert "database" in done.stdout and "df -h" in done.stdout and "\x1b" not in done.stdout
    assert "Nobody is told" in done.stdout
    [row] = json.loads(outreach(root, "alerts", "list", "--json").stdout)
    assert (row["kind"], row["subject"], row["over_at"]) == ("database", "disk", None)


def test_what_nobody_has_looked_at_yet_is_listed_and_what_is_over_is_not(workspace: Workspace, root: Path) -> None:
    """Where no daemon ran, the list said that nothing needs a person while `health` exited with 1."""
    now = workspace.clock()
    with workspace.database.write() as session:
        change_health(session, "main", lambda health: after_bad(health, now, "535 no", trip=True))
    [row] = json.loads(outreach(root, "alerts", "list", "--json").stdout)
    assert (row["kind"], row["subject"]) == ("breaker_open", "relay main")
    with workspace.database.write() as session:
        change_health(session, "main", lambda health: after_good(health, now))
    assert outreach(root, "alerts", "list").stdout == "Nothing needs a person.\n"


def test_a_test_alert_reaches_the_second_relay_or_says_why_not(root: Path) -> None:
    done = outreach(root, "alerts", "test")
    assert done.returncode == 1 and "[alerts]" in done.stderr
    with FaultServer() as server:
        done = outreach(root, "alerts", "test", **server_of(server, "ops@acme.example"))
        assert done.returncode == 0 and "told ops@acme.example" in done.stdout, done.stderr
        assert len(server.taken) == 1
    with FaultServer({"DOT": b"550 5.7.1 no\r\n"}) as server:
        done = outreach(root, "alerts", "test", "--json", **server_of(server, "ops@acme.example"))
        assert done.returncode == 1 and json.loads(done.stdout)[0]["ok"] is False


def test_an_address_that_is_none_is_refused_with_the_settings_name(root: Path) -> None:
    done = outreach(root, "health", OUTREACH_ALERTS__TO="ops")
    assert done.returncode == 1 and "alerts.to" in done.stdout and "no e-mail address" in done.stdout


def test_health_is_well_then_not_and_says_what_to_do_in_one_line_each(workspace: Workspace, root: Path) -> None:
    done = outreach(root, "health", "--quiet")
    assert (done.returncode, done.stdout) == (0, "")
    began = time.monotonic()
    assert outreach(root, "health").returncode == 0
    assert time.monotonic() - began < 10, "it asks no server; how long it takes is for a benchmark to say"
    trouble(workspace, "no answer\nfrom relay", "acme.example", AlertKind.DOMAIN_PAUSED)
    done = outreach(root, "health", "--quiet")
    assert done.returncode == 1
    assert done.stdout == "BAD a domain is paused: acme.example: no answer from relay | df -h\n"
    told = json.loads(outreach(root, "health", "--json").stdout)
    assert told["ok"] is False and {"check", "level", "words", "remedy"} <= set(told["findings"][0])


@pytest.mark.sqlite
def test_health_in_a_broken_workspace_says_so_and_raises_nothing(root: Path) -> None:
    (root / "outreach.db").write_bytes(b"this is no database" * 1000)
    done = outreach(root, "health")
    assert done.returncode == 1 and done.stdout.startswith("BAD ") and "Traceback" not in done.stderr
    (root / "outreach.toml").unlink()
    done = outreach(root, "health", "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["ok"] is False


def test_health_tells_in_the_place_of_a_dead_daemon(workspace: Workspace, root: Path) -> None:
    pause(workspace)
    trouble(workspace)
    with FaultServer() as server:
        done = outreach(root, "health", "--quiet", "--tell", **server_of(server, "ops@acme.example"))
        assert done.returncode == 1
        outreach(root, "health", "--tell", **server_of(server, "ops@acme.example"))
        assert len(server.taken) == 1
