"""The database: opening it, reading from one snapshot, writing in short transactions, on SQLite and on PostgreSQL.

Law: who looks first and writes then is the only one who does so (`write`): SQLite has one writer, and on PostgreSQL
they take turns by an advisory lock. Only what compares and sets in one statement may write beside others
(`write(beside=True)`): claims, intents and moves of the outbox.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlmodel import Session

from ..errors import DatabaseError
from . import postgresql, sqlite
from .conflict import insert_on
from .lanes import COMMON, Taken, own_lane
from .prepared import Prepared, bare_cursor, run_bare

T = TypeVar("T")
NOTED = "noted"
"""Under this name a session keeps what is to be handed on (`Database.on_noted`) once it is committed."""


class OneTransaction(Session):
    """A session that lasts for one transaction, and so knows its connection: to ask each time costs a prepared
    statement as much as to run it."""

    _known: Connection | None = None

    def connection(self, *given: Any, **how: Any) -> Connection:
        """As a session has it."""
        known = self._known
        if known is None or given or how or not known.in_transaction():
            known = self._known = super().connection(*given, **how)
        return known


class Database:
    """One database, shared by all threads of a process. `path` is its file, None on PostgreSQL; `writers` who look
    first and write then there, one at a time."""

    def __init__(self, engine: Engine, path: Path | None, writers: str = postgresql.WRITER) -> None:
        self.engine = engine
        self.path = path
        self._writers = writers
        affected = path is not None and sqlite.has_wal_reset_bug()
        self._lock = sqlite.WriteLock(path) if path is not None and affected else nullcontext()
        self.on_noted: Callable[[list[Any]], None] = lambda _noted: None

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @property
    def place(self) -> str:
        """The file, or the URL without its password: for people to read."""
        return str(self.path) if self.path is not None else shown(self.engine.url)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session on one snapshot; its rows may be used afterwards. Nothing written in it is kept."""
        engine = self.engine
        if not self.is_sqlite:
            engine = engine.execution_options(isolation_level="REPEATABLE READ")
        with told(self), OneTransaction(engine, expire_on_commit=False, autoflush=False) as session:
            if not self.is_sqlite:
                postgresql.take_time(session.connection())
            yield session
            session.expunge_all()
            session.rollback()

    def writing_alone(self) -> AbstractContextManager[object]:
        """Held around each write transaction where the linked SQLite needs it."""
        return self._lock

    @contextmanager
    def write(self, *, beside: bool = False) -> Iterator[Session]:
        """A session that commits at the end, or rolls back when the block raises. Keep it under 200 ms (I12).

        `beside` lets others write at the same time on PostgreSQL: only for statements that compare and set.
        """
        engine = self.engine.execution_options(outreach_write=True)
        with told(self), self._lock, OneTransaction(engine, expire_on_commit=False) as session:
            if not (beside or self.is_sqlite):
                postgresql.take_turn(session.connection(), self._writers)
            yield session
            session.commit()
        self.hand_on(session)

    def hand_on(self, session: Session) -> None:
        """Nobody waits for this transaction any more; whoever began it learns when it is kept."""
        noted = session.info.pop(NOTED, None)
        if noted:
            self.on_noted(noted)

    @contextmanager
    def write_much(self, *, carries: bool = False) -> Iterator[Much]:
        """What begins write transactions on one connection, each as `write` has it, for bulk work.

        `carries`: whoever writes calls `Much.carry_over` now and then.
        """
        with self.engine.execution_options(outreach_write=True).connect() as connection:
            much = Much(self, connection, self._writers)
            if not self.is_sqlite:
                yield much
                return
            with sqlite.roomier(connection, carries=carries):
                yield much

    @contextmanager
    def only_here(self, name: str) -> Iterator[bool]:
        """Hold the lock `name` while the block runs; False where another process on PostgreSQL holds it.

        On SQLite always True: what runs beside a daemon there is safe without it.
        """
        with told(self), nullcontext(True) if self.is_sqlite else postgresql.hold(self.engine, name) as held:
            yield held

    @contextmanager
    def keep_writing(self) -> Iterator[Writer]:
        """A connection of its own for whoever commits hundreds of times a second, until the block ends."""
        with told(self), self.engine.execution_options(outreach_write=True).connect() as connection:
            lane = Taken(COMMON, alone=False)
            if not self.is_sqlite:
                postgresql.plan_once(connection)
                lane = own_lane(connection)
                connection.commit()
            yield Writer(self, connection, lane)

    def close(self) -> None:
        """Give back all connections, and the file of the lock."""
        self.engine.dispose()
        if isinstance(self._lock, sqlite.WriteLock):
            self._lock.close()


@dataclass(frozen=True)
class Carried:
    """Pages that came to SQLite's log since the last time, that were carried over, and that wait because somebody reads
    an older state; and the seconds for which nobody else could write."""

    logged: int
    done: int
    waiting: int
    seconds: float


