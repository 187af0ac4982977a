"""What the sender's DNS says about its mail, judged by the RFCs' own rules."""

from __future__ import annotations

import pytest

from outreach.delivery.domain import is_reserved, judge_alignment, judge_dkim, judge_dmarc, judge_spf


@pytest.mark.parametrize(
    ("records", "level", "words"),
    [
        ([], "bad", "no SPF record"),
        (["google-site-verification=1", "v=spf1 mx ~all"], "good", "v=spf1"),
        (["V=SPF1 ip4:192.0.2.0/24 -all"], "good", "192.0.2.0"),
        (["v=spf1 mx -all", "v=spf1 a -all"], "bad", "2 SPF records"),
        (["v=spf1 +all"], "bad", "whole world"),
        (["v=spf1 all"], "bad", "whole world"),
        (["v=spf1 mx"], "note", "decision"),
        (["v=spf10 mx -all"], "bad", "no SPF record"),
        (["v=spf1 redirect=_spf.acme.test"], "good", "redirect"),
        (["v=spf1 " + " ".join(f"include:{n}.test" for n in range(11)) + " -all"], "bad", "11 look-ups"),
        (["v=spf1 " + " ".join(f"include:{n}.test" for n in range(10)) + " -all"], "good", "include"),
    ],
)
def test_spf(records: list[str], level: str, words: str) -> None:
    found = judge_spf("acme.test", records)
    assert found.level == level
    assert words in found.words
    assert found.level == "good" or found.remedy


@pytest.mark.parametrize(
    ("records", "level"),
    [
        ({"mail": ["v=DKIM1; k=rsa; p=MIGfMA0"]}, "good"),
        ({"mail": ["k=rsa; p=MIGf MA0"]}, "good"),
        ({"mail": ["v=DKIM1; p="]}, "bad"),
        ({"mail": [], "s1": ["v=DKIM1; p=AAAA"]}, "good"),
        ({"mail": ["hello"]}, "note"),
    ],
)
def test_dkim(records: dict[str, list[str]], level: str) -> None:
    assert judge_dkim("acme.test", records).level == level


@pytest.mark.parametrize(
    ("records", "level"),
    [
        (["v=DMARC1; p=reject; rua=mailto:x@acme.test"], "good"),
        (["v=DMARC1; p=none"], "note"),
        (["v=DMARC1; rua=mailto:x@acme.test"], "bad"),
        ([], "bad"),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "bad"),
    ],
)
def test_dmarc(records: list[str], level: str) -> None:
    assert judge_dmarc("acme.test", records).level == level


def test_a_policy_of_the_domain_above_holds_with_its_word_for_those_below() -> None:
    assert judge_dmarc("news.acme.test", ["v=DMARC1; p=reject"], "acme.test").level == "good"
    assert judge_dmarc("news.acme.test", ["v=DMARC1; p=reject; sp=none"], "acme.test").level == "note"


@pytest.mark.parametrize(
    ("signing", "sender", "level"),
    [
        ("acme.test", "acme.test", "good"),
        ("acme.test", "news.acme.test", "good"),
        ("mail.acme.test", "acme.test", "good"),
        ("mail.acme.test", "news.acme.test", "note"),
        ("acme.test", "other.test", "bad"),
        ("mailer.test", "news.acme.test", "bad"),
    ],
)
def test_a_signature_counts_for_the_senders_organization(signing: str, sender: str, level: str) -> None:
    assert judge_alignment(signing, sender).level == level


@pytest.mark.parametrize("domain", ["acme.example", "example.com", "mail.example.org", "localhost", "x.invalid"])
def test_reserved_domains_are_known(domain: str) -> None:
    assert is_reserved(domain)
    assert not is_reserved("myexample.com")
