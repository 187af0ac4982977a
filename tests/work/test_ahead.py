"""The next mail's commands behind a dot, through a whole send: a line keeps what it began, or lets it go unharmed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from outreach.records import DeliveryState as State
from outreach.work.send import SendCounts, send_open
from outreach.work.workspace import Workspace

from ..servers.fault import CLOSE, Action, FaultServer, Hold
from ..store.rows import lay_edition, states_of
from .sending import open_plain_press, with_relay

TAKEN = b"250 2.0.0 Ok: taken\r\n"
People = Callable[..., int]


def lay(workspace: Workspace, make_customer: People, people: int) -> int:
    return lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(people)])


def send(workspace: Workspace, server: FaultServer, **how: Any) -> SendCounts:
    relay = {"connections": 1, **how.pop("relay", {})}
    return send_open(with_relay(workspace, server.port, **relay), press=open_plain_press, **how)


def test_mails_that_wait_go_with_the_dots_of_those_before(workspace: Workspace, make_customer: People) -> None:
    edition = lay(workspace, make_customer, 12)
    with FaultServer({"DOT": Hold(TAKEN, 0.3)}) as server:
        send(workspace, server)
        server.settle()
        assert server.ahead >= 9, "all but the first and the last, and one that may not have been rendered in time"
        assert len(set(server.log)) == len(server.taken) == 12
        assert (server.connections, server.cut) == (1, [])
    assert set(states_of(workspace, edition)) == {State.SENT}


def test_the_last_mail_of_a_connection_takes_none_along(workspace: Workspace, make_customer: People) -> None:
    lay(workspace, make_customer, 12)
    with FaultServer({"DOT": Hold(TAKEN, 0.2)}) as server:
        send(workspace, server, relay={"messages_per_connection": 3})
        server.settle()
        assert (server.connections, server.heard.count("QUIT")) == (4, 4)
        assert (len(server.taken), server.cut) == (12, [])


@pytest.mark.parametrize(
    ("action", "state"),
    [(b"450 4.0.0 later\r\n", State.DEFERRED), (b"550 5.1.1 no\r\n", State.FAILED), (CLOSE, State.IN_DOUBT)],
    ids=["450", "550", "closed"],
)
def test_what_happens_to_one_mail_says_nothing_of_the_one_behind_its_dot(
    workspace: Workspace, make_customer: People, action: Action, state: State
) -> None:
    edition = lay(workspace, make_customer, 12)
    script: dict[str, list[Action]] = {"DOT": [Hold(TAKEN), Hold(TAKEN), Hold(TAKEN), action, Hold(TAKEN, 0.2)]}
    with FaultServer(script) as server:
        send(workspace, server)
        server.settle()
        assert server.ahead >= 7
        assert len(set(server.log)) == len(server.log) == 11
    assert Counter(states_of(workspace, edition)) == {State.SENT: 11, state: 1}


def test_whoever_stops_gives_back_what_was_begun_without_its_dot(workspace: Workspace, make_customer: People) -> None:
    edition = lay(workspace, make_customer, 40)
    stop = threading.Event()
    with FaultServer({"DOT": Hold(TAKEN, 0.2)}) as server:
        send(workspace, server, stop=stop, progress=lambda _count: stop.set() if server.dots >= 5 else None)
        server.settle()
        states = Counter(states_of(workspace, edition))
        assert server.ahead >= 3
        assert states == {State.SENT: len(server.taken), State.QUEUED: 40 - len(server.taken)}
        assert 5 <= len(server.taken) < 40
        assert server.cut in ([], [b""]), "no word of a mail that was only begun"
