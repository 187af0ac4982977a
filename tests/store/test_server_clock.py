"""The server's time is followed without a question at each call, and outlives a server that does not answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from outreach.errors import DatabaseError
from outreach.store import server_clock
from outreach.store.server_clock import ServerClock
from outreach.work.steady import SteadyClock
from outreach.work.workspace import Workspace, open_workspace

pytestmark = [pytest.mark.needs_debian, pytest.mark.parametrize("backend", ["postgresql"], indirect=True)]


def test_it_goes_with_the_server_and_asks_only_now_and_then(workspace: Workspace) -> None:
    asked: list[str] = []
    event.listen(workspace.database.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    clock = ServerClock(workspace.database, every=0.2)
    first = len(asked)
    times = [clock() for _ in range(1000)]
    assert len(asked) == first, "it asked at a call"
    assert times == sorted(times)
    assert abs(times[-1] - datetime.now(UTC)) < timedelta(seconds=2), "the test's server is this machine"
    until = times[-1] + timedelta(seconds=0.3)
    while clock() < until:
        pass
    assert len(asked) > first, "it never asked again"


def test_a_machine_whose_own_clock_is_wrong_goes_by_the_server(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wrong(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime(2001, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(server_clock, "datetime", Wrong)
    clock = ServerClock(workspace.database)
    assert clock() > datetime(2026, 1, 1, tzinfo=UTC)
    assert clock.ahead() < -timedelta(days=365 * 20).total_seconds()


def test_it_goes_on_while_the_server_is_away(workspace: Workspace) -> None:
    clock = ServerClock(workspace.database, every=0.0)
    before = clock()
    workspace.database.close()

    def refuse(*_: object) -> None:
        tried.append(1)
        raise DatabaseError("nobody answers")

    tried: list[int] = []
    event.listen(workspace.database.engine, "do_connect", refuse)
    assert before < clock() < before + timedelta(seconds=30)
    assert tried


def test_a_workspace_on_a_server_goes_by_it(workspace: Workspace) -> None:
    opened = open_workspace(workspace.root)
    assert isinstance(opened.clock, SteadyClock)
    assert isinstance(opened.clock.system, ServerClock)
    opened.database.close()
