"""Header fields of a mail, encoded and folded by ourselves.

Law: no control character ever enters a header; a line has at most 78 characters where it can be folded and never
more than 998 (RFC 5322 2.1.1); text beyond ASCII becomes encoded words of at most 75 characters (RFC 2047).
"""

from __future__ import annotations

import re
from base64 import b64encode
from email.utils import parseaddr
from functools import lru_cache

from ..address import canonical_address
from ..errors import InputError, TemplateError

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_WIDTH = 78
_LONGEST = 998
_WORD_BYTES = 45


def checked(name: str, value: str) -> str:
    """`value` unless it holds a control character: then raises TemplateError naming the header."""
    found = CONTROL.search(value)
    if found is not None:
        raise TemplateError(
            f"the header {name} would hold the control character U+{ord(found[0]):04X}",
            excerpt=ascii(value[max(0, found.start() - 20) : found.end() + 20]),
            remedy="Headers are one line of plain text. Look at the value printed there.",
        )
    return value


def text_field(name: str, value: str) -> str:
    """A field of free text such as Subject, ending in CRLF."""
    value = checked(name, value)
    if value.isascii() and "=?" not in value and value == value.strip() and "  " not in value:
        return _folded(name, value)
    return f"{name}: {_encoded_words(value, len(name) + 2)}\r\n"


def raw_field(name: str, value: str) -> str:
    """A structured field on one line: never folded, never encoded. Raises TemplateError when it cannot stand so."""
    value = checked(name, value)
    if len(name) + 2 + len(value.encode()) > _LONGEST:
        raise TemplateError(f"the header {name} is longer than {_LONGEST} characters")
    return f"{name}: {value}\r\n"


def tokens_field(name: str, value: str) -> str:
    """A structured field of tokens between spaces, such as References: folded at spaces only."""
    return _folded(name, checked(name, value))


@lru_cache(maxsize=1024)
def address_field(name: str, value: str) -> str:
    """From, To or Reply-To: `value` is an address, or a display name and <address>.

    A domain is written in ASCII (IDNA); a local part beyond it is refused: only with SMTPUTF8 may a header hold one.
    """
    value = checked(name, value)
    display, address = parseaddr(value)
    if "@" not in address:
        raise TemplateError(f"the header {name} has no address: {value!r}")
    if not address.isascii():
        address = _ascii_address(name, address)
    if not display:
        return f"{name}: {address}\r\n"
    if not display.isascii() or "=?" in display:
        phrase = _encoded_words(display, len(name) + 2)
    elif _ATOMS.fullmatch(display):
        phrase = display
    else:
        phrase = '"' + display.replace("\\", "\\\\").replace('"', '\\"') + '"'
    last = phrase.rpartition("\r\n")[2]
    used = len(last) + (len(name) + 2 if last == phrase else 0)
    gap = " " if used + len(address) + 3 <= _WIDTH else "\r\n "
    return f"{name}: {phrase}{gap}<{address}>\r\n"


def _ascii_address(name: str, address: str) -> str:
    try:
        plain = canonical_address(address)
    except InputError as wrong:
        raise TemplateError(f"the header {name} has no address: {wrong.message}") from None
    if not plain.isascii():
        raise TemplateError(
            f"the header {name} has an address with letters before the @ that few servers take: {plain}"
        )
    return plain


def _folded(name: str, value: str) -> str:
    if len(name) + 2 + len(value) <= _WIDTH:
        return f"{name}: {value}\r\n"
    lines, line = [], f"{name}:"
    for word in value.split():
        if len(line) + 1 + len(word) > _WIDTH and line != f"{name}:":
            lines.append(line)
            line = ""
        line += f" {word}"
    lines.append(line)
    if any(len(line) > _LONGEST for line in lines):
        return f"{name}: {_encoded_words(value, len(name) + 2)}\r\n"
    return "\r\n".join(lines) + "\r\n"


def _encoded_words(value: str, used: int) -> str:
    """`value` as encoded words, broken between characters; the first line has `used` characters already."""
    words, piece, size = [], "", 0
    room = max(9, min(_WORD_BYTES, (_WIDTH - used - 12) * 3 // 4))
    for character in value:
        weight = len(character.encode())
        if size + weight > room:
            words.append(piece)
            piece, size, room = "", 0, _WORD_BYTES
        piece += character
        size += weight
    words.append(piece)
    return "\r\n ".join(f"=?utf-8?B?{b64encode(word.encode()).decode()}?=" for word in words)
