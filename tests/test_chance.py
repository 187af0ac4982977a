from __future__ import annotations

import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.chance import Draws, Share, difference, off_by, people_needed, pooled_difference, wilson


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17, table I: the score method without continuity correction
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_that_of_the_literature(count: int, of: int, low: float, high: float) -> None:
    found = wilson(count, of)
    assert found == pytest.approx((low, high), abs=0.0001)


@given(st.integers(1, 10_000), st.data())
def test_wilsons_interval_holds_what_was_seen_and_narrows_with_more_of_the_same(of: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, of))
    low, high = wilson(count, of)
    assert 0 <= low <= count / of + 1e-9 and count / of - 1e-9 <= high <= 1
    assert wilson(10 * count, 10 * of)[0] >= low - 1e-9
    assert wilson(count + 1, of + 1)[0] >= low - 1e-9


SHARES = st.integers(1, 3000).flatmap(lambda of: st.integers(0, of).map(lambda count: Share(count, of)))


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        (Share(56, 70), Share(48, 80), 0.0524, 0.3339),
        (Share(9, 10), Share(3, 10), 0.1705, 0.8090),
        (Share(10, 10), Share(0, 20), 0.6791, 1.0),
        (Share(0, 10), Share(0, 20), -0.1611, 0.2775),
    ],
)
def test_the_interval_of_a_difference_is_newcombes_of_1998(one: Share, other: Share, low: float, high: float) -> None:
    found = difference(one, other)
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)


@settings(deadline=None)
@given(SHARES, SHARES)
def test_an_interval_holds_what_was_seen_and_turns_with_its_groups(one: Share, other: Share) -> None:
    found, turned = difference(one, other), difference(other, one)
    assert -1 <= found.low <= found.value + 1e-12 and found.value - 1e-12 <= found.high <= 1
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    alone = pooled_difference([(one, other)])
    assert alone.value == pytest.approx(found.value)
    assert alone.low <= alone.value <= alone.high


def test_several_comparisons_together_tell_more_than_each_and_none_is_mixed_with_another() -> None:
    pairs = [(Share(30, 500), Share(120, 4000)), (Share(12, 100), Share(90, 1000))]
    together = pooled_difference(pairs)
    widths = [found.high - found.low for found in (difference(*pair) for pair in pairs)]
    assert together.high - together.low < min(widths)
    assert together.value == pytest.approx(0.03, abs=1e-9)
    assert pooled_difference([]) == pooled_difference([(Share(0, 0), Share(1, 2))])
    assert not pooled_difference([]).sure


@pytest.mark.parametrize(("before", "after", "each"), [(0.10, 0.05, 434.43), (0.02, 0.01, 2318.2), (0.5, 0.4, 387.34)])
def test_the_size_needed_for_halves_is_that_of_power_prop_test(before: float, after: float, each: float) -> None:
    found = people_needed(before, after, 0.5)
    assert found is not None
    assert 2 * each - 1 <= found <= 2 * each + 2


@settings(deadline=None, max_examples=50)
@given(st.floats(0.01, 0.5), st.floats(0.2, 0.8), st.floats(0.05, 0.5))
def test_a_smaller_effect_and_a_smaller_group_take_more_people(before: float, effect: float, share: float) -> None:
    usual, subtle = (people_needed(before, before * (1 - fall), share) for fall in (effect, effect / 2))
    smaller = people_needed(before, before * (1 - effect), share / 2)
    assert usual is not None and subtle is not None and smaller is not None
    assert subtle > usual
    assert smaller > usual


def test_no_number_shows_what_is_not_there() -> None:
    assert people_needed(0.1, 0.1, 0.5) is None
    assert people_needed(0.1, 0.05, 0) is None


@given(st.binary(max_size=130), st.text(max_size=9), st.text(max_size=9))
def test_a_draw_that_was_begun_once_is_the_hmac_of_all_of_it(key: bytes, said: str, each: str) -> None:
    draws = Draws(key, said)
    assert draws.of(each) == draws.of(each) == hmac.digest(key, (said + each).encode(), "sha256")


def test_a_share_is_off_by_what_chance_makes_of_it() -> None:
    assert off_by(100_000, 1_000_000) == 588
    assert off_by(0, 0) == off_by(0, 10) == off_by(10, 10) == 0
