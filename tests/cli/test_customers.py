"""`outreach customers …` as a person and a program call it: a real process in a real workspace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from outreach.address import address_key
from outreach.cli.customers import app
from outreach.errors import OutreachError
from outreach.records import MailingList
from outreach.store.sign_ups import open_askings
from outreach.work.sign_up import sign_up
from outreach.work.workspace import Workspace

from .test_help import outreach

PEOPLE = """\
E-Mail;Vorname;Land;Plan;Plätze;Status
ann@example.com;Ann;Deutschland;pro;5;abonniert
bo@example.com;Bo;Atlantis;free;7;abgemeldet
broken;Cy;;pro;;
ann@example.com;Ann;;;;
"""


@pytest.fixture
def here(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OUTREACH_WORKSPACE", str(workspace.root))
    monkeypatch.chdir(workspace.root)
    (workspace.root / "people.csv").write_text(PEOPLE, encoding="utf-8")
    return workspace.root


def _call(*arguments: str) -> Result:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def _json(*arguments: str) -> Any:
    return json.loads(_call(*arguments, "--json").stdout)


def _imported() -> Any:
    return _json("import", "people.csv", "--list", "customers")


def test_import_tells_a_program_what_it_did(here: Path) -> None:
    told = _imported()
    assert set(told) == {
        "file", "list", "new_list", "dry_run", "encoding", "delimiter", "columns", "rows", "created", "updated",
        "unchanged", "invalid", "duplicate", "suppressed", "unsubscribed", "rejects", "reasons", "warnings",
        "id", "source", "blocked", "by_hand", "faults", "preview",
    }  # fmt: skip
    assert (told["created"], told["invalid"], told["duplicate"], told["unsubscribed"]) == (2, 1, 1, 1)
    assert told["columns"]["Plätze"] == "platze" and told["rejects"] == "people.rejects.csv"
    assert (told["delimiter"], told["encoding"], told["dry_run"]) == ("semicolon", "utf-8", False)


def test_import_tells_a_person_the_same(here: Path) -> None:
    said = _call("import", "people.csv", "--list", "customers", "--map", "Plan=tier").output
    assert "Vorname → first_name" in said and "Plan → tier" in said
    assert "The refused rows are in people.rejects.csv" in said
    assert "unknown country: Atlantis" in said and "it has no @" in said


def test_a_dry_run_writes_nothing(here: Path) -> None:
    assert "Nothing was written." in _call("import", "people.csv", "--list", "new", "--dry-run").output
    assert _json("list") == [] and not (here / "people.rejects.csv").exists()


def test_list_and_count_take_a_list_and_a_segment(here: Path) -> None:
    _imported()
    rows = _json("list", "--list", "customers")
    assert [(row["email"], row["state"]) for row in rows] == [
        ("ann@example.com", "subscribed"),
        ("bo@example.com", "unsubscribed"),
    ]
    assert set(rows[0]) == {
        "id", "email", "first_name", "last_name", "phone", "handle", "language", "country", "zone", "attributes",
        "created_at", "state",
    }  # fmt: skip
    assert rows[0]["attributes"] == {"plan": "pro", "platze": 5}
    assert _call("list", "--list", "customers").output.splitlines()[0].endswith("state")
    assert "state" not in _call("list").output.splitlines()[0], "without a list nobody has a state"
    assert [row["email"] for row in _json("list", "--segment", "platze > 5")] == ["bo@example.com"]
    assert len(_json("list", "--limit", "1")) == 1
    counted = _json("count", "--list", "customers", "--segment", 'plan == "pro" or plna == "pro"')
    assert counted == {
        "count": 1,
        "list": "customers",
        "segment": 'plan == "pro" or plna == "pro"',
        "states": {"subscribed": 1},
        "unknown_fields": ["plna"],
    }
    assert "2 people" in _call("count").output
    assert "2 people: 1 subscribed, 1 unsubscribed" in _call("count", "--list", "customers").output
    assert "no customer has 'plna'" in _call("count", "--segment", "plna == 1").stderr
    assert "There are more" in _call("list", "--limit", "1").stderr


def test_show_tells_all_that_is_kept(here: Path) -> None:
    _imported()
    told = _json("show", "Bo <BO@example.com>")
    assert (told["email"], told["first_name"], told["country"], told["suppression"]) == (
        "bo@example.com",
        "Bo",
        None,
        None,
    )
    assert told["subscriptions"][0] | {"since": ""} == {"list": "customers", "state": "unsubscribed", "since": ""}
    (act,) = told["consents"]
    assert (act["act"], act["how"], act["evidence"], act["list"]) == (
        "withdrawn",
        "import",
        "people.csv:3",
        "customers",
    )
    assert told["deliveries"] == []
    said = _call("show", "ann@example.com").output
    assert "Ann" in said and "given: customers, by import (people.csv:2)" in said


def test_unsubscribe_and_its_undo_are_kept_with_words_and_who(here: Path) -> None:
    _imported()
    assert "gets no newsletters of any list" in _call("unsubscribe", "ann@example.com", "--by", "maria").output
    assert "got already" in _call("unsubscribe", "ann@example.com").output
    told = _json("show", "ann@example.com")
    assert told["suppression"]["reason"] == "unsubscribed_all" and told["subscriptions"][0]["state"] == "unsubscribed"
    assert "subscribed again" in _call("resubscribe", "ann@example.com", "--words", "a mistake").output
    assert "Nothing had been withdrawn" in _call("resubscribe", "ann@example.com", "--words", "x").output
    told = _json("show", "ann@example.com")
    assert told["suppression"] is None and told["subscriptions"][0]["state"] == "subscribed"
    assert [(act["act"], act["by"]) for act in told["consents"]][:3] == [
        ("given", ""),
        ("withdrawn", "maria"),
        ("withdrawn", "maria"),
    ]
    assert told["consents"][-1]["words"] == "a mistake"
    _call("unsubscribe", "ann@example.com", "--list", "customers")
    assert _json("show", "ann@example.com")["suppression"] is None


def test_a_spoken_yes_answers_the_mails_that_asked(workspace: Workspace, here: Path) -> None:
    """The next list that they signed up for was not asked about for days, as if they had never answered."""
    ann, key = "ann@example.com", address_key(workspace.keys, "ann@example.com")
    with workspace.database.write() as session:
        session.add(
            MailingList(name="tips", words="Tips", sign_up=True, double_opt_in=True, created_at=workspace.clock())
        )
    for way in ("confirm", "resubscribe"):
        sign_up(workspace, "tips", ann, language="en", place="the page")
        with workspace.database.read() as session:
            assert len(open_askings(session, key)) == 1
        _call(way, ann, "--list", "tips", "--words", "by phone")
        with workspace.database.read() as session:
            assert open_askings(session, key) == []
        _call("unsubscribe", ann, "--list", "tips")


def test_a_block_of_the_whole_domain_is_shown_with_its_end(here: Path) -> None:
    _call("add", "di@blocked.example", "--list", "customers", "--consent", "by phone")
    assert _json("show", "di@blocked.example")["suppression"] is None
    _call("suppress", "@blocked.example", "--reason", "their wish", "--until", "2040-01-31", "--by", "bo")
    assert (
        "until 2040-01-31: a colleague blocked the address (all of blocked.example: their wish (bo))"
        in _call("show", "di@blocked.example").output
    )
    assert _json("show", "di@blocked.example")["suppression"]["until"].startswith("2040-01-31")


def test_a_block_for_a_time_says_where_another_lasts_longer(here: Path) -> None:
    _imported()
    _call("unsubscribe", "ann@example.com")
    said = _call("suppress", "ann@example.com", "--reason", "letter", "--until", "2040-01-31", "--by", "bo").output
    assert "is blocked for good, since more than your word stops mail to it (letter (bo); also: the person" in said
    assert _json("show", "ann@example.com")["suppression"]["until"] is None


def test_a_dry_run_says_that_its_list_would_be_new(here: Path) -> None:
    assert "The list vvip would be new." in _call("import", "people.csv", "--list", "vvip", "--dry-run").output
    assert "would be new" not in _call("import", "people.csv", "--list", "customers", "--dry-run").output


def test_suppress_takes_any_address_and_the_import_keeps_to_it(here: Path) -> None:
    assert "is blocked" in _call("suppress", "ann@example.com", "--reason", "letter of 3 May", "--by", "bo").output
    assert "was already blocked" in _call("suppress", "ann@example.com", "--reason", "again").output
    assert _imported()["suppressed"] == 1
    refused = CliRunner().invoke(app, ["unsuppress", "ann@example.com"])
    assert refused.exit_code == 3 and "letter of 3 May (bo)" in refused.output and "--yes" in refused.output
    assert _imported()["suppressed"] == 1
    assert "no longer blocked" in _call("unsuppress", "ann@example.com", "--yes").output
    assert "was not blocked" in _call("unsuppress", "ann@example.com").output
    assert _imported()["created"] == 1
    _call("suppress", "ann@example.com", "--reason", "letter")
    assert "a colleague blocked the address (letter" in _call("show", "ann@example.com").output


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["show", "nobody@example.com"], 1, "no customer has the address"),
        (["show", "nonsense"], 1, "no e-mail address"),
        (["list", "--list", "nope"], 1, "There are: customers"),
        (["count", "--segment", "plan = 1"], 1, "column 6"),
        (["import", "nope.csv", "--list", "customers"], 1, "does not exist"),
        (["import", "people.csv", "--list", "customers", "--map", "Plan"], 2, "HEADING=FIELD"),
        (["import", "people.csv", "--list", "customers", "--map", "Tarif=plan"], 2, "Its headings are: E-Mail"),
        (["import", "people.csv", "--list", "a b"], 2, "name of a list"),
    ],
)
def test_what_is_wrong_is_told_with_its_exit_status(here: Path, arguments: list[str], status: int, words: str) -> None:
    with pytest.raises(OutreachError) as told:
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert told.value.exit_status == status and words in str(told.value)


def test_a_workbook_leaves_no_traceback_and_status_one(here: Path) -> None:
    (here / "people.csv").write_bytes(b"PK\x03\x04" + bytes(range(256)))
    done = outreach("--workspace", str(here), "customers", "import", str(here / "people.csv"), "--list", "customers")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "save it as CSV" in done.stderr


def test_help_of_every_command_shows_an_example() -> None:
    for name in ("import", "list", "count", "show", "unsubscribe", "resubscribe", "suppress", "unsuppress"):
        assert "Example: outreach customers" in " ".join(_call(name, "--help").output.replace("│", " ").split())


def test_somebody_without_an_address_is_shown_by_number(here: Path) -> None:
    (here / "calls.csv").write_text("Vorname,Nachname,Telefon\nAnn,Baker,030 1234567\n")
    assert "1 person without an e-mail address" in _call("import", "calls.csv", "--list", "customers").output
    assert "0301234567" in _call("show", "#1").output
    listed = json.loads(_call("imports", "--json").output)
    assert [(one["id"], one["created"], one["state"]) for one in listed] == [(1, 1, "done")]
    assert _call("import", "--undo", "1", "--yes").output.startswith("Import 1 is taken back: 1 people removed")
    for arguments, words in (
        (("import", "--undo", "1", "--yes"), "taken back already"),
        (("import", "calls.csv"), "name a file"),
        (("show", "#77"), "no customer #77"),
    ):
        with pytest.raises(OutreachError, match=words):
            _call(*arguments)
