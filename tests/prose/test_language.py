"""The language of a text, and honest ignorance."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.prose import guess_language, shingles, words_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Thanks, that helped a lot", "en"),
        ("the app is broken again and nobody answers", "en"),
        ("Der Akku lädt seit gestern nicht mehr", "de"),
        ("bitte abmelden", "de"),
        ("Ça ne marche pas depuis la mise à jour", "fr"),
        ("La aplicación no funciona desde ayer", "es"),
        ("Non funziona più, grazie per la risposta", "it"),
        ("De app werkt niet meer sinds gisteren", "nl"),
        ("Приложение не работает", "ru"),
        ("アプリが動きません", "ja"),
        ("zxcv qwer", ""),
        ("", ""),
        ("12345 !!!", ""),
    ],
)
def test_language(text: str, language: str) -> None:
    assert guess_language(text) == language


@given(st.text(max_size=300))
@settings(deadline=None, max_examples=60)
def test_any_text_has_an_answer(text: str) -> None:
    assert len(guess_language(text)) in (0, 2)
    assert isinstance(words_of(text), list)


def test_shingles_are_runs_of_words() -> None:
    assert shingles("A, b c! D", 3) == {("a", "b", "c"), ("b", "c", "d")}
    assert shingles("Hi", 4) == {("hi",)}
    assert shingles("", 4) == frozenset()
