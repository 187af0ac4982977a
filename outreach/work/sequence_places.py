"""A sequence for one of each household (or company): who has its place, and who stands by.

Law: whoever enters first has the place as long as they are in it and can get its mails; another one goes on in it only
where that one leaves, and by their own consent; nobody of theirs gets a step that one of them has had.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from sqlmodel import Session

from ..records import EnrolmentState
from ..records import Sequence as SequenceRow
from ..store.one_per import groups_of
from ..store.places import STANDS_BY, Holder, as_passed, holders, known_keys
from ..store.sequences import Enrolled
from .sequence_plan import Rules

GONE = (
    "has no address",
    "is not on the list any more",
    "does not come, or the session is off",
    "did not miss it after all",
)
"""Why somebody leaves who cannot get its mails: their place is another one's then. Who leaves by an exit has had it."""


class Placing(Protocol):
    """What of a running sequence places are given by."""

    @property
    def id(self) -> int: ...

    @property
    def row(self) -> SequenceRow: ...

    @property
    def rules(self) -> Rules: ...


def with_places(session: Session, course: Placing, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of whoever begins, those standing by whose household is in it already; who begins first comes first."""
    kind = course.rules.one_per
    if kind is None or not rows:
        return [dict(row) for row in rows]
    people = {row["customer_id"] for row in rows}
    known = known_keys(session, course.id, people)
    groups = groups_of(session, kind, people)
    held = holders(session, course.id, course.row.list_id, kind, groups.values())
    taken: dict[int, Holder] = {group: first for group, (first, *_) in held.items()}
    found: list[dict[str, Any]] = []
    for row in sorted(rows, key=lambda one: (one["began_at"], one["customer_id"])):
        person, group = row["customer_id"], groups.get(row["customer_id"])
        if (person, row["key"]) in known:
            continue
        first = taken.setdefault(group, Holder(0, person, {})) if group is not None else None
        if first is None or first.customer_id == person:
            found.append(dict(row))
            continue
        words = STANDS_BY.format(kind=kind.value)
        standing = {"state": EnrolmentState.STANDBY, "reason": words, "done": as_passed(first, kind), "look_at": None}
        found.append({**row, **standing})
    return found


def standing_by(
    session: Session,
    course: Placing,
    people: Sequence[Enrolled],
    ending: Collection[int] = (),
    *,
    standby: bool = False,
) -> dict[int, Holder]:
    """Who of these has to stand by, by enrolment, and who of theirs has the place: who came before them,
    can get its mails, and is not `ending` it just now (by enrolment). `standby`: they stand by now.
    """
    kind = course.rules.one_per
    if kind is None or not people:
        return {}
    groups = groups_of(session, kind, [person.customer_id for person in people])
    held = holders(session, course.id, course.row.list_id, kind, groups.values())
    found: dict[int, Holder] = {}
    for person in people:
        for one in held.get(groups.get(person.customer_id, 0), ()):
            if one.customer_id != person.customer_id and (standby or one.id < person.id) and one.id not in ending:
                found[person.id] = one
                break
    return found


def holder_of(session: Session, course: Placing, customer_id: int) -> int | None:
    """The customer of the same household (or company) who has the place; None where nobody of theirs has."""
    kind = course.rules.one_per
    group = groups_of(session, kind, [customer_id]).get(customer_id) if kind is not None else None
    if kind is None or group is None:
        return None
    held = holders(session, course.id, course.row.list_id, kind, [group]).get(group, ())
    return next((one.customer_id for one in held if one.customer_id != customer_id), None)
