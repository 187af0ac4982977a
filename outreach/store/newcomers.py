"""Customers whom an import makes, with their subscriptions and proofs: thousands at once, column by column.

Law: what a row of a mapped object would hold is what is written; a value that all rows share is made once. Measured: a
third of the time of rows as dictionaries. Their public ids rise, so that an index of a million grows at its end.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain, repeat
from typing import Any

from sqlalchemy.engine import Connection
from sqlmodel import Session, SQLModel

from ..audience.intake import Person
from ..audience.merge import new_fields
from ..records import Consent, ConsentAct, Customer, Subscription, SubscriptionState
from .bulk import driver_values
from .prepared import bare_cursor

FIELDS = ("first_name", "last_name", "phone", "phone_end", "handle", "language", "country", "zone")
ROWS_A_STATEMENT = 50
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_FIVE_BITS = _LETTERS.encode() * 8


def insert_people(session: Session, ids: Sequence[int], people: Sequence[tuple[str, Person]], now: datetime) -> None:
    """Make these customers, each under an id of its own."""
    if not people:
        return
    fields = [new_fields(person) for _, person in people]
    columns: dict[str, list[Any]] = {name: [one.get(name) for one in fields] for name in FIELDS}
    columns["id"] = list(ids)
    columns["public_id"] = rising_ids(len(ids), now)
    columns["address"] = [person.address or None for _, person in people]
    columns["address_key"] = [key if person.address else None for key, person in people]
    columns["attributes"] = [person.attributes for _, person in people]
    insert_columns(session, Customer, columns, {"version": 1, "created_at": now, "updated_at": now})


def insert_ties(session: Session, list_id: int, ties: Sequence[tuple[int, SubscriptionState]], now: datetime) -> None:
    """Tie these customers to a list."""
    columns: dict[str, list[Any]] = {
        "customer_id": [one for one, _ in ties],
        "state": [state.value for _, state in ties],
    }
    insert_columns(session, Subscription, columns, {"list_id": list_id, "changed_at": now})


def insert_proofs(
    session: Session,
    list_id: int,
    told: Sequence[tuple[int, Person, bool]],
    now: datetime,
    file: str,
) -> None:
    """Keep what these rows say of consent: customer, row, and whether it was withdrawn."""
    given, withdrawn = ConsentAct.GIVEN.value, ConsentAct.WITHDRAWN.value
    columns: dict[str, list[Any]] = {
        "customer_id": [one for one, _, _ in told],
        "act": [withdrawn if left else given for _, _, left in told],
        "at": [now if left else person.consent_at or now for _, person, left in told],
        "how": ["import" if left else person.consent_how or "import" for _, person, left in told],
        "words": [person.consent_words for _, person, _ in told],
        "evidence": [f"{file}:{person.row}" for _, person, _ in told],
    }
    insert_columns(session, Consent, columns, {"list_id": list_id, "by": ""})


def insert_columns(
    session: Session, table: type[SQLModel], columns: Mapping[str, list[Any]], same: Mapping[str, Any]
) -> None:
    """Insert rows given by columns; `same`: what all of them hold."""
    connection = session.connection()
    kinds = table.__table__.columns  # type: ignore[attr-defined]
    made: list[Any] = [driver_values(connection, kinds[name].type, values) for name, values in columns.items()]
    shared = [driver_values(connection, kinds[name].type, [value])[0] for name, value in same.items()]
    quoted = ", ".join(map(connection.dialect.identifier_preparer.quote, [*same, *columns]))
    if made[0]:
        put_rows(connection, f"INSERT INTO {table.__tablename__} ({quoted}) VALUES", shared, made)


def put_rows(connection: Connection, insert: str, shared: Sequence[Any], columns: Sequence[Sequence[Any]]) -> None:
    """Insert rows of driver's values, given by columns; `shared` are those of the first columns, alike in all rows.

    SQLite takes many rows by one statement in two thirds of the time that they take one by one.
    """
    if connection.dialect.name != "sqlite":
        marks = ", ".join(["%s"] * (len(shared) + len(columns)))
        rows = zip(*(repeat(value, len(columns[0])) for value in shared), *columns, strict=True)
        connection.exec_driver_sql(f"{insert} ({marks})", list(rows))
        return
    marks = ", ".join([*(f"?{place}" for place in range(1, len(shared) + 1)), *["?"] * len(columns)])
    whole = len(columns[0]) // ROWS_A_STATEMENT * ROWS_A_STATEMENT
    many = insert + ", ".join([f" ({marks})"] * ROWS_A_STATEMENT)
    with bare_cursor(connection) as cursor:
        for begin in range(0, whole, ROWS_A_STATEMENT):
            part = zip(*(column[begin : begin + ROWS_A_STATEMENT] for column in columns), strict=True)
            cursor.execute(many, (*shared, *chain.from_iterable(part)))
        for row in zip(*(column[whole:] for column in columns), strict=True):
            cursor.execute(f"{insert} ({marks})", (*shared, *row))


def rising_ids(count: int, now: datetime) -> list[str]:
    """Fresh public ids in rising order: nine letters tell the millisecond, seventeen are random (85 bits)."""
    left, begin = int(now.timestamp() * 1000), ""
    for _ in range(9):
        left, letter = divmod(left, 32)
        begin = "234567abcdefghijklmnopqrstuvwxyz"[letter] + begin
    letters = secrets.token_bytes(17 * count).translate(_FIVE_BITS).decode("ascii")
    return sorted(begin + letters[place : place + 17] for place in range(0, 17 * count, 17))
