"""The time that all machines share: the database server's, followed from afar.

Law: it is measured now and then and carried on by a clock that nobody can set; never asked for at each call. Where the
server cannot be asked, the last measurement is carried on.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from ..errors import DatabaseError
from .database import Database

EVERY_SECONDS = 60.0
AGAIN_SECONDS = 5.0
ASKED = 3
_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass(frozen=True, slots=True)
class _Measured:
    """The server said `said` when our own count stood at `at`, give or take `unsure`; seconds."""

    said: datetime
    at: float
    unsure: float


class ServerClock:
    """A clock that goes by the database server. Called by any thread."""

    def __init__(self, database: Database, *, every: float = EVERY_SECONDS) -> None:
        self._database, self._every = database, every
        self._asking = threading.Lock()
        self._due = 0.0
        self._measured = self._ask()
        self._due = _ticks() + every

    def __call__(self) -> datetime:
        if _ticks() >= self._due and self._asking.acquire(blocking=False):
            try:
                self._due = _ticks() + min(AGAIN_SECONDS, self._every)
                self._measured = self._ask()
                self._due = _ticks() + self._every
            except DatabaseError:
                pass  # whoever needs the database will be told
            finally:
                self._asking.release()
        known = self._measured
        return known.said + timedelta(seconds=_ticks() - known.at)

    def ahead(self) -> float:
        """By how many seconds this machine's own clock is ahead of the server's."""
        return (datetime.now(UTC) - self()).total_seconds()

    @property
    def unsure(self) -> float:
        """How long, in seconds, the question and its answer were on their way at most."""
        return self._measured.unsure

    def _ask(self) -> _Measured:
        """The quickest of three answers is the surest."""
        with self._database.read() as session:
            connection = session.connection()
            found = []
            for _ in range(ASKED):
                before = _ticks()
                said = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
                after = _ticks()
                found.append(_Measured(said.astimezone(UTC), (before + after) / 2, after - before))
        return min(found, key=lambda one: one.unsure)


def _ticks() -> float:
    return time.clock_gettime(_BOOT)
