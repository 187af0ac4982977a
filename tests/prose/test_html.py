"""HTML becomes the text a reader would see, in linear time, whatever the HTML."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.prose import html_to_text, wrap


def test_heading_paragraph_and_list_are_set_apart() -> None:
    html = "<h1>Charge faster</h1><p>Hello Ann,<br>winter is here.</p><ul><li>One<li>Two <b>bold</b></ul><p>Bye</p>"
    assert html_to_text(html) == (
        "Charge faster\n=============\n\nHello Ann,\nwinter is here.\n\n- One\n- Two bold\n\nBye"
    )


def test_links_get_numbers_and_a_list_and_one_target_one_number() -> None:
    html = '<p><a href="https://a.example/x?b=1&amp;c=2">here</a> and <a href="https://a.example/x?b=1&amp;c=2">there</a></p>'
    text = html_to_text(html)
    assert text.startswith("here [1] and there [1]")
    assert text.endswith("[1] https://a.example/x?b=1&c=2")


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://a.example/">a.example</a>',
        '<a href="mailto:care@a.example">care@a.example</a>',
        '<a href="#top">Top</a>',
        '<a href="javascript:alert(1)">Run</a>',
        '<a href="https://a.example/pixel"><img src="x" alt=""></a>word',
    ],
)
def test_a_link_that_says_its_target_or_leads_nowhere_gets_no_number(html: str) -> None:
    assert "[1]" not in html_to_text(html)


def test_inline_and_dropped_links() -> None:
    html = '<p>See <a href="https://a.example/t">the tip</a>.</p>'
    assert html_to_text(html, links="inline") == "See the tip <https://a.example/t>."
    assert html_to_text(html, links="drop") == "See the tip."


def test_a_link_around_a_heading_keeps_its_target() -> None:
    assert "Tip [1]\n-------" in html_to_text('<a href="https://a.example/"><h2>Tip</h2></a>')


def test_hidden_preheader_style_script_and_title_are_left_out() -> None:
    html = (
        "<html><head><title>t</title><style>p{color:red}</style></head><body><div style='display: none; max-height:0'>"
        "secret &zwnj;&nbsp;</div><script>evil()</script><!-- note --><p hidden>no</p><p>seen</p></body></html>"
    )
    assert html_to_text(html) == "seen"


def test_entities_and_invisible_filling() -> None:
    assert html_to_text("<p>Caf&eacute; &amp; &#x1F50B;&#8203;&shy;&nbsp;&zwnj;&nbsp;end</p>") == "Café & 🔋 end"


def test_nested_and_numbered_lists() -> None:
    html = "<ol start='3'><li>three<ul><li>inner</ul><li>four</ol>"
    assert html_to_text(html) == "3. three\n   - inner\n4. four"


def test_layout_tables_are_text_in_reading_order() -> None:
    html = (
        "<table role='presentation'><tr><td><h2>Left</h2><p>one</p></td><td><h2>Right</h2><p>two</p></td></tr></table>"
    )
    assert html_to_text(html) == "Left\n----\n\none\n\nRight\n-----\n\ntwo"


def test_short_cells_of_a_layout_row_share_a_line() -> None:
    html = "<table ><tr><td>When</td><td>Tuesday</td></tr><tr><td>Where</td><td>Online</td></tr>"
    assert html_to_text(html) == "When  Tuesday\nWhere  Online"


def test_a_data_table_is_aligned() -> None:
    html = "<table><tr><th>Plan</th><th>Price</th></tr><tr><td>Pro</td><td>9 €</td></tr></table>"
    assert html_to_text(html) == "Plan  Price\n----  -----\nPro   9 €"


def test_a_wide_data_table_says_each_heading() -> None:
    html = f"<table><tr><th>A</th><th>B</th></tr><tr><td>{'x ' * 30}</td><td>{'y ' * 30}</td></tr></table>"
    assert html_to_text(html).startswith("A: x x")
    assert "\nB: y y" in html_to_text(html)


def test_quotations_are_marked_and_outer_gaps_are_not() -> None:
    assert html_to_text("<p>a</p><blockquote><p>b</p><p>c</p></blockquote><p>d</p>") == "a\n\n> b\n>\n> c\n\nd"


def test_preformatted_text_keeps_its_blanks() -> None:
    assert html_to_text("<pre>a\n  b</pre>") == "a\n  b"


def test_images_are_their_alt_text() -> None:
    assert html_to_text('<p><img src="x" alt="A blue car"> <img src="y" alt=""></p>') == "A blue car"


def test_lines_are_wrapped_and_long_words_stay_whole() -> None:
    text = html_to_text("<p>" + "word " * 60 + "x" * 100 + "</p>")
    assert max(len(line) for line in text.splitlines() if "x" not in line) <= 72
    assert "x" * 100 in text


@given(st.text(max_size=400), st.integers(20, 80))
@settings(deadline=None, max_examples=60)
def test_wrapping_loses_no_word(text: str, width: int) -> None:
    assert " ".join(wrap(text, width)).split() == text.split()


@given(st.text(alphabet=st.sampled_from(list("<>/ab =\"'!-&;ptdrliu\x00\ud800\n ")), max_size=300))
@settings(deadline=None, max_examples=150)
def test_no_html_raises(html: str) -> None:
    assert isinstance(html_to_text(html), str)


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 40_000 + "x",
        "<blockquote>x" * 15_000,
        "<table><tr><td>" * 15_000 + "x",
        '<div a="<">' * 20_000,
        "</b>" * 50_000,
        "<div" * 50_000,
        "<ul><li>x" * 20_000,
        "<a href=x>" * 20_000 + "x",
        "&nbsp; " * 30_000,
        "<!--" * 50_000,
        "<font>" * 30_000 + "</font>" * 30_000,
        "<table><tr><td>" * 500 + "<td>x</td>" * 15_000 + "<th>",
        "<td>" * 50_000,
    ],
)
def test_crafted_html_of_200_kb_takes_under_a_second(html: str) -> None:
    before = time.process_time()
    text = html_to_text(html)
    assert time.process_time() - before < 1
    assert len(text) < 30 * len(html)


def test_deep_nesting_keeps_the_innermost_text() -> None:
    assert html_to_text("<div>" * 5_000 + "kept" + "</div>" * 5_000) == "kept"


def test_a_cell_that_only_keeps_a_distance_says_nothing() -> None:
    html = "<table><tr><td><p>one</p></td></tr><tr><td>&nbsp;</td></tr><tr><td><p>two</p></td></tr></table>"
    assert html_to_text(html) == "one\n\ntwo"
