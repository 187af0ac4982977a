"""The pages' words: every language says the same things, and whatever is shown is escaped."""

from __future__ import annotations

import string

import pytest

from outreach.web.pages import WORDS, Button, choose_language, page


@pytest.mark.parametrize("language", sorted(WORDS))
def test_every_language_has_every_word_with_the_same_places_to_fill(language: str) -> None:
    def places(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert WORDS[language].keys() == WORDS["en"].keys()
    for key, text in WORDS[language].items():
        assert places(text) <= {"name", "company"}
        assert ("name" in places(text)) == ("name" in places(WORDS["en"][key]))


def test_a_company_with_markup_in_its_name_is_shown_as_text() -> None:
    html = page("en", "<script>alert(1)</script>", "T", ["a <b>"], button=Button("go", action='"x'))
    assert "<script>" not in html
    assert "a &lt;b&gt;" in html
    assert 'action="&#34;x"' in html


@pytest.mark.parametrize(
    ("wishes", "language"),
    [
        (("de",), "de"),
        (("de-CH",), "de"),
        ((None, "fr, de;q=0.8"), "de"),
        (("xx", "", None), "en"),
        ((",,;;",), "en"),
    ],
)
def test_the_first_language_that_the_pages_speak_is_taken(wishes: tuple[str | None, ...], language: str) -> None:
    assert choose_language(*wishes) == language
