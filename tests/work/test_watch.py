"""The look at the whole: what is seen is raised, what is gone is ended, and a monitor is told the truth."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import col, select, update

from outreach.errors import DatabaseError, NeedsPerson, RelayError
from outreach.records import (
    AlertKind,
    BreakerState,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    RelayState,
    Worker,
)
from outreach.settings import MailboxSettings
from outreach.store.alerts import open_alerts, raise_alert
from outreach.store.health import DAEMON
from outreach.store.marks import keep_marks
from outreach.work.health import check_health
from outreach.work.life import daemon_life
from outreach.work.look import look
from outreach.work.tell import ToldCounts
from outreach.work.watch import JobBook, look_and_tell, watch
from outreach.work.worker import run_once
from outreach.work.workspace import Workspace

from ..conftest import HandClock
from ..servers.fault import FaultServer
from ..servers.program import Program
from ..store.rows import lay_edition
from .alerting import mails, telling
from .test_tell import pause, recorder

GONE = 2**22 + 1
"""A number that no process has."""


def subjects(workspace: Workspace) -> list[tuple[AlertKind, str]]:
    with workspace.database.read() as session:
        return [(alert.kind, alert.subject) for alert in open_alerts(session)]


def bad(workspace: Workspace) -> dict[str, str]:
    return {found.check: found.words for found in check_health(workspace) if found.level == "bad"}


def change(workspace: Workspace, table: type, **values: object) -> None:
    with workspace.database.write() as session:
        session.connection().execute(update(table).values(**values))


def test_a_fresh_workspace_is_well_and_says_that_no_daemon_ever_ran(workspace: Workspace) -> None:
    assert look(workspace) == []
    assert bad(workspace) == {}
    assert [found.check for found in check_health(workspace) if found.level == "note"] == ["daemon"]


def test_rows_that_stay_in_doubt_need_a_person_until_they_are_settled(
    workspace: Workspace, make_customer: Callable[..., int], clock: HandClock
) -> None:
    lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(3)])
    change(workspace, Delivery, state=DeliveryState.IN_DOUBT, intent_at=clock())
    watch(workspace)
    assert subjects(workspace) == [], "a late answer may still settle it"
    clock.advance(minutes=16)
    watch(workspace)
    assert subjects(workspace) == [(AlertKind.IN_DOUBT, "news")]
    [one] = look(workspace)
    assert one.words.startswith("3 of news") and one.remedy.endswith("verify news --state in_doubt")
    assert "mails in doubt: news" in bad(workspace)
    change(workspace, Delivery, state=DeliveryState.SENT)
    watch(workspace)
    assert subjects(workspace) == []


def with_mailbox(workspace: Workspace, name: str) -> Workspace:
    boxes = (MailboxSettings(name=name, kind="maildir", path="/nowhere"),)
    replies = workspace.settings.replies.model_copy(update={"mailboxes": boxes})
    return replace(workspace, settings=workspace.settings.model_copy(update={"replies": replies}))


def test_a_mailbox_that_the_settings_name_no_more_needs_nobody(workspace: Workspace, clock: HandClock) -> None:
    here = with_mailbox(workspace, "old")
    with here.database.write() as session:
        keep_marks(session, "old", {}, at=clock(), error="login failed")
    assert watch(here) == 1
    elsewhere = with_mailbox(workspace, "new")
    watch(elsewhere)
    left = [] if workspace.database.is_sqlite else [(AlertKind.MAILBOX, "old")]
    assert subjects(elsewhere) == left, "on PostgreSQL it may be another machine's"


def test_a_mailbox_that_cannot_be_read_and_an_edition_that_waits(
    workspace: Workspace, make_customer: Callable[..., int], clock: HandClock
) -> None:
    workspace = with_mailbox(workspace, "care")
    lay_edition(workspace, [make_customer("ann@example.com")])
    change(workspace, Edition, state=EditionState.WAITING, reason="half of it cannot be rendered")
    with workspace.database.write() as session:
        keep_marks(session, "care", {}, at=clock(), error="login of ann@example.com failed")
    assert (watch(workspace), watch(workspace)) == (2, 0)
    assert subjects(workspace) == [(AlertKind.MAILBOX, "care"), (AlertKind.EDITION_WAITS, "news once-1")]
    [remedy] = [one.remedy for one in look(workspace) if one.kind is AlertKind.EDITION_WAITS]
    assert "send news --release lets it go" in remedy
    assert "ann@example.com" not in str(look(workspace))
    assert list(bad(workspace)) == ["a mailbox cannot be read: care"], "an edition that waits is not broken"
    with workspace.database.write() as session:
        keep_marks(session, "care", {"INBOX": (1, 1)}, at=clock())
        keep_marks(session, "care", {}, at=clock())
    change(workspace, Edition, state=EditionState.OPEN)
    watch(workspace)
    assert subjects(workspace) == []


def test_a_relay_that_rests_is_told_until_it_works_again_and_its_job_is_not_told_beside_it(
    workspace: Workspace, clock: HandClock
) -> None:
    with workspace.database.write() as session:
        bad = {"breaker": BreakerState.OPEN, "reason": "535 wrong for ann@example.com", "remedy": "Check the password."}
        session.add(RelayState(name="main", **bad))
        session.add(RelayState(name="gone", **bad))
    book = JobBook()
    book.note("send", RelayError("no relay takes mail"))
    look_and_tell(workspace, book)
    assert subjects(workspace) == [(AlertKind.BREAKER_OPEN, "relay main")], "a relay no longer in the settings is none"
    [one] = look(workspace)
    assert "ann@example.com" not in one.words and "stays queued" in one.words
    assert one.remedy.startswith("Check the password. Then: outreach -w ") and one.remedy.endswith("relays try main")
    change(workspace, RelayState, breaker=BreakerState.CLOSED)
    book.note("send", None)
    look_and_tell(workspace, book)
    assert subjects(workspace) == []


def test_a_daemon_that_ended_in_good_order_is_not_silent(workspace: Workspace, clock: HandClock) -> None:
    with daemon_life(workspace, "daemon") as life:
        clock.advance(minutes=9)
        assert look(workspace) == []
        clock.advance(minutes=2)
        [silent] = look(workspace)
        assert silent.subject == f"daemon on {socket.gethostname()}" and silent.remedy.endswith(" run")
        life.pulse()
        assert look(workspace) == []
    clock.advance(days=1)
    assert look(workspace) == []


def test_health_does_not_call_it_well_that_nobody_looks(workspace: Workspace, clock: HandClock) -> None:
    """A daemon that was stopped, or a cron line that is gone: nothing is broken, and no reply is read."""
    with daemon_life(workspace, DAEMON):
        pass
    clock.advance(minutes=5)
    assert [found.level for found in check_health(workspace) if found.check == "daemon"] == ["good"]
    clock.advance(days=3)
    [found] = [found for found in check_health(workspace) if found.check == "daemon"]
    assert found.level == "note" and "replies are not read" in found.words and "outreach run" in found.remedy


def test_a_daemon_that_starts_signs_off_the_one_that_died_here(workspace: Workspace, clock: HandClock) -> None:
    with workspace.database.write() as session:
        now = clock()
        session.add(Worker(name="a", kind="daemon", host=socket.gethostname(), pid=GONE, started_at=now, beat_at=now))
        session.add(Worker(name="b", kind="daemon", host="elsewhere", started_at=now, beat_at=now))
    clock.advance(hours=1)
    assert len(look(workspace)) == 2
    with daemon_life(workspace, "daemon"):
        left = [] if workspace.database.is_sqlite else ["daemon on elsewhere"]
        assert [one.subject for one in look(workspace)] == left, "on SQLite it holds the only daemon's lock"


def test_mail_that_is_due_while_nobody_sends_is_told(
    workspace: Workspace, make_customer: Callable[..., int], clock: HandClock
) -> None:
    lay_edition(workspace, [make_customer("ann@example.com")])
    assert look(workspace) == []
    clock.advance(minutes=11)
    assert [one.subject for one in look(workspace)] == ["mail"]
    with workspace.database.write() as session:
        now = clock()
        session.add(Worker(name="send-1", kind="send", started_at=now, beat_at=now))
    assert look(workspace) == [], "somebody is at it"


def test_a_clock_that_went_back_is_seen(workspace: Workspace, clock: HandClock) -> None:
    with daemon_life(workspace, "round"):
        pass
    clock.advance(hours=-3)
    assert "clock" in bad(workspace)


def test_a_pause_is_not_well(workspace: Workspace) -> None:
    pause(workspace)
    assert "an audit" in bad(workspace)["sending"]


@pytest.mark.sqlite
def test_a_database_that_cannot_be_written_is_told(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outreach.store.sqlite.BUSY_MILLISECONDS", 200)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(workspace.database.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        # the engine's connections were opened with their own patience
        workspace.database.engine.dispose()
        assert "database" in bad(workspace)
        holder.communicate(b"\n")
    assert bad(workspace) == {}


HOLD = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
db.execute("ROLLBACK")
"""


