"""Raw bytes to a `ParsedMail`.

Law: never raises; what cannot be read is said in words. Size, headers, parts, depth and text are capped before they
are looked at (RELIABILITY, "What comes in is hostile"). RFC 5322, RFC 2045 to 2049, RFC 6522 (multipart/report).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import getaddresses, parsedate_to_datetime

from ..address import canonical_address
from ..errors import InputError
from . import mime
from .mail import Attachment, Headers, Limits, ParsedMail, Part

LIMITS = Limits()
MACHINE_PARTS = frozenset(
    "message/delivery-status message/global-delivery-status message/feedback-report message/rfc822 message/global"
    " message/global-headers text/rfc822-headers message/rfc822-headers message/disposition-notification"
    " message/global-disposition-notification text/calendar application/ics".split()
)
_ENCRYPTED = frozenset(("application/pkcs7-mime", "application/x-pkcs7-mime", "multipart/encrypted"))
_TO_US = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "to", "cc", "resent-to")
_ANGLE = re.compile(r"<([^<>\s]{1,400})>")
_PLAIN_ADDRESS = re.compile(r"[^\s<>\"',;:()]{1,64}@[^\s<>\"',;:()]{1,253}")
_NAME_AND_ADDRESS = re.compile(
    r"(?:([a-z0-9][\w-]{0,30}(?: [\w-]{1,30}){0,4}) )?<([a-z0-9_+-]{1,64}@[a-z0-9-]{1,60}(?:\.[a-z0-9-]{1,60}){1,4})>",
    re.ASCII | re.IGNORECASE,
)
"""How nearly every From is written: what the library would make of it is plain to see, at a fifth of the time."""
_RECEIVED_FOR = re.compile(r"\bfor <?([^\s<>;]{3,320})")


def parse_inbound(raw: bytes, limits: Limits = LIMITS) -> ParsedMail:
    """What a mail's bytes say. Never raises; see `faults` and `unreadable` for what could not be read."""
    reader = _Reader(limits)
    if len(raw) > limits.max_bytes:
        reader.fault(f"only the first {limits.max_bytes // 1000} kB were read")
        raw = raw[: limits.max_bytes]
    headers, body, faults = mime.split_head(raw, limits)
    for words in faults:
        reader.fault(words)
    reader.read(headers, body, 0)
    text, html = "\n\n".join(reader.texts), "\n".join(reader.htmls)
    kind = mime.media_type(headers)
    sender, sender_name = _author(headers)
    return ParsedMail(
        headers=headers,
        media_type=kind,
        report_type=mime.parameter(headers, "content-type", "report-type").lower(),
        text=text,
        html=html,
        attachments=tuple(reader.attachments),
        parts=tuple(reader.parts),
        sender=sender,
        sender_name=sender_name,
        recipients=_recipients(headers),
        return_path=_return_path(headers),
        subject=_first(headers, "subject")[:1000],
        message_id=next(iter(_message_ids(headers, ("message-id",))), ""),
        ancestors=tuple(_message_ids(headers, ("in-reply-to", "references"))),
        sent_at=_instant(_first(headers, "date")),
        faults=tuple(reader.faults),
        unreadable=_unreadable(headers, kind, reader, bool(text.strip() or html.strip())),
    )


def attached_files(raw: bytes, limits: Limits = LIMITS) -> list[tuple[Attachment, bytes]]:
    """The attachments of a mail with their contents, in the order in which `parse_inbound` lists them. Never raises."""
    reader = _Keeper(limits)
    headers, body, _ = mime.split_head(raw[: limits.max_bytes], limits)
    reader.read(headers, body, 0)
    return list(zip(reader.attachments, reader.contents, strict=True))


def parse_headers(block: bytes, limits: Limits = LIMITS) -> ParsedMail:
    """The headers of a returned message; its body is not looked at."""
    headers, _, _ = mime.split_head(block[: limits.header_bytes].lstrip(b"\r\n"), limits)
    sender, sender_name = _author(headers)
    return ParsedMail(
        headers=headers,
        sender=sender,
        sender_name=sender_name,
        recipients=_recipients(headers),
        return_path=_return_path(headers),
        subject=_first(headers, "subject")[:1000],
        message_id=next(iter(_message_ids(headers, ("message-id",))), ""),
        ancestors=tuple(_message_ids(headers, ("in-reply-to", "references"))),
    )


