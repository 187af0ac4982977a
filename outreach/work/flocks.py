"""Houses alike, as far as a whole look can tell, move together: one flock stands for all of them.

Law: a flock has two places in `of`, behind those of all people, and what becomes of it becomes of each of its houses.
Two houses are in one flock only where both people are of the same groups, the house was sent the same, and the same
one comes first, or had the last issue, of every list and campaign that is looked at.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .homes import LARGER, Homes
from .houses import Houses


class _Numbers(dict[Any, int]):
    """Whatever is met gets the next number."""

    def __missing__(self, key: Any) -> int:
        self[key] = found = len(self)
        return found


class Flocks:
    """All pairs of a kind of group. `of`: everybody's group, to which the flocks are added."""

    def __init__(self, of: array[int], homes: Homes, lived: Collection[Houses]) -> None:
        self._homes, self._lived = homes, lived
        ones, twos = map(of.__getitem__, homes.first), map(of.__getitem__, homes.second)
        marks = [list(houses.marks(homes.seats, len(homes.first))) for houses in lived]
        numbers = _Numbers()
        rows = zip(ones, twos, homes.told, *(column for columns in marks for column in columns), strict=True)
        self._number = array("I", map(numbers.__getitem__, rows))
        self.whole = Counter(of)
        self.sizes = array("I", [0]) * len(numbers)
        for number, size in Counter(self._number).items():
            self.sizes[number] = size
        self._base = len(of)
        of.extend([place for key in numbers for place in key[:2]])
        places = range(self._base, len(of))
        self.of_homes = array("I", places[::2]), array("I", places[1::2]), array("I", [key[2] for key in numbers])
        start = 3
        for houses, columns in zip(lived, marks, strict=True):
            own = slice(start, start + len(columns))
            houses.gather(homes.seats, zip(*self.of_homes[:2], [key[own] for key in numbers], strict=True), self.sizes)
            start = own.stop

    def place_of(self, person: int) -> int:
        """Where it stands in `of` of what group this person is."""
        seats = self._homes.seats
        seat = seats[person] if person < len(seats) else 0
        return self._base + 2 * self._number[(seat >> 1) - 1] + (seat & 1) if seat > LARGER else person

    def split(self, of: array[int], shares: Mapping[int, Share]) -> None:
        """Take the people of these groups apart by the share, flock by flock, and one by one in larger houses."""
        for person in (person for larger in self._homes.larger for person in larger.places):
            if (share := shares.get(of[person])) is not None:
                for place, _ in share.of(1):
                    self._moved(of, person, place, 1)
        for odd in (0, 1):
            for flock in range(len(self.sizes)):
                share = shares.get(of[self._base + 2 * flock + odd])
                for place, people in share.of(self.sizes[flock]) if share is not None else ():
                    one = flock if people == self.sizes[flock] else self._clone(of, flock, people)
                    self._moved(of, self._base + 2 * one + odd, place, people)

    def _moved(self, of: array[int], at: int, place: int, people: int) -> None:
        self.whole[of[at]] -= people
        self.whole[place] += people
        of[at] = place

    def _clone(self, of: array[int], flock: int, people: int) -> int:
        """Have so many of a flock's houses move apart from now on, as a flock of this number."""
        first, second, told = self.of_homes
        self.sizes[flock] -= people
        self.sizes.append(people)
        old = self._base + 2 * flock
        first.append(len(of))
        second.append(len(of) + 1)
        told.append(told[flock])
        for houses in self._lived:
            houses.clone(flock, len(of) - old)
        of.extend(of[old : old + 2])
        return len(self.sizes) - 1


class Share:
    """How many of a group go where (`parts`: place and people, of `people` altogether), by whom as they come."""

    def __init__(self, people: int, parts: Sequence[tuple[int, int]]) -> None:
        self._people, self._parts = people, parts
        self._met, self._given = 0, [0] * len(parts)

    def of(self, people: int) -> list[tuple[int, int]]:
        """Where how many of the next so many go; the others stay."""
        self._met += people
        found = []
        for number, (place, share) in enumerate(self._parts):
            some = min(people, int(self._met * share / self._people + 0.5) - self._given[number])
            if some > 0:
                found.append((place, some))
                self._given[number] += some
                people -= some
        return found
