"""What an alert says: one mail for all that is to be told now, plain and short, with the command to run next.

Law: no customer's address stands in it, whatever a server said; a header never holds a stranger's line break.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from ..records import Alert, AlertKind

TITLES = {
    AlertKind.WAVE_STOPPED: "a wave was stopped",
    AlertKind.WAVE_WARNED: "a wave went out with a warning",
    AlertKind.IN_DOUBT: "mails in doubt",
    AlertKind.BREAKER_OPEN: "a relay takes no mail",
    AlertKind.DOMAIN_PAUSED: "a domain is paused",
    AlertKind.MAILBOX: "a mailbox cannot be read",
    AlertKind.SILENT_DAEMON: "nobody is sending",
    AlertKind.EDITION_WAITS: "an edition waits",
    AlertKind.DATABASE: "trouble with the database",
    AlertKind.JOB: "a job fails",
    AlertKind.EDITION_STOPPED: "an issue was stopped for an error in it",
    AlertKind.OFFER_WAITS: "an offer waits for replies to be read",
    AlertKind.PROMISE: "a promise is not kept",
    AlertKind.CASES: "customers wait, and nobody is told",
    AlertKind.SIGN_UPS: "somebody may be typing strangers' addresses into the sign-up page",
}
PATIENCE = {
    AlertKind.JOB: timedelta(minutes=5),
    AlertKind.MAILBOX: timedelta(minutes=5),
    AlertKind.BREAKER_OPEN: timedelta(minutes=2),
}
"""What often mends itself must last so long before it is told."""
MOST_IN_SUBJECT = 3
_ADDRESS = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;]+")
_STEERING = re.compile(r"[\x00-\x1f\x7f]+")


def without_addresses(text: str) -> str:
    """`text` with every e-mail address taken out."""
    return _ADDRESS.sub("(an address)", text)


def title(alert: Alert) -> str:
    """What it is about in a few words, for a subject line."""
    return _STEERING.sub(" ", without_addresses(f"{TITLES[alert.kind]}: {alert.subject}"))[:80]


def subject_line(alerts: Sequence[Alert], workspace: str) -> str:
    """The subject of one mail about all these."""
    begun = [alert for alert in alerts if alert.over_at is None]
    shown = begun or list(alerts)
    told = "; ".join(title(alert) for alert in shown[:MOST_IN_SUBJECT])
    more = f" and {len(shown) - MOST_IN_SUBJECT} more" if len(shown) > MOST_IN_SUBJECT else ""
    return f"[{_STEERING.sub(' ', workspace)}] {'' if begun else 'over: '}{told}{more}"


def mail_text(alerts: Sequence[Alert], root: Path, open_now: int, now: datetime) -> str:
    """The mail's text."""
    parts = [one_text(alert) for alert in alerts]
    command = f"outreach -w {shlex.quote(str(root))}"
    still = "nothing else needs a person" if not open_now else f"open alerts now: {open_now}"
    end = f"{now:%Y-%m-%d %H:%M} UTC, {still}.\nAll of them: {command} alerts list\nIs all well? {command} health\n"
    return "\n\n".join([*parts, f"-- \n{end}"])


def one_text(alert: Alert) -> str:
    """What is said of one alert."""
    over = alert.over_at is not None
    lines = [f"{'OVER' if over else 'NEEDS A PERSON'}: {title(alert)}", f"  {without_addresses(alert.words)}"]
    since = f"{alert.raised_at:%Y-%m-%d %H:%M} UTC"
    if over and alert.over_at is not None:
        lines.append(f"  It lasted from {since} until {alert.over_at:%Y-%m-%d %H:%M} UTC.")
    else:
        lines.append(f"  Since {since}.")
        if alert.remedy:
            lines.append(f"  What to do: {without_addresses(alert.remedy)}")
    return "\n".join(lines)
