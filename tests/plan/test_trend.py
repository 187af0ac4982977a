"""Trends: people per 1,000 reached with an interval, and new or rising only where chance would not make it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.plan.trend import Novelty, Period, Trend, judge_trends, topics_for_issue, topics_without_tips


def period(reached: int, **people: int) -> Period:
    return Period({topic: range(count) for topic, count in people.items()}, reached)


def one(now: Period, *history: Period) -> Trend:
    return judge_trends(now, history)[0]


def test_a_rate_is_people_per_thousand_reached_with_wilsons_interval() -> None:
    found = one(period(1000, descaling=12))
    assert (found.people, found.reached, found.rate) == (12, 1000, 12.0)
    assert (round(found.low, 2), round(found.high, 2)) == (6.88, 20.86)
    assert found.words == (
        "12 of 1,000 people wrote about descaling: 12.0 per 1,000 (6.9 to 20.9), nothing to compare it with yet"
    )


def test_a_person_who_writes_ten_times_is_one_person() -> None:
    assert one(Period({"milk": {7, 8, 9, 10, 11}}, 100)).people == 5


@pytest.mark.parametrize(("people", "enough"), [(4, False), (5, True)])
def test_fewer_than_five_people_are_no_trend_even_where_all_reached_wrote(people: int, enough: bool) -> None:
    found = one(period(people, app=people))
    assert found.enough is enough
    assert ("too few to say" in found.words) is not enough
    assert bool(topics_for_issue([found], {"app"}, 2)) is enough
    assert not judge_trends(period(4, app=4), (), least=1)[0].enough, "no setting makes it less"


def test_what_is_new_what_rises_what_stays_and_what_falls() -> None:
    history = [period(1000, milk=8, app=8, grinder=30) for _ in range(6)]
    now = period(1000, leak=9, milk=30, app=9, grinder=5)
    found = {trend.topic: trend.novelty for trend in judge_trends(now, history)}
    assert found == {
        "leak": Novelty.NEW,
        "milk": Novelty.RISING,
        "app": Novelty.STEADY,
        "grinder": Novelty.FALLING,
    }
    assert [trend.topic for trend in judge_trends(now, history)] == ["leak", "milk", "app", "grinder"]


def test_a_little_more_than_before_is_as_before() -> None:
    assert one(period(1000, milk=10), period(1000, milk=7)).novelty is Novelty.STEADY
    assert one(period(100_000, milk=1000), period(100_000, milk=700)).novelty is Novelty.RISING


def test_where_nobody_was_reached_before_nothing_is_called_new() -> None:
    found = one(period(1000, milk=50), period(0))
    assert (found.novelty, found.before) == (Novelty.UNKNOWN, None)


def test_an_issue_takes_trends_with_tips_only_and_never_what_falls() -> None:
    history = [period(1000, grinder=60)]
    trends = judge_trends(period(1000, leak=9, milk=40, app=20, grinder=5, rare=2), history)
    with_tips = {"milk", "app", "grinder", "rare"}
    assert [trend.topic for trend in topics_for_issue(trends, with_tips, 5)] == ["milk", "app"]
    assert [trend.topic for trend in topics_for_issue(trends, with_tips, 1)] == ["milk"]
    assert topics_for_issue(trends, with_tips, 0) == []
    assert [trend.topic for trend in topics_without_tips(trends, with_tips)] == ["leak"]


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 40)),
    st.lists(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 40)), max_size=4),
    st.integers(40, 5000),
)
def test_intervals_hold_their_rate_and_the_few_come_last(
    now: dict[str, int], history: list[dict[str, int]], reached: int
) -> None:
    found = judge_trends(period(reached, **now), [period(reached, **each) for each in history])
    assert {trend.topic for trend in found} == {topic for topic, count in now.items() if count}
    assert all(0 <= trend.low <= trend.rate <= trend.high <= 1000 for trend in found)
    assert [trend.enough for trend in found] == sorted((trend.enough for trend in found), reverse=True)
