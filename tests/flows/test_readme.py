"""The README is true: its commands run one after the other as a user would run them, and its JSON fields are there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from outreach.records import AlertKind, Case, CaseState, Category, Channel, Edition, Inbound, InboundState, Urgency
from outreach.store.alerts import raise_alert
from outreach.store.pace import DOMAIN, slow_down
from outreach.work.duplicates import merge
from outreach.work.intake import import_customers
from outreach.work.workspace import open_workspace
from tests.cli.inside import outreach
from tests.flows.readme import README, blocks, commands
from tests.servers.locked import free_port

INSTALL = "python3 -m venv"
ROW = re.compile(r"^\| `outreach ([^`]+)`[^|]*(?:\\\|[^|]*)*\| ([^|]*)\|$", re.MULTILINE)
EXAMPLES = {
    "init": "init .",
    "customers import": "customers import people.csv --list customers --dry-run",
    "customers imports": "customers imports",
    "customers list": "customers list",
    "customers show": "customers show ann@example.com",
    "customers count": "customers count",
    "lists list": "lists list",
    "customers export": "customers export ann@example.com",
    "customers erase": "customers erase ann@example.com --dry-run",
    "segments list": "segments list",
    "segments explain": "segments explain fresh",
    "attributes list": "attributes list",
    "customers duplicates": "customers duplicates",
    "customers merge KEEP": "customers merge ann@example.com bruno@example.org --dry-run",
    "customers merges": "customers merges",
    "customers merge --undo": "customers merge --undo 1 --yes",
    "customers groups list": "customers groups list --kind company",
    "customers groups show": "customers groups show company 'baker and sons'",
    "customers groups suggest": "customers groups suggest company",
    "campaigns apply": "campaigns apply spring.md",
    "campaigns list": "campaigns list",
    "campaigns check": "campaigns check spring --offline",
    "campaigns preview": "campaigns preview spring --as ann@example.com",
    "campaigns test": "campaigns test spring --to me@example.com",
    "tips apply": "tips apply templates/tips",
    "tips list": "tips list",
    "tips preview": "tips preview milk-cold-jug",
    "seminars apply": "seminars apply templates/seminars",
    "seminars list": "seminars list",
    "seminars show": "seminars show best-shot --who",
    "sequences apply": "sequences apply templates/sequences",
    "sequences list": "sequences list",
    "sequences show": "sequences show welcome",
    "sequences preview": "sequences preview welcome",
    "plan [": "plan",
    "plan --ics": "plan --ics plan.ics",
    "plan --simulate": "plan --simulate --days 2",
    "plan diff": "plan diff spring",
    "plan approve": "plan approve spring --yes",
    "goals import": "goals import orders.csv --dry-run",
    "goals list": "goals list",
    "why": "why ann@example.com spring",
    "send": "send news --yes",
    "run": "run --once",
    "waves list": "waves list",
    "verify": "verify spring --state sent",
    "deliveries list": "deliveries list spring",
    "deliveries show": "deliveries show ann@example.com spring",
    "deliveries resolve --maillog": "deliveries resolve --maillog spring.md",
    "deliveries resolve MESSAGE-ID": "deliveries resolve --campaign spring --all --sent --because x --yes",
    "replies fetch": "replies fetch",
    "replies collect": "replies collect",
    "replies import": "replies import calls.jsonl",
    "replies log": "replies log --channel letter --customer ann@example.com --text Thanks!",
    "replies list": "replies list",
    "replies show": "replies show 1",
    "replies review": "replies review 1 --as complaint",
    "replies join": "replies join 1 ann@example.com",
    "replies classify FILE": "replies classify spring.md",
    "replies classify ROWS.csv": "replies classify labels.csv",
    "replies train": "replies train labels.csv",
    "replies models": "replies models",
    "replies rollback": "replies rollback 0",
    "cases list": "cases list --state all",
    "cases show": "cases show 1",
    "cases merge": "cases merge 901 902 --yes",
    "cases ageing": "cases ageing --escalations 1",
    "cases promises": "cases promises",
    "answers list": "answers list",
    "cases attachments": "cases attachments 1",
    "cases escalate": "cases escalate --dry-run",
    "people list": "people list",
    "causes list": "causes list",
    "causes show": "causes show blinking-light",
    "causes fixed": "causes fixed blinking-light --fix x",
    "thanks list": "thanks list",
    "steps list": "steps list",
    "trends list": "trends list",
    "trends propose": "trends propose tips",
    "report": "report",
    "alerts list": "alerts list --all",
    "health": "health",
    "relays list": "relays list",
    "domains list": "domains list",
    "dkim new": "dkim new --selector rsa-1",
    "dkim list": "dkim list",
    "dkim check": "dkim check nobody",
    "backup": "backup other.tar.gz",
    "db status": "db status",
    "prune": "prune --dry-run",
    "db upgrade": "db upgrade",
    "doctor": "doctor",
    "restore": "restore monday.tar.gz --yes",
}


RELAY = {"OUTREACH_RELAY__PORT": str(free_port()), "COLUMNS": "120"}
PIPED = re.compile(r'^echo "([^"]*)" \| (.*)$')


class Reader:
    """Somebody who types the README's lines one after the other; knows `cd`, `&&`, `|` and a trailing `&`."""

    def __init__(self, home: Path) -> None:
        self.place = home
        self.behind: list[subprocess.Popen[str]] = []

    def type(self, line: str) -> None:
        if line.endswith(" &"):
            self._start(line.removesuffix(" &"))
            return
        for part in line.split(" && "):
            if part.startswith("cd "):
                self.place /= part.removeprefix("cd ")
                continue
            piped = PIPED.match(part)
            words = shlex.split(piped[2] if piped else part)
            assert words[0] == "outreach", line
            done = outreach(self.place, *words[1:], stdin=piped[1] if piped else "", **RELAY)
            assert done.returncode == 0, f"$ {line}\n{done.stdout}{done.stderr}"

    def _start(self, line: str) -> None:
        command = [sys.executable, "-m", *shlex.split(line)]
        process = subprocess.Popen(command, cwd=self.place, env=os.environ | RELAY, stdout=subprocess.PIPE, text=True)
        self.behind.append(process)
        assert process.stdout is not None
        assert process.stdout.readline()

    def leave(self) -> None:
        for process in self.behind:
            process.terminate()
            process.communicate(timeout=30)


