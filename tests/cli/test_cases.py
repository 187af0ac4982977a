"""`outreach cases`: a person works through complaints and questions at a terminal."""

from __future__ import annotations

import json
import mailbox
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from outreach.cli.cases import app
from outreach.errors import OutreachError, UsageError
from outreach.records import Category, Urgency
from outreach.wire.catcher import Catcher
from outreach.work.workspace import Workspace

from ..cases.make import receive
from ..conftest import HandClock, MakeCustomer

Run = Callable[..., str]


@pytest.fixture
def desk(workspace: Workspace, make_customer: MakeCustomer, clock: HandClock) -> Workspace:
    """Three cases: an ordinary one of Ann's, an urgent one of Bob's, a question of somebody unknown."""
    ann = make_customer("ann@example.com", first_name="Ann", last_name="Lee")
    bob = make_customer("bob@example.com")
    receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("grinder",), text="The grinder\nis too loud.")
    clock.advance(minutes=30)
    receive(workspace, Category.COMPLAINT, customer_id=bob, urgency=Urgency.HIGH, text="It burnt me!")
    receive(workspace, Category.QUESTION, sender="zoe@example.org", text="Do you ship to Peru?")
    return workspace


@pytest.fixture
def run(desk: Workspace, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process; its output. Errors of ours are raised as the door would get them."""
    return runner(desk, monkeypatch)


def runner(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Run:
    for door in ("cases", "case_ageing", "case_files", "case_merge", "case_promises"):
        monkeypatch.setattr(f"outreach.cli.{door}.open_here", lambda: workspace)
    monkeypatch.setenv("LOGNAME", "maria")

    def call(*arguments: str, given: str | None = None) -> str:
        done = CliRunner().invoke(app, list(arguments), input=given)
        if isinstance(done.exception, OutreachError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return call


def told(run: Run, *arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def test_the_list_is_in_the_order_of_work_with_owner_due_time_state_and_age(run: Run, clock: HandClock) -> None:
    clock.advance(hours=2)
    lines = [line.split("\t") for line in run("list").splitlines()]
    assert lines[0][:4] == ["case", "state", "due", "age"]
    assert [line[0] for line in lines[1:]] == ["2", "1", "3"]
    assert lines[1][2] == "Tue 1 Dec 14:30"
    assert lines[2][3] == "2 h"
    assert lines[2][8] == "Ann Lee <ann@example.com>"
    assert lines[3][8] == "zoe@example.org"


def test_the_list_says_who_is_answering_and_another_is_refused(run: Run, clock: HandClock) -> None:
    assert "is yours to answer until" in run("take", "1", "--by", "maria")
    assert any("maria is answering" in line for line in run("list").splitlines())
    with pytest.raises(OutreachError) as refused:
        run("answer", "1", "--text", "Hello", "--by", "tom", "--later")
    assert refused.value.exit_status == 3
    clock.advance(minutes=31)
    assert "is answering" not in run("list")


def test_promises_ageing_and_escalations_have_json(run: Run, clock: HandClock) -> None:
    run("promise", "1", "Refund", "--by", "friday")
    (promise,) = told(run, "promises")
    assert (promise["case"], promise["state"], promise["late"]) == (1, "made", False)
    clock.advance(days=9)
    report = told(run, "ageing", "--days", "7")
    assert (report["late"], report["register"]["adds_up"], report["period"]["days"]) == ([1, 2, 3], True, 7)
    assert {"topic", "owner", "channel"} == set(report["rows"])
    due = told(run, "escalate", "--dry-run")
    assert due["dry_run"]
    assert {level["level"] for level in due["levels"]} == {1, 2}
    assert told(run, "attachments", "1") == []
    with pytest.raises(UsageError, match="go together"):
        run("attachments", "1", "--save", "1")


def test_the_json_fields_stay_stable(run: Run) -> None:
    case = told(run, "list")[0]
    assert set(case) == {
        "id",
        "author",
        "category",
        "topic",
        "urgency",
        "state",
        "summary",
        "owner",
        "opened_at",
        "due_at",
        "first_answer_at",
        "waiting_since",
        "solved_at",
        "confirmed_at",
        "closed_at",
        "reopened",
        "customer",
        "overdue",
        "age_hours",
        "due_local",
        "first_word_by",
        "answered_at",
        "answering_by",
        "answering_until",
        "waited_longest",
    }
    shown = told(run, "show", "1")
    assert set(shown) - set(case) == {
        *("first_answer_hours", "solution_hours", "reach", "messages", "entries", "promises", "holds", "steps")
    }
    assert set(shown["entries"][0]) == {"at", "kind", "event", "by", "text", "link", "inbound_id", "delivery_id"}
    assert shown["holds"][0]["scope"] == "promotion"
    assert shown["steps"][0]["reason"]


def test_the_list_is_narrowed_by_state_owner_and_what_is_overdue(run: Run, clock: HandClock) -> None:
    run("assign", "1", "maria")
    run("dismiss", "3")
    assert [case["id"] for case in told(run, "list")] == [2, 1]
    assert [case["id"] for case in told(run, "list", "--state", "all")] == [2, 1, 3]
    assert [case["id"] for case in told(run, "list", "--state", "open", "--state", "dismissed")] == [1, 3]
    assert [case["id"] for case in told(run, "list", "--owner", "maria")] == [1]
    assert [case["id"] for case in told(run, "list", "--owner", "-")] == [2]
    assert told(run, "list", "--overdue") == []
    assert run("list", "--overdue") == "No case is overdue.\n"
    clock.advance(hours=6)
    assert [case["id"] for case in told(run, "list", "--overdue")] == [2]
    assert "(overdue)" in run("list", "--overdue")


def test_a_case_is_shown_with_what_was_said_and_what_it_changed(run: Run, clock: HandClock) -> None:
    clock.advance(hours=1)
    run("note", "1", "Called her: the burrs were loose.", "--answered", "--by", "tom")
    said = run("show", "1")
    for words in (
        "Case 1: complaint about grinder, open",
        "Ann Lee <ann@example.com>",
        "    The grinder\n    is too loud.",
        "answer  tom\n    Called her",
        "answered after 1.5 business hours",
        "What it changed in the plan:",
        "hold news, offers and invitations until 3 Dec 2026",
        "the next tips issue begins with grinder",
    ):
        assert words in said


def test_a_case_goes_its_way_from_new_to_confirmed(run: Run) -> None:
    assert run("assign", "1", "maria") == "Case 1 is open, owned by maria; due Thu 3 Dec 10:00.\n"
    assert "is waiting, owned by maria; it waits for the customer since" in run("wait", "1")
    assert "waits for the customer since Tue 1 Dec 10:30" in run("list", "--state", "waiting")
    assert run("resolve", "1", "--note", "new burrs") == "Case 1 is solved, owned by maria.\n"
    assert "is open" in run("reopen", "1")
    run("resolve", "1")
    assert "is confirmed" in run("confirm", "1", "--note", "she wrote: quiet now")
    entries = told(run, "show", "1")["entries"]
    assert [entry["event"] for entry in entries] == [
        "message",
        "assign",
        "wait",
        "resolve",
        "reopen",
        "resolve",
        "confirm",
    ]
    assert {entry["by"] for entry in entries[1:]} == {"maria"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "99"), "there is no case 99"),
        (("assign", "99", "maria"), "there is no case 99"),
        (("confirm", "1"), "a case that is new cannot confirm"),
        (("list", "--state", "done"), "is no state"),
        (("answer", "1", "--text", "a", "--wait", "--resolve"), "exclude each other"),
        (("answer", "1", "--file", "/nowhere/at/all"), "cannot be read"),
        (("answer", "1", "--text", " "), "there is no text"),
    ],
)
def test_what_cannot_be_done_is_said_with_a_remedy(run: Run, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        run(*arguments)


def test_an_editor_gets_what_the_customer_wrote_and_only_what_is_above_it_is_sent(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\ngrep -q "too loud" "$1" || exit 1\nprintf "Dear Ann,\\n" | cat - "$1" > "$1.new"\n')
    editor.write_text(editor.read_text() + 'mv "$1.new" "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(editor))
    assert "Queued" in run("answer", "1", "--later")
    assert told(run, "show", "1")["entries"][-1]["text"] == "Dear Ann,"


def test_without_a_text_or_an_editor_nothing_is_sent(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="no text given"):
        run("answer", "1")


def test_an_answer_really_leaves_and_one_that_cannot_stays_queued(
    desk: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Catcher(tmp_path / "mail", host="127.0.0.1") as catcher:
        relay = desk.settings.relay.model_copy(update={"port": catcher.port})
        here = replace(desk, settings=desk.settings.model_copy(update={"relay": relay}))
        run = runner(here, monkeypatch)
        assert run("answer", "1", "--file", "-", "--resolve", given="It is fixed: grüße\n").startswith(
            "Sent to ann@example.com.\n"
        )
    (mail,) = mailbox.Maildir(tmp_path / "mail", create=False)
    assert mail["To"] == "ann@example.com"
    assert mail["In-Reply-To"]
    assert "It is fixed: grüße" in mail.get_payload(decode=True).decode()
    said = run("answer", "2", "--text", "Are you well?", "--wait")
    assert said.startswith("Queued")
    assert "Case 2 is waiting" in said


def test_what_a_stranger_wrote_is_told_as_such_and_cannot_steer_the_terminal(
    workspace: Workspace, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = make_customer("ann@example.com")
    text = "How much\x1b]0;owned\x07 is it?"
    case_id = receive(workspace, Category.QUESTION, customer_id=ann, sender="sam@example.net", text=text)
    call = runner(workspace, monkeypatch)
    shown, listed = call("show", str(case_id)), call("list")
    assert "from sam@example.net, not the customer's own address" in shown
    assert "only with --to sam@example.net" in shown
    assert "\x1b" not in shown + listed
    assert "Queued for sam@example.net" in call(
        "answer", str(case_id), "--text", "10", "--to", "sam@example.net", "--later"
    )


def test_somebody_whom_the_system_knows_by_a_number_only_can_work_too(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_123)
    run("note", "1", "called")
    assert told(run, "show", "1")["entries"][-1]["by"] == "somebody"


def test_two_cases_of_one_person_are_made_one(run: Run, desk: Workspace) -> None:
    second = receive(desk, Category.COMPLAINT, sender="zoe@example.org", topics=("milk",), text="The jug leaks.")
    assert second == 4
    asked = CliRunner().invoke(app, ["merge", "4", "3"])
    assert asked.exit_code == 3 and "Nothing done" in asked.output
    assert "Of zoe@example.org:" in asked.output and "Make case 4 part of case 3? There is no way back." in asked.output
    assert "closed  case 4, opened 2026-12-01" in asked.output and "“The jug leaks.” (1 message)" in asked.output
    merged = json.loads(run("merge", "4", "3", "--yes", "--json"))
    assert merged == {"kept": 3, "closed": 4, "messages": 1, "promises": 0}
    shown = run("show", "3")
    assert "complaint about milk" in shown and "The jug leaks." in shown and "case 4 is one matter" in shown
    assert "one matter with case 3: it goes on there" in run("show", "4")
    with pytest.raises(UsageError, match="of two people"):
        run("merge", "1", "2", "--yes")
