"""`outreach campaigns`, as a marketer types it."""

from __future__ import annotations

import email
import email.policy
import json
import os
import re
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from outreach.wire.catcher import Catcher
from tests.cli.inside import Done, outreach
from tests.made import make_workspace
from tests.servers.locked import free_port
from tests.servers.program import Program

TEXT = """---
subject: Hello {{ first_name or "there" }}
preheader: Short words
list: customers
kind: news
---
Dear {{ first_name or "friend" }}, all is well.

![A pump](pump.png)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "acme"
    make_workspace(root, port=free_port())
    (root / "people.csv").write_text("email,first_name\nann@example.com,Ann\nbob@example.com,\n")
    (root / "hello.md").write_text(TEXT)
    (root / "pump.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\1" * 30)
    assert outreach(root, "customers", "import", "people.csv", "--list", "customers").returncode == 0
    return root


def run(root: Path, *arguments: str, status: int = 0) -> Done:
    done = outreach(root, *arguments)
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_apply_list_and_apply_again(root: Path) -> None:
    assert "created    hello" in run(root, "campaigns", "apply", "hello.md").stdout
    again = json.loads(run(root, "campaigns", "apply", "hello.md", "templates/campaigns", "--json").stdout)
    assert again[0] == {"name": "hello", "change": "unchanged", "file": "hello.md", "notes": []}
    assert {each["change"] for each in again[1:]} == {"created"}
    listed = json.loads(run(root, "campaigns", "list", "--json").stdout)
    assert {"name", "kind", "state", "list", "segment", "schedule", "zone", "topics", "subject", "file"} < set(
        listed[0]
    )
    assert [each["name"] for each in listed] == sorted(each["name"] for each in listed)
    assert "hello\tnews\tactive\tcustomers" in run(root, "campaigns", "list").stdout


def test_check_says_what_to_mend_by_words_and_exit_status(root: Path) -> None:
    assert "nothing to mend" in run(root, "campaigns", "check", "hello.md", "--offline").stdout
    (root / "hello.md").write_text(TEXT.replace("![A pump]", "![]") + "\n[x](http://localhost/)\n")
    done = run(root, "campaigns", "check", "hello.md", "--offline", status=1)
    assert "alt" in done.stdout and "2 errors, 0 warnings" in done.stdout
    found = json.loads(run(root, "campaigns", "check", "hello.md", "--offline", "--json", status=1).stdout)
    assert (found["campaign"], found["ok"]) == ("hello", False)
    assert {(each["level"], each["rule"]) for each in found["faults"]} == {("error", "alt"), ("error", "link")}
    assert set(found["faults"][0]) == {"level", "rule", "words", "where"}


def test_preview_writes_the_exact_mail(root: Path) -> None:
    run(root, "campaigns", "apply", "hello.md")
    told = json.loads(run(root, "campaigns", "preview", "hello", "--as", "ann@example.com", "--json").stdout)
    assert (told["customer"], told["subject"]) == ("ann@example.com", "Hello Ann")
    assert "Dear Ann" in Path(told["text"]).read_text()
    page = Path(told["html"]).read_text()
    assert "data:image/png;base64," in page and "cid:" not in page
    mail = email.message_from_bytes(Path(told["raw"]).read_bytes(), policy=email.policy.default)
    assert mail["To"] == "ann@example.com" and told["bytes"] == Path(told["raw"]).stat().st_size
    plain = run(root, "campaigns", "preview", "hello.md", "--out", "elsewhere")
    assert str((root / "elsewhere" / "hello.html").resolve()) in plain.stdout
    assert "no customer" in run(root, "campaigns", "preview", "hello", "--as", "x@example.com", status=2).stderr
    assert "no campaign called" in run(root, "campaigns", "preview", "nothing", status=2).stderr


def test_test_sends_the_mail_to_a_colleague_and_to_nobody_else(root: Path) -> None:
    run(root, "campaigns", "apply", "hello.md")
    port = free_port()
    (root / "outreach.toml").write_text(
        re.sub(r"port = \d+\ncatcher", f"port = {port}\ncatcher", (root / "outreach.toml").read_text())
    )
    with Catcher(root / "mail", host="127.0.0.1", port=port):
        told = json.loads(
            run(
                root, "campaigns", "test", "hello", "--to", "me@colleague.example", "--as", "ann@example.com", "--json"
            ).stdout
        )
    assert [(each["to"], each["state"]) for each in told] == [("me@colleague.example", "sent")]
    mails = [path.read_bytes() for path in (root / "mail" / "new").iterdir()]
    assert len(mails) == 1
    mail = email.message_from_bytes(mails[0], policy=email.policy.default)
    assert (mail["To"], mail["Subject"]) == ("me@colleague.example", "Hello Ann")


def test_pause_resume_and_cancel_are_said_and_listed(root: Path) -> None:
    run(root, "campaigns", "apply", "hello.md")

    def state() -> str:
        return str(json.loads(run(root, "campaigns", "list", "--json").stdout)[0]["state"])

    assert "hello is paused" in run(root, "campaigns", "pause", "hello").stdout and state() == "paused"
    assert "already" in run(root, "campaigns", "pause", "hello").stdout
    assert "paused" in run(root, "send", "hello", "--yes", status=3).stderr
    run(root, "campaigns", "resume", "hello")
    assert state() == "active"
    run(root, "campaigns", "cancel", "hello", status=3)
    assert state() == "active", "without a terminal only --yes is a yes"
    run(root, "campaigns", "cancel", "hello", "--yes")
    assert state() == "cancelled"
    assert "no campaign called" in run(root, "campaigns", "pause", "nothing", status=2).stderr


def test_errors_name_the_file_and_the_line(root: Path) -> None:
    (root / "hello.md").write_text(TEXT.replace("kind: news", "kind: newz"))
    assert "hello.md:5:" in run(root, "campaigns", "apply", "hello.md", status=1).stderr
    (root / "hello.md").write_text(TEXT + "\n{% if %}\n")
    assert "hello.md:11:" in run(root, "campaigns", "apply", "hello.md", status=1).stderr
    assert "does not exist" in run(root, "campaigns", "apply", "missing.md", status=1).stderr


def test_watch_shows_what_is_being_written(root: Path) -> None:
    command = ["campaigns", "preview", "hello.md", "--watch"]
    environ = {**os.environ, "PYTHONUNBUFFERED": "1", "BROWSER": "true"}
    with Program(command, cwd=root, stdout=subprocess.PIPE, text=True, env=environ) as watching:
        try:
            assert watching.stdout is not None
            url = next(word for word in watching.stdout.readline().split() if word.startswith("http"))

            def get(path: str) -> str:
                with urllib.request.urlopen(url + path, timeout=20) as answer:
                    return str(answer.read().decode())

            assert "Hello Ann" in get("") and "all is well" in get("mail.html") and "Dear Ann" in get("mail.txt")
            before = get("version")
            time.sleep(0.02)
            (root / "hello.md").write_text(TEXT.replace("all is well", "all is better"))
            assert get("version") != before and "all is better" in get("mail.html")
            time.sleep(0.02)
            (root / "hello.md").write_text(TEXT + "\n{{ oh \n")
            assert "hello.md:11" in get("")
        finally:
            watching.terminate()
