"""Customers whom an import makes, with their subscriptions and proofs: thousands at once, column by column.

Law: what a row of a mapped object would hold is what is written; a value that all rows share is made once. Measured: a
third of the time of rows as dictionaries. Their public ids rise, so that an index of a million grows at its end.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import chain, repeat
from types import MappingProxyType
from typing import Any

from sqlalchemy.engine import Connection
from sqlmodel import Session, SQLModel

from ..audience.intake import PLAIN_FIELDS, Person
from ..audience.places import ZONES
from ..audience.plain_rows import ATTRIBUTES, CONSENT_AT, FIELDS, MORE, ROW, STATUS, PlainRow
from ..contacts import phone_end
from ..records import Consent, ConsentAct, Customer, Subscription, SubscriptionState
from .bulk import driver_values
from .postgresql import json_text
from .prepared import bare_cursor

VALUES_A_STATEMENT = 500
AT_ONCE = 100
"""Hardly a call makes fewer customers than these."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_FIVE_BITS = _LETTERS.encode() * 8


def insert_newcomers(session: Session, ids: Sequence[int], rows: Sequence[PlainRow], now: datetime) -> None:
    """Make customers of these rows, each under an id of its own."""
    if not rows:
        return
    columns, attributes = newcomer_columns(rows, now, ids[0] // AT_ONCE)
    same = {"version": 1, "created_at": now, "updated_at": now}
    insert_columns(session, Customer, {"id": ids, **columns}, same, {"attributes": attributes})


def newcomer_columns(
    rows: Sequence[PlainRow], now: datetime, place: int
) -> tuple[dict[str, Sequence[Any]], Sequence[str]]:
    """What is kept of the customers that these rows make, by columns (those that hold nothing left out), and their
    attributes' JSON. `place`: how many others of the import come before them; it rises from one call to the next."""
    keys, _, addresses, *rest = zip(*rows, strict=True)
    columns: dict[str, Sequence[Any]] = dict(zip(PLAIN_FIELDS, rest, strict=False))
    phones, zones, countries = columns["phone"], columns["zone"], columns["country"]
    columns["zone"] = [zone or ZONES.get(country) for zone, country in zip(zones, countries, strict=True)]
    columns["phone_end"] = [phone and phone_end(phone) for phone in phones]
    columns = {name: values for name, values in columns.items() if values.count(None) < len(values)}
    columns["public_id"] = rising_ids(len(rows), now, place)
    columns["address"] = addresses
    columns["address_key"] = keys
    if not all(addresses):
        columns["address_key"] = [key if at else None for key, at in zip(keys, addresses, strict=True)]
    return columns, rest[ATTRIBUTES - FIELDS]


def tie_newcomers(
    session: Session,
    list_id: int,
    ids: Sequence[int],
    rows: Sequence[PlainRow],
    states: Sequence[SubscriptionState | None],
    now: datetime,
    file: str,
) -> None:
    """Tie new customers to a list, each by the state of its row (None: not at all), and keep what proves it."""
    if None in states:
        both = [one for one in zip(ids, rows, states, strict=True) if one[2] is not None]
        ids, rows, states = ([one[place] for one in both] for place in range(3))  # type: ignore[assignment]
    if not rows:
        return
    kinds = set(states)
    if len(kinds) == 1 and ids[-1] - ids[0] == len(ids) - 1:
        (state,) = kinds
        _tie_stretch(session, ids[0], ids[-1], {"list_id": list_id, "state": state, "changed_at": now})
    else:
        same: dict[str, Any] = {"list_id": list_id, "changed_at": now}
        insert_columns(
            session, Subscription, {"customer_id": ids, "state": [one and one.value for one in states]}, same
        )
    told = list(zip(*rows, strict=True))
    if SubscriptionState.PENDING not in kinds and all(set(column) == {None} for column in told[STATUS:MORE]):
        columns: dict[str, list[Any]] = {"customer_id": list(ids), "evidence": [f"{file}:{row}" for row in told[ROW]]}
        same = {"act": ConsentAct.GIVEN, "at": now, "how": "import", "words": ""}
    else:
        columns, same = _proofs(ids, rows, states, now, file), {}
    insert_columns(session, Consent, columns, {"list_id": list_id, "by": "", **same})


def _tie_stretch(session: Session, first: int, last: int, columns: Mapping[str, Any]) -> None:
    """Tie the customers from `first` to `last` to a list, all alike."""
    connection = session.connection()
    kinds = Subscription.__table__.columns  # type: ignore[attr-defined]
    given = [driver_values(connection, kinds[name].type, [value])[0] for name, value in columns.items()]
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    names, marks = ", ".join(columns), ", ".join([mark] * len(columns))
    sql = f"INSERT INTO subscription ({names}, customer_id) SELECT {marks}, id FROM customer"  # noqa: S608
    connection.exec_driver_sql(f"{sql} WHERE id BETWEEN {mark} AND {mark} ORDER BY id", (*given, first, last))


def _proofs(
    ids: Sequence[int],
    rows: Sequence[PlainRow],
    states: Sequence[SubscriptionState | None],
    now: datetime,
    file: str,
) -> dict[str, list[Any]]:
    """What these rows say of consent, by columns; who only waits has not given any."""
    told = [(one, row[ROW], *proof_of(row, state)) for one, row, state in zip(ids, rows, states, strict=True)]
    proved = [one for one in told if one[2] is not None]
    return {
        "customer_id": [one[0] for one in proved],
        "evidence": [f"{file}:{one[1]}" for one in proved],
        "act": [one[2] for one in proved],
        "at": [one[3] or now for one in proved],
        "how": [one[4] or "import" for one in proved],
        "words": [one[5] or "" for one in proved],
    }


def proof_of(
    row: PlainRow, state: SubscriptionState | None
) -> tuple[str | None, datetime | None, str | None, str | None]:
    """Act, instant, way and words of the consent that a new customer's row proves, None for what the import itself
    says; no act where it proves none."""
    if state is None or state is SubscriptionState.PENDING:
        return None, None, None, None
    at, how, words = row[CONSENT_AT:MORE]
    if state is SubscriptionState.UNSUBSCRIBED:
        return ConsentAct.WITHDRAWN.value, None, None, words
    return ConsentAct.GIVEN.value, None if at is None else datetime.fromisoformat(at), how, words


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
    session: Session,
    table: type[SQLModel],
    columns: Mapping[str, Sequence[Any]],
    same: Mapping[str, Any],
    written: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> None:
    """Insert rows given by columns; `same`: what all of them hold; `written`: JSON that is written out already."""
    if not next(iter(columns.values())):
        return
    connection = session.connection()
    kinds = table.__table__.columns  # type: ignore[attr-defined]
    made = [driver_values(connection, kinds[name].type, values) for name, values in columns.items()]
    shared = [driver_values(connection, kinds[name].type, [value])[0] for name, value in same.items()]
    made += [plain_json(connection, texts) for texts in written.values()]
    quoted = ", ".join(map(connection.dialect.identifier_preparer.quote, [*same, *columns, *written]))
    put_rows(connection, f"INSERT INTO {table.__tablename__} ({quoted}) VALUES", shared, made)


def plain_json(connection: Connection, texts: Sequence[str]) -> Sequence[str]:
    """JSON that is written out already, as the database takes it."""
    hard = connection.dialect.name != "sqlite" and any("\\u0000" in text for text in texts)
    return [json_text(json.loads(text)) for text in texts] if hard else texts


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
    size = max(1, VALUES_A_STATEMENT // len(columns))
    whole = len(columns[0]) // size * size
    many = insert + ", ".join([f" ({marks})"] * size)
    with bare_cursor(connection) as cursor:
        for begin in range(0, whole, size):
            part = zip(*(column[begin : begin + size] for column in columns), strict=True)
            cursor.execute(many, (*shared, *chain.from_iterable(part)))
        for row in zip(*(column[whole:] for column in columns), strict=True):
            cursor.execute(f"{insert} ({marks})", (*shared, *row))


def rising_ids(count: int, now: datetime, place: int = 0) -> list[str]:
    """Fresh public ids in rising order: nine letters tell the millisecond, seventeen are random (85 bits).

    An import has one `now`, so each call counts as so many milliseconds later as its `place` says: were the ids of a
    million people mixed, each chunk would write pages all over the index, and the longer the file the more.
    """
    left, begin = int(now.timestamp() * 1000) + place, ""
    for _ in range(9):
        left, letter = divmod(left, 32)
        begin = "234567abcdefghijklmnopqrstuvwxyz"[letter] + begin
    letters = secrets.token_bytes(17 * count).translate(_FIVE_BITS).decode("ascii")
    return sorted(begin + letters[place : place + 17] for place in range(0, 17 * count, 17))
