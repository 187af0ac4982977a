"""Kept: a private copy of a PostgreSQL database for a simulation: a schema of its own beside ours, dropped at the end.

Law: our own tables are only read, from one snapshot; the copy has sequences and a writers' lock of its own, so that it
uses up no number of ours and nobody waits for it. What a killed simulation left is dropped by the next one: its lock
tells that nobody lives in it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError

from ..errors import DatabaseError
from . import postgresql
from .database import Database, told

PREFIX = "outreach_simulation_"


@contextmanager
def schema_copy(database: Database) -> Iterator[Database]:
    """A copy of this PostgreSQL database to live in until the block ends.

    Raises DatabaseError where this role may not create a schema, or there is no room for the copy.
    """
    engine, name = database.engine, PREFIX + secrets.token_hex(8)
    with told(database), postgresql.hold(engine, name):
        with engine.connect() as connection:
            may, here, role = connection.execute(_MAY).one()
        if not may:
            raise DatabaseError(
                f"the role {role} may not create a schema in {database.place}, which the copy to live in needs",
                remedy=f'As the database\'s owner: GRANT CREATE ON DATABASE "{here}" TO "{role}";'
                " outreach plan looks ahead without one.",
            )
        try:
            _copy(engine, name)
            url = engine.url.update_query_dict({"options": _options(engine, name)})
            copy = Database(postgresql.open_server(url), None, writers=f"{name}: writers")
            try:
                yield copy
            finally:
                copy.close()
        finally:
            _drop(engine, name)


def _options(engine: Engine, name: str) -> str:
    given = engine.url.query.get("options", "")
    return f"{given if isinstance(given, str) else ' '.join(given)} -c search_path={name}".strip()


def _copy(engine: Engine, name: str) -> None:
    """Make the schema, and in it every table of ours with its rows, keys, sequences and triggers, from one snapshot."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        postgresql.take_time(connection)
        home = str(connection.execute(text("SELECT current_schema()")).scalar())
        connection.exec_driver_sql(f'CREATE SCHEMA "{name}"')
        tables = connection.execute(_TABLES, {"home": home}).scalars().all()
        for table in tables:
            ours, copy = f'"{home}"."{table}"', f'"{name}"."{table}"'
            connection.exec_driver_sql(f"CREATE TABLE {copy} (LIKE {ours} INCLUDING ALL)")
            columns = connection.execute(_COLUMNS, {"home": home, "table": table}).all()
            names = ", ".join(f'"{column}"' for column, _, generated in columns if not generated)
            connection.exec_driver_sql(
                f"INSERT INTO {copy} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM {ours}"  # noqa: S608  ours
            )
            for column, counted, _ in columns:
                if counted:
                    _count_anew(connection, name, table, column)
        does = connection.execute(_DOES, {"home": home}).scalars().all()
        connection.exec_driver_sql(f'SET LOCAL search_path = "{name}", "{home}"')  # the copy's tables, our functions
        for trigger in does:
            connection.exec_driver_sql(trigger.replace("%", "%%"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in tables:
            connection.exec_driver_sql(f'ANALYZE "{name}"."{table}"')


def _count_anew(connection: Connection, name: str, table: str, column: str) -> None:
    """Give a column's numbers to the copy's own sequence: LIKE lets it draw from ours."""
    copy, numbers = f'"{name}"."{table}"', f'"{name}"."{table}_{column}_numbers"'
    connection.exec_driver_sql(f'CREATE SEQUENCE {numbers} OWNED BY {copy}."{column}"')
    connection.exec_driver_sql(
        f"SELECT setval('{numbers}', coalesce(max(\"{column}\"), 0) + 1, false) FROM {copy}"  # noqa: S608  our names
    )
    connection.exec_driver_sql(f"ALTER TABLE {copy} ALTER \"{column}\" SET DEFAULT nextval('{numbers}')")


def drop_left_schemas(database: Database) -> None:
    """Drop the copies in which nobody lives any more."""
    engine = database.engine
    with told(database), engine.connect() as connection:
        left = connection.execute(_LEFT, {"prefix": PREFIX.replace("_", "\\_") + "%"}).scalars().all()
    for name in left:
        with postgresql.hold(engine, name) as nobody_lives_there:
            if nobody_lives_there:
                _drop(engine, name)


def _drop(engine: Engine, name: str) -> None:
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')
    except DBAPIError:  # another role's, or the server is gone: the next simulation tries again
        return


_MAY = text(
    "SELECT has_database_privilege(current_database(), 'CREATE'), current_database(), CAST(current_user AS text)"
)
_TABLES = text("SELECT tablename FROM pg_tables WHERE schemaname = :home ORDER BY tablename")
_COLUMNS = text(
    "SELECT column_name, coalesce(column_default LIKE 'nextval(%', false), is_generated = 'ALWAYS'"
    " FROM information_schema.columns WHERE table_schema = :home AND table_name = :table ORDER BY ordinal_position"
)
_DOES = text(
    "SELECT pg_get_triggerdef(pg_trigger.oid, true) FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
    " WHERE NOT tgisinternal AND relnamespace = CAST(quote_ident(:home) AS regnamespace) ORDER BY tgname"
)
_LEFT = text("SELECT nspname FROM pg_namespace WHERE nspname LIKE :prefix")
