"""Statements that run for each mail: written once in Core, compiled once per database, and run by the driver.

Law: what Core would do to each value is done here by its type, and nothing else: an instant is UTC, a word is its
text, a list of numbers is one value. Both databases get the same statement; only its spelling differs. Measured: a
hundred rows of a claim cost a third, a settled mail a quarter of what they cost through Core. What changes many rows
(`Group`) is one statement on PostgreSQL, where each costs a journey, and one for each row on SQLite, where none does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from sqlalchemy import (
    ARRAY,
    JSON,
    BindParameter,
    Boolean,
    ColumnElement,
    Executable,
    Update,
    bindparam,
    cast,
    column,
    func,
    update,
)
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.orm.attributes import instance_dict, manager_of_class
from sqlmodel import SQLModel

from .at_once import BareStatement
from .conflict import insert_on
from .postgresql import json_text

R = TypeVar("R", bound=SQLModel)


class Among(ColumnElement[bool]):
    """Whether `column` is one of the numbers that are given under `name`, however many there are."""

    inherit_cache = False
    type = Boolean()

    def __init__(self, column: Any, name: str) -> None:
        self.column = column
        self.given: BindParameter[Any] = bindparam(name)

    def self_group(self, against: Any = None) -> Among:
        """Bare: Core would write "= 1" behind it where a database has no Booleans, and then no index is used."""
        return self


@compiles(Among, "sqlite")
def _among_in_sqlite(element: Among, compiler: Any, **how: Any) -> str:
    column, given = compiler.process(element.column, **how), compiler.process(element.given, **how)
    return f"{column} IN (SELECT value FROM json_each({given}))"  # noqa: S608  both are Core's own words


@compiles(Among, "postgresql")
def _among_in_postgresql(element: Among, compiler: Any, **how: Any) -> str:
    column, given = compiler.process(element.column, **how), compiler.process(element.given, **how)
    return f"{column} = ANY({given}::bigint[])"


@dataclass(frozen=True, slots=True)
class _Text:
    """A statement in one database's spelling. `names` are the places in order, None where they go by name."""

    sql: str
    names: tuple[str, ...] | None
    fixed: Mapping[str, Any]
    sqlite: bool
    how: Mapping[str, Any]

    def values(self, given: Mapping[str, Any]) -> Any:
        """What the driver is given."""
        plain = _in_sqlite if self.sqlite else _in_postgresql
        ready = {**self.fixed, **given}
        if self.names is None:
            return {name: value if type(value) in _AS_IT_IS else plain(value) for name, value in ready.items()}
        found = [ready[name] for name in self.names]
        return tuple([value if type(value) in _AS_IT_IS else plain(value) for value in found])


class Connected(Protocol):
    """What a prepared statement runs on: a `Session`, or a `Writer`."""

    def connection(self) -> Connection: ...


