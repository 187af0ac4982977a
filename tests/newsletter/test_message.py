"""Our bytes against the standard library's reading of them."""

from __future__ import annotations

import email
import email.header
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.errors import TemplateError
from outreach.newsletter.message import Image, Letter, build_message, encode_text

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=200)
PROSE = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=2000)


def letter(**changes: object) -> Letter:
    values: dict[str, object] = {
        "sender": "Acme Care <care@acme.example>",
        "recipient": "ann@example.com",
        "reply_to": "care+1abc@acme.example",
        "subject": "Three tips",
        "date": NOW,
        "message_id": "<abcdefghijklmnopqrstuvwxyz.o@acme.example>",
        "text": "Hello\n",
        "html": "<p>Hello</p>\n",
        "bulk": True,
        "list_id": "Our customers <customers.acme.example>",
        "unsubscribe": "https://news.acme.example/u/1abcdefghijklmnopqrstuvwxyzabcdefghij",
        "feedback_id": "tips:1:tips:acme-example",
    }
    return Letter(**{**values, **changes})  # type: ignore[arg-type]


def read(raw: bytes) -> EmailMessage:
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def check_wire_form(raw: bytes) -> None:
    """CRLF only, no line over 998 octets, ASCII headers, bodies of at most 76 characters a line."""
    assert b"\n" not in raw.replace(b"\r\n", b"") and b"\r" not in raw.replace(b"\r\n", b"")
    assert b"\0" not in raw
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    head, _, body = raw.partition(b"\r\n\r\n")
    assert head.isascii()
    assert all(len(line) <= 78 for line in body.split(b"\r\n") if not line.startswith((b"Content-", b"--")))


