"""The daemon's sign of life in the database: where it runs, when it last beat, and that it ended in good order.

Law: a beat says no more than that the process lives; whether mail moves is seen from the mail. A daemon that starts
signs off those that died here before it: on SQLite it holds their lock, whatever their host was called (a container has
another name each time), on PostgreSQL their processes are gone.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlmodel import Session

from ..errors import DatabaseError
from ..store.health import DAEMON, daemons_at, pulse, sign_off_dead
from ..store.workers import sign_off, sign_on
from .presence import worker_name
from .workspace import Workspace

PULSE_SECONDS = 20


class Life:
    """A process that looks after the workspace."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        self._workspace, self.name = workspace, name

    def pulse(self) -> None:
        """Show that it lives."""
        with self._workspace.database.write() as session:
            pulse(session, self.name, self._workspace.clock())


@contextmanager
def daemon_life(workspace: Workspace, kind: str) -> Iterator[Life]:
    """Signed on as `kind` (a daemon, or a single round) while inside. Where that cannot be written, work goes on."""
    host = socket.gethostname()
    life = Life(workspace, worker_name(kind))
    with suppress(DatabaseError), workspace.database.write() as session:
        now = workspace.clock()
        if kind == DAEMON:
            sign_off_dead(session, _dead(workspace, session, host), now)
        sign_on(session, life.name, kind, now, host=host, pid=os.getpid())
    try:
        yield life
    finally:
        with suppress(DatabaseError), workspace.database.write() as session:
            sign_off(session, life.name, workspace.clock())


def _dead(workspace: Workspace, session: Session, host: str) -> list[str]:
    """Which daemons are known to be gone."""
    if workspace.database.is_sqlite:
        return list(daemons_at(session, None))
    here = daemons_at(session, host)
    return [name for name, number in here.items() if number == os.getpid() or not _runs(number)]


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
