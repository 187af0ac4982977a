"""Everything that can be wrong with what a user hands us: a clear message, a remedy, the right exit status."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from pydantic import SecretStr

from outreach.settings import read_secret
from outreach.wire.catcher import Catcher
from tests.cli.inside import Done, outreach
from tests.made import make_workspace
from tests.servers.locked import LockedRelay, free_port
from tests.servers.program import Program

PEOPLE = "email,first_name,plan\nann@example.com,Ann,pro\nbob@example.com,Bob,free\n"
CAMPAIGN = """---
name: hello
subject: Hello {{ first_name or "there" }}
preheader: A short word
template: news
list: customers
kind: news
---
Dear {{ first_name or "friend" }}, all is well.
"""


def check_told(done: Done, status: int, *words: str) -> str:
    """The words on stderr, after checking status, words, and that no traceback got out."""
    said = done.stderr + done.stdout
    assert "Traceback" not in said, said
    assert done.returncode == status, said
    for word in words:
        assert word.lower() in said.lower(), f"{word!r} is not in:\n{said}"
    return said


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace whose relay answers at no port yet."""
    make_workspace(tmp_path / "acme", port=free_port())
    (tmp_path / "acme" / "people.csv").write_text(PEOPLE)
    (tmp_path / "acme" / "hello.md").write_text(CAMPAIGN)
    return tmp_path / "acme"


@pytest.fixture
def ready(root: Path) -> Path:
    """The same with two customers and a campaign."""
    check_told(outreach(root, "customers", "import", "people.csv", "--list", "customers"), 0)
    check_told(outreach(root, "campaigns", "apply", "hello.md"), 0)
    return root


@pytest.fixture
def catcher(root: Path) -> Iterator[Catcher]:
    port = int(next(line for line in (root / "outreach.toml").read_text().splitlines() if line[:6] == "port =")[7:])
    with Catcher(
        root / "mail", host="127.0.0.1", port=port, inbox=root / "inbox", inbox_address="care@acme.example"
    ) as up:
        yield up


def test_broken_toml_names_file_and_line(root: Path) -> None:
    with (root / "outreach.toml").open("a") as file:
        file.write('\n[cases\nowner = "x"\n')
    check_told(outreach(root, "plan"), 1, "outreach.toml", "not valid TOML", "line")


def test_an_unknown_setting_is_named_with_its_line(root: Path) -> None:
    text = (root / "outreach.toml").read_text().replace("connections = 10", "conections = 10")
    (root / "outreach.toml").write_text(text)
    line = next(number for number, row in enumerate(text.splitlines(), 1) if row.startswith("conections"))
    check_told(outreach(root, "plan"), 1, f"outreach.toml:{line}", "relay.conections", "is not a setting")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('holidays = ""', 'holidays = "ZZ"', "hours.holidays"),
        ('holidays = ""', 'holidays = "DE-XX"', "hours.holidays"),
        ("days = [0, 1, 2, 3, 4]", "days = [7]", "hours.days"),
        ("start = 09:00:00", "start = 19:00:00", "start must be before end"),
    ],
)
def test_business_hours_that_cannot_be_are_refused_when_read(root: Path, before: str, after: str, words: str) -> None:
    text = (root / "outreach.toml").read_text()
    assert f"\n{before}\n" in text
    (root / "outreach.toml").write_text(text.replace(f"\n{before}\n", f"\n{after}\n"))
    check_told(outreach(root, "cases", "list"), 1, "outreach.toml", words)


def test_a_bad_variable_is_told_without_a_traceback(root: Path) -> None:
    check_told(outreach(root, "plan", OUTREACH_RELAY__PORT="many"), 1, "relay.port")


def test_a_variable_that_no_customer_has_is_named(root: Path) -> None:
    (root / "hello.md").write_text(CAMPAIGN.replace("all is well", "your {{ shoe_size }} is well"))
    check_told(outreach(root, "customers", "import", "people.csv", "--list", "customers"), 0)
    check_told(outreach(root, "campaigns", "apply", "hello.md"), 0)
    check_told(outreach(root, "campaigns", "check", "hello", "--offline"), 1, "shoe_size")


def test_a_template_with_a_syntax_error_shows_file_line_and_excerpt(root: Path) -> None:
    (root / "hello.md").write_text(CAMPAIGN + "\n{% if plan == %}x{% endif %}\n")
    check_told(outreach(root, "campaigns", "apply", "hello.md"), 1, "hello.md:11", "{% if plan ==")


def test_front_matter_that_is_no_yaml_names_the_line(root: Path) -> None:
    (root / "hello.md").write_text("---\nname: hello\nsubject: [unclosed\n---\nHello\n")
    check_told(outreach(root, "campaigns", "apply", "hello.md"), 1, "hello.md:")


