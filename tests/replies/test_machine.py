"""Machine mail is told apart by its headers, and a bounce says whom and why."""

from __future__ import annotations

import pytest

from outreach.records import FailureClass, Machine
from outreach.refusal import classify_refusal
from outreach.replies.machine import sort_machine
from outreach.replies.parse import parse_inbound


def sort(raw: bytes, **more: bool):  # type: ignore[no-untyped-def]
    return sort_machine(parse_inbound(raw), raw, **more)


def dsn(action: str = "failed", status: str = "5.1.1", diagnostic: str = "smtp; 550 5.1.1 User unknown") -> bytes:
    return (
        "From: MAILER-DAEMON@mx.example\r\nTo: care+b1@acme.example\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        'Return-Path: <>\r\nContent-Type: multipart/report; report-type=delivery-status; boundary="B"\r\n\r\n'
        "--B\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        "--B\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n"
        f"Original-Recipient: rfc822;ann@example.com\r\nFinal-Recipient: rfc822; ann@inner.example\r\n"
        f"Action: {action}\r\nStatus: {status}\r\nDiagnostic-Code: {diagnostic}\r\n"
        "--B\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <abc.o@acme.example>\r\nSubject: Tips\r\n--B--\r\n"
    ).encode()


def test_a_structured_bounce_names_recipient_status_and_our_message() -> None:
    found = sort(dsn())
    assert found.machine is Machine.BOUNCE
    assert found.bounce is not None
    assert found.bounce.recipient == "ann@example.com"
    assert found.bounce.status == "5.1.1"
    assert found.bounce.failure is FailureClass.BAD_ADDRESS
    assert found.bounce.returned is not None
    assert found.bounce.returned.message_id == "<abc.o@acme.example>"


def test_delays_and_deliveries_are_no_bounces() -> None:
    assert sort(dsn("delayed", "4.4.1", "smtp; timed out")).machine is Machine.DELAY
    assert sort(dsn("delivered", "2.0.0", "smtp; ok")).machine is Machine.RECEIPT
    assert sort(dsn("relayed", "2.0.0", "smtp; ok")).machine is Machine.RECEIPT


@pytest.mark.parametrize(
    ("status", "words", "failure"),
    [
        ("5.1.1", "550 5.1.1 user unknown", FailureClass.BAD_ADDRESS),
        ("5.1.2", "bad domain", FailureClass.BAD_ADDRESS),
        ("5.1.10", "null MX", FailureClass.BAD_ADDRESS),
        ("5.2.2", "mailbox full", FailureClass.MAILBOX_FULL),
        ("5.0.0", "550 over quota", FailureClass.MAILBOX_FULL),
        ("5.7.1", "message rejected as spam", FailureClass.REFUSED),
        ("5.7.1", "user unknown", FailureClass.REFUSED),
        ("5.7.26", "DMARC", FailureClass.REFUSED),
        ("5.1.1", "blocked using spamhaus", FailureClass.REFUSED),
        ("5.0.0", "no such user here", FailureClass.BAD_ADDRESS),
        ("5.0.0", "no such user, blocked by policy", FailureClass.REFUSED),
        ("5.2.1", "account has been disabled", FailureClass.BAD_ADDRESS),
        ("5.2.1", "receiving mail at a rate that is too high: rate limit", FailureClass.REFUSED),
        ("5.2.3", "message too long", FailureClass.REFUSED),
        ("4.4.7", "delivery time expired", FailureClass.TRANSIENT),
        ("5.4.1", "no route to host", FailureClass.OTHER),
        ("", "", FailureClass.OTHER),
    ],
)
def test_only_words_and_codes_of_a_bad_address_make_one(status: str, words: str, failure: FailureClass) -> None:
    assert classify_refusal(status, words) is failure


def test_an_unstructured_bounce_is_found_by_its_words() -> None:
    raw = (
        b"From: MAILER-DAEMON@old.example\nTo: care@acme.example\nSubject: failure notice\nReturn-Path: <>\n\n"
        b"Hi. This is the qmail-send program at old.example.\nI'm afraid I wasn't able to deliver your message to the "
        b"following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        b"<ann@example.com>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of the "
        b"message.\n\nReturn-Path: <care@acme.example>\nSubject: Tips\n"
    )
    found = sort(raw)
    assert found.machine is Machine.BOUNCE
    assert found.bounce is not None
    assert (found.bounce.recipient, found.bounce.failure) == ("ann@example.com", FailureClass.BAD_ADDRESS)


def test_what_comes_to_our_reverse_path_from_nobody_is_a_bounce() -> None:
    raw = b"From: mail@mx.example\nReturn-Path: <>\nSubject: Hm\n\n550 5.1.1 no such user\n"
    assert sort(raw, to_bounces=True).machine is Machine.BOUNCE


