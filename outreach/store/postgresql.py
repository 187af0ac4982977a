"""PostgreSQL: how a server is reached, the locks that keep several machines apart, and what a failure means.

Law: writes run READ COMMITTED and durable (synchronous_commit is raised to `on` where it is less), reads run
REPEATABLE READ on one snapshot. A password is never printed. No lock is waited for longer than 15 seconds, and the
server ends the transaction of a program that was stopped in the middle of one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import URL, Connection, Engine

from ..errors import DatabaseError

NAMES = ("postgresql", "postgres", "postgresql+psycopg")
OLDEST = 130000
LOCK_SECONDS = 15
IDLE_SECONDS = 60
READING_SECONDS = 1800
CONNECT_SECONDS = 10
_USUAL = {"connect_timeout": CONNECT_SECONDS, "application_name": "outreach"}
WRITER = "one writer"
"""The lock that writers take who look first and write then, so that each sees what the one before it wrote."""
_SETTINGS = (
    "SELECT set_config('lock_timeout', %s, false), set_config('idle_in_transaction_session_timeout', %s, false),"
    " set_config('TimeZone', 'UTC', false), set_config('synchronous_commit', CASE"
    " WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on'"
    " ELSE current_setting('synchronous_commit') END, false)"
)
_STATES = {
    "42P01": "Run `outreach init` here, or restore a backup.",
    "42704": "Something that the database holds beside its tables is missing: restore a backup.",
    "42501": "Grant this user the right: GRANT CREATE, USAGE ON SCHEMA public TO …; or make it the database's owner.",
    "53100": "Free some space on the server; nothing that was committed is lost. Then run the command again.",
    "53300": "Raise max_connections, or run fewer programs on this server.",
    "55P03": "Another program holds it for longer than 15 seconds. Is an outreach process stopped (Ctrl-Z)? "
    "Let it go on.",
    "25006": "This server is a copy that cannot be written. Name the primary in `database`.",
    "25P03": "This program stood still in the middle of a transaction; nothing of that was kept. Run it again.",
    "40P01": "Two programs waited for each other; nothing was written. Run the command again.",
    "40001": "Another program changed the same rows; nothing was written. Run the command again.",
}
_AGAIN = ("40P01", "40001")
_WORDS = (
    ("password authentication failed", "Check user and password in `database`, or PGPASSWORD, or ~/.pgpass."),
    ("no password supplied", "Put the password into the URL, PGPASSWORD, or ~/.pgpass."),
    ("no pg_hba.conf entry", "The server does not admit this user from this machine: see its pg_hba.conf."),
    ("Peer authentication failed", "The server takes this user only from the account of the same name."),
    ('database "', "Create it: createdb --encoding UTF8 --template template0 NAME"),
    ('role "', "Create the user: createuser --pwprompt NAME"),
    ("too many connections", _STATES["53300"]),
    ("connection slots are reserved", _STATES["53300"]),
    ("certificate", "Check sslmode and sslrootcert in the URL."),
    ("starting up", "The server is starting. Try again."),
    ("shutting down", "The server is stopping. Start it, then try again."),
)
UNREACHED = "Is the server running, and are host and port in `database` right?"


def open_server(url: URL) -> Engine:
    """The engine for a server's database; connects only when it is used. Raises DatabaseError without the driver."""
    if url.drivername not in NAMES:
        raise DatabaseError(
            f"{url.drivername} is not supported", remedy='Write database = "postgresql://user@host/name".'
        )
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=8,
            max_overflow=32,
            pool_pre_ping=True,
            connect_args={name: value for name, value in _USUAL.items() if name not in url.query},
            json_serializer=json_text,
            execution_options={"preserve_rowcount": True},
        )
    except ImportError as wrong:
        raise DatabaseError(
            "PostgreSQL needs a driver that is not installed: psycopg",
            remedy="pip install 'outreach[postgresql]'",
        ) from wrong
    event.listen(engine, "connect", _prepare)
    return engine


def _prepare(connection: Any, _record: Any) -> None:
    check_server(connection.info.server_version, connection.info.parameter_status("server_encoding") or "")
    connection.adapters.register_dumper(str, _text_dumper())
    with connection.cursor() as cursor:
        cursor.execute(_SETTINGS, (f"{LOCK_SECONDS}s", f"{IDLE_SECONDS}s"))
    connection.commit()


def check_server(version: int, encoding: str) -> None:
    """Raise DatabaseError for a server too old, or a database that cannot hold every character."""
    if version < OLDEST:
        raise DatabaseError(
            f"the server is PostgreSQL {version // 10000}; outreach needs {OLDEST // 10000} or newer",
            remedy="Upgrade the server, or keep to SQLite.",
        )
    if encoding.upper() != "UTF8":
        raise DatabaseError(
            f"the database's encoding is {encoding}, which cannot hold every name",
            remedy="Create one that can: createdb --encoding UTF8 --template template0 NAME",
        )


def _text_dumper() -> Any:
    from psycopg.types.string import StrDumperUnknown  # lazy: an extra that SQLite does not need

    class NulFree(StrDumperUnknown):
        """PostgreSQL's text holds no NUL; what strangers send may. It is shown as a sign that none was readable."""

        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\ufffd") if "\0" in obj else obj)

    return NulFree


def json_text(value: Any, default: Callable[[Any], str] | None = None) -> str:
    """A value as JSON, without the NUL that PostgreSQL cannot hold; what JSON does not know as `default` says."""
    done = json.dumps(value, default=default)
    return json.dumps(_nul_free(value), default=default) if "\\u0000" in done else done


