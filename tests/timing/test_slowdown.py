"""Slowing down for a domain and recovering: shown by a domain that bears only so much, and then more again."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

from outreach.timing.pace import Limits, take
from outreach.timing.slowdown import FLOOR, faster, slower

START = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)


def test_refusals_that_come_together_count_once() -> None:
    once = slower(1.0, START - timedelta(days=1), START)
    assert once == 0.5
    assert slower(once, START, START + timedelta(seconds=3)) == 0.5
    assert slower(once, START, START + timedelta(seconds=11)) == 0.25


def test_it_never_falls_below_the_floor_and_never_rises_above_one() -> None:
    factor, now = 1.0, START
    for _ in range(20):
        factor, now = slower(factor, now - timedelta(minutes=1), now), now + timedelta(minutes=1)
    assert factor == FLOOR
    for _ in range(50):
        factor, now = faster(factor, now, now + timedelta(minutes=1)), now + timedelta(minutes=1)
    assert factor == 1.0


def test_two_who_hear_of_one_burst_slow_down_once_whoever_writes_first() -> None:
    """Each takes the time and then waits for its turn to write: the second one's `now` may be the earlier."""
    factor = slower(1.0, None, START)
    assert slower(factor, START, START - timedelta(milliseconds=3)) == factor
    assert faster(factor, START, START - timedelta(milliseconds=3)) == factor


def test_a_clock_that_was_set_back_does_not_keep_a_domain_slow() -> None:
    assert faster(0.5, START + timedelta(hours=9), START) == 0.55


def test_it_recovers_one_step_a_minute_however_much_is_taken() -> None:
    assert faster(0.5, START, START + timedelta(seconds=59)) == 0.5
    assert faster(0.5, START, START + timedelta(seconds=60)) == 0.55


class Domain:
    """A provider that takes `bears` mails in any 60 seconds and defers the rest with 4.7.x."""

    def __init__(self, bears: int) -> None:
        self.bears = bears
        self.taken: deque[float] = deque()

    def offer(self, second: float) -> bool:
        while self.taken and self.taken[0] <= second - 60:
            self.taken.popleft()
        if len(self.taken) >= self.bears:
            return False
        self.taken.append(second)
        return True


def send_for(minutes: int, domain: Domain, state: dict[str, Any], begin: int) -> tuple[int, int]:
    taken = refused = 0
    for second in range(begin, begin + 60 * minutes):
        now = START + timedelta(seconds=second)
        granted = take(state["windows"], Limits(minute=600).scaled(state["factor"]), 20, now)
        state["windows"] = granted.windows
        for _ in range(granted.count):
            before = state["factor"]
            if domain.offer(second):
                taken += 1
                state["factor"] = faster(before, state["changed"], now)
            else:
                refused += 1
                state["factor"] = slower(before, state["changed"], now)
            if state["factor"] != before:
                state["changed"] = now
    return taken, refused


def test_the_rate_settles_just_below_what_the_domain_bears_and_comes_back_when_it_bears_more() -> None:
    domain = Domain(200)
    state: dict[str, Any] = {"windows": {}, "factor": 1.0, "changed": START - timedelta(days=1)}
    send_for(20, domain, state, 0)
    taken, refused = send_for(60, domain, state, 1200)
    assert taken >= 0.6 * 60 * 200
    assert refused <= 0.05 * taken
    domain.bears = 10_000
    send_for(20, domain, state, 4800)
    assert state["factor"] == 1.0
    taken, refused = send_for(10, domain, state, 6000)
    assert refused == 0 and taken >= 0.9 * 10 * 600
