"""Zones, business hours and holidays.

Law: an instant goes in and comes out in UTC; the wall clock of a zone exists only inside a function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Clock = Callable[[], datetime]
"""Gives the present instant, aware and in UTC."""


def utc_now() -> datetime:
    """The system's clock."""
    return datetime.now(UTC)


@lru_cache(maxsize=1024)
def zone_or(name: str | None, default: str) -> ZoneInfo:
    """The zone called `name`, or `default` where that is empty or unknown."""
    for candidate in (name, default):
        if candidate:
            try:
                return ZoneInfo(candidate)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                continue
    return ZoneInfo("UTC")


def to_instant(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """The instant of a local wall time: in a gap the first valid instant after, in a fold the first."""
    local = datetime.combine(day, wall.replace(tzinfo=None, fold=0), tzinfo=zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    return _end_of_gap(instant, zone)


def _end_of_gap(after: datetime, zone: ZoneInfo) -> datetime:
    """The transition that swallowed a wall time, found by bisection between before and after it."""
    low, high = after - timedelta(days=1), after + timedelta(days=1)
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


@dataclass(frozen=True)
class WorkingHours:
    """When somebody is at work: wall times in a zone, weekdays (0 is Monday), days off."""

    zone: ZoneInfo
    start: time = time(9, 0)
    end: time = time(17, 0)
    days: tuple[int, ...] = (0, 1, 2, 3, 4)
    holidays: str = ""
    extra_holidays: tuple[date, ...] = ()

    def is_workday(self, day: date) -> bool:
        """Whether people work on this day."""
        return day.weekday() in self.days and day not in self.extra_holidays and not is_holiday(self.holidays, day)


@lru_cache(maxsize=64)
def _calendar(place: str, year: int) -> frozenset[date]:
    import holidays  # lazy: 100 ms, and only needed where a country is set

    country, _, part = place.partition("-")
    return frozenset(holidays.country_holidays(country, subdiv=part or None, years=year).keys())


def is_holiday(place: str, day: date) -> bool:
    """Whether this day is a public holiday in a country or its part ("DE", "DE-BY"); of no place, none is."""
    return bool(place) and day in _calendar(place, day.year)


@lru_cache(maxsize=64)
def knows_holidays(place: str) -> bool:
    """Whether the holidays of this country, or its part, are known."""
    try:
        return bool(_calendar(place, 2026))
    except (NotImplementedError, KeyError, ValueError, AttributeError):
        return False


def add_business_hours(start: datetime, hours: float, at_work: WorkingHours) -> datetime:
    """The instant at which `hours` of working time have passed since `start`."""
    left = timedelta(hours=hours)
    day = start.astimezone(at_work.zone).date()
    for _ in range(3660):
        if at_work.is_workday(day):
            opens = max(start, to_instant(day, at_work.start, at_work.zone))
            closes = to_instant(day, at_work.end, at_work.zone)
            if closes > opens:
                if left <= closes - opens:
                    return opens + left
                left -= closes - opens
        day += timedelta(days=1)
    return start + timedelta(hours=hours)


def add_business_days(start: datetime, days: int, at_work: WorkingHours) -> datetime:
    """The end of work on the `days`-th working day after the day of `start`."""
    day = start.astimezone(at_work.zone).date()
    for _ in range(3660):
        day += timedelta(days=1)
        if at_work.is_workday(day):
            days -= 1
            if days <= 0:
                return to_instant(day, at_work.end, at_work.zone)
    return start + timedelta(days=1)


def business_hours_between(start: datetime, end: datetime, at_work: WorkingHours) -> float:
    """Working hours between two instants."""
    total = timedelta()
    day, last = start.astimezone(at_work.zone).date(), end.astimezone(at_work.zone).date()
    while day <= last:
        if at_work.is_workday(day):
            opens = max(start, to_instant(day, at_work.start, at_work.zone))
            closes = min(end, to_instant(day, at_work.end, at_work.zone))
            total += max(closes - opens, timedelta())
        day += timedelta(days=1)
    return total.total_seconds() / 3600
