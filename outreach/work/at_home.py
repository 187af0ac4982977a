"""A look ahead at the budget of those who live together: what others of the house got, or are to get by then.

Law: as `work.house_budget` reads it for planning: each newsletter once, by whomever they got it. Looked at only for
editions of which one of each group gets a mail; houses of whose people no rule finds a difference are judged once.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlmodel import Session

from ..plan.budget import WEEK
from ..records import Edition, GroupKind, Permission
from ..store.house_mail import HouseMail, all_house_mail, all_members, shared_under_way
from ..store.rounded import minute_up, read_rounded
from ..store.wishes import all_wishes
from .alike import Alike
from .dealing import Dealing
from .judge import PersonFacts
from .workspace import Workspace

Judgement = tuple[Alike, datetime, Permission, PersonFacts]
Judge = Callable[[PersonFacts, datetime], Permission]
Bare = Callable[[Permission, PersonFacts, datetime], Permission]
SEQUENCES = 1_000_000
"""From this number on a mail is of a sequence's step, and of an edition of each day."""


class Sent(NamedTuple):
    """What people of a house were sent: the edition, the minute at which the last of them got it, and who did (their
    places in the house). `older`: what counts for the wish of one of them alone, who is named by their place.
    """

    edition: int
    at: datetime
    who: AbstractSet[int] = frozenset()
    older: bool = False


@dataclass
class Larger:
    """A house of more than two: each one's place, what it was sent by edition, and what counts for one's wish alone."""

    places: dict[int, int]
    sent: dict[int, tuple[datetime, set[int]]] = field(default_factory=dict)
    older: dict[int, list[datetime]] = field(default_factory=dict)

    def note(self, person: int, sent: Sent) -> None:
        """Put down that this person was sent it."""
        place = self.places[person]
        if sent.older:
            self.older.setdefault(place, []).append(sent.at)
            return
        at, who = self.sent.get(sent.edition, (sent.at, set()))
        who.add(place)
        self.sent[sent.edition] = max(at, sent.at), who

    def told(self, place: int) -> list[Sent]:
        """What concerns the one at this place."""
        older = [Sent(0, at, {place}, older=True) for at in self.older.get(place, ())]
        return [*(Sent(edition, at, who) for edition, (at, who) in self.sent.items()), *older]


class Homes:
    """Everybody of a kind of group, house by house, and what each house was sent lately. Two in a house, nearly all
    there are, stand in two columns; `larger` are the others.
    """

    def __init__(self, session: Session, workspace: Workspace, kind: GroupKind, size: int) -> None:
        self.shared = workspace.settings.plan.shared_budgets[kind] == "shared"
        self.under_way = shared_under_way(session, kind) if self.shared else set()
        self.first, self.second, self.larger = array("I"), array("I"), dict[int, Larger]()
        self._of = array("I", [0]) * size
        self._read_members(session, kind)
        self.known: list[tuple[Sent, ...]] = [()]
        self.told = array("I", [0]) * len(self.first)
        now = workspace.clock()
        since = now - WEEK
        steps: dict[Any, int] = {}
        for edition, pages in all_house_mail(session, kind, since, shared=self.shared):
            for page in pages:
                for person, minute in page:
                    self._note(steps, person, Sent(edition, min(read_rounded(minute), now)))
        wishes = {one.customer_id: one.every_days for one in all_wishes(session) if one.every_days > WEEK.days}
        if wishes:
            far = now - timedelta(days=max(wishes.values()))
            for person, times in HouseMail(kind, shared=self.shared).of(session, wishes, far).items():
                for at in times:
                    if at <= since:
                        self._note(steps, person, Sent(0, minute_up(at), older=True))

    def _read_members(self, session: Session, kind: GroupKind) -> None:
        group, members = None, list[int]()
        for page in all_members(session, kind):
            for of, person in page:
                if of != group:
                    self._add(members)
                    group, members = of, []
                members.append(person)
        self._add(members)

    def _add(self, members: list[int]) -> None:
        if len(members) < 2:
            return
        for person in members:
            self._of[person] = len(self.first) + 1
        if len(members) > 2:
            self.larger[len(self.first)] = Larger({person: place for place, person in enumerate(members)})
        self.first.append(members[0] if len(members) == 2 else 0)
        self.second.append(members[1] if len(members) == 2 else 0)

    def _note(self, steps: dict[Any, int], person: int, sent: Sent) -> None:
        """Put down that this person was sent it; `steps`: what is known after what, by what came."""
        house = self._of[person] - 1
        if house < 0:
            return
        if house in self.larger:
            self.larger[house].note(person, sent)
            return
        place = int(self.second[house] == person)
        key = self.told[house], place, sent
        if key not in steps:
            steps[key] = len(self.known)
            self.known.append(_with(self.known[self.told[house]], sent._replace(who=frozenset({place}))))
        self.told[house] = steps[key]


def _with(known: tuple[Sent, ...], sent: Sent) -> tuple[Sent, ...]:
    same = next((one for one in known if one.edition == sent.edition and not (one.older or sent.older)), None)
    if same is None:
        return (*known, sent)
    return (*(one for one in known if one is not same), Sent(same.edition, max(same.at, sent.at), same.who | sent.who))


