"""A look ahead at those who live together: of each household one gets an edition, over a million people in a moment.

Law: as `work.together` decides when an edition is planned: whoever had the last issue and may get this one, else the
first of them in the order of choice who may. Houses alike are decided once; eight bytes a pair are kept.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from sqlmodel import Session

from ..records import GroupKind
from ..store.members import Rows, all_houses, apart
from ..store.one_per import all_signs, all_with_issue, last_issue

FIRST, SECOND = 1, 2
"""Which of a pair had the last issue; 0: neither."""


class Houses:
    """Of a list the households of which more than one is subscribed, each in the order of choice.

    Pairs, nearly all there are, stand in two columns, and stand for `sizes` houses each (None: for one); `more` are
    the others. `last` remembers for each campaign which of a pair had its last issue, and which of the others (a bit
    for each place).
    """

    def __init__(self, session: Session, kind: GroupKind, list_id: int | None) -> None:
        self._session, self._kind = session, kind
        self.first, self.second = array("I"), array("I")
        self.sizes: array[int] | None = None
        self.more: list[tuple[int, ...]] = []
        self.last: dict[int, tuple[bytearray, list[int]]] = {}
        self._placed: tuple[int, list[int], list[int]] = (-1, [], [])
        self._seen: dict[int, Counter[tuple[int, int, int]]] = {}
        signs = all_signs(session, kind)
        for rows in all_houses(session, kind, list_id):
            self._add(rows, signs)

    def _add(self, rows: Rows, signs: Mapping[int, datetime]) -> None:
        pairs, more = apart(rows)
        for one, two in zip(pairs[::2], pairs[1::2], strict=True):
            if signs and (one[1] in signs or two[1] in signs):
                one, two = sorted((one, two), key=lambda row: _choice(row, signs))
            elif one[2] > two[2]:
                one, two = two, one
            self.first.append(one[1])
            self.second.append(two[1])
        self.more += [tuple(row[1] for row in sorted(house, key=lambda row: _choice(row, signs))) for house in more]

    def losers(self, of: array[int], going: bytearray, campaign_id: int, *, keep: bool, stamp: int) -> Losers:
        """Who is of a group (`of`) that is going, while another one of their household gets it; `keep`: and remember
        who that is. `stamp` counts the changes of `of`.
        """
        last, had = self.memory(campaign_id)
        seen = self._alike(of, campaign_id, stamp)
        decided = {house: _decide(going[house[0]], going[house[1]], house[2]) for house in seen}
        lost = Losers()
        for house, count in seen.items():
            if loser := decided[house][0]:
                lost.counts[house[loser - 1]] += count
        if lost.counts:
            lost.pairs = (self.first, self.second, *self._placed[1:], bytes(last), decided)
        if keep and any(house[2] != now for house, (_, now) in decided.items()):
            _, ones, twos = self._placed
            last[:] = bytearray([decided[house][1] for house in zip(ones, twos, last, strict=True)])
            del self._seen[campaign_id]
        for number, members in enumerate(self.more):
            may = [place for place, one in enumerate(members) if going[of[one]]]
            chosen = next((place for place in may if had[number] >> place & 1), next(iter(may), -1))
            if keep:
                had[number] = 1 << chosen if may else 0
            lost.others += [(members[place], of[members[place]]) for place in may if place != chosen]
        lost.counts.update(place for _, place in lost.others)
        return lost

    def doubled(self, of: array[int], going: bytearray, campaign_id: int, *, stamp: int) -> int:
        """How many more of these would get it than there are households of theirs."""
        seen = self._alike(of, campaign_id, stamp)
        pairs = sum(count for house, count in seen.items() if going[house[0]] and going[house[1]])
        return pairs + sum(max(0, sum(going[of[one]] for one in members) - 1) for members in self.more)

    def _alike(self, of: array[int], campaign_id: int, stamp: int) -> Counter[tuple[int, int, int]]:
        """How many pairs there are of each two groups, and of who had the campaign's last issue."""
        if self._placed[0] != stamp:
            ones, twos = ([of[one] for one in column] for column in (self.first, self.second))
            self._placed = (stamp, ones, twos)
            self._seen.clear()
        if campaign_id not in self._seen:
            _, ones, twos = self._placed
            houses = zip(ones, twos, self.memory(campaign_id)[0], strict=True)
            self._seen[campaign_id] = found = Counter[tuple[int, int, int]]()
            if self.sizes is None:
                found.update(houses)
            else:
                for house, size in zip(houses, self.sizes, strict=True):
                    found[house] += size
        return self._seen[campaign_id]

    def memory(self, campaign_id: int) -> tuple[bytearray, list[int]]:
        """Who had the campaign's last issue: see `last`."""
        if campaign_id not in self.last:
            issue = last_issue(self._session, campaign_id, None)
            everybody = chain(self.first, self.second, chain.from_iterable(self.more))
            had = bytearray(1 + max(everybody, default=0))
            for persons in all_with_issue(self._session, issue, self._kind) if issue is not None else ():
                for person in persons:
                    if person < len(had):
                        had[person] = 1
            pairs = zip(self.first, self.second, strict=True)
            last = bytearray([FIRST if had[one] else SECOND if had[two] else 0 for one, two in pairs])
            bits = [sum(had[one] << place for place, one in enumerate(members)) for members in self.more]
            self.last[campaign_id] = last, bits
        return self.last[campaign_id]

    def marks(self, seats: array[int], houses: int) -> Iterator[bytearray]:
        """What tells the houses of a kind apart for this list, by number: which of a pair comes first (1, 2; 0: not
        both are on the list), and who had the last issue of each campaign that was asked for. `seats`: see `Homes`.
        """
        rows = [seats[one] for one in self.first]
        for values in (None, *(last for last, _ in self.last.values())):
            found = bytearray(houses)
            for row, seat in enumerate(rows):
                if seat > 1 and (values is None or values[row]):
                    found[(seat >> 1) - 1] = 1 + (seat & 1) if values is None else values[row]
            yield found

    def gather(self, seats: array[int], flocks: Iterable[tuple[int, int, Sequence[int]]], sizes: array[int]) -> None:
        """Let each flock stand for its houses from now on: the places of the two in `of`, and its `marks`; `sizes`: how
        many houses it has. Pairs that are in none come to those of more.
        """
        loose = [row for row, one in enumerate(self.first) if seats[one] <= 1]
        self.more += [(self.first[row], self.second[row]) for row in loose]
        for last, bits in self.last.values():
            bits += [last[row] for row in loose]  # FIRST and SECOND are the bits of both places
            last.clear()
        self.first, self.second, self.sizes = array("I"), array("I"), sizes
        for one, two, (order, *lasts) in flocks:
            self.first.append((0, one, two)[order])
            self.second.append((0, two, one)[order])
            for (last, _), value in zip(self.last.values(), lasts, strict=True):
                last.append(value)
        self._placed = (-1, [], [])

    def clone(self, flock: int, further: int) -> None:
        """Let a new flock, so much further in `of`, be as this one is."""
        for column in (self.first, self.second):
            column.append(column[flock] + further if column[flock] else 0)
        for last, _ in self.last.values():
            last.append(last[flock])


