"""The look at the whole: what needs a person now, and what no longer does.

Law: what is seen in the database is raised and ended by whoever looks, daemon, cron or person, with the same words;
the troubles of jobs are known only to the process whose jobs they are. Looking changes nothing but the alerts.
"""

from __future__ import annotations

import shlex
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from ..errors import DatabaseError, NeedsPerson, OutreachError, RelayError
from ..records import Alert, AlertKind, RelayState
from ..store.alerts import end_alert, end_all_but, open_alerts, raise_alert
from ..store.health import (
    in_doubt,
    late_schedules,
    mail_is_late,
    resting_relays,
    silent_daemons,
    unreadable_mailboxes,
    waiting_editions,
)
from .alert_words import without_addresses
from .tell import ToldCounts, run_command, tell
from .workspace import Workspace

OURS = (
    *(AlertKind.IN_DOUBT, AlertKind.MAILBOX, AlertKind.EDITION_WAITS, AlertKind.SILENT_DAEMON),
    AlertKind.BREAKER_OPEN,
)
"""Kinds that stand in the database to be seen: what is no longer seen is over."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that needs a person."""

    kind: AlertKind
    subject: str
    words: str
    remedy: str


def look(workspace: Workspace) -> list[Seen]:
    """All that the database shows to need a person, without writing anything."""
    now = workspace.clock()
    settings = workspace.settings.alerts
    quiet = now - timedelta(minutes=settings.silent_minutes)
    found: list[Seen] = []
    with workspace.database.read() as session:
        for doubtful in in_doubt(session, now - timedelta(minutes=settings.doubt_minutes)):
            words = f"{doubtful.count} of {doubtful.campaign} may or may not have arrived. They are not sent again."
            remedy = _run(workspace, "verify", doubtful.campaign, "--state", "in_doubt")
            found.append(Seen(AlertKind.IN_DOUBT, doubtful.campaign, words, remedy))
        for relay in resting_relays(session):
            if relay.name in {known.name for known in workspace.settings.all_relays}:
                found.append(_resting(workspace, relay))
        for name, error in unreadable_mailboxes(session).items():
            remedy = _run(workspace, "doctor")
            found.append(Seen(AlertKind.MAILBOX, name, without_addresses(error), remedy))
        for campaign, occasion, reason in waiting_editions(session):
            remedy = f"{_run(workspace, 'plan')} shows why; {_run(workspace, 'send', campaign)} sends it"
            found.append(Seen(AlertKind.EDITION_WAITS, f"{campaign} {occasion}", reason or "it waits", remedy))
        for worker in silent_daemons(session, quiet):
            since = f"{worker.beat_at:%Y-%m-%d %H:%M} UTC"
            words = f"`outreach run` on {worker.host} (process {worker.pid}) gave no sign of life since {since}."
            found.append(
                Seen(AlertKind.SILENT_DAEMON, f"daemon on {worker.host}", words, f"Start it: {_run(workspace, 'run')}")
            )
        late = late_schedules(session, quiet)
        if late:
            words = f"The next issue of {', '.join(late[:5])} is due, and nobody opened it."
            found.append(Seen(AlertKind.SILENT_DAEMON, "schedules", words, f"Start {_run(workspace, 'run')}"))
        if mail_is_late(session, quiet):
            words = f"Mail has been due for more than {settings.silent_minutes} minutes, and nobody sends it."
            found.append(Seen(AlertKind.SILENT_DAEMON, "mail", words, f"Start {_run(workspace, 'run')}"))
    return found


def _resting(workspace: Workspace, relay: RelayState) -> Seen:
    others = len(workspace.settings.all_relays) > 1
    what = "Its share goes over the others." if others else "What was not sent stays queued."
    words = f"{without_addresses(relay.reason) or 'it does not answer'}. {what}"
    again = _run(workspace, "relays", "try", relay.name)
    remedy = (
        f"{without_addresses(relay.remedy)} Then: {again}" if relay.remedy else f"It is tried by itself; or {again}"
    )
    return Seen(AlertKind.BREAKER_OPEN, f"relay {relay.name}", words, remedy)


def watch(workspace: Workspace) -> None:
    """Raise what is seen, end what is no longer seen."""
    seen = look(workspace)
    with workspace.database.read() as session:
        known = {(alert.kind, alert.subject): (alert.words, alert.remedy) for alert in open_alerts(session)}
    fresh = {(one.kind, one.subject): (one.words, one.remedy) for one in seen}
    if fresh == {key: said for key, said in known.items() if key[0] in OURS}:
        return
    now = workspace.clock()
    with workspace.database.write() as session:
        for one in seen:
            raise_alert(session, one.kind, one.subject, one.words, one.remedy, now)
        for kind in OURS:
            end_all_but(session, kind, [one.subject for one in seen if one.kind is kind], now)


class JobBook:
    """How each job of this process went the last time. Safe between the lanes."""

    def __init__(self) -> None:
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
        watch(workspace)
        counts = tell(workspace)
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
    now = workspace.clock()
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
                remedy = getattr(trouble, "remedy", "") or _run(workspace, "doctor")
                raise_alert(
                    session, AlertKind.JOB, subject, without_addresses(words)[:500], without_addresses(remedy), now
                )
            else:
                end_alert(session, AlertKind.JOB, subject, now)


def _shout(workspace: Workspace, words: str, *, over: bool) -> None:
    """Tell the command, past the database."""
    if not workspace.settings.alerts.command:
        return
    now = workspace.clock()
    about = Alert(
        kind=AlertKind.DATABASE,
        subject="database",
        words=words,
        remedy=_run(workspace, "doctor"),
        raised_at=now,
        over_at=now if over else None,
    )
    run_command(workspace, about)


def _run(workspace: Workspace, *words: str) -> str:
    return shlex.join(["outreach", "-w", str(workspace.root), *words])
