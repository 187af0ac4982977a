"""Real bounces that other people received, and the wordings of servers that we know, measured."""

from __future__ import annotations

import json

import pytest

from outreach.refusal import classify_refusal
from outreach.words import FailureClass, Machine

from .bounce_cases import CORPUS, Read, figures, flufl_samples, read_all, sisimai_samples


@pytest.fixture(scope="module")
def known() -> list[Read]:
    return read_all(flufl_samples())


@pytest.fixture(scope="module")
def unseen() -> list[Read]:
    return read_all(sisimai_samples())


def test_the_recipient_of_real_bounces_is_found_with_the_ledger_and_by_the_mail_alone(known: list[Read]) -> None:
    told = figures(known)
    assert told.samples == 111
    assert told.ledger >= 0.92, told
    assert told.alone >= 0.82, told


def test_the_recipient_is_found_in_bounces_that_nobody_looked_at_while_building(unseen: list[Read]) -> None:
    told = figures(unseen)
    assert told.samples == 307
    assert told.ledger >= 0.92, told
    assert told.alone >= 0.82, told


def test_of_bounces_held_to_be_a_bad_address_at_least_80_percent_are_by_another_programs_word(
    unseen: list[Read],
) -> None:
    assert figures(unseen).precision >= 0.80, figures(unseen)


def test_of_real_bounces_held_to_be_a_bad_address_at_least_80_percent_say_so(known: list[Read]) -> None:
    told = figures(known)
    assert told.precision >= 0.80, [one.sample.name for one in known if one.held_bad and not one.sample.bad]
    assert told.recall >= 0.80, [one.sample.name for one in known if one.sample.bad and not one.held_bad]


def test_at_least_95_percent_of_real_bounces_and_delays_are_known_as_such(
    known: list[Read], unseen: list[Read]
) -> None:
    kinds = [one.kind for one in (*known, *unseen)]
    assert sum(kind in (Machine.BOUNCE, Machine.DELAY) for kind in kinds) / len(kinds) >= 0.95


def wordings() -> list[dict[str, object]]:
    return [json.loads(line) for line in (CORPUS / "bounces.jsonl").read_text(encoding="utf-8").splitlines()]


def classes(lines: list[dict[str, object]]) -> list[tuple[str, str]]:
    """(what it means, what we take it for)."""
    return [
        (str(one["failure"]), classify_refusal(str(one["status"]), str(one["words"]), int(str(one["code"]))).value)
        for one in lines
    ]


def test_of_196_wordings_a_bad_address_is_rightly_found_in_at_least_95_of_100() -> None:
    told = classes(wordings())
    held = [meant for meant, taken in told if taken == "bad_address"]
    assert len(told) == 196
    assert held.count("bad_address") / len(held) >= 0.95
    assert sum(meant == taken for meant, taken in told) / len(told) >= 0.95


def test_no_policy_refusal_of_the_corpus_would_suppress_anybody() -> None:
    assert [one for one in classes(wordings()) if one[0] == "refused" and one[1] == "bad_address"] == []


@pytest.mark.parametrize(
    "words", ["user unknown", "mailbox does not exist", "no such user here", "unrouteable address"]
)
@pytest.mark.parametrize("status", ["5.7.0", "5.7.1", "5.7.26", "5.7.133"])
def test_policy_codes_never_mean_a_bad_address_whatever_the_words(status: str, words: str) -> None:
    assert classify_refusal(status, words, 550) is FailureClass.REFUSED


@pytest.mark.parametrize(
    "words",
    [
        "Sender address rejected: Domain not found",
        "sender verification failed: unknown user",
        "HELO: host not found",
        "reverse DNS of 192.0.2.1: no such domain",
    ],
)
def test_what_is_wrong_with_us_is_never_held_against_the_recipient(words: str) -> None:
    assert classify_refusal("", words, 550) is FailureClass.REFUSED
