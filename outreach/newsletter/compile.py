"""An edition's content, frozen: layout, text and tips as templates with their CSS inlined, in one JSON value.

Law: all that can be wrong with a template is said here, with file and line; what is frozen needs no other file.
The value is read by `newsletter.render` and `newsletter.pool` alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from jinja2 import nodes

from ..errors import TemplateError
from .css import read_selectors
from .inline import DECISIVE, inline_template
from .layouts import LayoutSource, check_layouts, one_page
from .markdown import markdown_html
from .masks import Masks, new_prefix
from .sandbox import POOL, Sandbox, html_environment, parse_template, text_environment

Method = Literal["template", "shape"]
FORMAT = 1
TEXTS = ("subject", "preheader")


@dataclass(frozen=True)
class NewsletterSource:
    """A campaign's content; `layout` names one of `layouts`.

    `images` maps a file's name to its Content-ID, `assets` that to the image's digest, `lines` a front matter key to
    its line.
    """

    campaign: str
    subject: str
    preheader: str
    body: str
    file: str
    body_line: int
    layout: str
    layouts: Mapping[str, LayoutSource]
    company: str
    postal_address: str
    language: str
    lines: Mapping[str, int] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    assets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TipSource:
    """A tip of the pool. `texts` is {language: (title, Markdown, line of the body)}, the default language first."""

    name: str
    topics: Sequence[str]
    segment: str
    position: int
    valid_from: datetime | None
    valid_until: datetime | None
    texts: Mapping[str, tuple[str, str, int]]
    file: str
    digest: str = ""
    images: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Parts:
    """What is being compiled: tags masked over all parts with one set of masks."""

    environment: Sandbox
    masks: Masks
    marks: bool = True


def compile_newsletter(
    source: NewsletterSource, pool: Sequence[TipSource], *, method: Method | None = None
) -> dict[str, Any]:
    """Freeze. `method` None takes the faster one where it is sound. Raises TemplateError with file, line, excerpt."""
    texts = [layout.text for layout in source.layouts.values()]
    texts += [source.body, *(text[1] for tip in pool for text in tip.texts.values())]
    parts = _Parts(html_environment(), Masks(html_environment(), texts))
    trees = check_layouts(source.layout, source.layouts, parts.masks)
    _check_part(parts, source.body, source.file, source.body_line)
    for tip in pool:
        for _, body, line in tip.texts.values():
            _check_part(parts, body, tip.file, line)
    parts.marks = parts.marks and all(map(_marks_are_safe, trees))
    frozen: dict[str, Any] = {
        "format": FORMAT,
        "method": "template",
        "why": "",
        "prefix": new_prefix([*texts, "values"]),
        "marks": parts.marks,
        "facts": {
            "campaign": source.campaign,
            "company": source.company,
            "postal_address": source.postal_address,
            "language": source.language,
        },
        "assets": dict(source.assets),
        **{key: _text_part(getattr(source, key), source.file, source.lines.get(key, 1)) for key in TEXTS},
    }
    page = one_page(source.layout, source.layouts, parts.masks)
    body = markdown_html(source.body, parts.masks, source.file, source.body_line, source.images)
    tips = {
        f"{tip.name}:{language}": markdown_html(body_text, parts.masks, tip.file, line, tip.images)
        for tip in pool
        for language, (_, body_text, line) in tip.texts.items()
    }
    if method == "shape" or not _freeze_template(frozen, parts, page, body, tips, pool, source):
        if method == "template":
            raise TemplateError(frozen["why"], file=source.layouts[source.layout].file)
        _freeze_shape(frozen, parts, page, body, tips, pool, source)
    return frozen


def content_digest(frozen: Mapping[str, Any]) -> str:
    """A digest of what every reader sees alike: subject, preheader, text, layout, facts. The tips are not in it."""
    shown = [frozen[key]["source"] for key in (*TEXTS, "layout")]
    shown += [part["source"] for part in frozen["contents"]]
    shown.append(json.dumps(frozen["facts"], sort_keys=True))
    return hashlib.sha256("\0".join(shown).encode()).hexdigest()[:40]


def _check_part(parts: _Parts, text: str, file: str, line: int) -> None:
    parts.marks = parts.marks and _marks_are_safe(parse_template(parts.environment, text, file, line))


def _text_part(text: str, file: str, line: int) -> dict[str, Any]:
    parse_template(text_environment(), text, file, line)
    return {"file": file, "source": text, "lines": [[1, line, file]]}


def _part(parts: _Parts, masked: str, file: str) -> dict[str, Any]:
    source, places = parts.masks.show(masked)
    return {"file": file, "source": source, "lines": [list(place) for place in sorted(set(places))]}


def _freeze_template(
    frozen: dict[str, Any],
    parts: _Parts,
    page: str,
    body: str,
    tips: Mapping[str, str],
    pool: Sequence[TipSource],
    source: NewsletterSource,
) -> bool:
    contents, tip_bodies = _slots(parts, page)
    slots: dict[int, list[tuple[str, str]]] = {number: [("", body)] for number in contents}
    slots |= {number: list(tips.items()) for number in tip_bodies if tips}
    done, why = inline_template(page, slots, parts.masks)
    if done is None:
        frozen["why"] = why
        return False
    shown = done.page
    for place, number in enumerate(contents):
        shown = shown.replace(parts.masks.word(number), f"{{{{ content_slots[{place}] }}}}")
    for place, (number, name) in enumerate(tip_bodies.items()):
        shown = shown.replace(parts.masks.word(number), f"{{{{ {name}.bodies[{place}] }}}}")
    frozen["layout"] = _part(parts, shown, source.layouts[source.layout].file)
    frozen["contents"] = [_part(parts, done.pieces[number, ""], source.file) for number in contents]
    frozen["tips"] = {
        tip.name: _tip(tip, lambda key, file: [_part(parts, done.pieces[slot, key], file) for slot in tip_bodies])
        for tip in pool
    }
    return True


def _freeze_shape(
    frozen: dict[str, Any],
    parts: _Parts,
    page: str,
    body: str,
    tips: Mapping[str, str],
    pool: Sequence[TipSource],
    source: NewsletterSource,
) -> None:
    frozen["method"] = "shape"
    frozen["exposed"] = sorted(DECISIVE | read_selectors(page).attributes)
    frozen["layout"] = _part(parts, page, source.layouts[source.layout].file)
    frozen["contents"] = [_part(parts, body, source.file)]
    frozen["tips"] = {tip.name: _tip(tip, lambda key, file: [_part(parts, tips[key], file)]) for tip in pool}


def _tip(tip: TipSource, bodies: Any) -> dict[str, Any]:
    return {
        "topics": list(tip.topics),
        "segment": tip.segment,
        "position": tip.position,
        "valid_from": tip.valid_from.isoformat() if tip.valid_from else None,
        "valid_until": tip.valid_until.isoformat() if tip.valid_until else None,
        "digest": tip.digest,
        "file": tip.file,
        "texts": {
            language: {
                "title": _text_part(title, tip.file, tip_line),
                "bodies": bodies(f"{tip.name}:{language}", tip.file),
            }
            for language, (title, _, tip_line) in tip.texts.items()
        },
    }


def _slots(parts: _Parts, page: str) -> tuple[list[int], dict[int, str]]:
    """The print tags of the layout that show the text, and those that show a tip's body (with its variable)."""
    contents: list[int] = []
    bodies: dict[int, str] = {}
    for number in dict.fromkeys(parts.masks.numbers(page)):
        tag = parts.masks.tags[number]
        if tag.role != "print":
            continue
        shown = _printed(tag.text)
        if isinstance(shown, nodes.Name) and shown.name == "content":
            contents.append(number)
        elif isinstance(shown, nodes.Getattr) and shown.attr == "body" and isinstance(shown.node, nodes.Name):
            bodies[number] = shown.node.name
    return contents, bodies


