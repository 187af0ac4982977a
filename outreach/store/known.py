"""Whom a file's people are already: found by their address's key, or, without an address, by name with number or post.

Law: somebody without an e-mail address is known again only where name and number, or name and postal address, both
fit and one customer alone fits: two people in one house stay two.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, select
from sqlmodel import Session, col

from ..audience.intake import PLAIN_FIELDS, Person
from ..audience.places import ZONES, fold
from ..audience.plain_rows import ATTRIBUTES, CONSENT_AT, FIELDS, KEY, MORE, STATUS, UNTIED, PlainRow
from ..groups import GroupKind, group_key
from ..records import Contact, ContactKind, Customer, Subscription, SubscriptionState
from .customers import PAGE
from .database import rows_in_chunks
from .prepared import bare_cursor


@dataclass(frozen=True, slots=True)
class Known:
    """What the database holds of a person in the file, as far as an import may change it."""

    id: int
    first_name: str | None
    last_name: str | None
    phone: str | None
    handle: str | None
    language: str | None
    country: str | None
    zone: str | None
    attributes: dict[str, Any]
    state: SubscriptionState | None


Taken = tuple[Any, ...]
"""What is taken in of a row: a PlainRow, or (key, row, Person)."""
PERSON, OF_PERSON = 2, 3
_COUNTRY, _ZONE = PLAIN_FIELDS.index("country"), PLAIN_FIELDS.index("zone")
_NAMES = ("id", "first_name", "last_name", "phone", "handle", "language", "country", "zone", "attributes")


def known_by_key(session: Session, list_id: int | None, keys: list[str]) -> dict[str, Known]:
    """The customers with these address keys, with their state on the list."""
    query = _query(list_id, col(Customer.address_key))
    found: dict[str, Known] = {}
    for part in rows_in_chunks(_there(session, keys), PAGE):
        rows: Iterable[Any] = session.connection().execute(query.where(col(Customer.address_key).in_(part)))
        found.update((row[0], Known(*row[1:])) for row in rows)
    return found | _known_besides(session, list_id, [key for key in keys if key not in found])


def _known_besides(session: Session, list_id: int | None, keys: list[str]) -> dict[str, Known]:
    """The customers with these addresses beside their own, by key: whoever was merged does not come back."""
    besides = col(Contact.kind) == ContactKind.ADDRESS
    if not keys or session.execute(select(col(Contact.id)).where(besides).limit(1)).first() is None:
        return {}
    query = _query(list_id, col(Contact.value)).join(Contact, col(Contact.customer_id) == col(Customer.id))
    query = query.where(besides, col(Customer.erased_at).is_(None))
    found: dict[str, list[Known]] = {}
    for part in rows_in_chunks(keys, PAGE):
        for row in session.connection().execute(query.where(col(Contact.value).in_(part))):
            found.setdefault(row[0], []).append(Known(*row[1:]))
    return {key: several[0] for key, several in found.items() if len(several) == 1}


def keys_known(session: Session, keys: list[str]) -> set[str]:
    """Those of these keys by which somebody may be known, as their own address or beside it."""
    besides = col(Contact.kind) == ContactKind.ADDRESS
    found = set(_there(session, keys))
    if session.execute(select(col(Contact.id)).where(besides).limit(1)).first() is not None:
        for part in rows_in_chunks(keys, PAGE):
            query = select(col(Contact.value)).where(besides, col(Contact.value).in_(part))
            found.update(session.execute(query).scalars())
    return found


def found_as_told(session: Session, list_id: int | None, rows: Sequence[PlainRow]) -> dict[str, int]:
    """Those of these rows' customers who are in all as their row tells: their ids, by address key."""
    told = {row[KEY]: row for row in rows}
    connection = session.connection()
    sqlite = connection.dialect.name == "sqlite"
    columns = ", ".join(f"customer.{name}" for name in ("address_key", "id", *PLAIN_FIELDS))
    sql = (
        f"SELECT {columns}, CAST(customer.attributes AS TEXT), subscription.state FROM customer LEFT JOIN subscription"  # noqa: S608
        f" ON subscription.customer_id = customer.id AND subscription.list_id = {'?' if sqlite else '%s'}"
        f" WHERE customer.address_key {'IN (SELECT value FROM json_each(?))' if sqlite else '= ANY(%s)'}"
    )
    keys = json.dumps(list(told)) if sqlite else list(told)
    with bare_cursor(connection) as cursor:
        found = cursor.execute(sql, (list_id, keys)).fetchall()
        same = {had[0]: had[1] for had in found if _is_as_told(told[had[0]], had)}
        if more := {number: told[key] for key, number in same.items() if told[key][MORE]}:
            lacking = _lacking(cursor, more, sqlite=sqlite)
            same = {key: number for key, number in same.items() if number not in lacking}
    return same