@pytest.mark.parametrize(
    "headers",
    [
        "Subject: Auto: Tips\nAuto-Submitted: auto-replied (vacation)\nPrecedence: bulk",
        "Subject: Automatic reply: Tips\nX-Auto-Response-Suppress: All\nAuto-Submitted: auto-generated",
        "Subject: Away Re: Tips\nX-Autoreply: yes",
        "Subject: [Ticket#123] Tips\nAuto-Submitted: auto-replied",
        "Subject: Urlaub bis 5.7.26",
    ],
)
def test_an_automatic_reply_that_comes_to_our_reverse_path_is_no_bounce(headers: str) -> None:
    """Vacation programs answer the reverse-path, from the null one (RFC 3834, 4): each was a point."""
    words = "I am away until 5.7.26. My old address does not exist any more; write to ann@home.example."
    raw = f"From: ann@example.com\nReturn-Path: <>\n{headers}\n\n{words}\n".encode()
    assert sort(raw, to_bounces=True).machine is Machine.AUTO_REPLY


@pytest.mark.parametrize(
    ("host", "said", "status", "failure"),
    [
        ("213.5.1.1", "550 rejected: your message looks like spam", "5.0.0", FailureClass.REFUSED),
        ("212.4.1.10", "550 5.1.1 User unknown", "5.1.1", FailureClass.BAD_ADDRESS),
        ("62.2.2.2", "550 No such user here.", "5.0.0", FailureClass.BAD_ADDRESS),
        ("62.2.2.2", "550 rejected, see 5.7.1.", "5.7.1", FailureClass.REFUSED),
    ],
)
def test_the_address_of_a_host_is_no_code(host: str, said: str, status: str, failure: FailureClass) -> None:
    raw = (
        "Return-Path: <>\nFrom: Mail Delivery System <mailer-daemon@mx.example>\nX-Failed-Recipients: ann@x.example\n"
        "Subject: Mail delivery failed: returning message to sender\n\n  ann@x.example\n"
        f"    host mx.x.example [{host}]\n    SMTP error from remote mail server after RCPT TO:<ann@x.example>:\n"
        f"    {said}\n"
    )
    bounce = sort(raw.encode()).bounce
    assert bounce is not None and (bounce.status, bounce.failure) == (status, failure)


def test_a_warning_that_names_the_recipient_in_free_text_is_a_delay() -> None:
    raw = (
        b"From: Mail Delivery Subsystem <MAILER-DAEMON@mx.example>\nReturn-Path: <>\n"
        b"Subject: Warning: could not send message for past 4 hours\n\n"
        b"    **      THIS IS A WARNING MESSAGE ONLY      **\n    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **\n\n"
        b"   ----- The following addresses had transient non-fatal errors -----\n<ann@x.example>\n"
        b"   ----- Transcript of session follows -----\n... Deferred: Connection timed out with mx.x.example.\n"
        b"Warning: message still undelivered after 4 hours\nWill keep trying until message is 5 days old\n"
    )
    assert sort(raw).machine is Machine.DELAY


def test_a_gateway_that_says_so_in_free_text_only_is_found_by_the_recipient() -> None:
    raw = (
        b"From: gateway@corp.example\nTo: care@acme.example\nSubject: Mail could not be delivered\n"
        b"Precedence: bulk\n\nThe email below could not be delivered to the following user:\n\n<ann@example.com>\n\n"
        b"550 5.1.1 user unknown\n\nOld message:\nSubject: Tips\n"
    )
    found = sort(raw)
    assert found.machine is Machine.BOUNCE
    assert found.bounce is not None
    assert found.bounce.recipient == "ann@example.com"


@pytest.mark.parametrize(
    "subject", ["Delivery failure", "Parcel could not be delivered", "Re: Undelivered Mail Returned to Sender"]
)
def test_a_person_who_writes_about_a_delivery_is_no_bounce(subject: str) -> None:
    words = "My parcel was returned and your tracking page does not exist. 550 euros! Who is the user unknown there?"
    raw = f"From: ann@example.com\nReturn-Path: <ann@example.com>\nSubject: {subject}\n\n{words}\n".encode()
    assert sort(raw).machine is Machine.HUMAN


def test_a_warning_in_free_text_is_a_delay() -> None:
    raw = (
        b"From: Mail Delivery System <mailer-daemon@mx.example>\nReturn-Path: <>\n"
        b"Subject: Warning: message delayed 24 hours\n\nYour message is still in the queue.\n"
    )
    assert sort(raw).machine is Machine.DELAY


