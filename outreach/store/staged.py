"""New customers that were made ready beside the one that writes, and are taken over by a few statements in SQL.

Law: what is written is what `newcomers` would write of the same rows. Whoever has come to be known or blocked since
they were looked up is noticed in the transaction that would make them. On SQLite they come as a database in memory,
on PostgreSQL as text for COPY, so that nothing is done for each row by the process that writes.
"""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from operator import itemgetter
from typing import Any

from sqlalchemy.engine import Connection
from sqlmodel import Session

from ..audience.intake import PLAIN_FIELDS
from ..audience.plain_rows import MORE, ROW, STATUS, PlainRow
from ..groups import GroupKind
from ..records import Consent, Subscription, SubscriptionState
from .belongings import STAGED, Brought, belongings_staged, settle_staged, take_belongings
from .bulk import driver_values
from .database import Much, told
from .newcomers import newcomer_columns, plain_json, proof_of
from .prepared import bare_cursor

ROWS_A_STATEMENT = 32
"""Many rows by one statement take three quarters of the time that they take one by one."""
_OWN = ("public_id", "address", "address_key", *PLAIN_FIELDS, "phone_end", "attributes")
_ALL = ("place", *_OWN, *STAGED, "state", "act", "at", "how", "words", "row")
_TEXTS = ", ".join(f"{name} TEXT" for name in _ALL[1:-1])
_KNOWN_BY = (
    ("customer", "address_key", ""),
    ("suppression", "address_key", ""),
    ("contact", "value", "kind = 'address'"),
    ("stranger_stop", "address_key", ""),
)
"""Where somebody stands who is known or blocked, or said stop and is no customer: a table, the column of their key,
and of which rows."""
_MET = " OR ".join(
    f"EXISTS (SELECT 1 FROM {table} WHERE {column} BETWEEN {{0}} AND {{0}}{more and f' AND {more}'})"  # noqa: S608
    for table, column, more in _KNOWN_BY
)
_THESE = "SELECT address_key FROM staged_people WHERE place BETWEEN {0} AND {0}"
_MET_EXACTLY = " OR ".join(
    f"EXISTS (SELECT 1 FROM {table} WHERE {column} {{1}}({_THESE}){{2}}{more and f' AND {more}'})"  # noqa: S608
    for table, column, more in _KNOWN_BY
)
"""PostgreSQL takes the keys as one list, so that it looks into an index for each, however large the table."""


@dataclass(frozen=True)
class Staged:
    """New customers in the order of their keys, ready to be taken over: their places are 1, 2, 3 …

    `left`: how many of them say at once that they want no mail; `asked_twice`: whether their list was one that asks;
    `brought`: what there is beside their own rows.
    """

    data: bytes
    count: int
    left: int
    asked_twice: bool
    brought: Brought


def stage(
    session: Session,
    rows: Sequence[PlainRow],
    states: Sequence[SubscriptionState | None],
    now: datetime,
    *,
    place: int,
    twice: bool,
    called: Mapping[tuple[GroupKind, str], str],
) -> Staged:
    """Make these rows ready, at this place among others; the session only tells for which database. `called`: what
    groups that are not there yet are to be called."""
    connection = session.connection()
    columns, attributes = newcomer_columns(rows, now, place)
    columns["attributes"] = plain_json(connection, attributes)
    columns["place"], columns["row"] = range(1, len(rows) + 1), [row[ROW] for row in rows]
    words = {state: state and state.value for state in set(states)}
    columns["state"] = [words[state] for state in states]
    columns |= _told(connection, rows, states)
    more, brought = belongings_staged(rows, called)
    columns |= more
    names = [name for name in _ALL if name in columns]
    made = zip(*(columns[name] for name in names), strict=True)
    data = _database(names, made) if connection.dialect.name == "sqlite" else _text(names, made)
    return Staged(data, len(rows), list(states).count(SubscriptionState.UNSUBSCRIBED), twice, brought)


def _told(
    connection: Connection, rows: Sequence[PlainRow], states: Sequence[SubscriptionState | None]
) -> dict[str, Sequence[Any]]:
    """What proves their consent, by columns; nothing where it is that of all rows of the file."""
    if (
        SubscriptionState.PENDING not in states
        and None not in states
        and not any(map(any, map(itemgetter(slice(STATUS, MORE)), rows)))
    ):
        return {"act": ["given"] * len(rows)}
    told = [proof_of(row, state) for row, state in zip(rows, states, strict=True)]
    act, at, how, words = zip(*told, strict=True)
    kind = Consent.__table__.columns["at"].type  # type: ignore[attr-defined]
    return {"act": act, "at": driver_values(connection, kind, at), "how": how, "words": words}


