"""CSS inlined once for all readers: into the template's own source, Jinja's tags masked.

Law: it is done so only where it must come out as if each mail had been inlined by itself: every branch a whole piece
of HTML, no class computed, no selector that looks at neighbours. Otherwise it says why, and the page is inlined once
per shape instead (see `render`). Tests compare both with premailer run on each mail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from .css import inline_css, read_selectors, split_page
from .masks import Masks

DECISIVE = frozenset(("class", "id", "style"))
_OPENED = r"""(?:"[^"]*"|'[^']*'|[^'">])*>"""
_REGION = re.compile(
    rf"<!--.*?-->|<(style|script|title|textarea)\b{_OPENED}.*?</\1\s*>|<[!/a-z]{_OPENED}", re.IGNORECASE | re.DOTALL
)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)""")


class _CannotMask(Exception):
    """Why this page cannot be inlined as a template."""


@dataclass(frozen=True)
class InlinedTemplate:
    """Masked sources: the page with its slots' masks back in place, and each piece by (slot, name)."""

    page: str
    pieces: Mapping[tuple[int, str], str]


def inline_template(
    page: str, slots: Mapping[int, Sequence[tuple[str, str]]], masks: Masks
) -> tuple[InlinedTemplate | None, str]:
    """Inline the masked `page` with `slots` (the number of a print tag: named pieces of masked HTML) filled in.

    Returns the result, or None and the reason why it must be done by shape.
    """
    try:
        filled = page
        for number, pieces in slots.items():
            filled = filled.replace(masks.word(number), "".join(_between(masks, number, *piece) for piece in pieces))
        prepared = _prepare(filled, masks)
        inlined = inline_css(prepared)
        if _sequence(prepared, masks) != _sequence(inlined, masks):
            raise _CannotMask("a tag stands where HTML allows no text, such as between rows of a table")
        _check_branches(inlined, masks)
        return _take_apart(inlined, slots, masks), ""
    except _CannotMask as why:
        return None, str(why)


def _between(masks: Masks, slot: int, name: str, html: str) -> str:
    mark = f"{masks.prefix}s{slot}p{name.encode().hex()}"
    return f"<!--{mark}a-->{html}<!--{mark}b-->"


def _sequence(text: str, masks: Masks) -> list[str]:
    return re.findall(rf"{masks.prefix}[0-9a-z]+", text)


def _prepare(filled: str, masks: Masks) -> str:
    """Tags between elements become comments, which may stand anywhere; those in attributes and titles stay words."""
    before, root, after = split_page(filled)
    if not before and not after and not root.lstrip().lower().startswith("<html"):
        raise _CannotMask("the layout has no <html> element")
    selectors = read_selectors(root)
    if selectors.structural:
        raise _CannotMask(f"the selector {selectors.structural!r} looks at neighbours")
    kept, at = [], 0
    contexts: dict[int, str] = {}
    for region in _REGION.finditer(root):
        kept += [_as_comments(root[at : region.start()], masks), region[0]]
        at = region.end()
        if masks.prefix in region[0]:
            _note_contexts(region, masks, contexts, DECISIVE | selectors.attributes)
    kept.append(_as_comments(root[at:], masks))
    _check_contexts(masks.numbers("".join(kept)), contexts, masks)
    return before + "".join(kept) + after


def _as_comments(text: str, masks: Masks) -> str:
    def shown(found: re.Match[str]) -> str:
        tag = masks.tags[int(found[1])]
        if tag.role == "print":
            if re.search(r"\|\s*safe\b", tag.text):
                raise _CannotMask(f"{tag.text} prints HTML of its own")
            return found[0]
        if tag.word in ("macro", "call", "filter", "set") and tag.role == "open":
            raise _CannotMask(f"{tag.text} keeps HTML for later")
        return f"<!--{found[0]}-->"

    return masks.pattern.sub(shown, text) if masks.prefix in text else text


def _note_contexts(region: re.Match[str], masks: Masks, contexts: dict[int, str], decisive: frozenset[str]) -> None:
    if region[0].startswith("<!--"):
        if region[0].count(masks.prefix) > 1 or not masks.pattern.fullmatch(region[0][4:-3]):
            contexts.update((number, f"{region.start()}") for number in masks.numbers(region[0]))
        return
    if region[1]:
        if region[1].lower() == "style":
            raise _CannotMask("a tag stands inside <style>")
        contexts.update((number, f"{region.start()}") for number in masks.numbers(region[0]))
        return
    known = set()
    for attribute in _ATTRIBUTE.finditer(region[0]):
        for number in masks.numbers(attribute[2]):
            if attribute[1].lower() in decisive:
                raise _CannotMask(f"{masks.tags[number].text} computes a {attribute[1].lower()}")
            contexts[number] = f"{region.start()}@{attribute.start()}"
            known.add(number)
    if known != set(masks.numbers(region[0])):
        raise _CannotMask("a tag stands between the attributes of an element")


def _check_contexts(numbers: Sequence[int], contexts: Mapping[int, str], masks: Masks) -> None:
    """A condition that begins inside an attribute or a title also ends there."""
    stack: list[str] = []
    for number in numbers:
        role, here = masks.tags[number].role, contexts.get(number, "")
        if role == "open":
            stack.append(here)
        elif role in ("middle", "close") and stack:
            if stack[-1] != here:
                raise _CannotMask(f"{masks.tags[number].text} stands elsewhere than where its condition began")
            if role == "close":
                stack.pop()


def _check_branches(inlined: str, masks: Masks) -> None:
    """The tags of one condition, and the two ends of a piece, have the same parent: each branch is whole HTML."""
    root = etree.fromstring(split_page(inlined)[1], etree.HTMLParser(huge_tree=True))
    stack: list[Any] = []
    pieces: dict[str, Any] = {}
    for comment in root.iter(etree.Comment):
        text = comment.text or ""
        found = masks.pattern.fullmatch(text)
        if found is None:
            if text.startswith(f"{masks.prefix}s"):
                start = pieces.setdefault(text[:-1], comment.getparent())
                if text.endswith("b") and start is not comment.getparent():
                    raise _CannotMask("the text or a tip is not whole HTML: an element is left open")
            continue
        role = masks.tags[int(found[1])].role
        if role == "open":
            stack.append(comment.getparent())
        elif role in ("middle", "close") and stack:
            if stack[-1] is not comment.getparent():
                raise _CannotMask(f"{masks.tags[int(found[1])].text} ends a branch that is not whole HTML")
            if role == "close":
                stack.pop()


def _take_apart(inlined: str, slots: Mapping[int, Sequence[tuple[str, str]]], masks: Masks) -> InlinedTemplate:
    pieces: dict[tuple[int, str], str] = {}
    for number, named in slots.items():
        whole = "".join(rf"<!--{masks.prefix}s{number}p{name.encode().hex()}a-->" for name, _ in named[:1])
        start = inlined.index(whole)
        last = f"<!--{masks.prefix}s{number}p{named[-1][0].encode().hex()}b-->"
        end = inlined.index(last) + len(last)
        region = inlined[start:end]
        for name, _ in named:
            mark = f"<!--{masks.prefix}s{number}p{name.encode().hex()}"
            pieces[number, name] = region[region.index(f"{mark}a-->") + len(mark) + 4 : region.index(f"{mark}b-->")]
        inlined = inlined[:start] + masks.word(number) + inlined[end:]
    return InlinedTemplate(inlined, pieces)
