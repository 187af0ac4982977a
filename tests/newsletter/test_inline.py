"""CSS inlined once at the freeze equals premailer run on each mail."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from lxml import etree

from outreach.newsletter.compile import compile_newsletter
from outreach.newsletter.css import inline_css
from outreach.newsletter.layouts import LayoutSource
from outreach.newsletter.render import Renderer
from outreach.prose import html_to_text
from outreach.settings import starter_templates

from .samples import LAYOUT, people, pool, source


def tree(html: str) -> list[Any]:
    """The page as nested lists; blanks between elements and the spelling of URLs do not count."""

    def walk(node: Any) -> list[Any]:
        if node.tag is etree.Comment:
            return ["comment", (node.text or "").strip()]
        attributes = {
            name: unquote(value) if name in ("href", "src") else value for name, value in sorted(node.attrib.items())
        }
        parts: list[Any] = [node.tag, attributes, (node.text or "").strip()]
        for child in node:
            parts += [walk(child), (child.tail or "").strip()]
        return parts

    return walk(etree.fromstring(html, etree.HTMLParser()))


def each_by_itself(given: Any, count: int = 60, seed: int = 1) -> None:
    """Compare with rendering, premailer and html_to_text run anew for each person."""
    shape = Renderer(compile_newsletter(given, pool(), method="shape"), issue_number=3)
    ours = Renderer(compile_newsletter(given, pool()), issue_number=3)
    for values, tips, links in people(seed, count):
        _, _, page = shape.run(values, tips, links, None)
        expected = inline_css(page)
        for renderer in (ours, shape):
            got = renderer.render(values, tips, links)
            assert tree(got.html) == tree(expected)
            assert got.text == html_to_text(got.html)
            whole = renderer.render_whole(values, tips, links)
            assert (got.subject, got.preheader, got.text) == (whole.subject, whole.preheader, whole.text)
            assert got.html == whole.html or renderer.frozen["method"] == "shape"


def test_a_template_inlined_once_equals_premailer_on_each_mail() -> None:
    frozen = compile_newsletter(source(), pool())
    assert frozen["method"] == "template" and frozen["marks"]
    each_by_itself(source())


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (".card p {", ".card p:last-child { margin: 0 }\n.card p {", "neighbours"),
        (".card p {", "h2 + p { margin: 0 }\n.card p {", "neighbours"),
        ('class="tip"', "class=\"{{ 'tip' if loop.first else 'foot' }}\"", "computes a class"),
        ('class="tip"', 'class="tip{% if loop.first %} card{% endif %}"', "computes a class"),
        ("<h2>", '<h2 style="color: {{ plan }}">', "computes a style"),
        ("<h2>", '<h2 {% if loop.first %}class="why"{% endif %}>', "between the attributes"),
        ("{{ tip.body }}", "{{ tip.body }}{{ '<p>more</p>'|safe }}", "HTML of its own"),
        (
            "{% if tip.reason %}<p class",
            '{% if tip.reason %}<div class="why">{% else %}<div class="tip">{% endif %}<p>x</p></div>'
            "{% if tip.reason %}<p class",
            "not whole HTML",
        ),
        (
            "<body>",
            '<body>{% macro button(url, words) %}<p class="why"><a href="{{ url }}">{{ words }}</a></p>{% endmacro %}'
            "{{ button(unsubscribe_url, company) }}",
            "for later",
        ),
        (
            "<body>",
            "<body>{% set greeting %}<p>Dear {{ first_name or 'you' }}</p>{% endset %}{{ greeting }}"
            "{{ greeting|length }}",
            "for later",
        ),
    ],
)
def test_where_a_template_cannot_be_inlined_each_shape_is_and_equals_premailer_too(
    before: str, after: str, why: str
) -> None:
    given = source(layout=LAYOUT.replace(before, after, 1))
    frozen = compile_newsletter(given, pool())
    assert frozen["method"] == "shape"
    assert why in frozen["why"]
    each_by_itself(given, 8)


def test_an_open_element_in_a_body_is_noticed() -> None:
    assert compile_newsletter(source(body="<div>\n\nopen {{ plan }}\n"), pool())["method"] == "shape"


def test_at_rules_survive_and_win_over_inlined_declarations() -> None:
    html = inline_css(LAYOUT)
    assert "@font-face" in html and "brand.woff2" in html
    assert "padding: 12px !important" in html and "width: 100% !important;" in html
    assert html.count("!important !important") == 0
    assert "a:hover" in html
    assert ".never { display: none !important }" in html
    assert html.startswith("<!DOCTYPE html>\n<html")


def test_premailer_reads_no_file_and_no_network(tmp_path: Any) -> None:
    css = tmp_path / "a.css"
    css.write_text("p { color: red }")
    page = f'<html><head><link rel="stylesheet" href="{css}"></head><body><p>x</p></body></html>'
    assert "color" not in inline_css(page)


@pytest.mark.parametrize("name", ["tips", "news", "invitation"])
def test_the_shipped_layouts_are_inlined_once_and_equal_premailer(name: str) -> None:
    folder = starter_templates() / "layouts"
    layouts = {path.name: LayoutSource(path.read_text("utf-8"), path.name) for path in folder.glob("*.j2")}
    given = source(layout=f"{name}.html.j2", layouts=layouts)
    frozen = compile_newsletter(given, pool())
    assert (frozen["method"], frozen["marks"], frozen["why"]) == ("template", True, "")
    each_by_itself(given, 10)


@pytest.mark.parametrize(
    "font",
    [
        "@import url('https://fonts.example/css2?family=Roboto:wght@400;700&display=swap');",
        '@import url( "https://fonts.example/css2?family=Roboto:wght@400;700" );',
        '@import "https://fonts.example/css2?family=Roboto:ital,wght@0,400;1,700" screen;',
        "@import URL(https://fonts.example/css2?family=Roboto:wght@400;700);",
    ],
)
def test_the_semicolons_in_a_fonts_address_end_no_rule(font: str) -> None:
    html = inline_css(f"<html><head><style>{font}\nbody {{ margin: 3px }}</style></head><body><p>x</p></body></html>")
    assert font in html and '<body style="margin:3px">' in html


def test_an_at_sign_in_an_address_begins_no_rule() -> None:
    css = """.logo { background: url(https://cdn.example/logo@2x.png) } .cut { content: "@media {" }
    p { color: red } @media print { p { color: black } } h1 { color: blue }"""
    html = inline_css(f'<html><head><style>{css}</style></head><body class="logo"><p>x</p><h1>y</h1></body></html>')
    assert "url(https://cdn.example/logo@2x.png)" in html.partition("<p")[0]
    assert '<p style="color:red">' in html and '<h1 style="color:blue">' in html
    assert "@media print { p { color: black !important" in html


def test_a_style_for_some_media_wins_over_inlined_declarations() -> None:
    dark = '<style media="(prefers-color-scheme: dark)">/* night */ p { color: white }</style>'
    usual = '<style media="screen">p { color: red }</style>'
    html = inline_css(f"<html><head>{usual}{dark}</head><body><p>x</p></body></html>")
    assert '<style media="(prefers-color-scheme: dark)"> p { color: white !important}</style>' in html
    assert '<p style="color:red">' in html
