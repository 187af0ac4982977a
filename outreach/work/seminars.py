"""Seminars: from their file to sessions, invitations with a calendar's event, updates and cancelling.

Law: a session keeps its UID; whatever changes in it raises its revision, and nobody hears of it before a person says so
(`tell_changes`), each of those invited once for each revision. RFC 5546, RFC 6047.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlmodel import Session

from ..address import new_public_id
from ..errors import UsageError
from ..newsletter.seminar_file import SeminarFile, parse_seminar
from ..prose.days import day_in_words
from ..records import CampaignState, Kind, SeatState, Seminar, SeminarSession
from ..store.campaigns import change_campaign_state
from ..store.seminars import (
    add_session,
    all_seminars,
    change_session,
    count_invited,
    declined_among,
    invitations,
    invited,
    keep_seminar,
    people_of,
    seat_counts,
    seminar_named,
    session_at,
    sessions_of,
    still_inviting,
)
from ..store.sequence_events import wake_guests
from ..workdays import to_instant, zone_or
from .compose import Applied
from .files import read_text, shown_path
from .seat_words import words_for
from .seminar_event import event_of
from .single import queue_single
from .workspace import Workspace

PAGE = 100


def apply_seminar(workspace: Workspace, path: Path) -> Applied:
    """Keep the seminar that stands in `path`. Raises InputError with file, line and remedy.

    Nobody is told of what has changed: see `changes_to_tell` and `tell_changes`.
    """
    found, now = parse_seminar(read_text(path), shown_path(workspace, path)), workspace.clock()
    if found.zone:
        try:
            ZoneInfo(found.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            remedy = "Write a zone such as Europe/Berlin."
            raise found.front.refuse("zone", f"{found.zone!r} is no time zone", remedy) from None
    _check_times(found, zone_or(found.zone, workspace.settings.identity.zone))
    with workspace.database.read() as session:
        known = seminar_named(session, found.name)
    if known is not None and (known.source, known.source_path) == (found.source, found.file):
        return Applied(found.name, "unchanged", found.file)
    with workspace.database.write() as session:
        before = seminar_named(session, found.name)
        told = before is not None and (before.title, before.place) != (found.title, found.where)
        values = {
            "title": found.title,
            "place": found.where,
            "zone": found.zone,
            "recording": found.recording,
            "words": found.body,
            "source": found.source,
            "source_path": found.file,
        }
        seminar_id = keep_seminar(session, found.name, values, now)
        _sessions(session, workspace, found, seminar_id, now, all_changed=told)
    return Applied(found.name, "created" if known is None else "updated", found.file)


def _check_times(found: SeminarFile, zone: ZoneInfo) -> None:
    """Raise InputError for a session at an hour that no clock shows, since it is put forward then."""
    for one in found.sessions:
        shown = to_instant(one.day, one.at, zone).astimezone(zone)
        if shown.time() != one.at:
            why = f"{one.name}: there is no {one.at:%H:%M} on {one.day} in {zone.key}: clocks are put forward"
            raise found.front.refuse("sessions", why, f"Write {shown:%H:%M}, or another hour")


def _sessions(
    session: Session, workspace: Workspace, found: SeminarFile, seminar_id: int, now: datetime, *, all_changed: bool
) -> None:
    zone = zone_or(found.zone, workspace.settings.identity.zone)
    known = {one.name: one for one in sessions_of(session, seminar_id)}
    for wanted in found.sessions:
        starts = to_instant(wanted.day, wanted.at, zone)
        values: dict[str, Any] = {"starts_at": starts, "ends_at": starts + wanted.length, "places": wanted.places}
        old = known.pop(wanted.name, None)
        if old is None:
            own = {"public_id": new_public_id(), "seminar_id": seminar_id, "name": wanted.name, "changed_at": now}
            add_session(session, values | own | {"revision": 0, "told": 0})
            continue
        moved = (old.starts_at, old.ends_at) != (values["starts_at"], values["ends_at"])
        if moved or (all_changed and values["ends_at"] > now) or old.cancelled_at is not None:
            values |= {"revision": old.revision + 1, "changed_at": now, "cancelled_at": None}
        assert old.id is not None
        change_session(session, old.id, values)
        wake_guests(session, old.id, now)
    for gone in known.values():
        if gone.cancelled_at is None and gone.starts_at > now and gone.id is not None:
            change_session(session, gone.id, {"revision": gone.revision + 1, "changed_at": now, "cancelled_at": now})
            wake_guests(session, gone.id, now)
            for campaign in still_inviting(session, gone):
                change_campaign_state(session, campaign, CampaignState.PAUSED, now)


def session_named(session: Session, place: str) -> tuple[Seminar, SeminarSession]:
    """The session that "best-shot/evening" names. Raises UsageError with those that there are."""
    name, _, own = place.partition("/")
    found = session_at(session, name, own)
    if found is None:
        known = [
            f"{one.name}/{each.name}" for one in all_seminars(session) for each in sessions_of(session, one.id or 0)
        ]
        remedy = f"There are: {', '.join(known)}." if known else "Apply one: outreach seminars apply FILE.md"
        raise UsageError(f"there is no session called {place}", remedy=remedy)
    return found


@dataclass(frozen=True)
class Change:
    """A session of which those invited do not know the newest: when it is now, or that it is off.

    `invited`: how many are to be told, without those who have declined. `local`: when it is, where it is held.
    """

    place: str
    session_id: int
    revision: int
    local: datetime
    cancelled: bool
    invited: int


def changes_to_tell(workspace: Workspace, name: str) -> list[Change]:
    """The sessions, not over yet, that have changed since people were invited to them.

    Raises UsageError for an unknown seminar.
    """
    now = workspace.clock()
    with workspace.database.read() as session:
        seminar = known_seminar(session, name)
        zone = zone_or(seminar.zone, workspace.settings.identity.zone)
        found: list[Change] = []
        for one in sessions_of(session, seminar.id or 0):
            if one.revision > one.told and one.ends_at > now and one.id is not None:
                place = f"{name}/{one.name}"
                people = count_invited(session, invitations(session, one), but_declined=one.id)
                off, local = one.cancelled_at is not None, one.starts_at.astimezone(zone)
                found.append(Change(place, one.id, one.revision, local, off, people))
        return found


def known_seminar(session: Session, name: str) -> Seminar:
    """The seminar called `name`. Raises UsageError with those that there are."""
    found = seminar_named(session, name)
    if found is None:
        known = ", ".join(one.name for one in all_seminars(session))
        remedy = f"There are: {known}." if known else "Apply one: outreach seminars apply FILE.md"
        raise UsageError(f"there is no seminar called {name}", remedy=remedy)
    return found


def tell_changes(workspace: Workspace, change: Change, progress: Callable[[int], None] = lambda _: None) -> int:
    """Queue an update, or the cancelling, for everybody invited who has not declined; how many, each once.

    Broken off and called again, it goes on where it was: whoever has it queued gets no second one.
    """
    after = told = 0
    while True:
        with workspace.database.write() as session:
            seminar, found = session_named(session, change.place)
            page = invited(session, invitations(session, found), after, PAGE)
            away = declined_among(session, change.session_id, [person for person, *_ in page])
            what = "off" if change.cancelled else "moved"
            for person, address, language in page:
                if person not in away:
                    queue_event_mail(session, workspace, seminar, found, person, address, what, language=language)
                    told += 1
        progress(len(page))
        if len(page) < PAGE:
            break
        after = page[-1][0]
    with workspace.database.write() as session:
        change_session(session, change.session_id, {"told": change.revision})
    return told


def queue_event_mail(
    session: Session,
    workspace: Workspace,
    seminar: Seminar,
    found: SeminarSession,
    customer_id: int,
    address: str,
    what: str,
    *,
    language: str = "",
) -> None:
    """Queue a single mail about a session with its calendar event. moved and off: once for each person and revision;
    place and waiting: as often as it comes to that, for whoever gave a place back may get one again."""
    zone, now = zone_or(seminar.zone, workspace.settings.identity.zone), workspace.clock()
    again = f" {now:%Y%m%dT%H%M%S.%f}" if what in ("place", "waiting") else ""
    local = found.starts_at.astimezone(zone)
    spoken = language or workspace.settings.identity.language
    subject, text = words_for(spoken, what)
    values = {
        "title": seminar.title,
        "day": day_in_words(local, spoken),
        "time": f"{local:%H:%M}",
        "zone": zone.key,
        "place": seminar.place or "–",
        "company": workspace.settings.identity.company,
    }
    content: dict[str, Any] = {"auto_submitted": "auto-generated"}
    if what != "waiting":
        content["calendar"] = event_of(workspace, seminar, found).kept()
        content["calendar_answer"] = "ACCEPTED" if what == "place" else "NEEDS-ACTION"
    queue_single(
        session,
        workspace,
        kind=Kind.SERVICE,
        customer_id=customer_id,
        address=address,
        occasion=f"seminar {found.id} {what} {found.revision}{again}",
        subject=subject.format(**values),
        text=text.format(**values),
        now=now,
        content=content,
    )


def places_of(workspace: Workspace, name: str) -> list[str]:
    """A seminar's sessions, as campaigns and commands name them."""
    with workspace.database.read() as session:
        return [f"{name}/{one.name}" for one in sessions_of(session, known_seminar(session, name).id or 0)]


