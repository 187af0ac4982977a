"""Telling of alerts: once, over a second relay, past a pause, without an address, and never round in a circle."""

from __future__ import annotations

import errno
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

from outreach.records import Alert, AlertKind, Campaign, Delivery, DeliveryState, Edition, EditionState
from outreach.settings import Settings
from outreach.store.alerts import open_alerts, recent_alerts
from outreach.store.campaigns import ALERTS
from outreach.work.alert_mail import alert_relays
from outreach.work.send import send_open
from outreach.work.tell import ToldCounts, run_command, tell, tell_test, wait_after
from outreach.work.workspace import Workspace, check_may_send, workspace_row

from ..conftest import HandClock
from ..servers import start_sink
from ..servers.fault import CLOSE, FaultServer
from ..store.rows import lay_edition
from .alerting import mails, over, telling, trouble
from .sending import arrived, open_plain_press, with_relay


def deliveries(workspace: Workspace) -> list[Delivery]:
    with workspace.database.read() as session:
        query = select(Delivery).join(Campaign).where(Campaign.name == ALERTS)
        return list(session.exec(query.order_by(col(Delivery.id))))


def pause(workspace: Workspace) -> None:
    with workspace.database.write() as session:
        row = workspace_row(session)
        row.paused_at, row.pause_reason = workspace.clock(), "an audit"
        row.version += 1
        session.add(row)


def recorder(path: Path) -> str:
    """A command that files what it was told."""
    program = path.with_suffix(".py")
    program.write_text(
        "import json, os, sys\n"
        "told = {name: value for name, value in os.environ.items() if name.startswith('OUTREACH_ALERT_')}\n"
        f"open({str(path)!r}, 'a').write(json.dumps([sys.stdin.read(), told]) + chr(10))\n"
    )
    return f"{sys.executable} {program}"


def test_it_is_told_once_and_once_when_it_is_over_by_the_second_relay(workspace: Workspace, clock: HandClock) -> None:
    with FaultServer() as server:
        here = telling(workspace, server)
        trouble(here)
        assert tell(here) == ToldCounts(told=1)
        assert tell(here) == ToldCounts()
        over(here)
        clock.advance(minutes=3)
        assert tell(here) == ToldCounts(told=1)
        clock.advance(days=1)
        assert tell(here) == ToldCounts()
    told = mails(server)
    assert [mail["To"] for mail in told] == ["ops@acme.example", "eve@acme.example"] * 2
    assert told[0]["Subject"] == "[acme] trouble with the database: disk"
    assert told[2]["Subject"] == "[acme] over: trouble with the database: disk"
    text = told[0].get_content()
    assert "the disk is full" in text and "What to do: df -h" in text and "alerts list" in text
    rows = deliveries(here)
    assert [row.state for row in rows] == [DeliveryState.SENT] * 4, "every mail that leaves the house is a delivery"
    assert all(row.intent_at is not None and row.relay.endswith(str(server.port)) for row in rows)
    with here.database.read() as session:
        assert set(session.exec(select(Edition.state))) == {EditionState.DONE}


def test_all_that_is_to_be_told_goes_in_one_mail(workspace: Workspace) -> None:
    with FaultServer() as server:
        here = telling(workspace, server, to=("ops@acme.example",))
        for number in range(5):
            trouble(here, f"words {number}", f"thing {number}")
        assert tell(here) == ToldCounts(told=5)
        [mail] = mails(server)
    assert mail["Subject"].endswith("thing 2 and 2 more")
    assert all(f"words {number}" in mail.get_content() for number in range(5))


def test_it_goes_while_everything_is_paused_and_nobody_else_claims_it(
    workspace: Workspace, make_customer: Callable[..., int], tmp_path: Path
) -> None:
    with FaultServer() as server:
        here = telling(workspace, server)
        pause(here)
        trouble(here)
        with pytest.raises(Exception, match="paused"):
            check_may_send(here)
        assert tell(here).told == 1
        assert len(server.taken) == 2


