"""What needs a person now, as the database shows it, each with the words for it and the command to run next.

Law: it only reads, and loads nothing that sends: a monitor asks every few minutes.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from ..audience.asking import SPAN, TIME_TO_ANSWER, USUAL, has_jumped, is_flood
from ..cases.said import plain
from ..records import AlertKind, Kind, RelayState
from ..store.desk import colleagues, late_cases
from ..store.health import (
    due_of_kinds,
    in_doubt,
    late_schedules,
    mail_is_late,
    resting_relays,
    silent_daemons,
    unlooked_messages,
    unreadable_mailboxes,
    waiting_editions,
)
from ..store.promises import broken_promises
from ..store.sign_ups import asked_between, busy_places
from ..store.steps import stops_in_force
from ..workdays import add_business_hours
from .alert_words import without_addresses
from .sight import kinds_that_wait, sight
from .workspace import Workspace

OURS = (
    *(AlertKind.IN_DOUBT, AlertKind.MAILBOX, AlertKind.EDITION_WAITS, AlertKind.SILENT_DAEMON),
    *(AlertKind.BREAKER_OPEN, AlertKind.OFFER_WAITS, AlertKind.PROMISE, AlertKind.CASES),
    *(AlertKind.EDITION_STOPPED, AlertKind.SIGN_UPS),
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
            remedy = command_line(workspace, "verify", doubtful.campaign, "--state", "in_doubt")
            found.append(Seen(AlertKind.IN_DOUBT, doubtful.campaign, words, remedy))
        for relay in resting_relays(session):
            if relay.name in {known.name for known in workspace.settings.all_relays}:
                found.append(_resting(workspace, relay))
        for name, error in unreadable_mailboxes(session).items():
            if _is_gone(workspace, name):
                continue
            remedy = command_line(workspace, "doctor")
            found.append(Seen(AlertKind.MAILBOX, name, without_addresses(error), remedy))
        for campaign, occasion, reason in waiting_editions(session):
            let_go = command_line(workspace, "send", campaign, "--release")
            remedy = f"{command_line(workspace, 'plan')} shows why; {let_go} lets it go as it is"
            found.append(Seen(AlertKind.EDITION_WAITS, f"{campaign} {occasion}", reason or "it waits", remedy))
        for worker in silent_daemons(session, quiet):
            since = f"{worker.beat_at:%Y-%m-%d %H:%M} UTC"
            words = f"`outreach run` on {worker.host} (process {worker.pid}) gave no sign of life since {since}."
            found.append(
                Seen(
                    AlertKind.SILENT_DAEMON,
                    f"daemon on {worker.host}",
                    words,
                    f"Start it: {command_line(workspace, 'run')}",
                )
            )
        found += [*_cases(session, workspace, now), *_unlooked(session, workspace, now)]
        found += _sign_ups(session, workspace, now)
        late = late_schedules(session, quiet)
        if late:
            words = f"The next issue of {', '.join(late[:5])} is due, and nobody opened it."
            found.append(Seen(AlertKind.SILENT_DAEMON, "schedules", words, f"Start {command_line(workspace, 'run')}"))
        for step, edition, its in stops_in_force(session):
            words = f"{step.reason}. {step.evidence.get('left', 0)} people had not got it and wait for you."
            remedy = f"Look: {command_line(workspace, 'steps', 'show', str(step.id))}. Go on as it is: "
            remedy += command_line(workspace, "steps", "undo", str(step.id))
            found.append(Seen(AlertKind.EDITION_STOPPED, f"{its.name} {edition.occasion}", words, remedy))
        waiting = kinds_that_wait(session, workspace, now)
        for campaign, occasion in due_of_kinds(session, waiting, now) if waiting else ():
            found.append(_blind(session, workspace, f"{campaign} {occasion}", now))
        if mail_is_late(session, quiet, waiting):
            words = f"Mail has been due for more than {settings.silent_minutes} minutes, and nobody sends it."
            found.append(Seen(AlertKind.SILENT_DAEMON, "mail", words, f"Start {command_line(workspace, 'run')}"))
    return found


def _is_gone(workspace: Workspace, mailbox: str) -> bool:
    """Whether no setting names this mailbox any more; on PostgreSQL another machine's settings may."""
    return workspace.database.is_sqlite and mailbox not in {box.name for box in workspace.settings.replies.mailboxes}


