"""Households and companies as a file tells them: who joins, moves or leaves, kept so that it can be taken back.

Law: the columns `household` and `company` are attributes like others, merged by the same ways; what stands there
afterwards is the group that the person is of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import delete, select
from sqlmodel import Session, col

from ..audience.intake import Person
from ..audience.merge import Ways, changed_fields
from ..audience.plain_rows import KEY, MORE, person_of, plain_row
from ..groups import GroupKind, group_key, group_name
from ..records import Changed, CustomerGroup, ImportChange, Membership
from .groups import drop_empty, ensure_groups, group_names, groups_of, leave_groups, put_members
from .known import OF_PERSON, PERSON, Known, Taken

_WORDS = tuple(kind.value for kind in GroupKind)


_LAST = itemgetter(-1)
"""MORE of a plain row, or a person."""


class Joining(NamedTuple):
    """A known customer who is to be of another group than before; `name` "": of none any more."""

    customer_id: int
    kind: GroupKind
    before: str
    name: str
    row: int


def settle_names(session: Session, people: Sequence[Taken]) -> Sequence[Taken]:
    """These people, calling their groups as those are called here that are here already."""
    return _settled(people, lambda kind, names: group_names(session, kind, list(names)))


def name_alike(people: Sequence[Taken]) -> Sequence[Taken]:
    """These people, calling each of their groups as the first of them calls it."""
    return _settled(people, lambda _, names: {names[name]: name for name in reversed(names)})


def first_names(people: Sequence[Taken]) -> dict[tuple[GroupKind, str], str]:
    """What the first of these people calls each group, by its kind and key."""
    found: dict[tuple[GroupKind, str], str] = {}
    for place, kind in enumerate(GroupKind if any(map(_LAST, people)) else ()):
        names = dict.fromkeys(_name_in(one, place, kind) for one in people)
        found |= {(kind, group_key(name)): name for name in reversed(names) if name}
    return found


def _settled(
    people: Sequence[Taken], called: Callable[[GroupKind, dict[str, str]], Mapping[str, str]]
) -> Sequence[Taken]:
    settled = people
    if not any(map(_LAST, people)):  # nobody says anything of the kind, as in most files
        return people
    for place, kind in enumerate(GroupKind):
        told = [(number, name) for number, one in enumerate(people) if (name := _name_in(one, place, kind))]
        if not told:
            continue
        keys = {name: group_key(name) for _, name in told}
        names = called(kind, keys)
        for number, name in told:
            if (right := names.get(keys[name], name)) != name:
                settled = list(people) if settled is people else settled
                settled[number] = _renamed(settled[number], kind, right)  # type: ignore[index]
    return settled


def _name_in(one: Taken, place: int, kind: GroupKind) -> str:
    if len(one) == OF_PERSON:
        return group_name(one[PERSON].attributes.get(kind.value))
    return one[MORE][0][place] if one[MORE] else ""


def _renamed(one: Taken, kind: GroupKind, name: str) -> Taken:
    person: Person = one[PERSON] if len(one) == OF_PERSON else person_of(one)
    person.attributes[kind.value] = name
    return one if len(one) == OF_PERSON else plain_row(one[KEY], person)


def plan_joining(session: Session, people: Iterable[tuple[Person, Known]], ways: Ways) -> dict[int, list[Joining]]:
    """Which of these known customers change groups by these rows."""
    told = [
        (person, known)
        for person, known in people
        if any(word in person.attributes or word in person.empty for word in _WORDS)
    ]
    if not told:
        return {}
    groups = groups_of(session, [known.id for _, known in told])
    found: dict[int, list[Joining]] = {}
    for person, before in told:
        attributes = changed_fields(person, before, ways).get("attributes", before.attributes)
        for kind in GroupKind:
            if kind.value not in person.attributes and kind.value not in person.empty:
                continue
            own = groups.get(before.id, {}).get(kind)
            name = group_name(attributes.get(kind.value))
            if (own is None and name) or (own is not None and group_key(name) not in (own.key, own.name_key)):
                moved = Joining(before.id, kind, own.name if own else "", name, person.row)
                found.setdefault(before.id, []).append(moved)
    return found


def write_joining(session: Session, moved: Sequence[Joining], now: datetime, file: str) -> list[dict[str, Any]]:
    """Put those who move into their groups; what is to be taken back of it."""
    wanted: dict[GroupKind, dict[int, tuple[str, int]]] = {kind: {} for kind in GroupKind}
    for one in moved:
        if one.name:
            wanted[one.kind][one.customer_id] = (one.name, one.row)
    for kind, told in wanted.items():
        if told:
            groups = ensure_groups(session, kind, [name for name, _ in told.values()], now)
            members = {customer: groups[group_key(name)] for customer, (name, _) in told.items()}
            rows = {customer: f"{file}:{row}" for customer, (_, row) in told.items()}
            put_members(session, kind, members, now, how="import", evidence=rows)
        if gone := [one.customer_id for one in moved if one.kind is kind and not one.name]:
            leave_groups(session, kind, gone, now)
    if moved:
        drop_empty(session)
    return [
        {"customer_id": one.customer_id, "what": Changed.GROUP}
        | {"before": {"kind": one.kind.value, "name": one.before}, "after": {"kind": one.kind.value, "name": one.name}}
        for one in moved
    ]


def put_group_back(session: Session, change: ImportChange, *, import_at: datetime, now: datetime, by: str) -> bool:
    """Let a customer be of the group again that they were of before an import, where it still is as it made it."""
    kind = GroupKind(change.after["kind"])
    before, after = change.before["name"], change.after["name"]
    query = (
        select(Membership, col(CustomerGroup.key), col(CustomerGroup.name_key))
        .join(CustomerGroup, col(CustomerGroup.id) == col(Membership.group_id))
        .where(col(Membership.customer_id) == change.customer_id, col(Membership.kind) == kind)
    )
    row = session.execute(query).first()
    if (row is None) != (after == ""):
        return False
    if row is not None:
        own, key, name_key = row
        if own.how != "import" or own.since != import_at or group_key(after) not in (key, name_key):
            return False
    if before:
        group = ensure_groups(session, kind, [before], now)[group_key(before)]
        put_members(session, kind, {change.customer_id: group}, now, how="undo", by=by)
    else:
        mine = delete(Membership).where(col(Membership.customer_id) == change.customer_id)
        session.execute(mine.where(col(Membership.kind) == kind))
    session.expire_all()
    drop_empty(session)
    return True
