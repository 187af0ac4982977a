"""A page whose values are left out, and both parts of the mail made of it for each reader.

Law: all that readers of one shape share is worked out once: the inlined HTML, the pattern of its text, and both in
their transfer encoding. What it costs to fill grows with the values printed and not with the size of the mail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from ..prose import html_to_text
from ..prose.pattern import Paragraph, TextPattern, wrapped, wrapped_narrow
from .encoding import WIDTH, Encoded, encode_text, is_foreign, quoted_lines, unified
from .quoted import QuotedPattern, Value, fitted, room_for
from .tracked import without_leads

Kept = dict[Paragraph, "_ParagraphPrinting"]
"""The paragraphs of an edition: most shapes share most of theirs, and what filled them before."""
MOST_PARAGRAPHS, MOST_KEPT = 500, 500
"""So many filled paragraphs are kept by their words, for each paragraph: a plan or a town is said to many."""


class Shape:
    """`pieces` are HTML (with where counted links lead, for the text), number of a hole, HTML, and so on; `images` are
    the Content-IDs that it shows.
    """

    def __init__(self, pieces: Sequence[str], pattern: TextPattern | None, images: tuple[str, ...], kept: Kept) -> None:
        self.kept = kept
        self._told = tuple(pieces)
        self.pieces = tuple(without_leads(piece) for piece in pieces)
        self.order = tuple(int(number) for number in pieces[1::2])
        self.pattern, self.images = pattern, images
        self._printing: _Printing | None = None
        self._seen = False

    def html(self, values: Sequence[Value]) -> str:
        """The page with hole number n holding `values[n]`."""
        return self._filled(self.pieces, values)

    def _filled(self, parts: Sequence[str], values: Sequence[Value]) -> str:
        pieces = list(parts)
        pieces[1::2] = [values[number].html for number in self.order]
        return "".join(pieces)

    def text(self, values: Sequence[Value]) -> str:
        """The page's text, by its pattern unless these values set a link otherwise."""
        known = None if self.pattern is None else self.pattern.fill([value.text for value in values])
        return self.own_text(values) if known is None else known

    def own_text(self, values: Sequence[Value]) -> str:
        """The page's text, made for these values alone."""
        return html_to_text(self._filled(self._told, values))

    def encoded(self, values: Sequence[Value]) -> tuple[Encoded, Encoded]:
        """The text and the HTML as they go into the mail."""
        if self._printing is None:
            if not self._seen:  # a shape that is one person's alone is not worth the work
                self._seen = True
                return encode_text(self.text(values)), encode_text(self.html(values))
            self._printing = _Printing(self, values)
        return self._printing.text(values), self._printing.html(values)


class _Printing:
    """Both parts of a shape, encoded but for the values; room is kept for values as long as the first reader's."""

    def __init__(self, shape: Shape, first: Sequence[Value]) -> None:
        self._shape = shape
        self._rooms = [room_for(value.quoted_html) for value in first]
        self._html = QuotedPattern(_ended(shape.pieces), self._rooms)
        self._weight = _Weight([shape.pieces])
        self._text = None if shape.pattern is None else _TextPrinting(shape.pattern, first, shape.kept)

    def html(self, values: Sequence[Value]) -> Encoded:
        if self._weight.is_foreign(values):
            return encode_text(self._shape.html(values))
        ready = [
            octets if len(octets := value.quoted_html) <= room else fitted(octets, room)
            for value, room in zip(values, self._rooms, strict=True)
        ]
        return "quoted-printable", self._html.fill(ready)

    def text(self, values: Sequence[Value]) -> Encoded:
        printing = self._text
        words = [value.text for value in values]
        if printing is None or not printing.pattern.agrees(words):
            return encode_text(self._shape.own_text(values))
        if printing.weight.is_foreign(values):
            text = printing.pattern.fill(words)
            assert text is not None
            return encode_text(text)
        return "quoted-printable", printing.fill(values, words)


class _Weight:
    """How much of a text with holes is foreign: what stands still, and how often each value is shown."""

    def __init__(self, texts: Iterable[Sequence[str]]) -> None:
        self._extra = self._length = 0
        counts: Counter[int] = Counter()
        for pieces in texts:
            for still in pieces[::2]:
                self._extra += len(still.encode()) - len(still)
                self._length += len(still)
            counts.update(map(int, pieces[1::2]))
        self._counts = sorted(counts.items())

    def is_foreign(self, values: Sequence[Value]) -> bool:
        """Whether base64 is the better encoding with these values."""
        extra = self._extra
        for number, count in self._counts:
            if values[number].extra:
                extra += values[number].extra * count
        if not is_foreign(extra, self._length):
            return False
        return is_foreign(extra, self._length + sum(len(values[number].text) * count for number, count in self._counts))