class Prepared:
    """One statement of Core, whose lists do not grow (`Among` instead)."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        self._texts: dict[str, _Text] = {}
        self._bare: BareStatement | None = None

    def rows(self, session: Connected, **given: Any) -> list[Any]:
        """Run it; the rows as the driver gives them: see `instant`, `value_of`."""
        connection = session.connection()
        text = self._texts.get(connection.dialect.name) or self._spelt(connection)
        values = text.values(given)
        cursor = connection.connection.cursor()
        try:  # what `_bare` does, without its generator: this runs a dozen times for each reply
            found: list[Any] = cursor.execute(text.sql, values, **text.how).fetchall()
        except connection.dialect.loaded_dbapi.Error as wrong:
            raise _told(connection, cursor, wrong) from wrong
        finally:
            cursor.close()
        return found

    def pages(self, session: Connected, size: int = 2000, **given: Any) -> Iterator[list[Any]]:
        """Run it; its rows as the driver gives them, so many at a time, in constant memory."""
        text, connection = self._in(session)
        with bare_cursor(connection, {} if text.sqlite else {"name": "pages"}) as cursor:
            cursor.execute(text.sql, text.values(given))
            while page := cursor.fetchmany(size):
                yield page

    def many(self, session: Connected, rows: Iterable[Mapping[str, Any]]) -> int:
        """Run it once for each of these; how many rows were changed altogether."""
        text, connection = self._in(session)
        values = [text.values(row) for row in rows]
        if not values:
            return 0
        with bare_cursor(connection) as cursor:
            cursor.executemany(text.sql, values)
            return int(cursor.rowcount)

    def changed(self, session: Connected, **given: Any) -> int:
        """Run it; how many rows it changed."""
        connection = session.connection()
        text = self._texts.get(connection.dialect.name) or self._spelt(connection)
        values = text.values(given)
        cursor = connection.connection.cursor()
        try:
            return int(cursor.execute(text.sql, values, **text.how).rowcount)
        except connection.dialect.loaded_dbapi.Error as wrong:
            raise _told(connection, cursor, wrong) from wrong
        finally:
            cursor.close()

    def explain(self, session: Connected, **given: Any) -> list[str]:
        """How the database goes about it, step by step; for a test that watches over the hot path."""
        text, connection = self._in(session)
        if not text.sqlite:
            return [str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN {text.sql}", text.values(given))]
        some = {name: "[1]" for name in text.names or () if name not in text.fixed}
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text.sql}", text.values(some | given))
        return [str(row[3]) for row in rows]

    def at_once(self, connection: Connection, **given: Any) -> list[Any]:
        """Run it as a transaction of its own, which is committed when this returns: one journey instead of three.

        On PostgreSQL, and where no transaction is open.
        """
        if self._bare is None:
            self._bare = BareStatement(self._statement, connection.dialect, _in_postgresql)
        driver: Any = connection.connection.dbapi_connection
        try:
            return self._bare.run(driver, connection.info, given)
        except connection.dialect.loaded_dbapi.Error as wrong:
            raise _told(connection, None, wrong) from wrong

    def _in(self, session: Connected) -> tuple[_Text, Connection]:
        connection = session.connection()
        return self._spelt(connection), connection

    def _spelt(self, connection: Connection) -> _Text:
        dialect = connection.dialect
        text = self._texts.get(dialect.name)
        if text is None:
            text = self._texts[dialect.name] = _compile(self._statement, dialect)
        return text


class NewRow:
    """One row of a record to be written in an insert that is compiled once; what is not given is as the record has
    it. `unless`: the unique columns of which a row that stands already stays as it is."""

    def __init__(self, record: type[SQLModel], *, unless: Sequence[str] = ()) -> None:
        table = record.__table__  # type: ignore[attr-defined]
        names = [each.name for each in table.columns if each.name != "id"]
        fields = record.model_fields
        usual = {name: fields[name].get_default(call_default_factory=True) for name in names}
        self._json = frozenset(each.name for each in table.columns if isinstance(each.type, JSON))
        self.usual = usual
        self._usual = {name: json_text(value) if name in self._json else value for name, value in usual.items()}
        self._table, self._names, self._unless = table, names, list(unless)
        self._inserts: dict[str, Prepared] = {}

    def add(self, session: Connected, **values: Any) -> int:
        """Write this row; its id."""
        return int(self._rows(session, values)[0][0])

    def added(self, session: Connected, **values: Any) -> int | None:
        """Write this row; its id, or None where one of its key stood already."""
        return next((int(row[0]) for row in self._rows(session, values)), None)

    def _rows(self, session: Connected, values: dict[str, Any]) -> list[Any]:
        for name in self._json & values.keys():
            values[name] = json_text(values[name])
        connection = session.connection()
        prepared = self._inserts.get(connection.dialect.name)
        if prepared is None:
            row = insert_on(connection, self._table).values(dict.fromkeys(self._names))
            row = row.on_conflict_do_nothing(index_elements=self._unless) if self._unless else row
            prepared = self._inserts[connection.dialect.name] = Prepared(row.returning(self._table.c.id))
        return prepared.rows(session, **{**self._usual, **values})


def as_loaded(record: type[R], values: Mapping[str, Any]) -> R:
    """What stands for a row that holds these values, as if it had been read: `__init__` costs ten times as much."""
    made = manager_of_class(record).new_instance()
    instance_dict(made).update(values)
    make_transient_to_detached(made)
    loaded: R = made
    return loaded


class Change:
    """Changes columns of one row, found by its id, by updates that are compiled once for each set of columns."""

    def __init__(self, record: type[SQLModel]) -> None:
        self._table = record.__table__  # type: ignore[attr-defined]
        self._json = frozenset(each.name for each in self._table.columns if isinstance(each.type, JSON))
        self._updates: dict[tuple[str, ...], Prepared] = {}

    def write(self, session: Connected, number: int, values: Mapping[str, Any]) -> None:
        """Set these columns of the row with this id."""
        if not values:
            return
        names = tuple(values)
        prepared = self._updates.get(names)
        if prepared is None:
            changed = update(self._table).where(self._table.c.id == bindparam("its_id"))
            prepared = self._updates[names] = Prepared(changed.values({name: bindparam(name) for name in names}))
        given = {name: json_text(value) if name in self._json else value for name, value in values.items()}
        prepared.changed(session, its_id=number, **given)


class Group:
    """An update that is run for many rows at once, each of which gives the values of `types` by name.

    `write` makes it from what stands for these values; it changes the row whose `key` is the first of them.
    """

    def __init__(self, types: Mapping[str, Any], key: Any, write: Callable[[Callable[[str], Any]], Update]) -> None:
        self.each = Prepared(write(bindparam))
        together = write(given_rows("rows", types).__getitem__)
        self.statement = together.where(Among(key, "keys"))  # so that no plan ever walks the table
        self.together = Prepared(self.statement)
        self.key, self._name = key, next(iter(types))

    def run(self, session: Connected, rows: Sequence[Mapping[str, Any]]) -> int:
        """How many rows were changed altogether. No two may be about one row."""
        if not rows:
            return 0
        if session.connection().dialect.name == "sqlite":
            return self.each.many(session, rows)
        return self.together.changed(session, **self.values(rows))

    def values(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What `statement` is given, which changes all of these at once."""
        return {"rows": rows_given(rows), "keys": [row[self._name] for row in rows]}


