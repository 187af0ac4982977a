"""The transfer encodings of a mail's parts (RFC 2045): quoted-printable for what people can read in it, else base64.

Law: CRLF only, and no line has more than 76 characters or begins with a dot: nothing has to be stuffed, or looked at
again, on the wire. What was encoded decodes to the very text.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from functools import lru_cache

Encoded = tuple[str, bytes]
"""The name of the transfer encoding and the encoded octets, which end in CRLF and keep the law above."""
WIDTH = 76
SOFT = b"=\r\n"
_UNSAFE = re.compile(rb"[^\t -<>-~]")
_SHORT_DOTTED = re.compile(rb"^\.(?=[^\r\n]{0,73}\r\n)", re.MULTILINE)
"""The dot in front of a line that has room for two characters more."""


def encode_text(text: str) -> Encoded:
    """`text` in the encoding that suits it: quoted-printable while most of it is ASCII.

    A reader of Greek or Japanese gets base64, a third of quoted-printable's size there.
    """
    text = unified(text).removesuffix("\n")
    if not text.isascii() and is_foreign(len(text.encode()) - len(text), len(text)):
        return "base64", base64_lines(f"{text}\n".replace("\n", "\r\n").encode())
    return "quoted-printable", quoted_lines(text.split("\n"))


def unified(text: str) -> str:
    """`text` with every line end as LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def is_foreign(extra: int, length: int) -> bool:
    """Whether a text of so many characters, with so many octets beyond one for each, is better in base64."""
    return extra * 4 > length


def base64_lines(data: bytes) -> bytes:
    """`data` in base64, CRLF after each 76 characters."""
    flat = binascii.b2a_base64(data, newline=False)
    return b"".join(flat[at : at + WIDTH] + b"\r\n" for at in range(0, len(flat), WIDTH))


def quoted(text: str) -> bytes:
    """`text`, which has no line end and no blank behind it, encoded without soft breaks and with no dot in front."""
    return undotted(_UNSAFE.sub(_hex, text.encode()))


def quoted_lines(lines: Sequence[str]) -> bytes:
    """Lines of text without line ends in them, each with its line end."""
    text, flat = "\r\n".join([*lines, ""]), "".join(lines)
    plain = flat.isascii() and flat.isprintable() and "=" not in flat and " \r\n" not in text
    if plain and max(map(len, lines)) <= WIDTH:
        octets = text.encode()
    else:
        octets = binascii.b2a_qp(text.encode(), istext=True)
    if b"\n." in octets or octets[:1] == b".":
        octets = _SHORT_DOTTED.sub(b"=2E", octets)
    if b"\n." not in octets and octets[:1] != b".":
        return octets
    return quoted_from("\n".join([*lines, ""]), 0)[0]


@lru_cache(maxsize=1000)
def quoted_from(text: str, column: int) -> tuple[bytes, int]:
    """`text` encoded from this column on, and the column behind it, where room is left for a soft break.

    Shapes differ in few of their pieces: what one of them had encoded is the other's, too.
    """
    made: list[bytes] = []
    *whole, last = unified(text).split("\n")
    for line in whole:
        rest = _broken(_line(line), column, WIDTH, made)[0]
        made += [rest, b"\r\n"]
        column = 0
    rest, column = _broken(quoted(last), column, WIDTH - 1, made)
    made.append(rest)
    return b"".join(made), column + len(rest)


def cut_before(octets: bytes, at: int) -> int:
    """The last place not behind `at` that parts no =XX."""
    at = max(at, 0)
    for back in (1, 2):
        if at >= back and octets[at - back : at - back + 1] == b"=":
            return at - back
    return at


def undotted(octets: bytes) -> bytes:
    """Encoded octets for the beginning of a line."""
    return b"=2E" + octets[1:] if octets.startswith(b".") else octets


def _broken(octets: bytes, column: int, width: int, made: list[bytes]) -> tuple[bytes, int]:
    """Put what is too long for one line into `made`, with soft breaks; the rest, and the column where it begins."""
    while column + len(octets) > width:
        cut = cut_before(octets, WIDTH - 1 - column)
        made += [octets[:cut], SOFT]
        octets, column = undotted(octets[cut:]), 0
    return octets, column


def _line(line: str) -> bytes:
    """A line before its line end: a blank there would be lost on the way (RFC 2045 6.7, rule 3)."""
    octets = quoted(line)
    return octets[:-1] + b"=%02X" % octets[-1] if octets[-1:] in (b" ", b"\t") else octets


def _hex(found: re.Match[bytes]) -> bytes:
    return b"=%02X" % found[0][0]
