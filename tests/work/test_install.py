"""What `outreach doctor --install` prints is taken by those who read it: systemd, sh, nginx, Caddy."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from outreach.settings import FILE, Settings
from outreach.work.install import Place, install_files
from outreach.work.workspace import Workspace

from ..cli.inside import outreach
from ..servers.certificates import Authority, needs_openssl
from ..servers.debian import NotToBeHad
from ..servers.locked import free_port
from ..servers.program import Program
from ..servers.web import program

PROGRAM = (sys.executable, "-m", "outreach")
ODD = "my acme 100%"


needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing: apt-get install systemd"
)


def web_server(name: str) -> str:
    try:
        return program(name)
    except NotToBeHad as reason:
        pytest.skip(str(reason))


def files_of(root: Path, **settings: object) -> dict[str, str]:
    place = Place(root, PROGRAM, "root")
    return install_files(place, Settings.model_validate(settings), "acme.example")


@pytest.fixture
def odd(workspace: Workspace) -> Path:
    """The workspace in a folder whose name has blanks and a per cent sign."""
    workspace.database.close()
    root = workspace.root.with_name(ODD)
    workspace.root.rename(root)
    return root


@pytest.mark.needs_debian
@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_units(odd: Path, tmp_path: Path) -> None:
    folder = tmp_path / "units"
    folder.mkdir()
    box = {"name": "care", "kind": "maildir", "path": str(tmp_path / "Mail dir")}
    files = files_of(odd, replies={"mailboxes": [box]}, public={"url": "https://news.acme.example"})
    units = {name: text for name, text in files.items() if name.endswith((".service", ".timer"))}
    assert len(units) == 6
    for name, text in units.items():
        (folder / name).write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", *(str(folder / name) for name in units)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    complaints = [line for line in done.stderr.splitlines() if "outreach" in line or "units" in line]
    assert (done.returncode, complaints) == (0, []), done.stderr


@pytest.mark.needs_debian
@needs_systemd
def test_systemd_would_notice_a_mistake(odd: Path, tmp_path: Path) -> None:
    name, text = next(iter(files_of(odd).items()))
    wrong = text.replace("KillMode=mixed", "KillMode=gently").replace(sys.executable, "/nowhere/x")
    (tmp_path / name).write_text(wrong)
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 or "gently" in done.stderr


def test_a_unit_gives_the_stop_its_time_and_may_write_only_where_it_must(tmp_path: Path) -> None:
    box = {"name": "care", "kind": "maildir", "path": "/home/care/Maildir"}
    text = files_of(tmp_path, sending={"stop_seconds": 45}, replies={"mailboxes": [box]})[
        f"outreach-{Place(tmp_path, (), '').name}.service"
    ]
    assert "TimeoutStopSec=75\n" in text and "KillMode=mixed" in text
    assert f"ReadWritePaths={tmp_path} -/home/care/Maildir\n" in text and "ProtectSystem=strict" in text
    assert "a user of its own" in text, "root is advised against"


def test_settings_that_come_from_variables_are_told_by_their_names(workspace: Workspace, tmp_path: Path) -> None:
    """No service has the variables of a shell: it would use another database than whoever installed it."""
    workspace.database.close()
    told = {"OUTREACH_RELAY__PASSWORD": "s3cret", "OUTREACH_ALERT_STATE": "open"}
    done = outreach(workspace.root, "doctor", "--install", "--into", str(tmp_path / "into"), **told)
    assert done.returncode == 0 and "s3cret" not in done.stderr + done.stdout
    assert "OUTREACH_RELAY__PASSWORD" in done.stderr and "OUTREACH_ALERT_STATE" not in done.stderr
    services = [path.read_text() for path in (tmp_path / "into").glob("*.service")]
    assert len(services) == 4 and all("\nEnvironmentFile=-/etc/outreach/acme.env\n" in text for text in services)
    assert "/etc/outreach/acme.env" in done.stderr


def test_every_cron_line_is_run_by_sh(odd: Path, tmp_path: Path) -> None:
    """sh finds the program in each line, and its words, as they were meant; run with them, it does its work."""
    heard = tmp_path / "heard it"
    heard.mkdir()
    stub = heard / "python 3"
    stub.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" > '{heard}/words'\nprintf said\n")
    stub.chmod(0o755)
    files = install_files(Place(odd, (str(stub), "-m", "outreach"), "root"), Settings(), "acme.example")
    [text] = [text for name, text in files.items() if name.endswith(".cron")]
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(lines) == 4
    for part in ("new", "cur", "tmp"):
        (odd / "inbox" / part).mkdir(parents=True, exist_ok=True)
    for line in lines:
        times, command = line.split(maxsplit=5)[:5], line.split(maxsplit=5)[5]
        assert all(re.fullmatch(r"[\d*/]+", each) for each in times)
        assert "%" not in command.replace("\\%", ""), "cron would end the command there"
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(odd)}
        told = command.replace("\\%", "%")
        done = subprocess.run(["sh", "-c", told], env=environ, cwd="/", capture_output=True, text=True, timeout=60)
        silenced = line.endswith(" >/dev/null")
        assert silenced or "--quiet" in line, "cron would mail what it did, each minute"
        assert (done.returncode, done.stdout, done.stderr) == (0, "" if silenced else "said", ""), line
        dash, module, *words = (heard / "words").read_text()[:-1].split("\0")
        assert (dash, module) == ("-m", "outreach"), line
        ran = outreach(Path("/"), *words)
        assert (ran.returncode, "" if silenced else ran.stdout, ran.stderr) == (0, "", ""), line
    assert len(list((odd / "backups").glob("*.tar.gz"))) == 1


@pytest.fixture
def serving(workspace: Workspace) -> Iterator[int]:
    """`outreach serve` on loopback; its port."""
    with Program(["-w", str(workspace.root), "serve", "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline().split("127.0.0.1:")[1].split()[0])
        process.send_signal(signal.SIGTERM)


@pytest.mark.needs_debian
@needs_openssl
@pytest.mark.parametrize("path", ["", "/news"])
def test_nginx_takes_the_settings_and_passes_a_request_on(tmp_path: Path, serving: int, path: str) -> None:
    settings = {"url": f"https://news.acme.example{path}", "port": serving}
    [text] = [text for name, text in files_of(tmp_path, public=settings).items() if name.endswith(".nginx.conf")]
    authority = Authority(tmp_path)
    certificate, key = authority.issue("news", "DNS:news.acme.example")
    plain, secure = free_port(), free_port()
    live = "/etc/letsencrypt/live/news.acme.example"
    text = text.replace(f"{live}/fullchain.pem", str(certificate)).replace(f"{live}/privkey.pem", str(key))
    text = text.replace("listen 80;", f"listen 127.0.0.1:{plain};")
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{secure} ssl;")
    text = re.sub(r"    listen \[::\]:\d+( ssl)?;\n", "", text)
    folders = "".join(
        f"{kind}_temp_path {tmp_path / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf = tmp_path / "nginx.conf"
    conf.write_text(
        f"pid {tmp_path}/nginx.pid;\nerror_log {tmp_path}/error.log;\ndaemon off;\nmaster_process off;\n"
        f"events {{}}\nhttp {{\naccess_log {tmp_path}/access.log;\n{folders}{text}}}\n"
    )
    nginx = web_server("nginx")
    done = subprocess.run([nginx, "-t", "-c", str(conf)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and "warn" not in done.stderr, done.stderr
    with subprocess.Popen([nginx, "-c", str(conf)]) as process:
        try:
            status, body = ask(secure, authority, f"{path}/healthz")
            assert (status, body) == (200, '{"ok":true}')
            assert ask(secure, authority, f"{path}/u/nobody")[0] == 404
            if path:
                assert ask(secure, authority, "/elsewhere")[0] == 404
            assert (tmp_path / "access.log").read_text() == "", "no token gets into a log"
        finally:
            process.terminate()


class _Named(http.client.HTTPSConnection):
    """A connection to this machine that asks for news.acme.example, and checks that name."""

    def connect(self) -> None:
        made = socket.create_connection((self.host, self.port), timeout=10)
        self.sock = self._context.wrap_socket(made, server_hostname="news.acme.example")  # type: ignore[attr-defined]


def ask(port: int, authority: Authority, path: str) -> tuple[int, str]:
    """What nginx answers at https://news.acme.example, once it listens."""
    context = ssl.create_default_context(cafile=str(authority.file))
    until = time.monotonic() + 15
    while True:
        connection = _Named("127.0.0.1", port, context=context, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": "news.acme.example"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (ConnectionRefusedError, http.client.HTTPException):
            assert time.monotonic() < until, "nginx does not listen"
            time.sleep(0.05)
        finally:
            connection.close()


@pytest.mark.needs_debian
@pytest.mark.parametrize("path", ["", "/news"])
def test_caddy_takes_its_settings(tmp_path: Path, path: str) -> None:
    settings = {"url": f"https://news.acme.example{path}"}
    [text] = [text for name, text in files_of(tmp_path, public=settings).items() if name.endswith(".Caddyfile")]
    (tmp_path / "Caddyfile").write_text(text)
    command = [
        web_server("caddy"),
        "adapt",
        "--validate",
        "--config",
        str(tmp_path / "Caddyfile"),
        "--adapter",
        "caddyfile",
    ]
    environ = os.environ | {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "127.0.0.1:8025" in done.stdout


def test_doctor_prints_the_files_and_writes_them_into_a_folder(workspace: Workspace, tmp_path: Path) -> None:
    done = outreach(workspace.root, "doctor", "--install")
    assert done.returncode == 0
    for words in ("outreach-acme.service", "ExecStart=", "crontab", "proxy_pass", "reverse_proxy", "systemctl enable"):
        assert words in done.stdout
    assert str(workspace.root) in done.stdout
    folder = tmp_path / "etc"
    assert outreach(workspace.root, "doctor", "--install", "--into", str(folder)).returncode == 0
    assert len(list(folder.iterdir())) == 9
    assert outreach(workspace.root, "doctor", "--install", "--into", str(folder)).returncode == 0, "the same again"
    (folder / "outreach-acme.service").write_text("mine")
    done = outreach(workspace.root, "doctor", "--install", "--into", str(folder))
    assert done.returncode == 1 and "not the same" in done.stderr
    assert (folder / "outreach-acme.service").read_text() == "mine"
    assert FILE in next(text for name, text in files_of(tmp_path).items() if name.endswith(".service"))
