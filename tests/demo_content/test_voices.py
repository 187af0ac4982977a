"""Replies, bounces and reports are such as real programs write them: a strict parser takes them all."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from outreach.cli.demo.voices import (
    VOICES,
    Voice,
    as_abuse_report,
    as_bounce,
    as_out_of_office,
    as_reply,
    as_unsubscribe_mail,
    voices_of,
)
from outreach.newsletter.message import Letter, build_message
from outreach.records import FailureClass, Machine
from outreach.replies.dsn import read_bounce, returned_headers
from outreach.replies.machine import sort_machine
from outreach.replies.parse import parse_inbound

STRICT = policy.default.clone(raise_on_defect=True)
REPLY_TO = "care+1abcdefghijklmnopqrstuvwxyz2345@acme.example"
BOUNCES = "care+1bouncebouncebouncebouncexyz2345@acme.example"
HUMAN = [voice for voice in VOICES if voice.kind != "out_of_office"]
SENDER = "Ann Müller <ann@example.com>"


@pytest.fixture(scope="module")
def received() -> bytes:
    """A mail of ours as the catcher files it."""
    letter = Letter(
        sender="Acme Care <care@acme.example>",
        recipient="ann@example.com",
        reply_to=REPLY_TO,
        subject="Tips für besseren Kaffee, Ann: heute über Milch, Wasser und das Entkalken der Maschine",
        date=datetime(2026, 12, 1, 9, 0, tzinfo=UTC),
        message_id="<abcdefghijklmnopqrstuvwxyz.o@acme.example>",
        text="Hello Ann,\n\nthree tips – for you.\n",
        html="<html><head><style>p {}</style></head><body><p>Hello Ann, three tips – for you.</p></body></html>",
        bulk=True,
        list_id="Customers <customers.acme.example>",
        unsubscribe=f"mailto:{REPLY_TO}?subject=unsubscribe%20me",
    )
    return f"Return-Path: <{BOUNCES}>\r\nDelivered-To: ann@example.com\r\n".encode() + build_message(letter)


def strict(raw: bytes) -> EmailMessage:
    """`raw` read by a parser that stands no defect; every line as RFC 5322 allows it."""
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    mail = message_from_bytes(raw, policy=STRICT)
    assert isinstance(mail, EmailMessage)
    for name in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"):
        assert mail[name], name
        assert not mail[name].defects, (name, mail[name])
    for part in mail.walk():
        assert not part.defects
    return mail


def test_voices_are_enough_and_of_many_kinds() -> None:
    kinds = Counter(voice.kind for voice in VOICES)
    assert kinds["complaint"] >= 10
    assert kinds["question"] >= 6
    assert kinds["thanks"] >= 5
    assert kinds["out_of_office"] >= 3
    assert kinds["unsubscribe_words"] >= 1
    topics = Counter(voice.topic for voice in voices_of("complaint"))
    assert len(topics) >= 4
    assert {topic for topic, _ in topics.most_common(2)} == {"descaling", "app"}
    assert len({voice.text for voice in VOICES}) == len(VOICES)
    assert {voice.language for voice in VOICES} >= {"en", "de"}


@pytest.mark.parametrize("style", range(3))
@pytest.mark.parametrize("voice", HUMAN, ids=lambda voice: f"{voice.kind}-{voice.topic}-{len(voice.text)}")
def test_a_reply_answers_the_very_mail_with_the_original_below(received: bytes, voice: Voice, style: int) -> None:
    raw = as_reply(voice, received, SENDER, style=style)
    mail = strict(raw)
    assert mail["In-Reply-To"] == "<abcdefghijklmnopqrstuvwxyz.o@acme.example>"
    assert mail["References"].endswith("<abcdefghijklmnopqrstuvwxyz.o@acme.example>")
    assert mail["To"].addresses[0].addr_spec == REPLY_TO
    assert mail["From"].addresses[0].display_name == "Ann Müller"
    assert voice.subject or mail["Subject"].startswith(("Re: Tips für", "AW: Tips für"))
    plain = mail.get_body(("plain",))
    assert plain is not None
    text = plain.get_content().replace("\r\n", "\n")
    assert text.startswith(voice.said_by(SENDER))
    assert text.index("three tips – for you.") > len(voice.text) - 60
    assert raw == as_reply(voice, received, SENDER, style=style), "the same at every run"
    parsed = parse_inbound(raw)
    assert not parsed.faults
    assert parsed.sender == "ann@example.com"
    assert sort_machine(parsed, raw).machine is Machine.HUMAN


def test_the_writer_signs_with_his_own_name() -> None:
    voice = Voice("thanks", "", "", "Thanks, {first} {last}")
    assert voice.said_by("Ann Müller <a@example.com>") == "Thanks, Ann Müller"
    assert voice.said_by("lucia.garcia@example.com") == "Thanks, Lucia Garcia"
    assert voice.said_by("schaefer7@example.com") == "Thanks, Schaefer Schaefer"
    assert all("{" not in voice.said_by("ann@example.com") for voice in VOICES)


def test_replies_differ_in_style_by_voice(received: bytes) -> None:
    shapes = {
        (mail.get_content_type(), "Thread-Topic" in mail)
        for voice in HUMAN
        for mail in [strict(as_reply(voice, received, "ann@example.com"))]
    }
    assert shapes == {("multipart/alternative", False), ("multipart/alternative", True), ("text/plain", False)}


def test_a_bounce_is_a_delivery_status_notification(received: bytes) -> None:
    raw = as_bounce(received)
    mail = strict(raw)
    assert mail.get_content_type() == "multipart/report"
    assert mail["Content-Type"].params["report-type"] == "delivery-status"
    assert mail["To"].addresses[0].addr_spec == BOUNCES
    human, status, headers = mail.iter_parts()
    assert "ann@example.com" in human.get_content()
    about, recipient = status.get_payload()
    assert about["Reporting-MTA"] == "dns; mx.example.com"
    assert recipient["Final-Recipient"] == "rfc822; ann@example.com"
    assert recipient["Action"] == "failed"
    assert recipient["Status"] == "5.1.1"
    assert "abcdefghijklmnopqrstuvwxyz.o@acme.example" in headers.get_content()
    parsed = parse_inbound(raw)
    assert sort_machine(parsed, raw).machine is Machine.BOUNCE
    report = read_bounce(parsed, raw)
    assert report is not None
    assert report.failure is FailureClass.BAD_ADDRESS
    returned = returned_headers(parsed)
    assert returned is not None
    assert returned.message_id == "<abcdefghijklmnopqrstuvwxyz.o@acme.example>"


def test_a_full_mailbox_is_only_delayed(received: bytes) -> None:
    mail = strict(as_bounce(received, status="4.2.2", said="452 4.2.2 Mailbox full"))
    assert next(part for part in mail.walk() if part["Action"])["Action"] == "delayed"


def test_an_abuse_report_holds_the_whole_mail(received: bytes) -> None:
    raw = as_abuse_report(received)
    mail = strict(raw)
    assert mail["Content-Type"].params["report-type"] == "feedback-report"
    assert mail["To"].addresses[0].addr_spec == BOUNCES
    _, facts, original = mail.iter_parts()
    assert facts.get_content_type() == "message/feedback-report"
    assert "Feedback-Type: abuse" in str(facts)
    inner = original.get_content()
    assert inner["Message-ID"] == "<abcdefghijklmnopqrstuvwxyz.o@acme.example>"
    assert received.replace(b"\r\n", b"\n").rstrip() in raw.replace(b"\r\n", b"\n"), "not a letter changed"
    assert sort_machine(parse_inbound(raw), raw).machine is Machine.ABUSE_REPORT


@pytest.mark.parametrize("voice", voices_of("out_of_office"), ids=lambda voice: voice.subject)
def test_an_out_of_office_reply_says_that_a_machine_wrote_it(received: bytes, voice: Voice) -> None:
    raw = as_out_of_office(voice, received, SENDER)
    mail = strict(raw)
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["To"].addresses[0].addr_spec == BOUNCES
    assert "Tips für" in mail["Subject"]
    assert mail["In-Reply-To"]
    assert sort_machine(parse_inbound(raw), raw).machine is Machine.AUTO_REPLY


def test_the_unsubscribe_button_writes_to_where_the_header_says(received: bytes) -> None:
    mail = strict(as_unsubscribe_mail(received, "ann@example.com"))
    assert mail["To"].addresses[0].addr_spec == REPLY_TO
    assert mail["Subject"] == "unsubscribe me"
    bare = received.replace(b"List-Unsubscribe:", b"X-Nothing:")
    with pytest.raises(ValueError, match="no List-Unsubscribe"):
        as_unsubscribe_mail(bare, "ann@example.com")
