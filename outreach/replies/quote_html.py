"""A reply that has only HTML, as text: the quote blocks of mail programs marked by "> ".

Law: one walk over the elements, whatever their nesting. A quotation that a person set by themselves, above the mail
program's own, stays theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from ..prose import html_to_text, parse_html, tree_to_text
from .quote_marks import intro_lines

MOST_ELEMENTS, MOST_QUOTES, MOST_PIECES = 20_000, 50, 200
_CLASSES = ("gmail_quote", "yahoo_quoted", "protonmail_quote", "moz-cite-prefix", "tutanota_quote", "zmail_extra")
_IDS = ("divRplyFwdMsg", "appendonsend", "OLK_SRC_BODY_SECTION", "mail-editor-reference-message-container")


def reply_text(html: str) -> str:
    """The text of an HTML reply, its quotations behind "> "."""
    root = parse_html(html)
    if root is None:
        return ""
    elements = list(islice(root.iter("div", "span", "td", "blockquote"), MOST_ELEMENTS))
    quotes = [node for node in elements if node.tag == "blockquote"]
    holders = _ancestors(quotes)
    for node in elements:
        if node.tag != "blockquote" and _is_quote(node) and node not in holders:
            node.tag = "blockquote"
    for node in _own_quotes(quotes):
        node.tag = "div"
    return tree_to_text(root, links="inline") if len(root) else html_to_text(html)


def _is_quote(node: Any) -> bool:
    classes = (node.get("class") or "").split()
    return any(known in classes for known in _CLASSES) or (node.get("id") or "").removeprefix("x_") in _IDS


def _ancestors(quotes: Sequence[Any]) -> set[Any]:
    """Every element around one of these; each is met once."""
    seen: set[Any] = set()
    for node in quotes:
        outer = node.getparent()
        while outer is not None and outer not in seen:
            seen.add(outer)
            outer = outer.getparent()
    return seen


def _own_quotes(quotes: Sequence[Any]) -> list[Any]:
    """The quotations without a mail program's mark, above one that it introduces with "On …, Ann wrote:"."""
    bare = [node for node in quotes[:MOST_QUOTES] if not (node.get("type") or node.get("cite") or node.get("style"))]
    own = [node for node in bare if node.get("class") == "gmail_quote" and not _inside_quote(node)]
    plain = [node for node in bare if not node.get("class") and not _inside_quote(node)]
    introduced = next((at for at, node in enumerate(plain) if _is_introduced(node)), 0)
    return own + plain[:introduced]


def _inside_quote(node: Any) -> bool:
    """Whether a mail program's quotation, or another quotation, is around it."""
    return any(outer.tag == "blockquote" or _is_quote(outer) for outer in node.iterancestors())


def _is_introduced(node: Any) -> bool:
    before = node.getprevious()
    if before is None:
        return False
    said = " ".join("".join(islice(before.itertext(), MOST_PIECES))[:2_000].split())
    return bool(said) and intro_lines([said], 0) == 1
