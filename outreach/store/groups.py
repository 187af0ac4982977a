"""Kept: households and companies, and who is of which.

Law: a customer is of one household and one company at most; a group without people goes, and its name with it. Whoever
joins, leaves or moves has their version bumped, and so have those whom their holds now stop (RELIABILITY I8). The
caller commits.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, delete, exists, func, or_, select, update
from sqlmodel import Session, col

from ..cases.case import UNSOLVED
from ..groups import group_key
from ..records import Case, Colleague, Customer, CustomerGroup, GroupKind, Hold, HoldState, Membership
from .bulk import insert_rows, next_ids
from .conflict import insert_on
from .customers import bump_versions
from .database import rows_in_chunks
from .prepared import Among, Prepared

CHUNK = 500


class GroupSeen(NamedTuple):
    """A customer's group, and since when they are of it."""

    kind: GroupKind
    group_id: int
    name: str
    key: str
    name_key: str
    manager: str
    since: datetime
    how: str


class GroupRow(NamedTuple):
    """A group, how many customers are of it, and how many of their cases somebody still has to solve."""

    id: int
    kind: GroupKind
    name: str
    key: str
    manager: str
    created_at: datetime
    people: int
    open_cases: int


class Member(NamedTuple):
    """A customer of a group, with their open cases."""

    customer_id: int
    address: str | None
    name: str
    since: datetime
    how: str
    open_cases: int


def find_groups(session: Session, kind: GroupKind, names: Collection[str]) -> dict[str, int]:
    """The groups that go by these names, by each name's key: as the files call them, or as a person renamed them."""
    return {key: number for key, (number, _) in _known(session, kind, names).items()}


def group_names(session: Session, kind: GroupKind, names: Collection[str]) -> dict[str, str]:
    """What the groups that go by these names are called, by each name's key."""
    return {key: name for key, (_, name) in _known(session, kind, names).items()}


def _known(session: Session, kind: GroupKind, names: Collection[str]) -> dict[str, tuple[int, str]]:
    return _known_by_key(session, kind, {group_key(name) for name in names})


def _known_by_key(session: Session, kind: GroupKind, keys: Collection[str]) -> dict[str, tuple[int, str]]:
    if not keys:
        return {}
    connection = session.connection()
    sqlite = connection.dialect.name == "sqlite"
    mark, among = ("?", "IN (SELECT value FROM json_each(?))") if sqlite else ("%s", "= ANY(%s)")
    # asked with OR, SQLite would look through all groups
    sql = " UNION ALL ".join(
        f"SELECT id, key, name_key, name FROM customer_group WHERE kind = {mark} AND {column} {among}"  # noqa: S608
        for column in ("key", "name_key")
    )
    given: Any = json.dumps(sorted(keys)) if sqlite else sorted(keys)
    found: dict[str, tuple[int, str]] = {}
    for number, key, name_key, name in connection.exec_driver_sql(sql, (kind.value, given) * 2):
        found[name_key] = found[key] = (number, name)
    return {key: found[key] for key in sorted(keys) if key in found}


def ensure_groups(session: Session, kind: GroupKind, names: Collection[str], now: datetime) -> dict[str, int]:
    """The same; a group that is not there is made."""
    told = {group_key(name): name for name in reversed(list(names))}
    return {key: number for key, (number, _) in ensure_named(session, kind, told, now).items()}


def ensure_named(
    session: Session, kind: GroupKind, names: Mapping[str, str], now: datetime
) -> dict[str, tuple[int, str]]:
    """The groups of these keys, and what they are called; one that is not there is made, and called as `names` says."""
    found = _known_by_key(session, kind, names)
    new = {key: name for key, name in names.items() if key not in found}
    ids = next_ids(session, CustomerGroup, len(new))
    rows = [
        {"id": number, "kind": kind, "key": key, "name": name, "name_key": key, "manager": "", "created_at": now}
        for number, (key, name) in zip(ids, new.items(), strict=True)
    ]
    insert_rows(session, CustomerGroup, rows)
    return found | {key: (number, name) for number, (key, name) in zip(ids, new.items(), strict=True)}


