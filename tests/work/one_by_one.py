"""A plan judged person by person, as it was before people were grouped: what the grouped forecast is held against."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from outreach.plan.budget import WEEK
from outreach.plan.holdout import Group, judge_hold_out
from outreach.plan.one_per import Mate, in_order
from outreach.records import (
    BULK,
    Campaign,
    Delivery,
    Edition,
    EditionState,
    GroupKind,
    Membership,
    Permission,
    Subscription,
    withhold,
)
from outreach.store.customers import PersonRow
from outreach.store.editions import TO_GO, UNFINISHED
from outreach.store.groups import groups_of
from outreach.store.one_per import had_issue, last_issue
from outreach.store.plan import MAY_HAVE_BEEN_SENT, recent_bulk
from outreach.store.reach import signs_of
from outreach.store.rounded import minute_up
from outreach.work.agenda import BY_HAND, _coming
from outreach.work.forecast import draft_edition
from outreach.work.holdout import deal, hold_out_of
from outreach.work.judge import PersonFacts, edition_facts, judge_to_the_end, people_facts
from outreach.work.schedules import due_for
from outreach.work.whom import edition_people
from outreach.work.workspace import Workspace

Mails = dict[int, list[tuple[int, datetime]]]
"""By customer, the edition (under way: negative; to come: its place in the plan) and the minute."""


def plan_one_by_one(workspace: Workspace, days: int) -> Iterator[dict[str, Any]]:
    """What each coming edition does, counted over everybody."""
    now = workspace.clock()
    with workspace.database.read() as session:
        sent: Mails = defaultdict(list)
        past: Mails = defaultdict(list)
        on_list = set(session.execute(select(col(Subscription.customer_id))).scalars())
        query = select(Delivery, Edition.state).join(Edition, col(Edition.id) == col(Delivery.edition_id))
        for mail, state in session.execute(query):
            goes = state in UNFINISHED and state is not EditionState.WAITING
            tied = mail.customer_id in on_list  # nobody else's mail would go
            if mail.state in TO_GO and mail.kind in BULK and goes and mail.customer_id and tied:
                sent[mail.customer_id].append((-mail.edition_id, minute_up(mail.next_at or mail.due_at)))
            elif mail.state in MAY_HAVE_BEEN_SENT and mail.kind in BULK and mail.customer_id:
                past[mail.customer_id].append((-mail.edition_id, minute_up(mail.sent_at or mail.intent_at)))
        had: dict[int, set[int] | None] = {}
        coming, _ = _coming(session, workspace, now, now + timedelta(days=days), None)
        for number, (campaign, timing, occasion) in enumerate(coming):
            opens = max(occasion.opens, now)
            draft = draft_edition(session, workspace, campaign, occasion.key, opens, per_customer=timing.per_customer)
            yield _one(session, workspace, campaign, draft, timing.per_customer, (past, sent), had, number)


def _at_home(session: Session, workspace: Workspace, draft: Edition, mails: tuple[Mails, Mails]) -> Mails:
    """By customer, what others of their household were sent or are to get, that they do not get themselves."""
    since, kind = workspace.clock() - WEEK, GroupKind(draft.one_per)
    past, sent = mails
    found: Mails = defaultdict(list)
    houses: dict[int, list[int]] = defaultdict(list)
    for person, group in session.execute(
        select(col(Membership.customer_id), col(Membership.group_id)).where(col(Membership.kind) == kind)
    ):
        houses[group].append(person)
    for house in houses.values():
        for person in house:
            own = {number for number, at in (*past[person], *sent[person]) if at > since}
            times: dict[int, datetime] = {}
            for mate in house:
                for number, at in (*past[mate], *sent[mate]) if mate != person else ():
                    if number not in own or at <= since:
                        times[number] = max(at, times.get(number, at))
            found[person] = list(times.items())
    return found


def _houses(session: Session, draft: Edition, people: Iterable[int]) -> list[list[int]]:
    """Who of these people live together."""
    kind = GroupKind(draft.one_per)
    houses: dict[int, list[int]] = defaultdict(list)
    for person, own in groups_of(session, list(people)).items():
        if kind in own:
            houses[own[kind].group_id].append(person)
    return list(houses.values())


def _one_of_each(
    session: Session,
    campaign: Campaign,
    draft: Edition,
    people: Sequence[PersonRow],
    judged: dict[int, tuple[Permission, PersonFacts, datetime]],
    had: dict[int, set[int] | None],
) -> set[int]:
    """Whom another one of their household keeps from it. `had`: by campaign, who had its last issue as foreseen."""
    number = campaign.id or 0
    last = last_issue(session, number, None)
    if had.get(number) is None:
        had[number] = had_issue(session, last, list(judged)) if last is not None else set()
    signs = signs_of(session, list(judged))
    since = dict(session.execute(select(col(Subscription.customer_id), col(Subscription.changed_at))).all())
    lost: set[int] = set()
    for house in _houses(session, draft, judged):
        may = [one for one in house if judged[one][0].state is None]
        mates = [
            Mate(one, False, one in had[number], signs[one].at if one in signs else None, since[one]) for one in may
        ]
        lost.update(mate.customer_id for mate in in_order(mates)[1:])
    had[number] = {one for one, (said, _, _) in judged.items() if said.state is None and one not in lost}
    return lost


def _spare(
    session: Session, draft: Edition, rules: Any, judged: dict[int, tuple[Permission, PersonFacts, datetime]]
) -> int:
    """How many more could get it, had no reply changed anything, than there are households."""
    free = {
        one
        for one, (said, known, due) in judged.items()
        if said.state is None
        or (
            (known.holds or known.shared)
            and judge_to_the_end(rules, known._replace(holds=(), shared=()), due).state is None
        )
    }
    return sum(max(0, len(free.intersection(house)) - 1) for house in _houses(session, draft, judged))


def _one(
    session: Session,
    workspace: Workspace,
    campaign: Campaign,
    draft: Edition,
    per_customer: bool,
    mails: tuple[Mails, Mails],
    had: dict[int, set[int] | None],
    number: int,
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
    foreseen = mails[1]
    home = _at_home(session, workspace, draft, mails) if draft.one_per else {}
    judged: dict[int, tuple[Permission, PersonFacts, datetime]] = {}
    for person in people:
        known = facts[person.id]
        if draft.kind in BULK:
            span = max(WEEK, timedelta(days=known.wish.every_days)) if known.wish is not None else WEEK
            own = [at for at in map(minute_up, recent.get(person.id, ())) if at > draft.due_at - span]
            ahead = [minute_up(at) for at in known.ahead]
            known = known._replace(sent=[*sorted(own), *(at for _, at in foreseen[person.id])], ahead=ahead)
            known = known._replace(house=[at for _, at in home.get(person.id, ())])
        due = max(due_for(draft.occasion, draft.due_at, known.zone if per_customer else None), draft.due_at)
        judged[person.id] = judge_to_the_end(rules, known, due), known, due
    lost = _one_of_each(session, campaign, draft, people, judged, had) if draft.one_per else set()
    spare = _spare(session, draft, rules, judged) - len(lost) if draft.one_per else 0
    for person in people:
        said, known, due = judged[person.id]
        if person.id in lost:
            said = withhold(f"one per {draft.one_per}", "")
        if said.state is None and groups.get(person.id) is Group.HELD:
            said = judge_hold_out(tested, due)
        free = (
            judge_to_the_end(rules, known._replace(holds=(), shared=()), due)
            if (known.holds or known.shared) and said.state is not None and person.id not in lost
            else said
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
            foreseen[person.id].append((number, at))
    return {
        "campaign": campaign.name,
        "occasion": draft.occasion.removeprefix("once-"),
        "people": len(people),
        "going": dict(going),
        "before": before - spare,
        "refused": dict(refused),
        "later": dict(later),
    }