def _choice(row: tuple[Any, ...], signs: Mapping[int, datetime]) -> tuple[float, Any, int]:
    """By what those of a house are chosen among: (group, customer, since when)."""
    return -signs[row[1]].timestamp() if row[1] in signs else 0.0, row[2], row[1]


def _decide(one: int, two: int, last: int) -> tuple[int, int]:
    """Of a pair, which loses (0: neither), and which is remembered."""
    if one and two:
        return (FIRST, SECOND) if last == SECOND else (SECOND, FIRST)
    return 0, FIRST if one else SECOND if two else 0


class Losers:
    """Those who are passed over: how many of each group (`counts`), and on demand each of them."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.others: list[tuple[int, int]] = []
        self.pairs: tuple[Any, ...] = ()

    def among(self, places: Iterable[int]) -> Sequence[int]:
        """Each of them whose group is one of these."""
        wanted = set(places)
        found: list[int] = []
        if self.pairs:
            first, second, ones, twos, last, decided = self.pairs
            loses = {house: loser for house, (loser, _) in decided.items() if loser and house[loser - 1] in wanted}
            for number, house in enumerate(zip(ones, twos, last, strict=True)):
                if house in loses:
                    found.append((first if loses[house] == FIRST else second)[number])
        return [*found, *(one for one, place in self.others if place in wanted)]
