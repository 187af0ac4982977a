"""The settings of the calendar: the days on which newsletters go, and the link under which the team's calendar follows.

Law: a weekday, a date or a country that cannot be is refused when it is read; at least one weekday is left.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from pydantic import Field, field_validator

from .settings_part import Part
from .workdays import knows_holidays

SPAN = re.compile(r"(\d{4}-\d{2}-\d{2})(?: to (\d{4}-\d{2}-\d{2}))?")


class Calendar(Part):
    """On which days newsletters go, by each reader's own calendar, and the number of the feed's link."""

    weekdays: tuple[int, ...] = Field((0, 1, 2, 3, 4, 5, 6), description="0 is Monday")
    blackout: tuple[str, ...] = Field((), description='days without newsletters: "2026-12-24", "… to 2027-01-01"')
    holidays: str = Field("", description="a country, or a part of one, on whose holidays no newsletter goes")
    feed: int = Field(1, ge=0, description="count it up and the old link of the .ics feed is void; 0: there is none")

    @field_validator("weekdays")
    @classmethod
    def _some_day(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or not set(value) <= set(range(7)):
            raise ValueError("must name at least one weekday, from 0 (Monday) to 6 (Sunday)")
        return value

    @field_validator("blackout", mode="before")
    @classmethod
    def _one_line(cls, value: Any) -> Any:
        """A variable holds them on one line, with commas between; the file may hold dates."""
        if isinstance(value, str):
            value = [part for part in value.split(",") if part.strip()]
        return tuple(str(day).strip() for day in value) if isinstance(value, list | tuple) else value

    @field_validator("blackout")
    @classmethod
    def _days(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for words in value:
            first, last = _span(words)
            if last < first or (last - first).days > 366:
                raise ValueError(f"{words!r}: a span of days ends after it begins, and within a year")
        return value

    @field_validator("holidays")
    @classmethod
    def _known_place(cls, value: str) -> str:
        if value and not knows_holidays(value):
            raise ValueError(f"{value!r} is no country, or part of one, whose holidays are known: DE, US-CA")
        return value

    @property
    def spans(self) -> tuple[tuple[date, date], ...]:
        """The blackout days as first and last day."""
        return tuple(_span(words) for words in self.blackout)


def _span(words: str) -> tuple[date, date]:
    found = SPAN.fullmatch(words)
    if found is None:
        raise ValueError(f'{words!r} is no day such as "2026-12-24", nor a span such as "2026-12-24 to 2027-01-01"')
    first = date.fromisoformat(found[1])
    return first, date.fromisoformat(found[2]) if found[2] else first
