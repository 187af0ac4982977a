"""A large edition in waves, by the commands a marketer uses, to a real SMTP server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from outreach.work.workspace import Workspace

from ..cli.inside import Done, outreach
from ..servers import Sink, start_sink
from .coming_back import add_people, write_campaign

PEOPLE = 520
Say = Callable[..., Done]


@pytest.fixture
def say(workspace: Workspace, tmp_path: Path) -> Say:
    """The command line in a workspace with 520 people and a campaign in waves, planned by nobody yet."""
    add_people(workspace, [f"p{number}@d{number % 52}.example" for number in range(PEOPLE)])
    write_campaign(workspace, "waves: 500, 3%, rest\n")
    workspace.database.close()

    def run(*words: str, port: int = 1, **more: str) -> Done:
        relay = {"OUTREACH_RELAY__PORT": str(port), "OUTREACH_RELAY__CATCHER": "false"}
        return outreach(workspace.root, *words, OUTREACH_SENDING__WAVE_MINUTES="0", **relay, **more)

    assert run("campaigns", "apply", "news.md").returncode == 0
    return run


@pytest.fixture
def sink(tmp_path: Path) -> object:
    with start_sink(tmp_path / "sink.log") as running:
        yield running


def test_a_clean_edition_to_520_people_goes_through_all_waves_and_everybody_gets_it_once(say: Say, sink: Sink) -> None:
    assert "in waves of 500, 16, 4 people" in say("plan").stdout
    first = say("send", "news", "--yes", port=sink.port)
    assert first.returncode == 0
    assert "Waves     500, 16, 4 people; 1 of 3 released" in first.stdout
    assert "Wave 1 of 3 is out. The next, 16 people, follows when a look says so" in first.stdout
    assert sink.count() == 500
    second = json.loads(say("run", "--once", "--json", port=sink.port).stdout)
    assert [(one["wave"], one["verdict"], one["next_people"]) for one in second["waves"]] == [(1, "go", 16)]
    assert sink.count() == 516
    third = json.loads(say("send", "news", "--yes", "--json", port=sink.port).stdout)
    assert (third["sent"], third["done"], third["waves"]["released"]) == (4, True, 3)
    taken = [record["recipient"] for record in sink.taken()]
    assert len(taken) == len(set(taken)) == PEOPLE
    (line,) = json.loads(say("verify", "news", "--json").stdout)
    assert line["adds_up"] and line["counts"]["sent"] == PEOPLE
    assert line["waves"] == {"sizes": [500, 16, 4], "released": 3}
    assert [one["state"] for one in json.loads(say("waves", "list", "--json").stdout)[0]["waves"]] == ["out"] * 3


def test_what_a_person_stops_waits_until_a_person_says_go_and_nobody_is_lost(
    say: Say, sink: Sink, workspace: Workspace
) -> None:
    say("send", "news", "--yes", port=sink.port)
    stopped = say("waves", "stop", "news")
    assert stopped.returncode == 0 and "20 people wait" in stopped.stdout
    refused = say("send", "news", "--yes", port=sink.port)
    assert refused.returncode == 3 and "was stopped" in refused.stderr and "--release" in refused.stderr
    assert say("run", "--once", port=sink.port).returncode == 0 and sink.count() == 500
    listed = say("waves", "list", "news").stdout
    assert "paused" in listed and "stopped" in listed
    assert "wave 1 of 3 was stopped" in say("verify", "news").stdout
    assert "a person must decide: outreach waves list news" in say("plan").stdout
    assert "wave 1 of 3 is out" in " ".join(say("report").stdout.split())
    assert say("report", "--html", "report.html").returncode == 0
    assert "wave 1 of 3 is out: wave 1 of 3 was stopped" in (workspace.root / "report.html").read_text("utf-8")
    assert say("waves", "stop", "news").returncode != 0, "it is stopped already"
    assert say("send", "news", "--release", "--yes", port=sink.port).returncode == 0
    assert sink.count() == 516
    assert "4 people may get it now" in say("waves", "release", "news").stdout
    assert say("send", "news", "--yes", port=sink.port).returncode == 0
    assert len({record["recipient"] for record in sink.taken()}) == sink.count() == PEOPLE
    missing = say("waves", "release", "news")
    assert missing.returncode != 0 and "no wave of it waits" in missing.stderr
    assert say("waves", "list", "nothing").returncode == 2
