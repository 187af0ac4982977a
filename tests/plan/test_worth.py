from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.chance import Share
from outreach.plan.fairness import judge_fairness
from outreach.plan.worth import Past, expect, spent


def test_what_is_expected_comes_from_past_replies_and_the_clocks_of_past_cases() -> None:
    past = Past(editions=4, reached=8000, replies=160, cases=40, hours=(2.0, 4.0, 6.0, 3.0, 5.0))
    found = expect(2000, past)
    assert found.replies is not None
    low, likely, high = found.replies
    assert likely == pytest.approx(40)
    assert 20 < low < 40 < high < 65
    assert (found.cases, found.hours) == (pytest.approx(10), pytest.approx(40))
    assert "40 replies expected" in found.words
    assert "40 business hours until they are answered (4.0 h each, from 5 answered cases)" in found.words
    assert "from 4 editions to 8,000 people" in found.words


def test_with_too_little_history_nothing_is_guessed() -> None:
    none = expect(2000, Past(2, 140, 9, 2, (1.0,)))
    assert (none.replies, none.hours) == (None, None)
    assert none.words == (
        "too little history to expect replies: 2 editions, 140 people reached, 9 replies; it takes 200 and 5"
    )
    half = expect(2000, Past(2, 1400, 9, 2, (1.0,)))
    assert half.replies is not None and half.hours is None
    assert "too few to tell the hours: 1 case answered so far" in half.words


@settings(deadline=None)
@given(st.integers(200, 50_000), st.integers(5, 2000), st.integers(0, 50_000))
def test_the_likely_number_lies_in_its_range_and_nobody_to_mail_brings_nothing(
    reached: int, replies: int, going: int
) -> None:
    found = expect(going, Past(1, reached, replies, 0))
    assert found.replies is not None
    low, likely, high = found.replies
    assert 0 <= low <= likely + 1e-9 and likely <= high + 1e-9
    assert expect(0, Past(1, reached, replies, 0)).replies == (0, 0, 0)


def test_the_range_holds_nine_in_ten_editions_of_the_same_rate() -> None:
    import random

    chance, inside = random.Random(7), 0
    for _ in range(300):
        before = sum(chance.random() < 0.02 for _ in range(1500))
        found = expect(1000, Past(3, 1500, before, 0)).replies
        after = sum(chance.random() < 0.02 for _ in range(1000))
        inside += found is not None and found[0] <= after <= found[2]
    assert inside >= 270


def test_the_hours_of_an_edition_are_those_of_its_cases() -> None:
    found = spent([1.5, 2.0], unsolved=1)
    assert (found.cases, found.unsolved, found.hours) == (2, 1, 3.5)


@pytest.mark.parametrize(
    ("complainers", "quiet", "pays", "words"),
    [
        (Share(90, 100), Share(4000, 10_000), True, "griping pays"),
        (Share(10, 100), Share(9000, 10_000), False, "griping does not pay"),
        (Share(88, 100), Share(9000, 10_000), False, "no difference that chance would not make"),
        (Share(5, 5), Share(0, 10_000), False, "too few to say: 5 chances"),
    ],
)
def test_griping_pays_only_where_complainers_surely_get_more_offers(
    complainers: Share, quiet: Share, pays: bool, words: str
) -> None:
    found = judge_fairness(complainers, quiet)
    assert found.pays is pays
    assert found.words.startswith(words)
    assert found.more.low <= found.more.value <= found.more.high
