"""Households and companies by a person's word: joined, left, renamed, looked at; and who may belong together.

Law: nobody joins by a guess. The name of a customer's group stands in their attribute `household` or `company` too,
where templates and segments read it: what changes the one changes the other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from ..audience.kin import NAMED, WHY, clue_to, clue_words
from ..audience.segment_words import nearest
from ..errors import InputError, UsageError
from ..groups import LONGEST_GROUP, GroupKind, group_key
from ..records import Contact, ContactKind, Customer
from ..store.customers import person_at
from ..store.groups import (
    GroupRow,
    change_group,
    drop_empty,
    ensure_groups,
    find_groups,
    groups_of,
    leave_groups,
    list_groups,
    members_of,
    put_members,
)
from .epoch import advance
from .people import find_colleague
from .workspace import Workspace

PAGE = 5_000
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Joined:
    """What joining did: into which group, whether it is new, who is newly of it, and who moved from where."""

    kind: GroupKind
    name: str
    new: bool
    joined: tuple[str, ...]
    moved: dict[str, str]


def join_group(workspace: Workspace, kind: GroupKind, name: str, who: Sequence[str], *, by: str) -> Joined:
    """Let these customers (addresses, or '#17') be of a group, which is made where there is none.

    Raises UsageError for a name that cannot be one, InputError for somebody who is no customer.
    """
    name = _checked(name)
    with workspace.database.write() as session:
        now = workspace.clock()
        customers = [_customer(session, workspace, one) for one in who]
        ids = [one.id or 0 for one in customers]
        before = groups_of(session, ids)
        known = find_groups(session, kind, [name])
        group = ensure_groups(session, kind, [name], now)[group_key(name)]
        shown = next((row.name for row in list_groups(session, kind, names=[name])), name)
        had = {one.id: before.get(one.id or 0, {}).get(kind) for one in customers}
        fresh = [one for one in customers if (own := had[one.id]) is None or own.group_id != group]
        members = {one.id or 0: group for one in fresh}
        put_members(session, kind, members, now, how="person", evidence="customers groups join", by=by)
        for one in fresh:
            tell_group(session, one, kind, shown, now)
        drop_empty(session)
        advance(session, workspace.root, needed=False)
        moved = {called(one): own.name for one in fresh if (own := had[one.id]) is not None}
    return Joined(kind, shown, not known, tuple(called(one) for one in fresh), moved)


def leave_group(workspace: Workspace, kind: GroupKind, who: Sequence[str]) -> dict[str, str]:
    """Let these customers be of no group of the kind: who left which. Raises InputError for somebody who is of none."""
    left: dict[str, str] = {}
    with workspace.database.write() as session:
        now = workspace.clock()
        for one in who:
            customer = _customer(session, workspace, one)
            own = groups_of(session, [customer.id or 0]).get(customer.id or 0, {}).get(kind)
            if own is None:
                raise InputError(f"{called(customer)} is of no {kind.value}", remedy="Nothing was changed.")
            leave_groups(session, kind, [customer.id or 0], now)
            tell_group(session, customer, kind, "", now)
            left[called(customer)] = own.name
        advance(session, workspace.root, needed=False)
    return left


def rename_group(workspace: Workspace, kind: GroupKind, name: str, to: str) -> GroupRow:
    """Give a group another name; files that call it by the old one still mean it. Raises UsageError where another bears
    that name, InputError for one that is not there.
    """
    to = _checked(to)
    with workspace.database.write() as session:
        group = known_group(session, kind, name)
        other = find_groups(session, kind, [to]).get(group_key(to))
        if other is not None and other != group.id:
            raise UsageError(
                f"there is a {kind.value} {to} already",
                remedy=f"Put its people into one: outreach customers groups join {kind.value} …",
            )
        now = workspace.clock()
        change_group(session, group.id, name=to, name_key=group_key(to))
        for member in members_of(session, group.id):
            tell_group(session, session.get_one(Customer, member.customer_id), kind, to, now)
        advance(session, workspace.root, needed=False)
        return group._replace(name=to)


def manage_group(workspace: Workspace, kind: GroupKind, name: str, manager: str) -> GroupRow:
    """Let a colleague look after a group; "": nobody. Raises InputError for a group or colleague who is not there."""
    with workspace.database.write() as session:
        group = known_group(session, kind, name)
        manager = find_colleague(session, manager).name if manager else ""
        change_group(session, group.id, manager=manager)
        return group._replace(manager=manager)


def known_group(session: Session, kind: GroupKind, name: str) -> GroupRow:
    """The group of this name. Raises InputError with the nearest name."""
    found = list_groups(session, kind, names=[name], limit=1)
    if not found:
        names = [row.name for row in list_groups(session, kind, limit=2_000)]
        remedy = f"Look with: outreach customers groups list --kind {kind.value}"
        raise InputError(f"there is no {kind.value} {name!r}{nearest(name, names)}", remedy=remedy)
    return found[0]


@dataclass(frozen=True)
class Likely:
    """People who may belong together: the name that their group could bear, and why. `group`: one of them has one."""

    kind: GroupKind
    name: str
    people: tuple[str, ...]
    reason: str
    group: str


def suggest_groups(
    workspace: Workspace,
    kind: GroupKind,
    *,
    limit: int | None = 50,
    why: str = "",
    progress: Progress = lambda _count: None,
) -> list[Likely]:
    """Who may belong together and is not yet in one group, at most `limit` groups, those of the most people first.

    `why`: for this reason alone, `address`, `domain` or `named`.
    """
    with workspace.database.read() as session:
        seen: set[bytes] = set()
        twice: set[bytes] = set()
        for count, (_, _, clue, _, _) in enumerate(_clues(session, kind), 1):
            if clue:
                mark = _mark(clue)
                (twice if mark in seen else seen).add(mark)
            if count % PAGE == 0:
                progress(count)
        seen.clear()
        found: dict[str, list[tuple[str, str, str]]] = {}
        for _, who, clue, name, own in _clues(session, kind) if twice else ():
            if clue and _mark(clue) in twice:
                found.setdefault(clue, []).append((who, name, own))
    likely = []
    for clue, people in found.items():
        groups = sorted({own for _, _, own in people if own})
        reason = clue_words(clue)
        if why and reason != WHY.get(why, reason if NAMED in reason else ""):
            continue
        if len(groups) < 2 and not all(own for _, _, own in people):
            missing = tuple(one for one, _, own in people if not own)
            name = groups[0] if groups else people[0][1]
            likely.append(Likely(kind, name[:LONGEST_GROUP], missing, reason, groups[0] if groups else ""))
    likely.sort(key=lambda one: (-len(one.people), one.name))
    return likely[:limit]


def _clues(session: Session, kind: GroupKind) -> Iterator[tuple[int, str, str, str, str]]:
    """Of everybody: number, how they are called, what they share with others, a name for that, and their group."""
    columns = (col(Customer.id), col(Customer.address), col(Customer.last_name), col(Customer.attributes))
    query = select(*columns).where(col(Customer.erased_at).is_(None))
    after = 0
    while True:
        page: Any = session.connection().execute(
            query.where(col(Customer.id) > after).order_by(col(Customer.id)).limit(PAGE)
        )
        rows = page.all()
        ids = [row[0] for row in rows]
        groups, posts = groups_of(session, ids), _posts(session, ids) if kind is GroupKind.HOUSEHOLD else {}
        for number, address, last_name, attributes in rows:
            own = groups.get(number, {}).get(kind)
            plain = {key: value for key, value in (attributes or {}).items() if key != kind.value}
            for seen in (attributes or {}, plain) if own else (attributes or {},):  # others may share either with them
                clue, name = clue_to(kind, address or "", last_name or "", posts.get(number, ""), seen)
                yield number, address or f"#{number}", clue, name, own.name if own else ""
        if len(rows) < PAGE:
            return
        after = ids[-1]


def _posts(session: Session, ids: Collection[int]) -> dict[int, str]:
    query = select(col(Contact.customer_id), col(Contact.value)).where(
        col(Contact.kind) == ContactKind.POST, col(Contact.customer_id) >= min(ids, default=0)
    )
    query = query.where(col(Contact.customer_id) <= max(ids, default=0))
    return {row[0]: row[1] for row in session.execute(query)}


def _mark(clue: str) -> bytes:
    return hashlib.blake2b(clue.encode(), digest_size=8).digest()


def tell_group(session: Session, customer: Customer, kind: GroupKind, name: str, now: Any) -> None:
    """The attribute of a customer that says of which group they are; a template and a segment read it there."""
    session.refresh(customer)
    attributes = {key: value for key, value in (customer.attributes or {}).items() if key != kind.value}
    customer.attributes = attributes | ({kind.value: name} if name else {})
    customer.updated_at = now
    session.add(customer)
    session.flush()


def _customer(session: Session, workspace: Workspace, who: str) -> Customer:
    found = person_at(session, workspace.keys, who)
    if found is None or found.erased_at is not None:
        raise InputError(f"no customer has the address {who}", remedy="Look with: outreach customers list")
    return found


def called(customer: Customer) -> str:
    """A customer as commands take them: the address, or #17."""
    return customer.address or f"#{customer.id}"


def _checked(name: str) -> str:
    plain = " ".join(name.split())
    if not plain or len(plain) > LONGEST_GROUP or not plain.isprintable():
        raise UsageError(
            f"{name[:60]!r} cannot be the name of a household or company",
            remedy=f"Up to {LONGEST_GROUP} letters on one line will do: 'Baker, 12 Elm St'.",
        )
    return plain
