"""The plan as a calendar that the team's own programs follow: an .ics file, and the secret link to it on the server.

Law: an event's UID is its campaign and occasion in this workspace, so that a new version replaces the old one (RFC
5545); it names campaigns and numbers, never a customer. The link is made from the ring's keys and kept nowhere.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from .entries import Agenda, Entry
from .outlook import Outlook, StepMails
from .workspace import Workspace

PATH = "/plan"
SHORTEST = timedelta(minutes=30)
DAY = timedelta(days=1)
DAYS = 30
"""So far ahead the feed looks."""


def feed_path(workspace: Workspace) -> str:
    """The path of the feed on our server; "" where the settings want none."""
    number = workspace.settings.calendar.feed
    return f"{PATH}/{_token(workspace, workspace.keys.current, number)}.ics" if number else ""


def is_feed_token(workspace: Workspace, token: str) -> bool:
    """Whether this is the secret in the link, by any key of the ring."""
    number = workspace.settings.calendar.feed
    keys = workspace.keys.signing if number else ()
    return any(hmac.compare_digest(token.encode(), _token(workspace, key, number).encode()) for key in keys)


def _token(workspace: Workspace, key: int, number: int) -> str:
    return hmac.new(workspace.keys.signing[key], b"plan feed %d" % number, hashlib.sha256).hexdigest()[:40]


def calendar_of(workspace: Workspace, agenda: Agenda) -> bytes:
    """The plan as an iCalendar file: each edition an event; all-day ones for a sequence's mails and each day off."""
    from icalendar import Calendar, Event  # lazy: 100 ms, and only needed where a calendar is made

    made: Any = Calendar()
    made.add("prodid", "-//outreach//plan//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", f"{workspace.settings.identity.company}: newsletters")
    here = hashlib.sha256(workspace.keys.address + b"plan feed").hexdigest()[:16]
    for entry in agenda.entries:
        name = f"{entry.campaign}.{entry.occasion}".replace("/", "-").replace(" ", "-")
        event = _event(Event(), f"{name}@{here}", agenda.now)
        first, last = min(_times(entry)), max(_times(entry))
        event.add("dtstart", first)
        event.add("dtend", max(first + SHORTEST, last if last - first < DAY else first))
        event.add("summary", f"{entry.campaign} ({entry.kind}): to {_people(entry.going)}")
        event.add("description", "\n".join(_words(entry, agenda)))
        event.add("status", "TENTATIVE" if entry.waits else "CONFIRMED")
        event.add("categories", [entry.kind])
        made.add_component(event)
    for found in agenda.sequences:
        for day, mails in groupby(found.mails, key=lambda mail: mail.day):
            event = _event(Event(), f"{found.sequence}.{day}.sequence@{here}", agenda.now)
            steps = list(mails)
            event.add("dtstart", day)
            event.add("dtend", day + DAY)
            mails_of_day = sum(mail.people for mail in steps)
            words = "1 mail" if mails_of_day == 1 else f"{mails_of_day:,} mails"
            event.add("summary", f"{found.sequence} (sequence): {words}")
            event.add("description", "\n".join(_sequence_words(found, day, steps, agenda)))
            event.add("status", "CONFIRMED")
            event.add("categories", [found.kind])
            made.add_component(event)
    for closed in agenda.closed:
        event = _event(Event(), f"closed.{closed.day}@{here}", agenda.now)
        event.add("dtstart", closed.day)
        event.add("dtend", closed.day + DAY)
        event.add("summary", "No newsletters")
        event.add("description", closed.why)
        made.add_component(event)
    if not made.subcomponents:
        made.add_component(_nothing())
    return bytes(made.to_ical())


def _nothing() -> Any:
    """What stands in a calendar without events, where one component at least must (RFC 5545 3.6): a zone, that no
    program shows.
    """
    from icalendar import Timezone, TimezoneStandard  # lazy, as above

    zone, standard = Timezone(), TimezoneStandard()
    zone.add("tzid", "Etc/UTC")
    standard.add("dtstart", datetime(1970, 1, 1))
    standard.add("tzoffsetfrom", timedelta())
    standard.add("tzoffsetto", timedelta())
    zone.add_component(standard)
    return zone


def _event(event: Any, uid: str, now: datetime) -> Any:
    """What all events have: none of them blocks anybody's day."""
    event.add("uid", uid)
    event.add("dtstamp", now)
    event.add("transp", "TRANSPARENT")
    return event


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _times(entry: Entry) -> list[datetime]:
    return [slot.at for slot in entry.slots] or [entry.opens]


def count_events(agenda: Agenda) -> int:
    """How many events the calendar has."""
    days = sum(len({mail.day for mail in found.mails}) for found in agenda.sequences)
    return len(agenda.entries) + len(agenda.closed) + days


def _sequence_words(found: Outlook, day: date, mails: Sequence[StepMails], agenda: Agenda) -> list[str]:
    words = [f"{mail.step}: to {_people(mail.people)} at {mail.local} of theirs" for mail in mails]
    words += [
        f"{one.people:,} of them get {one.step} later than it is due:"
        f" {'over their budget' if one.reason == 'budget' else one.reason}"
        for one in found.later
        if one.day == day
    ]
    words += [
        f"clash: {clash.words}"
        for clash in agenda.clashes
        if clash.day == day and (found.sequence, "") in zip(clash.campaigns, clash.occasions, strict=True)
    ]
    return [*words, "if nobody writes, clicks or buys meanwhile"]


def _words(entry: Entry, agenda: Agenda) -> list[str]:
    """What a colleague reads when they open the event."""
    words = [entry.subject, f"{entry.state}: to {entry.going:,} of {entry.people:,} people"]
    words += [one for one in (entry.note, entry.invites) if one]
    if entry.tried is not None:
        words += [f"version {one.version} to {one.people:,}: {one.subject}" for one in entry.tried.versions]
        if entry.tried.judged_at is not None:
            rest = f"{entry.tried.rest:,} wait for the version that wins by {entry.tried.by}"
            words.append(f"{rest}, judged {entry.tried.judged_at:%a %-d %b %H:%M} UTC")
    words += [
        f"{one.people:,} later, on {one.day:%a %-d %b}: {'over their budget' if one.reason == 'budget' else one.reason}"
        for one in entry.instead
    ]
    words += [f"not to {one.people:,}: {one.reason or one.state}" for one in entry.refused]
    words += [
        f"clash on {clash.day:%a %-d %b}: {clash.words}"
        for clash in agenda.clashes
        if (entry.campaign, entry.occasion) in zip(clash.campaigns, clash.occasions, strict=True)
    ]
    return words
