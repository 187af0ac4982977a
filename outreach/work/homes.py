"""Everybody of a kind of group, house by house, and what each house was sent lately, for a look ahead.

Law: as `work.house_budget` reads it for planning: each newsletter once, by whomever they got it. Two in a house, nearly
all there are, stand in two columns; a line of ours runs once for each value that is met, not for each house.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import compress
from typing import Any, NamedTuple

from sqlmodel import Session

from ..plan.budget import WEEK
from ..records import GroupKind
from ..store.house_mail import HouseMail, shared_under_way
from ..store.members import Rows, all_members, apart
from ..store.packed import Pack, unpacked
from ..store.rounded import minute_up, read_rounded
from ..store.wishes import all_wishes
from .parting import Moving
from .workspace import Workspace

LARGER = 1
"""What `Homes.seats` has for somebody of more than two; of those in pairs twice the number of their house (from 1), and
one more for the second of them."""


class Sent(NamedTuple):
    """What people of a house were sent: the edition, the minute at which the last of them got it, and who did (their
    places in the house). `older`: what counts for the wish of one of them alone, who is named by their place.
    """

    edition: int
    at: datetime
    who: AbstractSet[int] = frozenset()
    older: bool = False


Told = tuple[Sent, ...]


@dataclass
class Larger:
    """A house of more than two: each one's place, and what it was sent."""

    places: dict[int, int]
    sent: dict[int, tuple[datetime, set[int]]] = field(default_factory=dict)
    older: list[Sent] = field(default_factory=list)

    def note(self, person: int, sent: Sent) -> None:
        """Put down that this person was sent it."""
        place = self.places[person]
        if sent.older:
            self.older.append(sent._replace(who=frozenset({place})))
            return
        at, who = self.sent.get(sent.edition, (sent.at, set()))
        who.add(place)
        self.sent[sent.edition] = max(at, sent.at), who

    def told(self) -> Told:
        """What it was sent; see `Sent`."""
        return (*(Sent(edition, at, frozenset(who)) for edition, (at, who) in self.sent.items()), *self.older)


class Homes:
    """All houses of a kind. `first` and `second`: those of each pair; `told`: what it was sent, as its place among the
    `known`. `larger` are the others. `size`: one more than the highest number of a person.
    """

    def __init__(self, session: Session, workspace: Workspace, kind: GroupKind, size: int) -> None:
        self.kind, self._counts = kind, workspace.settings.plan.shared_budgets[kind]
        self.shared = self._counts == "shared"
        self.under_way = shared_under_way(session, kind) if self.shared else set()
        self.first, self.second, self.larger = array("I"), array("I"), list[Larger]()
        self.seats = array("I", [0]) * size
        self._in: dict[int, Larger] = {}
        for rows in all_members(session, kind):
            self._add(rows)
        self.known: list[Told] = [()]
        self._places: dict[Told, int] = {}
        self.told = array("I", [0]) * len(self.first)

    def _add(self, rows: Rows) -> None:
        pairs, more = apart(rows)
        house = 2 * len(self.first)
        for one in pairs:
            house += 1
            self.seats[one[1]] = house + 1
        self.first.extend([one[1] for one in pairs[::2]])
        self.second.extend([one[1] for one in pairs[1::2]])
        for members in more:
            larger = Larger({row[1]: place for place, row in enumerate(members)})
            self.larger.append(larger)
            for person in larger.places:
                self._in[person], self.seats[person] = larger, LARGER

    def noting(self, edition: int, one_per: str, now: datetime) -> Callable[[Pack], None] | None:
        """What puts down who was sent this edition; None where it counts for nobody else."""
        if self._counts == "no" or (self.shared and one_per != self.kind):
            return None
        first, second = (
            Moving(self.known, partial(_with_one_more, edition, now, who), new=True)
            for who in (frozenset({0}), frozenset({1}))
        )

        def note(pack: Pack) -> None:
            persons, values = pack
            seats = [self.seats[person] for person in persons]
            for moving, odd in ((first, 0), (second, 1)):
                mine = [seat > LARGER and seat & 1 == odd for seat in seats]
                houses = [(seat >> 1) - 1 for seat in compress(seats, mine)]
                if houses:
                    moving.move(self.told, houses, list(compress(values, mine)))
            if self._in and LARGER in seats:
                for person, value in compress(zip(persons, values, strict=True), [one == LARGER for one in seats]):
                    self._in[person].note(person, _sent(edition, value, now))

        return note

    def all_noted(self, session: Session, now: datetime) -> None:
        """Put down what stands beside the mails of a week, and what is the same in one place."""
        if self._counts != "no":
            self._note_older(session, self.kind, now)
        self._once_each()

    def _note_older(self, session: Session, kind: GroupKind, now: datetime) -> None:
        """Put down what houses were sent before the week, for those of them who wish for mail less often than that."""
        wishes = {one.customer_id: one.every_days for one in all_wishes(session) if one.every_days > WEEK.days}
        if not wishes:
            return
        far = now - timedelta(days=max(wishes.values()))
        for person, times in HouseMail(kind, shared=self.shared).of(session, wishes, far).items():
            seat = self.seats[person] if person < len(self.seats) else 0
            sent = [Sent(0, minute_up(at), older=True) for at in times if at <= now - WEEK]
            if seat == LARGER:
                for one in sent:
                    self._in[person].note(person, one)
            elif seat and sent:
                house, who = (seat >> 1) - 1, frozenset({seat & 1})
                self.known.append((*self.known[self.told[house]], *(one._replace(who=who) for one in sent)))
                self.told[house] = len(self.known) - 1

    def number_of(self, told: Told) -> int:
        """The place of this among the `known`."""
        found = self._places.get(told)
        if found is None:
            found = self._places[told] = len(self.known)
            self.known.append(told)
        return found

    def _once_each(self) -> None:
        """Let what is the same stand in one place, by whatever way it came about."""
        places = self._places
        same = [places.setdefault(told, len(places)) for told in self.known]
        self.known, self.told = list(places), array("I", map(same.__getitem__, self.told))


def _sent(edition: int, value: Any, now: datetime, who: AbstractSet[int] = frozenset()) -> Sent:
    """`value`: a minute as it was read; what has gone counts, also before that is over."""
    return Sent(edition, min(read_rounded(unpacked(value)[0]), now), who)


def _with_one_more(edition: int, now: datetime, who: AbstractSet[int], told: Told, value: Any) -> Told:
    sent = _sent(edition, value, now, who)
    same = next((one for one in told if one.edition == sent.edition and not one.older), None)
    if same is None:
        return (*told, sent)
    return (*(one for one in told if one is not same), Sent(same.edition, max(same.at, sent.at), same.who | sent.who))
