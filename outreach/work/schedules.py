"""Campaigns' schedules: kept as rows, read as occasions, and what becomes of those that were missed.

Law: an occasion is a local date and slot. In the customers' own zones it opens when that local time first comes
about anywhere, and each mail is due at the person's own wall time. What was missed while nothing ran follows the
campaign's policy (RELIABILITY, Time): send up to an age, skip, or ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from ..errors import InputError
from ..newsletter.campaign_file import parse_deadline
from ..records import Campaign, Schedule
from ..store.editions import campaigns_and_schedules, extend_some, keep_schedule
from ..store.waiting import Place
from ..timing.occurrence import (
    AHEAD,
    Rule,
    at_occasion,
    describe,
    occasion_wall,
    occurrences,
    over_everywhere,
    parse_schedule,
)
from ..workdays import zone_or
from .workspace import Workspace

PUNCTUAL = timedelta(hours=1)
"""What is found due within this time was not missed, whatever the policy."""
TOO_EARLY = timedelta(days=2)
"""No zone's local time is so far ahead of UTC: an occasion that is done so long before its time was no occasion yet."""
CUSTOMERS_OWN = ("customer", "customers", "recipient")
UTC_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True)
class Timing:
    """A campaign's rule in time. `zone` is UTC, and not used, where each customer's own counts."""

    rule: Rule
    zone: ZoneInfo
    per_customer: bool
    missed: str

    @property
    def zone_name(self) -> str:
        return CUSTOMERS_OWN[0] if self.per_customer else self.zone.key


@dataclass(frozen=True)
class Occasion:
    """One occasion of a campaign: its key and the instant at which its edition opens."""

    key: str
    opens: datetime


def timing_of(workspace: Workspace, campaign: Campaign) -> Timing:
    """The campaign's timing, by its own words and the settings. Raises InputError where they cannot be read."""
    missed = str(campaign.options.get("missed") or workspace.settings.sending.missed)
    try:
        rule = parse_schedule(campaign.schedule)
    except InputError as wrong:
        raise InputError(f"campaign {campaign.name}: {wrong.message}", remedy=wrong.remedy) from wrong
    if campaign.zone.strip().lower() in CUSTOMERS_OWN:
        return Timing(rule, UTC_ZONE, True, missed)
    return Timing(rule, zone_or(campaign.zone, workspace.settings.identity.zone), False, missed)


def life_of(workspace: Workspace, campaign: Campaign) -> timedelta:
    """How long after its time a mail of this campaign may still go: its own deadline, else the settings'."""
    own = str(campaign.options.get("deadline") or "")
    return parse_deadline(own) if own else timedelta(days=workspace.settings.sending.expires_days)


def live_until(workspace: Workspace, edition_id: int, until: datetime) -> None:
    """Let all that waits of an edition, queued or deferred, live until then."""
    last: Place | None = None
    while True:
        with workspace.database.write() as session:
            last = extend_some(session, edition_id, until, after=last)
        if last is None:
            return


def deadline_words(workspace: Workspace, campaign: Campaign) -> str:
    """The same for a person: "6 hours"."""
    own = str(campaign.options.get("deadline") or "")
    days = workspace.settings.sending.expires_days
    return own or ("1 day" if days == 1 else f"{days} days")


def occasions_after(timing: Timing, after: datetime) -> Iterator[Occasion]:
    """The occasions whose editions open strictly after `after`, in order."""
    ahead = AHEAD if timing.per_customer else timedelta()
    for found in occurrences(timing.rule, timing.zone, after + ahead):
        yield Occasion(found.occasion, found.at - ahead)


def next_occasion(timing: Timing, after: datetime) -> Occasion | None:
    """The first occasion that opens strictly after `after`, or None."""
    return next(occasions_after(timing, after), None)


def due_for(occasion: str, opens: datetime, zone: ZoneInfo | None) -> datetime:
    """When a mail of this occasion is due: at its wall time in `zone`, or as the edition opens (None)."""
    if zone is None:
        return opens
    return at_occasion(occasion, zone) or opens


def last_due(occasion: str, opens: datetime, *, per_customer: bool) -> datetime:
    """When the last mail of this occasion falls due anywhere."""
    wall = occasion_wall(occasion)
    return over_everywhere(wall.date(), wall.time()) if per_customer and wall is not None else opens


