"""Telling people: what needs one goes out once, by mail and to a command, and once more when it is over.

Law: what could not be told is kept with the trouble and tried again after a growing wait; an alert about a relay is
not sent through that relay; where the database cannot be written the command alone is told, and no mail leaves.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

from ..errors import OutreachError
from ..records import Alert, AlertKind
from ..store.alerts import keep_told, keep_untold, open_alerts, untold
from .alert_mail import Told, alert_relays, send_alert_mail
from .alert_words import PATIENCE, mail_text, one_text, subject_line, without_addresses
from .workspace import Workspace

LONGEST_WAIT = timedelta(hours=1)
AT_ONCE = 50


@dataclass(frozen=True)
class ToldCounts:
    """How many alerts somebody was told of, how many could not be told, and how many are new."""

    told: int = 0
    untold: int = 0
    raised: int = 0


def tell(workspace: Workspace) -> ToldCounts:
    """Tell all that is to be told now. Where nobody is set to be told, alerts only stand in the list."""
    settings = workspace.settings.alerts
    if not settings.to and not settings.command:
        return ToldCounts()
    now = workspace.clock()
    with workspace.database.read() as session:
        alerts = untold(session, now, PATIENCE)[:AT_ONCE]
        still = len(open_alerts(session))
    if not alerts:
        return ToldCounts()
    mailed = _mail(workspace, alerts, still, now)
    reached = any(each.ok for each in mailed)
    counts = [0, 0]
    for alert in alerts:
        troubles = [f"{each.to}: {each.words}" for each in mailed if not each.ok or each.maybe]
        said = run_command(workspace, alert) if settings.command else None
        if said:
            troubles.append(f"command: {said}")
        done = reached or said == ""
        counts[0 if done else 1] += 1
        trouble = "; ".join(troubles)[:500]
        with workspace.database.write() as session:
            if done:
                keep_told(session, alert, workspace.clock(), trouble)
            else:
                keep_untold(session, alert, trouble, now + wait_after(alert.tries))
    return ToldCounts(*counts)


def wait_after(tries: int) -> timedelta:
    """How long until telling is tried again after so many failures: a minute, then twice as long, up to an hour."""
    return min(LONGEST_WAIT, timedelta(minutes=2 ** min(tries, 10)))


def tell_test(workspace: Workspace) -> list[Told]:
    """Tell everybody, at once, that this is a test; what became of each way."""
    now = workspace.clock()
    alert = Alert(
        kind=AlertKind.JOB,
        subject="a test",
        words="This is a test: alerts of this workspace arrive here.",
        remedy="Nothing: all is well.",
        raised_at=now,
    )
    told = _mail(workspace, [alert], 0, now)
    if workspace.settings.alerts.command:
        said = run_command(workspace, alert)
        told.append(Told("command", not said, said))
    return told


def _mail(workspace: Workspace, alerts: Sequence[Alert], still: int, now: datetime) -> list[Told]:
    """One mail about all of them to each address."""
    to = workspace.settings.alerts.to
    if not to:
        return []
    about = [alert.subject for alert in alerts if alert.kind is AlertKind.BREAKER_OPEN and alert.over_at is None]
    relays = alert_relays(workspace, [subject.removeprefix("relay ") for subject in about])
    subject = subject_line(alerts, workspace.root.name)
    text = mail_text(alerts, workspace.root, still, now)
    name = ",".join(f"{alert.id}{'-' if alert.over_at is None else '+'}" for alert in alerts)
    occasion = f"alert/{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    told = []
    for address in dict.fromkeys(to):
        try:
            told.append(send_alert_mail(workspace, address, subject, text, occasion, relays))
        except OutreachError as wrong:
            told.append(Told(address, False, wrong.message))
    return told


def run_command(workspace: Workspace, alert: Alert) -> str:
    """Run the alert command for one alert; "" when it exited with 0, else what went wrong."""
    settings = workspace.settings.alerts
    state = "open" if alert.over_at is None else "over"
    told = {
        "STATE": state,
        "KIND": alert.kind.value,
        "SUBJECT": without_addresses(alert.subject),
        "WORDS": without_addresses(alert.words),
        "REMEDY": without_addresses(alert.remedy),
        "WORKSPACE": str(workspace.root),
    }
    environ = os.environ | {f"OUTREACH_ALERT_{name}": value.replace("\0", " ") for name, value in told.items()}
    with _scratch() as words:
        try:
            command: str | list[str] = settings.command if settings.shell else shlex.split(settings.command)
            child = subprocess.Popen(
                command,
                shell=settings.shell,
                cwd=workspace.root,
                env=environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=words,
                start_new_session=True,
            )
        except (OSError, ValueError) as wrong:
            return f"cannot be run: {wrong}"
        try:
            child.communicate(f"{one_text(alert)}\n".encode(), timeout=settings.command_seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            return f"took longer than {settings.command_seconds:g} seconds and was ended"
        if child.returncode:
            words.seek(max(0, words.seek(0, os.SEEK_END) - 200))
            return f"exit status {child.returncode}: {words.read().decode(errors='replace').strip()}"
    return ""


def _scratch() -> IO[bytes]:
    """Where a command writes what it complains of: no pipe, since what it leaves running would hold that open.

    Where the disk is full, which is what may be told, its words are lost and it runs all the same.
    """
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return Path(os.devnull).open("r+b")
