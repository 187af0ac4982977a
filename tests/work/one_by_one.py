"""A plan judged person by person, as it was before people were grouped: what the grouped forecast is held against."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlmodel import Session, col

from outreach.plan.budget import WEEK
from outreach.plan.holdout import Group, judge_hold_out
from outreach.plan.one_per import Mate, in_order
from outreach.records import (
    BULK,
    Campaign,
    Customer,
    Delivery,
    Edition,
    EditionState,
    GroupKind,
    Kind,
    Membership,
    Permission,
    Subscription,
    withhold,
)
from outreach.store.ahead import among_people
from outreach.store.customers import PersonRow
from outreach.store.editions import TO_GO, UNFINISHED
from outreach.store.groups import groups_of
from outreach.store.one_per import had_issue, last_issue
from outreach.store.plan import MAY_HAVE_BEEN_SENT, recent_bulk
from outreach.store.reach import signs_of
from outreach.store.rounded import minute_up
from outreach.store.saved_segments import load_segment
from outreach.work.agenda import BY_HAND, _coming
from outreach.work.forecast import draft_edition
from outreach.work.holdout import deal, hold_out_of
from outreach.work.in_turn import EXPIRED
from outreach.work.judge import (
    PAUSED_CAMPAIGN,
    MailFactsOfEdition,
    PersonFacts,
    edition_facts,
    judge_person,
    judge_to_the_end,
    people_facts,
)
from outreach.work.precedence import coming_tips
from outreach.work.schedules import due_for, life_of
from outreach.work.whom import edition_people
from outreach.work.workspace import Workspace

Mails = dict[int, list[tuple[int, datetime]]]
"""By customer, the edition (under way: negative; to come: its place in the plan) and the minute."""


class Wait(NamedTuple):
    """A mail that is to leave, in the order of these: see `work.alike.Waits`."""

    until: datetime
    rank: int
    opens: datetime
    number: int
    due: datetime
    reason: str
    known: PersonFacts


@dataclass
class Told:
    """An edition, and what came of it."""

    draft: Edition
    rules: MailFactsOfEdition
    life: timedelta | None
    people: int = 0
    before: int = 0
    going: Counter[tuple[str, datetime]] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    later: Counter[str] = field(default_factory=Counter)

    def count(self, wait: Wait, said: Permission, at: datetime) -> None:
        """What became of one mail."""
        if said.state is not None:
            self.refused[said.state.value, said.reason] += 1
            self.before -= 1
            return
        self.going[wait.known.zone.key, at.replace(second=0, microsecond=0)] += 1
        if at > wait.due:
            self.later[wait.reason or said.reason] += 1


class OneByOne:
    """Everybody's mail, and what they are still to get; in order of time."""

    def __init__(self, session: Session, workspace: Workspace) -> None:
        self.session, self.workspace = session, workspace
        self.now = now = workspace.clock()
        self.sent: Mails = defaultdict(list)
        self.past: Mails = defaultdict(list)
        self.waits: dict[int, list[Wait]] = defaultdict(list)
        self.planned: dict[int, list[datetime]] = defaultdict(list)
        self.told: dict[int, Told] = {}
        self.members: dict[int | None, set[int]] = {}
        self.coming: dict[datetime, Any] = {}
        self.everybody = list(session.execute(select(col(Customer.id))).scalars())
        on_list = set(session.execute(select(col(Subscription.customer_id))).scalars())
        query = select(Delivery, Edition, Campaign).join(Edition, col(Edition.id) == col(Delivery.edition_id))
        facts: dict[int, dict[int, PersonFacts]] = {}
        for mail, edition, campaign in session.execute(
            query.join(Campaign, col(Campaign.id) == col(Edition.campaign_id)).order_by(col(Delivery.id))
        ):
            if mail.kind not in BULK or not mail.customer_id:
                continue
            if mail.state in MAY_HAVE_BEEN_SENT:
                self.past[mail.customer_id].append((-mail.edition_id, minute_up(mail.sent_at or mail.intent_at)))
            if mail.state not in TO_GO or mail.customer_id not in on_list:  # nobody else's mail would go
                continue
            at = minute_up(mail.next_at or mail.due_at)
            if edition.state not in UNFINISHED or edition.state is EditionState.WAITING:
                self.planned[mail.customer_id] += [at] if mail.kind is Kind.TIPS else []
                continue
            if edition.id not in facts:
                facts[edition.id] = people_facts(session, workspace, edition, self.everybody, now)
                self.told[-edition.id] = Told(edition, edition_facts(workspace, campaign, edition), None)
            at, rank = max(at, now), 1 if mail.kind is Kind.TIPS else 2
            known = facts[edition.id][mail.customer_id]._replace(house=())
            self.waits[mail.customer_id].append(Wait(at, rank, now, -edition.id, at, "", known))

    def facts(self, person: int, draft: Edition, known: PersonFacts, at: datetime) -> PersonFacts:
        """The same as the rules would read them then."""
        if draft.kind not in BULK:
            return known
        far = recent_bulk(self.session, [person], self.now - timedelta(days=40)).get(person, [])
        span = max(WEEK, timedelta(days=known.wish.every_days)) if known.wish is not None else WEEK
        sent = [*map(minute_up, far), *(when for _, when in self.sent[person])]
        ahead = [] if draft.kind is Kind.TIPS else self._ahead(person, known.zone, at)
        return known._replace(sent=[one for one in sorted(sent) if one > draft.due_at - span], ahead=ahead)

    def _ahead(self, person: int, zone: Any, at: datetime) -> list[datetime]:
        if at not in self.coming:
            self.coming[at] = coming_tips(self.session, self.workspace, at, at + WEEK)
        found = [*self.planned[person], *(wait.until for wait in self.waits[person] if wait.rank == 1)]
        for campaign, timing, occasions in self.coming[at]:
            if campaign.id not in self.members:
                segment = load_segment(self.session, campaign.segment, at)
                self.members[campaign.id] = among_people(self.session, self.everybody, campaign.list_id, segment)
            if person in self.members[campaign.id]:
                own = zone if timing.per_customer else None
                found += [due_for(occasion.key, occasion.opens, own) for occasion in occasions]
        return found

    def first(self, person: int, before: datetime) -> None:
        """Let this person get what leaves before this instant."""
        while (wait := min(self.waits[person], key=itemgetter(0, 1, 2, 3), default=None)) and wait.until < before:
            self.waits[person].remove(wait)
            one, at = self.told[wait.number], wait.until
            known = self.facts(person, one.draft, wait.known, at)
            said = judge_person(one.rules, known, at)
            if one.life is not None and at >= wait.due + one.life:
                said = EXPIRED
            elif said.state is None and said.later is not None and said.later > at and said.reason != PAUSED_CAMPAIGN:
                self.waits[person].append(wait._replace(until=said.later, reason=wait.reason or said.reason))
                continue
            one.count(wait, said, at)
            if said.state is None and one.draft.kind in BULK:
                self.sent[person].append((wait.number, at))

    def finish(self, until: datetime) -> None:
        """Let everybody get the rest."""
        for person in self.everybody:
            self.first(person, until + timedelta(microseconds=1))
            for wait in self.waits[person]:
                one = self.told[wait.number]
                known = self.facts(person, one.draft, wait.known, wait.until)
                said = judge_to_the_end(one.rules, known, wait.until)
                one.count(wait, said, said.later or wait.until)