def test_an_alert_that_could_not_be_told_waits_longer_each_time_and_leaves_nothing_in_the_outbox(
    workspace: Workspace, make_customer: Callable[..., int], clock: HandClock, tmp_path: Path
) -> None:
    here = telling(workspace)
    trouble(here)
    assert tell(here) == ToldCounts(untold=1)
    assert tell(here) == ToldCounts(), "not again at once"
    with here.database.read() as session:
        [alert] = open_alerts(session)
    assert alert.tries == 1 and alert.told_at is None and "refused" in alert.trouble.lower()
    assert {row.state for row in deliveries(here)} == {DeliveryState.CANCELLED}
    clock.advance(minutes=1)
    assert tell(here).untold == 1
    clock.advance(minutes=1)
    assert tell(here) == ToldCounts(), "two minutes the second time"
    lay_edition(here, [make_customer("ann@example.com", first_name="Ann")])
    with start_sink(tmp_path / "sink.log") as sink:
        assert send_open(with_relay(here, sink.port), press=open_plain_press).sent == 1
        assert len(arrived(sink)) == 1, "the outbox holds no alert that goes out late"
    with FaultServer() as server:
        clock.advance(minutes=1)
        assert tell(telling(workspace, server)).told == 1


def test_the_wait_grows_up_to_an_hour() -> None:
    assert [wait_after(tries) / timedelta(minutes=1) for tries in (0, 1, 2, 5, 6, 900)] == [1, 2, 4, 32, 60, 60]


def test_a_second_relay_that_fails_before_the_dot_gives_way_to_the_first(workspace: Workspace) -> None:
    with FaultServer({"MAIL": CLOSE}) as broken, FaultServer() as first:
        here = with_relay(telling(workspace, broken, to=("ops@acme.example",)), first.port)
        trouble(here)
        assert tell(here).told == 1
        assert (len(broken.taken), len(first.taken)) == (0, 1)


def test_what_may_have_arrived_is_in_doubt_and_is_not_told_again(workspace: Workspace, clock: HandClock) -> None:
    with FaultServer({"DOT": CLOSE}) as server, FaultServer() as first:
        here = with_relay(telling(workspace, server, to=("ops@acme.example",)), first.port)
        trouble(here)
        assert tell(here).told == 1
        clock.advance(days=1)
        assert tell(here) == ToldCounts()
        assert first.taken == [], "after the dot no other relay is tried"
    [row] = deliveries(here)
    assert row.state is DeliveryState.IN_DOUBT
    with here.database.read() as session:
        assert "after the final dot" in recent_alerts(session, 1)[0].trouble


def test_a_refusal_of_one_address_is_kept_and_the_others_are_told(workspace: Workspace) -> None:
    with FaultServer({"RCPT": [b"550 5.1.1 no such user\r\n", b"250 Ok\r\n"]}) as server:
        here = telling(workspace, server)
        trouble(here)
        assert tell(here).told == 1
    assert [row.state for row in deliveries(here)] == [DeliveryState.FAILED, DeliveryState.SENT]
    with here.database.read() as session:
        assert "no such user" in open_alerts(session)[0].trouble


def test_an_alert_about_the_only_relay_is_not_sent_through_it(workspace: Workspace, clock: HandClock) -> None:
    with FaultServer() as only:
        here = with_relay(telling(workspace), only.port)
        trouble(here, "421 from it", "relay main", AlertKind.BREAKER_OPEN)
        clock.advance(minutes=2)
        assert tell(here).untold == 1
        assert (only.connections, deliveries(here)) == (0, [])
        with here.database.read() as session:
            assert "[alerts.server]" in open_alerts(session)[0].trouble


def test_no_customers_address_and_no_line_break_of_a_stranger_gets_into_an_alert(workspace: Workspace) -> None:
    with FaultServer() as server:
        here = telling(workspace, server, to=("ops@acme.example",))
        trouble(here, "550 <ann@example.com>: denied", "relay\r\nBcc: x@example.org")
        assert tell(here).told == 1
        [mail] = mails(server)
    assert b"ann@example.com" not in server.taken[0] and b"x@example.org" not in server.taken[0]
    assert mail["Bcc"] is None and "(an address)" in mail.get_content()


