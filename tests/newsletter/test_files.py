"""What a marketer writes, read; and what is wrong with it, said with file and line."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.errors import InputError
from outreach.newsletter.campaign_file import parse_campaign
from outreach.newsletter.tip_file import parse_tip
from outreach.records import Kind

CAMPAIGN = """---
subject: "Hello {{ first_name or 'there' }}: tips"
from: Acme Care <care@acme.example>
list: customers
kind: tips
topics: [charging, noise]
schedule: every tuesday at 09:00
tips: 2
---

Hello,
this is it.
"""


def test_a_campaign_is_read_with_the_lines_of_its_parts() -> None:
    found = parse_campaign(CAMPAIGN, "campaigns/Tips-1.md")
    assert (found.name, found.kind, found.template, found.list_name) == ("tips-1", Kind.TIPS, "tips", "customers")
    assert found.subject == "Hello {{ first_name or 'there' }}: tips"
    assert (found.topics, found.tips, found.missed, found.segment) == (("charging", "noise"), 2, "", "")
    assert found.body == "Hello,\nthis is it.\n" and found.body_line == 11
    assert found.lines["kind"] == 5


SUBJECT = "\"Hello {{ first_name or 'there' }}: tips\""


@pytest.mark.parametrize(
    "words", ["12:30", "Yes", "3.10", "007", "2026-12-01", "1_000", "We're No.#1", "Tip 'A' & \"B\""]
)
def test_a_subject_is_read_as_it_is_written(words: str) -> None:
    found = parse_campaign(CAMPAIGN.replace(SUBJECT, f"{words}  \npreheader: {words}"), "tips.md")
    assert (found.subject, found.preheader) == (words, words)
    assert parse_tip(f"---\ntitle: {words}\ntopics: [a]\n---\nText.\n", "a.md").texts["en"].title == words


@pytest.mark.parametrize("key", ["subject", "preheader"])
def test_a_subject_that_a_comment_would_cut_short_is_refused(key: str) -> None:
    text = CAMPAIGN.replace(SUBJECT, f"Tips\n{key}: Tip #3, clean the filter")
    text = text.replace("subject: Tips\n", "", 1) if key == "subject" else text
    with pytest.raises(InputError) as wrong:
        parse_campaign(text, "tips.md")
    assert f"{key}: what follows # is a comment" in wrong.value.message and wrong.value.remedy.startswith("Put it in")
    assert "Tip #3, clean the filter" in str(wrong.value)
    text = CAMPAIGN.replace("kind: tips", "kind: tips # ours").replace(SUBJECT, "'Tip #3' # the third")
    assert parse_campaign(text, "tips.md").subject == "Tip #3"


def test_a_byte_order_mark_and_windows_lines_change_nothing() -> None:
    found = parse_campaign("\ufeff" + CAMPAIGN.replace("\n", "\r\n"), "tips.md")
    assert (found.body, found.body_line) == ("Hello,\nthis is it.\n", 11)


@pytest.mark.parametrize(
    ("before", "after", "line", "words"),
    [
        ("kind: tips", "kind: tipps", 5, "no kind"),
        ("kind: tips", "kind: service", 5, "whom:"),
        ("subject:", "subjekt:", 2, "Did you mean subject"),
        ("list: customers\n", "", 1, "list: is missing"),
        ("tips: 2", "tips: many", 8, "from 0 to 12"),
        ("tips: 2", "subject: Another", 8, "stands twice, in line 2 too"),
        ("from: Acme Care <care@acme.example>", "from: Acme Care", 3, "no e-mail address"),
        ("list: customers", "list: [a, {b: c}]", 4, "one line of text"),
        ("list: customers", "list: a: b", 4, "not valid YAML"),
        ("list: customers", "list: 2026-13-01", 4, "there is no such date: month must be in 1..12"),
        ("list: customers", "list: customers\nmissed: maybe", 5, "none of send"),
        ("list: customers", "list: customers\nname: 'Ä b'", 5, "cannot be a name"),
        ("\"Hello {{ first_name or 'there' }}: tips\"", "{{ first_name }} hello", 2, "quotes"),
    ],
)
def test_a_fault_in_front_matter_names_file_line_and_remedy(before: str, after: str, line: int, words: str) -> None:
    assert before in CAMPAIGN
    with pytest.raises(InputError) as told:
        parse_campaign(CAMPAIGN.replace(before, after), "tips.md")
    assert str(told.value).startswith(f"tips.md:{line}:"), str(told.value)
    assert words in str(told.value)


@pytest.mark.parametrize("text", ["", "Hello", "---\nsubject: x\n", "\n\n# Title\n---\n", "---\n- a\n- b\n---\nx"])
def test_a_file_without_front_matter_says_how_to_begin(text: str) -> None:
    with pytest.raises(InputError, match=r"tips\.md:\d"):
        parse_campaign(text, "tips.md")


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=300), st.text(max_size=100))
def test_whatever_is_in_a_file_there_is_a_campaign_or_an_input_error(front: str, body: str) -> None:
    for text in (front, f"---\n{front}\n---\n{body}", f"---\nsubject: {front}\nlist: a\n---\n{body}"):
        try:
            assert parse_campaign(text, "tips.md").list_name
        except InputError as wrong:
            assert "tips.md" in str(wrong)


TIP = """---
title: Clean the filter
topics: filters, noise
valid_from: 2026-01-01
valid_until: 2026-12-31
languages: [en, de]
position: 20
---
Do it *monthly*.

