"""What one edition would do if it were planned: the same rules as the claim, on everybody whom the segment gives.

Law: a forecast changes nothing and counts nothing twice: mail foreseen for a person is in their budget when the next
edition is foreseen; what goes only when a person sends it is in nobody's. "Before" is the same judgement without what
replies changed: no holds, no boosts. Groups of people alike (`work.crowd`) are judged once, names one by one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, islice
from zoneinfo import ZoneInfo

from sqlmodel import Session

from ..plan.holdout import Group, judge_hold_out
from ..plan.holds import blocked_topics
from ..plan.one_per import ONE_PER
from ..plan.variants import REST, Comparison, read_comparison
from ..plan.wishes import unwanted_topics
from ..records import YES, Boost, Campaign, Edition, EditionState, GroupKind, Hold, Permission, Wish, withhold
from ..store.crowd import open_holds, with_boosts
from ..store.customers import CustomerRow, PersonRow, load_customers
from ..store.plan import boosts_of, holds_of, shown_tips
from ..store.wishes import wishes_of
from .alike import Alike, Waits, audience_of
from .choose import Choice, TipPool, know_people, tip_pool
from .crowd import Crowd
from .foreseen import Counts
from .holdout import deal, hold_out_of
from .in_turn import InTurn, Judgements, Letter, TipsCalendar, rank_of
from .judge import PersonFacts, edition_facts, judge_to_the_end, people_facts
from .schedules import due_for, last_due, life_of
from .together import Together, one_per_of
from .tried import Tried, rest_goes, told_versions
from .versions import TEST, test_takes
from .whom import edition_people
from .workspace import Workspace

CHUNK = 1000
Judgement = tuple[Alike, datetime, Permission, PersonFacts]


@dataclass
class Concerned:
    """Those whose tips replies change: what they had, and what earlier forecasts of the same look use up."""

    boosts: dict[int, list[Boost]]
    holds: dict[int, list[Hold]]
    shown: dict[int, set[str]]
    people: dict[int, CustomerRow]
    wishes: Mapping[int, Wish] = field(default_factory=dict)
    used: set[int] = field(default_factory=set)

    def aside(self) -> Concerned:
        """The same so far, apart: for an edition that uses up nothing of what others foresee."""
        shown = defaultdict(set, {person: set(names) for person, names in self.shown.items()})
        return Concerned(self.boosts, self.holds, shown, self.people, self.wishes, set(self.used))


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


def draft_edition(
    session: Session, workspace: Workspace, campaign: Campaign, occasion: str, opens: datetime, *, per_customer: bool
) -> Edition:
    """The edition that an occasion would open, not kept anywhere."""
    assert campaign.id is not None
    life = life_of(workspace, campaign) + test_takes(campaign.options.get("test") or {}, per_customer=per_customer)
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
        one_per=one_per_of(session, campaign),
    )


def judge_all(
    session: Session, workspace: Workspace, campaign: Campaign, edition: Edition, *, per_customer: bool
) -> Iterator[Judged]:
    """Everybody whom the segment gives, judged as of the instant at which their mail is due; streamed."""
    rules = edition_facts(workspace, campaign, edition)
    tested = hold_out_of(session, workspace, campaign, edition)
    due_in = _DueIn(workspace, edition, per_customer=per_customer)

    def known(zones: Mapping[int, str | None]) -> dict[int, PersonFacts]:
        return people_facts(session, workspace, edition, list(zones), edition.due_at, zones=zones)

    def judge(facts: Mapping[int, PersonFacts]) -> dict[int, Permission]:
        return {person: judge_to_the_end(rules, one, due_in[one.zone]) for person, one in facts.items()}

    together = Together(session, campaign, edition, lambda zones: judge(known(zones))) if edition.one_per else None
    stream = edition_people(session, campaign, edition)
    while people := list(islice(stream, CHUNK)):
        facts = known({person.id: person.zone for person in people})
        judged = judge(facts)
        if together is not None:
            judged |= together.passed_over(people, judged)
        groups = deal(session, workspace, campaign, edition.occasion, people, tested)
        for person in people:
            due, said = due_in[facts[person.id].zone], judged[person.id]
            if said.state is None and groups.get(person.id) is Group.HELD:
                said = judge_hold_out(tested, due)
            yield Judged(person, due, said, facts[person.id])


class _DueIn(dict[ZoneInfo, datetime]):
    """When an edition's mail is due in each zone."""

    def __init__(self, workspace: Workspace, edition: Edition, *, per_customer: bool) -> None:
        self._edition, self._per_customer = edition, per_customer

    def __missing__(self, zone: ZoneInfo) -> datetime:
        edition = self._edition
        due = max(due_for(edition.occasion, edition.due_at, zone if self._per_customer else None), edition.due_at)
        self[zone] = due
        return due


