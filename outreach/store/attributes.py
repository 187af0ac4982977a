"""Attributes that were declared with a type: each has an indexed column on `customer`, which the database fills.

Law: whoever writes a customer's JSON writes it alone; a trigger carries it into the columns in the same statement, so
that no way in can forget them. Only names of small letters, digits and _ come into a statement's text. The columns and
`audience.typed.typed_value` say the same of every value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, inspect, literal_column, select, text
from sqlalchemy.engine import Connection
from sqlmodel import Session, col

from ..audience.typed import BETWEEN, DIVIDERS
from ..records import Attribute, AttributeKind, Customer

NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
"""What an attribute that is declared may be called."""
MOST = 60
_TYPES = {
    "sqlite": {"text": "TEXT", "number": "NUMERIC", "day": "TEXT", "truth": "INTEGER", "list": "TEXT"},
    "postgresql": {
        "text": 'TEXT COLLATE "C"',
        "number": "NUMERIC",
        "day": 'TEXT COLLATE "C"',
        "truth": "SMALLINT",
        "list": 'TEXT COLLATE "C"',
    },
}


def _parted(text: str) -> str:
    """A text of several values, each between two BETWEEN."""
    text = f"replace({text}, {_BETWEEN}, ' ')"
    for sign, becomes in DIVIDERS:
        text = f"replace({text}, '{sign}', '{becomes}')"
    return f"{_BETWEEN} || replace({text}, ',', {_BETWEEN}) || {_BETWEEN}"


_BETWEEN = f"'{BETWEEN}'"
_VALUES = {
    (
        "sqlite",
        "text",
    ): "CASE json_type({of}, '$.\"{name}\"') WHEN 'text' THEN NULLIF(json_extract({of}, '$.\"{name}\"'), '')"
    " WHEN 'integer' THEN CAST(json_extract({of}, '$.\"{name}\"') AS TEXT) END",
    ("sqlite", "number"): "CASE WHEN json_type({of}, '$.\"{name}\"') IN ('integer', 'real')"
    " THEN json_extract({of}, '$.\"{name}\"') END",
    (
        "sqlite",
        "day",
    ): "CASE WHEN json_type({of}, '$.\"{name}\"') = 'text' AND json_extract({of}, '$.\"{name}\"') LIKE '____-__-__%'"
    " THEN substr(json_extract({of}, '$.\"{name}\"'), 1, 10) END",
    ("sqlite", "truth"): "CASE json_type({of}, '$.\"{name}\"') WHEN 'true' THEN 1 WHEN 'false' THEN 0 END",
    ("postgresql", "text"): "CASE json_typeof({of} -> '{name}') WHEN 'string' THEN NULLIF({of} ->> '{name}', '')"
    " WHEN 'number' THEN CASE WHEN {of} ->> '{name}' ~ '^-?[0-9]+$' THEN {of} ->> '{name}' END END",
    (
        "postgresql",
        "number",
    ): "CASE json_typeof({of} -> '{name}') WHEN 'number' THEN CAST({of} ->> '{name}' AS NUMERIC) END",
    ("postgresql", "day"): "CASE WHEN json_typeof({of} -> '{name}') = 'string' AND {of} ->> '{name}' LIKE '____-__-__%'"
    " THEN substr({of} ->> '{name}', 1, 10) END",
    ("postgresql", "truth"): "CASE {of} ->> '{name}' WHEN 'true' THEN CASE json_typeof({of} -> '{name}') WHEN 'boolean'"
    " THEN 1 END WHEN 'false' THEN CASE json_typeof({of} -> '{name}') WHEN 'boolean' THEN 0 END END",
    ("sqlite", "list"): "CASE json_type({of}, '$.\"{name}\"') WHEN 'text' THEN CASE json_extract({of}, '$.\"{name}\"')"  # noqa: S608
    " WHEN '' THEN NULL ELSE " + _parted("json_extract({of}, '$.\"{name}\"')") + " END WHEN 'array' THEN"  # noqa: S608
    f" (SELECT {_BETWEEN} || group_concat(replace(CAST(one.value AS TEXT), {_BETWEEN}, ' '), {_BETWEEN}) || {_BETWEEN}"
    " FROM json_each({of}, '$.\"{name}\"') AS one WHERE one.type IN ('text', 'integer')) END",
    ("postgresql", "list"): "CASE json_typeof({of} -> '{name}') WHEN 'string' THEN CASE {of} ->> '{name}'"  # noqa: S608
    " WHEN '' THEN NULL ELSE " + _parted("{of} ->> '{name}'") + " END WHEN 'array' THEN"  # noqa: S608
    f" (SELECT {_BETWEEN} || string_agg(replace(one #>> '{{{{}}}}', {_BETWEEN}, ' '), {_BETWEEN}) || {_BETWEEN}"
    " FROM json_array_elements({of} -> '{name}') AS one WHERE json_typeof(one) = 'string'"
    " OR (json_typeof(one) = 'number' AND one #>> '{{}}' ~ '^-?[0-9]+$')) END",
}
TRIGGERS = ("customer_typed_new", "customer_typed_changed")
LEAN = "ix_customer_lean"
LEAN_COLUMNS = ("id", "language", "country")
"""On SQLite an index that is a narrow copy of everybody who can be written to, with all declared columns: a question
over them walks it in a tenth of the pages. By id: whoever is new is written at its end.
"""
LEAN_ROWS = "(customer.address_key IS NULL OR customer.erased_at IS NOT NULL) = 0"
"""Who stands in it. A question in the same words may be answered from it; plainer ones would lead SQLite to the index
of address keys.
"""


def column_of(name: str) -> str:
    """The name of a declared attribute's column. Raises ValueError for a name that must not come into a statement."""
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be a column")
    return f"a_{name}"


