"""Is all well? For a monitor: quick, one finding per line, and the exit status says it.

Law: it needs no daemon to be true, writes nothing that stays, talks to no relay and no mailbox, and never raises.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta

from ..delivery.domain import Finding, Level
from ..errors import NeedsPerson, OutreachError
from ..records import AlertKind
from ..store.alerts import open_alerts
from ..store.health import DAEMON, ROUND, last_beat, touch
from .alert_words import PATIENCE, TITLES
from .look import OURS, look
from .workspace import Workspace, check_may_send

FREE_BYTES_NEEDED = 50_000_000
CLOCK_AHEAD = timedelta(minutes=2)
MAY_WAIT = frozenset(
    {AlertKind.EDITION_WAITS, AlertKind.WAVE_WARNED, AlertKind.PROMISE, AlertKind.CASES, AlertKind.SIGN_UPS}
)
"""What waits for a person without being broken."""


class _Untouched(Exception):
    """Ends a write transaction of which nothing is to stay."""


def check_health(workspace: Workspace) -> Iterator[Finding]:
    """Every finding, the worst first to be mended first."""
    try:
        yield from _database(workspace)
        yield _paused(workspace)
        yield from _signs_of_life(workspace)
        yield from _what_needs_a_person(workspace)
    except OutreachError as wrong:
        yield Finding("database", "bad", wrong.message, wrong.remedy)


def _database(workspace: Workspace) -> Iterator[Finding]:
    try:
        with workspace.database.write() as session:
            touch(session)
            raise _Untouched
    except _Untouched:
        yield Finding("database", "good", "can be written")
    free = shutil.disk_usage(workspace.root).free
    room = f"{free // 1_000_000:,} MB free"
    enough = free > FREE_BYTES_NEEDED
    yield Finding("disk", "good" if enough else "bad", room, "" if enough else "Make room: nothing is sent without it.")


def _paused(workspace: Workspace) -> Finding:
    try:
        check_may_send(workspace)
        return Finding("sending", "good", "is not paused")
    except NeedsPerson as wrong:
        return Finding("sending", "bad", wrong.message, wrong.remedy)


def _signs_of_life(workspace: Workspace) -> Iterator[Finding]:
    now = workspace.clock()
    with workspace.database.read() as session:
        newest, looked = last_beat(session), last_beat(session, (DAEMON, ROUND))
    if newest is not None and newest > now + CLOCK_AHEAD:
        words = f"this machine's clock says {now:%Y-%m-%d %H:%M} UTC, and the database knows {newest:%Y-%m-%d %H:%M}"
        yield Finding("clock", "bad", words, "Set the clock (timedatectl): due times and leases depend on it.")
    if looked is None:
        words = "`outreach run` has never run here"
        yield Finding("daemon", "note", words, "Start it, or call `outreach run --once` from cron.")
    elif looked < now - timedelta(minutes=workspace.settings.alerts.silent_minutes):
        words = f"nobody has looked since {looked:%Y-%m-%d %H:%M} UTC: replies are not read, and nothing goes by itself"
        yield Finding("daemon", "note", words, "Start `outreach run`, or call `outreach run --once` from cron.")
    else:
        minutes = max(0, int((now - looked).total_seconds() // 60))
        yield Finding("daemon", "good", f"last sign of life {minutes} minutes ago" if minutes else "lives")


def _what_needs_a_person(workspace: Workspace) -> Iterator[Finding]:
    """What a look shows now, and what others have raised."""
    for one in look(workspace):
        yield Finding(f"{TITLES[one.kind]}: {one.subject}", _level(one.kind), one.words, one.remedy)
    now = workspace.clock()
    with workspace.database.read() as session:
        for alert in open_alerts(session):
            soon = now - PATIENCE.get(alert.kind, timedelta()) < alert.raised_at <= now
            if alert.kind not in OURS and not soon:
                about = f"{TITLES[alert.kind]}: {alert.subject}"
                yield Finding(about, _level(alert.kind), alert.words, alert.remedy)
            if alert.trouble and alert.told_at is None:
                yield Finding("alerts", "bad", f"nobody could be told: {alert.trouble}", "outreach alerts test")


def _level(kind: AlertKind) -> Level:
    return "note" if kind in MAY_WAIT else "bad"
