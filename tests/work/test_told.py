"""Calls, letters, mentions and files of messages are taken like any mail."""

from __future__ import annotations

import json
import mailbox
import os
from dataclasses import replace
from pathlib import Path

import pytest

from outreach.errors import InputError
from outreach.records import Category, Channel, ClueKind, SubscriptionState
from outreach.store.consents import subscriptions_of
from outreach.work.collect import read_stored
from outreach.work.read import read_inbound
from outreach.work.reply_files import Wishes, import_file
from outreach.work.told import log_message, read_when
from outreach.work.workspace import Workspace

from ..conftest import MakeCustomer
from .replying import inbound, inbounds


def told(workspace: Workspace, channel: Channel, **what: object):  # type: ignore[no-untyped-def]
    number = log_message(workspace, channel, what)
    assert number is not None
    read_inbound(workspace, number)
    return inbound(workspace, number)


def test_a_call_is_matched_by_the_number_however_it_is_written(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com", phone="+491701234567")
    make_customer("bob@example.com", phone="+491707654321")
    for number in ("+49 170 1234567", "0049 170 1234567", "0170/123 45 67"):
        got = told(workspace, Channel.PHONE, text="The pump is broken again, unacceptable!", phone=number)
        assert (got.customer_id, got.clue, got.category) == (ann, ClueKind.PHONE, Category.COMPLAINT), number
    assert got.case_id is not None


def test_a_mention_is_matched_by_the_handle(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann = make_customer("ann@example.com", handle="ann_makes")
    got = told(workspace, Channel.MENTION, text="Great tip, thanks", handle="@Ann_Makes", reach=1200, link="https://x")
    assert (got.customer_id, got.clue, got.reach, got.link) == (ann, ClueKind.HANDLE, 1200, "https://x")


def test_the_customer_that_a_person_named_wins(workspace: Workspace, make_customer: MakeCustomer) -> None:
    make_customer("ann@example.com", phone="+491701234567")
    bob = make_customer("bob@example.com")
    got = told(workspace, Channel.PHONE, text="Hello?", phone="+491701234567", customer="bob@example.com")
    assert (got.customer_id, got.clue) == (bob, ClueKind.PERSON)


def test_a_number_of_two_people_is_nobodys(workspace: Workspace, make_customer: MakeCustomer) -> None:
    make_customer("ann@example.com", phone="+491701234567")
    make_customer("bob@example.com", phone="+491701234567")
    assert told(workspace, Channel.PHONE, text="Hello?", phone="+491701234567").customer_id is None


def test_a_letter_may_unsubscribe(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann = make_customer("ann@example.com")
    told(workspace, Channel.LETTER, text="Please remove me from your mailing list.", customer="ann@example.com")
    with workspace.database.read() as session:
        assert subscriptions_of(session, ann)[0].state is SubscriptionState.UNSUBSCRIBED


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({}, "no text"),
        ({"text": "x", "phone": "abc"}, "no phone number"),
        ({"text": "x", "reach": "many"}, "no number"),
    ],
)
def test_what_cannot_be_taken_down_says_why(workspace: Workspace, what: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        log_message(workspace, Channel.PHONE, what)


def test_a_time_without_a_zone_is_in_the_workspaces(workspace: Workspace) -> None:
    assert read_when("2026-12-01 14:30", workspace).isoformat() == "2026-12-01T14:30:00+00:00"
    with pytest.raises(InputError, match="no date"):
        read_when("yesterday", workspace)


MAIL = b"From: ann@example.com\nSubject: hi\nMessage-ID: <%d@x>\n\nThe lid is broken, I am disappointed.\n"


def test_mails_as_eml_mbox_and_folder(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "one.eml").write_bytes(MAIL % 1)
    assert import_file(workspace, tmp_path / "one.eml").stored == 1
    box = mailbox.mbox(tmp_path / "box")
    for number in (2, 3):
        box.add(MAIL % number)
    box.flush()
    assert import_file(workspace, tmp_path / "box").stored == 2
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "four.eml").write_bytes(MAIL % 4)
    (folder / "again.eml").write_bytes(MAIL % 1)
    counts = import_file(workspace, folder)
    assert (counts.found, counts.stored, counts.known) == (2, 1, 1)
    assert read_stored(workspace) == 4


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_csv_with_other_headings_and_encodings(workspace: Workspace, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(
        'Kanal;Datum;Absender;Nachricht\nphone;2026-11-30 10:00;ann@example.com;"Müll, schon\nwieder"\n'.encode(
            encoding
        )
    )
    counts = import_file(workspace, path)
    assert (counts.found, counts.stored, counts.faults) == (1, 1, [])
    read_stored(workspace)
    with workspace.database.read() as session:
        got = inbounds(session)[0]
    assert (got.channel, got.text, got.received_at.isoformat()) == (
        Channel.PHONE,
        "Müll, schon\nwieder",
        "2026-11-30T10:00:00+00:00",
    )
    assert import_file(workspace, path).known == 1


def test_bad_rows_are_told_and_good_ones_taken(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("text,channel,at\nfine,mention,\n,mention,\nno,smoke,\nlate,form,someday\n", encoding="utf-8")
    counts = import_file(workspace, path)
    assert (counts.found, counts.stored) == (4, 1)
    assert [row for row, _ in counts.faults] == [3, 4, 5]


def test_json_lines_and_a_json_list(workspace: Workspace, tmp_path: Path) -> None:
    rows = [{"text": "one", "handle": "@a", "id": 1}, {"message": "two", "phone": "+49 170 1234567"}]
    lines = tmp_path / "m.jsonl"
    lines.write_text("\n".join([*map(json.dumps, rows), "{broken", '"a word"']), encoding="utf-8")
    counts = import_file(workspace, lines)
    assert (counts.stored, [row for row, _ in counts.faults]) == (2, [3, 4])
    whole = tmp_path / "m.json"
    whole.write_text(json.dumps(rows), encoding="utf-8")
    again = import_file(workspace, whole)
    assert (again.stored, again.known) == (1, 1), "the one with an id is known, the other may be another's words"
    with workspace.database.read() as session:
        assert [one.channel for one in inbounds(session)][:2] == [Channel.MENTION, Channel.PHONE]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.csv", b"name,channel\nx,phone\n", "no column holds the text"),
        ("a.csv", b"PK\x03\x04rest", "not CSV"),
        ("a.json", b"[{", "not valid JSON"),
        ("a.bin", b"\x00\x01\x02", "no mail, mbox, CSV or JSON-lines"),
        ("", b"", "no .eml files"),
    ],
)
def test_files_of_another_kind_are_refused(
    workspace: Workspace, tmp_path: Path, name: str, data: bytes, words: str
) -> None:
    path = tmp_path / "given" / name if name else tmp_path / "given"
    (tmp_path / "given").mkdir()
    if name:
        path.write_bytes(data)
    with pytest.raises(InputError, match=words):
        import_file(workspace, path)


def test_text_that_no_database_can_hold_is_taken_without_what_is_no_text(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "odd.jsonl"
    file.write_text('{"text": "half \\ud800 a character", "from": "a@b.example"}\n{"text": "nul \\u0000 here"}\n')
    assert import_file(workspace, file).stored == 2
    read_stored(workspace)
    with workspace.database.read() as session:
        kept = inbounds(session)
    assert sorted(one.text for one in kept) == ["half ? a character", "nul \ufffd here"]


@pytest.mark.parametrize("when", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "soon"])
def test_an_instant_that_no_calendar_of_ours_has_is_refused(workspace: Workspace, when: str) -> None:
    with pytest.raises(InputError, match="no date and time"):
        read_when(when, workspace)


def test_a_file_read_again_grown_or_turned_round_adds_only_what_is_new(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    head, rows = "text,at,phone\n", [f"call {n},2026-11-30 10:0{n},+49 170 123456{n}\n" for n in range(5)]
    path.write_text(head + "".join([*rows, rows[0]]), encoding="utf-8")
    first = import_file(workspace, path)
    assert (first.found, first.stored) == (6, 6), "two callers may say the same"
    path.write_text(head + "new,2026-11-30 11:00,\n" + "".join([rows[0], *reversed(rows)]), encoding="utf-8")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    again = import_file(workspace, path)
    assert (again.found, again.stored, again.known) == (7, 1, 6)


def test_a_dry_run_counts_the_same_and_writes_nothing(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("Was gesagt,Wann\nno water,2026-11-30\n,\nno water,2026-11-30\n", encoding="utf-8")
    wishes = Wishes({"Was gesagt": "text", "wann": "at"}, Channel.PHONE, dry_run=True)
    dry = import_file(workspace, path, wishes)
    assert (dry.found, dry.stored, dry.invalid, dry.rejects) == (2, 2, 0, "")
    assert sorted(tmp_path.glob("*.rejects*")) == []
    with workspace.database.read() as session:
        assert inbounds(session) == []
    real = import_file(workspace, path, replace(wishes, dry_run=False))
    assert (real.stored, import_file(workspace, path, wishes).known) == (2, 2)
    with workspace.database.read() as session:
        assert {one.channel for one in inbounds(session)} == {Channel.PHONE}


def test_refused_rows_are_set_aside_and_can_be_mended(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text("text;channel;reach\nfine;mention;1.2K\nbad;smoke;5\n;mention;\n", encoding="utf-8")
    counts = import_file(workspace, path)
    assert (counts.stored, counts.invalid) == (1, 2)
    kept = (tmp_path / "m.rejects.csv").read_text(encoding="utf-8-sig")
    assert kept.splitlines()[1].startswith("3;\"'smoke' is no channel")
    (tmp_path / "m.rejects.csv").write_text(kept.replace("bad;smoke", "bad;phone"), encoding="utf-8")
    assert import_file(workspace, tmp_path / "m.rejects.csv").stored == 1
    lines = tmp_path / "m.jsonl"
    lines.write_text('{"text": "late", "at": "03/04/2026"}\n{broken\n', encoding="utf-8")
    import_file(workspace, lines)
    refused = [json.loads(line) for line in (tmp_path / "m.rejects.jsonl").read_text().splitlines()]
    assert refused[0]["reject_reason"] == "'03/04/2026' may be two days: write 2026-MM-DD"
    assert (refused[0]["text"], refused[1]["reject_row"], refused[1]["reject_line"]) == ("late", 2, "{broken")


def test_a_row_of_a_mail_becomes_a_mail(workspace: Workspace, make_customer: MakeCustomer, tmp_path: Path) -> None:
    ann = make_customer("ann@example.com")
    path = tmp_path / "old.csv"
    path.write_text(
        'channel,from,name,subject,text,date\nemail,ann@example.com,"Ann, B",Pump,"It broke, I am angry\n> old",'
        '"Mon, 30 Nov 2026 10:00:00 +0100"\n',
        encoding="utf-8",
    )
    import_file(workspace, path)
    read_stored(workspace)
    with workspace.database.read() as session:
        got = inbounds(session)[0]
    assert (got.channel, got.customer_id, got.sender_name, got.subject) == (Channel.EMAIL, ann, "Ann, B", "Pump")
    assert (got.text, got.received_at.isoformat()) == ("It broke, I am angry", "2026-11-30T09:00:00+00:00")


def test_what_networks_export_is_understood(workspace: Workspace, tmp_path: Path) -> None:
    post = {"id": "1", "created_at": "Mon Nov 30 10:00:00 +0000 2026", "full_text": "broken",
            "user": {"screen_name": "Ann", "followers_count": 1200, "name": "Ann B"}}  # fmt: skip
    share = post | {"id": "2", "full_text": "RT @Ann: broken", "user": {"screen_name": "bob"},
                    "retweeted_status": {"user": {"screen_name": "Ann"}}}  # fmt: skip
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(map(json.dumps, [post, share])), encoding="utf-8")
    assert import_file(workspace, path, Wishes(channel=Channel.MENTION)).faults == []
    with workspace.database.read() as session:
        first, second = inbounds(session)
    assert (first.handle, first.reach, first.received_at.hour) == ("ann", 1200, 10)
    assert (second.handle, second.repost_of) == ("bob", "ann")
