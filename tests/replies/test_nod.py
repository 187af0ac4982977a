"""A word of assent is told from a message that somebody must read."""

from __future__ import annotations

import pytest

from outreach.replies.nod import says_no_more_than_ok


@pytest.mark.parametrize("text", ["", "Ok", "OK!", "Alles klar, danke", "d’accord, merci", "Vale", "👍", "all right"])
def test_no_more_than_ok(text: str) -> None:
    assert says_no_more_than_ok(text)


@pytest.mark.parametrize("text", ["no", "Nein", "ok but it still drips", "und jetzt?", "Fine, when?", "水漏れ"])
def test_one_word_more_is_for_a_person(text: str) -> None:
    assert not says_no_more_than_ok(text)
