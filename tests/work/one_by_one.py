"""A plan judged person by person, as it was before people were grouped: what the grouped forecast is held against."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from outreach.plan.budget import WEEK
from outreach.plan.holdout import Group, judge_hold_out
from outreach.records import BULK, Campaign, Delivery, Edition, EditionState
from outreach.store.crowd import minute_up
from outreach.store.editions import TO_GO, UNFINISHED
from outreach.store.plan import recent_bulk
from outreach.work.agenda import BY_HAND, _coming
from outreach.work.forecast import draft_edition
from outreach.work.holdout import deal, hold_out_of
from outreach.work.judge import edition_facts, judge_to_the_end, people_facts
from outreach.work.schedules import due_for
from outreach.work.whom import edition_people
from outreach.work.workspace import Workspace


def plan_one_by_one(workspace: Workspace, days: int) -> Iterator[dict[str, Any]]:
    """What each coming edition does, counted over everybody."""
    now = workspace.clock()
    with workspace.database.read() as session:
        sent: dict[int, list[datetime]] = defaultdict(list)
        query = select(Delivery, Edition.state).join(Edition, col(Edition.id) == col(Delivery.edition_id))
        for mail, state in session.execute(query):
            goes = state in UNFINISHED and state is not EditionState.WAITING
            if mail.state in TO_GO and mail.kind in BULK and goes and mail.customer_id:
                sent[mail.customer_id].append(minute_up(mail.next_at or mail.due_at))
        coming, _ = _coming(session, workspace, now, now + timedelta(days=days), None)
        for campaign, timing, occasion in coming:
            opens = max(occasion.opens, now)
            draft = draft_edition(workspace, campaign, occasion.key, opens, per_customer=timing.per_customer)
            yield _one(session, workspace, campaign, draft, timing.per_customer, sent)


def _one(
    session: Session,
    workspace: Workspace,
    campaign: Campaign,
    draft: Edition,
    per_customer: bool,
    foreseen: dict[int, list[datetime]],
) -> dict[str, Any]:
    rules, tested = edition_facts(workspace, campaign, draft), hold_out_of(session, workspace, campaign, draft)
    people = list(edition_people(session, campaign, draft))
    ids = [person.id for person in people]
    facts = people_facts(session, workspace, draft, ids, draft.due_at, zones={one.id: one.zone for one in people})
    groups = deal(session, workspace, campaign, draft.occasion, people, tested)
    recent = recent_bulk(session, ids, draft.due_at - timedelta(days=31))
    going: Counter[tuple[str, datetime]] = Counter()
    refused: Counter[tuple[str, str]] = Counter()
    later: Counter[str] = Counter()
    before = 0
    for person in people:
        known = facts[person.id]
        if draft.kind in BULK:
            span = max(WEEK, timedelta(days=known.wish.every_days)) if known.wish is not None else WEEK
            own = [at for at in map(minute_up, recent.get(person.id, ())) if at > draft.due_at - span]
            ahead = [minute_up(at) for at in known.ahead]
            known = known._replace(sent=[*sorted(own), *foreseen[person.id]], ahead=ahead)
        due = max(due_for(draft.occasion, draft.due_at, known.zone if per_customer else None), draft.due_at)
        said = judge_to_the_end(rules, known, due)
        if said.state is None and groups.get(person.id) is Group.HELD:
            said = judge_hold_out(tested, due)
        free = (
            judge_to_the_end(rules, known._replace(holds=()), due) if known.holds and said.state is not None else said
        )
        before += free.state is None
        if said.state is not None:
            refused[said.state.value, said.reason] += 1
            continue
        at = said.later or due
        going[known.zone.key, at.replace(second=0, microsecond=0)] += 1
        if said.later is not None:
            later[said.reason] += 1
        if draft.kind in BULK and not draft.occasion.startswith(f"once-{BY_HAND}"):
            foreseen[person.id].append(at)
    return {
        "campaign": campaign.name,
        "occasion": draft.occasion.removeprefix("once-"),
        "people": len(people),
        "going": dict(going),
        "before": before,
        "refused": dict(refused),
        "later": dict(later),
    }
