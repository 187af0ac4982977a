"""Limits hold in every stretch of time, for several takers, late senders and clocks that jump; and they are used up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from outreach.timing.pace import LATE_SECONDS, VALID_SECONDS, Limits, give_back, share_slots, take, used, warm_up

from ..examples import examples

START = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def most_within(times: Sequence[float], seconds: float) -> int:
    """The most of `times` that lie in one stretch of `seconds`, wherever it begins."""
    ordered, first, most = sorted(times), 0, 0
    for last, at in enumerate(ordered):
        while ordered[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


Step = tuple[float, int, float, float]
steps = st.lists(
    st.tuples(
        st.one_of(st.floats(0, 3), st.floats(0, 4000)),  # seconds that really pass
        st.integers(1, 80),  # mails that this taker would send
        st.floats(0, 1),  # how late each leaves, as a share of what is allowed
        st.one_of(st.just(0.0), st.floats(0, 100_000)),  # how far the clock is set back before it
    ),
    min_size=1,
    max_size=60,
)
some_limits = st.builds(
    Limits, second=st.integers(0, 30), minute=st.integers(0, 60), hour=st.integers(0, 90), day=st.integers(0, 100)
)


@settings(max_examples=examples(300), deadline=None)
@given(steps, some_limits)
@example(
    [(0.0, 1, 0.0, 0.0), (0.0, 1, 0.0, 0.0), (0.5, 1, 0.0, 0.0), (0.0, 1, 0.0, 60.0), (1.0, 1, 0.0, 0.0)],
    Limits(second=1),
)
def test_no_stretch_of_time_sees_more_than_its_limit(done: list[Step], limits: Limits) -> None:
    windows: dict[str, Any] = {}
    real, back = 0.0, 0.0
    left: list[float] = []
    for passes, wanted, late, set_back in done:
        real, back = real + passes, back + set_back
        now = START + timedelta(seconds=real - back)
        given_now = take(windows, limits, wanted, now)
        windows = given_now.windows
        first = real + (given_now.first - now).total_seconds()
        allowed = LATE_SECONDS if limits.second else VALID_SECONDS
        left += [first + number * given_now.gap + late * allowed * 0.999 for number in range(given_now.count)]
    for name, seconds in SECONDS.items():
        if getattr(limits, name):
            assert most_within(left, seconds) <= getattr(limits, name)


@pytest.mark.parametrize(("name", "limit"), [("second", 50), ("minute", 600), ("hour", 5000), ("day", 10_000)])
def test_two_takers_together_reach_nine_tenths_of_the_limit(name: str, limit: int) -> None:
    limits = Limits(**{name: limit})
    windows: dict[str, Any] = {}
    sent, turns = 0, 400
    for turn in range(turns):
        now = START + timedelta(seconds=10 * SECONDS[name] * turn / turns)
        for _ in range(2):
            given_now = take(windows, limits, limit, now)
            windows, sent = given_now.windows, sent + given_now.count
    assert 0.9 * 10 * limit <= sent <= 11 * limit


def test_what_is_not_granted_may_be_asked_for_at_the_time_told() -> None:
    for limits in (Limits(second=3), Limits(minute=7), Limits(hour=7), Limits(day=7), Limits(second=2, minute=5)):
        first = take({}, limits, 100, START)
        second = take(first.windows, limits, 100, START)
        told = second.more_at
        assert second.count == 0 and told is not None and told > START and second.limit
        if told - START > timedelta(seconds=1):
            assert take(second.windows, limits, 1, told - timedelta(milliseconds=5)).count == 0
        assert take(second.windows, limits, 1, told + timedelta(milliseconds=5)).count == 1


def test_a_pace_by_the_second_is_even_and_never_ahead_by_more_than_a_second() -> None:
    granted = take({}, Limits(second=10), 1000, START)
    assert granted.count == 10
    assert granted.first == START
    assert granted.gap == pytest.approx(0.11)
    assert granted.until <= START + timedelta(seconds=1 + LATE_SECONDS)


def test_a_clock_set_forward_gives_at_most_one_window_too_early() -> None:
    limits = Limits(hour=100)
    windows: dict[str, Any] = {}
    sent = 0
    for now in (START, START + timedelta(days=300), START + timedelta(days=300, seconds=1)):
        granted = take(windows, limits, 500, now)
        windows, sent = granted.windows, sent + granted.count
    assert sent == 200


def test_permits_that_were_not_used_are_there_for_others() -> None:
    limits = Limits(hour=100, today=60)
    granted = take({}, limits, 60, START)
    back = give_back(granted.windows, 45, START)
    assert used(back, START) == {"hour": 15, "warmup": 15}
    assert take(back, limits, 100, START + timedelta(minutes=1)).count == 45


def test_no_limit_grants_everything_at_once() -> None:
    granted = take({}, Limits(), 1_000_000, START)
    assert (granted.count, granted.gap, granted.more_at) == (1_000_000, 0.0, None)
    assert not Limits().any


def test_slowed_down_limits_never_fall_to_nothing() -> None:
    assert Limits(second=1, minute=10, today=50).scaled(1 / 32) == Limits(second=1, minute=1, today=50)
    assert Limits(hour=1000).scaled(0.5) == Limits(hour=500)


def test_a_warm_up_allows_each_day_what_its_ramp_says_and_then_everything() -> None:
    ramp = (50, 100, 500)
    assert warm_up(ramp, None, START) == (0, 50)
    assert warm_up(ramp, START, START + timedelta(hours=23, minutes=59)) == (0, 50)
    assert warm_up(ramp, START, START + timedelta(hours=24)) == (1, 100)
    assert warm_up(ramp, START, START + timedelta(days=2)) == (2, 500)
    assert warm_up(ramp, START, START + timedelta(days=3)) == (3, None)
    assert warm_up(ramp, START, START - timedelta(days=9)) == (0, 50)
    assert warm_up((), START, START) == (0, None)


def test_a_warm_ups_day_is_used_up_and_the_next_begins_fresh() -> None:
    first = take({}, Limits(today=50, warmup_day=0), 80, START)
    assert (first.count, first.limit) == (50, "warmup")
    assert take(first.windows, Limits(today=50, warmup_day=0), 1, START + timedelta(hours=9)).count == 0
    second = take(first.windows, Limits(today=100, warmup_day=1), 80, START + timedelta(days=1))
    assert second.count == 80
    assert take(second.windows, Limits(today=50, warmup_day=0), 80, START).count == 0, "a clock set back gains nothing"


def test_slots_held_under_a_clock_that_was_set_back_since_are_free() -> None:
    slots, mine = share_slots({}, "gone", 5, 0, 5, START + timedelta(hours=9), timedelta(seconds=10))
    assert mine == 5
    assert share_slots(slots, "here", 5, 0, 5, START, timedelta(seconds=10))[1] == 5


@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 12), st.integers(0, 8)), min_size=1, max_size=60),
)
def test_workers_never_hold_more_connections_than_there_are(limit: int, turns: list[tuple[str, int, int]]) -> None:
    slots: dict[str, Any] = {}
    now = START
    allowed: dict[str, tuple[int, datetime]] = {}
    busy: dict[str, int] = {}
    for worker, wanted, seconds in turns:
        now += timedelta(seconds=seconds)
        granted, until = allowed.get(worker, (0, now))
        busy[worker] = min(busy.get(worker, 0), granted) if until > now else 0
        slots, mine = share_slots(slots, worker, wanted, busy[worker], limit, now, timedelta(seconds=10))
        allowed[worker] = mine, now + timedelta(seconds=10)
        busy[worker] = max(busy[worker], mine)
        in_use = sum(busy[name] for name, (_, until) in allowed.items() if until > now)
        assert in_use <= limit
