"""The text of an HTML page in which some words are known only later: converted once, filled per reader.

Law: `text_pattern(html, hole).fill(words)` equals `html_to_text` of the filled page; where it might not (a hole whose
width decides about a table, words that make a link say its own target), there is None. A test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
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

_NOT_NARROW = re.compile(r"[^\x00-\u02ff\u2010-\u2027\u2030-\u205e\u20a0-\u20bf]")


@dataclass(frozen=True)
class _Words:
    """A paragraph with holes, wrapped when they are filled; `first` goes before its first line, `rest` before others.

    Each line is text, number of a hole, text, and so on.
    """

    lines: tuple[tuple[str, ...], ...]
    room: int
    first: str
    rest: str
    underline: str


@dataclass(frozen=True)
class TextPattern:
    """Ready lines, paragraphs that wait for their words, the links' targets, and the links that holes are part of."""

    parts: tuple[str | _Words, ...]
    targets: tuple[tuple[str, ...], ...]
    links: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]

    def fill(self, words: Sequence[str]) -> str | None:
        """The text with hole number n reading `words[n]`; None where with these words a link would be set otherwise."""
        for shown, target in self.links:
            if shows_itself(_joined(shown, words), _joined(target, words)):
                return None
        lines: list[str] = []
        for part in self.parts:
            if isinstance(part, str):
                lines.append(part)
                continue
            filled = [row for line in part.lines for row in _wrapped(_joined(line, words), part.room)]
            if part.underline:
                filled.append(part.underline * min(max(map(display_width, filled)), WIDTH))
            lines.append((part.first + filled[0]).rstrip())
            lines += [(part.rest + line).rstrip() for line in filled[1:]]
        if self.targets:
            targets = [_joined(target, words) for target in self.targets]
            if len(set(targets)) < len(targets):
                return None
            lines += ["", "-" * 40, *(f"[{number}] {target}" for number, target in enumerate(targets, 1))]
        return "\n".join(lines).replace("\xa0", " ").strip("\n")


def shows_itself(shown: str, target: str) -> bool:
    """Whether a link needs no number: its words are its target, or it leads nowhere outside the mail."""
    plain = target.removeprefix("mailto:").removeprefix("https://").removeprefix("http://").rstrip("/")
    words = shown.rstrip("/").removeprefix("https://").removeprefix("http://")
    return words == plain or target.startswith(("#", "javascript:", "data:"))


def _joined(pieces: tuple[str, ...], words: Sequence[str]) -> str:
    if len(pieces) == 1:
        return pieces[0]
    whole = list(pieces)
    whole[1::2] = [words[int(number)] for number in pieces[1::2]]
    return "".join(whole)


def _wrapped(text: str, room: int) -> list[str]:
    """What `wrap` gives, without looking at each word where every character takes one column."""
    if _NOT_NARROW.search(text):
        return wrap(text, room)
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
        self.waiting: dict[int, _Words] = {}
        self.links_with_holes: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
        self.possible = True

    def close_link(self, target: str, since: int) -> None:
        target = target.strip()
        shown = _SPACE.sub(" ", "".join(self.words[since:])).strip()
        if shown and target and (self.hole.search(shown) or self.hole.search(target)):
            self.links_with_holes.append((tuple(self.hole.split(shown)), tuple(self.hole.split(target))))
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
        self.waiting[len(self.lines) - 1] = _Words(
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
        parts: list[str | _Words] = [self.waiting.get(number, line) for number, line in enumerate(self.lines)]
        targets = tuple(tuple(self.hole.split(target)) for target in self.targets)
        return TextPattern(tuple(parts), targets, tuple(self.links_with_holes))


def _is_row_of_words(row: Any) -> bool:
    """Whether the row's width decides how it is laid (see `_short_cells`)."""
    for node in row.iterdescendants():
        if (node.tag in _BLOCKS and node.tag not in ("td", "th")) or node.tag in ("a", "br") or _is_hidden(node):
            return False
    return sum(1 for cell in row if cell.tag in ("td", "th") and _cell_text(cell)) > 1