def plan_one_by_one(workspace: Workspace, days: int) -> Iterator[dict[str, Any]]:
    """What each coming edition does, counted over everybody."""
    now = workspace.clock()
    until = now + timedelta(days=days)
    with workspace.database.read() as session:
        everybody = OneByOne(session, workspace)
        had: dict[int, set[int] | None] = {}
        coming, _ = _coming(session, workspace, now, until, None)
        for number, (campaign, timing, occasion) in enumerate(coming):
            opens = max(occasion.opens, now)
            draft = draft_edition(session, workspace, campaign, occasion.key, opens, per_customer=timing.per_customer)
            _one(everybody, campaign, draft, timing.per_customer, had, number)
        everybody.finish(until)
        for number, (campaign, _, _) in enumerate(coming):
            one = everybody.told[number]
            yield {
                "campaign": campaign.name,
                "occasion": one.draft.occasion.removeprefix("once-"),
                "people": one.people,
                "going": dict(one.going),
                "before": one.before,
                "refused": dict(one.refused),
                "later": dict(one.later),
            }


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
    everybody: OneByOne,
    campaign: Campaign,
    draft: Edition,
    per_customer: bool,
    had: dict[int, set[int] | None],
    number: int,
) -> None:
    session, workspace = everybody.session, everybody.workspace
    rules, tested = edition_facts(workspace, campaign, draft), hold_out_of(session, workspace, campaign, draft)
    by_hand = draft.occasion.startswith(f"once-{BY_HAND}")
    judge = judge_to_the_end if by_hand else judge_person
    people = list(edition_people(session, campaign, draft))
    zones = {person.id: person.zone for person in people}
    facts = people_facts(session, workspace, draft, list(zones), draft.due_at, zones=zones)
    groups = deal(session, workspace, campaign, draft.occasion, people, tested)
    for person in everybody.everybody:
        everybody.first(person, draft.due_at)
    home = _at_home(session, workspace, draft, (everybody.past, everybody.sent)) if draft.one_per else {}
    judged: dict[int, tuple[Permission, PersonFacts, datetime]] = {}
    for person in people:
        known = everybody.facts(person.id, draft, facts[person.id], draft.due_at)
        known = known._replace(house=[at for _, at in home.get(person.id, ())] if draft.kind in BULK else ())
        due = max(due_for(draft.occasion, draft.due_at, known.zone if per_customer else None), draft.due_at)
        judged[person.id] = judge(rules, known, due), known, due
    lost = _one_of_each(session, campaign, draft, people, judged, had) if draft.one_per else set()
    spare = _spare(session, draft, rules, judged) - len(lost) if draft.one_per else 0
    told = everybody.told[number] = Told(draft, rules, life_of(workspace, campaign), len(people), -spare)
    for person in people:
        said, known, due = judged[person.id]
        if person.id in lost:
            said = withhold(f"one per {draft.one_per}", "")
        if said.state is None and groups.get(person.id) is Group.HELD:
            said = judge_hold_out(tested, due)
        free = (
            judge(rules, known._replace(holds=(), shared=()), due)
            if (known.holds or known.shared) and said.state is not None and person.id not in lost
            else said
        )
        told.before += free.state is None
        if said.state is not None:
            told.refused[said.state.value, said.reason] += 1
            continue
        rank = 1 if draft.kind is Kind.TIPS else 2 if draft.kind in BULK else 0
        wait = Wait(said.later or due, rank, draft.due_at, number, due, said.reason if said.later else "", known)
        if by_hand:
            told.count(wait, said, wait.until)
        else:
            everybody.waits[person.id].append(wait)
