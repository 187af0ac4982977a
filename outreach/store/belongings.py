"""What new customers of an import have beside their own row: the groups that they are of, and further contacts.

Law: what is written is what `put_members` and `add_contacts` would write of them one by one. Nobody's version is
bumped: there is no mail yet that could have been judged without it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from sqlmodel import Session

from ..audience.plain_rows import MORE, ROW, PlainRow
from ..contacts import phone_end
from ..groups import GroupKind, group_key
from ..records import Contact, ContactKind, Membership
from .bulk import driver_values
from .groups import ensure_named
from .newcomers import insert_columns, plain_json
from .prepared import bare_cursor

_KINDS = tuple(GroupKind)


def insert_belongings(session: Session, ids: Sequence[int], rows: Sequence[PlainRow], now: datetime, file: str) -> None:
    """Put new customers into the groups that their rows name, and keep their further contacts."""
    if not any(map(itemgetter(MORE), rows)):
        return
    told = [(one, row[ROW], *row[MORE]) for one, row in zip(ids, rows, strict=True) if row[MORE] is not None]
    for place, kind in enumerate(_KINDS):
        named = [(one, row, groups[place]) for one, row, groups, _ in told if groups[place]]
        keys = {name: group_key(name) for _, _, name in named}
        found = ensure_named(session, kind, {key: name for name, key in reversed(keys.items())}, now)
        members = [(one, row, found[keys[name]][0]) for one, row, name in named]
        _join(session, kind, members, now, file)
    contacts = [(one, *contact) for one, _, _, more in told for contact in dict.fromkeys(more)]
    if contacts:
        whose, kinds, networks, values = zip(*contacts, strict=True)
        columns = {"customer_id": whose, "kind": kinds, "network": networks, "value": values}
        ends = [_ending(kind, value) for kind, value in zip(kinds, values, strict=True)]
        same = {"added_at": now, "how": "import", "evidence": file, "by": ""}
        insert_columns(session, Contact, {**columns, "ending": ends}, same)


def _join(session: Session, kind: GroupKind, members: Sequence[tuple[int, int, int]], now: datetime, file: str) -> None:
    """Make these customers, of these rows, members of these groups."""
    if members:
        whose, rows, groups = zip(*members, strict=True)
        columns = {"customer_id": whose, "group_id": groups, "evidence": [f"{file}:{row}" for row in rows]}
        insert_columns(session, Membership, columns, {"kind": kind, "since": now, "how": "import", "by": ""})


def _ending(kind: str, value: str) -> str:
    return phone_end(value) if kind == ContactKind.PHONE else ""


@dataclass(frozen=True)
class Brought:
    """What is staged beside people's own rows: of which kinds some have groups, and whether some have contacts."""

    kinds: tuple[GroupKind, ...] = ()
    contacts: bool = False


STAGED = (*(f"{kind.value}{end}" for kind in _KINDS for end in ("", "_key", "_first")), "contacts")
"""The columns in which it is staged, all of them texts."""


def belongings_staged(
    rows: Sequence[PlainRow], first: Mapping[tuple[GroupKind, str], str]
) -> tuple[dict[str, Sequence[str | None]], Brought]:
    """What these rows bring, by columns of STAGED. `first`: what a group is to be called that is not there yet."""
    if not any(map(itemgetter(MORE), rows)):
        return {}, Brought()
    columns: dict[str, Sequence[str | None]] = {}
    told = [row[MORE] or _NOTHING for row in rows]
    for place, kind in enumerate(_KINDS):
        names = [groups[place] or None for groups, _ in told]
        if any(names):
            keys = {name: group_key(name) for name in set(names) if name}
            columns[kind.value], columns[f"{kind.value}_key"] = names, [name and keys[name] for name in names]
            if len(set(keys.values())) < len(keys) or any(first[kind, key] != name for name, key in keys.items()):
                columns[f"{kind.value}_first"] = [name and first[kind, keys[name]] for name in names]
    if any(contacts for _, contacts in told):
        columns["contacts"] = [json.dumps(_with_endings(contacts)) if contacts else None for _, contacts in told]
    return columns, Brought(tuple(kind for kind in _KINDS if kind.value in columns), "contacts" in columns)