def settle_schedules(workspace: Workspace) -> None:
    """Bring the rows of schedules up to date with the campaigns' words.

    A new or changed rule begins at the moment when its campaign was applied, so that nothing between that and the
    first run is forgotten. A rule that cannot be read has no row; `plan` says so. One that a wrong clock moved on goes
    back to what is next by the right one.
    """
    with workspace.database.read() as session:
        stale = [
            campaign.id
            for campaign, row in campaigns_and_schedules(session)
            if wanted_row(workspace, campaign, row) != _kept(row)
        ]
    if not stale:
        return
    with workspace.database.write() as session:
        for campaign, row in campaigns_and_schedules(session):
            wanted = wanted_row(workspace, campaign, row)
            if campaign.id in stale and campaign.id is not None and wanted != _kept(row):
                keep_schedule(session, campaign.id, wanted)


def wanted_row(workspace: Workspace, campaign: Campaign, row: Schedule | None) -> dict[str, Any] | None:
    """What the schedule's row should hold, given what it holds; None where the campaign has no rule to keep."""
    try:
        timing = timing_of(workspace, campaign)
    except InputError:
        return None
    rule = describe(timing.rule)
    if not rule:
        return None
    values: dict[str, Any] = {
        "rule": rule,
        "zone": timing.zone_name,
        "per_customer_zone": timing.per_customer,
        "missed": timing.missed,
    }
    same = row is not None and (row.rule, row.zone, row.per_customer_zone) == (
        rule,
        timing.zone_name,
        timing.per_customer,
    )
    ahead = row is not None and same and _ran_ahead(row, workspace.clock())
    if row is not None and same and not ahead and (row.next_at is not None or row.last_occasion is not None):
        return values | {"next_at": row.next_at, "next_occasion": row.next_occasion}
    if ahead:
        values["last_occasion"] = None
    following = next_occasion(timing, workspace.clock() if ahead else campaign.updated_at)
    return values | {
        "next_at": following.opens if following else None,
        "next_occasion": following.key if following else None,
    }


def _ran_ahead(row: Schedule, now: datetime) -> bool:
    """Whether a schedule was moved on by a clock that ran ahead: its last occasion is yet to come.

    Then it goes on from now. An occasion that was opened too early is not opened again: it has its edition.
    """
    wall = occasion_wall(row.last_occasion or "")
    return wall is not None and wall.replace(tzinfo=UTC) > now + TOO_EARLY


def _kept(row: Schedule | None) -> dict[str, Any] | None:
    if row is None:
        return None
    names = ("rule", "zone", "per_customer_zone", "missed", "next_at", "next_occasion")
    return {name: getattr(row, name) for name in names}


@dataclass(frozen=True)
class DueOccasions:
    """What a look at a due schedule found: the occasion that counts, those passed over, the next, and what to do."""

    occasion: Occasion
    passed: tuple[Occasion, ...]
    following: Occasion | None
    decision: Literal["open", "ask", "skip"]
    why: str = ""


def judge_due(
    workspace: Workspace, timing: Timing, schedule: Schedule, now: datetime, *, by_person: bool
) -> DueOccasions | None:
    """What is due of this schedule at `now`, the newest occasion counting; None where nothing is.

    A person who sends what was missed has decided already.
    """
    if schedule.next_at is None or schedule.next_occasion is None or schedule.next_at > now:
        return None
    due = [Occasion(schedule.next_occasion, schedule.next_at)]
    following = None
    for found in occasions_after(timing, schedule.next_at):
        if found.opens > now:
            following = found
            break
        due.append(found)
    newest, late = due[-1], now - due[-1].opens
    limit = timedelta(hours=workspace.settings.sending.missed_hours)
    decision: Literal["open", "ask", "skip"] = "open"
    if not by_person and late > PUNCTUAL and not (timing.missed == "send" and late <= limit):
        decision = "skip" if timing.missed == "skip" else "ask"
    why = "" if decision == "open" else f"missed: it was due {newest.opens:%Y-%m-%d %H:%M} UTC, {_age(late)} ago"
    return DueOccasions(newest, tuple(due[:-1]), following, decision, why)


def _age(late: timedelta) -> str:
    hours = int(late.total_seconds() // 3600)
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"
