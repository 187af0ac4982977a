"""Mail is read whatever its bytes: real shapes by value, hostile ones in linear time, and nothing ever raises."""

from __future__ import annotations

import time
from email.message import EmailMessage
from email.utils import getaddresses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.replies.mail import Limits
from outreach.replies.parse import parse_inbound, plain_address

PLAIN = (
    b"From: =?utf-8?q?Doe=2C_J=C3=B6rg?= <Jorg@Example.COM>\r\nTo: care+1abc@acme.example\r\n"
    b"Delivered-To: care@acme.example\r\nSubject: =?iso-8859-1?q?Gr=FC=DFe?=\r\n  folded\r\n"
    b"Message-ID: <m1@example.com>\r\nIn-Reply-To: <a@acme.example>\r\nReferences: <b@x>\r\n <a@acme.example>\r\n"
    b"Date: Tue, 1 Dec 2026 11:00:00 +0100\r\nReturn-Path: <>\r\n\r\nHello\r\nthere\r\n"
)


def test_headers_of_a_plain_mail() -> None:
    mail = parse_inbound(PLAIN)
    assert (mail.sender, mail.sender_name) == ("Jorg@example.com", "Doe, Jörg")
    assert mail.subject == "Grüße folded"
    assert mail.recipients == ("care@acme.example", "care+1abc@acme.example")
    assert mail.message_id == "<m1@example.com>"
    assert mail.ancestors == ("<a@acme.example>", "<b@x>")
    assert mail.return_path == ""
    assert mail.sent_at is not None
    assert mail.sent_at.isoformat() == "2026-12-01T10:00:00+00:00"
    assert mail.text == "Hello\nthere"
    assert not mail.unreadable


def test_alternatives_attachments_and_names() -> None:
    message = EmailMessage()
    message["From"] = "Ann <ann@example.com>"
    message.set_content("plain words")
    message.add_alternative("<p>html words</p>", subtype="html")
    message.add_attachment(b"\x89PNG" * 100, maintype="image", subtype="png", filename="../schöner Riss.png")
    mail = parse_inbound(message.as_bytes())
    assert mail.text == "plain words"
    assert "html words" in mail.html
    assert [(one.name, one.media_type, one.size) for one in mail.attachments] == [
        ("schöner Riss.png", "image/png", 400)
    ]


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        ("iso-8859-1", "Gr\u00fc\u00dfe \u20ac".encode("cp1252"), "Grüße €"),
        ("utf-8", "Grüße".encode(), "Grüße"),
        ("utf-8", "Grüße".encode("latin-1"), "Grüße"),
        ("x-unknown", "Grüße".encode(), "Grüße"),
        ("punycode", b"abc-def", "abc-def"),
        ("hex", b"6162", "6162"),
        ("utf-16", "Grüße".encode("utf-16"), "Grüße"),
        ("gb2312", "你好".encode("gb18030"), "你好"),
        ("", "Grüße".encode("cp1252"), "Grüße"),
    ],
)
def test_charsets_declared_wrongly_or_not_at_all(charset: str, body: bytes, text: str) -> None:
    kind = f'Content-Type: text/plain; charset="{charset}"\r\n'.encode() if charset else b""
    assert parse_inbound(b"From: a@b.example\r\n" + kind + b"\r\n" + body).text == text


def test_damaged_base64_gives_what_can_be_had() -> None:
    raw = b"From: a@b.example\nContent-Transfer-Encoding: base64\n\nSGVsbG8g*d29y\nbGQ\n"
    assert parse_inbound(raw).text == "Hello world"


def test_flowed_text_is_joined() -> None:
    lines = b"This is one \nparagraph.\n> quoted \n> too\n-- \nAnn\n"
    raw = b"From: a@b.example\nContent-Type: text/plain; format=flowed\n\n" + lines
    assert parse_inbound(raw).text == "This is one paragraph.\n> quoted too\n-- \nAnn"


def test_what_cannot_be_read_says_why() -> None:
    assert parse_inbound(b"").unreadable == "it has no mail headers"
    assert parse_inbound(b"just some bytes without any header\n").unreadable == "it has no mail headers"
    sealed = b"From: a@b.example\nContent-Type: application/pkcs7-mime\nContent-Transfer-Encoding: base64\n\nAAAA\n"
    assert parse_inbound(sealed).unreadable == "it is encrypted"


