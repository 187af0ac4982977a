from __future__ import annotations

import random
from collections import Counter

import pytest

from outreach.chance import Share
from outreach.plan.variants import (
    REST,
    Comparison,
    judge_versions,
    parse_comparison,
    read_comparison,
    version_of,
)

PLAN = Comparison(("a", "b"), 20, 240, "replies")


def test_a_test_is_read_as_it_is_said() -> None:
    assert parse_comparison("20% for 4 hours by replies") == (20, 240, "replies")
    assert parse_comparison("all by complaints") == (100, 0, "complaints")
    assert parse_comparison("") == (100, 0, "replies")
    for wrong in ("20%", "0% for 4 hours by replies", "20% for 5 minutes by replies", "20% for 4 hours by luck"):
        with pytest.raises(ValueError):
            parse_comparison(wrong)


def test_each_person_is_dealt_the_same_again_and_the_shares_are_as_asked_for() -> None:
    dealt = [version_of(b"key", "news", "2026-12-01/09:00", f"k{number}", PLAN) for number in range(20_000)]
    assert dealt == [version_of(b"key", "news", "2026-12-01/09:00", f"k{number}", PLAN) for number in range(20_000)]
    counts = Counter(dealt)
    assert 15_700 < counts[REST] < 16_300
    assert abs(counts["a"] - counts["b"]) < 250
    other = [version_of(b"key", "news", "2026-12-08/09:00", f"k{number}", PLAN) for number in range(20_000)]
    assert sum(one == again for one, again in zip(dealt, other, strict=True)) < 14_500


def test_a_winner_is_named_only_where_chance_would_hardly_make_the_difference() -> None:
    sure = judge_versions(PLAN, {"a": Share(10, 1000), "b": Share(40, 1000)})
    assert sure.name == "b" and "won by replies" in sure.words
    unsure = judge_versions(PLAN, {"a": Share(10, 1000), "b": Share(14, 1000)})
    assert unsure.name == "" and "no clear winner" in unsure.words
    assert judge_versions(PLAN, {"a": Share(0, 0), "b": Share(0, 0)}).name == ""


def test_of_complaints_the_fewest_win() -> None:
    plan = Comparison(("a", "b"), 100, 0, "complaints")
    assert judge_versions(plan, {"a": Share(40, 1000), "b": Share(10, 1000)}).name == "b"
    assert judge_versions(plan, {"a": Share(10, 1000), "b": Share(40, 1000)}).name == "a"


def test_with_more_versions_a_winner_must_be_ahead_of_each_by_more() -> None:
    two = Comparison(("a", "b"), 100, 0, "replies")
    three = Comparison(("a", "b", "c"), 100, 0, "replies")
    close = {"a": Share(20, 1000), "b": Share(36, 1000), "c": Share(0, 1000)}
    assert judge_versions(two, close).name == "b"
    assert judge_versions(three, close).name == ""


def test_chance_alone_names_a_winner_no_oftener_than_it_says() -> None:
    """Of 2,000 tests in which both versions are the same, about 5 in 100 find a difference."""
    dice = random.Random(5)
    won = 0
    for _ in range(2000):
        shares = {name: Share(sum(dice.random() < 0.05 for _ in range(200)), 200) for name in ("a", "b")}
        won += bool(judge_versions(Comparison(("a", "b")), shares).name)
    assert won < 0.075 * 2000


def test_what_an_edition_keeps_is_read_back() -> None:
    assert read_comparison(PLAN.kept()) == PLAN
    assert read_comparison({}) is None
