"""Every change of every zone's clock that its rules foresee, and the wall times at which a change can do harm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

FROM, TO = datetime(2026, 1, 1, tzinfo=UTC), datetime(2037, 1, 1, tzinfo=UTC)
STEP = timedelta(days=5)
"""No zone changes its clock twice within so few days, and back again."""
MINUTE = timedelta(minutes=1)


class Change(NamedTuple):
    """A zone's clock is set at an instant, from one distance to UTC to another."""

    zone: str
    at: datetime
    before: timedelta
    after: timedelta

    @property
    def shape(self) -> tuple[timedelta, timedelta, int, datetime]:
        """What tells two changes apart for a rule: how far, and at what weekday and hour of the local clock."""
        local = self.at.replace(tzinfo=None) + self.before
        return self.before, self.after, local.weekday(), datetime.combine(datetime.min, local.time())

    def walls(self) -> list[datetime]:
        """Local times at the edges and inside of the hour that is left out, or comes twice; and one well before."""
        one, other = (self.at.replace(tzinfo=None) + offset for offset in (self.before, self.after))
        low, high = min(one, other), max(one, other)
        middle = (low + (high - low) / 2).replace(second=0, microsecond=0)
        return [low - MINUTE, low, low + MINUTE, middle, high - MINUTE, high, high + MINUTE, low - timedelta(hours=5)]


def offset(zone: ZoneInfo, at: datetime) -> timedelta:
    found = at.astimezone(zone).utcoffset()
    assert found is not None
    return found


@cache
def changes_of(name: str) -> tuple[Change, ...]:
    """All changes of a zone from 2026 to 2036."""
    zone, found, at = ZoneInfo(name), [], FROM
    before = offset(zone, at)
    while at < TO:
        after = offset(zone, at + STEP)
        if after != before:
            low, high = at, at + STEP
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if offset(zone, middle) == before else (low, middle)
            found.append(Change(name, high.replace(microsecond=0), before, after))
        at, before = at + STEP, after
    return tuple(found)


def all_changes() -> list[Change]:
    """All changes of all zones, in the order of their names."""
    return [change for name in sorted(available_timezones()) for change in changes_of(name)]


def distinct_changes() -> list[Change]:
    """One of each shape: what differs in nothing that a rule could see is tried once."""
    return list({change.shape: change for change in all_changes()}.values())
