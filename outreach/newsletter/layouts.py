"""Layouts that build on one another, made one page before anything else reads them.

Law: `{% extends "base.html.j2" %}`, `{% block name %}` and `{{ super() }}` are resolved in the text itself, so that
a frozen edition is a single template; every tag keeps the file and line that it came from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import nodes

from ..errors import TemplateError
from .masks import Masks
from .sandbox import parse_template

MOST_BASES = 8


@dataclass(frozen=True)
class LayoutSource:
    """A layout's text and the file that it came from."""

    text: str
    file: str


@dataclass(frozen=True)
class _Block:
    name: str
    start: int
    inner: tuple[int, int]
    end: int


def check_layouts(name: str, layouts: Mapping[str, LayoutSource], masks: Masks) -> list[nodes.Template]:
    """The syntax trees of layout `name` and of all that it builds on. Raises TemplateError with file and line."""
    trees: list[nodes.Template] = []
    wanted: str | None = name
    while wanted is not None:
        layout = layouts[wanted]
        tree = parse_template(masks.environment, layout.text, layout.file, bases=True)
        trees.append(tree)
        base = next(tree.find_all(nodes.Extends), None)
        wanted = None
        if base is not None:
            wanted = str(base.template.value) if isinstance(base.template, nodes.Const) else ""
            if wanted not in layouts:
                raise TemplateError(
                    f"builds on {wanted!r}, which is not there",
                    file=layout.file,
                    line=base.lineno,
                    remedy=f"Layouts are: {', '.join(sorted(layouts))}.",
                )
            if len(trees) > MOST_BASES:
                raise TemplateError("builds on itself", file=layout.file, line=base.lineno)
    return trees


def one_page(name: str, layouts: Mapping[str, LayoutSource], masks: Masks) -> str:
    """Layout `name` as one masked text, its bases and blocks resolved."""
    overrides: dict[str, str] = {}
    wanted: str | None = name
    page = ""
    while wanted is not None:
        layout = layouts[wanted]
        page = masks.hide(layout.text, layout.file)
        wanted = _base_of(page, masks)
        if wanted is not None:
            for block in _blocks(page, masks):
                inner = page[slice(*block.inner)]
                known = overrides.get(block.name)
                overrides[block.name] = inner if known is None else _with_super(known, inner, masks)
    return _fill(page, overrides, masks)


def _base_of(page: str, masks: Masks) -> str | None:
    for number in masks.numbers(page):
        tag = masks.tags[number]
        if tag.word == "extends":
            found = re.search(r"""extends\s+["']([^"']+)["']""", tag.text)
            return found[1] if found else None
    return None


def _fill(page: str, overrides: Mapping[str, str], masks: Masks) -> str:
    kept, at = [], 0
    for block in _blocks(page, masks):
        if block.start < at:
            continue
        inner = page[slice(*block.inner)]
        chosen = overrides.get(block.name)
        text = inner if chosen is None else _with_super(chosen, inner, masks)
        rest = {name: inside for name, inside in overrides.items() if name != block.name}
        kept += [page[at : block.start], _fill(text, rest, masks)]
        at = block.end
    return "".join([*kept, page[at:]])


def _with_super(text: str, inner: str, masks: Masks) -> str:
    return masks.pattern.sub(
        lambda found: (
            inner if re.fullmatch(r"\{\{-?\s*super\(\)\s*-?\}\}\s*", masks.tags[int(found[1])].text) else found[0]
        ),
        text,
    )


def _blocks(page: str, masks: Masks) -> list[_Block]:
    """The blocks of a page, outer before inner."""
    stack: list[tuple[str, int, int]] = []
    found: list[_Block] = []
    for match in masks.pattern.finditer(page):
        tag = masks.tags[int(match[1])]
        if tag.word != "block":
            continue
        if tag.role == "open":
            name = re.search(r"block\s+(\w+)", tag.text)
            stack.append((name[1] if name else "", match.start(), match.end()))
        elif stack:
            name_, start, inner = stack.pop()
            found.append(_Block(name_, start, (inner, match.start()), match.end()))
    return sorted(found, key=lambda block: block.start)