def slow_a_domain(root: Path) -> None:
    """So that `outreach domains list` has something to show."""
    workspace = open_workspace(root)
    with workspace.database.write() as session:
        slow_down(session, f"{DOMAIN}abc", "slow.example", "421 4.7.0 too much", 60, workspace.clock())
    workspace.database.close()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The workspace that a reader of the README has at its end, its catcher still running."""
    reader = Reader(tmp_path_factory.mktemp("reader"))
    try:
        for command in commands():
            if command.startswith(INSTALL):
                continue
            reader.type(command)
            if command.startswith("outreach init"):
                for block in blocks():
                    if block.file:
                        (reader.place / block.file).write_text(block.text, encoding="utf-8")
        _need_a_person(reader.place)
        slow_a_domain(reader.place)
        _go_in_waves(reader.place)
        _attach(reader.place)
        _open_two(reader.place)
        outreach(reader.place, "customers", "add", "ann+news@example.com")
        _merge_two(reader.place)
        (reader.place / "calls.jsonl").write_text('{"text": "Where is my parcel?", "channel": "phone"}\n')
        labels = "".join(f"It leaks again {at},1,milk\nThanks a lot {at},0,app\n" for at in range(15))
        (reader.place / "labels.csv").write_text(f"text,label,topic\n{labels}")
        outreach(reader.place, "replies", "train", "labels.csv")
        yield reader.place
    finally:
        reader.leave()


def _need_a_person(root: Path) -> None:
    """Something that `outreach alerts list` has to show."""
    opened = open_workspace(root)
    with opened.database.write() as session:
        raise_alert(session, AlertKind.DATABASE, "disk", "nearly full", "df -h", opened.clock())
    opened.database.close()


def _go_in_waves(root: Path) -> None:
    """An edition that `outreach waves list` has to show."""
    opened = open_workspace(root)
    with opened.database.write() as session:
        session.connection().execute(update(Edition).values(waves=[500, 20], released_wave=1))
    opened.database.close()


def _merge_two(root: Path) -> None:
    """Two who are one by mistake, for `outreach customers merges`."""
    opened = open_workspace(root)
    (root / "two.csv").write_text("email\nzoe@example.com\nzora@example.com\n")
    import_customers(opened, root / "two.csv", "customers")
    merge(opened, "zoe@example.com", "zora@example.com", by="maria")
    opened.database.close()


def _attach(root: Path) -> None:
    """A photo that `outreach cases attachments 1` has to show."""
    opened = open_workspace(root)
    now = opened.clock()
    mail = Inbound(
        public_id="photo",
        channel=Channel.EMAIL,
        state=InboundState.READ,
        received_at=now,
        stored_at=now,
        content_hash="photo",
        raw=b"",
        case_id=1,
        category=Category.COMPLAINT,
        attachments=[{"name": "photo.jpg", "media_type": "image/jpeg", "size": 5}],
    )
    with opened.database.write() as session:
        session.add(mail)
    opened.database.close()


def _open_two(root: Path) -> None:
    """Two cases of one stranger for `outreach cases merge 901 902`."""
    opened = open_workspace(root)
    now = opened.clock()
    with opened.database.write() as session:
        for number in (901, 902):
            values = {"category": Category.QUESTION, "urgency": Urgency.NORMAL, "state": CaseState.NEW}
            session.add(Case(id=number, author="eve@example.net", opened_at=now, due_at=now, **values))
    opened.database.close()


def run(workspace: Path, words: str) -> Any:
    done = outreach(workspace, *shlex.split(words), "--json", **RELAY)
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)


def test_every_command_of_the_readme_runs(workspace: Path) -> None:
    assert (workspace / "report.html").stat().st_size > 5_000
    assert (workspace / "mail" / "catcher.log").read_text().count("\n") >= 3


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_json_fields_that_the_readme_promises_are_there(workspace: Path, name: str) -> None:
    told = next(fields for command, fields in ROW.findall(README.read_text("utf-8")) if command.startswith(name))
    promised = set(re.findall(r"`(\w+)`", told)) - {"show"}
    assert promised
    value = run(workspace, EXAMPLES[name])
    row = value[0] if isinstance(value, list) else value
    assert promised <= set(row), f"missing: {promised - set(row)}"


def test_every_row_of_the_table_is_tried() -> None:
    rows = [command for command, fields in ROW.findall(README.read_text("utf-8")) if "`" in fields]
    assert len(rows) >= 28
    for command in rows:
        assert any(command.startswith(name) for name in EXAMPLES), command


def test_the_two_commands_stand_in_the_readme_whole() -> None:
    text = README.read_text("utf-8")
    assert "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/outreach demo" in text
    assert "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest" in text


def test_links_inside_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README.read_text("utf-8")):
        assert (README.parent / target).exists(), target
