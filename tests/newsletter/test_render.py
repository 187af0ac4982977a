"""Rendering for one person: what is missing is named, what is absent may have other words."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

import pytest
from lxml import etree

from outreach.errors import TemplateError
from outreach.newsletter.compile import compile_newsletter, content_digest
from outreach.newsletter.layouts import LayoutSource
from outreach.newsletter.markdown import local_images
from outreach.newsletter.render import Links, Rendered, Renderer, customer_values
from outreach.newsletter.tips import ChosenTip
from outreach.newsletter.tracked import track

from .samples import people, pool, source

LINKS = Links("https://news.example/u/1", "https://news.example/v/1")
SIMPLE = """<html><head><style>p { color: #111 }</style></head><body>
{{ content }}
<p>{{ company }}, {{ postal_address }} <a href="{{ unsubscribe_url }}">Leave</a></p></body></html>"""


def render(body: str, values: dict[str, Any] | None = None, **more: Any) -> Rendered:
    frozen = compile_newsletter(source(body=body, layout=more.pop("layout", SIMPLE), **more), pool())
    return Renderer(frozen).render(customer_values(values or {}), (), LINKS)


@pytest.mark.parametrize("values", [{}, {"first_name": ""}, {"first_name": None}, {"first_name": "  "}])
def test_other_words_stand_where_a_value_is_absent_or_empty(values: dict[str, Any]) -> None:
    got = render('Dear {{ first_name or "there" }},', values)
    assert "Dear there," in got.html and "Dear there," in got.text
    assert "nobody" in render("{% if first_name %}somebody{% else %}nobody{% endif %}", values).text
    assert "friend" in render('{{ first_name|default("friend") }}', values).text


@pytest.mark.parametrize(
    ("body", "variable", "line", "remedy"),
    [
        ("Hello\n\nDear {{ first_name }},", "first_name", 8, 'first_name or "…"'),
        ("Hello\n\nDear {{ frist_name }},", "frist_name", 8, "Did you mean first_name?"),
        ("Hello\nagain, {{ company }} {{ frist_name }}", "frist_name", 7, "Did you mean first_name?"),
        ("# Hi\n\n- one\n- two {{ customer.plam }}", "plam", 9, "Did you mean plan?"),
        ('{% if paln == "pro" %}\nx\n{% endif %}', "paln", 6, "Did you mean plan?"),
        ("{% for thing in things %}\n{{ thing }}\n{% endfor %}", "things", 6, 'things or "…"'),
        ("{{ plan.colour }}", "colour", 6, 'colour or "…"'),
    ],
)
def test_a_missing_variable_is_named_with_file_and_line(body: str, variable: str, line: int, remedy: str) -> None:
    with pytest.raises(TemplateError) as told:
        render(body, {"attributes": {"plan": "pro"}})
    assert told.value.variable == variable
    assert told.value.line == line and told.value.file == "tips.md"
    assert remedy in told.value.remedy


def test_a_variable_missing_in_subject_layout_or_tip_names_that_file() -> None:
    with pytest.raises(TemplateError, match=r"tips\.md:2: the variable nickname is missing"):
        render("x", subject="Dear {{ nickname }}")
    with pytest.raises(TemplateError, match=r"layouts/tips\.html\.j2:3: the variable nickname is missing"):
        render("x", layout=SIMPLE.replace("<p>", "<p>{{ nickname }}"))
    tips = pool()
    object.__setattr__(tips[0], "texts", {"en": ("Title", "a\n\nb {{ nickname }}\n", 5)})
    with pytest.raises(TemplateError, match=r"tips/charge\.md:7: the variable nickname is missing"):
        Renderer(compile_newsletter(source(), tips)).render(
            {"plan": "x", "country": "DE"}, [ChosenTip("charge")], LINKS
        )


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("Hello\n\n{{ first_name ", 8),
        ("{% if x %}\nHello", 6),
        ("{% fi x %}", 6),
        ("a\n{{ 1 + }}", 7),
        ("a\n\n\n{% include 'x' %}", 9),
        ("{{ x|nofilter }}", 6),
    ],
)
def test_a_syntax_error_is_told_with_line_and_excerpt_when_compiling(body: str, line: int) -> None:
    with pytest.raises(TemplateError) as told:
        compile_newsletter(source(body=body), [])
    assert (told.value.file, told.value.line) == ("tips.md", line), str(told.value)


def test_other_faults_of_a_template_are_told_with_their_line() -> None:
    for body in ("a\n\n{{ 1 / 0 }}", "a\n\n{{ first_name.x.y }}", "a\n\n{{ 'a' + 1 }}", "a\n\n{{ first_name() }}"):
        with pytest.raises(TemplateError, match=r"tips\.md:8"):
            render(body, {"first_name": "Ann"})


def test_values_are_escaped_in_html_and_plain_in_text_and_subject() -> None:
    evil = "<script>alert(1)</script> & \"quotes\" 'too'"
    got = render("Dear {{ first_name }}", {"first_name": evil}, subject="Hi {{ first_name }}")
    assert "<script>" not in got.html and "&lt;script&gt;" in got.html
    assert evil in got.text.replace("\n", " ") and got.subject == f"Hi {evil}"


def test_jinja_in_markdown_comes_through_unharmed() -> None:
    body = (
        '{{ first_name or "a<b" }} **{{ first_name|upper }}** [go](https://x.example/?q={{ first_name|urlencode }}) '
        '`{{ "code" }}` {# a remark #}{% raw %}{{ shown }}{% endraw %} _{{ first_name }}_ {{ ["a", "b"]|join(" & ") }}'
    )
    html = render(body, {"first_name": "Zoë X"}).html
    for part in (
        "Zoë X <strong>",
        ">ZOË X</strong>",
        'href="https://x.example/?q=Zo%C3%AB%20X"',
        "<code>code</code>",
        "{{ shown }}",
        "<em>Zoë X</em>",
        "a &amp; b",
    ):
        assert part in html, part
    assert "remark" not in html


def test_tags_alone_on_a_line_stand_between_blocks() -> None:
    body = "{% if plan %}\nYes.\n{% endif %}\n\n- a\n- b\n\n{% if first_name %}Only {{ first_name }}.{% endif %}"
    html = render(body).html
    assert "<p" not in html.split("<ul")[0].split("<body>")[1] and html.count("<p") == 1
    assert render(body, {"first_name": "Ann"}).html.count("<p") == 2


def test_keys_win_over_the_methods_of_a_mapping() -> None:
    got = render("{{ customer.items }} {{ customer['keys'] }}", {"attributes": {"items": "Pumps", "keys": "two"}})
    assert "Pumps two" in got.text


def test_values_are_plain_data_without_control_characters() -> None:
    class Object:
        secret = "no"

        def __str__(self) -> str:
            return "an object"

    row = {
        "first_name": "A\0n\x1bn",
        "attributes": {
            "first_name": "from attributes",
            "since": date(2026, 1, 2),
            "at": datetime(2026, 1, 2, tzinfo=UTC),
            "thing": Object(),
            "none": None,
            "empty": "",
            "nested": {"a": [1, None, ""], "b": ""},
            "no": False,
            "zero": 0,
        },
    }
    assert customer_values(row) == {
        "first_name": "Ann",
        "since": date(2026, 1, 2),
        "at": datetime(2026, 1, 2, tzinfo=UTC),
        "thing": "an object",
        "nested": {"a": [1]},
        "no": False,
        "zero": 0,
    }


def test_our_own_words_win_over_attributes_of_the_same_name() -> None:
    got = render("{{ company }} {{ unsubscribe_url }}", {"attributes": {"company": "Evil", "unsubscribe_url": "x"}})
    assert "Evil" not in got.html and "https://news.example/u/1" in got.html


def test_a_subject_is_one_line_whatever_is_printed_in_it() -> None:
    got = render("x", {"first_name": "Ann\r\nBcc: x@evil.example"}, subject="Hi {{ first_name }}")
    assert got.subject == "Hi Ann Bcc: x@evil.example"


def test_tips_come_in_the_readers_language_else_in_the_first() -> None:
    renderer = Renderer(compile_newsletter(source(), pool()))
    base = {"plan": "x", "country": "DE", "last_name": "Lee"}
    german = renderer.render({**base, "language": "de-AT", "first_name": "Ann"}, [ChosenTip("filter")], LINKS)
    assert "Filter reinigen für Ann" in german.text and 'lang="de-AT"' in german.html
    english = renderer.render({**base, "language": "fr"}, [ChosenTip("filter", "You asked")], LINKS)
    assert "Clean the filter" in english.text and "You asked" in english.html
    with pytest.raises(TemplateError, match="not in this edition"):
        renderer.render(base, [ChosenTip("nothing")], LINKS)


def test_layouts_build_on_one_another() -> None:
    layouts = {
        "base.html.j2": LayoutSource(
            "{# base #}<html><head><style>p { color: #111 } {% block css %}{% endblock %}</style></head><body>"
            "{% block main %}<p>base</p>{% endblock %}"
            "{% block foot %}<p>foot {{ company }}</p>{% endblock %}</body></html>",
            "base.html.j2",
        ),
        "middle.html.j2": LayoutSource(
            '{% extends "base.html.j2" %}{% block foot %}<p>middle</p>{{ super() }}{% endblock %}', "middle.html.j2"
        ),
        "tips.html.j2": LayoutSource(
            '{% extends "middle.html.j2" %}{% block css %}.x { margin: 0 }{% endblock %}\n'
            '{% block main %}<div class="x">{{ content }}</div>'
            "{% block inner %}<p>inner</p>{% endblock %}{% endblock %}",
            "tips.html.j2",
        ),
    }
    got = render("Body of {{ company }}.", layouts=layouts, layout="tips.html.j2")
    assert [line for line in got.text.splitlines() if line] == [
        "Body of Acme & Söhne <GmbH>.",
        "inner",
        "middle",
        "foot Acme & Söhne <GmbH>",
    ]
    assert 'class="x" style="margin:0"' in got.html
    layouts["tips.html.j2"] = LayoutSource('\n{% extends "bse.html.j2" %}', "tips.html.j2")
    with pytest.raises(TemplateError, match=r"tips\.html\.j2:2: builds on 'bse"):
        render("x", layouts=layouts, layout="tips.html.j2")
    layouts["tips.html.j2"] = LayoutSource('{% extends "tips.html.j2" %}', "tips.html.j2")
    with pytest.raises(TemplateError, match="builds on itself"):
        render("x", layouts=layouts, layout="tips.html.j2")


def test_the_digest_of_content_changes_with_what_is_read_and_not_with_the_pool() -> None:
    digest = content_digest(compile_newsletter(source(), pool()))
    assert digest == content_digest(compile_newsletter(source(), pool()))
    assert digest == content_digest(compile_newsletter(source(), pool()[:2]))
    for change in ({"body": "x\n"}, {"subject": "y"}, {"preheader": "z"}, {"postal_address": "w"}, {"layout": SIMPLE}):
        assert content_digest(compile_newsletter(source(**change), pool())) != digest


def test_a_frozen_edition_survives_json() -> None:
    frozen = compile_newsletter(source(), pool())
    again = json.loads(json.dumps(frozen))
    values, tips = {"plan": "pro", "country": "DE", "last_name": "Lee"}, [ChosenTip("noise"), ChosenTip("charge")]
    assert Renderer(again).render(values, tips, LINKS) == Renderer(frozen).render(values, tips, LINKS)


def test_one_renderer_serves_many_threads() -> None:
    renderer = Renderer(compile_newsletter(source(), pool()))
    wanted = people(5, 60)
    expected = [renderer.render_whole(*each) for each in wanted]
    fresh = Renderer(compile_newsletter(source(), pool()))
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda each: fresh.render(*each), wanted * 3)) == expected * 3


@pytest.mark.parametrize("name", ["items", "keys", "values", "get", "copy"])
def test_a_value_that_is_absent_is_never_a_method_of_ours(name: str) -> None:
    assert "none" in render(f'{{{{ customer.{name} or "none" }}}}', {"attributes": {"plan": "pro"}}).text
    with pytest.raises(TemplateError, match=f"the variable {name} is missing"):
        render(f"{{{{ customer.{name} }}}}")


@pytest.mark.parametrize("where", ["body", "subject"])
def test_a_function_is_never_printed(where: str) -> None:
    with pytest.raises(TemplateError, match="is a function"):
        render(**{"body": "Hello", where: "{{ range }}"})


def test_what_python_itself_cannot_compile_is_told_like_any_other_fault() -> None:
    deep = "{% for one in (1,) %}" * 30 + "x" + "{% endfor %}" * 30
    with pytest.raises(TemplateError, match="nested too deeply"):
        render(deep)


@pytest.mark.parametrize(
    ("body", "counted"),
    [
        ("{% raw %}Use {{ braces }}: [here](https://a.example/?x=1&y=2).{% endraw %}", True),
        ("{%- raw -%}\nUse {{ braces }}: [here](https://a.example/?x=1&y=2).\n{%- endraw -%}", True),
        ("Use {{ '{{ braces }}' }}: [here](https://a.example/?x=1&y=2).", True),
        (
            """Use {% raw %}{{ braces }}{% endraw %} {{ '<a href="https://a.example/?x=1&y=2">here</a>'|safe }}.""",
            False,
        ),
    ],
)
def test_a_counted_link_leads_on_also_beside_and_between_tags(body: str, counted: bool) -> None:
    frozen, links = track(compile_newsletter(source(body=f"{body}\n"), []), clicks=True, opens=False)
    assert links == (["https://a.example/?x=1&y=2"] if counted else [])
    for click_url in ("https://news.example/c/1", ""):
        mail = Renderer(frozen).render({}, [], Links("https://news.example/u/1", "", click_url))
        told = "https://news.example/c/1/1" if counted and click_url else "https://a.example/?x=1&amp;y=2"
        assert f'<a href="{told}"' in mail.html and "click_url" not in mail.html and "endraw" not in mail.html
        assert "Use {{ braces }}" in mail.text and "] https://a.example/?x=1&y=2\n" in mail.text


@pytest.mark.parametrize("body", ["See <{{ url }}> now.", "<{{ url }}>\n\nNow.", "- <{{ url }}>"])
def test_a_printed_address_between_angle_brackets_is_a_link(body: str) -> None:
    got = render(body, {"attributes": {"url": "https://a.example/?x=1&y=2"}})
    assert '<a href="https://a.example/?x=1&amp;y=2">https://a.example/?x=1&amp;y=2</a>' in got.html
    assert "https://a.example/?x=1&y=2" in got.text.partition("----")[0]
    code = render("`<{{ url }}>`", {"attributes": {"url": "https://a.example"}})
    assert "<code>&lt;https://a.example&gt;</code>" in code.html


def test_an_image_that_is_commented_out_is_not_looked_for() -> None:
    text = "{# ![old](old.png) #}\n\n{#\n![older](older.png)\n#}\n![new](new.png)\n"
    assert local_images(text, 10) == [("new.png", 15)]


def blocks(body: str) -> list[tuple[str, str, str]]:
    """The blocks of a text: tag, direction and style."""
    page = etree.fromstring(render(body, {"first_name": "أحمد"}, layout=BARE).html, etree.HTMLParser())
    return [
        (node.tag, node.get("dir") or "", node.get("style") or "")
        for node in page.find("body").iter()
        if node.tag in TURNED
    ]


BARE = "<html><head><style>em { color: red }</style></head><body>{{ content }}</body></html>"
TURNED = ("p", "h2", "ul", "ol", "table", "th", "td", "blockquote")
ALIGNED, LISTED = "text-align:right", "text-align:right; padding-left:0; padding-right:24px"


def test_each_block_runs_as_its_first_letter_does() -> None:
    assert blocks("(2.0) **שלום** {{ first_name }}!\n\n## Acme שלום\n\n12 – 13:\n\n> *x* שלום\n") == [
        ("p", "rtl", ALIGNED),
        ("h2", "", ""),
        ("p", "rtl", ALIGNED),
        ("blockquote", "", ""),
        ("p", "", ""),
    ]
    assert blocks("1. مرحبا\n   - بك\n\n| متى | A |\n|---|:-:|\n| شهر | B |\n")[:2] == [
        ("ol", "rtl", LISTED),
        ("ul", "", LISTED),
    ]
    assert blocks("| متى | A |\n|---|:-:|\n| شهر | B |\n") == [
        ("table", "rtl", "margin-left:auto"),
        *[("th", "", ALIGNED), ("th", "", "text-align:center"), ("td", "", ALIGNED), ("td", "", "text-align:center")],
    ]
    assert blocks("Hello, שלום.\n\n{{ first_name }},\n") == [("p", "", "")] * 2
    assert blocks("שלום\n\n{% if plan %}{{ first_name }}{% endif %}\n\n{% if plan %}שלום{% endif %}\n") == [
        ("p", "rtl", ALIGNED)
    ]