def _database(names: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> bytes:
    made = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for sql in ("PRAGMA page_size=16384", "PRAGMA journal_mode=OFF", "BEGIN", _table("")):
            made.execute(sql)
        marks = f"({', '.join('?' * len(names))})"
        insert = f"INSERT INTO staged_people ({', '.join(names)}) VALUES {marks}"  # noqa: S608
        cursor = made.cursor()
        while len(part := list(islice(rows, ROWS_A_STATEMENT))) == ROWS_A_STATEMENT:
            cursor.execute(insert + f", {marks}" * (ROWS_A_STATEMENT - 1), tuple(chain.from_iterable(part)))
        cursor.executemany(insert, part)
        made.execute("COMMIT")
        return made.serialize()
    finally:
        made.close()


def _table(kind: str) -> str:
    return f"CREATE {kind}TABLE staged_people (place INTEGER PRIMARY KEY, {_TEXTS}, row INTEGER)"


def _text(names: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> bytes:
    text = io.StringIO()
    text.write(",".join(names) + "\n")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().replace("\0", "\ufffd").encode()


@contextmanager
def staging(much: Much) -> Iterator[None]:
    """Keep room beside the database for what is staged, as long as the block runs."""
    driver: Any = much.connection.connection.driver_connection
    if much.database.is_sqlite:
        driver.execute("ATTACH ':memory:' AS staged")
        try:
            yield
        finally:
            with suppress(sqlite3.ProgrammingError):  # Ctrl-C in the midst of a statement closes it
                if driver.in_transaction:
                    driver.rollback()
                driver.execute("DETACH staged")
        return
    with told(much.database), bare_cursor(much.connection) as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE staged_people (id bigint NOT NULL DEFAULT"
            f" nextval(pg_get_serial_sequence('customer', 'id')), place integer NOT NULL, {_TEXTS}, row bigint)"
        )
        driver.commit()
    gone = much.connection.dialect.loaded_dbapi.OperationalError
    try:
        yield
    finally:
        with suppress(gone):  # and the table with the connection
            driver.rollback()
            driver.execute("DROP TABLE staged_people")
            driver.commit()


def put_staged(much: Much, staged: Staged) -> None:
    """Lay what is staged beside the database, in the place of what lay there. Between two transactions."""
    driver: Any = much.connection.connection.driver_connection
    if much.database.is_sqlite:
        driver.deserialize(staged.data, name="staged")
        return
    names, _, rest = staged.data.partition(b"\n")
    with told(much.database), bare_cursor(much.connection) as cursor:
        cursor.execute("TRUNCATE staged_people")
        with cursor.copy(f"COPY staged_people ({names.decode()}) FROM STDIN (FORMAT csv)") as copy:
            copy.write(rest)
        driver.commit()


def met_since(session: Session, first: int, last: int) -> bool:
    """Whether somebody of these places is known or blocked by now."""
    connection = session.connection()
    sqlite = connection.dialect.name == "sqlite"
    mark = "?" if sqlite else "%s"
    with bare_cursor(connection) as cursor:
        if sqlite:  # they are one stretch of keys, of which a new file's are the only ones as a rule
            keys = cursor.execute(
                "SELECT (SELECT address_key FROM staged_people WHERE place = ?), address_key FROM staged_people"
                " WHERE place = ?",
                (first, last),
            ).fetchone()
            if not cursor.execute(f"SELECT {_MET.format('?')}", (*keys,) * len(_KNOWN_BY)).fetchone()[0]:
                return False
        among = ("IN ", "") if sqlite else ("= ANY (ARRAY", ")")
        found = cursor.execute(f"SELECT {_MET_EXACTLY.format(mark, *among)}", (first, last) * len(_KNOWN_BY)).fetchone()
    return bool(found[0])


def staged_keys(session: Session, first: int, last: int) -> set[str]:
    """The address keys of these places."""
    mark = "?" if session.connection().dialect.name == "sqlite" else "%s"
    sql = f"SELECT address_key FROM staged_people WHERE place BETWEEN {mark} AND {mark}"  # noqa: S608  fixed words
    return {row[0] for row in session.connection().exec_driver_sql(sql, (first, last))}


def take_staged(
    session: Session, list_id: int, now: datetime, file: str, staged: Staged, first: int, last: int
) -> tuple[Sequence[int], int]:
    """Make customers of these places, with their subscriptions and proofs; their ids, and how many want no mail."""
    connection = session.connection()
    sqlite = connection.dialect.name == "sqlite"
    mark = "?" if sqlite else "%s"
    at = driver_values(connection, Subscription.__table__.columns["changed_at"].type, [now])[0]  # type: ignore[attr-defined]
    where = f" FROM staged_people WHERE place BETWEEN {mark} AND {mark}"
    given: tuple[Any, ...] = (first, last)
    joined = settle_staged(session, staged.brought, now, first, last)
    with bare_cursor(connection) as cursor:
        ids: Sequence[int]
        if sqlite:
            highest = cursor.execute("SELECT coalesce(max(id), 0) FROM customer").fetchone()[0]
            ids = range(highest + 1, highest + 2 + last - first)
            whose, base = "place + ?", [highest + 1 - first]
        else:
            ids = [row[0] for row in cursor.execute(f"SELECT id{where} ORDER BY place", given).fetchall()]
            whose, base = "id", []
        attributes = "attributes" if sqlite else "attributes::json"
        own = ", ".join((*_OWN[:-1], "attributes"))
        read = ", ".join((*_OWN[:-1], attributes))
        cursor.execute(
            f"INSERT INTO customer (id, {own}, version, created_at, updated_at)"
            f" SELECT {whose}, {read}, 1, {mark}, {mark}{where} ORDER BY place",
            (*base, at, at, *given),
        )
        cursor.execute(
            "INSERT INTO subscription (list_id, customer_id, state, changed_at)"
            f" SELECT {mark}, {whose}, state, {mark}{where} AND state IS NOT NULL ORDER BY place",
            (list_id, *base, at, *given),
        )
        cursor.execute(
            'INSERT INTO consent (customer_id, list_id, act, at, how, words, evidence, "by")'
            f" SELECT {whose}, {mark}, act, {_at(mark, sqlite=sqlite)}, coalesce(how, 'import'), coalesce(words, ''),"
            f" {mark} || row, ''{where} AND act IS NOT NULL ORDER BY place",
            (*base, list_id, at, f"{file}:", *given),
        )
        left = staged.left
        if left and len(ids) < staged.count:
            left = cursor.execute(f"SELECT count(*){where} AND state = 'unsubscribed'", given).fetchone()[0]
    take_belongings(session, staged.brought, joined, ids, now, file, (whose, base), first, last)
    return ids, left


def _at(mark: str, *, sqlite: bool) -> str:
    return f"coalesce(at, {mark})" if sqlite else f"coalesce(at::timestamptz, {mark})"
