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
    """All that goes into one mail. `html` "" makes a plain text mail.

    `bulk` adds List-Id, List-Unsubscribe, Feedback-ID, Auto-Submitted and Precedence. `unsubscribe` is an https: or a
    mailto: URI; one-click (RFC 8058) is offered for https: only. `date` is aware; `message_id` has its brackets.
    """

    sender: str
    recipient: str
    reply_to: str
    subject: str
    date: datetime
    message_id: str
    text: str
    html: str = ""
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
    paper = Letterhead(
        letter.sender,
        bulk=letter.bulk,
        list_id=letter.list_id,
        feedback_id=letter.feedback_id,
        in_reply_to=letter.in_reply_to,
        references=letter.references,
    )
    content = Content(letter.subject, letter.text, letter.html, letter.images)
    return paper.write(content, letter.recipient, letter.reply_to, letter.date, letter.message_id, letter.unsubscribe)


@dataclass(frozen=True, slots=True)
class Content:
    """What one reader gets to see; either part may be encoded already. `calendar`: an invitation (RFC 6047)."""

    subject: str
    text: str | Encoded
    html: str | Encoded = ""
    images: Sequence[Image] = ()
    calendar: str = ""


class Letterhead:
    """The header fields that all mails of an edition share, written once. The arguments are those of a `Letter`.

    `auto_submitted` marks a single mail that no person wrote (RFC 3834 5): auto-generated, auto-replied.
    """

    def __init__(
        self,
        sender: str,
        *,
        bulk: bool,
        list_id: str,
        feedback_id: str,
        in_reply_to: str,
        references: str,
        auto_submitted: str = "",
    ) -> None:
        self._bulk = bulk
        self._from = address_field("From", sender)
        answer = raw_field("In-Reply-To", in_reply_to) if in_reply_to else ""
        answer += tokens_field("References", references) if references else ""
        feedback = raw_field("Feedback-ID", feedback_id) if feedback_id and bulk else ""
        self._before = answer + (_list_id(list_id) if list_id and bulk else "")
        machine = raw_field("Auto-Submitted", auto_submitted) if auto_submitted else ""
        self._behind = f"{feedback}{_MACHINE if bulk else machine}MIME-Version: 1.0\r\n"

    def write(
        self, content: Content, recipient: str, reply_to: str, date: datetime, message_id: str, unsubscribe: str
    ) -> tuple[bytes, bytes]:
        """One mail: its header block, and its body. Raises TemplateError where a header cannot be written."""
        fields, body = _content(content, message_id)
        reply = f"Reply-To: {checked('Reply-To', reply_to)}\r\n" if reply_to else ""
        leave = _unsubscribe(unsubscribe) if self._bulk and unsubscribe else ""
        head = (
            f"{self._from}To: {checked('To', recipient)}\r\n{reply}{_subject(content.subject)}"
            f"{_date(date.replace(microsecond=0))}{raw_field('Message-ID', message_id)}"
            f"{self._before}{leave}{self._behind}"
        )
        return head.encode() + fields + b"\r\n", body


_MACHINE = "Auto-Submitted: auto-generated\r\nPrecedence: bulk\r\n"


@lru_cache(maxsize=256)
def _subject(subject: str) -> str:
    return text_field("Subject", subject)


@lru_cache(maxsize=16)
def _date(date: datetime) -> str:
    return f"Date: {format_datetime(date)}\r\n"


def _unsubscribe(unsubscribe: str) -> str:
    field = raw_field("List-Unsubscribe", f"<{unsubscribe}>")
    return f"{field}List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" if unsubscribe[:6] == "https:" else field


def _list_id(list_id: str) -> str:
    phrase, bracket, rest = list_id.rpartition("<")
    if not phrase.strip():
        return raw_field("List-Id", f"<{rest.rstrip('>')}>" if bracket else f"<{list_id}>")
    title = text_field("List-Id", phrase.strip()).removesuffix("\r\n")
    return f"{title}\r\n {checked('List-Id', bracket + rest)}\r\n"


def _content(content: Content, message_id: str) -> Part:
    text = _text_part("plain", content.text)
    mark = message_id.strip("<>").partition("@")[0][:40]
    if not content.html:
        return text if not content.calendar else _alternative(mark, [text], content.calendar)
    html = _text_part("html", content.html)
    if content.images:
        html = _multipart("related", f"=_{mark}_r", [html, *map(image_part, content.images)], '; type="text/html"')
    return _alternative(mark, [text, html], content.calendar)


def _alternative(mark: str, parts: list[Part], calendar: str) -> Part:
    """The last part is the richest; mail programs that know calendars show their buttons (RFC 6047 2.4)."""
    if calendar:
        parts = [*parts, _calendar_part(calendar)]
    return _multipart("alternative", f"=_{mark}_a", parts)


def _calendar_part(calendar: str) -> Part:
    method = calendar.partition("METHOD:")[2].partition("\r\n")[0]
    encoding, body = encode_text(calendar)
    head = f"Content-Type: text/calendar; charset=utf-8; method={checked('Content-Type', method)}\r\n"
    return f"{head}Content-Transfer-Encoding: {encoding}\r\n".encode(), body


def _multipart(subtype: str, boundary: str, parts: Sequence[Part], extra: str = "") -> Part:
    """No encoded part can hold the boundary: quoted-printable never has =_ in it, base64 has no underscore."""
    between = f"\r\n--{boundary}\r\n".encode()
    pieces = []
    for fields, content in parts:
        pieces += [between, fields, b"\r\n", content]
    pieces += [between[:-2], b"--\r\n"]
    return f'Content-Type: multipart/{subtype}; boundary="{boundary}"{extra}\r\n'.encode(), b"".join(pieces)


def _text_part(subtype: str, text: str | Encoded) -> Part:
    encoding, body = encode_text(text) if isinstance(text, str) else text
    return _part_fields(subtype, encoding), body


@lru_cache(maxsize=8)
def _part_fields(subtype: str, encoding: str) -> bytes:
    return f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n".encode()


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
