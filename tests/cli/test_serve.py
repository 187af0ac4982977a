"""`outreach serve` says where it is, answers there, ends well when it is told to, and names a port that is taken."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from outreach.work.workspace import Workspace
from tests.servers.program import Program


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


def test_a_port_in_use_is_a_clear_error(workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start(workspace.root, "--port", str(taken.getsockname()[1]))
        out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "cannot listen" in err
    assert "--port" in err
    assert "Traceback" not in out + err