class AtHome(Dealing):
    """Judges those again of whose household (or company) others got mail, and takes groups apart by that."""

    def __init__(self, session: Session, workspace: Workspace) -> None:
        super().__init__(session, workspace)
        self._homes: dict[GroupKind, Homes] = {}
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
            if group.ways and group.count:
                first(group)
        if kind not in self._homes:
            self._homes[kind] = Homes(self._session, self._workspace, kind, len(self._of))
        again = _Again(self, self._homes[kind], self._for_all, judged, judge, bare)
        found = again.judge(self._of, kind)
        if number is not None:
            self._for_all[number] = kind
        self._stamp += bool(again.moved)
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
        self._crowd, self._homes, self._for_all = crowd, homes, for_all
        self._judge, self._bare = judge, bare
        places = {id(group): place for place, group in enumerate(crowd.groups)}
        self._judged = {places[id(one[0])]: one for one in judged}
        self._mails = [self._counted(group) for group in crowd.groups]
        self._said: dict[Any, _Part | None] = {}
        self._parts: dict[Any, _Part] = {}
        self.moved: Counter[int] = Counter()

    def judge(self, of: array[int], kind: GroupKind) -> list[Judgement]:
        """Everybody's judgement, by groups; `of` is brought up to date."""
        homes = self._homes
        ones, twos = ([of[person] for person in column] for column in (homes.first, homes.second))
        alike = dict.fromkeys(zip(ones, twos, homes.told, strict=True))
        asked = {}
        for key in alike:
            told, mails = homes.known[key[2]], self._together(key[:2])
            asked[key] = self._ask(key[:2], 0, told, mails), self._ask(key[:2], 1, told, mails)
        if any(one or two for one, two in asked.values()):
            for house, key in enumerate(zip(ones, twos, homes.told, strict=True)):
                one, two = asked[key]
                if one is not None:
                    self._move(of, homes.first[house], one)
                if two is not None:
                    self._move(of, homes.second[house], two)
        for larger in homes.larger.values():
            all_there = [of[person] for person in larger.places]
            mails = self._together(all_there)
            for person, place in larger.places.items():
                if all_there[place] in self._judged:
                    answer = self._ask(all_there, place, larger.told(place), mails)
                    if answer is not None:
                        self._move(of, person, answer)
        for place, people in self.moved.items():
            group = self._judged[place][0]
            group.count -= min(people, group.count)
        return [*self._judged.values(), *(one.judgement for one in self._parts.values())]

    def _ask(
        self, places: Sequence[int], mine: int, told: Sequence[Sent], mails: Mapping[Any, datetime]
    ) -> _Part | None:
        """What the rules say of the one at `mine` by what the others of the house got, where that is another thing."""
        if places[mine] not in self._judged:
            return None
        house = self._house(places[mine], mine, told, mails)
        if not house:
            return None
        key = places[mine], house
        if key not in self._said:
            group, due, said, facts = self._judged[places[mine]]
            facts = facts._replace(house=house)
            then = self._judge(facts, due)
            free = self._bare(then, facts, due).state is None
            other = then != said or free != (self._bare(said, self._judged[places[mine]][3], due).state is None)
            self._said[key] = self._part((places[mine], then, free), group, due, facts) if other else None
        return self._said[key]

    def _together(self, places: Sequence[int]) -> dict[Any, datetime]:
        """The mails of this look that some of a house get, and when the last of them does."""
        times: dict[Any, datetime] = {}
        for place in dict.fromkeys(places):
            for number, at in self._mails[place].items():
                times[number] = max(at, times.get(number, at))
        return times

    def _house(
        self, group: int, mine: int, told: Sequence[Sent], mails: Mapping[Any, datetime]
    ) -> tuple[datetime, ...]:
        """When the house got, or gets, what the one at `mine` does not; `mails`: of all of them together."""
        own = self._mails[group]
        had = {-one.edition for one in told if mine in one.who and not one.older}
        older = [one.at for one in told if one.older and mine in one.who]
        times: dict[Any, datetime] = {}
        for one in told:
            if not one.older and mine not in one.who and -one.edition not in own:
                times[-one.edition] = one.at
        for number, at in mails.items():
            if number not in own and number not in had:
                times[number] = max(at, times.get(number, at))
        return tuple(sorted((*older, *times.values())))

    def _counted(self, group: Alike) -> dict[Any, datetime]:
        """The mails of this look that a group gets, as far as they count for its house."""
        homes = self._homes
        found: dict[Any, datetime] = {}
        for number, at in group.mails:
            if homes.shared and not (-number in homes.under_way or number in self._for_all):
                continue
            key = (number, at.astimezone(group.zone).date()) if number >= SEQUENCES else number
            found[key] = at
        return found

    def _part(self, key: tuple[int, Permission, bool], group: Alike, due: datetime, facts: PersonFacts) -> _Part:
        """Where those go of whom the rules say so: one part for all of a group."""
        if key not in self._parts:
            place = self._crowd.part_of(group)
            self._parts[key] = _Part(key[0], group, place, (self._crowd.groups[place], due, key[1], facts))
        return self._parts[key]

    def _move(self, of: array[int], person: int, to: _Part) -> None:
        if self.moved[to.of] < to.group.count:  # of those dealt by the share some are counted apart
            to.judgement[0].count += 1
        self.moved[to.of] += 1
        of[person] = to.place
