"""What a row of a file tells, in the forms in which people and networks write it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from outreach.errors import InputError, UsageError
from outreach.records import Channel
from outreach.replies.rows import RowFault, name_values, read_columns, read_moment, read_reach, read_row

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2026-11-30 10:00", "2026-11-30T09:00:00+00:00"),
        ("2026-11-30T10:00:00Z", "2026-11-30T10:00:00+00:00"),
        ("30.11.2026 10:00 Uhr", "2026-11-30T09:00:00+00:00"),
        ("30/11/2026, 10:00 pm", "2026-11-30T21:00:00+00:00"),
        ("11/30/2026", "2026-11-29T23:00:00+00:00"),
        ("5.4.2026", "2026-04-04T22:00:00+00:00"),
        ("Mon, 30 Nov 2026 10:00:00 +0000", "2026-11-30T10:00:00+00:00"),
        ("Mon Nov 30 10:00:00 +0000 2026", "2026-11-30T10:00:00+00:00"),
        ("1796032800", "2026-11-30T10:00:00+00:00"),
        ("1796032800000", "2026-11-30T10:00:00+00:00"),
    ],
)
def test_instants_are_read_in_many_forms(cell: str, expected: str) -> None:
    assert read_moment(cell, ZoneInfo("Europe/Berlin")).isoformat() == expected


@pytest.mark.parametrize("cell", ["04/05/2026", "soon", "31.02.2026", "2026", "0001-01-01T00:00+14:00", "25:00"])
def test_what_is_no_instant_or_may_be_two_is_refused(cell: str) -> None:
    with pytest.raises(RowFault):
        read_moment(cell, UTC)


@pytest.mark.parametrize(
    ("cell", "reach"),
    [("", 0), ("1200", 1200), ("1,200", 1200), ("1.200.000", 1_200_000), ("1.2K", 1200), ("1,5 Mio.", 1_500_000),
     ("3m", 3_000_000), ("9999999999999999", 2_000_000_000)],
)  # fmt: skip
def test_reach_is_read_as_people_write_it(cell: str, reach: int) -> None:
    assert read_reach(cell) == reach


@pytest.mark.parametrize(
    ("row", "channel", "network"),
    [
        ({"channel": "Anruf"}, Channel.PHONE, ""),
        ({"channel": "Twitter"}, Channel.MENTION, "x"),
        ({"channel": "reddit"}, Channel.FORUM, "reddit"),
        ({"channel": "review", "network": "Trustpilot"}, Channel.MENTION, "trustpilot"),
        ({"handle": "ann", "link": "https://bsky.app/p/1"}, Channel.MENTION, "bluesky"),
        ({"phone": "anonym"}, Channel.PHONE, ""),
        ({}, Channel.FORM, ""),
    ],
)
def test_the_way_it_came_is_read_or_seen_from_what_is_told(row: dict[str, str], channel: Channel, network: str) -> None:
    told = read_row({"text": "x", **row}, now=NOW, zone=UTC)
    assert (told.channel, told.network, told.phone) == (channel, network, "")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"text": " "}, "no text"),
        ({"text": "x", "phone": "abc"}, "'abc' is no phone number"),
        ({"text": "x", "channel": "smoke"}, "'smoke' is no channel"),
        ({"text": "x", "reach": "many"}, "'many' is no number"),
        ({"text": "x", "at": "2026-12-02"}, "lies in the future"),
    ],
)
def test_a_row_is_refused_with_its_reason(row: dict[str, str], words: str) -> None:
    with pytest.raises(RowFault, match=words):
        read_row(row, now=NOW, zone=UTC)


def test_columns_are_known_mapped_left_out_or_kept() -> None:
    headings = ["Betreff", "Nachricht", "E-Mail", "Filiale", "Was gesagt"]
    assert read_columns(headings, {}, file="f") == ["subject", "text", "from", ".filiale", ".was_gesagt"]
    mapped = read_columns(headings, {"was GESAGT": "text", "E-Mail": "-"}, file="f")
    assert mapped == ["subject", ".nachricht", "-", ".filiale", "text"]
    with pytest.raises(InputError, match="no column holds the text"):
        read_columns(["a", "b"], {}, file="f")
    with pytest.raises(UsageError, match="no column 'c'"):
        read_columns(["text"], {"c": "at"}, file="f")
    with pytest.raises(UsageError, match="there is no sound"):
        read_columns(["text"], {"text": "sound"}, file="f")


def test_objects_inside_an_object_are_looked_into() -> None:
    value = {"content": "x", "account": {"acct": "ann@a.example", "bot": False}, "tags": ["a"], "lang": "en"}
    assert name_values(value, {}) == ({"text": "x", "handle": "ann@a.example"}, {"lang": "en"})


def test_one_id_is_one_message_and_so_are_the_same_words_at_one_time() -> None:
    def identity(number: int = 0, file: str = "a.csv", **row: str) -> bytes:
        return read_row(row, now=NOW, zone=UTC).identity(file, number)

    assert identity(text="x", id="7") == identity(text="edited", id="7", file="b.csv")
    assert identity(text="x", at="2026-11-30") == identity(text="x", at="2026-11-30", file="b.csv", reach="9")
    assert identity(text="x") != identity(text="x", file="b.csv")
    assert len({identity(text="x"), identity(1, text="x"), identity(text="x", phone="030 123456")}) == 3