def report(kind: str) -> bytes:
    return (
        "From: fbl@isp.example\r\nTo: care@acme.example\r\nSubject: FW: Tips\r\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="B"\r\n\r\n--B\r\n\r\nAbuse.\r\n'
        f"--B\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: {kind}\r\nVersion: 1\r\n"
        "Original-Rcpt-To: <ann@example.com>\r\n\r\n"
        "--B\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <abc.o@acme.example>\r\n\r\nhi\r\n--B--\r\n"
    ).encode()


def test_an_abuse_report_is_one_and_a_report_on_authentication_is_not() -> None:
    found = sort(report("abuse"))
    assert found.machine is Machine.ABUSE_REPORT
    assert found.feedback is not None
    assert found.feedback.recipient == "ann@example.com"
    assert found.feedback.returned is not None
    for kind in ("auth-failure", "not-spam", "dkim", "dmarc", "Auth-Failure"):
        assert sort(report(kind)).machine is Machine.AUTH_REPORT, kind
    for kind in ("abuse", "fraud", "opt-out", "other", "miscategorized"):
        assert sort(report(kind)).machine is Machine.ABUSE_REPORT, kind


def test_a_daily_report_on_authentication_is_no_persons_mail() -> None:
    raw = (
        b"From: noreply-dmarc@isp.example\r\n"
        b"Subject: Report Domain: acme.example Submitter: isp.example Report-ID: <7>\r\n"
        b'Content-Type: application/zip; name="isp.example!acme.example!1!2.zip"\r\n\r\nPK\r\n'
    )
    assert sort(raw).machine is Machine.AUTH_REPORT
    assert sort(raw.replace(b"application/zip", b"text/plain")).machine is Machine.HUMAN


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; owner=x",
        "X-Autoreply: yes",
        "Precedence: auto_reply",
        "X-POST-MessageClass: 9; Autoresponder",
        "Return-Path: <>",
        "Subject: Automatic reply: Tips",
        "Subject: Out of Office: Tips",
        "Subject: Abwesenheitsnotiz: Tipps",
        "Subject: Abwesend: Re: Tipps",
        "Subject: AW: Automatische Antwort: Tipps",
        "Subject: Réponse automatique : Conseils",
        "Subject: Respuesta automática: Consejos",
        "Subject: Automatisch antwoord: tips",
        "Subject: 自動返信: Tips",
    ],
)
def test_automatic_replies(header: str) -> None:
    raw = f"From: ann@example.com\r\n{header}\r\n\r\nI am away until Monday.\r\n".encode()
    assert sort(raw).machine is Machine.AUTO_REPLY


@pytest.mark.parametrize(
    "headers",
    [
        "Subject: Re: Tips",
        "Subject: Urlaub: kann ich die Lieferung aussetzen?\r\nAuto-Submitted: no",
        "Subject: On holiday in June, can you hold my box?",
        "Subject: Undelivered parcel\r\nReturn-Path: <ann@example.com>",
        "Subject: Re: Tips\r\nX-Auto-Response-Suppress: DR, OOF",
    ],
)
def test_people_are_not_taken_for_machines(headers: str) -> None:
    raw = f"From: ann@example.com\r\n{headers}\r\n\r\nHello\r\n".encode()
    assert sort(raw).machine is Machine.HUMAN


def test_receipts_calendar_answers_and_lists() -> None:
    receipt = (
        b"From: a@b.example\nContent-Type: multipart/report; report-type=disposition-notification; boundary=B\n\n"
        b"--B\n\nread\n--B\nContent-Type: message/disposition-notification\n\nDisposition: manual; displayed\n--B--\n"
    )
    assert sort(receipt).machine is Machine.RECEIPT
    calendar = (
        b"From: a@b.example\nContent-Type: multipart/alternative; boundary=B\n\n--B\n\nyes\n"
        b"--B\nContent-Type: text/calendar; method=REPLY\n\nBEGIN:VCALENDAR\nMETHOD:REPLY\nEND:VCALENDAR\n--B--\n"
    )
    assert sort(calendar).machine is Machine.CALENDAR
    assert sort(b"From: a@b.example\nPrecedence: bulk\nList-Id: <x.y>\n\nnews\n").machine is Machine.OTHER


def test_an_answer_that_came_by_way_of_a_list_is_a_persons() -> None:
    raw = b"From: ann@example.com\nPrecedence: list\nList-Id: <care.acme.example>\nIn-Reply-To: <a@b>\n\nIt leaks.\n"
    assert sort(raw).machine is Machine.HUMAN
    assert sort(raw.replace(b"In-Reply-To", b"X-Nothing")).weak
