"""Who is acknowledged: a person who wrote to us; never a machine, a list or a null sender (RFC 3834)."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from outreach.cases.acknowledge import acknowledgement, why_not

OURS = {"care@acme.example", "maria@acme.example"}
TO_US = ("to", "Acme <care+1abc@acme.example>")


def asked(*headers: tuple[str, str], sender: str = "ann@example.com", path: str | None = "ann@example.com") -> str:
    return why_not([TO_US, *headers], sender, path, OURS)


def test_a_persons_mail_to_us_may_be_acknowledged() -> None:
    assert asked() == ""
    assert asked(("auto-submitted", "no"), ("precedence", "first-class"), path=None) == ""
    assert why_not([("cc", "CARE@ACME.example")], "ann@example.com", None, OURS) == ""


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (("auto-submitted", "auto-replied; owner-email=x"), "auto-replied"),
        (("auto-submitted", "auto-generated"), "auto-generated"),
        (("precedence", "Bulk"), "Precedence"),
        (("precedence", "list"), "Precedence"),
        (("precedence", "junk"), "Precedence"),
        (("list-id", "<x.example>"), "list-id"),
        (("list-unsubscribe", "<mailto:x@example.com>"), "list-unsubscribe"),
        (("list-post", "<mailto:x@example.com>"), "list-post"),
        (("x-auto-response-suppress", "All"), "no automatic answers"),
    ],
)
def test_machines_and_lists_are_not(header: tuple[str, str], words: str) -> None:
    assert words in asked(header)


@pytest.mark.parametrize(
    "sender",
    ["MAILER-DAEMON@example.com", "no-reply@shop.example", "news-request@example.com", "owner-x@example.com", "", "x"],
)
def test_addresses_of_machines_and_none_are_not(sender: str) -> None:
    assert asked(sender=sender)


def test_a_null_sender_one_of_us_and_a_hidden_copy_are_not() -> None:
    assert "null" in asked(path="")
    assert "one of us" in asked(sender="Maria@acme.example")
    assert "not addressed to us" in why_not([("to", "xcare@acme.example")], "ann@example.com", None, OURS)
    assert "not addressed to us" in why_not([], "ann@example.com", None, OURS)


def test_it_tells_number_and_due_time_in_the_customers_language_and_zone() -> None:
    due = datetime(2026, 12, 4, 15, 30, tzinfo=UTC)
    english = acknowledgement("en-GB", 7, due, ZoneInfo("Europe/London"), "Acme")
    assert "case 7" in english
    assert "by Friday, 4 December, 15:30 (Europe/London) at the latest" in english
    german = acknowledgement("de", 7, due, ZoneInfo("Europe/Berlin"), "Acme")
    assert "bis spätestens Freitag, 4. Dezember, 16:30 Uhr (Europe/Berlin)" in german
    assert acknowledgement("xx", 7, due, ZoneInfo("UTC"), "Acme").startswith("Thank you")
