"""A day is said in the words of the language that is spoken, and in English to everybody else."""

from __future__ import annotations

from datetime import date

import pytest

from outreach.prose.days import day_in_words


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en-GB", "Thursday, 4 February 2027"),
        ("de-AT", "Donnerstag, 4. Februar 2027"),
        ("xx", "Thursday, 4 February 2027"),
    ],
)
def test_a_day_is_said_with_its_weekday_in_a_language_that_we_speak(language: str, said: str) -> None:
    assert day_in_words(date(2027, 2, 4), language) == said
    assert day_in_words(date(2027, 2, 4), language, year=False) == said.removesuffix(" 2027")
