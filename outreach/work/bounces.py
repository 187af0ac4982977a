"""Bounces and what follows: a suppression, a point, a rest; and where a whole domain refuses, none of these.

Law: only a bad address is suppressed, at once; every other bounce is a point (`delivery.bounce`). A storm pauses its
domain, takes back what it did to addresses, and is told as an alert. Whoever hears of bounces calls `take_bounces`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from contextlib import suppress as suppress_errors
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlmodel import Session

from ..delivery.bounce import SUDDEN, BounceRules, DomainCounts, is_storm, points, rests_until
from ..errors import OutreachError
from ..records import AlertKind, FailureClass, SuppressionReason
from ..settings import Bounces
from ..store.alerts import end_alert, end_all_but, open_alerts, raise_alert
from ..store.bounces import (
    Heard,
    Kept,
    PausedDomain,
    bounced_domains,
    counted_bounces,
    domain_counts,
    excuse_bounce,
    excuse_bounces,
    free_addresses,
    had_storm,
    keep_bounce,
    label_of,
    paused_domains,
)
from ..store.consents import suppress
from ..store.outbox import open_editions
from ..store.pace import DOMAIN, pause_domain
from ..store.sooner import hasten_domains
from .workspace import Workspace

CALM = timedelta(days=1)
"""A domain that rests for other reasons, without a storm within this time, is no storm."""
_HALF = SUDDEN.total_seconds() / 2
LOOK_SECONDS = 1.0
"""How often sending looks for storms while mails fail."""


def bounce_rules(settings: Bounces) -> BounceRules:
    """The limits of the settings, as the rules read them."""
    return BounceRules(**settings.model_dump())


def take_bounces(
    session: Session, rules: BounceRules, heard: Sequence[Heard], source: str, now: datetime
) -> dict[int, str]:
    """Write bounces down and do what follows; in words, by delivery. A bounce that is known already does nothing.

    `source`: "smtp", "dsn" or "maillog".
    """
    paused = paused_domains(session, now) if heard else {}
    stormy = {key: one for key, one in paused.items() if had_storm(session, key, now - CALM)}
    said: dict[int, str] = {}
    for one in heard:
        bounce = keep_bounce(session, one, source, now)
        if bounce is None:
            continue
        if bounce.domain_key in stormy:
            excuse_bounce(session, bounce)
            said[one.delivery_id] = f"{stormy[bounce.domain_key].label} refuses everybody: the address is kept"
        else:
            said[one.delivery_id] = _follow(session, rules, one, bounce, now)
    return said


def _follow(session: Session, rules: BounceRules, heard: Heard, bounce: Kept, now: datetime) -> str:
    keep = partial(suppress, session, address_key=bounce.address_key, at=now, evidence=heard.words[-500:])
    if heard.failure is FailureClass.BAD_ADDRESS and heard.sure:
        keep(reason=SuppressionReason.BAD_ADDRESS)
        return "the address is never written to again"
    got = points(counted_bounces(session, bounce.address_key))
    until = rests_until(got, rules)
    if until is not None and until > now:
        days = f"it bounced on {len(got)} days, the last time: "
        keep(reason=SuppressionReason.BOUNCES, expires_at=until, evidence=(days + heard.words)[:500])
        return f"newsletters to the address rest until {until:%Y-%m-%d}"
    return "the address is kept"


def watch_bounces(workspace: Workspace) -> list[PausedDomain]:
    """Look for storms: pause their domains, take back what they did, tell a person. The domains newly paused.

    Ends the alert of every domain that is paused no more.
    """
    rules = bounce_rules(workspace.settings.bounces)
    now = workspace.clock()
    since = now - SUDDEN
    with workspace.database.read() as session:
        paused = paused_domains(session, now)
        keys = [key for key in bounced_domains(session, since, rules.storm_least) if key not in paused]
        counted = {key: domain_counts(session, key, since, now, share=rules.storm_share) for key in keys}
        missed = [
            one
            for one in paused.values()
            if had_storm(session, one.key, now - CALM) and had_storm(session, one.key, since, excused=False)
        ]
        storms = {key: (counts, label_of(session, key, since)) for key, counts in counted.items()}
    for one in missed:  # written down by another process while the pause was
        with workspace.database.write() as session:
            free_addresses(session, excuse_bounces(session, one.key, since), one.reason, now)
    fresh = []
    for key, (counts, label) in storms.items():
        if is_storm(counts, rules):
            fresh.append(_pause(workspace, key, label or f"a domain ({key[:8]})", counts, since))
    _end_alerts(workspace, [*paused.values(), *fresh], now)
    return fresh


def _pause(workspace: Workspace, key: str, label: str, counts: DomainCounts, since: datetime) -> PausedDomain:
    now = workspace.clock()
    until = now + timedelta(hours=workspace.settings.bounces.storm_hours)
    reason = _storm_words(counts, label)
    with workspace.database.write() as session:
        pause_domain(session, DOMAIN + key, label, until, reason, now)
        freed = free_addresses(session, excuse_bounces(session, key, since), reason, now)
        words = f"{reason}. Mail to it waits until {until:%Y-%m-%d %H:%M} UTC. Nobody is blocked for it"
        words += f"; {freed} blocked before were freed." if freed else "."
        remedy = f"Look why, then: outreach domains resume {label}"
        raise_alert(session, AlertKind.DOMAIN_PAUSED, _subject(label), words, remedy, now)
    return PausedDomain(key, label, until, reason)


def _storm_words(counts: DomainCounts, label: str) -> str:
    return f"{counts.bounced} of {max(counts.mailed, counts.bounced)} addresses at {label} bounced within an hour"


def look_back(workspace: Workspace, instants: Collection[datetime]) -> list[str]:
    """Look for storms that were over when they were heard of, as in a log that is read later; each in words.

    What such a storm did to addresses is taken back; its domain is not paused for what has passed. `instants`: when
    bounces happened that are newly written down.
    """
    rules, now = bounce_rules(workspace.settings.bounces), workspace.clock()
    ends = {datetime.fromtimestamp(at.timestamp() // _HALF * _HALF, UTC) + SUDDEN for at in instants}
    told = []
    for until in sorted(end for end in ends if end <= now):
        since = until - SUDDEN
        with workspace.database.read() as session:
            keys = bounced_domains(session, since, rules.storm_least, until)
            share = rules.storm_share
            counted = {key: domain_counts(session, key, since, now, share=share, until=until) for key in keys}
            labels = {key: label_of(session, key, since) or f"a domain ({key[:8]})" for key in counted}
        for key, counts in counted.items():
            if not is_storm(counts, rules):
                continue
            reason = _storm_words(counts, labels[key])
            with workspace.database.write() as session:
                excused = excuse_bounces(session, key, since, until)
                freed = free_addresses(session, excused, reason, now)
            if excused:
                told.append(f"{since:%Y-%m-%d %H:%M} UTC: {reason}. Nobody is blocked for it; {freed} were freed.")
    return told


@contextmanager
def watching(workspace: Workspace, failed: Callable[[], int]) -> Iterator[None]:
    """Look for storms beside a run of sending, whenever more mails have `failed`, and once more at its end."""
    over = threading.Event()

    def look() -> None:
        seen = 0
        while not over.wait(LOOK_SECONDS):
            count = failed()
            if count > seen:
                seen = count
                with suppress_errors(OutreachError):  # a database that cannot be written is the committer's to tell
                    watch_bounces(workspace)

    watcher = threading.Thread(target=look, name="storms", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    if failed():
        watch_bounces(workspace)


def _end_alerts(workspace: Workspace, paused: Sequence[PausedDomain], now: datetime) -> None:
    still = [_subject(one.label) for one in paused]
    with workspace.database.read() as session:
        over = [one for one in open_alerts(session, AlertKind.DOMAIN_PAUSED) if one.subject not in still]
    if over:
        with workspace.database.write() as session:
            end_all_but(session, AlertKind.DOMAIN_PAUSED, still, now)


def _subject(label: str) -> str:
    return f"domain {label}"


def wake_domains(workspace: Workspace, keys: Sequence[str], label: str) -> None:
    """A person let mail to a domain go on: what was put off is judged at the next claim, and the alert ends."""
    now = workspace.clock()
    with workspace.database.read() as session:
        editions = open_editions(session)
    hasten_domains(workspace.database, editions, keys)
    with workspace.database.write() as session:
        end_alert(session, AlertKind.DOMAIN_PAUSED, _subject(label), now)
