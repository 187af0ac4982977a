"""The text of an HTML page in which some words are known only later: converted once, filled per reader.

Law: `text_pattern(html, hole).fill(words)` equals `html_to_text` of the filled page; where it might not (a hole whose
width decides about a table, words that make a link say its own target), there is None. A test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from .html import (
    _BLOCKS,
    _SPACE,
    MAX_INDENTS,
    WIDTH,
    Links,
    _cell_text,
    _data_rows,
    _is_hidden,
    _paragraph,
    _Writer,
    display_width,
    parse_html,
    wrap,
)

_SCHEMES = ("https://", "http://")
_NOT_NARROW = re.compile(r"[^\x00-\u02ff\u2010-\u2027\u2030-\u205e\u20a0-\u20bf]")


@dataclass(frozen=True)
class Paragraph:
    """Lines with holes, wrapped when they are filled; `first` goes before the first line, `rest` before others.

    Each line is text, number of a hole, text, and so on.
    """

    lines: tuple[tuple[str, ...], ...]
    room: int
    first: str
    rest: str
    underline: str

    def fill(self, words: Sequence[str]) -> list[str]:
        """Its lines of text with hole number n reading `words[n]`."""
        filled = [row for line in self.lines for row in wrapped(joined(line, words), self.room)]
        return self.framed(filled)

    def framed(self, lines: list[str]) -> list[str]:
        """Wrapped lines with what stands before and under them."""
        if self.underline:
            lines.append(self.underline * min(max(map(display_width, lines)), WIDTH))
        if self.first or self.rest:
            return [(self.first + lines[0]).rstrip(), *((self.rest + line).rstrip() for line in lines[1:])]
        return [line.rstrip() for line in lines]


@dataclass(frozen=True)
class TextPattern:
    """Ready lines, paragraphs that wait for their words, and the links' targets.

    `links` are those that holes are part of: their words, their target, and whether they are set as showing it.
    """

    parts: tuple[str | Paragraph, ...]
    targets: tuple[tuple[str, ...], ...]
    links: tuple[tuple[tuple[str, ...], tuple[str, ...], bool], ...]

    def fill(self, words: Sequence[str]) -> str | None:
        """The text with hole number n reading `words[n]`; None where with these words a link would be set otherwise."""
        if not self.agrees(words):
            return None
        lines: list[str] = []
        for part in self.parts:
            if isinstance(part, str):
                lines.append(part)
            else:
                lines += part.fill(words)
        lines += ["".join(pieces) for pieces in self.footnotes(words)]
        return "\n".join(lines).replace("\xa0", " ").strip("\n")

    def footnotes(self, words: Sequence[str] | None = None) -> list[tuple[str, ...]]:
        """The lines that list the targets, filled with `words`, or in pieces with the holes' numbers between."""
        if not self.targets:
            return []
        shown = self.targets if words is None else [(joined(target, words),) for target in self.targets]
        noted = [(f"[{number}] {target[0]}", *target[1:]) for number, target in enumerate(shown, 1)]
        return [("",), ("-" * 40,), *noted]

    def texts(self) -> Iterator[tuple[str, ...]]:
        """All that it says, in pieces with the holes' numbers between."""
        for part in self.parts:
            yield from ((part,),) if isinstance(part, str) else part.lines
        yield from self.footnotes()

    def agrees(self, words: Sequence[str]) -> bool:
        """Whether with these words every link is set as here: the same ones show their target, no two targets meet."""
        for shown, target, shows in self._doubtful_links:
            if shows_itself(joined(shown, words), joined(target, words)) is not shows:
                return False
        targets = [joined(target, words) for target in self._open_targets]
        if self._may_meet or any(target.startswith(self._beginnings) for target in targets):
            targets = [joined(target, words) for target in self.targets]
        return len(set(targets)) == len(targets)

    @cached_property
    def _doubtful_links(self) -> list[tuple[tuple[str, ...], tuple[str, ...], bool]]:
        """Links that may be set otherwise; not those whose words differ from how the target begins."""
        return [link for link in self.links if link[2] or not _shows_other(link[0], link[1])]

    @cached_property
    def _open_targets(self) -> list[tuple[str, ...]]:
        """Targets that begin with a hole."""
        return [target for target in self.targets if len(target) > 1 and not target[0]]

    @cached_property
    def _beginnings(self) -> tuple[str, ...]:
        """How the other targets begin, or read; sorted, so that one that another begins with stands before it."""
        return tuple(sorted(target[0] for target in self.targets if target[0]))

    @cached_property
    def _may_meet(self) -> bool:
        """Whether two of the other targets may become one."""
        return any(after.startswith(before) for before, after in pairwise(self._beginnings))


def _shows_other(shown: tuple[str, ...], target: tuple[str, ...]) -> bool:
    """Whether the link's words are fixed and not how its target begins, so that no word can make them one."""
    if len(shown) > 1 or not target[0].startswith(_SCHEMES):
        return False
    begins, words = _without_scheme(target[0]).rstrip("/"), _without_scheme(shown[0].rstrip("/"))
    return len(begins) >= len("http://") and not words.startswith(begins)


