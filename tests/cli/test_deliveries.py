"""`outreach deliveries` as a person and as a script use it, and what `verify` says of doubts."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from outreach.address import message_id
from outreach.cli.delivery_views import SHOWN
from outreach.records import Delivery, DeliveryState
from outreach.store.slices import note_slice
from outreach.work.presence import Presence
from outreach.work.workspace import Workspace

from ..store.rows import delivery, lay_edition
from ..work.logging_relay import RelayLog
from .inside import outreach

People = Callable[..., int]


@pytest.fixture
def doubted(workspace: Workspace, make_customer: People) -> list[str]:
    """The Message-IDs of three mails; the first is sent, the others are in doubt."""
    lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(3)])
    now = workspace.clock()
    with workspace.database.write() as session:
        doubt = {"state": DeliveryState.IN_DOUBT, "intent_at": now, "relay": "mx.acme.example:25"}
        session.connection().execute(update(Delivery).values(**doubt))
        sent = {"state": DeliveryState.SENT, "sent_at": now, "settled_at": now, "response": "250 ok", "attempts": 1}
        session.connection().execute(update(Delivery).where(col(Delivery.id) == 1).values(**sent))
    return [message_id(delivery(workspace, number).public_id, workspace.sender_domain) for number in (1, 2, 3)]


def read(root: Path, *words: str) -> Any:
    done = outreach(root, *words, "--json")
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout)


def test_verify_lists_who_is_in_doubt_with_what_finds_them_and_the_command(
    workspace: Workspace, doubted: list[str]
) -> None:
    done = outreach(workspace.root, "verify", "news")
    assert done.returncode == 3
    for words in (*doubted[1:], "mx.acme.example:25", "2026-12-01 10:00:00 UTC", "deliveries resolve --maillog"):
        assert words in done.stdout
    [one] = read(workspace.root, "verify", "news")
    assert [row["message_id"] for row in one["in_doubt"]] == doubted[1:]
    assert one["onward"] == {"handed_over": 1, "accepted": 0, "deferred": 0, "bounced": 0, "unknown": 1}


@pytest.mark.parametrize("words", [["verify", "news"], ["deliveries", "resolve", "--maillog", "mail.log"]])
def test_what_a_killed_process_had_in_hand_is_in_doubt_for_whoever_asks_next(
    workspace: Workspace, doubted: list[str], words: list[str]
) -> None:
    """Nobody has to send first: right after the crash the account said that all was well, and exited with 0."""
    with Presence(workspace.root, "send-that-died") as presence:
        presence.keep_file()
    later = workspace.clock() + timedelta(minutes=10)
    held = {"state": DeliveryState.INFLIGHT, "owner": "send-that-died", "lease_until": later, "attempts": 0}
    with workspace.database.write() as session:
        session.connection().execute(update(Delivery).where(col(Delivery.id) == 2).values(**held))
        if not workspace.database.is_sqlite:
            note_slice(session, "send-that-died", [2])  # as its claim had
    (workspace.root / "mail.log").write_text("")
    done = outreach(workspace.root, *words[:-1], str(workspace.root / words[-1]) if "." in words[-1] else words[-1])
    assert (done.returncode, doubted[1] in done.stdout) == (3, True), done.stdout + done.stderr
    row = delivery(workspace, 2)
    assert (row.state, row.attempts) == (DeliveryState.IN_DOUBT, 1)


def test_a_log_settles_them_and_verify_then_tells_two_columns(
    workspace: Workspace, doubted: list[str], tmp_path: Path
) -> None:
    log = RelayLog(workspace, workspace.clock())
    for number in (1, 2, 3):
        log.answered(log.taken(delivery(workspace, number)), f"p{number - 1}@example.com")
    first = log.write(tmp_path / "mail.log")
    done = outreach(workspace.root, "deliveries", "resolve", "--maillog", str(first), str(first), "--zone", "UTC")
    assert (done.returncode, "Settled: 2 sent" in done.stdout) == (0, True), done.stdout + done.stderr
    done = outreach(workspace.root, "verify", "news")
    assert done.returncode == 0
    assert "3 handed over to the relay; accepted by the next server: 3" in done.stdout
    told = read(workspace.root, "deliveries", "resolve", "--maillog", str(first), "--zone", "UTC")
    assert (told["settled"], told["onward"], told["in_doubt"]) == ({"sent": 0, "failed": 0}, {}, [])


def test_by_hand_and_in_bulk_after_a_count_and_a_yes(workspace: Workspace, doubted: list[str]) -> None:
    root = workspace.root
    one = outreach(root, "deliveries", "resolve", doubted[1], "--sent", "--because", "she told me")
    assert (one.returncode, "1 settled" in one.stdout) == (0, True)
    asked = outreach(root, "deliveries", "resolve", "--campaign", "news", "--all", "--resend", "--because", "lost")
    assert asked.returncode == 3
    assert "1 mail is in doubt in news. Who had got it gets it twice." in asked.stdout
    assert delivery(workspace, 3).state is DeliveryState.IN_DOUBT
    done = outreach(root, "deliveries", "resolve", "--campaign", "news", "--all", "--resend", "--because", "x", "--yes")
    assert done.returncode == 0
    assert delivery(workspace, 3).state is DeliveryState.QUEUED
    again = outreach(root, "deliveries", "resolve", doubted[1], "--failed", "--because", "x")
    assert (again.returncode, "it is sent, not in doubt" in again.stdout) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["1"], "say what became of them"),
        (["1", "--sent", "--failed"], "say what became of them"),
        (["1", "--sent"], "say how you know"),
        (["--sent", "--because", "x"], "say which"),
        (["--all", "--sent", "--because", "x"], "say which"),
        (["1", "--campaign", "news", "--all", "--sent", "--because", "x"], "say which"),
        (["--campaign", "other", "--all", "--sent", "--because", "x"], "no campaign called other"),
        (["77", "--sent", "--because", "x"], "no delivery of ours"),
        (["--maillog", "x", "--sent"], "settles by what the log proves"),
        (["--maillog", "x", "--zone", "Mars"], "is no time zone"),
    ],
)
def test_what_cannot_be_meant_is_told(workspace: Workspace, doubted: list[str], words: list[str], said: str) -> None:
    done = outreach(workspace.root, "deliveries", "resolve", *words)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_a_missing_log_is_an_error_and_doubts_that_stay_need_a_person(
    workspace: Workspace, doubted: list[str], tmp_path: Path
) -> None:
    done = outreach(workspace.root, "deliveries", "resolve", "--maillog", "missing.log")
    assert (done.returncode, "cannot be read" in done.stderr) == (1, True)
    (tmp_path / "empty.log").write_text("")
    done = outreach(workspace.root, "deliveries", "resolve", "--maillog", str(tmp_path / "empty.log"))
    assert (done.returncode, "2 stay in doubt" in done.stdout) == (3, True)


def test_complete_is_true_of_one_relays_log_only(workspace: Workspace, doubted: list[str], tmp_path: Path) -> None:
    with workspace.database.write() as session:
        session.connection().execute(update(Delivery).where(col(Delivery.id) == 3).values(relay="other:25"))
    (tmp_path / "mail.log").write_text("")
    done = outreach(workspace.root, "deliveries", "resolve", "--maillog", str(tmp_path / "mail.log"), "--complete")
    assert (done.returncode, "--relay mx.acme.example:25 or --relay other:25" in done.stderr) == (2, True)


def test_a_complete_logs_command_names_every_mail_that_is_not_in_it(
    workspace: Workspace, make_customer: People, tmp_path: Path
) -> None:
    """It named fifty, and said that they were all."""
    lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(SHOWN + 3)])
    now = datetime.now(UTC) - timedelta(hours=3)
    with workspace.database.write() as session:
        doubt = {"state": DeliveryState.IN_DOUBT, "intent_at": now, "relay": "mx.acme.example:25"}
        session.connection().execute(update(Delivery).values(**doubt))
    log = RelayLog(workspace, now - timedelta(hours=1))
    log.say("qmgr", "daemon started")
    log.at = now + timedelta(hours=1)
    log.say("qmgr", "reload")
    file = log.write(tmp_path / "mail.log")
    done = outreach(workspace.root, "deliveries", "resolve", "--maillog", str(file), "--complete", "--zone", "UTC")
    assert done.returncode == 3 and "… and 3 more" in done.stdout
    [command] = [line for line in done.stdout.splitlines() if "--resend" in line]
    assert command.split("resolve ")[1].split(" --resend")[0].split() == [str(n + 1) for n in range(SHOWN + 3)]


def test_lists_filter_and_say_when_there_are_more(workspace: Workspace, doubted: list[str]) -> None:
    root = workspace.root
    assert len(read(root, "deliveries", "list", "news")) == 3
    assert [row["id"] for row in read(root, "deliveries", "list", "news", "--state", "in_doubt")] == [2, 3]
    assert read(root, "deliveries", "list", "news", "--since", "2026-12-02") == []
    assert len(read(root, "deliveries", "list", "news", "--since", "2026-12-01T09:00+00:00")) == 3
    assert read(root, "deliveries", "list", "news", "--edition", "2") == []
    done = outreach(root, "deliveries", "list", "news", "--limit", "2")
    assert "more than these 2" in done.stdout
    for words in (["news", "--state", "x"], ["other"], ["news", "--since", "soon"]):
        assert outreach(root, "deliveries", "list", *words).returncode == 2


def test_the_story_of_a_mail_is_told_by_address_number_and_message_id(workspace: Workspace, doubted: list[str]) -> None:
    root = workspace.root
    for what in ("p0@example.com", "1", doubted[0], doubted[0].strip("<>")):
        [story] = read(root, "deliveries", "show", what, "news")
        assert (story["id"], story["message_id"]) == (1, doubted[0])
        assert [line["what"] for line in story["history"]] == ["planned", "handed over"]
    done = outreach(root, "deliveries", "show", "1")
    assert "handed over" in done.stdout
    assert outreach(root, "deliveries", "show", "nobody@example.com").returncode == 2
    assert outreach(root, "deliveries", "show", "no address").returncode == 1
