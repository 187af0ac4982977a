"""The look at the whole: what needs a person now, and what no longer does.

Law: what is seen in the database is raised and ended by whoever looks, daemon, cron or person, with the same words;
the troubles of jobs are known only to the process whose jobs they are. Looking changes nothing but the alerts.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Collection, Mapping
from dataclasses import replace

from sqlmodel import Session

from ..errors import DatabaseError, NeedsPerson, OutreachError, RelayError
from ..records import Alert, AlertKind
from ..store.alerts import end_alert, end_all_but, open_alerts, raise_alert
from ..store.health import daemons_at, resting_relays
from .alert_words import without_addresses
from .look import OURS, command_line, look
from .tell import ToldCounts, run_command, tell
from .workspace import Workspace


def watch(workspace: Workspace) -> int:
    """Raise what is seen, end what is no longer seen; how many are new."""
    seen = look(workspace)
    with workspace.database.read() as session:
        known = {(alert.kind, alert.subject): (alert.words, alert.remedy) for alert in open_alerts(session)}
    fresh = {(one.kind, one.subject): (one.words, one.remedy) for one in seen}
    if fresh == {key: said for key, said in known.items() if key[0] in OURS}:
        return 0
    now = workspace.clock()
    with workspace.database.write() as session:
        for one in seen:
            raise_alert(session, one.kind, one.subject, one.words, one.remedy, now)
        for kind in OURS:
            end_all_but(session, kind, [one.subject for one in seen if one.kind is kind], now)
    return len(fresh.keys() - known.keys())


class JobBook:
    """How each job of this process went the last time. Safe between the lanes.

    `jobs`: the names of all that this process does, where it is known; `daemon`: whether it is one.
    """

    def __init__(self, *, daemon: bool = False) -> None:
        self.jobs: Collection[str] = ()
        self.daemon = daemon
        self._lock = threading.Lock()
        self._last: dict[str, Exception | None] = {}
        self._spoken: set[str] = set()

    def note(self, job: str, trouble: Exception | None) -> None:
        """A job went well (None), or failed."""
        with self._lock:
            self._last[job] = trouble

    def last(self) -> Mapping[str, Exception | None]:
        """What is known of each job."""
        with self._lock:
            return dict(self._last)

    def speak_once(self, job: str, failing: bool) -> bool:
        """Whether this failure, or its end, is news to the command, while the database cannot be written."""
        with self._lock:
            news = failing != (job in self._spoken)
            (self._spoken.add if failing else self._spoken.discard)(job)
            return news


def look_and_tell(workspace: Workspace, book: JobBook | None = None) -> ToldCounts:
    """Everything of this file in its order. Where the database cannot be written, the command alone is told."""
    try:
        if book is not None:
            _watch_jobs(workspace, book)
        raised = watch(workspace)
        counts = replace(tell(workspace), raised=raised)
    except DatabaseError as wrong:
        if book is not None and book.speak_once("database", True):
            _shout(workspace, wrong.message, over=False)
        raise
    if book is not None and book.speak_once("database", False):
        _shout(workspace, "the database can be written again", over=True)
    return counts


def _watch_jobs(workspace: Workspace, book: JobBook) -> None:
    """Raise an alert for each job that fails, end it when the job works again; what only waits is no failure."""
    host = socket.gethostname()
    with workspace.database.read() as session:
        known = {alert.subject for alert in open_alerts(session, AlertKind.JOB)}
        told = {relay.name for relay in resting_relays(session)}
        gone = _gone(workspace, session, book, known, host)
    now = workspace.clock()
    if gone:
        with workspace.database.write() as session:
            for subject in gone:
                end_alert(session, AlertKind.JOB, subject, now)
    for job, trouble in book.last().items():
        subject = f"{job} on {host}"
        failing = trouble is not None and not isinstance(trouble, NeedsPerson)
        failing = failing and not (told and isinstance(trouble, RelayError))  # that is told of the relay itself
        if not failing and subject not in known:
            continue
        with workspace.database.write() as session:
            if failing:
                words = (
                    trouble.message if isinstance(trouble, OutreachError) else f"a fault of the program: {trouble!r}"
                )
                remedy = getattr(trouble, "remedy", "") or command_line(workspace, "doctor")
                raise_alert(
                    session, AlertKind.JOB, subject, without_addresses(words)[:500], without_addresses(remedy), now
                )
            else:
                end_alert(session, AlertKind.JOB, subject, now)


def _gone(workspace: Workspace, session: Session, book: JobBook, known: set[str], host: str) -> set[str]:
    """Which of these are about jobs that nobody does any more: of a host that is called otherwise now (a container is
    each time), or that no setting asks for. On PostgreSQL, and beside a daemon, another process may do them.
    """
    if not book.jobs or not workspace.database.is_sqlite or not (book.daemon or not daemons_at(session, None)):
        return set()
    return known - {f"{job} on {host}" for job in book.jobs}


def _shout(workspace: Workspace, words: str, *, over: bool) -> None:
    """Tell the command, past the database."""
    if not workspace.settings.alerts.command:
        return
    now = workspace.clock()
    about = Alert(
        kind=AlertKind.DATABASE,
        subject="database",
        words=words,
        remedy=command_line(workspace, "doctor"),
        raised_at=now,
        over_at=now if over else None,
    )
    run_command(workspace, about)