def shows_itself(shown: str, target: str) -> bool:
    """Whether a link needs no number: its words are its target, or it leads nowhere outside the mail."""
    plain = _without_scheme(target.removeprefix("mailto:")).rstrip("/")
    return _without_scheme(shown.rstrip("/")) == plain or target.startswith(("#", "javascript:", "data:"))


def _without_scheme(target: str) -> str:
    return target.removeprefix("https://").removeprefix("http://")


def joined(pieces: tuple[str, ...], words: Sequence[str]) -> str:
    """Pieces of text with the numbers of holes between them, as one text in which hole n reads `words[n]`."""
    if len(pieces) == 1:
        return pieces[0]
    if len(pieces) == 3:
        return f"{pieces[0]}{words[int(pieces[1])]}{pieces[2]}"
    whole = list(pieces)
    whole[1::2] = [words[int(number)] for number in pieces[1::2]]
    return "".join(whole)


def is_narrow(text: str) -> bool:
    """Whether every character of `text` takes one column."""
    return text.isascii() or _NOT_NARROW.search(text) is None


def wrapped(text: str, room: int) -> list[str]:
    """What `wrap` gives, without looking at each word where every character takes one column."""
    return wrapped_narrow(text, room) if is_narrow(text) else wrap(text, room)


def wrapped_narrow(text: str, room: int) -> list[str]:
    """The same for a text in which every character takes one column."""
    lines, at = [], 0
    while len(text) - at > room:
        cut = text.rfind(" ", at, at + room + 1)
        if cut < 0:
            cut = text.find(" ", at + room)
            if cut < 0:
                break
        lines.append(text[at:cut])
        at = cut + 1
    lines.append(text[at:])
    return lines


def text_pattern(html: str, hole: re.Pattern[str], *, links: Links = "footnotes") -> TextPattern | None:
    """The pattern of `html`, in which `hole` (its group 1 a number) marks what comes later, or None.

    What fills a hole must have no blank at its ends, no two in a row and no line break, and must not be empty.
    """
    root = parse_html(html)
    if root is None:
        return None
    writer = _PatternWriter(links, hole)
    writer.walk(root)
    return writer.finish_pattern()


class _PatternWriter(_Writer):
    """Lays a paragraph with holes as one line that only it can read, and keeps its words beside it."""

    def __init__(self, links: Links, hole: re.Pattern[str]) -> None:
        super().__init__(links)
        self.hole = hole
        self.waiting: dict[int, Paragraph] = {}
        self.links_with_holes: list[tuple[tuple[str, ...], tuple[str, ...], bool]] = []
        self.possible = True

    def close_link(self, target: str, since: int) -> None:
        target = target.strip()
        shown = _SPACE.sub(" ", "".join(self.words[since:])).strip()
        if shown and target and (self.hole.search(shown) or self.hole.search(target)):
            pieces = tuple(self.hole.split(shown)), tuple(self.hole.split(target))
            self.links_with_holes.append((*pieces, shows_itself(shown, target)))
        super().close_link(target, since)

    def end_block(self, *, gap: bool = False) -> None:
        if not self.hole.search("".join(self.words)):
            super().end_block(gap=gap)
            return
        if self.preformatted:
            self.possible = False
        if self.anchors and "".join(self.words[self.anchors[-1][1] :]).strip():
            self.close_link(*self.anchors[-1])
            self.anchors[-1] = ("", 0)
        lines = _paragraph("".join(self.words))
        while lines and not lines[-1]:
            lines.pop()
        while lines and not lines[0]:
            lines.pop(0)
        self.words.clear()
        self.anchors = [(target, 0) for target, _ in self.anchors]
        room = max(WIDTH - sum(map(len, self.prefixes[:MAX_INDENTS])), 24)
        if gap:
            self.ask_gap()
        bullet, underline = self.bullet, self.underline
        prefix = "".join(self.prefixes[:MAX_INDENTS])
        self.lay([""])
        first = prefix[: max(0, len(prefix) - len(bullet))] + bullet if bullet else prefix
        self.waiting[len(self.lines) - 1] = Paragraph(
            tuple(tuple(self.hole.split(line)) for line in lines), room, first, prefix, underline
        )
        if gap:
            self.ask_gap()

    def enter_table(self, node: Any, tag: str) -> bool:
        if self.possible and tag in ("table", "tr") and any(map(self.hole.search, node.itertext())):
            self.possible = not (_data_rows(node) if tag == "table" else _is_row_of_words(node))
        return super().enter_table(node, tag)

    def finish_pattern(self) -> TextPattern | None:
        self.prefixes.clear()
        self.end_block()
        if not self.possible or any(map(self.hole.search, self.lines)):
            return None
        parts: list[str | Paragraph] = [self.waiting.get(number, line) for number, line in enumerate(self.lines)]
        targets = tuple(tuple(self.hole.split(target)) for target in self.targets)
        return TextPattern(tuple(parts), targets, tuple(self.links_with_holes))


def _is_row_of_words(row: Any) -> bool:
    """Whether the row's width decides how it is laid (see `_short_cells`)."""
    for node in row.iterdescendants():
        if (node.tag in _BLOCKS and node.tag not in ("td", "th")) or node.tag in ("a", "br") or _is_hidden(node):
            return False
    return sum(1 for cell in row if cell.tag in ("td", "th") and _cell_text(cell)) > 1