def put_members(
    session: Session,
    kind: GroupKind,
    members: Mapping[int, int],
    at: datetime,
    *,
    how: str,
    evidence: Mapping[int, str] | str = "",
    by: str = "",
) -> None:
    """Let these customers be of these groups (customer: group), and of no other of the kind."""
    if not members:
        return
    told = {} if isinstance(evidence, str) else evidence
    words = evidence if isinstance(evidence, str) else ""
    rows: list[dict[str, Any]] = [
        {"customer_id": customer, "kind": kind, "group_id": group, "since": at, "how": how, "by": by}
        | {"evidence": told.get(customer, words)}
        for customer, group in members.items()
    ]
    connection = session.connection()
    statement = insert_on(connection, Membership)
    changed = {name: getattr(statement.excluded, name) for name in ("group_id", "since", "how", "evidence", "by")}
    statement = statement.on_conflict_do_update(index_elements=["customer_id", "kind"], set_=changed)
    for part in rows_in_chunks(rows, CHUNK):
        connection.execute(statement, part)
    judge_again(session, list(members), at)


def leave_groups(session: Session, kind: GroupKind, customer_ids: Sequence[int], at: datetime) -> int:
    """Let these customers be of no group of the kind; how many were of one."""
    gone = 0
    for ids in rows_in_chunks(list(customer_ids), CHUNK):
        judge_again(session, ids, at)
        mine = delete(Membership).where(col(Membership.kind) == kind, col(Membership.customer_id).in_(ids))
        gone += session.connection().execute(mine).rowcount
    drop_empty(session)
    return gone


def judge_again(session: Session, customer_ids: Sequence[int], at: datetime) -> None:
    """Bump them, and everybody of a group in which one of them has an open hold."""
    bump_versions(session, customer_ids, at)
    held: set[int] = set()
    for ids in rows_in_chunks(list(customer_ids), CHUNK):
        query = select(col(Hold.customer_id)).where(col(Hold.customer_id).in_(ids), col(Hold.state) != HoldState.LIFTED)
        held.update(session.execute(query).scalars())
    bump_versions(session, sorted(set(mates_of(session, held)) - set(customer_ids)), at)


def mates_of(session: Any, customer_ids: Collection[int]) -> list[int]:
    """Everybody else who is of a household or company with one of these."""
    found: set[int] = set()
    for ids in rows_in_chunks(sorted(customer_ids), CHUNK):
        found.update(row[0] for row in _MATES.rows(session, ids=ids))
    return sorted(found - set(customer_ids))


_OTHER: Any = Membership.__table__.alias("other")  # type: ignore[attr-defined]
_MINE: Any = Membership.__table__.alias("mine")  # type: ignore[attr-defined]
_MATES = Prepared(
    select(_OTHER.c.customer_id)
    .select_from(_MINE.join(_OTHER, _OTHER.c.group_id == _MINE.c.group_id))
    .where(Among(_MINE.c.customer_id, "ids"))
)


def manager_of(session: Any, customer_id: int | None) -> str:
    """The colleague who looks after this customer's company, or else household; "" for none, or one who has gone."""
    rows = _MANAGER.rows(session, id=customer_id) if customer_id is not None else []
    return str(rows[0][0]) if rows else ""


_MANAGER = Prepared(
    select(col(Colleague.name))
    .select_from(Membership)
    .join(CustomerGroup, col(CustomerGroup.id) == col(Membership.group_id))
    .join(Colleague, col(Colleague.name) == col(CustomerGroup.manager))
    .where(col(Membership.customer_id) == bindparam("id"))
    .order_by(col(Membership.kind))  # a company before a household
    .limit(1)
)


def drop_empty(session: Session) -> int:
    """Let go of the groups of which nobody is any more; how many."""
    left = exists().where(col(Membership.group_id) == col(CustomerGroup.id))
    return session.connection().execute(delete(CustomerGroup).where(~left)).rowcount


def groups_alone(session: Session, customer_id: int) -> list[int]:
    """The groups of which this customer is, and nobody else."""
    other = exists().where(_OTHER.c.group_id == _MINE.c.group_id, _OTHER.c.customer_id != customer_id)
    query = select(_MINE.c.group_id).where(_MINE.c.customer_id == customer_id, ~other).order_by(_MINE.c.group_id)
    return list(session.execute(query).scalars())