class _TextPrinting:
    """A text pattern whose ready lines are encoded, and whose paragraphs wait for their words."""

    def __init__(self, pattern: TextPattern, first: Sequence[Value], kept: Kept) -> None:
        self.pattern = pattern
        self._rooms = [room_for(value.quoted) for value in first]
        self.weight = _Weight(pattern.texts())
        self._parts: list[bytes | _ParagraphPrinting] = []
        ready: list[str] = []
        for part in _trimmed(pattern):
            if isinstance(part, str):
                ready.append(_said(part))
                continue
            self._parts += [quoted_lines(ready)] if ready else []
            ready = []
            self._parts.append(_printing(part, kept))
        self._parts += [quoted_lines(ready)] if ready else []
        pieces = [""]
        for first_piece, *rest in pattern.footnotes():
            pieces[-1] += first_piece
            pieces += rest
            pieces[-1] += "\n"
        self._footnotes = QuotedPattern([_said(piece) for piece in pieces], self._rooms) if pattern.targets else None

    def fill(self, values: Sequence[Value], words: Sequence[str]) -> bytes:
        made = [part if isinstance(part, bytes) else part.fill(words) for part in self._parts]
        if self._footnotes is not None:
            ready = [
                octets if len(octets := value.quoted) <= room else fitted(octets, room)
                for value, room in zip(values, self._rooms, strict=True)
            ]
            made.append(self._footnotes.fill(ready))
        return b"".join(made)


class _ParagraphPrinting:
    """A paragraph, wrapped and encoded for each reader; what the same words gave before is used again.

    Where hardly anybody has the same words nothing is kept: what is looked for in vain only costs.
    """

    def __init__(self, paragraph: Paragraph) -> None:
        self._paragraph = paragraph
        self._lines = [_template(line) for line in paragraph.lines]
        self._take = itemgetter(*(int(number) for line in paragraph.lines for number in line[1::2]))
        self._framed = bool(paragraph.first or paragraph.rest or paragraph.underline)
        template, take = self._lines[0]
        self._single = (template, take) if len(self._lines) == 1 and take is not None and not self._framed else None
        self._kept: dict[Any, bytes] | None = {}
        self._made_anew = self._asked = 0

    def fill(self, words: Sequence[str]) -> bytes:
        if self._kept is None:
            return self._made(words)
        mine = self._take(words)
        self._asked += 1
        kept = self._kept.get(mine)
        if kept is None:
            kept = self._kept[mine] = self._made(words)
            self._made_anew += 1
            if len(self._kept) >= MOST_KEPT:
                self._kept = None if 2 * self._made_anew > self._asked else {}
                self._made_anew = self._asked = 0
        return kept

    def _made(self, words: Sequence[str]) -> bytes:
        paragraph = self._paragraph
        octets = self._quickly(words)
        if octets is not None:
            return octets
        lines: list[str] = []
        for template, take in self._lines:
            lines += wrapped(template if take is None else template % take(words), paragraph.room)
        if self._framed:
            lines = paragraph.framed(lines)
        return quoted_lines([_said(line) for line in lines])

    def _quickly(self, words: Sequence[str]) -> bytes | None:
        """The same where nothing has to be encoded, as mostly; None where something might have to be."""
        if self._single is None:
            return None
        template, take = self._single
        text = template % take(words)
        if not (text.isascii() and text.isprintable()) or "=" in text or "  " in text or text[-1:] == " ":
            return None
        lines = wrapped_narrow(text, self._paragraph.room)
        if len(lines) > 1 or len(text) > WIDTH:
            if max(map(len, lines)) > WIDTH:
                return None
            text = "\r\n".join(lines)
        return None if text[:1] == "." or "\n." in text else f"{text}\r\n".encode()


def _printing(paragraph: Paragraph, kept: Kept) -> _ParagraphPrinting:
    """The printing of a paragraph, made once for all shapes that have it."""
    if len(kept) >= MOST_PARAGRAPHS:
        kept.clear()
    made = kept.get(paragraph)
    if made is None:
        made = kept[paragraph] = _ParagraphPrinting(paragraph)
    return made


def _said(text: str) -> str:
    """`text` as the text part says it: with plain blanks, and line ends of one kind."""
    return unified(text.replace("\xa0", " "))


def _template(line: Sequence[str]) -> tuple[str, itemgetter[Any] | None]:
    """A line with holes for the % operator, and what takes its words, or the line itself and None."""
    if len(line) == 1:
        return line[0], None
    return "%s".join(text.replace("%", "%%") for text in line[::2]), itemgetter(*map(int, line[1::2]))


def _trimmed(pattern: TextPattern) -> list[str | Paragraph]:
    """The parts without empty lines in front and, where nothing follows, behind."""
    parts = list(pattern.parts)
    while parts and parts[0] == "":
        parts.pop(0)
    while parts and parts[-1] == "" and not pattern.targets:
        parts.pop()
    return parts


def _ended(pieces: Sequence[str]) -> list[str]:
    """The pieces of a text that ends in a line end."""
    last = pieces[-1]
    return [*pieces[:-1], last if last.endswith("\n") else last + "\n"]
