"""A look ahead at the budget of those who live together: what others of the house got, or are to get by then.

Law: as `work.house_budget` reads it for planning: each newsletter once, by whomever they got it. Looked at only for
editions of which one of each group gets a mail; what cannot count any more is left out, and houses of whose people no
rule finds a difference are judged once.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlmodel import Session

from ..plan.budget import WEEK
from ..records import Edition, GroupKind, Permission
from .alike import Alike
from .dealing import Dealing
from .homes import Homes
from .judge import PersonFacts
from .workspace import Workspace

Judgement = tuple[Alike, datetime, Permission, PersonFacts]
Judge = Callable[[PersonFacts, datetime], Permission]
Bare = Callable[[Permission, PersonFacts, datetime], Permission]
Times = tuple[datetime, ...]
SEQUENCES = 1_000_000
"""From this number on a mail is of a sequence's step, and of an edition of each day."""
NEVER = datetime.max.replace(tzinfo=UTC)


class AtHome(Dealing):
    """Judges those again of whose household (or company) others got mail, and takes groups apart by that."""

    def __init__(self, session: Session, workspace: Workspace) -> None:
        super().__init__(session, workspace)
        self._for_all: dict[int, GroupKind] = {}

    def judge_at_home(
        self,
        edition: Edition,
        judged: Sequence[Judgement],
        judge: Judge,
        bare: Bare,
        first: Callable[[Alike], None],
        number: int | None,
    ) -> list[Judgement]:
        """The same, with those apart for whom the rules say another thing by what others of their house get.

        `bare`: what `judge`, with what it said, would say without what replies changed. `first` lets a group get what
        comes before; `number` is the edition's own from now on.
        """
        kind = GroupKind(edition.one_per)
        if self._workspace.settings.plan.shared_budgets[kind] == "no":
            return list(judged)
        for group in list(self.groups):
            if (group.ways or group.waits) and group.count:
                first(group)
        again = _Again(self, self.homes[kind], self._for_all, judged, judge, bare)
        found = again.judge(self._of)
        if number is not None:
            self._for_all[number] = kind
        self._stamp += bool(again.moved)
        if self.flocks is not None:
            self.flocks.whole.subtract(again.moved)
            self.flocks.whole.update(again.came)
        return found

    def part_of(self, group: Alike) -> int:
        """A group of nobody yet that is like this one: its place."""
        self.groups.append(replace(group, count=0))
        return len(self.groups) - 1


class _Part(NamedTuple):
    """Those of a group (at place `of`) of whom the rules say another thing: their own place, and what is said."""

    of: int
    group: Alike
    place: int
    judgement: Judgement


class _Again:
    """One edition's second judgement."""

    def __init__(
        self,
        crowd: AtHome,
        homes: Homes,
        for_all: Mapping[int, GroupKind],
        judged: Sequence[Judgement],
        judge: Judge,
        bare: Bare,
    ) -> None:
        self._crowd, self._homes = crowd, homes
        self._judge, self._bare = judge, bare
        places = {id(group): place for place, group in enumerate(crowd.groups)}
        self._judged = {places[id(one[0])]: one for one in judged}
        self._from = min((one[1] for one in judged), default=NEVER) - WEEK
        days = {one[3].wish.every_days for one in judged if one[3].wish is not None}
        self._longest = max([WEEK, *(timedelta(days=each) for each in days)])
        self._house = _House(homes, for_all, crowd.groups)
        self._said: dict[Any, _Part | None] = {}
        self._parts: dict[Any, _Part] = {}
        self.moved: Counter[int] = Counter()
        self.came: Counter[int] = Counter()

    def judge(self, of: array[int]) -> list[Judgement]:
        """Everybody's judgement, by groups; `of` is brought up to date."""
        homes, flocks = self._homes, self._crowd.flocks
        columns = (homes.first, homes.second, homes.told) if flocks is None else flocks.of_homes
        ones, twos, told = [of[one] for one in columns[0]], [of[one] for one in columns[1]], columns[2]
        of_larger = [homes.number_of(larger.told()) for larger in homes.larger]  # what counts is among all the known
        asked = {key: self._both(*key) for key in dict.fromkeys(zip(ones, twos, told, strict=True))}
        if any(answer is not None for answer in asked.values()):
            for house, both in enumerate(map(asked.__getitem__, zip(ones, twos, told, strict=True))):
                if both is not None:
                    for person, to in ((columns[0][house], both[0]), (columns[1][house], both[1])):
                        if to is not None:
                            self._move(of, person, to, 1 if flocks is None else flocks.sizes[house])
        for larger, known in zip(homes.larger, of_larger, strict=True):
            there = [of[person] for person in larger.places]
            mates = tuple(sorted(set(there)))
            for person, place in larger.places.items():
                answer = self._ask(there[place], mates, place, known)
                if answer is not None:
                    self._move(of, person, answer, 1)
        for place, people in self.moved.items():
            group = self._judged[place][0]
            group.count -= min(people, group.count)
        return [*self._judged.values(), *(one.judgement for one in self._parts.values())]

    def _both(self, one: int, two: int, told: int) -> tuple[_Part | None, _Part | None] | None:
        """What the rules say of both of a pair, where that is another thing for either."""
        first, second = self._ask(one, (one, two), 0, told), self._ask(two, (one, two), 1, told)
        return None if first is None and second is None else (first, second)

    def _ask(self, mine: int, mates: Sequence[int], place: int, told: int) -> _Part | None:
        """What the rules say of the one at `place` by what the others of the house got, where that is another thing."""
        known = self._judged.get(mine)
        if known is None:
            return None
        wish = known[3].wish
        since = self._from if wish is None or wish.every_days <= WEEK.days else self._from + WEEK - self._longest
        house = self._house.times(mine, mates, place, told, since)
        if not house:
            return None
        key = mine, house
        if key not in self._said:
            group, due, said, facts = known
            together = facts._replace(house=house)
            then = self._judge(together, due)
            free = self._bare(then, together, due).state is None
            other = then != said or free != (self._bare(said, facts, due).state is None)
            self._said[key] = self._part((mine, then, free), group, due, together) if other else None
        return self._said[key]

    def _part(self, key: tuple[int, Permission, bool], group: Alike, due: datetime, facts: PersonFacts) -> _Part:
        """Where those go of whom the rules say so: one part for all of a group."""
        if key not in self._parts:
            place = self._crowd.part_of(group)
            self._parts[key] = _Part(key[0], group, place, (self._crowd.groups[place], due, key[1], facts))
        return self._parts[key]

    def _move(self, of: array[int], person: int, to: _Part, people: int) -> None:
        there = to.group.count - self.moved[to.of]  # of those dealt by the share some are counted apart
        to.judgement[0].count += max(0, min(people, there))
        self.moved[to.of] += people
        self.came[to.place] += people
        of[person] = to.place