def test_a_job_that_fails_is_told_after_a_while_and_when_it_works_again(workspace: Workspace, clock: HandClock) -> None:
    with FaultServer() as server:
        here = telling(workspace, server, to=("ops@acme.example",))
        book = JobBook()
        book.note("send", RelayError("the relay is gone; ann@example.com waits", remedy="Check [relay]."))
        book.note("publish", NeedsPerson("a person must look"))
        assert look_and_tell(here, book) == ToldCounts()
        clock.advance(minutes=6)
        assert look_and_tell(here, book).told == 1
        book.note("send", None)
        look_and_tell(here, book)
        clock.advance(minutes=3)
        assert look_and_tell(here, JobBook()).told == 1
        first, last = mails(server)
    assert "a job fails: send on" in first["Subject"] and "ann@example.com" not in first.get_content()
    assert last["Subject"].startswith("[acme] over: a job fails")


def test_an_alert_about_a_job_that_nobody_does_any_more_ends(workspace: Workspace, clock: HandClock) -> None:
    """A container has another name each time, and the log that a job read may be named no more."""
    with workspace.database.write() as session:
        for subject in ("replies on 4f1c", f"maillog on {socket.gethostname()}", f"send on {socket.gethostname()}"):
            raise_alert(session, AlertKind.JOB, subject, "it fails", "", clock())
    left = [f"send on {socket.gethostname()}"]
    left = left if workspace.database.is_sqlite else [subject for _, subject in subjects(workspace)]
    with daemon_life(workspace, DAEMON):
        beside = JobBook()
        beside.jobs = ["replies", "send", "alerts"]
        look_and_tell(workspace, beside)
        assert len(subjects(workspace)) == 3, "a daemon may be at it"
        book = JobBook(daemon=True)
        look_and_tell(workspace, book)
        assert len(subjects(workspace)) == 3, "it does not know yet what it does"
        book.jobs = ["replies", "send", "alerts"]
        look_and_tell(workspace, book)
    assert [subject for _, subject in subjects(workspace)] == left, "on PostgreSQL they may be another machine's"


