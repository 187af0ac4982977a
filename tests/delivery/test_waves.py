"""Waves and the look between them, by the rules alone."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.chance import wilson
from outreach.delivery.waves import (
    ABUSE,
    BOUNCES,
    COMPLAINTS,
    LEAST_PEOPLE,
    SLOTS,
    Sign,
    WaveRules,
    cuts,
    judge_sign,
    judge_wave,
    limits,
    place,
    read_waves,
    wave_of,
    wave_sizes,
)
from outreach.words import WaveVerdict

GO, WARN, STOP = WaveVerdict.GO, WaveVerdict.WARN, WaveVerdict.STOP
RANK = {GO: 0, WARN: 1, STOP: 2}
RULES = WaveRules()
names = st.sampled_from([ABUSE, BOUNCES, COMPLAINTS])


@pytest.mark.parametrize(
    ("waves", "people", "sizes"),
    [
        ("yes", 500, []),
        ("yes", 501, [500, 1]),
        ("yes", 10_000, [500, 1_000, 8_500]),
        ("yes", 1_000_000, [500, 100_000, 899_500]),
        ("no", 10_000, []),
        ("", 10_000, []),
        ("2000, rest", 10_000, [2_000, 8_000]),
        ("100, rest", 10_000, [500, 9_500]),
        ("5%, 20%, 30%, rest", 100_000, [5_000, 20_000, 30_000, 45_000]),
        ("1000, 2000, rest", 1_500, [1_000, 500]),
    ],
)
def test_the_first_wave_has_at_least_500_then_a_tenth_then_the_rest(waves: str, people: int, sizes: list[int]) -> None:
    assert wave_sizes(read_waves(waves), people) == sizes


@pytest.mark.parametrize("text", ["500", "rest", "500, 10%", "0, rest", "100%, rest", "a few, rest", "500 rest"])
def test_what_is_no_list_of_waves_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"rest|size"):
        read_waves(text)


@given(
    st.lists(st.one_of(st.integers(1, 5000).map(str), st.integers(1, 99).map("{}%".format)), min_size=1, max_size=8),
    st.integers(0, 200_000),
)
def test_waves_add_up_to_everybody(parts: list[str], people: int) -> None:
    sizes = wave_sizes(read_waves(", ".join([*parts, "rest"])), people)
    if sizes:
        assert sum(sizes) == people and min(sizes) > 0 and sizes[0] >= 500


def test_people_are_dealt_alike_each_time_and_otherwise_in_the_next_edition() -> None:
    keys = [f"key{number}" for number in range(2000)]
    one = [place("edition-1", key) for key in keys]
    assert one == [place("edition-1", key) for key in keys]
    other = [place("edition-2", key) for key in keys]
    first = {key for key, where in zip(keys, one, strict=True) if where < SLOTS // 4}
    again = {key for key, where in zip(keys, other, strict=True) if where < SLOTS // 4}
    assert 80 <= len(first & again) <= 180, "a quarter of a quarter: the same people are not always the first"


def test_each_wave_is_a_fair_sample_of_the_domains_whatever_the_order_of_import() -> None:
    domains = ["gmail.com"] * 5000 + ["gmx.de"] * 3000 + ["web.de"] * 2000
    keys = [f"{number:040d}" for number in range(10_000)]
    counts = [0] * SLOTS
    for key in keys:
        counts[place("e", key)] += 1
    sizes = wave_sizes(read_waves("yes"), 10_000)
    ends = cuts(counts, sizes)
    waves = [wave_of(place("e", key), ends) for key in keys]
    told = Counter(waves)
    assert told[0] >= 500 and sum(told.values()) == 10_000
    assert all(abs(told[wave] - size) <= 3 for wave, size in enumerate(sizes))
    for wave in range(3):
        mine = Counter(domain for domain, own in zip(domains, waves, strict=True) if own == wave)
        for domain, share in {"gmail.com": 0.5, "gmx.de": 0.3, "web.de": 0.2}.items():
            low, high = wilson(mine[domain], told[wave], z=3.3)
            assert low <= share <= high, f"wave {wave} is no fair sample of {domain}"


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.lists(st.integers(1, 30), min_size=2, max_size=5))
def test_nobody_is_left_out_and_a_wave_is_never_smaller_than_its_size(counts: list[int], sizes: list[int]) -> None:
    ends = cuts(counts, sizes)
    waves = Counter(wave_of(slot, ends) for slot, number in enumerate(counts) for _ in range(number))
    assert sum(waves.values()) == sum(counts)
    assert ends == sorted(ends)
    if sum(counts) >= sizes[0]:
        assert waves[0] >= sizes[0]


@pytest.mark.parametrize(
    ("sign", "verdict"),
    [
        (Sign(ABUSE, 0, 500), GO),
        (Sign(ABUSE, 1, 500), WARN),
        (Sign(ABUSE, 2, 3), WARN),
        (Sign(ABUSE, 3, 500), WARN),
        (Sign(ABUSE, 5, 500), STOP),
        (Sign(ABUSE, 9, 10_000), GO),
        (Sign(ABUSE, 10, 10_000), WARN),
        (Sign(ABUSE, 30, 10_000), WARN),
        (Sign(ABUSE, 45, 10_000), STOP),
        (Sign(BOUNCES, 9, 500), GO),
        (Sign(BOUNCES, 10, 500), WARN),
        (Sign(BOUNCES, 25, 500), WARN),
        (Sign(BOUNCES, 38, 500), STOP),
        (Sign(COMPLAINTS, 4, 500), GO),
        (Sign(COMPLAINTS, 5, 500), WARN),
        (Sign(COMPLAINTS, 26, 500), STOP),
        (Sign(COMPLAINTS, 26, 500, (40, 2000)), GO),
        (Sign(COMPLAINTS, 70, 500, (40, 2000)), STOP),
    ],
)
def test_limits_warn_at_once_and_stop_only_what_is_sure(sign: Sign, verdict: WaveVerdict) -> None:
    found, words = judge_sign(sign, RULES)
    assert found is verdict
    assert bool(words) is (verdict is not GO)


@given(names, st.integers(0, LEAST_PEOPLE - 1), st.integers(1, 100_000), st.tuples(st.integers(0, 50), st.just(1000)))
def test_never_a_stop_for_fewer_than_three_people(name: str, people: int, of: int, before: tuple[int, int]) -> None:
    assert judge_sign(Sign(name, people, of, before), RULES)[0] is not STOP


@given(names, st.integers(0, 400), st.integers(1, 5000), st.integers(0, 200))
def test_more_people_never_make_it_better(name: str, people: int, more: int, history: int) -> None:
    of = people + more
    before = (history, 2000) if history else (0, 0)
    one = judge_sign(Sign(name, people, of, before), RULES)[0]
    worse = judge_sign(Sign(name, people + 1, of, before), RULES)[0]
    assert RANK[worse] >= RANK[one]


@given(st.integers(0, 500), st.integers(500, 5000))
def test_a_history_of_complaints_only_ever_raises_the_limits(before: int, of: int) -> None:
    assert limits(Sign(COMPLAINTS, 1, 1, (before, of)), RULES) >= RULES.complaints
    assert limits(Sign(COMPLAINTS, 1, 1), RULES) == RULES.complaints


def test_the_worst_figure_decides_and_says_why() -> None:
    verdict, words = judge_wave([Sign(ABUSE, 1, 500), Sign(BOUNCES, 60, 500), Sign(COMPLAINTS, 0, 500)], RULES)
    assert verdict is STOP
    assert words == "bad addresses: 60 of 500 (12 %), surely more than 5 %"
    assert judge_wave([Sign(ABUSE, 0, 500)], RULES) == (GO, "")
