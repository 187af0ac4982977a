"""The demo is the whole loop: run as a user runs it, its figures checked against what the servers themselves kept."""

from __future__ import annotations

import json
import mailbox
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from outreach.cli.demo.voices import voices_of


def run_demo(folder: Path, *options: str) -> Any:
    command = [sys.executable, "-m", "outreach", "demo", str(folder), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return run_demo(tmp_path_factory.mktemp("demo") / "acme")


def rows(demo: Any, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(Path(demo["folder"]) / "outreach.db") as connection:
        return connection.execute(query).fetchall()


def test_every_planned_recipient_is_accounted_for(demo: Any) -> None:
    assert demo["sound"]
    assert len(demo["accounts"]) == 3
    for account in demo["accounts"]:
        assert sum(account["states"].values()) == account["planned"] == demo["imported"]["created"]


def test_the_mail_server_got_each_message_once(demo: Any) -> None:
    log = [json.loads(line) for line in (Path(demo["folder"]) / "mail" / "catcher.log").read_text().splitlines()]
    outgoing = [line["message_id"] for line in log if line["box"] != "inbox"]
    assert len(outgoing) == len(set(outgoing))
    (sent,) = rows(demo, "SELECT count(*) FROM delivery WHERE state = 'sent'")
    assert len(outgoing) == sent[0]


def test_what_people_said_was_read_as_what_they_meant(demo: Any) -> None:
    answered, read = demo["answered"], demo["categories"]
    assert read["complaint"] >= 0.8 * answered["complaint"]
    assert read["question"] >= 0.8 * answered["question"]
    assert read["unsubscribe"] == answered["unsubscribe_words"]
    assert demo["machine"]["auto_reply"] == answered["out_of_office"]
    assert demo["machine"]["bounce"] == demo["machine"]["abuse_report"] == 1
    assert len(voices_of("complaint")) == answered["complaint"]


def test_every_reply_was_matched_to_its_writer(demo: Any) -> None:
    assert rows(demo, "SELECT count(*) FROM inbound WHERE machine = 'human' AND customer_id IS NULL") == [(0,)]


def test_nobody_with_an_open_complaint_got_the_news(demo: Any) -> None:
    held = rows(
        demo,
        "SELECT count(*) FROM delivery d JOIN campaign c ON c.id = d.campaign_id JOIN case_file f USING (customer_id)"
        " WHERE c.name = 'news' AND d.state = 'sent' AND f.category = 'complaint'",
    )
    assert held == [(0,)]
    assert any("complaint" in row["reason"] and row["people"] for row in demo["withheld"])


def test_who_left_got_nothing_afterwards(demo: Any) -> None:
    late = rows(
        demo,
        "SELECT count(*) FROM consent s JOIN delivery d USING (customer_id)"
        " WHERE s.act = 'withdrawn' AND d.state = 'sent' AND d.sent_at > s.at AND d.kind != 'service'",
    )
    assert late == [(0,)]


def test_the_second_issue_begins_with_what_people_had_written_about(demo: Any) -> None:
    assert demo["changed"] > 0
    boosted = rows(
        demo,
        "SELECT d.choices, b.topic FROM delivery d JOIN boost b USING (customer_id)"
        " WHERE b.used_at IS NOT NULL AND d.kind = 'tips' AND d.sent_at >= b.used_at",
    )
    topics = {name: json.loads(told) for name, told in rows(demo, "SELECT name, topics FROM tip")}
    assert boosted
    for choices, topic in boosted:
        assert any(topic in topics[name] for name in json.loads(choices)["tips"])


def test_who_joins_is_welcomed_and_who_wrote_is_invited_once_each(demo: Any) -> None:
    sent = "SELECT count(*), count(DISTINCT customer_id) FROM delivery d JOIN campaign c ON c.id = d.campaign_id"
    assert demo["welcome"] == {"mails": 6, "people": 3}
    assert rows(demo, f"{sent} WHERE c.name LIKE 'welcome/%' AND d.state = 'sent'") == [(6, 3)]
    invited, accepted = demo["seminar"]["invited"], demo["seminar"]["accepted"]
    assert invited > 10
    assert rows(demo, f"{sent} WHERE c.name = 'invitation' AND d.state = 'sent'") == [(invited, invited)]
    assert rows(demo, "SELECT count(*) FROM inbound WHERE machine = 'calendar'") == [(accepted,)]
    assert accepted == (invited + 1) // 2


def test_nobody_got_the_same_tip_twice(demo: Any) -> None:
    seen: dict[int, list[str]] = {}
    for customer, choices in rows(demo, "SELECT customer_id, choices FROM delivery WHERE state = 'sent'"):
        seen.setdefault(customer, []).extend(json.loads(choices).get("tips", []))
    assert all(len(tips) == len(set(tips)) for tips in seen.values())


def test_an_answer_hangs_in_the_customers_own_thread(demo: Any) -> None:
    box = mailbox.Maildir(Path(demo["folder"]) / "mail", create=False)
    answers = [mail for mail in box if mail["In-Reply-To"]]
    assert len(answers) == demo["cases"]
    for mail in answers:
        assert mail["List-Unsubscribe"] is None
        assert mail["In-Reply-To"] in mail["References"]


def test_the_page_shows_both_issues_and_asks_the_network_for_nothing(demo: Any) -> None:
    page = Path(demo["page"]).read_text(encoding="utf-8")
    assert page.count("<iframe") == 2
    assert "You wrote to us about descaling" in page
    outside = re.sub(r'srcdoc="[^"]*"', "", page)
    assert not re.search(r'(src|href)="?https?:', outside)
    assert "https://news.acme.example" not in Path(demo["report"]).read_text(encoding="utf-8")


@pytest.mark.long
def test_three_kills_in_the_middle_lose_nobody_and_write_to_nobody_twice(tmp_path: Path) -> None:
    crash = run_demo(tmp_path / "acme", "--crash")
    assert crash["kills"] == 3
    assert crash["twice"] == crash["lost"] == 0
    assert crash["in_doubt"] <= 12
    assert crash["planned"] == sum(crash["states"].values())


def test_a_folder_that_is_not_empty_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear aunt")
    command = [sys.executable, "-m", "outreach", "demo", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "not an empty folder" in done.stderr
