"""The hours of one colleague, as a person writes them and as the clocks take them.

Law: what is not given is the workspace's; hours that cannot be are refused in words, before anything is kept.
"""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..records import Colleague
from ..workdays import WorkingHours, zone_or

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_OFF = 400
_TIME = re.compile(r"(\d{1,2})(?::?([0-5]\d))?")
_SPAN = re.compile(r"(\d{4}-\d{2}-\d{2})(?:\.\.(\d{4}-\d{2}-\d{2}))?")


def colleague_hours(colleague: Colleague, usual: WorkingHours) -> WorkingHours:
    """When this colleague is at work; what they left out is as `usual`. Own days off come on top of the house's."""
    off = tuple(date.fromisoformat(day) for day in colleague.off)
    return WorkingHours(
        zone=zone_or(colleague.zone, usual.zone.key),
        start=time.fromisoformat(colleague.starts) if colleague.starts else usual.start,
        end=time.fromisoformat(colleague.ends) if colleague.ends else usual.end,
        days=tuple(colleague.days) or usual.days,
        holidays=colleague.holidays or usual.holidays,
        extra_holidays=(*usual.extra_holidays, *off),
    )


def read_hours(text: str) -> tuple[str, str]:
    """ "9-17:30" as ("09:00", "17:30"). Raises ValueError, in words."""
    parts = [part.strip() for part in re.split(r"-|–|\bto\b", text.strip())]
    if len(parts) != 2:
        raise ValueError(f"{text!r} are no hours such as 9:00-17:30")
    begins, ends = (_time(part, text) for part in parts)
    if begins >= ends:
        raise ValueError(f"{text!r} ends before it begins")
    return begins.isoformat("minutes"), ends.isoformat("minutes")


def _time(text: str, whole: str) -> time:
    found = _TIME.fullmatch(text)
    if found is None or int(found[1]) > 23:
        raise ValueError(f"{whole!r} are no hours such as 9:00-17:30")
    return time(int(found[1]), int(found[2] or 0))


def read_days(text: str) -> list[int]:
    """ "mon-thu,sat" as [0, 1, 2, 3, 5]. Raises ValueError, in words."""
    found: set[int] = set()
    for part in filter(None, re.split(r"[,\s]+", text.lower().replace("–", "-"))):
        ends = [name[:3] for name in part.split("-")]
        if len(ends) > 2 or not all(name in DAYS for name in ends):
            raise ValueError(f"{part!r} is no weekday; write mon-fri, or mon,wed,fri")
        first, last = DAYS.index(ends[0]), DAYS.index(ends[-1])
        found |= {(first + step) % 7 for step in range((last - first) % 7 + 1)}
    if not found:
        raise ValueError("no weekday is named; write mon-fri, or mon,wed,fri")
    return sorted(found)


def read_off(text: str) -> list[str]:
    """ "2026-12-24..2026-12-31,2027-01-04" as single dates. "" is none. Raises ValueError, in words."""
    found: set[date] = set()
    for part in filter(None, re.split(r"[,\s]+", text)):
        span = _SPAN.fullmatch(part)
        try:
            if span is None:
                raise ValueError
            first, last = date.fromisoformat(span[1]), date.fromisoformat(span[2] or span[1])
        except ValueError:
            raise ValueError(f"{part!r} is no date such as 2026-12-24, or 2026-12-24..2027-01-02") from None
        if last < first or (last - first).days >= MOST_OFF:
            raise ValueError(f"{part!r} ends before it begins, or is longer than {MOST_OFF} days")
        found |= {first + timedelta(days=step) for step in range((last - first).days + 1)}
    return sorted(day.isoformat() for day in found)


def read_zone(text: str) -> str:
    """An IANA zone. Raises ValueError, in words."""
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{text!r} is no IANA time zone such as Europe/Berlin") from None


def days_words(days: tuple[int, ...]) -> str:
    """Weekdays as people write them: mon-fri, or mon,wed."""
    ordered = sorted(days)
    if len(ordered) > 2 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"{DAYS[ordered[0]]}-{DAYS[ordered[-1]]}"
    return ",".join(DAYS[day] for day in ordered)