def test_a_mail_larger_than_the_limit_is_read_as_far_as_it_goes() -> None:
    mail = parse_inbound(PLAIN + b"x" * 300_000, Limits(max_bytes=100_000))
    assert mail.sender == "Jorg@example.com"
    assert mail.faults == ("only the first 100 kB were read",)


def test_an_mbox_line_in_front_does_no_harm() -> None:
    assert parse_inbound(b"From ann@example.com Tue Dec  1 10:00:00 2026\n" + PLAIN).subject == "Grüße folded"


def _nested(depth: int) -> bytes:
    head = b"From: a@b.example\n"
    for level in range(depth):
        head += b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (level, level)
    return head + b"Content-Type: text/plain\n\ninnermost\n"


HOSTILE = {
    "nested deeper than anybody reads": _nested(5000),
    "very many parts": b"From: a@b.example\nContent-Type: multipart/mixed; boundary=x\n\n" + b"--x\n\na\n" * 60_000,
    "a boundary that is everywhere": b"From: a@b.example\nContent-Type: multipart/mixed; boundary=-\n\n"
    + b"-" * 900_000,
    "very long parameters": b"From: a@b.example\nContent-Type: text/plain; " + b'a=";' * 200_000 + b"\n\nx",
    "very many headers": b"X: y\n" * 200_000 + b"\nx",
    "a header without end": b"Subject: " + b"x" * 2_000_000,
    "encoded words without end": b"Subject: " + b"=?utf-8?q?a?= " * 100_000 + b"\n\nx",
    "comments in comments": b"From: " + b"(" * 200_000 + b"\n\nx",
    "addresses without end": b"To: " + b"a@b.example, " * 100_000 + b"\nFrom: a@b.example\n\nx",
    "folded lines without end": b"Subject: a\n" + b" b\n" * 300_000 + b"\nx",
    "only blank lines": b"\n" * 1_000_000,
    "base64 of nothing": b"From: a@b.example\nContent-Transfer-Encoding: base64\n\n" + b"=" * 1_000_000,
    "references without end": b"From: a@b.example\nReferences: " + b"<a@b> " * 200_000 + b"\n\nx",
    "html without end": b"From: a@b.example\nContent-Type: text/html\n\n" + b"<div>" * 200_000,
    "nul bytes": b"From: a@b.example\0\nSubject: \0x\0\n\n\0text\0",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_crafted_mail_is_read_in_linear_time(name: str) -> None:
    before = time.process_time()
    parse_inbound(HOSTILE[name])
    assert time.process_time() - before < 2


def test_the_innermost_text_of_deep_nesting_is_left_out_and_said() -> None:
    mail = parse_inbound(_nested(100))
    assert any("nested deeper" in fault for fault in mail.faults)


_PIECES = st.sampled_from(
    [
        b"From: ", b"a@b.example", b"\n", b"\r\n", b"\n\n", b"Content-Type: ", b"multipart/mixed; boundary=x", b"--x",
        b"--x--", b"text/html", b"; charset=", b"utf-7", b"Content-Transfer-Encoding: ", b"base64", b"quoted-printable",
        b"=?utf-8?b?", b"?=", b"\x00", b"\xff\xfe", b"message/rfc822", b"message/delivery-status", b"Status: 5.1.1",
        b" ", b";", b'"', b"<", b">", b"(", b"=", b"Subject:", b"Date: ", b"9999999999", b"Message-ID: <", b"\r",
    ]
)  # fmt: skip


@given(st.lists(st.one_of(_PIECES, st.binary(max_size=12)), max_size=60))
@settings(deadline=None, max_examples=200)
def test_no_bytes_raise(pieces: list[bytes]) -> None:
    from outreach.replies.machine import sort_machine

    raw = b"".join(pieces)
    mail = parse_inbound(raw)
    assert isinstance(mail.text, str)
    sort_machine(mail, raw)


@pytest.mark.parametrize(
    "value",
    [
        "Ann <ann@example.com>",
        "Ann Maria Lee <Ann.Lee@Example.COM>",
        "ann_lee-3 <ann+tag@mail.example.co>",
        "<ann@example.com>",
        "Ann  Lee <ann@example.com>",
        "Ann. Lee <ann@example.com>",
        "Ann <ann@-example.com>",
    ],
)
def test_a_plain_name_and_address_are_read_as_the_library_reads_them(value: str) -> None:
    ((name, address),) = getaddresses([value])
    mail = parse_inbound(f"From: {value}\r\nSubject: x\r\n\r\nhello\r\n".encode())
    assert (mail.sender_name, mail.sender) == ((name, plain_address(address)) if plain_address(address) else ("", ""))
