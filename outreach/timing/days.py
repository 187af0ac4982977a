"""Days on which newsletters go, and those on which they do not: weekdays, blackout days, holidays.

Law: a day is a local day of whoever reads. What falls on a closed day goes at the same wall time of the next open one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from ..workdays import to_instant
from .exceptions import NO_DAYS, Exceptions

EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
BLACKOUT = "blackout day"
LONGEST = 800
"""So many days are looked through for an open one: two spans of a year may follow each other."""


@dataclass(frozen=True)
class OpenDays:
    """`weekdays` on which newsletters go, but on none of the days that `but` takes."""

    weekdays: tuple[int, ...] = EVERY_DAY
    but: Exceptions = NO_DAYS

    @property
    def all(self) -> bool:
        """Whether no day is closed."""
        return not self.but and len(set(self.weekdays)) == len(EVERY_DAY)

    def why_closed(self, day: date) -> str:
        """Why nothing goes on this day; "" where it is open."""
        if any(first <= day <= last for first, last in self.but.spans):
            return "no newsletters on this day, say the settings"
        if Exceptions(places=self.but.places).take(day):
            return f"a holiday in {' or '.join(self.but.places)}"
        return "" if day.weekday() in self.weekdays else f"no newsletters on a {day:%A}, say the settings"

    def next_open(self, now: datetime, zone: ZoneInfo) -> tuple[datetime, str] | None:
        """When it goes instead of `now`, and why not now; None where `now` is on an open day.

        Where no day within two years is open, the last one looked at.
        """
        local = now.astimezone(zone)
        why = self.why_closed(local.date())
        if not why:
            return None
        day = local.date()
        for _ in range(LONGEST):
            day += timedelta(days=1)
            if not self.why_closed(day):
                break
        return to_instant(day, local.time().replace(fold=0), zone), f"{local:%Y-%m-%d}: {why}"
