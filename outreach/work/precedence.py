"""Tips before offers: when tips are to go to people, planned already or only scheduled, for the budget of other mail.

Law: looked up only for mail that must leave room; an occasion that is planned is counted by the outbox alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from zoneinfo import ZoneInfo

from sqlmodel import Session

from ..errors import InputError
from ..plan.budget import FIRST, WEEK
from ..records import BULK, Campaign, CampaignState, Kind
from ..store.ahead import among_people, any_tips_under_way, tips_in_outbox
from ..store.editions import campaigns_and_schedules, editions_of
from ..store.saved_segments import load_segment
from .schedules import Occasion, Timing, due_for, occasions_after, timing_of
from .workspace import Workspace


def tips_ahead(
    session: Session, workspace: Workspace, kind: Kind, zones: Mapping[int, ZoneInfo], now: datetime
) -> dict[int, list[datetime]]:
    """When tips are to go to each of these people (with their zones) in the week after `now`."""
    if kind not in BULK or kind in FIRST or not zones:
        return {}
    planned = tips_in_outbox(session, list(zones)) if any_tips_under_way(session) else {}
    found: dict[int, list[datetime]] = defaultdict(list, planned)
    for campaign, timing, occasions in coming_tips(session, workspace, now, now + WEEK):
        people = among_people(session, list(zones), campaign.list_id, load_segment(session, campaign.segment, now))
        for occasion in occasions:
            for person in people:
                zone = zones[person] if timing.per_customer else None
                found[person].append(due_for(occasion.key, occasion.opens, zone))
    return dict(found)


def coming_tips(
    session: Session, workspace: Workspace, now: datetime, until: datetime
) -> list[tuple[Campaign, Timing, Sequence[Occasion]]]:
    """The campaigns of tips with occasions from `now` until then that no edition was opened for yet."""
    coming: list[tuple[Campaign, Timing, Sequence[Occasion]]] = []
    for campaign, row in campaigns_and_schedules(session):
        if campaign.kind not in FIRST or campaign.state is not CampaignState.ACTIVE or not campaign.schedule.strip():
            continue
        try:
            timing = timing_of(workspace, campaign)
        except InputError:
            continue
        assert campaign.id is not None
        opened = {edition.occasion for edition in editions_of(session, campaign.id)}
        soon = list(takewhile(lambda one: one.opens < until, occasions_after(timing, now)))
        if row is not None and row.next_at is not None and row.next_at <= now and row.next_occasion:
            soon.insert(0, Occasion(row.next_occasion, row.next_at))
        fresh = [one for one in soon if one.key not in opened]
        if fresh:
            coming.append((campaign, timing, fresh))
    return coming
