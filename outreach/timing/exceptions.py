"""The days on which a schedule does not occur: single days, spans of days, the holidays of a country.

Law: a day is a local day of the rule's own calendar, and an occasion on it is left out, not moved. Spans that touch are
one span, so that the same days have one form.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from ..workdays import is_holiday

ONE_DAY = timedelta(days=1)
LONGEST_SPAN = timedelta(days=366)


@dataclass(frozen=True)
class Exceptions:
    """`spans` are first and last days, in order; `places` are countries, or their parts: "DE-BY"."""

    spans: tuple[tuple[date, date], ...] = ()
    places: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.spans or self.places)

    def take(self, day: date) -> bool:
        """Whether nothing occurs on this day."""
        return any(first <= day <= last for first, last in self.spans) or any(
            is_holiday(place, day) for place in self.places
        )

    def words(self) -> str:
        """As they are said behind "except"; "" where there are none."""
        said = [str(first) if first == last else f"{first} to {last}" for first, last in self.spans]
        said += [f"holidays in {place}" for place in self.places]
        return " and ".join([", ".join(said[:-1]), said[-1]]) if len(said) > 1 else "".join(said)


NO_DAYS = Exceptions()


def exceptions(spans: Iterable[tuple[date, date]], places: Iterable[str]) -> Exceptions:
    """The same days in their one form."""
    joined: list[tuple[date, date]] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1] + ONE_DAY:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return Exceptions(tuple(joined), tuple(sorted(set(places))))