def lines(text: str) -> str:
    """`text` as a mail keeps it: line ends alike, the last line ended."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    return plain if plain.endswith("\n") else f"{plain}\n"


@settings(deadline=None, max_examples=150)
@given(subject=WORDS, name=WORDS, text=PROSE, html=PROSE)
def test_what_we_write_is_what_the_standard_library_reads(subject: str, name: str, text: str, html: str) -> None:
    display = "".join(sign for sign in name if sign not in '"\\<>@,;:()[]').strip()
    sender = f'"{display}" <care@acme.example>' if display else "care@acme.example"
    raw = build_message(letter(subject=subject, sender=sender, text=text, html=html or "<p>x</p>"))
    check_wire_form(raw)
    got = read(raw)
    assert " ".join(got["Subject"].split()) == " ".join(subject.split())
    assert got["From"].addresses[0].addr_spec == "care@acme.example"
    plain, page = list(got.iter_parts())
    assert (plain.get_content_type(), page.get_content_type()) == ("text/plain", "text/html")
    assert _decoded(plain) == lines(text)
    assert _decoded(page) == lines(html or "<p>x</p>")


def _decoded(part: object) -> str:
    assert isinstance(part, EmailMessage)
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode().replace("\r\n", "\n")


def test_bulk_mail_carries_its_headers_as_receivers_want_them() -> None:
    raw = build_message(letter())
    got = read(raw)
    assert got["List-Id"] == "Our customers <customers.acme.example>"
    assert got["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert b"\r\nList-Unsubscribe: <https://news.acme.example/u/1abcdefghijklmnopqrstuvwxyzabcdefghij>\r\n" in raw
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    assert (got["Auto-Submitted"], got["Precedence"]) == ("auto-generated", "bulk")
    assert got["Feedback-ID"] == "tips:1:tips:acme-example"
    assert got["Message-ID"] == "<abcdefghijklmnopqrstuvwxyz.o@acme.example>"
    assert got["Date"].datetime == NOW
    assert got["Reply-To"] == "care+1abc@acme.example" and got["To"] == "ann@example.com"


def test_without_https_there_is_a_mailto_and_no_one_click() -> None:
    got = read(build_message(letter(unsubscribe="mailto:care+u1abc@acme.example?subject=unsubscribe")))
    assert got["List-Unsubscribe"] == "<mailto:care+u1abc@acme.example?subject=unsubscribe>"
    assert got["List-Unsubscribe-Post"] is None


def test_a_long_unsubscribe_address_is_never_folded_or_encoded() -> None:
    url = "https://news.acme.example/u/" + "a" * 400
    assert f"\r\nList-Unsubscribe: <{url}>\r\n".encode() in build_message(letter(unsubscribe=url))


def test_a_persons_answer_carries_no_header_of_a_machine() -> None:
    raw = build_message(
        letter(bulk=False, html="", in_reply_to="<1@x.example>", references="<0@x.example> <1@x.example>")
    )
    got = read(raw)
    for name in ("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID", "Auto-Submitted", "Precedence"):
        assert got[name] is None
    assert (got["In-Reply-To"], got["References"]) == ("<1@x.example>", "<0@x.example> <1@x.example>")
    assert got.get_content_type() == "text/plain"


def test_many_references_are_folded_at_blanks_only() -> None:
    ids = [f"<{number:040d}@mail.example>" for number in range(30)]
    raw = build_message(letter(bulk=False, references=" ".join(ids)))
    assert str(read(raw)["References"]).split() == ids
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_images_are_related_to_the_html_and_found_by_their_content_id() -> None:
    png = Image("0123abcd@images", "Pumpe größer.png", "image/png", bytes(range(256)) * 20)
    raw = build_message(letter(html='<img src="cid:0123abcd@images" alt="x">', images=[png]))
    check_wire_form(raw)
    plain, related = list(read(raw).iter_parts())
    assert (plain.get_content_type(), related.get_content_type()) == ("text/plain", "multipart/related")
    page, image = list(related.iter_parts())
    assert page.get_content_type() == "text/html"
    assert image["Content-ID"] == "<0123abcd@images>"
    assert image.get_content_disposition() == "inline"
    assert image.get_payload(decode=True) == png.data


@pytest.mark.parametrize(
    "field", ["subject", "sender", "recipient", "reply_to", "message_id", "list_id", "unsubscribe", "feedback_id"]
)
@pytest.mark.parametrize("evil", ["\r\nBcc: x@evil.example", "\n", "\r", "\0", "\x7f", "\x85", "\u2028", "\x1b[31m"])
def test_no_header_ever_holds_a_control_character(field: str, evil: str) -> None:
    with pytest.raises(TemplateError, match="control character"):
        build_message(letter(**{field: f"{getattr(letter(), field)}{evil}"}))


def test_a_subject_that_looks_encoded_is_encoded_so_that_it_reads_as_written() -> None:
    for subject in ("=?utf-8?Q?evil?=", "  two  blanks ", "x" * 1200, "word " * 100, "Ünïcode " * 40, "🙂" * 60):
        raw = build_message(letter(subject=subject))
        check_wire_form(raw)
        assert " ".join(str(read(raw)["Subject"]).split()) == " ".join(subject.split())


@pytest.mark.parametrize(
    ("sender", "display"),
    [
        ("Acme Care <care@acme.example>", "Acme Care"),
        ('"Acme, Inc." <care@acme.example>', "Acme, Inc."),
        ("Käse & Söhne <care@acme.example>", "Käse & Söhne"),
        (
            "客户服务部门的同事们在这里为您服务非常高兴能够帮助到您 <care@acme.example>",
            "客户服务部门的同事们在这里为您服务非常高兴能够帮助到您",
        ),
        ("care@acme.example", ""),
    ],
)
def test_the_senders_name_survives(sender: str, display: str) -> None:
    raw = build_message(letter(sender=sender))
    check_wire_form(raw)
    header = str(email.header.make_header(email.header.decode_header(email.message_from_bytes(raw)["From"])))
    assert parseaddr(header) == (display, "care@acme.example")


def test_a_senders_domain_beyond_ascii_is_written_in_ascii() -> None:
    for sender in ("Käse <care@käse.example>", "care@Käse.example"):
        raw = build_message(letter(sender=sender))
        check_wire_form(raw)
        assert read(raw)["From"].addresses[0].addr_spec == "care@xn--kse-qla.example"
    with pytest.raises(TemplateError, match="before the @"):
        build_message(letter(sender="Käse <größe@acme.example>"))


def test_dots_alone_on_a_line_and_trailing_blanks_survive() -> None:
    text = ".\n..\n x \n\t\nFrom me\n=20\n" + "y" * 200 + " \n."
    encoding, octets = encode_text(text)
    assert encoding == "quoted-printable"
    assert not re.search(rb"(?m)^\.\r?$", octets)
    assert _decoded(next(iter(read(build_message(letter(text=text))).iter_parts()))) == lines(text)


def test_texts_mostly_beyond_ascii_are_base64() -> None:
    assert encode_text("Καλημέρα σας\n" * 5)[0] == "base64"
    assert encode_text("Grüße aus Köln, wir schreiben Ihnen heute.\n" * 5)[0] == "quoted-printable"


def test_the_same_letter_has_the_same_bytes() -> None:
    assert build_message(letter()) == build_message(letter())
