"""Who begins a sequence: looked up by what its file says, and written down once for each reason.

Law: somebody is in a sequence once by one key, whoever finds them first, and however often it is looked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from ..records import Campaign
from ..records import Sequence as SequenceRow
from ..store.begins import CATCH_UP, Beginning, Scan, who_begins
from ..store.campaigns import campaign_named
from ..store.places import let_standbys_on, lock_sequence
from ..store.saved_segments import load_segment
from ..store.sequences import enrol, note_scan
from ..timing.sequence import anniversary
from ..timing.sequence_words import BeginKind
from ..workdays import to_instant, zone_or
from .sequence_places import with_places
from .sequence_plan import Rules, rules_of, step_campaign
from .workspace import Workspace

SCAN_EVERY = {
    BeginKind.DATE: timedelta(minutes=15),
    BeginKind.YEARLY: timedelta(minutes=15),
    BeginKind.QUIET: timedelta(hours=12),
}
"""How often it is looked who begins, where that means reading every customer; else at each round."""


@dataclass(frozen=True)
class Course:
    """A running sequence with all that deciding on people reads of it."""

    row: SequenceRow
    rules: Rules
    campaigns: Mapping[str, Campaign]
    default: ZoneInfo

    @property
    def id(self) -> int:
        assert self.row.id is not None
        return self.row.id

    @property
    def steps(self) -> dict[str, int]:
        """Each step's campaign."""
        return {name: campaign.id or 0 for name, campaign in self.campaigns.items()}

    def zone_of(self, zone: str | None) -> ZoneInfo:
        """The zone whose hours count for a person who lives in `zone`."""
        return self.rules.zone or zone_or(zone, self.default.key)


def course_of(
    session: Session, workspace: Workspace, row: SequenceRow, plan: Mapping[str, Any] | None = None
) -> Course:
    """A sequence with its rules (or those of another `plan`) and its steps' campaigns, as far as they are kept."""
    rules = rules_of(workspace, plan or row.plan)
    found = {step.name: campaign_named(session, step_campaign(row.name, step.name)) for step in rules.plan.steps}
    default = zone_or(workspace.settings.identity.zone, "UTC")
    return Course(row, rules, {name: one for name, one in found.items() if one is not None}, default)


def begin(workspace: Workspace, course: Course) -> int:
    """Let everybody begin who does now; how many. Where that means reading every customer, not at each round."""
    now, last = workspace.clock(), course.row.scanned_at
    every = SCAN_EVERY.get(course.rules.begins.kind)
    if every is not None and last is not None and last <= now < last + every:
        return 0
    begun = 0
    for page in beginners(workspace, course, now):
        with workspace.database.write() as session:
            if course.rules.one_per is not None:
                lock_sequence(session, course.id)
                let_standbys_on(session, course.id, course.row.list_id, course.rules.one_per, now)
            begun += enrol(session, with_places(session, course, page))
    with workspace.database.write() as session:
        note_scan(session, course.id, now)
    return begun


def beginners(workspace: Workspace, course: Course, now: datetime) -> Iterator[list[dict[str, Any]]]:
    """Those who begin now, as rows of enrolments, in pages."""
    with workspace.database.read() as session:
        scan = scan_of(session, course, now)
        if scan is None:
            return
        for page in who_begins(session, scan):
            rows = (row for one in page for row in _enrolment(course, one, scan, now))
            yield list(rows)


def scan_of(session: Session, course: Course, now: datetime, until: datetime | None = None) -> Scan | None:
    """Where and when whoever begins now, or by `until`, must have begun; None for a sequence without a list."""
    row, begins = course.row, course.rules.begins
    starting = row.starting or now.date()
    if row.list_id is None:
        return None
    today = now.astimezone(course.default).date()
    since = max(datetime.combine(starting, datetime.min.time(), tzinfo=UTC) - timedelta(hours=14), now - CATCH_UP)
    back = course.rules.plan.late if begins.kind is BeginKind.YEARLY else CATCH_UP
    first = max(starting, today - back)
    last = (until or now).astimezone(course.default).date() + timedelta(days=course.rules.ahead + 1)
    segment = load_segment(session, course.rules.segment, now)
    return Scan(course.id, row.list_id, segment, begins, since, now, first, last, not course.rules.service, until)


def _enrolment(course: Course, one: Beginning, scan: Scan, now: datetime) -> Iterator[dict[str, Any]]:
    """The rows for one who begins: for an anniversary one for each year in which it is due now."""
    zone = course.zone_of(one.zone)
    shared = {"sequence_id": course.id, "customer_id": one.customer_id, "look_at": now, "changed_at": now}
    if one.at is not None:
        if one.at.astimezone(zone).date() >= (course.row.starting or date.min):
            yield shared | {"key": one.key, "day": one.at.astimezone(zone).date(), "began_at": one.at}
        return
    for key, on in days_of(course, scan, one.key, one.on):
        yield shared | {"key": key, "day": on, "began_at": to_instant(on, datetime.min.time(), zone)}


def days_of(course: Course, scan: Scan, key: str, on: str | None) -> list[tuple[str, date]]:
    """The days on which somebody with this date begins, with their keys: one for each year of an anniversary."""
    try:
        day = date.fromisoformat(on or "")
    except ValueError:
        return []
    if course.rules.begins.kind is not BeginKind.YEARLY:
        return [(key, day)]
    years = range(max(scan.first.year, day.year + 1), scan.last.year + 1)
    kept = ((str(year), anniversary(day, year)) for year in years)
    return [(key, on) for key, on in kept if scan.first <= on <= scan.last]
