"""Sending through carriers: light processes that render and speak SMTP for the one that holds the database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from outreach.errors import OutreachError, RelayError
from outreach.records import Campaign, CampaignState, Delivery, DeliveryState, Edition, FailureClass
from outreach.store.campaigns import change_campaign_state
from outreach.work import carriers
from outreach.work.presence import FOLDER
from outreach.work.send import SendCounts, send_open
from outreach.work.workspace import Workspace

from ..faults.crowd import add_people, carriers_of
from ..servers import ROOT, Sink, start_sink
from ..servers.fault import FaultServer
from ..store.rows import delivery, lay_edition, states_of
from .presses import DeadlyPress
from .sending import arrived, open_plain_press, with_relay

People = Callable[..., int]


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with start_sink(tmp_path / "sink.log") as running:
        yield running


def with_carriers(workspace: Workspace, port: int, processes: int = 3, **sending: Any) -> Workspace:
    """The same workspace, its mail carried over 127.0.0.1:port by so many processes."""
    here = with_relay(workspace, port)
    values = {"processes": processes} | sending
    settings = here.settings
    return replace(here, settings=settings.model_copy(update={"sending": settings.sending.model_copy(update=values)}))


def send(workspace: Workspace, **how: Any) -> SendCounts:
    return send_open(workspace, **({"press": open_plain_press} | how))


def crowd(workspace: Workspace, count: int) -> list[int]:
    add_people(workspace, count)
    return list(range(1, count + 1))


def assert_log_and_outbox_agree(workspace: Workspace, sink: Sink) -> None:
    """Nobody twice; sent is what the relay took; what it took and we do not know of is in doubt."""
    taken = arrived(sink)
    assert len(taken) == len(set(taken)), "somebody was written to twice"
    with workspace.database.read() as session:
        rows = session.execute(select(col(Delivery.public_id), col(Delivery.state))).all()
    sent = {row.public_id for row in rows if row.state is DeliveryState.SENT}
    doubtful = {row.public_id for row in rows if row.state is DeliveryState.IN_DOUBT}
    assert sent <= set(taken) <= sent | doubtful


def test_everybody_gets_it_once_through_two_carriers(workspace: Workspace, sink: Sink) -> None:
    edition = lay_edition(workspace, crowd(workspace, 120))
    counts = send(with_carriers(workspace, sink.port))
    assert (counts.sent, counts.total, counts.finished) == (120, 120, (edition,))
    with workspace.database.read() as session:
        rows = list(session.execute(select(Delivery)).scalars())
    assert sorted(arrived(sink)) == sorted(row.public_id for row in rows)
    one = rows[0]
    assert (one.state, one.attempts, one.owner, one.relay) == (DeliveryState.SENT, 1, None, f"127.0.0.1:{sink.port}")
    assert one.response.startswith("250")
    assert list((workspace.root / FOLDER).iterdir()) == []
    assert carriers_of(os.getpid()) == []


def test_a_carrier_loads_neither_tables_nor_a_database() -> None:
    heavy = "sqlmodel sqlalchemy alembic pydantic sqlite3 premailer"
    code = (
        "import sys, outreach.work.carrier, outreach.work.press\n"
        f"print([name for name in {heavy!r}.split() if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_who_cannot_be_rendered_in_a_carrier_is_withheld_and_the_others_go(
    workspace: Workspace, make_customer: People, sink: Sink
) -> None:
    people = [make_customer(f"{name}@example.com", first_name=name) for name in ("Ann", "Broken", "Cid")]
    edition = lay_edition(workspace, people)
    counts = send(with_carriers(workspace, sink.port))
    assert (counts.sent, counts.withheld) == (2, 1)
    assert sorted(states_of(workspace, edition)) == ["sent", "sent", "withheld"]
    row = delivery(workspace, 2)
    assert row.reason.startswith("render: ")
    assert "plan" in row.evidence


def test_a_refusal_reaches_the_outbox_with_its_words(workspace: Workspace) -> None:
    lay_edition(workspace, crowd(workspace, 4))
    with FaultServer({"RCPT": b"550 5.1.1 No such user here\r\n"}) as server:
        counts = send(with_carriers(workspace, server.port))
    row = delivery(workspace, 1)
    assert (counts.failed, row.state, row.failure) == (4, DeliveryState.FAILED, FailureClass.BAD_ADDRESS)
    assert row.response == "550 5.1.1 No such user here"


def test_a_relay_that_refuses_our_sender_stops_all_carriers_and_fails_nobody(workspace: Workspace) -> None:
    edition = lay_edition(workspace, crowd(workspace, 30))
    with (
        FaultServer({"MAIL": b"550 5.7.1 Sender not allowed\r\n"}) as server,
        pytest.raises(RelayError, match="refused the sender") as told,
    ):
        send(with_carriers(workspace, server.port))
    assert "identity.sender" in told.value.remedy
    assert states_of(workspace, edition) == [DeliveryState.QUEUED] * 30


def test_a_mail_that_kills_three_carriers_is_set_aside_in_one_run_and_its_neighbours_go(
    workspace: Workspace, make_customer: People, sink: Sink
) -> None:
    names = ["Ann"] * 20 + ["Poison"] + ["Cid"] * 20
    people = [make_customer(f"p{number}@example.com", first_name=name) for number, name in enumerate(names)]
    edition = lay_edition(workspace, people)
    counts = send(with_carriers(workspace, sink.port), press=lambda *_: DeadlyPress())
    poisoned = delivery(workspace, 21)
    assert (poisoned.state, poisoned.failure, poisoned.crashes) == (DeliveryState.FAILED, FailureClass.POISON, 3)
    states = states_of(workspace, edition)
    assert states.count(DeliveryState.FAILED) == 1
    assert set(states) <= {DeliveryState.FAILED, DeliveryState.SENT, DeliveryState.IN_DOUBT}
    assert counts.in_doubt == states.count(DeliveryState.IN_DOUBT) <= 3 * 2, "at most its connections, per death"
    assert sum(row.crashes for row in (delivery(workspace, number + 1) for number in range(41))) == 3
    assert_log_and_outbox_agree(workspace, sink)


def while_sending(workspace: Workspace, act: Callable[[list[int]], None]) -> SendCounts:
    """Send, and do something to the carriers once some mails are settled."""
    begun = threading.Event()

    def watch() -> None:
        assert begun.wait(30)
        act(carriers_of(os.getpid()))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        return send(workspace, progress=lambda _settled: begun.set())
    finally:
        watcher.join()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_carrier_that_is_killed_or_stands_still_costs_at_most_its_connections(
    workspace: Workspace, tmp_path: Path, number: signal.Signals
) -> None:
    edition = lay_edition(workspace, crowd(workspace, 80))
    here = with_carriers(workspace, 0, lease_seconds=5)

    def strike(children: list[int]) -> None:
        os.kill(children[0], number)

    with start_sink(tmp_path / "slow.log", "--dot-delay", "0.02") as slow:
        counts = while_sending(with_carriers(here, slow.port, lease_seconds=5), strike)
        states = states_of(workspace, edition)
        assert set(states) <= {DeliveryState.SENT, DeliveryState.IN_DOUBT}
        assert counts.in_doubt == states.count(DeliveryState.IN_DOUBT) <= 2
        assert counts.sent == states.count(DeliveryState.SENT)
        assert_log_and_outbox_agree(workspace, slow)
    assert carriers_of(os.getpid()) == []


def test_carriers_that_die_one_after_the_other_end_the_send_and_everybody_stays_queued(
    workspace: Workspace, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    edition = lay_edition(workspace, crowd(workspace, 10))
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(OutreachError, match="processes that carry mail die"):
        send(with_carriers(workspace, sink.port))
    assert states_of(workspace, edition) == [DeliveryState.QUEUED] * 10


def test_a_carrier_of_another_version_is_an_error_and_not_a_hang(
    workspace: Workspace, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    edition = lay_edition(workspace, crowd(workspace, 10))
    monkeypatch.setattr(carriers, "VERSION", "another")
    with pytest.raises(OutreachError, match="another"):
        send(with_carriers(workspace, sink.port))
    assert states_of(workspace, edition) == [DeliveryState.QUEUED] * 10


def test_a_carrier_that_talks_garbage_is_an_error_and_not_a_hang(
    workspace: Workspace, sink: Sink, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    edition = lay_edition(workspace, crowd(workspace, 10))
    fake = tmp_path / "fake"
    words = "import os, sys, time\nos.write(int(sys.argv[3]), b'HTTP/1.1 200 OK\\r\\n\\r\\nhello')\ntime.sleep(30)\n"
    fake.write_text(f"#!{sys.executable}\n{words}")
    fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    started = time.monotonic()
    with pytest.raises(OutreachError, match="does not speak our language"):
        send(with_carriers(workspace, sink.port))
    assert time.monotonic() - started < 15
    assert states_of(workspace, edition) == [DeliveryState.QUEUED] * 10


def test_a_paused_campaign_stops_within_a_second_and_goes_on_where_it_stopped(
    workspace: Workspace, tmp_path: Path
) -> None:
    edition = lay_edition(workspace, crowd(workspace, 80))
    with workspace.database.read() as session:
        name = session.get_one(Campaign, session.get_one(Edition, edition).campaign_id).name
    paused: list[float] = []

    def pause(_children: list[int]) -> None:
        with workspace.database.write() as session:
            change_campaign_state(session, name, CampaignState.PAUSED, workspace.clock())
        paused.append(time.monotonic())

    with start_sink(tmp_path / "slow.log", "--dot-delay", "0.02") as slow:
        here = with_carriers(workspace, slow.port)
        counts = while_sending(here, pause)
        assert time.monotonic() - paused[0] < 2
        taken = len(slow.taken())
        assert counts.sent == taken < 80
        assert counts.postponed == 80 - taken
        assert states_of(workspace, edition).count(DeliveryState.QUEUED) == 80 - taken
        with workspace.database.write() as session:
            change_campaign_state(session, name, CampaignState.ACTIVE, workspace.clock())
            session.execute(Delivery.__table__.update().values(next_at=None))  # type: ignore[attr-defined]
        assert send(here).sent == 80 - taken
        assert_log_and_outbox_agree(workspace, slow)
        assert len(slow.taken()) == 80


def test_told_to_stop_it_finishes_what_is_in_the_air_and_gives_back_the_rest(
    workspace: Workspace, tmp_path: Path
) -> None:
    edition = lay_edition(workspace, crowd(workspace, 80))
    stop = threading.Event()
    with start_sink(tmp_path / "slow.log", "--dot-delay", "0.02") as slow:
        counts = send(with_carriers(workspace, slow.port), stop=stop, progress=lambda _: stop.set())
        states = states_of(workspace, edition)
        assert set(states) == {DeliveryState.SENT, DeliveryState.QUEUED}
        assert counts.sent == states.count(DeliveryState.SENT) == len(slow.taken()) < 80


@pytest.mark.parametrize("processes", [1, 3])
def test_what_has_no_answer_when_the_time_to_stop_is_over_is_in_doubt(
    workspace: Workspace, tmp_path: Path, processes: int
) -> None:
    edition = lay_edition(workspace, crowd(workspace, 12))
    stop = threading.Event()
    with start_sink(tmp_path / "slow.log", "--dot-delay", "20") as slow:
        here = with_carriers(workspace, slow.port, processes, stop_seconds=0.3)

        def watch() -> None:
            while len(slow.taken()) < 4:
                time.sleep(0.01)
            stop.set()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        started = time.monotonic()
        counts = send(here, stop=stop)
        watcher.join()
        assert time.monotonic() - started < 10
        states = states_of(workspace, edition)
        assert (states.count(DeliveryState.IN_DOUBT), states.count(DeliveryState.QUEUED)) == (4, 8)
        assert counts.in_doubt == 4
        assert_log_and_outbox_agree(workspace, slow)
