"""What one edition would do if it were planned: the same rules as the claim, on everybody whom the segment gives.

Law: a forecast changes nothing and counts nothing twice: mail foreseen for a person is in their budget when the next
edition is foreseen; what goes only when a person sends it is in nobody's. "Before" is the same judgement without what
replies changed: no holds, no boosts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from sqlmodel import Session

from ..plan.holdout import Group, HoldOut, judge_hold_out
from ..plan.holds import blocked_topics
from ..records import BULK, Campaign, Edition, EditionState, Permission
from ..store.customers import PersonRow, load_customers
from ..store.plan import boosts_of, shown_tips
from ..workdays import zone_or
from .choose import TipPool, choose_one, know_people, tip_pool
from .holdout import deal, hold_out_of
from .judge import PersonFacts, edition_facts, judge_person, people_facts
from .schedules import due_for, last_due, life_of
from .whom import edition_people
from .workspace import Workspace

CHUNK = 1000


@dataclass
class Foreseen:
    """What earlier forecasts of the same look ahead have used up: when each person would be sent bulk mail, the
    boosts that would be answered, and the tips shown to those whom replies concern."""

    sent: dict[int, tuple[datetime, ...]] = field(default_factory=dict)
    boosts: set[int] = field(default_factory=set)
    tips: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, person: int, at: datetime) -> None:
        """Foresee one bulk mail."""
        self.sent[person] = (*self.sent.get(person, ()), at)

    def aside(self) -> Foreseen:
        """The same so far, apart: for an edition that uses up nothing of what others foresee."""
        tips = defaultdict(set, {person: set(names) for person, names in self.tips.items()})
        return Foreseen(dict(self.sent), set(self.boosts), tips)


@dataclass(frozen=True)
class Judged:
    """One person in a forecast: when their mail is due, and what the rules say as of then."""

    person: PersonRow
    due: datetime
    permission: Permission
    facts: PersonFacts

    @property
    def at(self) -> datetime | None:
        """When the mail would go, or None where it would not."""
        return None if self.permission.state is not None else self.permission.later or self.due


@dataclass
class Counts:
    """What a forecast adds up to. `going`: people by (zone, instant). `before`: without what replies changed."""

    people: int = 0
    going: Counter[tuple[str, datetime]] = field(default_factory=Counter)
    not_going: Counter[tuple[str, str]] = field(default_factory=Counter)
    later: Counter[str] = field(default_factory=Counter)
    before: int = 0
    first: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    changed_tips: int = 0
    hold_out: HoldOut | None = None


def draft_edition(
    workspace: Workspace, campaign: Campaign, occasion: str, opens: datetime, *, per_customer: bool
) -> Edition:
    """The edition that an occasion would open, not kept anywhere."""
    assert campaign.id is not None
    life = life_of(workspace, campaign)
    return Edition(
        public_id="",
        campaign_id=campaign.id,
        kind=campaign.kind,
        occasion=occasion,
        state=EditionState.OPEN,
        list_id=campaign.list_id,
        segment=campaign.segment,
        due_at=opens,
        expires_at=last_due(occasion, opens, per_customer=per_customer) + life,
        frozen_at=opens,
    )


def judge_all(
    session: Session,
    workspace: Workspace,
    campaign: Campaign,
    edition: Edition,
    *,
    per_customer: bool,
    foreseen: Foreseen | None = None,
    hold_out: HoldOut | None = None,
) -> Iterator[Judged]:
    """Everybody whom the segment gives, judged as of the instant at which their mail is due; streamed."""
    rules = edition_facts(workspace, campaign, edition)
    tested = hold_out or hold_out_of(session, workspace, campaign, edition)
    default = workspace.settings.identity.zone
    due_in: dict[str | None, datetime] = {}
    stream = edition_people(session, campaign, edition)
    while people := list(islice(stream, CHUNK)):
        zones = {person.id: person.zone for person in people}
        facts = people_facts(session, workspace, edition, list(zones), edition.due_at, zones=zones)
        groups = deal(session, workspace, campaign, edition.occasion, people, tested)
        for person in people:
            known = facts[person.id]
            if foreseen is not None and person.id in foreseen.sent:
                known = known._replace(sent=[*known.sent, *foreseen.sent[person.id]])
            if person.zone not in due_in:
                zone = zone_or(person.zone, default) if per_customer else None
                due_in[person.zone] = max(due_for(edition.occasion, edition.due_at, zone), edition.due_at)
            due = due_in[person.zone]
            said = judge_person(rules, known, due)
            if said.state is None and groups.get(person.id) is Group.HELD:
                said = judge_hold_out(tested, due)
            yield Judged(person, due, said, known)


def count_forecast(
    session: Session,
    workspace: Workspace,
    campaign: Campaign,
    edition: Edition,
    *,
    per_customer: bool,
    foreseen: Foreseen,
) -> Counts:
    """Who would get this edition, when by their own clock, who would not and why; adds to `foreseen`."""
    tested = hold_out_of(session, workspace, campaign, edition)
    counts = Counts(hold_out=tested)
    rules = edition_facts(workspace, campaign, edition)
    pool = tip_pool(session, workspace, campaign, None)
    stream = judge_all(
        session, workspace, campaign, edition, per_customer=per_customer, foreseen=foreseen, hold_out=tested
    )
    while judged := list(islice(stream, CHUNK)):
        going = []
        for one in judged:
            counts.people += 1
            _count(counts, one)
            if one.facts.holds and one.permission.state is not None:
                counts.before += judge_person(rules, one.facts._replace(holds=()), one.due).state is None
            else:
                counts.before += one.permission.state is None
            if one.at is not None:
                going.append(one)
                if edition.kind in BULK:
                    foreseen.add(one.person.id, one.at)
        if pool.facts and pool.count:
            _count_tips(session, workspace, pool, going, counts, foreseen, edition.due_at)
    return counts


def _count(counts: Counts, one: Judged) -> None:
    said = one.permission
    if said.state is not None:
        counts.not_going[said.state.value, said.reason] += 1
        return
    counts.going[one.facts.zone.key, said.later or one.due] += 1
    if said.later is not None:
        counts.later[said.reason] += 1


def _count_tips(
    session: Session,
    workspace: Workspace,
    pool: TipPool,
    going: Sequence[Judged],
    counts: Counts,
    foreseen: Foreseen,
    at: datetime,
) -> None:
    """Compare the tips of those whom replies concern with what they would have got without them."""
    topics = {tip.name: set(tip.topics) for tip in pool.facts}
    boosts = {
        person: [boost for boost in own if boost.id not in foreseen.boosts]
        for person, own in boosts_of(session, [one.person.id for one in going]).items()
    }
    holds = {one.person.id: one.facts.holds for one in going if blocked_topics(one.facts.holds, at)}
    concerned = sorted({*boosts, *holds})
    pool = know_people(session, pool, concerned)
    shown = shown_tips(session, concerned)
    for person in load_customers(session, concerned).values():
        had = shown.get(person.id, set()) | foreseen.tips[person.id]
        own, held = boosts.get(person.id, []), holds.get(person.id, [])
        now = choose_one(workspace, pool, person, shown=had, boosts=own, holds=held, now=at)
        before = choose_one(workspace, pool, person, shown=had, boosts=[], holds=[], now=at)
        counts.changed_tips += [tip.name for tip in now] != [tip.name for tip in before]
        answered = {tip.boost for tip in now if tip.boost is not None}
        counts.first.update({boost.topic for boost in own if boost.id in answered})
        counts.waiting.update(
            topic for topic in blocked_topics(held, at) if any(topic in topics[tip.name] for tip in before)
        )
        foreseen.boosts |= answered
        foreseen.tips[person.id].update(tip.name for tip in now)
