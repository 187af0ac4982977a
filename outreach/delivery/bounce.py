"""What bounces add up to: points of an address, its rest, and a storm at a domain.

Laws: only a bad address suppresses; every other bounce is a point, at most one a day, and points decay. An address
rests only after points on two different days, and its rest lapses by itself. Where a domain suddenly refuses far more
than it ever did, the domain is at fault: it is paused, and nobody is suppressed, or gets a point, for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..chance import wilson
from ..words import FailureClass

HISTORY = timedelta(days=90)
"""How far back a domain's own history counts."""
SUDDEN = timedelta(hours=1)
"""Bounces that came within this time are one event."""


@dataclass(frozen=True, slots=True)
class BounceRules:
    """The limits, as the settings give them. `half_life_days`: after so many days a point counts half."""

    limit: float = 3.0
    half_life_days: float = 30.0
    storm_least: int = 10
    storm_share: float = 0.3
    storm_hours: float = 6.0


def points(bounces: Iterable[tuple[datetime, FailureClass]]) -> list[datetime]:
    """When an address got its points: the first bounce of each day (UTC), oldest first.

    A mail that broke its own process (POISON) says nothing about the address.
    """
    days: dict[object, datetime] = {}
    for at, failure in sorted(bounces, key=lambda bounce: bounce[0]):
        if failure is not FailureClass.POISON:
            days.setdefault(at.date(), at)
    return list(days.values())


def score(got: Iterable[datetime], now: datetime, rules: BounceRules) -> float:
    """What the points got until `now` are worth now."""
    ages = ((now - at).total_seconds() / 86_400 for at in got if at <= now)
    return sum(math.pow(0.5, age / rules.half_life_days) for age in ages)


def rests_until(got: list[datetime], rules: BounceRules) -> datetime | None:
    """Until when an address rests, or None where its points never reached the limit on two different days.

    It rests from the point that reaches the limit until what it has decays to half of the limit.
    """
    until: datetime | None = None
    for number, at in enumerate(got, 1):
        worth = score(got[:number], at, rules)
        resting = until is not None and at < until
        if number >= 2 and (worth >= rules.limit or resting):
            days = rules.half_life_days * math.log2(max(worth / (rules.limit / 2), 1.0))
            until = max(until or at, at + timedelta(days=days))
    return until


@dataclass(frozen=True, slots=True)
class DomainCounts:
    """What a domain did: addresses that bounced, of those mailed, in the last hour's mail and in its history."""

    bounced: int
    mailed: int
    bounced_before: int = 0
    mailed_before: int = 0


def storm_limit(counts: DomainCounts, rules: BounceRules) -> float:
    """The share beyond which it is a storm: the setting, or twice what the domain's own history makes likely."""
    if not counts.mailed_before:
        return rules.storm_share
    return min(0.9, max(rules.storm_share, 2 * wilson(counts.bounced_before, counts.mailed_before)[1]))


def is_storm(counts: DomainCounts, rules: BounceRules) -> bool:
    """Whether enough different addresses bounced, and surely a larger share than the limit."""
    mailed = max(counts.mailed, counts.bounced)
    return counts.bounced >= rules.storm_least and wilson(counts.bounced, mailed)[0] > storm_limit(counts, rules)