def declared(session: Session) -> list[Attribute]:
    """Every declared attribute, by name."""
    return list(session.execute(select(Attribute).order_by(col(Attribute.name))).scalars())


def kinds_of(session: Session) -> dict[str, AttributeKind]:
    """The types of the declared attributes whose columns hold everybody's values."""
    rows = session.connection().execute(
        select(col(Attribute.name), col(Attribute.kind)).where(col(Attribute.filled_at).is_not(None))
    )
    return {name: AttributeKind(kind) for name, kind in rows}


def add_column(session: Session, name: str, kind: AttributeKind, *, by: str, at: datetime) -> None:
    """Declare an attribute: an empty column with its index, from now on filled by itself."""
    session.add(Attribute(name=name, kind=kind, declared_at=at, by=by))
    session.flush()
    connection, column = session.connection(), column_of(name)
    connection.execute(text(f"ALTER TABLE customer ADD COLUMN {column} {_TYPES[connection.dialect.name][kind.value]}"))
    if kind is not AttributeKind.LIST:
        connection.execute(text(f"CREATE INDEX ix_customer_{column} ON customer ({column}) WHERE {column} IS NOT NULL"))
    fill_by_itself(connection)


def drop_column(session: Session, name: str) -> None:
    """Take a declaration back: the column goes, the JSON stays."""
    found = session.execute(select(Attribute).where(col(Attribute.name) == name)).scalar_one()
    session.delete(found)
    session.flush()
    connection, column = session.connection(), column_of(name)
    fill_by_itself(connection)
    lay_lean(connection)
    connection.execute(text(f"DROP INDEX IF EXISTS ix_customer_{column}"))
    connection.execute(text(f"ALTER TABLE customer DROP COLUMN {column}"))


def fill_by_itself(connection: Connection) -> None:
    """Set up what carries the JSON of each new or changed customer into the columns of all declared attributes."""
    dialect = connection.dialect.name
    on = "" if dialect == "sqlite" else " ON customer"
    if dialect == "sqlite" or inspect(connection).has_table("customer"):
        for trigger in TRIGGERS:
            connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger}{on}"))
    if not inspect(connection).has_table("attribute"):
        return
    rows = connection.execute(select(col(Attribute.name), col(Attribute.kind)).order_by(col(Attribute.name))).all()
    if not rows:
        return
    filled = {column_of(name): _value(dialect, name, kind, "NEW.attributes") for name, kind in rows}
    if dialect == "sqlite":
        does = f"UPDATE customer SET {_assigned(filled, ' = ')} WHERE id = NEW.id;"  # noqa: S608
        for trigger, when in zip(TRIGGERS, ("INSERT", "UPDATE OF attributes"), strict=True):
            connection.exec_driver_sql(f"CREATE TRIGGER {trigger} AFTER {when} ON customer BEGIN {does} END")
        return
    does = "; ".join(f"NEW.{column} := {value}" for column, value in filled.items())
    connection.exec_driver_sql(
        "CREATE OR REPLACE FUNCTION customer_typed() RETURNS trigger LANGUAGE plpgsql AS"
        f" $fill$ BEGIN {does}; RETURN NEW; END $fill$".replace("%", "%%")
    )
    connection.exec_driver_sql(
        f"CREATE TRIGGER {TRIGGERS[0]} BEFORE INSERT OR UPDATE OF attributes ON customer"
        " FOR EACH ROW EXECUTE FUNCTION customer_typed()"
    )