class Much:
    """Begins write transactions on one `connection`, one after the other."""

    def __init__(self, database: Database, connection: Connection, writers: str) -> None:
        self.database, self.connection, self._writers = database, connection, writers
        self._log = 0, 0

    def carry_over(self) -> Carried:
        """Between two transactions: have SQLite write what its log holds back into the file, as far as nobody reads
        an older state. PostgreSQL sees to it by itself. Raises DatabaseError."""
        if not self.database.is_sqlite:
            return Carried(0, 0, 0, 0.0)
        with told(self.database), self.database.writing_alone(), bare_cursor(self.connection) as cursor:
            began = time.monotonic()
            _, log, done = cursor.execute("PRAGMA main.wal_checkpoint(PASSIVE)").fetchone()
            took = time.monotonic() - began
        (log_before, before), self._log = self._log, (max(0, log), max(0, done))
        if log < log_before:  # the log began anew, since all of it was carried over and nobody read it
            log_before = before = 0
        return Carried(max(0, log - log_before), max(0, done - before), max(0, log - done), took)

    @contextmanager
    def __call__(self) -> Iterator[Session]:
        """A transaction, as `Database.write` has it."""
        database = self.database
        with (
            told(database),
            database.writing_alone(),
            OneTransaction(self.connection, expire_on_commit=False) as session,
        ):
            if not database.is_sqlite:
                postgresql.take_turn(session.connection(), self._writers)
            yield session
            session.commit()
        database.hand_on(session)


class Writer:
    """One thread's own connection for short transactions of prepared statements; a session costs more than these.

    `lane` is the one whose turn its commits raise, `alone` whether no other raises it, and `lane_lies` where its row
    lay after the last time, if that is known.
    """

    def __init__(self, database: Database, connection: Connection, taken: Taken) -> None:
        self._database, self._connection = database, connection
        self.lane, self.alone = taken
        self.lane_lies: str | None = None

    @contextmanager
    def write(self) -> Iterator[Writer]:
        """As `Database.write(beside=True)`: only for statements that compare and set."""
        with told(self._database), self._database.writing_alone(), self._connection.begin():
            yield self

    @contextmanager
    def write_plainly(self) -> Iterator[Writer]:
        """As `write`, on SQLite and for prepared statements alone: the driver begins and commits, which costs less."""
        with told(self._database), self._database.writing_alone():
            run_bare(self._connection, "BEGIN IMMEDIATE")
            try:
                yield self
                run_bare(self._connection, "COMMIT")
            except BaseException:
                driver: Any = self._connection.connection.driver_connection
                if driver.in_transaction:
                    run_bare(self._connection, "ROLLBACK")
                raise

    @property
    def is_sqlite(self) -> bool:
        return self._database.is_sqlite

    def at_once(self, statement: Prepared, **given: Any) -> list[Any]:
        """Outside of `write`, on PostgreSQL: one statement that is a transaction of its own; its rows."""
        with told(self._database):
            return statement.at_once(self._connection, **given)

    def connection(self) -> Connection:
        """Inside of `write`: where statements are run, as a session has it."""
        return self._connection

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Inside of `write`: a session for what needs one; what it does is committed with the rest."""
        with Session(self._connection, expire_on_commit=False) as session:
            yield session
            session.flush()


def open_database(where: str, root: Path) -> Database:
    """Open the database that the settings name: a file relative to `root`, or a URL.

    Does not migrate; see `store.migrate`. Raises DatabaseError with a remedy.
    """
    url = _url(where, root)
    if url.get_backend_name() == "sqlite":
        return Database(*sqlite.open_file(url))
    return Database(postgresql.open_server(url), None)


def _url(where: str, root: Path) -> URL:
    if "://" not in where:
        return URL.create("sqlite", database=str(root / Path(where).expanduser()))
    try:
        return make_url(where)
    except (ArgumentError, ValueError):
        raise DatabaseError(
            "the URL of the database cannot be read",
            remedy='Write database = "postgresql://user:password@host/name"; a / or @ in the password as %2F or %40.',
        ) from None


def shown(url: URL) -> str:
    """A URL as people may read it: without a password, wherever that stands."""
    plain = url.difference_update_query(["password", "sslpassword"]).set(drivername=url.get_backend_name())
    return plain.render_as_string(hide_password=True)


@contextmanager
def told(database: Database) -> Iterator[None]:
    """Turn what the database says into a DatabaseError that a person can act on."""
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as wrong:
        raise explain(database, wrong) from wrong


def explain(database: Database, wrong: Exception) -> DatabaseError:
    """What a database's failure means, and the remedy."""
    if database.is_sqlite:
        return sqlite.explain(database.place, wrong)
    return postgresql.explain(database.place, database.engine.url, wrong)


def insert_new(session: Session, table: type[Any], key: str | list[str], values: dict[str, Any]) -> bool:
    """Add a row unless there is one with this key already, also one that another process adds at this instant.

    `key`: a unique column, or several together. Whether it was added.
    """
    connection = session.connection()
    keys = [key] if isinstance(key, str) else key
    added = insert_on(connection, table).values(**values).on_conflict_do_nothing(index_elements=keys)
    return connection.execute(added).rowcount > 0


def rows_in_chunks(items: list[T], size: int) -> Iterator[list[T]]:
    """`items` in lists of at most `size`: bulk work is chunked (I12)."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def check_integrity(session: Session) -> list[str]:
    """What the database knows to be wrong with itself; an empty list when it is sound."""
    connection = session.connection()
    return sqlite.faults(connection) if connection.dialect.name == "sqlite" else postgresql.faults(connection)
