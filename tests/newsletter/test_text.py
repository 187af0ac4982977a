"""The text of a page filled per reader equals the text of the filled page."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import escape

from outreach.prose import html_to_text
from outreach.prose.pattern import text_pattern

HOLE = re.compile(r"zqhole([0-9]+)z")
WORDS = [
    "Ann",
    "Zoë",
    "O'Neil & <Sons>",
    "李小龙",
    "a" * 90,
    "Mary Ann von der Au",
    "https://x.example/?a=1&b=2",
    "🙂 ok",
]
INLINE = ["{}", "Dear {}, ", "<b>{}</b>", '<a href="https://a.example/{}">here</a>', '<a href="{}">{}</a>', "<br>", " ",
          "some words that go on for a while so that lines break, ", '<img src="x.png" alt="{}">']  # fmt: skip
BLOCKS = [
    "<p>{}</p>",
    "<h1>{}</h1>",
    "<h2>{}</h2>",
    "<ul><li>{}</li><li>{}<ol><li>{}</li></ol></li></ul>",
    "<blockquote><p>{}</p><p>{}</p></blockquote>",
    "<table><tr><td>{}</td><td>{}</td></tr></table>",
    "<table><tr><td><p>{}</p></td><td><p>{}</p></td></tr></table>",
    "<table><tr><th>A</th><th>{}</th></tr><tr><td>{}</td><td>2</td></tr></table>",
    "<pre>{}\n  {}</pre>",
    "<div style='display:none'>{}</div>",
    "<hr>",
    "{}",
]


@st.composite
def pages(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A page with holes, and the words for them."""
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6, unique=True))

    def inline() -> str:
        parts = draw(st.lists(st.sampled_from(INLINE), max_size=5))
        return "".join(filled(part) for part in parts)

    def filled(part: str) -> str:
        while "{}" in part:
            part = part.replace("{}", f"zqhole{draw(st.integers(0, len(words) - 1))}z", 1)
        return part

    html = ""
    for block in draw(st.lists(st.sampled_from(BLOCKS), max_size=6)):
        while "{}" in block:
            block = block.replace("{}", inline(), 1)
        html += block
    return html, words


@settings(deadline=None, max_examples=100)
@given(pages())
def test_a_pattern_filled_reads_as_the_filled_page(page: tuple[str, list[str]]) -> None:
    html, words = page
    pattern = text_pattern(html, HOLE)
    if pattern is not None:
        whole = HOLE.sub(lambda found: str(escape(words[int(found[1])])), html)
        assert pattern.fill(words) in (html_to_text(whole), None)


def test_ordinary_mail_has_a_pattern_and_what_depends_on_widths_has_none() -> None:
    assert text_pattern("<p>Dear zqhole0z,</p><p><a href='zqhole1z'>Leave</a></p>", HOLE) is not None
    assert text_pattern("<table><tr><td>zqhole0z</td><td>b</td></tr></table>", HOLE) is None
    assert (
        text_pattern("<table><tr><th>a</th><th>b</th></tr><tr><td>zqhole0z</td><td>b</td></tr></table>", HOLE) is None
    )


def test_a_link_that_would_be_set_otherwise_with_these_words_is_not_filled() -> None:
    pattern = text_pattern("<p><a href='zqhole0z'>zqhole1z</a> <a href='https://a.example/zqhole2z'>b</a></p>", HOLE)
    assert pattern is not None
    assert pattern.fill(["https://x.example/", "here", "1"]) is not None
    assert pattern.fill(["https://x.example/", "x.example", "1"]) is None
    assert pattern.fill(["#", "here", "1"]) is None
    assert pattern.fill(["https://a.example/1", "here", "1"]) is None
    pattern = text_pattern("<p><a href='https://zqhole0z'>zqhole0z</a></p>", HOLE)
    assert pattern is not None and pattern.fill(["x.example"]) == "x.example"
    assert pattern.fill(["https://x.example"]) is None, "its words are not its target any more"
