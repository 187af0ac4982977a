"""Answers kept ready: a variable that cannot be is told with its place; what nobody knows is never left blank."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.cases.ready import check_text, fill, used_in


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("Dear {{ fist_name }}", 1, 6, "did you mean first_name"),
        ("Hello\n{{ first_name|upper }}", 2, 1, "{{ is no variable"),
        ("{% if x %}", 1, 1, "{% is no variable"),
        ("{{ first_name.__class__ }}", 1, 1, "{{ is no variable"),
        ("{{ first_name or you }}", 1, 1, "{{ is no variable"),
        ("{{ machine }}", 1, 1, "and attributes"),
    ],
)
def test_what_is_no_variable_is_told_with_its_place(text: str, line: int, column: int, words: str) -> None:
    fault = check_text(text)[0]
    assert (fault.line, fault.column) == (line, column)
    assert words in fault.words


def test_variables_attributes_and_words_for_what_is_not_known() -> None:
    text = 'Dear {{ first_name or "friend" }}, your {{ machine }} ({{case}}).'
    assert check_text(text, ["machine"]) == []
    assert used_in(text) == ["first_name", "machine", "case"]
    assert fill(text, {"machine": "Nova", "case": 7, "first_name": ""}) == ("Dear friend, your Nova (7).", [])
    assert fill(text, {"case": 7})[1] == ["machine"]


@given(st.text(max_size=80))
def test_what_a_customer_is_called_is_never_read_as_a_variable(name: str) -> None:
    assert fill("Dear {{ first_name or 'x' }}!", {"first_name": name or "x"})[0] == f"Dear {name or 'x'}!"
