"""PostgreSQL: a statement that is a transaction of its own, run by libpq's own call, past the driver's cursor.

Law: what goes in and comes out passes the driver's own adapters, and what the server refuses is raised as the driver
raises it. The server commits before it answers: when `run` returns all of it is kept. Measured: for a commit of
sending the call costs the program half of what a cursor does, and the interpreter is left to others until the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import Executable
from sqlalchemy.engine import Dialect

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.pq.abc import PGresult

_NUMBERS = count(1)


class BareStatement:
    """A statement as libpq takes it: with numbered places, prepared once in each connection.

    `plain` makes of each value one that the driver knows.
    """

    def __init__(self, statement: Executable, dialect: Dialect, plain: Callable[[Any], Any]) -> None:
        numbered: Any = type(dialect)
        compiled: Any = statement.compile(dialect=numbered(paramstyle="numeric_dollar"))  # type: ignore[attr-defined]
        self._text = str(compiled).encode()
        self._name = f"outreach_{next(_NUMBERS)}".encode()
        self._plain = plain
        self._usual: dict[str, Any] = compiled.params
        self._places = {name: place for place, name in enumerate(compiled.positiontup)}

    def run(self, driver: Connection[Any], known: dict[Any, Any], given: Mapping[str, Any]) -> list[Any]:
        """Run it on this connection of the driver, of which `known` is kept as long as it lives; its rows.

        `given` are the values that do not stand in the statement itself. Raises what the driver raises, also where a
        transaction is open: nothing would be committed then.
        """
        from psycopg import ProgrammingError, pq  # lazy: an extra that SQLite does not need
        from psycopg.adapt import Transformer

        wire = driver.pgconn
        if wire.transaction_status not in (pq.TransactionStatus.IDLE, pq.TransactionStatus.UNKNOWN):
            raise ProgrammingError("what commits at once was to be run inside of a transaction")
        adapted = Transformer.from_context(driver)
        usual = known.get(self._name)
        if usual is None:
            _good(driver, wire.prepare(self._name, self._text))
            usual = known[self._name] = self._adapted(adapted, map(self._usual.__getitem__, self._places))
        values = list(usual)
        for name, value in zip(given, self._adapted(adapted, given.values()), strict=True):
            values[self._places[name]] = value
        result = _good(driver, wire.exec_prepared(self._name, values))
        adapted.set_pgresult(result)
        return adapted.load_rows(0, result.ntuples, tuple)

    def _adapted(self, how: Any, values: Iterable[Any]) -> list[Any]:
        """These values as the server reads them."""
        from psycopg.adapt import PyFormat  # lazy: as above

        ready = [value if type(value) is str else self._plain(value) for value in values]
        return list(how.dump_sequence(ready, [PyFormat.TEXT] * len(ready)))


def _good(driver: Connection[Any], result: PGresult) -> PGresult:
    """What the server answered, unless that was an error."""
    from psycopg import OperationalError, errors, pq  # lazy: as above

    if result.status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        return result
    if driver.closed and not result.error_field(pq.DiagnosticField.SQLSTATE):
        raise OperationalError(result.get_error_message())
    raise errors.error_from_result(result, encoding=driver.info.encoding)
