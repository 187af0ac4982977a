"""Whom a bounce in free words is about, and when "user unknown" is no proof of a bad address."""

from __future__ import annotations

import time

import pytest

from outreach.refusal import is_refused_late
from outreach.replies.bounced import guess_recipient
from outreach.replies.machine import sort_machine
from outreach.replies.parse import parse_inbound
from outreach.words import FailureClass, Machine


def bounce(body: str, subject: str = "Undeliverable message", sender: str = "postmaster@far.example") -> bytes:
    head = f"From: {sender}\nTo: bounces@acme.example\nSubject: {subject}\nReturn-Path: <>\n\n"
    return (head + body).encode()


@pytest.mark.parametrize(
    "body",
    [
        "For help ask support@far.example\n\nann@b.example\nMailbox is gone.",
        "The user <ann@b.example> is known to nobody here, says bounces@acme.example",
        "550 5.1.1 no such user ann@b.example (asked by helpdesk@far.example)\nother@far.example",
        "Nothing but this:\n\n--- Original message follows.\nFrom: care@acme.example\nTo: Ann <ann@b.example>\n\nHi",
        "There was an error delivering your mail to <ann@b.example>.\nMessage headers follow.\nTo: <else@b.example>\n",
    ],
)
def test_the_likeliest_recipient_is_named_and_never_we_ourselves(body: str) -> None:
    assert guess_recipient(parse_inbound(bounce(body)), None) == "ann@b.example"


def test_who_is_named_nowhere_is_not_guessed() -> None:
    assert guess_recipient(parse_inbound(bounce("Write to postmaster@far.example or bounces@acme.example")), None) == ""


def test_a_bounce_in_html_alone_is_read_too() -> None:
    raw = bounce("").replace(b"\n\n", b"\nContent-Type: text/html\n\n<p>No such user: <b>ann@b.example</b></p>", 1)
    report = sort_machine(parse_inbound(raw), raw).bounce
    assert report is not None
    assert (report.recipient, report.failure) == ("ann@b.example", FailureClass.BAD_ADDRESS)


def test_user_unknown_after_the_recipient_was_taken_is_a_filters_excuse() -> None:
    words = "<ann@b.example>: host mx.b.example said: 550 : User unknown (in reply to {} command)"
    for command, failure in (("end of DATA", FailureClass.OTHER), ("RCPT TO", FailureClass.BAD_ADDRESS)):
        raw = bounce(words.format(command))
        report = sort_machine(parse_inbound(raw), raw).bounce
        assert report is not None and report.failure is failure, command
    coded = bounce(words.format("end of DATA").replace("550 :", "550 5.1.1"))
    report = sort_machine(parse_inbound(coded), coded).bounce
    assert report is not None and report.failure is FailureClass.BAD_ADDRESS


def test_a_daemons_mail_with_an_error_code_is_a_bounce_whatever_its_subject_and_headers() -> None:
    body = "SMTP server rejected recipient <ann@b.example>. It said: [550 5.1.1 User unknown]"
    raw = bounce(body, "There was an error sending your mail", "mailer-daemon@far.example")
    found = sort_machine(parse_inbound(b"Auto-Submitted: auto-replied\n" + raw), raw)
    assert found.machine is Machine.BOUNCE
    assert found.bounce is not None and found.bounce.recipient == "ann@b.example"


def test_a_report_whose_fields_give_no_reason_is_read_in_its_words() -> None:
    raw = (
        b"From: MAILER-DAEMON@b.example\nSubject: Undelivered\nReturn-Path: <>\n"
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="x"\n\n'
        b"--x\n\nann@b.example: 550 5.1.1 no such user here\n\n--x\nContent-Type: message/delivery-status\n\n"
        b"Reporting-MTA: dns; b.example\n\nAction: failed\nStatus: 5.0.0\n"
        b"Final-Recipient: rfc822; ann@b.example\n\n--x--\n"
    )
    report = sort_machine(parse_inbound(raw), raw).bounce
    assert report is not None and report.failure is FailureClass.BAD_ADDRESS


@pytest.mark.parametrize("text", ["\n" * 30_000, ">>> " * 7_000, "a@" * 15_000, "delivering " * 3_000, "-" * 30_000])
def test_crafted_words_take_no_more_than_a_moment(text: str) -> None:
    mail = parse_inbound(bounce("x" + text + "x"))
    before = time.process_time()
    guess_recipient(mail, None)
    is_refused_late(text)
    assert time.process_time() - before < 0.5
