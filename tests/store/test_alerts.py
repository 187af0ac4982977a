"""Alerts as they are kept: one open per thing, told after a while, over after a while, and never lost."""

from __future__ import annotations

from datetime import timedelta

from outreach.records import Alert, AlertKind
from outreach.store.alerts import (
    end_alert,
    end_all_but,
    keep_told,
    keep_untold,
    open_alerts,
    raise_alert,
    recent_alerts,
    untold,
)
from outreach.work.workspace import Workspace

from ..conftest import HandClock

MAILBOX = AlertKind.MAILBOX
PATIENT = {MAILBOX: timedelta(minutes=5)}


def begin(workspace: Workspace, words: str = "no such folder", subject: str = "care") -> bool:
    with workspace.database.write() as session:
        return raise_alert(session, MAILBOX, subject, words, "outreach doctor", workspace.clock())


def end(workspace: Workspace, subject: str = "care") -> bool:
    with workspace.database.write() as session:
        return end_alert(session, MAILBOX, subject, workspace.clock())


def to_tell(workspace: Workspace) -> list[Alert]:
    with workspace.database.read() as session:
        return untold(session, workspace.clock(), PATIENT)


def tell(workspace: Workspace) -> None:
    for alert in to_tell(workspace):
        with workspace.database.write() as session:
            keep_told(session, alert, workspace.clock())


def test_what_is_open_is_not_raised_again_but_says_its_newest_words(workspace: Workspace) -> None:
    assert begin(workspace)
    assert not begin(workspace, "wrong password")
    assert begin(workspace, subject="sales")
    with workspace.database.read() as session:
        assert [(alert.subject, alert.words) for alert in open_alerts(session, MAILBOX)] == [
            ("care", "wrong password"),
            ("sales", "no such folder"),
        ]


def test_it_ends_once_and_may_begin_anew(workspace: Workspace, clock: HandClock) -> None:
    begin(workspace)
    assert end(workspace)
    assert not end(workspace)
    clock.advance(hours=1)
    assert begin(workspace)
    with workspace.database.read() as session:
        assert len(recent_alerts(session, 10)) == 2
        assert len(open_alerts(session)) == 1


def test_all_but_those_that_last_are_ended(workspace: Workspace) -> None:
    for subject in ("care", "sales", "news"):
        begin(workspace, subject=subject)
    with workspace.database.write() as session:
        assert end_all_but(session, MAILBOX, ["sales"], workspace.clock()) == 2
        assert end_all_but(session, AlertKind.JOB, [], workspace.clock()) == 0
        assert [alert.subject for alert in open_alerts(session)] == ["sales"]


def test_it_is_told_once_when_it_has_lasted_and_once_when_it_is_over(workspace: Workspace, clock: HandClock) -> None:
    begin(workspace)
    assert to_tell(workspace) == []
    clock.advance(minutes=5)
    assert len(to_tell(workspace)) == 1
    tell(workspace)
    assert to_tell(workspace) == []
    end(workspace)
    assert to_tell(workspace) == []
    clock.advance(minutes=3)
    assert len(to_tell(workspace)) == 1
    tell(workspace)
    clock.advance(days=1)
    assert to_tell(workspace) == []


def test_what_was_over_before_anybody_was_told_is_never_told(workspace: Workspace, clock: HandClock) -> None:
    begin(workspace)
    clock.advance(minutes=1)
    end(workspace)
    clock.advance(days=1)
    assert to_tell(workspace) == []


def test_what_comes_and_goes_is_told_once(workspace: Workspace, clock: HandClock) -> None:
    begin(workspace)
    clock.advance(minutes=6)
    tell(workspace)
    for _ in range(5):
        end(workspace)
        clock.advance(seconds=30)
        assert not begin(workspace)
        clock.advance(seconds=30)
        assert to_tell(workspace) == []
    with workspace.database.read() as session:
        assert len(recent_alerts(session, 10)) == 1


def test_what_could_not_be_told_waits_and_keeps_the_reason(workspace: Workspace, clock: HandClock) -> None:
    begin(workspace)
    clock.advance(minutes=6)
    with workspace.database.write() as session:
        keep_untold(session, open_alerts(session)[0], "connection refused", clock.now + timedelta(minutes=10))
    assert to_tell(workspace) == []
    clock.advance(minutes=10)
    found = to_tell(workspace)
    assert [(alert.trouble, alert.tries) for alert in found] == [("connection refused", 1)]
