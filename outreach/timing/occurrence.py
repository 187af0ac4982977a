"""The occasions that a schedule gives.

Law: a rule is local wall time in a zone; an occasion's key is its local date and slot, so that daemon, cron and a
person meet on one (RELIABILITY, Time). In a gap the mail goes at the first valid instant after, in a fold at the
first only: every occurrence happens just once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from ..workdays import to_instant
from .rule import HORIZON, Rule, describe, parse_schedule, recurrence

__all__ = [
    "Occurrence",
    "Rule",
    "at_occasion",
    "describe",
    "next_occurrence",
    "occasion_wall",
    "occurrences",
    "opens_everywhere",
    "over_everywhere",
    "parse_schedule",
]

AHEAD = timedelta(hours=14)
"""Local time runs ahead of UTC by at most this (Pacific/Kiritimati)."""
BEHIND = timedelta(hours=12)
"""And behind by at most this (Etc/GMT+12)."""


@dataclass(frozen=True)
class Occurrence:
    """One occasion: its key "2026-12-01/09:00", the local date and wall time, and the instant in UTC."""

    occasion: str
    day: date
    wall: time
    at: datetime


def next_occurrence(rule: Rule, zone: ZoneInfo, after: datetime) -> Occurrence | None:
    """The first occasion strictly after the instant `after`, or None when there is none any more."""
    return next(occurrences(rule, zone, after), None)


def occurrences(rule: Rule, zone: ZoneInfo, after: datetime) -> Iterator[Occurrence]:
    """All occasions strictly after `after`, in order of time; at most a dozen years on."""
    latest = after
    local = after.astimezone(zone).replace(tzinfo=None)
    for wall in _walls(rule, local - timedelta(days=1)):
        found = Occurrence(
            f"{wall:%Y-%m-%d/%H:%M}", wall.date(), wall.time(), to_instant(wall.date(), wall.time(), zone)
        )
        if found.at > latest:
            yield found
            latest = found.at


@lru_cache(maxsize=1024)
def occasion_wall(occasion: str) -> datetime | None:
    """The local date and time in an occasion's key, or None for a key without one ("once-1").

    Behind a + stands which text of that day a sequence's step had ("2026-12-01/09:00+2")."""
    try:
        return datetime.strptime(occasion.partition("+")[0], "%Y-%m-%d/%H:%M")
    except ValueError:
        return None


@lru_cache(maxsize=4096)
def at_occasion(occasion: str, zone: ZoneInfo) -> datetime | None:
    """The instant of an occasion's local date and time in `zone`, or None for a key without one."""
    wall = occasion_wall(occasion)
    return None if wall is None else to_instant(wall.date(), wall.time(), zone)


def opens_everywhere(day: date, wall: time) -> datetime:
    """The instant at which a local time first comes about anywhere on earth (UTC+14)."""
    return datetime.combine(day, wall, tzinfo=UTC) - AHEAD


def over_everywhere(day: date, wall: time) -> datetime:
    """The instant at which a local time last comes about anywhere on earth (UTC-12)."""
    return datetime.combine(day, wall, tzinfo=UTC) + BEHIND


def _walls(rule: Rule, after: datetime) -> Iterator[datetime]:
    if rule.once is not None:
        if rule.once > after:
            yield rule.once
        return
    if not rule.rrule or rule.start is None:
        return
    for wall in recurrence(rule.rrule, rule.start).xafter(after):
        if wall - after > HORIZON:
            return
        if not rule.but or not rule.but.take(wall.date()):
            yield wall.replace(second=0, microsecond=0)
