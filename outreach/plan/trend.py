"""What many customers struggle with now: topics by different people per 1,000 reached, and whether that is new.

Law: people are counted, never messages; fewer than five are no trend, however few were reached. Each share comes with
Wilson's interval, and is compared with the same list's own history by an interval of the difference (`chance`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..chance import Share, difference, wilson

LEAST_PEOPLE = 5


class Novelty(StrEnum):
    """A topic against its own history. unknown: nobody had been reached before."""

    NEW = "new"
    RISING = "rising"
    UNKNOWN = "unknown"
    STEADY = "steady"
    FALLING = "falling"


_ORDER = {novelty: place for place, novelty in enumerate(Novelty)}
_WORDS = {
    Novelty.NEW: "new: nobody wrote about it before",
    Novelty.RISING: "more than before",
    Novelty.UNKNOWN: "nothing to compare it with yet",
    Novelty.STEADY: "as before",
    Novelty.FALLING: "less than before",
}


@dataclass(frozen=True)
class Period:
    """Who wrote about which topic in a period, of so many reached (those who wrote are among them)."""

    people: Mapping[str, Collection[int]]
    reached: int

    def share(self, topic: str) -> Share:
        """Of those reached, how many wrote about a topic."""
        return Share(len(self.people.get(topic, ())), self.reached)


@dataclass(frozen=True)
class Trend:
    """A topic in a period. `rate`, `low` and `high` (Wilson, 95 %) and `before` are people per 1,000 reached.

    `enough`: five different people at least wrote about it.
    """

    topic: str
    people: int
    reached: int
    rate: float
    low: float
    high: float
    before: float | None
    novelty: Novelty
    enough: bool

    @property
    def words(self) -> str:
        """The trend for a person, in one line."""
        who = f"{self.people:,} of {self.reached:,} people wrote about {self.topic}"
        if not self.enough:
            return f"{who}: too few to say"
        rate = f"{self.rate:.1f} per 1,000 ({self.low:.1f} to {self.high:.1f})"
        was = "" if self.before is None else f" ({self.before:.1f})"
        return f"{who}: {rate}, {_WORDS[self.novelty]}{was}"


def judge_trends(now: Period, history: Sequence[Period], least: int = LEAST_PEOPLE) -> list[Trend]:
    """Every topic that somebody wrote about now: trends first, what is new and rising before the rest, then by how
    many at least (the interval's lower end); what too few wrote about comes last. `history`: earlier periods.
    """
    found = [_judge(topic, now, history, max(least, LEAST_PEOPLE)) for topic, people in now.people.items() if people]
    return sorted(found, key=lambda one: (not one.enough, _ORDER[one.novelty], -one.low, one.topic))


def _judge(topic: str, now: Period, history: Iterable[Period], least: int) -> Trend:
    share = now.share(topic)
    earlier = [period.share(topic) for period in history]
    before = Share(sum(one.count for one in earlier), sum(one.of for one in earlier))
    low, high = wilson(share.count, share.of)
    return Trend(
        topic=topic,
        people=share.count,
        reached=share.of,
        rate=1000 * share.value,
        low=1000 * low,
        high=1000 * high,
        before=1000 * before.value if before.of else None,
        novelty=_novelty(share, before),
        enough=share.count >= least,
    )


def _novelty(now: Share, before: Share) -> Novelty:
    if not before.of:
        return Novelty.UNKNOWN
    grown = difference(now, before)
    if not grown.sure:
        return Novelty.STEADY
    if grown.value < 0:
        return Novelty.FALLING
    return Novelty.RISING if before.count else Novelty.NEW


def topics_for_issue(trends: Iterable[Trend], with_tips: Collection[str], most: int) -> list[Trend]:
    """The trends that the next tips issue begins with: those not falling on which there are tips, at most so many."""
    fit = [one for one in trends if one.enough and one.novelty is not Novelty.FALLING and one.topic in with_tips]
    return fit[:most]


def topics_without_tips(trends: Iterable[Trend], with_tips: Collection[str]) -> list[Trend]:
    """Trends on which nobody has written a tip yet: that is what to write next."""
    return [one for one in trends if one.enough and one.novelty is not Novelty.FALLING and one.topic not in with_tips]
