"""Quoted-printable (RFC 2045 6.7) with holes: what every reader gets is encoded once, a printed value at its place.

Law: a line has at most 76 characters and never begins with a dot, so that nothing has to be stuffed or looked at again
on the wire; CR and LF stand only in line ends of ours. Each hole has room for a value of the usual length; a longer
one gets lines of its own between soft breaks. What was encoded decodes to the very page.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from operator import itemgetter

from markupsafe import escape

from .sandbox import keeps_its_blanks

WIDTH = 76
SOFT = b"=\r\n"
LEAST_ROOM, MOST_ROOM, SPARE = 8, 70, 6

_SIMPLE = re.compile(r"(?!\.)[!#-%(-;?-~]+(?: [!#-%(-;?-~]+)*")
"""Visible ASCII without what HTML or quoted-printable write otherwise, single blanks inside, no dot in front."""
_UNSAFE = re.compile(rb"[^\t -<>-~]")


class Value:
    """A printed value in all the ways in which a mail spells it, made once for as many places as it stands at.

    `extra` counts its octets beyond one a character; `markable` means that it may be left out of a page and put in
    later without changing what stands around it.
    """

    __slots__ = ("extra", "html", "markable", "quoted", "quoted_html", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        if _SIMPLE.fullmatch(text):
            self.html = text
            self.quoted = self.quoted_html = text.encode()
            self.extra = 0
            self.markable = True
            return
        self.html = str(escape(text))
        self.quoted, self.quoted_html = quoted(text), quoted(self.html)
        self.extra = len(text.encode()) - len(text)
        self.markable = keeps_its_blanks(text)


class QuotedPattern:
    """A text with holes, encoded but for what fills them. `pieces` are text, number of a hole, text, and so on.

    `rooms` says for each number how many characters are kept free; the text ends in a line end.
    """

    def __init__(self, pieces: Sequence[str], rooms: Sequence[int]) -> None:
        numbers = [int(piece) for piece in pieces[1::2]]
        self._fixed: list[bytes] = _laid_out(pieces, rooms)
        self._take = itemgetter(*numbers) if numbers else None
        self._single = len(numbers) == 1

    def fill(self, values: Sequence[bytes]) -> bytes:
        """The octets with hole number n holding `values[n]`, which `fitted` has made."""
        if self._take is None:
            return self._fixed[0]
        pieces = self._fixed.copy()
        pieces[1::2] = [self._take(values)] if self._single else self._take(values)
        return b"".join(pieces)


def room_for(value: bytes) -> int:
    """The characters to keep free for values such as this encoded one."""
    return min(MOST_ROOM, max(LEAST_ROOM, len(value) + SPARE))


def fitted(value: bytes, room: int) -> bytes:
    """An encoded value as it goes into a hole with so much room: as it is, or on lines of its own."""
    if len(value) <= room:
        return value
    lines, rest = [], value
    while len(rest) >= WIDTH:
        cut = _cut(rest, WIDTH - 1)
        lines.append(rest[:cut])
        rest = _undotted(rest[cut:])
    return SOFT.join([b"", *lines, rest, b""])


def quoted(text: str) -> bytes:
    """`text`, which has no line end and no blank behind it, encoded without soft breaks and with no dot in front."""
    return _undotted(_UNSAFE.sub(_hex, text.encode()))


def quoted_lines(lines: Sequence[str]) -> bytes:
    """Lines of text, each with its line end; a blank that does not break becomes one that does."""
    text, flat = "\r\n".join([*lines, ""]).replace("\xa0", " "), "".join(lines).replace("\xa0", " ")
    if "\r" not in flat:
        plain = flat.isascii() and flat.isprintable() and "=" not in flat and " \r\n" not in text
        if plain and max(map(len, lines)) <= WIDTH:
            octets = text.encode()
        else:
            octets = binascii.b2a_qp(text.encode(), istext=True)
        if b"\n." not in octets and octets[:1] != b".":
            return octets
    return _laid_out(["\n".join([*lines, ""]).replace("\xa0", " ")], ())[0]


def _laid_out(pieces: Sequence[str], rooms: Sequence[int]) -> list[bytes]:
    """The encoded texts between the holes; an empty place stands for each hole."""
    made: list[bytes] = []
    column = 0
    for at, piece in enumerate(pieces):
        if at % 2 == 0:
            octets, column = _encoded(piece, column)
            made.append(octets)
            continue
        room = rooms[int(piece)]
        if column + room >= WIDTH:
            made[-1] += SOFT
            column = 0
        column += room
        made.append(b"")
    return made


def _encoded(text: str, column: int) -> tuple[bytes, int]:
    """`text` encoded from this column on, and the column behind it; a hole or the end follows."""
    made: list[bytes] = []
    *whole, last = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for line in whole:
        rest, column = _broken(_line(line), column, WIDTH, made)
        made += [rest, b"\r\n"]
        column = 0
    rest, column = _broken(quoted(last), column, WIDTH - 1, made)
    made.append(rest)
    return b"".join(made), column + len(rest)


def _broken(octets: bytes, column: int, width: int, made: list[bytes]) -> tuple[bytes, int]:
    """Put what is too long for one line into `made`, with soft breaks; the rest, and the column where it begins."""
    while column + len(octets) > width:
        cut = _cut(octets, WIDTH - 1 - column)
        made += [octets[:cut], SOFT]
        octets, column = _undotted(octets[cut:]), 0
    return octets, column


def _line(line: str) -> bytes:
    """A line before its line end: a blank there would be lost on the way (RFC 2045 6.7, rule 3)."""
    octets = quoted(line)
    return octets[:-1] + b"=%02X" % octets[-1] if octets[-1:] in (b" ", b"\t") else octets


def _cut(octets: bytes, at: int) -> int:
    """The last place not behind `at` that parts no =XX."""
    at = max(at, 0)
    for back in (1, 2):
        if at >= back and octets[at - back : at - back + 1] == b"=":
            return at - back
    return at


def _undotted(octets: bytes) -> bytes:
    return b"=2E" + octets[1:] if octets.startswith(b".") else octets


def _hex(found: re.Match[bytes]) -> bytes:
    return b"=%02X" % found[0][0]
