"""Causes: cases that share words, and letters that say the truth to each."""

from __future__ import annotations

import pytest

from outreach.newsletter.campaign_file import parse_campaign
from outreach.plan.cause import CaseWords, content_words, likely_cases, plain, silent_letter, told_letter
from outreach.records import Kind


def test_words_are_compared_without_endings_and_without_what_everybody_says() -> None:
    assert content_words("The charging cables came loose, please help") == {"chargi", "cables", "came", "loose"}
    assert content_words("Hello, could you please...") == frozenset()


def test_a_case_that_shares_words_may_have_the_same_cause_the_likeliest_first() -> None:
    known = ["The charging cable comes loose", "my cable falls out of the charging port"]
    others = [
        CaseWords(1, "app", "The cable is loose when charging"),
        CaseWords(2, "app", "charging port: the cable falls out, it is loose"),
        CaseWords(3, "milk", "the milk is cold"),
        CaseWords(4, "app", "a cable for charging, what does it cost"),
        CaseWords(5, "milk", "a cable for charging, what does it cost"),
    ]
    found = likely_cases("app", known, others)
    assert [case for case, _ in found] == [2, 1, 4], "two words are enough only on the same topic"
    assert "cable" in found[0][1]
    assert likely_cases("app", known, others, most=1) == found[:1]


@pytest.mark.parametrize("language", ["en", "de", "fr", "de-AT"])
def test_letters_are_campaign_files_that_can_be_read(language: str) -> None:
    told = told_letter("loose-cable", 'The "cable" comes loose', "A clip: {{ 1 }}", "customers", "Acme", language)
    read = parse_campaign(told.text, "drafts/fixed.md")
    assert (read.name, read.kind, read.whom, read.list_name) == (
        "fixed-loose-cable",
        Kind.SERVICE,
        "told loose-cable",
        "customers",
    )
    assert ("fixed it" in read.subject) is (not language.startswith("de"))
    silent = silent_letter("loose-cable", "T", "F", 'model == "X2"', "customers", "Acme", language)
    read = parse_campaign(silent.text, "drafts/note.md")
    assert (read.kind, read.whom, read.segment) == (Kind.TIPS, "silent loose-cable", 'model == "X2"')
    assert "you told" not in silent.text.lower()
    assert "Sie haben uns" not in silent.text


def test_what_a_person_wrote_never_becomes_a_variable() -> None:
    assert plain("a {{ b }} {% c %}") == 'a {{ "{{" }} b {{ "}}" }} {{ "{%" }} c {{ "%}" }}'