def lay_lean(connection: Connection) -> None:
    """Lay the narrow index over the columns of the declared attributes, where it is not as it should be (SQLite)."""
    if connection.dialect.name != "sqlite" or not inspect(connection).has_table("attribute"):
        return
    filled = select(col(Attribute.name)).where(col(Attribute.filled_at).is_not(None)).order_by(col(Attribute.name))
    columns = [column_of(name) for name in connection.execute(filled).scalars()]
    found = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": LEAN}).scalar()
    wanted = (
        f"CREATE INDEX {LEAN} ON customer ({', '.join((*LEAN_COLUMNS, *columns))})"
        f" WHERE {LEAN_ROWS.replace('customer.', '')}"
    )
    if found == (wanted if columns else None):
        return
    connection.execute(text(f"DROP INDEX IF EXISTS {LEAN}"))
    if columns:
        connection.execute(text(wanted))


def _assigned(values: Mapping[str, str], sign: str) -> str:
    return ", ".join(f"{column}{sign}{value}" for column, value in values.items())


def _value(dialect: str, name: str, kind: AttributeKind | str, of: str) -> str:
    assert NAME.fullmatch(name)
    return _VALUES[dialect, AttributeKind(kind).value].format(of=of, name=name)


def last_of_stretch(session: Session, after: int, size: int) -> int | None:
    """The id of the last of the next so many customers behind the id `after`; None where there are no more."""
    stretch = select(col(Customer.id)).where(col(Customer.id) > after).order_by(col(Customer.id)).limit(size)
    found: int | None = session.connection().execute(select(func.max(stretch.subquery().c.id))).scalar()
    return found


def unfit(session: Session, name: str, after: int, last: int) -> list[tuple[int, dict[str, Any]]]:
    """Those customers of a stretch who have the attribute but nothing in its column, with their attributes."""
    query = select(col(Customer.id), col(Customer.attributes)).where(
        col(Customer.id) > after, col(Customer.id) <= last, literal_column(column_of(name)).is_(None)
    )
    rows = session.connection().execute(query)
    return [(row[0], row[1]) for row in rows if row[1] and row[1].get(name) not in (None, "")]


def fill_stretch(session: Session, name: str, kind: AttributeKind, after: int, last: int) -> None:
    """Carry the JSON into the column, for the customers behind `after` up to `last`."""
    connection = session.connection()
    value = _value(connection.dialect.name, name, kind, "attributes").replace("%", "%%")
    marks = ("%s", "%s") if connection.dialect.name == "postgresql" else ("?", "?")
    sql = f"UPDATE customer SET {column_of(name)} = {value} WHERE id > {marks[0]} AND id <= {marks[1]}"  # noqa: S608
    if connection.dialect.name == "sqlite":
        sql = sql.replace("%%", "%")
    connection.exec_driver_sql(sql, (after, last))


def rewrite(session: Session, changed: Sequence[tuple[int, dict[str, Any]]], now: datetime) -> None:
    """Keep attributes whose values were turned into their declared type."""
    for customer_id, attributes in changed:
        session.connection().execute(
            Customer.__table__.update()  # type: ignore[attr-defined]
            .where(col(Customer.id) == customer_id)
            .values(attributes=attributes, updated_at=now)
        )


def end_filling(session: Session, name: str, now: datetime) -> None:
    """From now on segments read the column."""
    found = session.execute(select(Attribute).where(col(Attribute.name) == name)).scalar_one()
    found.filled_at = now
    session.add(found)
    session.flush()
    lay_lean(session.connection())


def count_filled(session: Session, name: str) -> int:
    """How many customers have a value that fits."""
    column = column_of(name)
    return int(session.connection().execute(text(f"SELECT count({column}) FROM customer")).scalar_one())  # noqa: S608