=== de: Filter reinigen

Monatlich: gut.
"""


def test_a_tip_is_read_in_all_its_languages() -> None:
    tip = parse_tip(TIP, "tips/filter.md")
    assert (tip.name, tip.topics, tip.position) == ("filter", ("filters", "noise"), 20)
    assert list(tip.texts) == ["en", "de"]
    assert (tip.texts["en"].title, tip.texts["en"].body, tip.texts["en"].line) == (
        "Clean the filter",
        "Do it *monthly*.\n",
        9,
    )
    assert (tip.texts["de"].title, tip.texts["de"].body, tip.texts["de"].line) == (
        "Filter reinigen",
        "Monatlich: gut.\n",
        13,
    )
    assert tip.valid_from == datetime(2026, 1, 1, tzinfo=UTC)
    assert tip.valid_until == datetime(2027, 1, 1, tzinfo=UTC), "the last day counts whole"
    there = parse_tip(TIP.replace("2026-01-01", "2026-01-01 09:00"), "f.md", zone=ZoneInfo("Asia/Tokyo"))
    assert there.valid_from == datetime(2026, 1, 1, tzinfo=UTC)
    assert there.valid_until == datetime(2026, 12, 31, 15, tzinfo=UTC)
    own = parse_tip(TIP.replace("2026-01-01", "2026-01-01T09:00:00+02:00"), "f.md", zone=ZoneInfo("Asia/Tokyo"))
    assert own.valid_from == datetime(2026, 1, 1, 7, tzinfo=UTC)


def test_a_tip_that_names_no_language_is_in_the_workspaces() -> None:
    tip = parse_tip("---\ntitle: Warm\n---\nKeep warm.\n", "warm.md", language="fr")
    assert list(tip.texts) == ["fr"] and tip.position is None


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("languages: [en, de]", "languages: [en, fr]", "names en, fr"),
        ("=== de: Filter reinigen", "=== en: Again", "stands twice"),
        ("=== de: Filter reinigen", "=== de:", "no title"),
        ("Monatlich: gut.", "", "is empty"),
        ("valid_from: 2026-01-01", "valid_from: soon", "no date"),
        ("position: 20", "position: first", "whole number"),
        ("title: Clean the filter", "", "title: is missing"),
    ],
)
def test_a_fault_in_a_tip_is_told(before: str, after: str, words: str) -> None:
    with pytest.raises(InputError) as told:
        parse_tip(TIP.replace(before, after), "filter.md")
    assert words in str(told.value) and str(told.value).startswith("filter.md:")
