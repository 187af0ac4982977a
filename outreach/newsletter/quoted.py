"""Quoted-printable (RFC 2045 6.7) with holes: what every reader gets is encoded once, a printed value at its place.

Law: whatever the values, the octets keep the law of `encoding`. Each hole has room for a value of the usual length; a
longer one gets lines of its own between soft breaks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from operator import itemgetter

from markupsafe import escape

from .encoding import SOFT, WIDTH, cut_before, quoted, quoted_from, undotted
from .sandbox import keeps_its_blanks

LEAST_ROOM, MOST_ROOM, SPARE = 8, 70, 6

_SIMPLE = re.compile(r"(?!\.)[!#-%(-;=?-~]+(?: [!#-%(-;=?-~]+)*")
"""Visible ASCII without what HTML writes otherwise, single blanks inside, no dot in front."""


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
            self.quoted = self.quoted_html = (text.replace("=", "=3D") if "=" in text else text).encode()
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
        self._still: list[bytes] = _laid_out(pieces, rooms)
        self._take = itemgetter(*numbers) if numbers else None
        self._single = len(numbers) == 1

    def fill(self, values: Sequence[bytes]) -> bytes:
        """The octets with hole number n holding `values[n]`, which `fitted` has made."""
        if self._take is None:
            return self._still[0]
        pieces = self._still.copy()
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
        cut = cut_before(rest, WIDTH - 1)
        lines.append(rest[:cut])
        rest = undotted(rest[cut:])
    return SOFT.join([b"", *lines, rest, b""])


def _laid_out(pieces: Sequence[str], rooms: Sequence[int]) -> list[bytes]:
    """The encoded texts between the holes; an empty place stands for each hole."""
    made: list[bytes] = []
    column = 0
    for at, piece in enumerate(pieces):
        if at % 2 == 0:
            octets, column = quoted_from(piece, column)
            made.append(octets)
            continue
        room = rooms[int(piece)]
        if column + room >= WIDTH:
            made[-1] += SOFT
            column = 0
        column += room
        made.append(b"")
    return made
