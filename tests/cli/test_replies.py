"""`outreach replies …` as a person and a program use it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from outreach.cli.replies import app
from outreach.cli.reply_views import print_messages
from outreach.work.take import take_in
from outreach.work.workspace import Workspace

from ..conftest import MakeCustomer
from ..replies.test_calendar import answer as calendar_event
from ..replies.test_calendar import mail as calendar_mail
from ..servers.program import Program
from ..work.replying import drop_in

COMPLAINT = "The pump is broken again and nobody answers. This is unacceptable."
MAIL = f"From: ann@example.com\r\nMessage-ID: <1@x>\r\nSubject: pump\r\n\r\n{COMPLAINT}\r\n".encode()
FIELDS = {
    "id", "received_at", "channel", "state", "machine", "category", "topics", "urgency", "confidence", "reasons",
    "judged_by", "reviewed_at", "customer", "clue", "delivery", "case", "sender", "sender_name", "handle", "phone",
    "link", "reach", "network", "repost_of", "copy_of", "foreign_token",
    "subject", "text", "language", "attachments", "flagged", "calendar",
}  # fmt: skip


@pytest.fixture
def acme(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("OUTREACH_WORKSPACE", str(workspace.root))
    drop_in(workspace.root / "inbox")
    return workspace


def run(*arguments: str, status: int = 0, typed: str | bytes | None = None) -> str:
    found = CliRunner().invoke(app, list(arguments), input=typed)
    if found.exit_code != status and not hasattr(found.exception, "exit_status"):
        raise AssertionError(f"{found.output}\n{found.exception!r}") from found.exception
    assert getattr(found.exception, "exit_status", found.exit_code) == status
    return found.output


def refused(*arguments: str, status: int, words: str) -> None:
    found = CliRunner().invoke(app, list(arguments))
    assert getattr(found.exception, "exit_status", found.exit_code) == status
    assert words in str(found.exception) + found.output


def logged(text: str = COMPLAINT, *more: str) -> int:
    return int(json.loads(run("log", "--channel", "phone", "--text", text, "--json", *more))["id"])


def test_fetch_reads_the_mailboxes_and_counts(acme: Workspace) -> None:
    drop_in(acme.root / "inbox", MAIL)
    assert "1 fetched: 1 new, 0 known already\n1 read: complaint 1" in run("fetch")
    counts = json.loads(run("fetch", "--json"))
    assert (counts["stored"], counts["read"], counts["troubles"]) == (0, 0, [])


def test_fetch_ends_with_1_and_a_remedy_where_a_mailbox_fails(acme: Workspace) -> None:
    text = (acme.root / "outreach.toml").read_text(encoding="utf-8")
    added = '[[replies.mailboxes]]\nname = "gone"\nkind = "maildir"\npath = "nowhere"\n\n[topics]'
    (acme.root / "outreach.toml").write_text(text.replace("[topics]", added, 1), encoding="utf-8")
    drop_in(acme.root / "inbox", MAIL)
    said = run("fetch", status=1)
    assert "1 new" in said
    assert "gone" in said


def test_a_call_is_taken_down_listed_and_shown(acme: Workspace) -> None:
    number = logged(COMPLAINT, "--phone", "+44 20 7946 0018", "--at", "2026-11-20 10:00")
    rows = json.loads(run("list", "--json"))
    assert set(rows[0]) == FIELDS
    assert (rows[0]["id"], rows[0]["category"], rows[0]["phone"]) == (number, "complaint", "+442079460018")
    assert rows[0]["received_at"] == "2026-11-20T10:00:00+00:00"
    shown = run("show", str(number))
    assert COMPLAINT in shown
    assert '"unacceptable" speaks for complaint (+3)' in shown
    whole = json.loads(run("show", str(number), "--json"))
    assert set(whole) == FIELDS | {"quoted", "mailbox", "place", "message_id", "verdicts"}
    assert "unacceptable" in run("show", str(number), "--raw")


@pytest.mark.parametrize("state", ["accepted", "declined", "tentative"])
def test_what_a_calendar_answered_is_told_where_support_looks(acme: Workspace, state: str) -> None:
    drop_in(acme.root / "inbox", calendar_mail(calendar_event(f"PARTSTAT={state.upper()}")), MAIL)
    run("fetch")
    rows = {row["sender"]: row for row in json.loads(run("list", "--json"))}
    told = rows["ann@b.example"]["calendar"]
    assert told == {
        "answer": state,
        "summary": "Descaling, live and in colour",
        "comment": "I come by train at nine",
        "uid": "7@acme.example",
    }
    assert rows["ann@example.com"]["calendar"] is None
    assert state in run("list")
    shown = run("show", str(rows["ann@b.example"]["id"]))
    assert f'answered  {state} "Descaling, live and in colour": "I come by train at nine"' in shown


def test_lists_filter(acme: Workspace) -> None:
    logged()
    logged("Lovely tips, thank you so much!")
    assert [row["category"] for row in json.loads(run("list", "--category", "thanks", "--json"))] == ["thanks"]
    assert [row["category"] for row in json.loads(run("list", "--open", "--json"))] == ["complaint"]
    assert json.loads(run("list", "--channel", "letter", "--json")) == []
    assert "Nothing of the kind" in run("list", "--channel", "letter")
    assert len(json.loads(run("list", "--limit", "1", "--json"))) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("log", "--channel", "fax", "--text", "x"), 2, "there are phone"),
        (("log", "--channel", "phone", "--text", " "), 1, "no text"),
        (("log", "--channel", "phone", "--text", "x", "--customer", "eve@example.com"), 1, "no customer"),
        (("log", "--channel", "phone", "--text", "x", "--at", "soon"), 1, "no date"),
        (("log", "--channel", "phone", "--text", "x", "--at", "2999-01-01"), 1, "in the future"),
        (("list", "--category", "rants"), 2, "there are complaint"),
        (("list", "--channel", "fax"), 2, "there are email"),
        (("show", "99"), 1, "no message 99"),
        (("show", "99", "--raw"), 1, "no message 99"),
        (("review", "99", "--as", "thanks"), 1, "no message 99"),
        (("review", "--as", "rants"), 2, "there are complaint"),
        (("review", "--as", "thanks"), 2, "message's number"),
        (("review", "1", "--topic", "weather"), 2, "there are brewing"),
        (("review", "--undo"), 1, "no review"),
        (("classify", "nowhere.txt"), 1, "cannot be read"),
        (("import", "nowhere.csv"), 1, "cannot be read"),
    ],
)
def test_what_is_wrong_is_told(acme: Workspace, arguments: tuple[str, ...], status: int, words: str) -> None:
    refused(*arguments, status=status, words=words)


def test_a_review_corrects_and_is_taken_back(acme: Workspace) -> None:
    number = logged()
    found = json.loads(run("review", str(number), "--as", "question", "--topic", "milk", "--by", "maria", "--json"))
    assert (found["category"], found["topics"], found["judged_by"]) == ("question", ["milk"], "maria")
    assert found["reviewed_at"]
    said = run("review", "--undo", "--by", "maria")
    assert f"taken back: message {number}" in said
    assert json.loads(run("show", str(number), "--json"))["category"] == "complaint"


def test_reviewing_from_a_pipe_takes_one_key_a_line(acme: Workspace) -> None:
    first, second, third = logged(), logged("Where is the manual?"), logged("I saw smoke coming out of it!")
    said = run("review", "--by", "maria", typed="\nq\ny\ns\n")
    assert said.index("smoke") < said.index("unacceptable")
    assert "2 reviewed, 1 left" in said
    kinds = {row["id"]: (row["category"], row["judged_by"]) for row in json.loads(run("list", "--json"))}
    assert kinds == {third: ("complaint", "maria"), first: ("question", "maria"), second: ("question", "cues")}


def test_z_goes_back_to_the_message_before(acme: Workspace) -> None:
    logged()
    logged("Where is the manual?")
    run("review", typed="t\nz\nc\nr\n")
    rows = json.loads(run("list", "--json"))
    assert sorted(row["category"] for row in rows) == ["complaint", "question"]
    assert all(row["reviewed_at"] for row in rows)


def test_z_takes_back_an_earlier_rounds_review_and_shows_that_message_again(acme: Workspace) -> None:
    first = logged()
    run("review", str(first), "--as", "machine", "--by", "maria")
    logged("Where is the manual?")
    said = run("review", "--by", "maria", typed="z\nc\nr\n")
    assert said.index("1 of 1") < said.index("taken back") < said.index("1 of 2") < said.index("2 of 2")
    assert "2 reviewed, 0 left" in said
    kinds = {row["id"]: row["category"] for row in json.loads(run("list", "--json"))}
    assert kinds == {first: "complaint", first + 1: "question"}


def test_what_came_in_and_is_not_read_yet_says_so(acme: Workspace) -> None:
    number = take_in(acme, MAIL)
    assert "not read yet" in run("list") and "not read yet: `outreach run`" in run("show", str(number))


def test_the_listing_can_be_read_on_a_narrow_terminal(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logged(COMPLAINT)
    row = [7, "2026-11-28 15:44", "email", "ann@example.com", "complaint", "pump", "high", "93%", 3, "It broke."]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_messages([row])
    said = capsys.readouterr().out
    assert "complaint about pump · high · 93% · case 3" in said and "email, ann@example.com" in said
    monkeypatch.setattr("sys.stdout.isatty", lambda: False)
    print_messages([row])
    assert capsys.readouterr().out.splitlines()[-1].split("\t")[-1] == "It broke."
    assert "received (UTC)" in run("list")


def test_reviewing_at_a_terminal_needs_no_enter(acme: Workspace) -> None:
    number = logged()
    ours, theirs = pty.openpty()
    environ = {**os.environ, "OUTREACH_WORKSPACE": str(acme.root), "TERM": "dumb"}
    command = ["replies", "review", "--by", "maria"]
    running = Program(command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environ)
    os.close(theirs)
    assert running.stdout is not None
    os.set_blocking(running.stdout.fileno(), False)
    said, until = b"", time.monotonic() + 60
    while b"x leave]" not in said and time.monotonic() < until:
        said += running.stdout.read() or b""
        time.sleep(0.02)
    os.write(ours, b"q")
    assert running.wait(60) == 0
    os.close(ours)
    assert json.loads(run("show", str(number), "--json"))["category"] == "question"


def test_import_takes_files_and_tells_bad_rows(acme: Workspace, tmp_path: Path) -> None:
    (tmp_path / "a.eml").write_bytes(MAIL)
    (tmp_path / "b.csv").write_text("text,channel\nlovely tips thank you,form\n,form\n", encoding="utf-8")
    found = json.loads(run("import", str(tmp_path / "a.eml"), str(tmp_path / "b.csv"), "--json"))
    assert [one["stored"] for one in found["files"]] == [1, 1]
    assert [(one["row"], one["reason"]) for one in found["faults"]] == [(3, "there is no text")]
    assert found["read"] == 2
    assert "0 new, 1 known already" in run("import", str(tmp_path / "a.eml"))
    (tmp_path / "c.csv").write_text("text,channel\n,form\n", encoding="utf-8")
    assert "c.csv:2: there is no text" in run("import", str(tmp_path / "c.csv"), status=1)


def test_classify_stores_nothing_and_needs_no_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTREACH_WORKSPACE", str(tmp_path))
    found = json.loads(run("classify", "-", "--json", typed="The milk foam is cold and nobody answers!"))
    assert (found["category"], found["topics"], found["language"]) == ("complaint", ["milk"], "en")
    path = tmp_path / "a.eml"
    path.write_bytes(b"From: a@b.example\nAuto-Submitted: auto-replied\nSubject: away\n\nBack on Monday.\n")
    assert "machine mail: auto reply (Auto-Submitted: auto-replied)" in run("classify", str(path))


def test_one_key_joins_a_stranger_and_z_takes_it_back(acme: Workspace, make_customer: MakeCustomer) -> None:
    make_customer("ann@example.com", first_name="Ann", last_name="Baker")
    number = logged(COMPLAINT, "--handle", "x:abaker", "--name", "Ann Baker")
    said = run("review", "--by", "maria", typed="1\nz\nj\nbaker\nr\n")
    assert "1 Ann Baker <ann@example.com> (has the same name)" in said
    assert said.index("joined to ann") < said.index("taken back: message") < said.rindex("joined to ann")
    assert "1 reviewed, 0 left" in said
    assert json.loads(run("show", str(number), "--json"))["customer"] == "ann@example.com"
    assert logged("Broken again!", "--handle", "x:abaker") == number + 1
    assert json.loads(run("show", str(number + 1), "--json"))["clue"] == "handle"


def test_join_by_command_says_who_it_may_be_and_refuses_to_choose(acme: Workspace, make_customer: MakeCustomer) -> None:
    for name in ("ann", "bob"):
        make_customer(f"{name}@example.com", first_name=name.title(), last_name="Baker", phone="+442079460018")
    number = str(logged(COMPLAINT, "--phone", "020 7946 0018"))
    assert "2 Bob Baker <bob@example.com> (has this number)" in run("join", number)
    refused("join", number, "baker", status=3, words="may mean Ann Baker <ann@example.com>; Bob Baker")
    refused("join", number, "nobody", status=1, words="no customer is meant")
    assert json.loads(run("join", number, "bob@example.com", "--json"))["customer"] == "bob@example.com"
    assert "taken back" in run("join", number, "--undo")


def test_a_call_is_taken_down_by_who_what_and_topic(acme: Workspace, make_customer: MakeCustomer) -> None:
    make_customer("ann@example.com", first_name="Ann", last_name="Baker", phone="+442079460018")
    make_customer("bob@example.com", first_name="Bob", last_name="Baker")
    found = json.loads(run("log", "020 7946 0018", "Cold again", "--topic", "milk", "--as", "complaint", "--json"))
    assert (found["channel"], found["customer"], found["clue"]) == ("phone", "ann@example.com", "phone")
    assert (found["topics"], found["category"], found["reviewed_at"] is not None) == (["milk"], "complaint", True)
    assert json.loads(run("log", "ann baker", "Thanks a lot!", "--json"))["customer"] == "ann@example.com"
    lost = run("log", "ann baker", "She rang about the seminar", "--by", "otto", "--topic", "milk")
    assert "made no case" in lost and "--as question" in lost and "otto: other (milk)" in lost
    stranger = json.loads(run("log", "Eve Moss", "Where is my order?", "--json"))
    assert (stranger["customer"], stranger["sender_name"]) == (None, "Eve Moss")
    refused("log", "baker", "Hello?", status=3, words="may mean Ann Baker")
    refused("log", "ann baker", "Hello?", "--topic", "weather", status=2, words="there are brewing")
    refused("log", "ann baker", status=1, words="no text")