class _House:
    """When the others of somebody's house got, or get, what that one does not: once for each house that differs."""

    def __init__(self, homes: Homes, for_all: Mapping[int, GroupKind], groups: Sequence[Alike]) -> None:
        self._homes, self._for_all, self._groups = homes, for_all, groups
        self._mails: dict[int, dict[Any, datetime]] = {}
        self._late: dict[datetime, _Late] = {}
        self._numbers: dict[Any, int] = {}
        self._found: dict[Any, Times] = {}

    def times(self, mine: int, mates: Sequence[int], place: int, told: int, since: datetime) -> Times:
        """Those after `since`, in order of time. `mine`: the group of the one at `place`, `mates`: those of them all,
        `told`: what the house was sent.
        """
        late = self._late.get(since)
        if late is None:
            late = self._late[since] = _Late(self._counting(since), {}, {})
        groups, sent = late.groups, late.sent
        for one in (mine, *mates):
            if one not in groups:
                groups[one] = self._number(_since(self._counted(one).items(), since, late.mails))
        if told not in sent:
            known = self._homes.known[told]
            had = tuple((one.who, *_since([(-one.edition, one.at)], since, late.mails)) for one in known)
            sent[told] = self._number((had, tuple(one for one in known if one.older and one.at > since)))
        key = (groups[mine], *map(groups.__getitem__, mates), place, sent[told], since)
        if key not in self._found:
            self._found[key] = self._read(mine, mates, place, told, since)
        return self._found[key]

    def _counting(self, since: datetime) -> set[Any]:
        """The mails that anybody got, or gets, after that: only they can count, or be left out since one had them."""
        told = {-one.edition for known in self._homes.known for one in known if one.at > since and not one.older}
        return told.union(
            number
            for group in range(len(self._groups))
            for number, at in self._counted(group).items()
            if at > since and number not in told
        )

    def _number(self, same: Any) -> int:
        """One for all in whom nothing that counts differs."""
        return self._numbers.setdefault(same, len(self._numbers))

    def _read(self, mine: int, mates: Iterable[int], place: int, told: int, since: datetime) -> Times:
        known, own = self._homes.known[told], self._counted(mine)
        had = {-one.edition for one in known if place in one.who and not one.older}
        older = [one.at for one in known if one.older and place in one.who]
        times: dict[Any, datetime] = {}
        for one in known:
            if not one.older and place not in one.who and -one.edition not in own:
                times[-one.edition] = one.at
        for mate in mates:
            for number, at in self._counted(mate).items():
                if number not in own and number not in had:
                    times[number] = max(at, times.get(number, at))
        return tuple(sorted(at for at in (*older, *times.values()) if at > since))

    def _counted(self, group: int) -> dict[Any, datetime]:
        """The mails of this look that a group gets, as far as they count for its house."""
        found = self._mails.get(group)
        if found is None:
            homes, zone = self._homes, self._groups[group].zone
            found = self._mails[group] = {}
            for number, at in self._groups[group].mails:
                if homes.shared and not (-number in homes.under_way or number in self._for_all):
                    continue
                found[(number, at.astimezone(zone).date()) if number >= SEQUENCES else number] = at
        return found


class _Late(NamedTuple):
    """What was found of groups, and of what houses were sent, as far as it is of the mails that may count."""

    mails: set[Any]
    groups: dict[int, int]
    sent: dict[int, int]


def _since(mails: Iterable[tuple[Any, datetime]], since: datetime, among: AbstractSet[Any]) -> Any:
    """Those of these that are among them, with their time where that is late enough to count by itself."""
    return tuple((number, at if at > since else None) for number, at in mails if number in among)
