"""What of a kept campaign, sequence or seminar will most likely never come about as it was meant: said when it is kept.

Law: it is said, not refused, since it may be meant so, or come yet; by the line of the file that it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice, pairwise
from typing import Any

from sqlmodel import Session

from ..audience.segment_tree import COLUMNS
from ..audience.segment_words import nearest
from ..errors import InputError
from ..plan.variants import read_comparison
from ..records import BULK, MailingList
from ..store.campaigns import campaign_named
from ..store.segments import known_attributes
from ..store.seminars import seminar_named, sessions_of, still_inviting
from ..store.sequences import find_sequence
from ..timing.days import OpenDays
from ..timing.occurrence import occasion_wall
from ..timing.sequence_words import BeginKind, EventKind
from ..timing.window import is_quiet
from ..workdays import zone_or
from .judge import open_days
from .schedules import UTC_ZONE, next_occasion, occasions_after, timing_of
from .sequence_plan import Rules, rules_of
from .workspace import Workspace

COUNTED = {EventKind.OPENED: "opens", EventKind.CLICKED: "clicks"}
DATED = (BeginKind.DATE, BeginKind.YEARLY)


def doubts_ahead(workspace: Workspace, noun: str, names: Iterable[str]) -> dict[str, list[str]]:
    """The doubts about kept campaigns, sequences or seminars, by name; each with the line of its file first."""
    told = {}
    with workspace.database.read() as session:
        for name in names:
            said = list(_OF[noun](session, workspace, name))
            if said:
                told[name] = said
    return told


def occasions_ahead(workspace: Workspace, names: Iterable[str], count: int = 3) -> dict[str, str]:
    """When campaigns go by their schedule next, in words, by name; nothing of those that go by hand or never more."""
    told: dict[str, str] = {}
    with workspace.database.read() as session:
        for name in names:
            found = campaign_named(session, name)
            if found is None or not found.schedule.strip():
                continue
            timing = timing_of(workspace, found)
            keys = [one.key for one in islice(occasions_after(timing, workspace.clock()), count)]
            walls = [wall for key in keys if (wall := occasion_wall(key)) is not None]
            if walls:
                days = open_days(workspace) if found.kind in BULK else OpenDays()
                where = "in each reader's own zone" if timing.per_customer else timing.zone.key
                told[name] = f"{_days_and_hours(days, walls, ' …' if len(walls) == count else '')} ({where})"
    return told


def _days_and_hours(days: OpenDays, walls: Sequence[datetime], more: str) -> str:
    """When these go: the hour behind all of them where it is the same; of a closed day, the next that is open."""
    said = []
    for wall in walls:
        moved = days.next_open(wall.replace(tzinfo=UTC), UTC_ZONE)
        why = f" (not {wall:%a %-d %b}: {days.why_closed(wall.date())})" if moved else ""
        said.append(f"{moved[0] if moved else wall:%a %-d %b %Y}{why}")
    if len({wall.time() for wall in walls}) == 1:
        return f"{', '.join(said)}{more} at {walls[0]:%H:%M}"
    return ", ".join(f"{day} at {wall:%H:%M}" for day, wall in zip(said, walls, strict=True)) + more


def _of_campaign(session: Session, workspace: Workspace, name: str) -> Iterator[str]:
    found = campaign_named(session, name)
    if found is None or "/" in name:
        return
    test = read_comparison(found.options.get("test") or {})
    mailing = session.get(MailingList, found.list_id) if found.list_id is not None else None
    if test is not None and test.by == "clicks" and mailing is not None and not mailing.clicks:
        option = f"outreach lists change {mailing.name} --clicks"
        yield f"test: the list {mailing.name} does not count clicks, so that no version can win by them: {option}"
    if not found.schedule.strip():
        return
    try:
        timing = timing_of(workspace, found)
    except InputError:
        return
    coming, sending = next_occasion(timing, workspace.clock()), workspace.settings.sending
    if coming is None:
        yield "schedule: it has no occasion from now on, so that nothing goes by it"
    wall = occasion_wall(coming.key) if coming is not None else None
    if wall is not None and found.kind in BULK and is_quiet(wall.time(), sending.quiet_from, sending.quiet_until):
        hours = f"{sending.quiet_from:%H:%M} to {sending.quiet_until:%H:%M}"
        yield f"schedule: {wall:%H:%M} lies in the quiet hours ({hours}); said so in a schedule, it goes at that hour"


def _of_sequence(session: Session, workspace: Workspace, name: str) -> Iterator[str]:
    row = find_sequence(session, name)
    if row is None:
        return
    rules = rules_of(workspace, (row.draft or {}).get("plan") or row.plan)
    begins = rules.begins
    if begins.kind in DATED and begins.name not in COLUMNS:
        known = known_attributes(session)
        if begins.name not in known:
            yield f"begins: no customer has {begins.name!r}{nearest(begins.name, known) or '; is it spelt right?'}"
    if begins.kind is BeginKind.SEMINAR and seminar_named(session, begins.name) is None:
        yield f"begins: there is no seminar called {begins.name} yet"
    if begins.kind in (BeginKind.SIGNUP, BeginKind.GOAL, BeginKind.EVERY_GOAL, BeginKind.CASE_CLOSED):
        for step in rules.plan.steps:
            if (step.when.days or 0) < 0:
                yield f"when: {step.name} is due before anything has begun it, and goes at once"
    yield from _uncounted(session, rules, (row.draft or {}).get("list_id") or row.list_id)


def _uncounted(session: Session, rules: Rules, list_id: int | None) -> Iterator[str]:
    """The events that nobody will ever be known to have had, since their list does not count them."""
    mailing = session.get(MailingList, list_id) if list_id is not None else None
    if mailing is None:
        return
    asked = {event.kind for event in rules.plan.events()}
    for kind, word in COUNTED.items():
        if kind in asked and not (getattr(mailing, word) or (kind is EventKind.OPENED and mailing.clicks)):
            option = f"outreach lists change {mailing.name} --{word}"
            yield f"{kind.value}: the list {mailing.name} does not count {word}, so it never happens: {option}"


def _of_seminar(session: Session, workspace: Workspace, name: str) -> Iterator[str]:
    found = seminar_named(session, name)
    if found is None:
        return
    every = sessions_of(session, found.id or 0)
    sessions = [one for one in every if one.cancelled_at is None]
    for one in every:
        if one.cancelled_at is not None and one.starts_at > workspace.clock():
            for campaign in still_inviting(session, one):
                how = f"outreach campaigns cancel {campaign}, or resume it once it takes place again"
                yield f"sessions: {one.name} is off, but {campaign} still holds invitations to it: {how}"
    zone = zone_or(found.zone, workspace.settings.identity.zone)
    for one in sessions:
        if one.starts_at <= workspace.clock():
            yield f"sessions: {one.name} is over or under way: it began on {_day(one.starts_at.astimezone(zone))}"
    for first, second in pairwise(sessions):
        if second.starts_at < first.ends_at:
            at = _day(second.starts_at.astimezone(zone))
            yield f"sessions: {second.name} begins while {first.name} lasts, on {at}: nobody can be at both"


def _day(at: Any) -> str:
    return f"{at:%-d %b %Y at %H:%M}"


_OF = {"campaign": _of_campaign, "sequence": _of_sequence, "seminar": _of_seminar}
