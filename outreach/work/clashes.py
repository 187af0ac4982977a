"""What a marketer must see before it happens: newsletters that meet on one day, days without any, and who gets it when
instead.

Law: a day is the reader's own. Counted from the groups of a look, so that each person counts once in each line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from ..workdays import zone_or
from .alike import Alike
from .judge import open_days
from .workspace import Workspace

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Instead:
    """So many people get a mail on this day of their own, later than it is due, for this reason."""

    reason: str
    day: date
    people: int


@dataclass(frozen=True)
class Clash:
    """On this day of their own so many people get more than one newsletter: of these campaigns and occasions."""

    day: date
    campaigns: tuple[str, ...]
    occasions: tuple[str, ...]
    people: int

    @property
    def words(self) -> str:
        """What meets, for how many: two issues of one campaign as such."""
        met = Counter(self.campaigns)
        what = " and ".join(name if times == 1 else f"{times} issues of {name}" for name, times in met.items())
        return f"{what} on one day for {'1 person' if self.people == 1 else f'{self.people:,} people'}"


@dataclass(frozen=True)
class ClosedDay:
    """A day on which no newsletter of a schedule goes."""

    day: date
    why: str


def instead_of(workspace: Workspace, later: Mapping[tuple[str, str, datetime], int]) -> tuple[Instead, ...]:
    """Who gets it later, by reason and day."""
    days: Counter[tuple[str, date]] = Counter()
    for (reason, zone, at), people in later.items():
        days[reason, at.astimezone(zone_or(zone, workspace.settings.identity.zone)).date()] += people
    return tuple(Instead(reason, day, people) for (reason, day), people in sorted(days.items()))


def find_clashes(groups: Iterable[Alike], names: Mapping[int, tuple[str, str]]) -> tuple[Clash, ...]:
    """Where newsletters meet, by day. `names`: campaign and occasion of each number in the groups' mails."""
    met: Counter[tuple[date, tuple[int, ...]]] = Counter()
    for group in groups:
        if group.count and len(group.mails) > 1:
            days = sorted((at.astimezone(group.zone).date(), number) for number, at in group.mails if number in names)
            for day, mails in groupby(days, key=lambda one: one[0]):
                numbers = tuple(number for _, number in mails)
                if len(numbers) > 1:
                    met[day, numbers] += group.count
    told: Counter[tuple[date, tuple[tuple[str, str], ...]]] = Counter()
    for (day, numbers), people in sorted(met.items()):  # steps of one sequence have one name
        told[day, tuple(names[one] for one in numbers)] += people
    return tuple(
        Clash(day, tuple(name for name, _ in what), tuple(occasion for _, occasion in what), people)
        for (day, what), people in told.items()
    )


def closed_days(workspace: Workspace, now: datetime, until: datetime) -> tuple[ClosedDay, ...]:
    """The blackout days and holidays among those that a look covers; weekdays that are never open need no telling."""
    days, zone = open_days(workspace), zone_or(workspace.settings.identity.zone, "UTC")
    day, last = now.astimezone(zone).date(), until.astimezone(zone).date()
    found = []
    while day <= last and not days.all:
        if days.but.take(day):
            found.append(ClosedDay(day, days.why_closed(day)))
        day += ONE_DAY
    return tuple(found)
