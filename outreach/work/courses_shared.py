"""A look ahead at sequences of which one of each household (or company) is in: who has the place, and until when.

Law: as `work.sequence_places` gives it: whoever is in it first, else the first who stands by; whoever begins while
another of theirs is in it gets nothing by it, and whoever begins when that one has had the last step has the place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from sqlmodel import Session

from ..records import GroupKind
from ..store.members import all_members


class Beginner(NamedTuple):
    """Somebody who will begin: on a local day, or at an instant. `enters`: when they are found."""

    customer_id: int
    zone: str | None
    day: date | None
    begun: datetime | None
    enters: datetime


NEVER = datetime.max.replace(tzinfo=UTC)


class Places:
    """The places of each group of a kind in one sequence."""

    def __init__(self, session: Session, kind: GroupKind) -> None:
        pairs = [(group, person) for page in all_members(session, kind) for group, person in page]
        sizes = Counter(group for group, _ in pairs)
        self._group = {person: group for group, person in pairs if sizes[group] > 1}
        self._held: dict[int, tuple[int, datetime]] = {}

    def of_those_in_it(
        self, rows: Iterable[Sequence[Any]], standing: Collection[int], able: Callable[[int], bool]
    ) -> list[Sequence[Any]]:
        """Of these (customer, enrolment and so on) those who go on: who is in it before who is `standing` by, if they
        are `able` to get its mails."""
        found = []
        first: dict[int, int] = {}
        for row in sorted(rows, key=lambda one: (one[1] in standing, one[1])):
            group = self._group.get(row[0])
            if able(row[0]) and (group is None or first.setdefault(group, row[0]) == row[0]):
                found.append(row)
        return found

    def hold(self, person: int, until: datetime | None) -> None:
        """Somebody is in it up to then (None: longer than the look goes)."""
        group = self._group.get(person)
        if group is not None:
            holder, before = self._held.get(group, (person, until or NEVER))
            self._held[group] = holder, max(before, until or NEVER)

    def given(self, people: Iterable[Beginner], ends: Callable[[Beginner], datetime | None]) -> list[Beginner]:
        """Those of whoever begins who get a place, in order of time. `ends`: when it is over for them."""
        found = []
        for one in sorted(people, key=lambda one: (one.enters, one.customer_id)):
            holder, until = self._held.get(self._group.get(one.customer_id, 0), (one.customer_id, NEVER))
            if holder != one.customer_id and one.enters <= until:
                continue
            found.append(one)
            if one.customer_id in self._group:
                until = ends(one) or NEVER
                same = holder == one.customer_id and self._group[one.customer_id] in self._held
                before = self._held[self._group[one.customer_id]][1] if same else until
                self._held[self._group[one.customer_id]] = one.customer_id, max(before, until)
        return found