@lru_cache(maxsize=256)
def _printed(tag: str) -> nodes.Node | None:
    """What a print tag prints, `|safe` left off."""
    output = next(html_environment().parse(tag).find_all(nodes.Output), None)
    shown = output.nodes[0] if output is not None and len(output.nodes) == 1 else None
    if isinstance(shown, nodes.Filter) and shown.name == "safe":
        return shown.node
    return shown


@lru_cache(maxsize=POOL)
def _marks_are_safe(tree: nodes.Template) -> bool:
    """Whether printed values may be marks until the end: nothing printed is read again by the template."""
    if next(tree.find_all((nodes.FilterBlock, nodes.AssignBlock, nodes.CallBlock)), None) is not None:
        return False
    direct = {id(node) for output in tree.find_all(nodes.Output) for node in map(_unsafe, output.nodes)}
    direct |= {id(node.test) for node in tree.find_all(nodes.If)}
    macros = {macro.name for macro in tree.find_all(nodes.Macro)}
    for node in tree.find_all((nodes.Call, nodes.Name, nodes.Getattr)):
        made_here = (
            (isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in macros)
            or (isinstance(node, nodes.Name) and node.name == "content")
            or (isinstance(node, nodes.Getattr) and node.attr == "body")
        )
        if made_here and id(node) not in direct:
            return False
    return True


def _unsafe(node: nodes.Node) -> nodes.Node:
    return node.node if isinstance(node, nodes.Filter) and node.name == "safe" and node.node is not None else node