def given_rows(name: str, types: Mapping[str, Any]) -> Any:
    """The columns of a table that PostgreSQL is given as one value under `name`: see `rows_given`."""
    columns = [column(each, kind) for each, kind in types.items()]
    made = func.json_to_recordset(cast(bindparam(name), JSON)).table_valued(*columns)
    return made.render_derived(name=f"given_{name}", with_types=True).c


def given_lists(name: str, types: Mapping[str, Any]) -> Any:
    """The same of one list for each column, `name_column`, all of one length: a third of what one value costs."""
    lists = [cast(bindparam(f"{name}_{each}"), ARRAY(kind)) for each, kind in types.items()]
    return func.unnest(*lists).table_valued(*types).render_derived(name=f"given_{name}").c


def rows_given(rows: Sequence[Mapping[str, Any]]) -> str:
    """These rows as `given_rows` reads them."""
    return json_text(list(rows), str)


def run_bare(connection: Connection, sql: str) -> None:
    """Have the driver run this, past SQLAlchemy."""
    with bare_cursor(connection) as cursor:
        cursor.execute(sql)


@contextmanager
def bare_cursor(connection: Connection, how: Mapping[str, Any] = MappingProxyType({})) -> Iterator[Any]:
    """The driver's own cursor in the transaction of `connection`; what it raises is told as SQLAlchemy tells it."""
    cursor = connection.connection.cursor(**how)
    error = connection.dialect.loaded_dbapi.Error
    try:
        yield cursor
    except error as wrong:
        raise _told(connection, cursor, wrong) from wrong
    finally:
        cursor.close()


def _told(connection: Connection, cursor: Any, wrong: Any) -> Exception:
    """The driver's error as SQLAlchemy tells it."""
    gone = connection.dialect.is_disconnect(wrong, connection.connection, cursor)
    if gone:
        connection.invalidate(wrong)
    error = connection.dialect.loaded_dbapi.Error
    told: Exception = DBAPIError.instance(
        None, None, wrong, error, dialect=connection.dialect, connection_invalidated=gone
    )
    return told


def _compile(statement: Executable, dialect: Dialect) -> _Text:
    lists: dict[str, Any] = {"render_postcompile": True}  # a list in the statement itself is written out
    compiled: Any = statement.compile(dialect=dialect, compile_kwargs=lists)  # type: ignore[attr-defined]
    plain = _in_sqlite if dialect.name == "sqlite" else _in_postgresql
    fixed = {name: plain(value) for name, value in compiled.params.items() if value is not None}
    names = tuple(compiled.positiontup) if compiled.positional else None
    nothing = {name: None for name, value in compiled.params.items() if value is None}
    sqlite = dialect.name == "sqlite"
    return _Text(str(compiled), names, nothing | fixed, sqlite, {} if sqlite else {"prepare": True})


_AS_IT_IS = frozenset({int, str, type(None), bool, float, bytes})


def _in_sqlite(value: Any) -> Any:
    if isinstance(value, datetime):
        return _instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return value._value_
    return json.dumps(value) if isinstance(value, (dict, list)) else value


def _in_postgresql(value: Any) -> Any:
    if isinstance(value, Enum):
        return value._value_
    if isinstance(value, list):
        return _array(value)
    return json_text(value) if isinstance(value, dict) else value


def _array(values: list[Any]) -> str:
    """A list of numbers or of texts as PostgreSQL reads one."""
    if not (values and isinstance(values[0], str)):
        return "{" + ",".join(map(str, values)) + "}"
    found = "".join(values)
    if '"' in found or "\\" in found:
        values = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return '{"' + '","'.join(values) + '"}'


@lru_cache(maxsize=64)
def _instant_text(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone: every instant in the database is UTC")
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def instant(stored: Any) -> Any:
    """An instant as the driver gave it: a datetime in UTC, or None."""
    if stored is None:
        return None
    return _read_instant(stored) if isinstance(stored, str) else stored.astimezone(UTC)


@lru_cache(maxsize=4096)
def _read_instant(stored: str) -> datetime:
    return datetime.fromisoformat(stored).replace(tzinfo=UTC)


def value_of(stored: Any) -> Any:
    """A JSON value as the driver gave it."""
    if stored == "{}":
        return {}
    return json.loads(stored) if isinstance(stored, (str, bytes)) else stored
