"""What the calendar tells of versions that are tried, and of the seminar that an edition invites to.

Law: counted as planning deals and `work.versions` decides; who gets what of an edition under way is read in the outbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from ..plan.variants import REST, Comparison, read_comparison
from ..records import Campaign, Edition
from ..store.seminars import session_at, taken
from ..store.versions import people_by_version
from ..workdays import zone_or
from .versions import SOON
from .workspace import Workspace

DAY = timedelta(days=1)


@dataclass(frozen=True)
class TriedVersion:
    """One version: its subject, by how many minutes it goes later, and how many get it by chance."""

    version: str
    subject: str
    later_minutes: int
    people: int


@dataclass(frozen=True)
class Tried:
    """Versions of an edition. `rest` wait for the one that wins by `by`, judged at `judged_at` (None: everybody takes
    part, nobody waits); `decided` is what they get, once it is, with the `words`."""

    versions: tuple[TriedVersion, ...]
    by: str
    rest: int
    judged_at: datetime | None
    decided: str = ""
    words: str = ""


def told_versions(
    campaign: Campaign, edition: Edition, plan: Comparison | None, people: Mapping[str, int]
) -> Tried | None:
    """The versions of an edition, kept or only a draft, with how many people are dealt each."""
    if plan is None:
        return None
    others = {one["name"]: one["subject"] for one in campaign.options.get("versions") or ()}
    own = edition.subject or campaign.subject
    later = plan.later or (0,) * len(plan.names)
    return Tried(
        tuple(
            TriedVersion(name, others.get(name) or own, minutes, people.get(name, 0))
            for name, minutes in zip(plan.names, later, strict=True)
        ),
        plan.by,
        people.get(REST, 0),
        edition.due_at + timedelta(minutes=plan.wait_minutes) if plan.wait_minutes else None,
        str((edition.versions or {}).get("decided") or ""),
        str((edition.versions or {}).get("words") or ""),
    )


def versions_under_way(session: Session, campaign: Campaign, edition: Edition) -> Tried | None:
    """What an edition in the outbox tries; None where it tries nothing."""
    plan = read_comparison(edition.versions or {})
    people = people_by_version(session, edition.id or 0) if plan is not None else {}
    return told_versions(campaign, edition, plan, people)


def rest_goes(plan: Comparison, due: datetime) -> datetime:
    """When the rest of a test would go that is due then, if the original wins: of a test of hours at that hour."""
    judged = due + timedelta(minutes=plan.wait_minutes)
    if not any(plan.later):
        return judged
    return due + max(0, -((due - judged + SOON) // DAY)) * DAY


def invites_to(session: Session, workspace: Workspace, campaign: Campaign) -> str:
    """The seminar's session that a campaign invites to, in words; "" where it invites to none."""
    seminar, _, name = str(campaign.options.get("seminar") or "").partition("/")
    found = session_at(session, seminar, name) if name else None
    if found is None:
        return ""
    row, sitting = found
    local = sitting.starts_at.astimezone(zone_or(row.zone, workspace.settings.identity.zone))
    words = f"invites to {seminar}/{name}, {local:%a %-d %b %Y %H:%M} {local.tzinfo}"
    if sitting.cancelled_at is not None:
        return f"{words}, which is cancelled"
    guests = taken(session, sitting.id or 0)
    return (
        f"{words}: {guests:,} of {sitting.places:,} places are taken" if sitting.places else f"{words}: {guests:,} come"
    )
