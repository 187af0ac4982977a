"""A look ahead at those who live together: of each household one gets an edition, over a million people in a moment.

Law: as `work.together` decides when an edition is planned: whoever had the last issue and may get this one, else the
first of them in the order of choice who may. Houses alike are decided once; eight bytes a pair are kept.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlmodel import Session

from ..records import GroupKind
from ..store.one_per import all_houses, all_signs, all_with_issue, last_issue

FIRST, SECOND = 1, 2
"""Which of a pair had the last issue; 0: neither."""


class Houses:
    """Of a list the households of which more than one is subscribed, each in the order of choice.

    Pairs, nearly all there are, stand in two columns; `_more` are the others. `_last` remembers for each campaign which
    of a pair had its last issue, and which of the others (a bit for each place).
    """

    def __init__(self, session: Session, kind: GroupKind, list_id: int | None) -> None:
        self._session, self._kind = session, kind
        self._first, self._second = array("I"), array("I")
        self._more: list[tuple[int, ...]] = []
        self._last: dict[int, tuple[bytearray, list[int]]] = {}
        self._placed: tuple[int, list[int], list[int]] = (-1, [], [])
        self._seen: dict[int, Counter[tuple[int, int, int]]] = {}
        signs = all_signs(session, kind)
        group, members = None, list[Any]()
        for page in all_houses(session, kind, list_id):
            for row in page:
                if row[0] == group:
                    members.append(row)
                    continue
                if len(members) > 1:
                    self._add(members, signs)
                group, members = row[0], [row]
        if len(members) > 1:
            self._add(members, signs)

    def _add(self, members: list[Any], signs: Mapping[int, datetime]) -> None:
        if signs:
            members.sort(key=lambda row: (-signs[row[1]].timestamp() if row[1] in signs else 0.0, row[2], row[1]))
        elif len(members) > 2 or members[0][2] > members[1][2]:  # they come by their numbers
            members.sort(key=itemgetter(2))
        if len(members) > 2:
            self._more.append(tuple(row[1] for row in members))
        else:
            self._first.append(members[0][1])
            self._second.append(members[1][1])

    def losers(self, of: array[int], going: bytearray, campaign_id: int, *, keep: bool, stamp: int) -> Losers:
        """Who is of a group (`of`) that is going, while another one of their household gets it; `keep`: and remember
        who that is. `stamp` counts the changes of `of`.
        """
        last, had = self._memory(campaign_id)
        seen = self._alike(of, campaign_id, stamp)
        decided = {house: _decide(going[house[0]], going[house[1]], house[2]) for house in seen}
        lost = Losers()
        for house, count in seen.items():
            if loser := decided[house][0]:
                lost.counts[house[loser - 1]] += count
        if lost.counts:
            lost.pairs = (self._first, self._second, *self._placed[1:], bytes(last), decided)
        if keep and any(house[2] != now for house, (_, now) in decided.items()):
            _, ones, twos = self._placed
            last[:] = bytearray([decided[house][1] for house in zip(ones, twos, last, strict=True)])
            del self._seen[campaign_id]
        for number, members in enumerate(self._more):
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
        return pairs + sum(max(0, sum(going[of[one]] for one in members) - 1) for members in self._more)

    def _alike(self, of: array[int], campaign_id: int, stamp: int) -> Counter[tuple[int, int, int]]:
        """How many pairs there are of each two groups, and of who had the campaign's last issue."""
        if self._placed[0] != stamp:
            ones, twos = ([of[one] for one in column] for column in (self._first, self._second))
            self._placed = (stamp, ones, twos)
            self._seen.clear()
        if campaign_id not in self._seen:
            _, ones, twos = self._placed
            self._seen[campaign_id] = Counter(zip(ones, twos, self._memory(campaign_id)[0], strict=True))
        return self._seen[campaign_id]

    def _memory(self, campaign_id: int) -> tuple[bytearray, list[int]]:
        if campaign_id not in self._last:
            issue = last_issue(self._session, campaign_id, None)
            had = all_with_issue(self._session, issue, self._kind) if issue is not None else set()
            pairs = zip(self._first, self._second, strict=True)
            last = bytearray(FIRST if one in had else SECOND if two in had else 0 for one, two in pairs)
            bits = [sum(1 << place for place, one in enumerate(members) if one in had) for members in self._more]
            self._last[campaign_id] = last, bits
        return self._last[campaign_id]


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
