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
from .versions import at_own_hour, judged_at
from .workspace import Workspace


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
    campaign: Campaign, edition: Edition, plan: Comparison | None, people: Mapping[str, int], judged: datetime | None
) -> Tried | None:
    """The versions of an edition, kept or only a draft, with how many people are dealt each; when it is `judged`."""
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
        judged if plan.wait_minutes else None,
        str((edition.versions or {}).get("decided") or ""),
        str((edition.versions or {}).get("words") or ""),
    )


def versions_under_way(session: Session, campaign: Campaign, edition: Edition) -> Tried | None:
    """What an edition in the outbox tries; None where it tries nothing."""
    plan = read_comparison(edition.versions or {})
    people = people_by_version(session, edition.id or 0) if plan is not None else {}
    judged = judged_at(edition, plan) if plan is not None else None
    return told_versions(campaign, edition, plan, people, judged)


def rest_goes(plan: Comparison, due: datetime, judged: datetime, *, per_customer: bool) -> datetime:
    """When somebody of the rest goes whose mail was due then, if the original wins: of a test of hours at that hour, of
    one by each reader's own clock as much later as the test takes, by it.
    """
    if any(plan.later):
        return at_own_hour(due, judged)
    return at_own_hour(due + timedelta(minutes=plan.wait_minutes), judged) if per_customer else judged


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