def _sign_ups(session: Session, workspace: Workspace, now: datetime) -> Iterator[Seen]:
    """Strangers' addresses on our page: from one place, or many more than usual that nobody confirms."""
    since, until = now - SPAN - TIME_TO_ANSWER, now - TIME_TO_ANSWER
    remedy = "Look in your web server's log for what posts to /join, and block it there. "
    remedy += f"To close a list's page: {command_line(workspace, 'lists', 'change', 'NAME', '--no-sign-up')}"
    for place in busy_places(session, since, until)[:1]:
        if is_flood(place):
            words = f"{place.people:,} addresses were typed into the sign-up page from one place within a day, and "
            words += f"{place.answered or 'none'} of their owners confirmed."
            yield Seen(AlertKind.SIGN_UPS, "one place", words, remedy)
    day, before = asked_between(session, since, until), asked_between(session, since - USUAL, since)
    if has_jumped(day, before):
        words = (
            f"Of {day.people:,} people who were asked within a day to confirm a sign-up, {day.answered or 'none'} did"
        )
        words += f"; of {before.people:,} in the four weeks before {before.answered:,}." if before.people else "."
        yield Seen(AlertKind.SIGN_UPS, "unconfirmed", words, remedy)


def _blind(session: Session, workspace: Workspace, subject: str, now: datetime) -> Seen:
    words = f"{sight(session, workspace, Kind.OFFER, now).evidence}."
    remedy = (
        f"Read it: {command_line(workspace, 'replies', 'fetch')}. What is wrong: {command_line(workspace, 'doctor')}"
    )
    return Seen(AlertKind.OFFER_WAITS, subject, words, remedy)


def _cases(session: Session, workspace: Workspace, now: datetime) -> list[Seen]:
    """Promises that are late, and customers who wait while there is nobody to be told."""
    found = []
    for promise, case in broken_promises(session, now):
        words = f"Case {case.id}, {case.owner or 'nobody'}'s: {plain(promise.text)[:200]}"
        remedy = command_line(workspace, "cases", "promise", str(case.id), "--kept", str(promise.id))
        subject = f"promise {promise.id} of case {case.id}"
        found.append(Seen(AlertKind.PROMISE, subject, without_addresses(words), f"Keep it, then {remedy}"))
    overdue = len(late_cases(session, now))
    if overdue and not any(one.address for one in colleagues(session)):
        words = f"{overdue} cases are overdue, and there is no colleague to be told."
        remedy = f"{command_line(workspace, 'cases', 'list')}; then {command_line(workspace, 'people', 'add')} NAME"
        found.append(Seen(AlertKind.CASES, "cases", words, remedy))
    return found


def _unlooked(session: Session, workspace: Workspace, now: datetime) -> Iterator[Seen]:
    """What people wrote that made no case: when nobody has looked for as long as a first answer may take."""
    count, oldest = unlooked_messages(session)
    hours = workspace.settings.cases.normal_hours
    if oldest is not None and add_business_hours(oldest, hours, workspace.working_hours) < now:
        came = f"{oldest:%Y-%m-%d %H:%M} UTC"
        if count == 1:
            words = f"A message of {came} made no case, and nobody has looked at it."
        else:
            words = f"{count:,} messages made no case, and nobody has looked at them; the oldest came {came}."
        yield Seen(AlertKind.CASES, "replies", words, command_line(workspace, "replies", "review"))


def _resting(workspace: Workspace, relay: RelayState) -> Seen:
    others = len(workspace.settings.all_relays) > 1
    what = "Its share goes over the others." if others else "What was not sent stays queued."
    words = f"{without_addresses(relay.reason) or 'it does not answer'}. {what}"
    again = command_line(workspace, "relays", "try", relay.name)
    remedy = (
        f"{without_addresses(relay.remedy)} Then: {again}" if relay.remedy else f"It is tried by itself; or {again}"
    )
    return Seen(AlertKind.BREAKER_OPEN, f"relay {relay.name}", words, remedy)


def command_line(workspace: Workspace, *words: str) -> str:
    """`outreach …` for this workspace, ready to be pasted into a shell."""
    return shlex.join(["outreach", "-w", str(workspace.root), *words])