def groups_of(session: Session, customer_ids: Collection[int]) -> dict[int, dict[GroupKind, GroupSeen]]:
    """The household and the company of each of these customers."""
    found: dict[int, dict[GroupKind, GroupSeen]] = defaultdict(dict)
    group = CustomerGroup
    columns = (col(group.id), col(group.name), col(group.key), col(group.name_key), col(group.manager))
    query = select(col(Membership.customer_id), col(Membership.kind), *columns, col(Membership.since))
    query = query.add_columns(col(Membership.how)).join(group, col(group.id) == col(Membership.group_id))
    for ids in rows_in_chunks(list(customer_ids), CHUNK):
        for customer, kind, *rest in session.execute(query.where(col(Membership.customer_id).in_(ids))):
            found[customer][kind] = GroupSeen(kind, *rest)
    return dict(found)


def list_groups(
    session: Session, kind: GroupKind | None, *, names: Sequence[str] = (), at_least: int = 1, limit: int = 50
) -> list[GroupRow]:
    """Groups with their people and open cases counted, those with most open cases first, then the largest."""
    people: Any = func.count(func.distinct(col(Membership.customer_id)))
    cases: Any = func.count(func.distinct(col(Case.id)))
    group = CustomerGroup
    query = (
        select(
            *(col(group.id), col(group.kind), col(group.name), col(group.key), col(group.manager)),
            *(col(group.created_at), people, cases),
        )
        .join(Membership, col(Membership.group_id) == col(group.id))
        .outerjoin(
            Case,
            and_(col(Case.customer_id) == col(Membership.customer_id), col(Case.state).in_(UNSOLVED)),
        )
        .group_by(col(group.id))
        .having(people >= at_least)
        .order_by(cases.desc(), people.desc(), col(group.name_key))
        .limit(limit)
    )
    if kind is not None:
        query = query.where(col(group.kind) == kind)
    if names:
        keys = [group_key(name) for name in names]
        query = query.where(or_(col(group.key).in_(keys), col(group.name_key).in_(keys)))
    return [GroupRow(*row) for row in session.execute(query)]


def members_of(session: Session, group_id: int, limit: int | None = None) -> list[Member]:
    """The customers of a group, those who are of it longest first."""
    cases = select(func.count()).where(col(Case.customer_id) == col(Customer.id), col(Case.state).in_(UNSOLVED))
    query = (
        select(
            *(col(Customer.id), col(Customer.address), col(Customer.first_name), col(Customer.last_name)),
            *(col(Membership.since), col(Membership.how), cases.correlate(Customer).scalar_subquery()),
        )
        .join(Customer, col(Customer.id) == col(Membership.customer_id))
        .where(col(Membership.group_id) == group_id)
        .order_by(col(Membership.since), col(Customer.id))
        .limit(limit)
    )
    return [
        Member(number or 0, address, " ".join(filter(None, (first, last))), *rest)
        for number, address, first, last, *rest in session.execute(query)
    ]


def open_cases_among(session: Session, customer_ids: Iterable[int]) -> list[tuple[int, int, str, str, str]]:
    """What somebody still has to solve of these: customer, case, category, topic, owner, oldest first."""
    found: list[tuple[int, int, str, str, str]] = []
    columns = (col(Case.customer_id), col(Case.id), col(Case.category), col(Case.topic), col(Case.owner))
    query = select(*columns).where(col(Case.state).in_(UNSOLVED)).order_by(col(Case.id))
    for ids in rows_in_chunks(list(customer_ids), CHUNK):
        for customer, case, category, topic, owner in session.execute(query.where(col(Case.customer_id).in_(ids))):
            found.append((customer or 0, case or 0, category, topic, owner or ""))
    return found


def change_group(session: Session, group_id: int, **values: Any) -> None:
    """Write a group's name or manager."""
    session.connection().execute(update(CustomerGroup).where(col(CustomerGroup.id) == group_id).values(**values))
