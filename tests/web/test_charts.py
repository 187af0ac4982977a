"""Plots are well-formed, say their values to those who listen, and hold any numbers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from outreach.web.charts import Point, Span, bars, columns, line, spans, sparkline

SVG = "{http://www.w3.org/2000/svg}"
points = st.lists(
    st.builds(
        Point,
        label=st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=30),
        value=st.none() | st.floats(0, 1e9),
        words=st.sampled_from(["1", "1,234.5", "<b>", "–"]),
    ),
    max_size=40,
)


def parsed(svg: str) -> etree._Element:
    return etree.fromstring(svg)


@settings(deadline=None, max_examples=60)
@given(points)
def test_any_values_give_well_formed_plots_that_describe_themselves(values: list[Point]) -> None:
    for draw in (bars, columns, line):
        root = parsed(draw("plot", "A <title> & more", values))
        assert root.get("role") == "img"
        named = {each.get("id"): each.text for each in root if each.get("id")}
        assert root.get("aria-labelledby", "").split() == list(named)
        assert named["plot-t"] == "A <title> & more"
        for point in values:
            assert point.words in (named["plot-d"] or "")
        places = [float(each.get("x", "0").rstrip("%")) for each in root.iter(f"{SVG}rect", f"{SVG}text")]
        assert all(0 <= place <= 100 for place in places)


def test_bars_are_as_long_as_their_share() -> None:
    root = parsed(bars("b", "t", [Point("a", 10, "10"), Point("b", 5, "5"), Point("c", 0, "0")]))
    widths = [each.get("width") for each in root.iter(f"{SVG}rect") if "bar" in (each.get("class") or "")]
    assert widths == ["100.0%", "50.0%"]


def test_a_line_is_broken_where_there_is_no_value_and_can_be_compared_with_a_level() -> None:
    values = [Point("a", 1, "1"), Point("b", None, "–"), Point("c", 2, "2"), Point("d", 3, "3")]
    root = parsed(line("l", "t", values, mark=2.5, mark_words="limit"))
    kinds = [each.get("class") for each in root.iter(f"{SVG}line")]
    assert kinds.count("line") == 1
    assert kinds.count("level") == 1
    assert len(list(root.iter(f"{SVG}circle"))) == 3


def test_the_number_of_a_last_point_stands_beside_the_line_that_falls_to_it_where_there_is_room() -> None:
    drawn = str(line("x", "X", [Point("a", 300.0, "300"), Point("b", 0.0, "0.0")]))
    assert 'text-anchor="start">0.0<' in drawn


def test_where_labels_would_collide_only_the_telling_ones_stand() -> None:
    values = [Point(str(number), number + 1, f"v{number}") for number in range(12)]
    shown = [each.text for each in parsed(columns("c", "t", values)).iter(f"{SVG}text")]
    assert [words for words in shown if words and words.startswith("v")] == ["v0", "v11"]
    assert [words for words in shown if words and not words.startswith("v")] == ["2", "5", "8", "11"]


def test_spans_share_one_scale() -> None:
    root = parsed(spans("s", "t", [Span("a", 1, 2, "1/2"), Span("b", 2, 4, "2/4")]))
    soft = [each for each in root.iter(f"{SVG}rect") if "soft" in (each.get("class") or "")]
    assert [each.get("width") for each in soft] == ["24.25%", "48.5%"]


def test_a_sparkline_shows_the_shape_and_the_gaps() -> None:
    assert sparkline([0, None, 4, 8]) == "▁·▅█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([]) == ""
