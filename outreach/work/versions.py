"""Versions of an edition: compiled beside the original, dealt by chance, compared, and the winner sent to the rest.

Law: which version a person gets stands in their delivery before it is rendered; what the rest gets is decided once, by
compare-and-set on the edition, and never changes afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from ..errors import InputError
from ..newsletter.campaign_file import CampaignFile
from ..newsletter.compile import NewsletterSource, TipSource, compile_newsletter
from ..plan.variants import EXAMPLE, REST, Comparison, judge_versions, parse_comparison, read_comparison, version_of
from ..records import Campaign, DeliveryState, Edition, Permission
from ..store.customers import PersonRow
from ..store.touch_figures import counts_clicks
from ..store.versions import dealt_versions, decide_versions, version_shares
from .workspace import Workspace

ORIGINAL = "a"
SOON = timedelta(minutes=15)
"""A version's hour that is over by less than this is now."""
DAY = timedelta(days=1)
TEST = "test"
"""Why the rest of those whom a test concerns wait."""
FROM, ZONES = "counted_from", "zones"
"""What an edition keeps of its test when it was planned: since when all who take part have had it, or are to have it
(ISO 8601), and whether each reader gets it by their own clock."""


def version_options(found: CampaignFile) -> dict[str, Any]:
    """What a campaign keeps of its versions. Raises InputError for a line `test:` that cannot be read."""
    if not found.versions:
        return {}
    try:
        percent, wait, by = parse_comparison(found.test)
    except ValueError as wrong:
        line = found.lines.get("test", 1)
        raise InputError(f"test: {wrong}", file=found.file, line=line, remedy=EXAMPLE) from None
    names = (ORIGINAL, *(one.name for one in found.versions))
    plan = Comparison(names, percent, wait, by, (0, *(one.later for one in found.versions)))
    texts = [
        {
            "name": one.name,
            "subject": one.subject,
            "preheader": one.preheader,
            "body": one.body,
            "line": one.body_line,
            "lines": one.lines,
        }
        for one in found.versions
    ]
    return {"test": plan.kept(), "versions": texts}


def compiled_versions(campaign: Campaign, source: NewsletterSource, pool: Sequence[TipSource]) -> dict[str, Any]:
    """The campaign's other versions as an edition freezes them, by name. Raises TemplateError with file and line."""
    made: dict[str, Any] = {}
    for one in campaign.options.get("versions") or ():
        own = replace(
            source,
            subject=one["subject"] or source.subject,
            preheader=one["preheader"] or source.preheader,
            lines={**source.lines, **one.get("lines", {})},
        )
        if one["body"]:
            own = replace(own, body=one["body"], body_line=int(one["line"]))
        made[one["name"]] = compile_newsletter(own, pool)
    return {"versions": made} if made else {}


def deal_versions(
    workspace: Workspace, campaign: Campaign, edition: Edition, people: Collection[PersonRow]
) -> dict[int, tuple[str, timedelta, Permission | None]]:
    """Each person's version, how much later it goes, and for the rest that it waits; nothing where nothing is tried."""
    plan = read_comparison(edition.versions or {})
    if plan is None:
        return {}
    dealt: dict[int, tuple[str, timedelta, Permission | None]] = {}
    key = workspace.keys.address
    for person in people:
        name = version_of(key, campaign.name, edition.occasion, person.address_key, plan)
        if name == REST:
            dealt[person.id] = name, timedelta(minutes=plan.wait_minutes), Permission(reason=TEST, evidence=WAITS)
        else:
            dealt[person.id] = name, timedelta(minutes=_later(plan, name)), None
    return dealt


WAITS = "gets the version that wins, or the original where none clearly does"


def _later(plan: Comparison, name: str) -> int:
    return plan.later[plan.names.index(name)] if plan.later else 0


def test_takes(kept: Mapping[str, Any], *, per_customer: bool) -> timedelta:
    """How much later than an edition's last mail would be due the last of its test may be."""
    plan = read_comparison(kept)
    if plan is None:
        return timedelta()
    if not plan.wait_minutes:
        return timedelta(minutes=max(plan.later, default=0))
    return timedelta(minutes=plan.wait_minutes) + (DAY if per_customer or any(plan.later) else timedelta())


def last_of_test(edition: Edition, rows: Iterable[Mapping[str, Any]], now: datetime) -> datetime | None:
    """When the last of these planned mails that take part in the test is due, without what its version goes later.

    It is `now` where that is over, since the edition was opened late.
    """
    plan = read_comparison(edition.versions or {})
    if plan is None:
        return None
    taking = [row for row in rows if row["variant"] in plan.names and row["state"] is DeliveryState.QUEUED]
    due = [row["due_at"] - timedelta(minutes=_later(plan, row["variant"])) for row in taking]
    last = max(due, default=None)
    return now if last is not None and now - last > SOON else last