def test_an_unreachable_relay_sends_nothing_and_says_where(ready: Path) -> None:
    check_told(outreach(ready, "send", "hello", "--yes"), 1, "127.0.0.1", "catcher")
    with sqlite3.connect(ready / "outreach.db") as connection:
        assert dict(connection.execute("SELECT state, count(*) FROM delivery GROUP BY state")) == {"queued": 2}


def test_a_database_from_a_newer_version_is_refused(ready: Path) -> None:
    with sqlite3.connect(ready / "outreach.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    check_told(outreach(ready, "plan"), 1, "newer outreach")


def test_a_csv_that_is_a_spreadsheet_says_save_as_csv(root: Path) -> None:
    with zipfile.ZipFile(root / "people.xlsx", "w") as book:
        book.writestr("xl/workbook.xml", "<workbook/>")
    check_told(outreach(root, "customers", "import", "people.xlsx", "--list", "customers"), 1, "people.xlsx", "CSV")


def test_a_csv_without_addresses_names_its_headings(root: Path) -> None:
    (root / "people.csv").write_text("name,town\nAnn,Ulm\n")
    check_told(outreach(root, "customers", "import", "people.csv", "--list", "customers"), 1, "town", "--map")


def test_a_missing_file_is_named(root: Path) -> None:
    said = check_told(outreach(root, "customers", "import", "nobody.csv", "--list", "customers"), 1, "nobody.csv")
    assert "exist" in said.lower() or "no such" in said.lower()


def test_an_unknown_campaign_is_wrong_usage(ready: Path) -> None:
    check_told(outreach(ready, "send", "hallo", "--yes"), 2, "hallo")


def test_a_second_daemon_exits_with_a_message(ready: Path, catcher: Catcher) -> None:
    first = Program(["run"], cwd=ready, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert first.stdout is not None
        first.stdout.readline()
        check_told(outreach(ready, "run"), 1, "already")
    finally:
        first.terminate()
        assert first.wait(timeout=30) == 0


def test_a_mailbox_that_vanished_is_told_and_the_rest_goes_on(ready: Path) -> None:
    text = (ready / "outreach.toml").read_text()
    box = '[[replies.mailboxes]]\nname = "gone"\nkind = "mbox"\npath = "gone.mbox"\n\n[sending]'
    (ready / "outreach.toml").write_text(text.replace("[sending]", box))
    check_told(outreach(ready, "replies", "fetch"), 1, "gone")


def test_a_mail_of_50_megabytes_is_kept_cut_and_flagged(ready: Path, tmp_path: Path) -> None:
    mail = (
        b"From: ann@example.com\r\nTo: care@acme.example\r\nSubject: my photos\r\nMessage-ID: <big@example.com>\r\n\r\n"
    )
    (tmp_path / "big.eml").write_bytes(mail + b"It leaks, see the photo.\r\n" + b"QUJD" * 12_500_000)
    check_told(outreach(ready, "replies", "import", str(tmp_path / "big.eml")), 0)
    with sqlite3.connect(ready / "outreach.db") as connection:
        kept = connection.execute("SELECT length(raw), flagged, subject, text FROM inbound").fetchall()
    assert [(size, subject) for size, _, subject, _ in kept] == [(25_000_000, "my photos")]
    assert "25 MB" in kept[0][1]
    assert "It leaks" in kept[0][3]


def test_a_full_disk_sends_nothing_twice_and_says_so(ready: Path, catcher: Catcher) -> None:
    """The database is at its limit before the first intent: no dot leaves."""
    paths = [str(Path(__file__).parent / "full_disk"), os.environ.get("PYTHONPATH", "")]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    command = [sys.executable, "-m", "outreach", "send", "hello", "--yes"]
    done = subprocess.run(command, cwd=ready, env=environ, capture_output=True, text=True, timeout=90, check=False)
    check_told(Done(done.returncode, done.stdout, done.stderr), 1, "full")
    assert not [*(ready / "mail").glob("new/*")]


def test_a_wrong_password_is_told_with_a_remedy(ready: Path) -> None:
    with LockedRelay(user="ann", password="right") as relay:
        values = {
            "OUTREACH_RELAY__HOST": "127.0.0.1",
            "OUTREACH_RELAY__PORT": str(relay.port),
            "OUTREACH_RELAY__USERNAME": "ann",
            "OUTREACH_RELAY__PASSWORD": "wrong-secret",
        }
        said = check_told(outreach(ready, "send", "hello", "--yes", **values), 1, "password")
    assert "wrong-secret" not in said


@pytest.mark.parametrize(("value", "told"), [("9999999", 1), ("365000", 0), ("0", 0)])
def test_a_time_that_no_calendar_holds_is_refused_when_read(root: Path, value: str, told: int) -> None:
    text = (root / "outreach.toml").read_text().replace("bodies_days = 730", f"bodies_days = {value}")
    (root / "outreach.toml").write_text(text)
    done = outreach(root, "prune")
    check_told(done, told, *(["retention.bodies_days", "longer than a thousand years"] if told else []))


def test_a_time_without_an_end_is_refused(root: Path) -> None:
    check_told(outreach(root, "plan", OUTREACH_RELAY__DOT_TIMEOUT="inf"), 1, "relay.dot_timeout", "a thousand years")


@pytest.mark.parametrize("words", [("cases", "show"), ("steps", "show"), ("replies", "show")])
def test_a_number_that_no_row_can_have_is_wrong_usage(root: Path, words: tuple[str, ...]) -> None:
    check_told(outreach(root, *words, "9" * 20), 2, "no number as large")


def test_files_that_windows_editors_saved_are_read(root: Path) -> None:
    """They begin with a mark (BOM), which is no part of the settings or of a password."""
    text = (root / "outreach.toml").read_bytes()
    (root / "outreach.toml").write_bytes(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"))
    check_told(outreach(root, "health"), 0, "can be written")
    (root / "secret").write_bytes(b"\xef\xbb\xbfsch\xc3\xb6n\r\n")
    assert read_secret(SecretStr(""), "secret", root, what="relay's password") == "schön"


def test_a_password_file_that_is_no_text_is_told_without_a_traceback(root: Path) -> None:
    (root / "secret").write_bytes("schön".encode("latin-1"))
    values = {"OUTREACH_RELAY__USERNAME": "ann", "OUTREACH_RELAY__PASSWORD_FILE": "secret"}
    said = check_told(outreach(root, "doctor", **values), 1, "relay's password in secret is no UTF-8 text")
    assert "sch" not in said


def run_into(root: Path, out: int | IO[bytes], *arguments: str, encoding: str = "utf-8") -> Done:
    """The program in a process of its own: what it prints goes to a file, or through a pipe, in this encoding."""
    command = [sys.executable, "-m", "outreach", "-w", str(root), *arguments]
    environ = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, env=environ, timeout=60)
    return Done(done.returncode, (done.stdout or b"").decode(encoding), done.stderr.decode(encoding))


def test_a_disk_without_room_for_what_is_printed_is_told(ready: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = run_into(ready, full, "customers", "list")
    check_told(done, 1, "cannot be written: No space left on device")


def test_a_terminal_that_knows_few_letters_gets_what_it_can_show_and_a_program_all(ready: Path) -> None:
    (ready / "more.csv").write_text("email,first_name\nzoe@example.com,Zoë …\n", encoding="utf-8")
    check_told(outreach(ready, "customers", "import", "more.csv", "--list", "customers"), 0)
    shown = run_into(ready, subprocess.PIPE, "customers", "show", "zoe@example.com", encoding="latin-1")
    check_told(shown, 0, "Zoë ?")
    told = run_into(ready, subprocess.PIPE, "customers", "show", "zoe@example.com", "--json", encoding="latin-1")
    assert json.loads(told.stdout)["first_name"] == "Zoë …"


def test_two_at_the_same_instant_do_no_harm(ready: Path, catcher: Catcher) -> None:
    quiet = {"cwd": ready, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    both = [
        Program(words, **quiet)  # type: ignore[arg-type]
        for words in (["send", "hello", "--yes"], ["send", "hello", "--yes"], ["run", "--once"])
    ]
    assert {process.wait(timeout=90) for process in both} <= {0, 3}
    lines = (ready / "mail" / "catcher.log").read_text().splitlines()
    assert len(lines) == 2


def test_what_is_done_is_not_sent_again(ready: Path, catcher: Catcher) -> None:
    check_told(outreach(ready, "send", "hello", "--yes"), 0)
    check_told(outreach(ready, "send", "hello", "--yes"), 3, "--again")
    assert len((ready / "mail" / "catcher.log").read_text().splitlines()) == 2
    check_told(outreach(ready, "send", "hello", "--yes", "--again"), 0)
    assert len((ready / "mail" / "catcher.log").read_text().splitlines()) == 4


def test_a_file_whose_name_is_no_text_is_told(root: Path) -> None:
    (root / "\udcff.csv").write_text(PEOPLE)
    check_told(outreach(root, "customers", "import", "\udcff.csv", "--list", "customers"), 2, "UTF-8")