class _Reader:
    """Walks the parts of one mail, and counts what it may still look at."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.texts: list[str] = []
        self.htmls: list[str] = []
        self.attachments: list[Attachment] = []
        self.parts: list[Part] = []
        self.faults: list[str] = []
        self.seen = 0
        self.copied = 0
        self.encrypted = False

    def fault(self, words: str) -> None:
        if words not in self.faults:
            self.faults.append(words)

    def read(self, headers: Headers, body: bytes, depth: int) -> None:
        self.seen += 1
        if self.seen > self.limits.parts:
            return self.fault(f"more than {self.limits.parts} parts; the rest were left out")
        kind = mime.media_type(headers)
        self.encrypted = self.encrypted or kind in _ENCRYPTED
        if kind.startswith("multipart/"):
            return self.read_multipart(headers, body, depth)
        data = mime.decode_transfer(body, _first(headers, "content-transfer-encoding"))
        if kind in MACHINE_PARTS:
            self.parts.append(Part(kind, data[:1_000_000], mime.parameter(headers, "content-type", "charset")))
            if kind in ("message/rfc822", "message/global", "text/calendar", "application/ics"):
                self.attach(headers, kind, data)
        elif kind in ("text/plain", "text/html") and not self.is_attachment(headers):
            self.read_text(headers, kind, data)
        else:
            self.attach(headers, kind, data)
        return None

    def read_multipart(self, headers: Headers, body: bytes, depth: int) -> None:
        boundary = mime.parameter(headers, "content-type", "boundary")
        if depth >= self.limits.depth:
            return self.fault(f"parts nested deeper than {self.limits.depth}; the rest were left out")
        self.copied += len(body)
        if self.copied > 4 * self.limits.max_bytes:
            return self.fault("large parts nested in each other; the inner ones were left out")
        pieces = mime.split_parts(body, boundary, self.limits.parts - self.seen + 1) if boundary else []
        if not pieces:
            self.fault("a multipart body without its boundary was read as text")
            return self.read_text((), "text/plain", body)
        for piece in pieces:
            inner, rest, _ = mime.split_head(piece, self.limits)
            self.read(inner, rest, depth + 1)
        return None

    def is_attachment(self, headers: Headers) -> bool:
        disposition = _first(headers, "content-disposition").lower()
        return disposition.startswith("attachment")

    def read_text(self, headers: Headers, kind: str, data: bytes) -> None:
        room = self.limits.text_chars - sum(map(len, self.texts)) - sum(map(len, self.htmls))
        if len(data) > 4 * max(room, 0):
            self.fault("the text is very long and was cut")
            data = data[: 4 * max(room, 0)]
        text = mime.decode_bytes(data, mime.parameter(headers, "content-type", "charset"))[: max(room, 0)].replace(
            "\0", ""
        )
        if kind == "text/html":
            self.htmls.append(text)
            return
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if mime.parameter(headers, "content-type", "format").lower() == "flowed":
            text = mime.unflow(
                text, delete_space=mime.parameter(headers, "content-type", "delsp").lower().startswith("y")
            )
        if text.strip():
            self.texts.append(text.strip("\n"))

    def attach(self, headers: Headers, kind: str, data: bytes) -> None:
        if len(self.attachments) >= self.limits.attachments:
            return self.fault(f"more than {self.limits.attachments} attachments; the rest are not listed")
        name = mime.parameter(headers, "content-disposition", "filename")
        name = name or mime.parameter(headers, "content-type", "name")
        self.attachments.append(Attachment(name.replace("\\", "/").rpartition("/")[2][:200], kind, len(data)))
        return None


class _Keeper(_Reader):
    """A reader that keeps what is attached."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self.contents: list[bytes] = []

    def attach(self, headers: Headers, kind: str, data: bytes) -> None:
        before = len(self.attachments)
        super().attach(headers, kind, data)
        if len(self.attachments) > before:
            self.contents.append(data)


def _first(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key == name), "")


def _unreadable(headers: Headers, kind: str, reader: _Reader, has_words: bool) -> str:
    if not headers:
        return "it has no mail headers"
    if has_words or reader.parts:
        return ""
    if reader.encrypted:
        return "it is encrypted"
    if kind.startswith("multipart/") and not reader.attachments and reader.faults:
        return reader.faults[0]
    return ""


def _author(headers: Headers) -> tuple[str, str]:
    for name in ("from", "reply-to", "sender"):
        for shown, address in _addresses([_first(headers, name)]):
            return address, shown
    return "", ""


def _addresses(values: Iterable[str]) -> list[tuple[str, str]]:
    """(display name, plain address) of each that can be read."""
    found = []
    for value in values:
        quick = _NAME_AND_ADDRESS.fullmatch(value)
        if quick is not None and (plain := plain_address(quick[2])):
            found.append((quick[1] or "", plain))
            continue
        try:
            pairs = getaddresses([value]) if value.count("(") < 50 else []
        except (ValueError, TypeError, IndexError, AttributeError, RecursionError):
            pairs = []
        pairs = [pair for pair in pairs if "@" in pair[1]]
        pairs = pairs or [("", address) for address in _PLAIN_ADDRESS.findall(value)]
        for shown, address in pairs[:200]:
            plain = plain_address(address)
            if plain:
                found.append((mime.decode_value(shown)[:200], plain))
    return found


def plain_address(text: str) -> str:
    """The canonical form of an address, or nothing where it is none."""
    try:
        return canonical_address(text)
    except (InputError, ValueError, IndexError):
        return ""


def _recipients(headers: Headers) -> tuple[str, ...]:
    values = [value for name in _TO_US for key, value in headers if key == name]
    found = [address for _, address in _addresses(values)]
    for value in (value for key, value in headers if key == "received"):
        found += [plain_address(address) for address in _RECEIVED_FOR.findall(value)[:1]]
    return tuple(dict.fromkeys(address for address in found if address))


def _return_path(headers: Headers) -> str | None:
    """The reverse-path: "" for the null path of machines (RFC 5321 4.5.5), None where no server noted one."""
    value = next((value for key, value in headers if key in ("return-path", "x-envelope-from")), None)
    return None if value is None else plain_address(value.strip().strip("<>"))


def _message_ids(headers: Headers, names: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for name in names:
        ids = [one for key, value in headers if key == name for one in _ANGLE.findall(value)]
        bare = [] if ids else [value for key, value in headers if key == name and "@" in value]
        found += [f"<{one}>" for one in reversed(ids)] + [f"<{one.strip()[:400]}>" for one in bare]
    return list(dict.fromkeys(found))[:100]


def _instant(value: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(value[:100])
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