_NOTHING: Any = (("",) * len(_KINDS), ())


def _with_endings(contacts: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str, str]]:
    return [(kind, network, value, _ending(kind, value)) for kind, network, value in dict.fromkeys(contacts)]


@dataclass(frozen=True)
class Joined:
    """Those of some staged people who name a group of a kind: their places, rows and the groups."""

    kind: GroupKind
    members: list[tuple[int, int, int]]


def settle_staged(session: Session, brought: Brought, now: datetime, first: int, last: int) -> list[Joined]:
    """See that the groups are there that the staged people of these places name, and have those people call them as
    they are called here."""
    joined: list[Joined] = []
    connection = session.connection()
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    for kind in brought.kinds:
        name = kind.value
        called = f"{name}, coalesce({name}_first, {name})"
        sql = f"SELECT place, row, {name}_key, {called} FROM staged_people WHERE {name} IS NOT NULL"  # noqa: S608
        sql = f"{sql} AND place BETWEEN {mark} AND {mark} ORDER BY place"
        with bare_cursor(connection) as cursor:
            told: list[Any] = cursor.execute(sql, (first, last)).fetchall()
        found = ensure_named(session, kind, {key: first for _, _, key, _, first in reversed(told)}, now)
        otherwise = {place: found[key][1] for place, _, key, own, _ in told if found[key][1] != own}
        if otherwise:
            _rename(session, kind, otherwise)
        joined.append(Joined(kind, [(place, row, found[key][0]) for place, row, key, *_ in told]))
    return joined


def _rename(session: Session, kind: GroupKind, names: Mapping[int, str]) -> None:
    """Have the staged people of these places call their group so."""
    connection = session.connection()
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    span = (min(names), max(names))
    with bare_cursor(connection) as cursor:
        sql = f"SELECT place, attributes FROM staged_people WHERE place BETWEEN {mark} AND {mark}"  # noqa: S608
        told = cursor.execute(sql, span).fetchall()
        told = [(place, json.loads(text) | {kind.value: names[place]}) for place, text in told if place in names]
        texts = plain_json(connection, [json.dumps(attributes) for _, attributes in told])
        sql = f"UPDATE staged_people SET attributes = {mark} WHERE place = {mark}"  # noqa: S608
        cursor.executemany(sql, [(text, place) for text, (place, _) in zip(texts, told, strict=True)])


def take_belongings(
    session: Session,
    brought: Brought,
    joined: Sequence[Joined],
    ids: Sequence[int],
    now: datetime,
    file: str,
    whose: tuple[str, list[Any]],
    first: int,
    last: int,
) -> None:
    """Put the staged people of these places, who have become these customers, into their groups, and keep their
    further contacts. `whose`: how SQL finds their ids, and the values of its marks."""
    for one in joined:
        _join(session, one.kind, [(ids[place - first], row, group) for place, row, group in one.members], now, file)
    if not brought.contacts:
        return
    connection = session.connection()
    sqlite = connection.dialect.name == "sqlite"
    mark = "?" if sqlite else "%s"
    (at,) = driver_values(connection, Contact.__table__.columns["added_at"].type, [now])  # type: ignore[attr-defined]
    each, part = "json_each(contacts)", "json_extract(value, '$[{}]')"
    if not sqlite:
        each, part = "json_array_elements(contacts::json) AS told(value)", "value ->> {}"
    parts = ", ".join(map(part.format, range(4)))
    with bare_cursor(connection) as cursor:
        cursor.execute(
            'INSERT INTO contact (customer_id, kind, network, value, ending, added_at, how, evidence, "by")'  # noqa: S608
            f" SELECT {whose[0]}, {parts}, {mark}, 'import', {mark}, '' FROM staged_people, {each}"
            f" WHERE contacts IS NOT NULL AND place BETWEEN {mark} AND {mark} ORDER BY place",
            (*whose[1], at, file, first, last),
        )
