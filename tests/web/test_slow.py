"""Clients that send slowly, or far too much: nobody else waits for them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import uvicorn
from sqlmodel import select

from outreach.records import SubscriptionState, Wish
from outreach.web import app as web_app
from outreach.work.workspace import Workspace

from .test_app import reader, state_of, token_for

__all__ = ["reader"]

DRIPPERS = 60
"""More than there are threads for pages."""


@pytest.fixture
def port(workspace: Workspace) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(web_app.public_app(workspace), access_log=False, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield int(listener.getsockname()[1])
    server.should_exit = True
    thread.join()


def drip(port: int, path: str = "/u/x", begins: str = "L") -> socket.socket:
    """A POST that says it is longer than what comes of it."""
    slow = socket.create_connection(("127.0.0.1", port))
    length = len(begins) + 100
    slow.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{begins}".encode())
    return slow


def test_who_drips_keeps_nobody_from_leaving(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_app, "BODY_SECONDS", 3.0)
    slow = [drip(port) for _ in range(DRIPPERS)]
    time.sleep(0.3)
    began = time.monotonic()
    answer = httpx.post(f"http://127.0.0.1:{port}/u/y", data={"List-Unsubscribe": "One-Click"}, timeout=10)
    assert answer.status_code == 404
    assert time.monotonic() - began < 2
    slow[0].settimeout(10)
    assert slow[0].recv(100).startswith(b"HTTP/1.1 408")
    for one in slow:
        one.close()


def test_of_a_huge_body_only_the_beginning_is_read(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as big:
        big.settimeout(10)
        big.sendall(b"POST /u/x HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 70_000)
        assert big.recv(100).startswith(b"HTTP/1.1 404")


WISHED = {"from": "page", "pause": "3", "often": "7", "topic": ["descaling"]}


def wish(workspace: Workspace) -> tuple[bool, int] | None:
    with workspace.database.read() as session:
        kept = session.exec(select(Wish)).one_or_none()
        return None if kept is None else (kept.paused_until is not None, kept.every_days)


def test_half_a_form_is_not_acted_on(
    port: int, workspace: Workspace, reader: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"/p/{token_for(workspace, reader)}"
    assert httpx.post(f"http://127.0.0.1:{port}{place}", data=WISHED).status_code == 200
    assert wish(workspace) == (True, 7)
    drip(port, place, "from=page&").close()
    monkeypatch.setattr(web_app, "BODY_SECONDS", 0.3)
    with drip(port, place, "from=page&pause=kept&") as slow:
        slow.settimeout(10)
        said = slow.makefile("rb").read()
    assert said.startswith(b"HTTP/1.1 408") and b"Nothing has been changed" in said
    assert wish(workspace) == (True, 7), "neither ended the pause, nor took away the rest"


def test_one_click_counts_whatever_was_to_follow(
    port: int, workspace: Workspace, reader: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_app, "BODY_SECONDS", 0.3)
    with drip(port, f"/u/{token_for(workspace, reader)}", "List-Unsubscribe=One-Click") as slow:
        slow.settimeout(10)
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
    assert state_of(workspace, reader) is SubscriptionState.UNSUBSCRIBED