def figures_of(workspace: Workspace, name: str, *, who: bool = False) -> dict[str, Any]:
    """A seminar with each session's figures; `who`: with all who answered. Raises UsageError for an unknown one."""
    with workspace.database.read() as session:
        seminar = known_seminar(session, name)
        sessions = sessions_of(session, seminar.id or 0)
        seats = seat_counts(session, [one.id or 0 for one in sessions])
        rows = []
        for one in sessions:
            counts = seats.get(one.id or 0, {})
            row: dict[str, Any] = {
                "session": one.name,
                "starts_at": one.starts_at,
                "ends_at": one.ends_at,
                "places": one.places,
                "cancelled": one.cancelled_at is not None,
                "revision": one.revision,
                "told": one.told,
                "invited": count_invited(session, invitations(session, one)),
                **{state.value: counts.get(state.value, 0) for state in SeatState},
                "attended": counts.get("attended", 0),
                "missed": counts.get("missed", 0) if one.attendance_at else 0,
            }
            if who:
                row["guests"] = [
                    {"email": address, "state": seat.state, "how": seat.how, "attended": seat.attended_at is not None}
                    for address, seat in people_of(session, one.id or 0)
                ]
            rows.append(row)
    return {
        "name": name,
        "title": seminar.title,
        "place": seminar.place,
        "recording": seminar.recording,
        "zone": zone_or(seminar.zone, workspace.settings.identity.zone).key,
        "file": seminar.source_path,
        "sessions": rows,
    }