def _lacking(cursor: Any, rows: Mapping[int, PlainRow], *, sqlite: bool) -> set[int]:
    """Those of these customers who are not of a group that their row names, or lack a contact of it."""
    among = "IN (SELECT value FROM json_each(?))" if sqlite else "= ANY(%s)"
    ids: Any = json.dumps(list(rows)) if sqlite else list(rows)
    cursor.execute(
        f"SELECT customer_id, membership.kind, key, name_key FROM membership JOIN customer_group ON group_id ="  # noqa: S608
        f" customer_group.id WHERE customer_id {among}",
        (ids,),
    )
    groups = {(customer, kind): names for customer, kind, *names in cursor.fetchall()}
    cursor.execute(f"SELECT customer_id, kind, network, value FROM contact WHERE customer_id {among}", (ids,))  # noqa: S608
    contacts = {tuple(row) for row in cursor.fetchall()}
    lacking: set[int] = set()
    for customer, row in rows.items():
        names, told = row[MORE]
        for kind, name in zip(GroupKind, names, strict=True):
            if name and group_key(name) not in groups.get((customer, kind.value), ()):
                lacking.add(customer)
        if not contacts.issuperset((customer, *one) for one in told):
            lacking.add(customer)
    return lacking


def _is_as_told(row: PlainRow, had: Any) -> bool:
    """Whether a row would change nothing of whom it finds; the doubtful ones are looked at closely by others."""
    fields, attributes, state = had[2:-2], had[-2], had[-1]
    if row[CONSENT_AT] is not None or (row[ATTRIBUTES] != attributes and row[ATTRIBUTES] != "{}"):
        return False
    own = row[FIELDS:ATTRIBUTES]
    if own != fields and (own[_ZONE] or (*own[:_ZONE], ZONES.get(own[_COUNTRY]), *own[_ZONE + 1 :]) != fields):
        for new, old in zip(own, fields, strict=True):
            if new != old and new is not None:
                return False
        if not fields[_ZONE] and (own[_COUNTRY] or fields[_COUNTRY]) in ZONES:
            return False
    if row[STATUS] == UNTIED:
        return False
    if state == SubscriptionState.UNSUBSCRIBED:
        return True
    return state is not None and state == (row[STATUS] or SubscriptionState.SUBSCRIBED)


def _there(session: Session, keys: list[str]) -> list[str]:
    """Those of these keys that are a customer's: most of a new file's are not, and cost one look in an index."""
    connection = session.connection()
    if not keys:
        return []
    if connection.dialect.name == "sqlite":
        # the keys of a pile are one stretch: where few are between them, one walk finds all
        stretch = "SELECT address_key FROM customer WHERE address_key BETWEEN ? AND ? LIMIT ?"
        found = connection.exec_driver_sql(stretch, (min(keys), max(keys), len(keys) + 1)).fetchall()
        if len(found) <= len(keys):
            return list(set(keys).intersection(row[0] for row in found)) if found else []
        sql, given = "SELECT value FROM json_each(?)", json.dumps(keys)
        sql = f"SELECT address_key FROM customer WHERE address_key IN ({sql})"  # noqa: S608  fixed words
        return [row[0] for row in connection.exec_driver_sql(sql, (given,))]
    sql = "SELECT address_key FROM customer WHERE address_key = ANY(%s)"
    return [row[0] for row in connection.exec_driver_sql(sql, (keys,))]


def known_by_reach(session: Session, list_id: int | None, people: Sequence[tuple[str, Person]]) -> dict[str, Known]:
    """Who of these people without an address is known, by the mark under which each is asked for."""
    if not people:
        return {}
    by_phone: dict[str, list[Known]] = {}
    numbers = [person.fields["phone"] for _, person in people if "phone" in person.fields]
    for part in rows_in_chunks(numbers, PAGE):
        alive = col(Customer.erased_at).is_(None)
        query = _query(list_id, col(Customer.phone)).where(alive, col(Customer.phone).in_(part))
        for row in session.connection().execute(query):
            by_phone.setdefault(row[0], []).append(Known(*row[1:]))
    by_post: dict[str, list[Known]] = {}
    for part in rows_in_chunks([person.post for _, person in people if person.post], PAGE):
        lives = and_(col(Contact.customer_id) == col(Customer.id), col(Contact.kind) == ContactKind.POST)
        query = _query(list_id, col(Contact.value)).join(Contact, lives)
        query = query.where(col(Customer.erased_at).is_(None), col(Contact.value).in_(part))
        for row in session.connection().execute(query):
            by_post.setdefault(row[0], []).append(Known(*row[1:]))
    found: dict[str, Known] = {}
    for key, person in people:
        likely = [*by_phone.get(person.fields.get("phone", ""), ()), *by_post.get(person.post, ())]
        same = {one.id: one for one in likely if _name(one) == name_of(person)}
        if len(same) == 1:
            found[key] = next(iter(same.values()))
    return found


def name_of(person: Person) -> str:
    """The name as people without an address are told apart by it."""
    return _folded(person.fields.get("first_name"), person.fields.get("last_name"), person.attributes.get("name"))


def _name(known: Known) -> str:
    return _folded(known.first_name, known.last_name, known.attributes.get("name"))


def _folded(*parts: Any) -> str:
    return fold("".join(str(part) for part in parts if part))


def _query(list_id: int | None, by: Any) -> Any:
    columns = [getattr(Customer, name) for name in _NAMES]
    tie = and_(col(Subscription.customer_id) == col(Customer.id), col(Subscription.list_id) == list_id)
    return select(by, *columns, col(Subscription.state)).select_from(Customer).outerjoin(Subscription, tie)
