"""Clients that send slowly, or far too much: nobody else waits for them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import uvicorn

from outreach.web import app as web_app
from outreach.work.workspace import Workspace

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


def drip(port: int) -> socket.socket:
    slow = socket.create_connection(("127.0.0.1", port))
    slow.sendall(b"POST /u/x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nL")
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
    assert slow[0].recv(100).startswith(b"HTTP/1.1 404")
    for one in slow:
        one.close()


def test_of_a_huge_body_only_the_beginning_is_read(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as big:
        big.settimeout(10)
        big.sendall(b"POST /u/x HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 40_000)
        assert big.recv(100).startswith(b"HTTP/1.1 404")