def _nul_free(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, dict):
        return {_nul_free(key): _nul_free(one) for key, one in value.items()}
    return [_nul_free(one) for one in value] if isinstance(value, list | tuple) else value


def explain(place: str, url: URL, wrong: Exception) -> DatabaseError:
    """What a failure of PostgreSQL means, and the remedy. Never with the password."""
    orig = getattr(wrong, "orig", wrong)
    state = str(getattr(orig, "sqlstate", None) or "")
    said = str(orig).strip().splitlines()[0] if str(orig).strip() else type(orig).__name__
    secret = url.password
    if secret:
        said = said.replace(secret, "***")
    remedy = _STATES.get(state, "")
    if not (remedy or state):
        remedy = next((words for found, words in _WORDS if found in str(orig)), UNREACHED)
    told = DatabaseError(f"the database {place}: {said}", remedy=remedy)
    told.again = state in _AGAIN
    return told


def lock_number(name: str) -> int:
    """The number of an advisory lock of ours: 64 bits of a hash, so that it meets no other program's."""
    return int.from_bytes(hashlib.sha256(f"outreach: {name}".encode()).digest()[:8], "big", signed=True)


def take_turn(connection: Connection, writers: str = WRITER) -> None:
    """Until this transaction ends, be the only one of these writers who writes."""
    connection.execute(_TURN, {"lock": lock_number(writers)})


def take_time(connection: Connection) -> None:
    """Let this transaction stand idle for a while: it reads, holds no row, and somebody works with what it reads."""
    connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{READING_SECONDS}s'")


def plan_once(connection: Connection) -> None:
    """Let this connection, which the pool does not get back, plan each prepared statement once and by its keys.

    Otherwise the server plans the intent anew each time, for a third of its time; or it goes by a plan that it made
    when the outbox was still empty, and walks through all of it. Loops over the rows that are given are all it needs.
    """
    connection.detach()
    connection.exec_driver_sql(_PLAN_ONCE)
    connection.commit()


def by_keys(connection: Connection) -> None:
    """Until this transaction ends, let statements go by keys, one row after the other: what they look for is little,
    and what the server believes of a table that fills and empties itself is old. On SQLite they do anyway."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_BY_KEYS)


def _off(local: str) -> str:
    names = ("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "jit")
    return ", ".join(f"set_config('{name}', 'off', {local})" for name in names)


_PLAN_ONCE = f"SELECT set_config('plan_cache_mode', 'force_generic_plan', false), {_off('false')}"
_BY_KEYS = f"SELECT {_off('true')}"
_TURN = text("SELECT pg_advisory_xact_lock(:lock)")


@contextmanager
def hold(engine: Engine, name: str) -> Iterator[bool]:
    """Hold the lock `name` while the block runs; False where somebody holds it. Nobody waits."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        key = {"lock": lock_number(name)}
        held = bool(connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), key).scalar())
        try:
            yield held
        finally:
            if held:
                connection.execute(text("SELECT pg_advisory_unlock(:lock)"), key)


@dataclass(frozen=True)
class ServerFacts:
    """What an operator should know of the server."""

    version: str
    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    checksums: bool
    encrypted: bool
    local: bool


def server_facts(connection: Connection) -> ServerFacts:
    """Ask the server about itself."""
    said = {
        name: str(connection.execute(text("SELECT current_setting(:name)"), {"name": name}).scalar())
        for name in ("server_version", "fsync", "full_page_writes", "synchronous_commit", "data_checksums")
    }
    driver: Any = connection.connection.driver_connection
    host = str(driver.info.host)
    return ServerFacts(
        version=said["server_version"].partition(" ")[0],
        fsync=said["fsync"] == "on",
        full_page_writes=said["full_page_writes"] == "on",
        synchronous_commit=said["synchronous_commit"],
        checksums=said["data_checksums"] == "on",
        encrypted=bool(driver.pgconn.ssl_in_use),
        local=host.startswith(("/", "@")) or host in ("localhost", "127.0.0.1", "::1"),
    )


@dataclass(frozen=True)
class Reader:
    """A program that reads from an old snapshot of this database; `seconds` ago it began."""

    program: str
    process: int
    seconds: float


def oldest_reader(connection: Connection) -> Reader | None:
    """Who, besides us, has kept the server longest from clearing away what is gone; None where nobody does, or where
    this user may not see it."""
    row = connection.execute(_OLDEST).first()
    return Reader(row.program or "a program", row.process, float(row.seconds)) if row is not None else None


_OLDEST = text(
    "SELECT application_name AS program, pid AS process,"
    " EXTRACT(epoch FROM clock_timestamp() - xact_start) AS seconds FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xmin IS NOT NULL"
    " AND xact_start IS NOT NULL AND backend_type = 'client backend' ORDER BY xact_start LIMIT 1"
)


def faults(connection: Connection) -> list[str]:
    """What the server knows to be wrong with this database; an empty list when it knows of nothing."""
    found = []
    broken = connection.execute(
        text("SELECT checksum_failures FROM pg_stat_database WHERE datname = current_database()")
    ).scalar()
    if broken:
        found.append(f"{broken} pages failed their checksum")
    invalid = text("SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid OR NOT indisready")
    found += [f"the index {name} is not valid" for name in connection.execute(invalid).scalars()]
    return found
