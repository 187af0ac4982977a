"""Markdown to HTML (CommonMark with tables), Jinja's tags kept as they are.

Law: a tag alone on its line stands between blocks; any other stands in the text. An image beside the file is shown
by its Content-ID. `<{{ url }}>` is a link that shows where it leads, as `<https://…>` is. What is written from right to
left (Arabic, Hebrew) stands so: the direction of each block is that of its first letter (UAX #9 P2).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from .masks import Masks

_IMG = re.compile(r"(<img\b[^>]*?\bsrc\s*=\s*)([\"'])(.*?)\2", re.IGNORECASE | re.DOTALL)
LEFT, RIGHT = "L", "R"
ALIGNED = "text-align:right"
_LIST = f"{ALIGNED}; padding-left:0; padding-right:24px"
_FROM_RIGHT = {
    "bullet_list_open": _LIST,
    "ordered_list_open": _LIST,
    "table_open": "margin-left:auto",
    "th_open": ALIGNED,
    "td_open": ALIGNED,
}
"""What else turns round with its direction. A table is not aligned: what follows would flow around it."""
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*:|//|#", re.IGNORECASE)


@cache
def _markdown() -> MarkdownIt:
    """Made once: a text read with it leaves nothing behind in it."""
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def markdown_html(source: str, masks: Masks, file: str, line: int, images: Mapping[str, str]) -> str:
    """`source` as HTML whose Jinja tags are masked by `masks`. `images` maps a file's name to its Content-ID."""
    hidden = _between_blocks(masks.hide(source, file, line), masks)
    reader = _markdown()
    environment: dict[str, Any] = {}
    tokens = reader.parse(hidden, environment)
    for token in _flat(tokens):
        if token.type == "image" and str(token.attrs.get("src")) in images:
            token.attrs["src"] = f"cid:{images[str(token.attrs['src'])]}"
        elif token.type in ("html_block", "html_inline"):
            token.content = embed_images(_links_shown(token, masks), images)
    _turn(tokens, masks)
    return _around_paragraphs(reader.renderer.render(tokens, reader.options, environment), masks)


def _turn(tokens: Sequence[Token], masks: Masks) -> None:
    """Let blocks that begin with a letter of such a script run from right to left; those without any as the whole."""
    whole = _first_letter(tokens, masks)
    opened = [at for at, token in enumerate(tokens) if token.level == 0 and token.nesting == 1]
    for start in opened:
        end = next(at for at in range(start, len(tokens)) if tokens[at].level == 0 and tokens[at].nesting == -1)
        block = tokens[start:end]
        if (_first_letter(block, masks) or whole) != RIGHT:
            continue
        block[0].attrSet("dir", "rtl")
        block[0].attrSet("style", _FROM_RIGHT.get(block[0].type, ALIGNED))
        for token in block[1:]:
            if token.type in _FROM_RIGHT and token.attrGet("style") is None:
                token.attrSet("style", _FROM_RIGHT[token.type])


def _first_letter(tokens: Sequence[Token], masks: Masks) -> str:
    """LEFT or RIGHT by the first letter that has a direction, "" where none does; what a tag prints is not known."""
    for token in _flat(tokens):
        if token.type in ("text", "code_inline", "image"):
            for letter in masks.pattern.sub("", token.content):
                way = unicodedata.bidirectional(letter)
                if way in (LEFT, "R", "AL"):
                    return LEFT if way == LEFT else RIGHT
    return ""


def _links_shown(token: Token, masks: Masks) -> str:
    """The token's HTML, in which a printed value between < and > is no element, but a link."""

    def link(found: re.Match[str]) -> str:
        word = masks.word(int(found[1]))
        return f'<a href="{word}">{word}</a>' if masks.tags[int(found[1])].role == "print" else found[0]

    shown = re.sub(f"<{masks.pattern.pattern}>", link, token.content)
    return f"<p>{shown}</p>\n" if token.type == "html_block" and shown.startswith("<a href") else shown


def embed_images(html: str, images: Mapping[str, str]) -> str:
    """`html` with the `src` of each known image changed to its Content-ID."""
    return _IMG.sub(
        lambda found: f"{found[1]}{found[2]}cid:{images[found[3]]}{found[2]}" if found[3] in images else found[0],
        html,
    )


def local_images(source: str, line: int = 1) -> list[tuple[str, int]]:
    """The images of a Markdown text that are files beside it, each with its line; not those in a comment of Jinja's."""
    found: list[tuple[str, int]] = []
    source = _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), source)
    for token in _markdown().parse(source):
        at = line + (token.map[0] if token.map else 0)
        for part in _flat([token]):
            sources = [str(part.attrs.get("src", ""))] if part.type == "image" else []
            if part.type in ("html_block", "html_inline"):
                sources = [match[3] for match in _IMG.finditer(part.content)]
            found += [(src, at) for src in sources if src and "{{" not in src and not _REMOTE.match(src)]
    return list(dict.fromkeys(found))


def _flat(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _flat(token.children or [])


def _between_blocks(hidden: str, masks: Masks) -> str:
    """Tags that stand alone on a line become comments, which Markdown takes for blocks of their own."""
    alone = re.compile(rf"^([ \t>]*)((?:{masks.prefix}[0-9]+z[ \t]*)+)$", re.MULTILINE)

    def comments(found: re.Match[str]) -> str:
        numbers = masks.numbers(found[2])
        if any(masks.tags[number].role == "print" for number in numbers):
            return found[0]
        return found[1] + "".join(f"<!--{masks.word(number)}-->" for number in numbers)

    return alone.sub(comments, hidden)


def _around_paragraphs(html: str, masks: Masks) -> str:
    """A condition around all of a paragraph's words goes around the paragraph: no empty one is left behind."""
    whole = re.compile(
        rf"<p( dir[^>]*)?>({masks.prefix}([0-9]+)z)((?:(?!</?p[ >]).)*?)({masks.prefix}([0-9]+)z)</p>", re.DOTALL
    )

    def turned(found: re.Match[str]) -> str:
        first, last = masks.tags[int(found[3])], masks.tags[int(found[6])]
        depth = 0
        for number in masks.numbers(found[4]):
            role = masks.tags[number].role
            depth += (role == "open") - (role == "close")
            if depth < 0 or (depth == 0 and role == "middle"):
                return found[0]
        if first.role != "open" or last.role != "close" or first.word not in ("if", "for") or depth:
            return found[0]
        return f"<!--{found[2]}--><p{found[1] or ''}>{found[4]}</p><!--{found[5]}-->"

    return whole.sub(turned, html)
