"""How often the sign-up page may have an address asked whether its owner wants a list, and when that looks like abuse.

Law: pure; anybody may type anybody's address, so the waits grow over all lists together until its owner answers: after
1, 3, 7, 30 and 90 days, and six mails in a year are the most. At most three lists may ask without waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

WAITS = tuple(timedelta(days=days) for days in (1, 3, 7, 30, 90))
"""After the first mail that nobody answered, the second, and so on."""
YEAR = timedelta(days=365)
AT_ONCE = 3
"""A person signs up for so many lists in one sitting."""
SPAN = timedelta(days=1)
"""Of sign-ups so far back one looks whether they are a flood."""
TIME_TO_ANSWER = timedelta(hours=1)
USUAL = timedelta(days=28)
LEAST = 20
"""Fewer unanswered ones in a day are no flood."""
RISE = 3
FEW = 0.25
"""Of a flood hardly anybody answers."""


def may_ask(asked: Sequence[tuple[datetime, int]], list_id: int, now: datetime) -> bool:
    """Whether one more mail may go to an address for this list. `asked`: when, and for which list, its owner was asked
    and has not answered.
    """
    open_ones = [one for one in asked if one[0] > now - YEAR]
    if len(open_ones) > len(WAITS):
        return False
    if len(open_ones) < AT_ONCE and list_id not in {which for _, which in open_ones}:
        return True
    return max(at for at, _ in open_ones) <= now - WAITS[len(open_ones) - 1]


@dataclass(frozen=True)
class Asked:
    """How many addresses were typed in, and of how many their owner answered."""

    people: int = 0
    answered: int = 0

    @property
    def unanswered(self) -> int:
        return self.people - self.answered

    @property
    def share(self) -> float:
        """Of 1, how many answered."""
        return self.answered / self.people if self.people else 0.0


def is_flood(place: Asked) -> bool:
    """Whether what came from one place within a day looks like somebody who types in strangers' addresses."""
    return place.unanswered >= LEAST and place.share < FEW


def has_jumped(day: Asked, before: Asked) -> bool:
    """Whether many more than usual of a day's sign-ups stay unanswered. `before`: those of the four weeks before it."""
    usual = before.share if before.people >= LEAST else 2 * FEW
    mean = before.unanswered / USUAL.days
    return day.unanswered >= max(LEAST, RISE * mean) and day.share < usual / 2
