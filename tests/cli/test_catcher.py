"""`outreach catcher`: says where mail goes, takes it, ends on a signal; tells in plain words what is in its way."""

from __future__ import annotations

import signal
import smtplib
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from outreach.work.workspace import Workspace
from tests.servers.program import Program

MAIL = "Message-ID: <1@x.example>\r\nSubject: hello\r\n\r\nhello\r\n"


def run(workspace: Workspace, *words: str) -> subprocess.Popen[str]:
    command = ["--workspace", str(workspace.root), "catcher", *words]
    return Program(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)


@contextmanager
def running(workspace: Workspace) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    process = run(workspace, "--port", "0")
    try:
        assert process.stdout is not None and process.stderr is not None
        first = process.stdout.readline()
        assert "Listening on 127.0.0.1:" in first, process.stderr.read()
        places = "".join(process.stdout.readline() for _ in range(3))
        yield process, int(first.split("127.0.0.1:")[1].split(".")[0]), places
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_it_files_mail_in_the_workspace_and_ends_on_a_signal(workspace: Workspace, sign: signal.Signals) -> None:
    with running(workspace) as (process, port, places):
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail("a@b.example", ["ann@example.com"], MAIL)
            local, _, domain = workspace.reply_address.partition("@")
            client.sendmail("ann@example.com", [f"{local}+token@{domain}"], MAIL)
        process.send_signal(sign)
        said, wrong = process.communicate(timeout=20)
    assert (process.returncode, wrong) == (0, "")
    assert workspace.reply_address in places
    assert all(str(workspace.root / name) in places for name in ("mail", "inbox", "mail/catcher.log"))
    assert said == "Stopped.\n"
    for folder in ("mail", "inbox"):
        assert len(list((workspace.root / folder / "new").iterdir())) == 1


def test_a_port_that_is_taken_is_a_plain_message_and_exit_1(workspace: Workspace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        process = run(workspace, "--port", str(other.getsockname()[1]))
        said, wrong = process.communicate(timeout=20)
    assert (process.returncode, said) == (1, "")
    assert "cannot listen" in wrong and "Traceback" not in wrong


def test_it_takes_mail_from_this_machine_only(workspace: Workspace) -> None:
    process = run(workspace, "--host", "0.0.0.0", "--port", "0")
    said, wrong = process.communicate(timeout=20)
    assert (process.returncode, said) == (2, "")
    assert "not this machine" in wrong and "Traceback" not in wrong