def test_the_command_gets_the_words_and_the_variables(workspace: Workspace, tmp_path: Path) -> None:
    heard = tmp_path / "heard.jsonl"
    here = telling(workspace, to=(), command=recorder(heard))
    trouble(here, "the disk is full; rm -rf $HOME `id`")
    assert tell(here) == ToldCounts(told=1)
    words, told = json.loads(heard.read_text())
    assert "the disk is full; rm -rf $HOME `id`" in words
    assert told["OUTREACH_ALERT_STATE"] == "open" and told["OUTREACH_ALERT_KIND"] == "database"
    assert told["OUTREACH_ALERT_REMEDY"] == "df -h" and told["OUTREACH_ALERT_WORKSPACE"] == str(here.root)
    assert tell(here) == ToldCounts()


@pytest.mark.parametrize(
    ("command", "shell", "said"),
    [
        ("exit 3", True, "exit status 3"),
        ("/nowhere/program", False, "cannot be run"),
        ("sleep 30 & sleep 30", True, "longer than 0.3 seconds"),
        ("'", False, "cannot be run"),
    ],
)
def test_a_command_that_fails_or_hangs_is_told(workspace: Workspace, command: str, shell: bool, said: str) -> None:
    here = telling(workspace, to=(), command=command, shell=shell, command_seconds=0.3)
    began = time.monotonic()
    alert = Alert(kind=AlertKind.JOB, subject="x", words="y", raised_at=workspace.clock())
    assert said in run_command(here, alert)
    assert time.monotonic() - began < 5
    trouble(here)
    assert tell(here).untold == 1


def test_a_command_that_leaves_something_running_has_told(workspace: Workspace) -> None:
    """It hands the words to a process in the background and ends: that is waited for by nobody, and not told again."""
    here = telling(workspace, to=(), command="sleep 20 & echo paged >&2", shell=True, command_seconds=5)
    alert = Alert(kind=AlertKind.DATABASE, subject="disk", words="the disk is full", raised_at=workspace.clock())
    began = time.monotonic()
    assert run_command(here, alert) == ""
    assert time.monotonic() - began < 4


def test_a_command_runs_where_the_disk_is_full(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    here = telling(workspace, to=(), command="echo paged >&2; exit 3", shell=True)
    alert = Alert(kind=AlertKind.DATABASE, subject="disk", words="the disk is full", raised_at=workspace.clock())
    assert run_command(here, alert).startswith("exit status 3")


def test_nobody_to_tell_is_no_trouble(workspace: Workspace) -> None:
    trouble(workspace)
    assert tell(workspace) == ToldCounts()
    assert tell_test(workspace) == []


def test_a_test_says_what_became_of_each_way(workspace: Workspace) -> None:
    with FaultServer() as server:
        here = telling(workspace, server, to=("ops@acme.example",), command="false")
        told = tell_test(here)
    assert [(each.to, each.ok) for each in told] == [("ops@acme.example", True), ("command", False)]
    assert "this is a test" in mails(server)[0].get_content().lower()


def test_alerts_leave_by_their_own_server_then_the_named_relay_then_a_backup(workspace: Workspace) -> None:
    values = {
        "relays": [
            {"name": "one", "port": 1, "weight": 2},
            {"name": "spare", "port": 2, "backup": True},
            {"name": "named", "port": 3},
        ],
        "alerts": {"to": "ops@acme.example, eve@acme.example", "relay": "named", "server": {"host": "second.example"}},
    }
    here = replace(workspace, settings=Settings.model_validate(values))
    assert [relay.name for relay in alert_relays(here)] == ["alerts", "named", "spare", "one"]
    assert [relay.name for relay in alert_relays(here, ["named"])] == ["alerts", "spare", "one"]
    assert here.settings.alerts.to == ("ops@acme.example", "eve@acme.example")
    with pytest.raises(ValueError, match="no relay named 'other'"):
        Settings.model_validate({"alerts": {"relay": "other"}})
