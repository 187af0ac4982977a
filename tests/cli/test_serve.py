"""`outreach serve` says where it is, answers there, ends well when it is told to, and names a port that is taken."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from outreach.records import SignUp
from outreach.web.contact import new_token
from outreach.work.workspace import Workspace
from tests.servers.program import Program
from tests.web.test_join import open_list


def start(root: Path, *arguments: str) -> subprocess.Popen[str]:
    return Program(
        ["--workspace", str(root), "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_address_answers_there_and_ends_with_status_0(
    workspace: Workspace, ending: signal.Signals
) -> None:
    process = start(workspace.root, "--port", "0")
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        address = re.search(r"http://[\d.]+:\d+", first)
        assert address, first + process.stderr.read()
        assert httpx.get(f"{address[0]}/healthz", timeout=20).json() == {"ok": True}
        process.send_signal(ending)
        out, err = process.stdout.read(), process.stderr.read()
        process.wait(20)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "https://" in out, "says what is missing before mails can link here"
    assert out.endswith("Stopped.\n")
    assert "Traceback" not in err


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_whoever_listens_everywhere_still_tells_visitors_apart(workspace: Workspace) -> None:
    """Linux shows one of IPv4 at `::` as ::ffff:192.0.2.1, a web server on this machine, too."""
    open_list(workspace)
    process = start(workspace.root, "--host", "::", "--port", "0")
    try:
        assert process.stdout is not None
        port = process.stdout.readline().partition("]:")[2].split()[0]
        token = new_token(workspace.keys, datetime.now(UTC) - timedelta(minutes=1), "join")
        answers = [
            httpx.post(
                f"http://127.0.0.1:{port}/join/customers",
                data={"token": token, "email": f"p{number}@example.com"},
                headers={"x-forwarded-for": f"192.0.2.{number}"},
                timeout=20,
            ).status_code
            for number in range(11)
        ]
    finally:
        process.kill()
    assert answers == [200] * 11, "not eleven of one household"
    with workspace.database.read() as session:
        assert len(session.scalars(select(SignUp.place).where(SignUp.place != "").distinct()).all()) == 11


def test_a_port_in_use_is_a_clear_error(workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start(workspace.root, "--port", str(taken.getsockname()[1]))
        out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "cannot listen" in err
    assert "--port" in err
    assert "Traceback" not in out + err
