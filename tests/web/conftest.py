"""A real uvicorn on loopback that serves the workspace's public pages."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
import uvicorn

from outreach.web.app import public_app
from outreach.work.workspace import Workspace

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Every client would read all of the world's authorities, and asks none of them: 30 ms each."""


@contextmanager
def serving(workspace: Workspace) -> Iterator[str]:
    """The address of a server that answers until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(public_app(workspace), log_level="error", lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.005)
    assert server.started
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def site(workspace: Workspace) -> Iterator[httpx.Client]:
    """A client without cookies that follows no redirect, as a mail provider's."""
    with serving(workspace) as address, httpx.Client(base_url=address, timeout=10, verify=NO_TLS) as client:
        yield client
