"""Starters are rendered with Jinja and premailer themselves, so that these tests judge the files alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import pytest
from jinja2 import DictLoader, Environment, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup
from premailer import Premailer

from outreach.settings import starter_templates

LAYOUTS = ("tips", "news", "invitation", "service")
CONTENT = (
    "## A heading\n\nHello, some *words* with `code` and a [link](https://example.com/a).\n\n"
    "- one\n- two\n\n1. first\n\n> quoted\n\n### Smaller\n\n**[A button](https://example.com/b)**\n\n"
    "---\n\n| When | Where |\n|---|---|\n| at six | here |\n\nThe end.\n"
)


def layout_sources() -> dict[str, str]:
    """Each layout file by its name."""
    return {
        file.name: file.read_text(encoding="utf-8") for file in sorted((starter_templates() / "layouts").glob("*.j2"))
    }


def issue(language: str = "en", **changes: Any) -> dict[str, Any]:
    """What a layout is given, by the contract of the newsletter room."""
    tip = {
        "title": "A tip",
        "body": Markup(MarkdownIt().enable("table").render(CONTENT)),
        "topics": ["milk", "app"],
        "language": "en",
    }
    values = {
        "first_name": "Ann",
        "subject": "A subject & more",
        "preheader": "Before the mail",
        "company": "Acme",
        "postal_address": "Acme, 1 Main Street",
        "unsubscribe_url": "https://example.com/u/1",
        "view_url": "https://example.com/v/1",
        "language": language,
        "campaign": "tips",
        "issue_number": 3,
        "content": Markup(MarkdownIt().enable("table").render(CONTENT)),
        "tips": [{**tip, "reason": "You wrote to us about milk"}, {**tip, "reason": ""}],
    }
    return {**values, **changes}


Render = Callable[..., str]


@cache
def environment() -> Environment:
    """The layouts, each compiled when it is first asked for."""
    return Environment(loader=DictLoader(layout_sources()), undefined=StrictUndefined, autoescape=True)


def render_layout(layout: str, **changes: Any) -> str:
    """The page as it stands before its CSS is inlined."""
    return environment().get_template(f"{layout}.html.j2").render(issue(**changes))


@pytest.fixture
def render() -> Render:
    """`render(layout, language="en", **changes)`."""
    return render_layout


@lru_cache(maxsize=64)
def inline(page: str) -> str:
    """`page` with its CSS inlined."""
    mailed: str = Premailer(
        page, allow_network=False, strip_important=False, disable_validation=True, cssutils_logging_level=60
    ).transform(pretty_print=False)
    return mailed