def begun_again(kept: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The same test, of an edition that waited: it has its time from now on."""
    if FROM not in kept or "decided" in kept:
        return dict(kept)
    return {**kept, FROM: max(now, datetime.fromisoformat(kept[FROM])).isoformat()}


def judged_at(edition: Edition, plan: Comparison) -> datetime:
    """When all who take part will have had the time that the test gives them."""
    begun = (edition.versions or {}).get(FROM)
    return (datetime.fromisoformat(begun) if begun else edition.due_at) + timedelta(minutes=plan.wait_minutes)


def at_own_hour(due: datetime, judged: datetime) -> datetime:
    """When somebody of the rest goes who is due then: at that hour, the next day if it was over at the judgement."""
    return max(judged, due + max(0, -((due - judged + SOON) // DAY)) * DAY)


def settle_versions(workspace: Workspace, edition_id: int) -> None:
    """Decide what the rest of an edition gets, where its test has had its time and nobody has decided yet."""
    now = workspace.clock()
    with workspace.database.read() as session:
        edition = session.get_one(Edition, edition_id)
        plan = read_comparison(edition.versions or {})
        if plan is None or not plan.wait_minutes or "decided" in edition.versions:
            return
        if now < judged_at(edition, plan):
            return
        shares = version_shares(session, edition_id, plan.names, plan.by)
    winner = judge_versions(plan, shares)
    told = {
        "decided": winner.name or ORIGINAL,
        "won": bool(winner.name),
        "words": winner.words,
        "decided_at": now.isoformat(),
    }
    with workspace.database.write() as session:
        decide_versions(session, edition_id, told)


@dataclass(frozen=True)
class Turn:
    """What one delivery carries: its version, or when it may go, if not yet."""

    version: str
    wait: Permission | None = None


def turns_of(session: Session, edition: Edition, delivery_ids: Sequence[int], now: datetime) -> dict[int, Turn]:
    """The version of each of these deliveries; nothing of an edition that is not tried."""
    plan = read_comparison(edition.versions or {})
    if plan is None:
        return {}
    decided, judged = str(edition.versions.get("decided") or ""), judged_at(edition, plan)
    by_zones = bool(edition.versions.get(ZONES)) and not any(plan.later)
    turns: dict[int, Turn] = {}
    for delivery_id, (name, due) in dealt_versions(session, delivery_ids).items():
        if name != REST:
            turns[delivery_id] = Turn(name if name in plan.names else ORIGINAL)
            continue
        goes = at_own_hour(due, judged) if by_zones else judged
        if not decided:
            at = max(now + SOON, goes)
            turns[delivery_id] = Turn(ORIGINAL, Permission(reason=TEST, evidence=WAITS, later=at))
        elif by_zones and goes > now:
            words = f"goes at its own hour, with version {decided}"
            turns[delivery_id] = Turn(decided, Permission(reason=TEST, evidence=words, later=goes))
        else:
            turns[delivery_id] = _turn(plan, decided, due, now)
    return turns


def _turn(plan: Comparison, decided: str, due: datetime, now: datetime) -> Turn:
    """Of a test of times the rest gets the winner at its hour, the next day if need be."""
    if not any(plan.later):
        return Turn(decided)
    first = due - timedelta(minutes=plan.wait_minutes) + timedelta(minutes=_later(plan, decided))
    days = max(0, -((first - now + SOON) // timedelta(days=1)))
    at = first + timedelta(days=days)
    if at <= now:
        return Turn(decided)
    words = f"goes at the hour of version {decided}"
    return Turn(decided, Permission(reason=TEST, evidence=words, later=at))


def version_figures(workspace: Workspace, edition: Edition) -> dict[str, Any]:
    """How the versions of an edition do: shares with their intervals, and what is, or would be, decided by now.

    `clicks` None: they are not counted. `judged_at` None: nobody waits for a winner.
    """
    plan = read_comparison(edition.versions or {})
    assert plan is not None and edition.id is not None
    with workspace.database.read() as session:
        clicks = counts_clicks(session, edition.id)
        measured: Mapping[str, Any] = {
            by: version_shares(session, edition.id, plan.names, by) for by in ("clicks", "replies", "complaints")
        }
    winner = judge_versions(plan, measured[plan.by])
    return {
        "edition": edition.number,
        "occasion": edition.occasion,
        "by": plan.by,
        "percent": plan.percent,
        "wait_minutes": plan.wait_minutes,
        "decided": edition.versions.get("decided") or "",
        "won": winner.name
        if "decided" not in edition.versions
        else edition.versions["decided"] * edition.versions["won"],
        "words": edition.versions.get("words") or winner.words,
        "judged_at": judged_at(edition, plan) if plan.wait_minutes else None,
        "versions": [
            {
                "version": name,
                "sent": measured["replies"][name].of,
                "clicks": measured["clicks"][name].count if clicks else None,
                "replies": measured["replies"][name].count,
                "complaints": measured["complaints"][name].count,
            }
            for name in plan.names
        ],
    }
