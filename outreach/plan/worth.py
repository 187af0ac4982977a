"""Is it worth it? The replies that an edition will bring, and the hours that they keep somebody busy, told beforehand.

Laws: from what earlier editions of its kind brought, and nothing else; an expectation comes with the range in which
nine in ten such editions would lie, or it says that there is too little history. Hours are those of the cases' own
clocks: business hours from a message to our answer, while it was our turn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from ..chance import wilson

LEAST_REACHED = 200
LEAST_REPLIES = 5
LEAST_CASES = 5
Z_RANGE = 1.644854
"""Nine in ten."""


@dataclass(frozen=True)
class Past:
    """What earlier editions of a kind brought: messages of people, how many of them were or joined a case, and the
    business hours until each case had its first answer."""

    editions: int
    reached: int
    replies: int
    cases: int
    hours: tuple[float, ...] = ()


@dataclass(frozen=True)
class Expected:
    """What an edition will bring; None: too little history to say. `words` says it for a person."""

    replies: tuple[float, float, float] | None
    cases: float | None
    hours: float | None
    editions: int
    words: str


@dataclass(frozen=True)
class Spent:
    """What came of an edition: its cases, and the business hours that their clocks ran, open ones until now."""

    cases: int
    unsolved: int
    hours: float


def expect(going: int, past: Past) -> Expected:
    """Replies and hours to expect of an edition that goes to so many people. Replies are (low, likely, high)."""
    if past.reached < LEAST_REACHED or past.replies < LEAST_REPLIES:
        have = f"{_count(past.editions, 'edition')}, {past.reached:,} people reached, {_count(past.replies, 'reply')}"
        words = f"too little history to expect replies: {have}; it takes {LEAST_REACHED} and {LEAST_REPLIES}"
        return Expected(None, None, None, past.editions, words)
    replies = _range(going, past)
    likely = replies[1]
    told = f"{_rounded(likely)} replies expected ({_rounded(replies[0])} to {_rounded(replies[2])})"
    source = f"from {_count(past.editions, 'edition')} to {past.reached:,} people"
    cases = likely * past.cases / past.replies
    if len(past.hours) < LEAST_CASES:
        have = f"{_count(len(past.hours), 'case')} answered so far"
        return Expected(replies, cases, None, past.editions, f"{told}, {source}; too few to tell the hours: {have}")
    hours = cases * fmean(past.hours)
    each = f"{fmean(past.hours):.1f} h each, from {_count(len(past.hours), 'answered case')}"
    work = f"{_rounded(cases)} of them cases: {hours:.0f} business hours until they are answered ({each})"
    words = f"{told}, {work}; {source}"
    return Expected(replies, cases, hours, past.editions, words)


def _range(going: int, past: Past) -> tuple[float, float, float]:
    """The likely number and the range of nine in ten: of the rate, and of chance on top of it."""
    rate = past.replies / past.reached
    low, high = wilson(min(past.replies, past.reached), past.reached, Z_RANGE)
    low, high = min(low, rate), max(high, rate)
    return (
        max(0.0, going * low - Z_RANGE * math.sqrt(going * low)),
        going * rate,
        going * high + Z_RANGE * math.sqrt(going * high),
    )


def per_1000(count: int, of: int) -> float | None:
    """So many per 1,000; None of nothing."""
    return 1000 * count / of if of else None


def spent(hours: Sequence[float], unsolved: int) -> Spent:
    """The cases of an edition added up."""
    return Spent(len(hours), unsolved, sum(hours))


def _rounded(value: float) -> str:
    return f"{value:.1f}" if value < 3 else f"{value:,.0f}"


def _count(number: int, noun: str) -> str:
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun[:-1] + 'ies' if noun.endswith('y') else noun + 's'}"
