"""`outreach run`, as a daemon and once."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from outreach.cli.run import _say, _sayer
from outreach.errors import RelayError
from outreach.work.publish import open_occasion
from outreach.work.worker import Round, Trouble

from ..faults.crowd import Crowd, gather
from ..servers import Sink, start_sink


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with start_sink(tmp_path / "sink.log") as running:
        yield running


@pytest.fixture
def crowd(tmp_path: Path, sink: Sink) -> Crowd:
    """Twelve people, an edition for them that is open, and an empty mailbox for replies."""
    made = gather(tmp_path / "acme", sink.port, 12)
    for part in ("new", "cur", "tmp"):
        (made.root / "inbox" / part).mkdir(parents=True, exist_ok=True)
    workspace = made.open()
    open_occasion(workspace, "news")
    workspace.database.close()
    return made


def test_one_round_sends_what_is_open_and_tells_what_it_did(crowd: Crowd, sink: Sink) -> None:
    status, said = crowd.run("run", "--once", "--json")
    assert status == 0, said
    told = json.loads(said)
    assert told["send"]["sent"] == 12
    assert told["troubles"] == []
    assert {"publish", "send", "replies", "follow_up"} <= set(told)
    assert len(sink.taken()) == 12
    status, said = crowd.run("run", "--once")
    assert (status, said) == (0, "")


def test_a_round_whose_relay_is_gone_exits_1_with_the_remedy_and_does_the_rest(crowd: Crowd, sink: Sink) -> None:
    gone = Crowd(crowd.root, 1)
    status, said = gone.run("run", "--once", "--json")
    assert status == 1
    told = json.loads(said)
    [trouble] = told["troubles"]
    assert (trouble["job"], trouble["waits"]) == ("send", False)
    assert "catcher" in trouble["remedy"]
    assert "replies" in told
    assert sink.taken() == []


def test_the_daemon_sends_what_is_open_and_stops_in_good_order(crowd: Crowd, sink: Sink) -> None:
    with crowd.start("run") as daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline().startswith(b"Serving ")
        deadline = time.monotonic() + 30
        while len(sink.taken()) < 12:
            assert daemon.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(daemon.pid, signal.SIGTERM)
        said, _ = daemon.communicate(timeout=30)
    assert daemon.returncode == 0
    assert b"12 sent" in said
    assert said.endswith(b"Stopped in good order.\n")


def test_a_job_that_another_machine_has_the_turn_for_needs_no_words(capsys: pytest.CaptureFixture[str]) -> None:
    turns = ("publish", "waves", "replies", "follow_up", "alerts", "maillog", "bounces", "send")
    _say(Round(results=dict.fromkeys(turns)))
    assert capsys.readouterr() == ("", "")


def test_a_daemon_that_is_to_print_json_prints_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    say = _sayer(as_json=True)
    say(Round(troubles=[Trouble("send", RelayError("it is gone", remedy="look"))]))
    assert json.loads(capsys.readouterr().out)["troubles"][0]["remedy"] == "look"
    say(Round(results={"send": 0}))
    assert json.loads(capsys.readouterr().out) == {"send": 0, "troubles": []}
    say(Round(results={"send": 0}))
    assert capsys.readouterr().out == ""