def test_a_round_without_a_daemon_ends_the_alert_of_a_host_that_had_another_name(
    workspace: Workspace, clock: HandClock
) -> None:
    (workspace.root / "inbox" / "new").mkdir(parents=True, exist_ok=True)
    with workspace.database.write() as session:
        raise_alert(session, AlertKind.JOB, "replies on 4f1c", "it fails", "", clock())
    assert not run_once(workspace).troubles
    left = [] if workspace.database.is_sqlite else [(AlertKind.JOB, "replies on 4f1c")]
    assert subjects(workspace) == left


def test_while_the_database_fails_the_command_alone_is_told_once(workspace: Workspace, tmp_path: Path) -> None:
    heard = tmp_path / "heard.jsonl"
    here = telling(workspace, to=("ops@acme.example",), command=recorder(heard))
    book = JobBook()
    broken = replace(here, database=_Broken(here.database))  # type: ignore[arg-type]
    for _ in range(3):
        with pytest.raises(DatabaseError):
            look_and_tell(broken, book)
    assert heard.read_text().count("\n") == 1 and "disk is full" in heard.read_text()
    look_and_tell(here, book)
    assert heard.read_text().count("\n") == 2 and "can be written again" in heard.read_text()


class _Broken:
    """A database whose disk is full."""

    def __init__(self, real: object) -> None:
        self.path = None

    def read(self) -> None:
        raise DatabaseError("the disk is full")


def test_a_single_round_leaves_a_sign_of_life_and_looks(workspace: Workspace) -> None:
    (workspace.root / "inbox" / "new").mkdir(parents=True, exist_ok=True)
    assert run_once(workspace).results["alerts"] == ToldCounts()
    with workspace.database.read() as session:
        [row] = session.exec(select(Worker).where(col(Worker.kind) == "round"))
    assert row.pid == os.getpid() and row.stopped_at is not None


def test_a_killed_daemon_is_found_by_whoever_looks(workspace: Workspace) -> None:
    workspace.database.close()
    environ = os.environ | {"OUTREACH_ALERTS__SILENT_MINUTES": "2"}
    daemon = Program(["-w", str(workspace.root), "run"], env=environ, stdout=subprocess.PIPE, text=True)
    assert daemon.stdout is not None
    daemon.stdout.readline()
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with workspace.database.read() as session:
            if session.exec(select(Worker.id).where(col(Worker.kind) == "daemon")).first():
                break
        time.sleep(0.05)
    daemon.send_signal(signal.SIGKILL)
    daemon.wait()
    daemon.stdout.close()
    with workspace.database.read() as session:
        beat = session.exec(select(Worker.beat_at).where(col(Worker.kind) == "daemon")).one()
    workspace.clock.now = beat  # type: ignore[attr-defined]
    assert look(workspace) == []
    workspace.clock.advance(minutes=11)  # type: ignore[attr-defined]
    assert [one.kind for one in look(workspace)] == [AlertKind.SILENT_DAEMON]
