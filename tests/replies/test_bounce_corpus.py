"""Real bounces: 111 that other people received, and the wordings of servers that we know, measured.

The archive holds the samples of flufl.bounce 6.0.0 (Apache-2.0, its licence is inside) with the recipients that its
own tests name; which of them say that the address is bad was read by hand, here.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from outreach.refusal import classify_refusal
from outreach.replies.dsn import named_addresses
from outreach.replies.machine import sort_machine
from outreach.replies.parse import parse_inbound
from outreach.words import FailureClass, Machine

CORPUS = Path(__file__).parent.parent / "corpus"
SAYS_BAD = frozenset(
    "dsn_10 dsn_11 dsn_12 dsn_13 dsn_14 dsn_16 dsn_18 exim_01 groupwise_01 hotpop_01 microsoft_01 microsoft_02 "
    "microsoft_04 postfix_01 qmail_03 qmail_04 qmail_05 simple_04 simple_05 simple_06 simple_08 simple_11 simple_12 "
    "simple_13 simple_15 simple_19 simple_23 simple_26 simple_27 simple_29 simple_30 simple_33 simple_34 simple_36 "
    "simple_39 simple_41 smtp32_04 smtp32_06 smtp32_07 yahoo_03 yahoo_05 yahoo_06 yahoo_07 yahoo_08 yahoo_09 "
    "yahoo_10 yahoo_11 yahoo_13 yale_01 bounce_02".split()
)


@pytest.fixture(scope="module")
def samples() -> tuple[dict[str, bytes], dict[str, list[str]]]:
    """The raw bounces by name, and whom each is about."""
    with tarfile.open(CORPUS / "flufl-bounce-6.0.0.tar.xz") as archive:
        raws = {one.name.rpartition("/")[2]: archive.extractfile(one).read() for one in archive if one.isfile()}  # type: ignore[union-attr]
    return raws, json.loads(raws["recipients.json"])


def test_the_recipient_of_at_least_92_percent_of_111_real_bounces_is_found_in_the_ledger(
    samples: tuple[dict[str, bytes], dict[str, list[str]]],
) -> None:
    raws, recipients = samples
    ledger = {address for named in recipients.values() for address in named}
    about_somebody = {name: named for name, named in recipients.items() if named}
    found = alone = 0
    for name, named in about_somebody.items():
        mail = parse_inbound(raws[name])
        report = sort_machine(mail, raws[name], to_bounces=True).bounce
        alone += report is not None and report.recipient.lower() in named
        ours = [one.lower() for one in named_addresses(mail, raws[name], report) if one.lower() in ledger]
        found += bool(ours) and ours[0] in named
    assert len(about_somebody) == 111
    assert found / 111 >= 0.92, f"{found} found with the ledger, {alone} by the report alone"
    assert found >= alone


def test_of_real_bounces_held_to_be_a_bad_address_at_least_80_percent_say_so(
    samples: tuple[dict[str, bytes], dict[str, list[str]]],
) -> None:
    raws, recipients = samples
    judged = {}
    for name in recipients:
        report = sort_machine(parse_inbound(raws[name]), raws[name], to_bounces=True).bounce
        judged[name.removesuffix(".txt")] = report.failure if report is not None else None
    bad = {name for name, failure in judged.items() if failure is FailureClass.BAD_ADDRESS}
    assert len(bad & SAYS_BAD) / len(bad) >= 0.80, sorted(bad - SAYS_BAD)
    assert len(bad & SAYS_BAD) / len(SAYS_BAD) >= 0.80, sorted(SAYS_BAD - bad)


def test_at_least_95_percent_of_real_bounces_and_delays_are_known_as_such(
    samples: tuple[dict[str, bytes], dict[str, list[str]]],
) -> None:
    raws, recipients = samples
    kinds = [sort_machine(parse_inbound(raws[name]), raws[name], to_bounces=True).machine for name in recipients]
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