def count_forecast(
    session: Session,
    workspace: Workspace,
    campaign: Campaign,
    edition: Edition,
    crowd: Crowd,
    concerned: Concerned,
    *,
    per_customer: bool,
    number: int | None,
    turns: InTurn,
    tips: TipsCalendar,
) -> Counts:
    """Who would get this edition, when by their own clock, who would not and why.

    What is planned waits for its time as entry `number` of the look, and is counted when that has come (`turns`).
    Without a number it is in nobody's budget, and counted as if nothing came between.
    """
    tested = hold_out_of(session, workspace, campaign, edition, crowd)
    versions = bool(campaign.options.get("test"))
    counts = Counts(hold_out=tested, by_share=(tested.on or versions) and crowd.by_share())
    judge = Judgements(edition_facts(workspace, campaign, edition), to_the_end=number is None)
    due_in = _DueIn(workspace, edition, per_customer=per_customer)
    ahead, opens = tips.before(edition), edition.due_at
    tips.begun.add((edition.campaign_id, edition.occasion))
    judged: list[Judgement] = []
    for group in crowd.people(audience_of(session, campaign, opens)):
        turns.first(group, opens)
        due = due_in[group.zone]
        facts = group.facts(edition, ahead.of(group, opens, planning=True))
        judged.append((group, due, judge(facts, due), facts))
    if edition.one_per:
        bare = partial(_without_replies, judge)
        judged = crowd.judge_at_home(edition, judged, judge, bare, lambda group: turns.first(group, opens), number)
    free = {id(group): _without_replies(judge, said, facts, due).state is None for group, due, said, facts in judged}
    if edition.one_per:
        counts.before -= _one_each(crowd, campaign, edition, judged, free, keep=number is not None)
    parts = crowd.deal(campaign, edition.occasion, [one[0] for one in judged if one[2].state is None], tested)
    judged += [
        (parts[id(group)], due, judge_hold_out(tested, due), facts)
        for group, due, _, facts in judged
        if id(group) in parts
    ]
    if (plan := read_comparison(campaign.options.get("test") or {})) is not None:
        judged, counts.tried = _tried(campaign, edition, crowd, judge, judged, plan, per_customer=per_customer)
        free |= {id(group): free.get(id(group), said.state is None) for group, _, said, _ in judged}
    counts.before += sum(group.count for group, _, _, _ in judged if free.get(id(group)))
    if number is not None:
        turns.letters[number] = Letter(edition, judge, ahead, life_of(workspace, campaign), counts)
    _let_wait(edition, number, judged, counts)
    going = {id(group) for group, _, said, _ in judged if said.state is None}
    pool = tip_pool(session, workspace, campaign, None)
    if pool.facts and pool.count:
        chosen = sorted(person for person in concerned.people if id(crowd.group_with(person)) in going)
        pool = know_people(session, pool, chosen)
        _count_tips(workspace, pool, chosen, counts, concerned, edition.due_at)
    return counts


def _let_wait(edition: Edition, number: int | None, judged: Sequence[Judgement], counts: Counts) -> None:
    """Let what is planned wait for its time; what is refused now, or is in nobody's budget, is counted."""
    for group, due, said, facts in judged:
        if said.state is not None or number is None:
            counts.add(group.zone.key, due, said, group.count)
            continue
        wait = Waits(said.later or due, rank_of(edition.kind), edition.due_at, number, due)
        had, house = len(group.foreseen), tuple(facts.house)
        group.waits += (wait._replace(reason=said.reason, had=had, house=house),)


def _without_replies(judge: Judgements, said: Permission, facts: PersonFacts, due: datetime) -> Permission:
    """What the rules would say had no reply changed anything."""
    if said.state is None or not (facts.holds or facts.shared):
        return said
    return judge(facts._replace(holds=(), shared=()), due)


