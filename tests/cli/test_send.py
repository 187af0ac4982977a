"""`outreach send`, `verify` and `run --once`, as a user calls them."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from outreach.cli.app import app
from outreach.records import CampaignState, DeliveryState
from outreach.store.campaigns import change_campaign_state
from outreach.work.workspace import open_workspace

from ..faults.crowd import Crowd, count_in, gather
from ..servers import Sink, start_sink
from ..servers.fault import CLOSE, FaultServer
from ..servers.program import Program


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with start_sink(tmp_path / "sink.log") as running:
        yield running


@pytest.fixture
def crowd(tmp_path: Path, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> Crowd:
    """Twelve people and a campaign called news."""
    made = gather(tmp_path / "acme", sink.port, 12)
    for name, value in made.environ().items():
        if name.startswith("OUTREACH_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("OUTREACH_WORKSPACE", str(made.root))
    return made


def call(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["outreach", *words])
    return app()


def test_send_shows_what_it_will_do_and_accounts_for_it(
    crowd: Crowd, sink: Sink, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "send", "news", "--yes") == 0
    said = capsys.readouterr().out
    assert "12 people of 12 planned" in said
    assert "From      Acme" in said
    assert "Subject   Something new, P1" in said
    assert "this is news about your plan" in said
    assert "Sent 12 now" in said
    assert len(sink.taken()) == 12


def test_what_is_done_is_not_sent_again_but_by_again(
    crowd: Crowd, sink: Sink, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "send", "news", "--yes", "--json") == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["sent"], first["done"], first["left"], first["occasion"]) == (12, True, 0, "once-1")
    assert call(monkeypatch, "send", "news", "--yes") == 3
    assert "--again" in capsys.readouterr().err
    assert len(sink.taken()) == 12
    assert call(monkeypatch, "send", "news", "--yes", "--again", "--json") == 0
    assert json.loads(capsys.readouterr().out)["occasion"] == "once-2"
    assert len({str(one["message_id"]) for one in sink.taken()}) == 24


def test_without_a_terminal_and_without_yes_nothing_goes_not_even_by_the_daemon(
    crowd: Crowd, sink: Sink, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert call(monkeypatch, "send", "news") == 3
    said = capsys.readouterr()
    assert "Nothing was sent" in said.out
    assert "--yes" in said.err
    call(monkeypatch, "run", "--once")
    assert sink.taken() == []
    assert call(monkeypatch, "send", "news", "--yes") == 0
    assert len(sink.taken()) == 12


def answer(crowd: Crowd, words: str) -> tuple[int, str]:
    """Run `send news` on a terminal of its own and type an answer to its question."""
    ours, theirs = pty.openpty()
    command = ["-w", str(crowd.root), "send", "news"]
    with Program(command, stdin=theirs, stdout=subprocess.PIPE, env=crowd.environ(), text=True) as process:
        os.write(ours, f"{words}\n".encode())
        said, _ = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    return process.returncode, said


def test_a_no_sends_nothing_and_a_yes_sends_it(crowd: Crowd, sink: Sink) -> None:
    status, said = answer(crowd, "n")
    assert status == 3
    assert "Send to 12 people?" in said
    assert sink.taken() == []
    status, _ = answer(crowd, "y")
    assert status == 0
    assert len(sink.taken()) == 12


def test_verify_adds_up_and_names_everybody(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "verify", "news") == 0
    assert "no edition yet" in capsys.readouterr().out
    call(monkeypatch, "send", "news", "--yes")
    capsys.readouterr()
    assert call(monkeypatch, "verify", "news") == 0
    assert "adds up" in capsys.readouterr().out
    assert call(monkeypatch, "verify", "news", "--state", "sent", "--json") == 0
    [one] = json.loads(capsys.readouterr().out)
    assert (one["planned"], one["total"], one["adds_up"], one["counts"]["sent"]) == (12, 12, True, 12)
    assert sorted(person["address"] for person in one["people"])[0] == "p10@example.com"
    assert all(person["message_id"].startswith("<") and person["response"] for person in one["people"])


def test_send_exits_3_where_nobody_knows_whether_a_mail_was_taken(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with FaultServer({"DOT": [CLOSE, b"250 2.0.0 Ok\r\n"]}) as cuts:
        monkeypatch.setenv("OUTREACH_RELAY__PORT", str(cuts.port))
        assert call(monkeypatch, "send", "news", "--yes", "--json") == 3
        said = capsys.readouterr()
        assert json.loads(said.out)["counts"] == dict.fromkeys(DeliveryState, 0) | {"sent": 11, "in_doubt": 1}
        assert "1 mail is in doubt" in said.err and "outreach verify news --state in_doubt" in said.err
        assert len(cuts.taken) == 11


def test_verify_exits_3_while_mails_are_in_doubt_and_1_when_it_does_not_add_up(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(monkeypatch, "send", "news", "--yes")
    workspace = open_workspace(crowd.root)
    with workspace.database.write() as session:
        session.connection().exec_driver_sql("UPDATE delivery SET state = 'in_doubt' WHERE id = 1")
    capsys.readouterr()
    assert call(monkeypatch, "verify", "news") == 3
    assert "1 in doubt" in capsys.readouterr().err
    with workspace.database.write() as session:
        session.connection().exec_driver_sql("DELETE FROM delivery WHERE id = 2")
    assert call(monkeypatch, "verify", "news") == 1
    said = capsys.readouterr()
    assert "DOES NOT ADD UP" in said.out
    assert "does not add up" in said.err
    workspace.database.close()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["send", "nothing", "--yes"], "no campaign called nothing"),
        (["send", "news", "--json"], "--yes"),
        (["verify", "nothing"], "no campaign called nothing"),
        (["verify", "news", "--state", "lost"], "in_doubt"),
        (["verify", "news", "--issue", "7"], "no issue 7"),
    ],
)
def test_wrong_words_exit_2_with_a_remedy(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    assert call(monkeypatch, *words) == 2
    assert told in capsys.readouterr().err


def test_sigterm_ends_a_send_in_good_order(tmp_path: Path) -> None:
    with start_sink(tmp_path / "slow.log", "--dot-delay", "0.1") as slow:
        crowd = gather(tmp_path / "acme", slow.port, 200)
        with crowd.start("send", "news", "--yes") as process:
            while not slow.taken():
                assert process.poll() is None
            os.kill(process.pid, signal.SIGTERM)
            said, _ = process.communicate(timeout=30)
        assert process.returncode == 0
        assert b"still to come" in said
        workspace = crowd.open()
        sent = count_in(workspace, DeliveryState.SENT)
        assert sent == len(slow.taken()) < 200
        assert count_in(workspace, DeliveryState.QUEUED) == 200 - sent
        workspace.database.close()


def test_a_send_whose_campaign_is_paused_meanwhile_says_so_and_needs_a_person(tmp_path: Path) -> None:
    """It ended with 0 and advised to run it again, and a script took that for done."""
    with start_sink(tmp_path / "slow.log", "--dot-delay", "0.1") as slow:
        crowd = gather(tmp_path / "acme", slow.port, 200)
        workspace = crowd.open()
        with crowd.start("send", "news", "--yes") as process:
            while not slow.taken():
                assert process.poll() is None
            with workspace.database.write() as session:
                assert change_campaign_state(session, "news", CampaignState.PAUSED, workspace.clock())
            told, _ = process.communicate(timeout=30)
        assert process.returncode == 3
        assert b"news was paused while it was being sent" in told and b"campaigns resume news" in told
        assert count_in(workspace, DeliveryState.SENT) == len(slow.taken()) < 200
        workspace.database.close()
