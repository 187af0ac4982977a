"""The bytes of a mail taken apart: header lines, parts by their boundary, transfer encodings, charsets.

Law: never raises, and every step is linear in the bytes: the library's own parser is quadratic on nested MIME and
on long parameters, so that boundaries are sought here and only single, capped header values are handed to it.
RFC 5322 2.2, RFC 2045 to 2047, RFC 2231, RFC 3676 (format=flowed).
"""

from __future__ import annotations

import binascii
import codecs
import quopri
import re
from contextlib import suppress
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message

from .mail import Headers, Limits

_NAME = re.compile(r"([!-9;-~]{1,200})[ \t]*:(.*)", re.DOTALL)
_BLANK = re.compile(rb"\r?\n\r?\n|\r\r")
_SUPERSETS = {
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "iso-8859-9": "cp1254",
    "iso-8859-8-i": "iso-8859-8",
    "shift_jis": "cp932",
}
_NO_CHARSETS = frozenset(("idna", "punycode", "unicode_escape", "raw-unicode-escape", "unicode-escape", "undefined"))
ADDRESSED = frozenset(("from", "sender", "reply-to", "to", "cc", "resent-to"))
"""Headers whose encoded words are decoded after the addresses are taken apart: a decoded name may hold a comma."""
_UNSAFE = (LookupError, ValueError, TypeError, AttributeError, HeaderParseError, binascii.Error, RecursionError)


def split_head(raw: bytes, limits: Limits) -> tuple[Headers, bytes, list[str]]:
    """The decoded headers, the body, and what was cut."""
    faults: list[str] = []
    if raw[:5] == b"From ":
        raw = raw[raw.find(b"\n") + 1 :]
    if raw[:2] == b"\r\n" or raw[:1] == b"\n":
        return (), raw.lstrip(b"\r\n"), faults
    end = _BLANK.search(raw, 0, limits.header_bytes)
    if end:
        head, body = raw[: end.start()], raw[end.end() :]
    else:
        head, body = raw[: limits.header_bytes], raw[limits.header_bytes :]
        if body:
            faults.append("the headers are too long and were cut")
    headers: list[tuple[str, str]] = []
    for line in _unfold(guess_text(head)):
        found = _NAME.match(line)
        if found is None:
            continue
        if len(headers) >= limits.header_count:
            faults.append("too many headers; the rest were left out")
            break
        name, value = found[1].lower(), found[2][: limits.value_chars]
        headers.append((name, plain_value(value) if name in ADDRESSED else decode_value(value)))
    if not headers:
        return (), raw, faults
    return tuple(headers), body, faults


def _unfold(head: str) -> list[str]:
    lines: list[list[str]] = []
    for line in head.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        if line[:1] in (" ", "\t") and lines:
            lines[-1].append(" " + line.strip())
        else:
            lines.append([line])
    return ["".join(parts) for parts in lines]


def decode_value(value: str) -> str:
    """A header's text: encoded words decoded (RFC 2047), control characters and line breaks as blanks."""
    if "=?" in value:
        with suppress(*_UNSAFE):
            value = "".join(
                said if isinstance(said, str) else decode_bytes(said, charset or "")
                for said, charset in decode_header(value)
            )
    return plain_value(value)


def plain_value(value: str) -> str:
    """A header's text without control characters and line breaks, its encoded words as they are."""
    return value.strip() if value.isprintable() else "".join(c if c.isprintable() else " " for c in value).strip()


def parameter(headers: Headers, header: str, name: str) -> str:
    """A parameter of a structured header (RFC 2231 continuations and charsets included), or nothing."""
    value = next((text for key, text in headers if key == header), "")[:2_000]
    if "=" not in value:
        return ""
    message = Message()
    try:
        message[header] = value
        found = message.get_param(name, "", header, unquote=True)
        if isinstance(found, tuple):
            return plain_value(decode_bytes(found[2].encode("latin-1", "replace"), found[0] or "utf-8"))
        return decode_value(str(found or ""))
    except _UNSAFE:
        return ""


def media_type(headers: Headers) -> str:
    """The media type in lower case; text/plain where none can be read (RFC 2045 5.2)."""
    value = next((text for key, text in headers if key == "content-type"), "")
    kind = value[:200].partition(";")[0].strip().lower()
    return kind if kind.count("/") == 1 and " " not in kind and not kind.startswith("/") else "text/plain"


def split_parts(body: bytes, boundary: str, most: int) -> list[bytes]:
    """The bodies between the lines of this boundary, at most `most` of them (RFC 2046 5.1.1)."""
    mark = b"--" + boundary.encode("utf-8", "replace").rstrip()
    found: list[bytes] = []
    begun, at = -1, body.find(mark)
    while at >= 0 and len(found) < most:
        end = body.find(b"\n", at)
        line_end = len(body) if end < 0 else end
        rest = body[at + len(mark) : min(line_end, at + len(mark) + 80)].strip()
        if (at == 0 or body[at - 1] in b"\r\n") and rest in (b"", b"--"):
            if begun >= 0:
                found.append(_without_break(body[begun:at]))
            if rest:
                return found
            begun = line_end + 1
        at = body.find(mark, line_end)
    if begun >= 0 and len(found) < most and begun < len(body):
        found.append(body[begun:])
    return found


def _without_break(part: bytes) -> bytes:
    return part[:-2] if part.endswith(b"\r\n") else part[:-1] if part.endswith((b"\n", b"\r")) else part


def decode_transfer(body: bytes, encoding: str) -> bytes:
    """`body` without its transfer encoding; damaged base64 gives what can be had."""
    encoding = encoding.strip().lower()
    try:
        if encoding == "quoted-printable":
            return quopri.decodestring(body)
        if encoding == "base64":
            kept = re.sub(rb"[^A-Za-z0-9+/]", b"", body)
            kept = kept[: len(kept) - (len(kept) % 4 == 1)]
            return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))
    except _UNSAFE:
        return body
    return body


def decode_bytes(data: bytes, charset: str) -> str:
    """`data` as text: by its charset where that fits, else UTF-8 where that fits, else Windows-1252."""
    if data[:3] == codecs.BOM_UTF8:
        return data[3:].decode("utf-8", "replace")
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return data.decode("utf-16", "replace")
    name = charset.strip().strip("\"'").lower()
    name = _SUPERSETS.get(name, name)
    if name and name not in _NO_CHARSETS:
        try:
            return data.decode(name)
        except _UNSAFE:
            pass
    return guess_text(data)


def guess_text(data: bytes) -> str:
    """`data` as text where nothing says its charset."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def unflow(text: str, *, delete_space: bool) -> str:
    """Lines of format=flowed joined to their paragraphs (RFC 3676 4); the signature mark stays."""
    lines: list[list[str]] = []
    flowing, last_depth = False, 0
    for line in text.replace("\r\n", "\n").split("\n"):
        bare = line.lstrip(">")
        depth = len(line) - len(bare)
        bare = bare[1:] if bare.startswith(" ") else bare
        if flowing and depth == last_depth and bare != "-- ":
            lines[-1].append(bare)
        else:
            lines.append([">" * depth + " " * bool(depth), bare])
        flowing = bare.endswith(" ") and bare != "-- "
        if flowing and delete_space:
            lines[-1][-1] = lines[-1][-1][:-1]
        last_depth = depth
    return "\n".join("".join(parts) for parts in lines)