def _one_each(
    crowd: Crowd,
    campaign: Campaign,
    edition: Edition,
    judged: list[Judgement],
    free: Mapping[int, bool],
    *,
    keep: bool,
) -> int:
    """Set apart those of whose household another one gets it; how many more, without what replies changed, could get
    it than there are households.
    """
    kind = GroupKind(edition.one_per)
    held = any(free[id(group)] and said.state is not None for group, _, said, _ in judged)
    able = [group for group, _, _, _ in judged if free[id(group)]] if held else []
    doubled = crowd.doubled(kind, edition.list_id, campaign.id or 0, able) if held else 0
    going = [group for group, _, said, _ in judged if said.state is None]
    parts = crowd.one_of_each(kind, edition.list_id, campaign.id or 0, going, keep=keep)
    refusal = withhold(ONE_PER[kind], f"another one of the {kind.value} gets it")
    judged += [(parts[id(group)], due, refusal, facts) for group, due, _, facts in judged if id(group) in parts]
    return doubled - sum(part.count for part in parts.values()) if held else 0


def _tried(
    campaign: Campaign,
    edition: Edition,
    crowd: Crowd,
    judge: Judgements,
    judged: Sequence[Judgement],
    plan: Comparison,
    *,
    per_customer: bool,
) -> tuple[list[Judgement], Tried | None]:
    """The same with whoever gets it apart by the version dealt, each at its hour, and the rest at theirs."""
    parts = crowd.deal_versions(campaign, edition.occasion, [one[0] for one in judged if one[2].state is None], plan)
    takes_part = {group for group, name in parts if name != REST}
    last = max((due for group, due, _, _ in judged if id(group) in takes_part), default=edition.due_at)
    decided = last + timedelta(minutes=plan.wait_minutes)
    found: list[Judgement] = []
    people: Counter[str] = Counter()
    for group, due, said, facts in judged:
        if said.state is not None:
            found.append((group, due, said, facts))
            continue
        for name in (*plan.names, REST):
            part = parts.get((id(group), name))
            if part is None:
                continue
            people[name] += part.count
            if name == REST:
                at = max(rest_goes(plan, due, decided, per_customer=per_customer), said.later or due)
                then = judge(facts, at)
                waits = then if then.state is not None else Permission(reason=TEST, later=then.later or at)
                found.append((part, due, waits, facts))
                continue
            own = due + timedelta(minutes=plan.later[plan.names.index(name)] if plan.later else 0)
            found.append((part, own, said if said.later is not None and said.later > own else YES, facts))
    return found, told_versions(campaign, edition, plan, people, decided)


def read_concerned(session: Session) -> Concerned:
    """Everybody who is owed tips, or whose tips on a topic wait."""
    ids = sorted({row[0] for page in chain(with_boosts(session), open_holds(session)) for row in page})
    boosts, holds = boosts_of(session, ids), holds_of(session, ids)
    shown, people = defaultdict(set, shown_tips(session, ids)), load_customers(session, ids)
    return Concerned(boosts, holds, shown, people, wishes_of(session, ids))


def _count_tips(
    workspace: Workspace, pool: TipPool, going: Sequence[int], counts: Counts, concerned: Concerned, at: datetime
) -> None:
    """Compare the tips of those whom replies concern with what they would have got without them."""
    topics = {tip.name: set(tip.topics) for tip in pool.facts}
    choice = Choice(workspace, pool, at)
    for number in going:
        person, had = concerned.people[number], concerned.shown[number]
        own = [boost for boost in concerned.boosts.get(number, []) if boost.id not in concerned.used]
        held = concerned.holds.get(number, [])
        if not own and not blocked_topics(held, at):
            continue
        spared = unwanted_topics(concerned.wishes.get(number))
        now = choice.of(person, shown=had, boosts=own, holds=held, unwanted=spared)
        before = choice.of(person, shown=had, boosts=[], holds=[], unwanted=spared)
        counts.changed_tips += [tip.name for tip in now] != [tip.name for tip in before]
        answered = {tip.boost for tip in now if tip.boost is not None}
        counts.first.update({boost.topic for boost in own if boost.id in answered})
        counts.waiting.update(
            topic for topic in blocked_topics(held, at) if any(topic in topics[tip.name] for tip in before)
        )
        concerned.used |= answered
        had.update(tip.name for tip in now)
