"""The bytes of one mail (RFC 5322, MIME RFC 2045–2047, RFC 2369, RFC 2919, RFC 3834, RFC 8058), joined from parts.

Law: CRLF only, no line over 998 octets, no control character in a header. Not EmailMessage: it takes twenty times
longer and turns a long List-Unsubscribe into encoded words that mail programs ignore.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from .encoding import Encoded, base64_lines, encode_text
from .headers import address_field, checked, raw_field, text_field, tokens_field

Part = tuple[bytes, bytes]
"""The header fields of a part, and what stands below the empty line that follows them."""


@dataclass(frozen=True)
class Image:
    """An embedded image; the HTML shows it as `cid:` and its `cid`."""

    cid: str
    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True)
class Letter:
    """All that goes into one mail. `html` "" makes a plain text mail; either part may be encoded already.

    `bulk` adds List-Id, List-Unsubscribe, Feedback-ID, Auto-Submitted and Precedence. `unsubscribe` is an https: or a
    mailto: URI; one-click (RFC 8058) is offered for https: only. `date` is aware; `message_id` has its brackets.
    """

    sender: str
    recipient: str
    reply_to: str
    subject: str
    date: datetime
    message_id: str
    text: str | Encoded
    html: str | Encoded = ""
    images: Sequence[Image] = ()
    bulk: bool = False
    list_id: str = ""
    unsubscribe: str = ""
    feedback_id: str = ""
    in_reply_to: str = ""
    references: str = ""


def build_message(letter: Letter) -> bytes:
    """The mail as it goes over the wire. Raises TemplateError where a header cannot be written."""
    head, body = message_parts(letter)
    return head + body


def message_parts(letter: Letter) -> tuple[bytes, bytes]:
    """The mail as its header block, with the empty line that ends it, and its body: what a signer takes."""
    fields, body = _content(letter)
    return _headers(letter).encode() + fields + b"\r\n", body


def _headers(letter: Letter) -> str:
    fixed = _fixed_fields(letter.list_id, letter.feedback_id, letter.bulk)
    return "".join(
        (
            address_field("From", letter.sender),
            f"To: {checked('To', letter.recipient)}\r\n",
            f"Reply-To: {checked('Reply-To', letter.reply_to)}\r\n" if letter.reply_to else "",
            _subject(letter.subject),
            _date(letter.date.replace(microsecond=0)),
            raw_field("Message-ID", letter.message_id),
            raw_field("In-Reply-To", letter.in_reply_to) if letter.in_reply_to else "",
            tokens_field("References", letter.references) if letter.references else "",
            fixed[0],
            _unsubscribe(letter.unsubscribe) if letter.bulk and letter.unsubscribe else "",
            fixed[1],
        )
    )


@lru_cache(maxsize=256)
def _subject(subject: str) -> str:
    return text_field("Subject", subject)


@lru_cache(maxsize=16)
def _date(date: datetime) -> str:
    return f"Date: {format_datetime(date)}\r\n"


@lru_cache(maxsize=256)
def _fixed_fields(list_id: str, feedback_id: str, bulk: bool) -> tuple[str, str]:
    """The fields that all mails of an edition share, before and behind that of leaving."""
    if not bulk:
        return "", "MIME-Version: 1.0\r\n"
    feedback = raw_field("Feedback-ID", feedback_id) if feedback_id else ""
    machine = "Auto-Submitted: auto-generated\r\nPrecedence: bulk\r\nMIME-Version: 1.0\r\n"
    return _list_id(list_id) if list_id else "", feedback + machine


def _unsubscribe(unsubscribe: str) -> str:
    field = raw_field("List-Unsubscribe", f"<{unsubscribe}>")
    return f"{field}List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" if unsubscribe[:6] == "https:" else field


def _list_id(list_id: str) -> str:
    phrase, bracket, rest = list_id.rpartition("<")
    if not phrase.strip():
        return raw_field("List-Id", f"<{rest.rstrip('>')}>" if bracket else f"<{list_id}>")
    title = text_field("List-Id", phrase.strip()).removesuffix("\r\n")
    return f"{title}\r\n {checked('List-Id', bracket + rest)}\r\n"


def _content(letter: Letter) -> Part:
    text = _text_part("plain", letter.text)
    if not letter.html:
        return text
    html = _text_part("html", letter.html)
    mark = letter.message_id.strip("<>").partition("@")[0][:40]
    if letter.images:
        html = _multipart("related", f"=_{mark}_r", [html, *map(image_part, letter.images)], b'; type="text/html"')
    return _multipart("alternative", f"=_{mark}_a", [text, html])


def _multipart(subtype: str, boundary: str, parts: Sequence[Part], extra: bytes = b"") -> Part:
    """No encoded part can hold the boundary: quoted-printable never has =_ in it, base64 has no underscore."""
    line = boundary.encode()
    pieces = []
    for fields, content in parts:
        pieces += [b"\r\n--", line, b"\r\n", fields, b"\r\n", content]
    pieces += [b"\r\n--", line, b"--\r\n"]
    return f'Content-Type: multipart/{subtype}; boundary="{boundary}"'.encode() + extra + b"\r\n", b"".join(pieces)


def _text_part(subtype: str, text: str | Encoded) -> Part:
    encoding, body = encode_text(text) if isinstance(text, str) else text
    return f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n".encode(), body


@lru_cache(maxsize=64)
def image_part(image: Image) -> Part:
    """An image as a part of multipart/related (RFC 2387), encoded once."""
    name = checked("Content-Disposition", image.name)
    safe = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "._-") else "_" for sign in name)
    head = (
        f'Content-Type: {checked("Content-Type", image.media_type)}; name="{safe}"\r\n'
        f"Content-Transfer-Encoding: base64\r\n"
        f"Content-ID: <{checked('Content-ID', image.cid)}>\r\n"
        f'Content-Disposition: inline; filename="{safe}"\r\n'
    )
    return head.encode(), base64_lines(image.data)
