"""Why one person gets a campaign, or does not: every rule's answer, and what this person has had of it.

Law: the rules are those of the claim, on the same facts; nothing is changed by asking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from ..errors import InputError, UsageError
from ..plan.holdout import Group, judge_hold_out
from ..plan.holds import hold_words, is_open
from ..plan.wishes import unwanted_topics
from ..records import YES, Campaign, Customer, Delivery, Edition, EditionState, EnrolmentState, Permission
from ..store.customers import CustomerRow, PersonRow, find_customer, load_customers
from ..store.editions import campaigns_and_schedules, deliveries_to, editions_of, find_campaign
from ..store.plan import boosts_of, holds_of, recent_steps, shown_tips
from ..store.saved_segments import load_segment
from ..store.segments import people_among
from ..store.sequences import enrolments_of, find_sequence
from ..store.wishes import wishes_of
from ..workdays import zone_or
from .choose import choose_one, frozen_tips, know_people, tip_pool
from .forecast import draft_edition
from .holdout import deal, hold_out_of
from .judge import TOGETHER, edition_facts, judge_person, people_facts, rulings
from .schedules import Occasion, due_for, occasions_after, timing_of
from .sequence_begins import course_of
from .sequence_places import holder_of
from .sight import sight
from .together import Together
from .whom import is_meant
from .workspace import Workspace

PAST = timedelta(days=90)
GOING = (EditionState.PLANNING, EditionState.OPEN, EditionState.PAUSED, EditionState.WAITING)


@dataclass(frozen=True)
class RuleSaid:
    """One rule's answer: yes, no or later, its words, and when that ends."""

    rule: str
    answer: str
    reason: str = ""
    evidence: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class Why:
    """The answer for one person and one campaign. `due` is when their mail would go, `local` that on their clock."""

    email: str
    customer_id: int
    campaign: str
    kind: str
    allowed: bool
    answer: str
    occasion: str
    due: datetime
    local: str
    rules: tuple[RuleSaid, ...]
    deliveries: tuple[dict[str, Any], ...]
    holds: tuple[dict[str, Any], ...]
    boosts: tuple[dict[str, Any], ...]
    tips: tuple[dict[str, str], ...]
    steps: tuple[dict[str, Any], ...]


def explain_person(workspace: Workspace, email: str, campaign_name: str) -> Why:
    """Answer for the customer with this address. Raises UsageError where the campaign or the customer is unknown."""
    now = workspace.clock()
    with workspace.database.read() as session:
        campaign = _campaign(session, campaign_name)
        customer = find_customer(session, workspace.keys, email)
        if customer is None or customer.id is None:
            raise UsageError(
                f"no customer has the address {email}", remedy="Look with: outreach customers list, or import first."
            )
        person = load_customers(session, [customer.id])[customer.id]
        edition, due = _edition(session, workspace, campaign, customer, now)
        facts = people_facts(session, workspace, edition, [person.id], due, zones={person.id: person.zone})[person.id]
        said = [
            _segment(session, edition, person),
            *_whom(session, campaign, edition, person.id),
            *_sequence(session, workspace, campaign, person.id),
            *_planned(session, edition, person),
        ]
        for ruling in rulings(edition_facts(workspace, campaign, edition), facts, due):
            found = ruling.permission
            if ruling.rule == TOGETHER and not edition.one_per:
                continue
            if ruling.rule == TOGETHER and edition.planned_at is None:
                found = _together(session, workspace, campaign, edition, person, due)
            answer = "yes" if found.allowed else "later" if found.state is None else "no"
            said.append(RuleSaid(ruling.rule, answer, found.reason, found.evidence, found.later or found.until))
        seen = sight(session, workspace, edition.kind, now)
        if not seen.allowed and due <= now:
            said.append(RuleSaid("replies", "later", seen.reason, seen.evidence, seen.later))
        said += _hold_out(session, workspace, campaign, edition, person, due)
        refusal = next((rule for rule in said if rule.answer != "yes"), None)
        at = refusal.until if refusal is not None and refusal.answer == "later" and refusal.until else due
        return Why(
            email=person.address or email,
            customer_id=person.id,
            campaign=campaign.name,
            kind=campaign.kind.value,
            allowed=refusal is None or refusal.answer == "later",
            answer=_answer(refusal),
            occasion=edition.occasion,
            due=at,
            local=f"{at.astimezone(facts.zone):%Y-%m-%d %H:%M} {facts.zone.key}",
            rules=tuple(said),
            deliveries=_deliveries(session, campaign, person.id),
            holds=_holds(session, workspace, person.id, now),
            boosts=tuple(
                {"topic": boost.topic, "reason": boost.reason, "since": boost.since, "case": boost.case_id}
                for boost in boosts_of(session, [person.id]).get(person.id, ())
            ),
            tips=_tips(session, workspace, campaign, edition, person, due),
            steps=tuple(
                {"at": step.at, "rule": step.rule, "what": step.what, "reason": step.reason, "case": step.case_id}
                for step, _ in recent_steps(session, now - PAST, customer_id=person.id)
            ),
        )


def _together(
    session: Session, workspace: Workspace, campaign: Campaign, edition: Edition, person: CustomerRow, due: datetime
) -> Permission:
    """Whether another one of their household would get an edition that is still to be planned."""
    rules = edition_facts(workspace, campaign, edition)

    def judge(zones: Mapping[int, str | None]) -> dict[int, Permission]:
        facts = people_facts(session, workspace, edition, list(zones), due, zones=zones)
        return {one: judge_person(rules, known, due) for one, known in facts.items()}

    row = PersonRow(
        *(person.id, person.address_key or "", person.address, person.zone, person.country, person.language),
        *(person.version, None),
    )
    found = Together(session, campaign, edition, judge).passed_over([row], judge({person.id: person.zone}))
    return found.get(person.id, YES)


def _campaign(session: Session, name: str) -> Campaign:
    known = {found.name: found for found, _ in campaigns_and_schedules(session)}
    step = find_campaign(session, name) if "/" in name else None
    if step is not None:
        return step
    if name not in known:
        remedy = f"There are: {', '.join(known)}." if known else "Apply one: outreach campaigns apply FILE.md"
        raise UsageError(f"there is no campaign called {name}", remedy=remedy)
    return known[name]


def _edition(
    session: Session, workspace: Workspace, campaign: Campaign, customer: Customer, now: datetime
) -> tuple[Edition, datetime]:
    """The edition that is under way, else the next one, and when this person's mail of it is due."""
    assert campaign.id is not None
    for found in editions_of(session, campaign.id):
        if found.state in GOING and found.id is not None:
            edition = session.get_one(Edition, found.id, populate_existing=True)
            return edition, max(edition.due_at, now)
    try:
        timing = timing_of(workspace, campaign)
    except InputError as wrong:
        raise UsageError(wrong.message, remedy=wrong.remedy) from wrong
    occasion = next(occasions_after(timing, now), Occasion("once-by hand", now))
    draft = draft_edition(session, workspace, campaign, occasion.key, occasion.opens, per_customer=timing.per_customer)
    zone = zone_or(customer.zone, workspace.settings.identity.zone) if timing.per_customer else None
    return draft, max(due_for(occasion.key, occasion.opens, zone), now)


def _segment(session: Session, edition: Edition, person: CustomerRow) -> RuleSaid:
    if people_among(session, load_segment(session, edition.segment, edition.due_at), [person.id]):
        return RuleSaid("segment", "yes")
    return RuleSaid("segment", "no", "not in the segment", f"the segment is: {edition.segment}")


def _whom(session: Session, campaign: Campaign, edition: Edition, customer_id: int) -> list[RuleSaid]:
    """Whether a letter is for this person; nothing of a campaign that names nobody."""
    line = str(campaign.options.get("whom") or "")
    if not line:
        return []
    if is_meant(session, campaign, edition, customer_id):
        return [RuleSaid("whom", "yes")]
    return [RuleSaid("whom", "no", "not meant", f"the letter is for: {line}, each of them once")]


def _sequence(session: Session, workspace: Workspace, campaign: Campaign, customer_id: int) -> list[RuleSaid]:
    """Where this person is in the sequence whose step the campaign is; nothing of any other campaign."""
    sequence, _, step = campaign.name.partition("/")
    if not step:
        return []
    told = RuleSaid("sequence", "no", "not in the sequence", f"see: outreach sequences show {sequence}")
    for name, one in enrolments_of(session, customer_id):
        if name != sequence:
            continue
        done = one.done.get(step)
        since = f"in {sequence} since {one.day} ({one.key})"
        if one.state is EnrolmentState.STANDBY:
            told = RuleSaid("sequence", "no", "stands by", f"{since}; {_place(session, workspace, name, customer_id)}")
        elif done is not None and done["how"] == "sent":
            told = RuleSaid("sequence", "yes", "", f"{since}; this step's turn came {done['at'][:16]} UTC")
        elif done is not None:
            told = RuleSaid("sequence", "no", "passed over", f"{since}; {done['why']}")
        elif one.state is EnrolmentState.GOING:
            words = f"{since}; next is {one.step or 'its first step'}" + (f", {one.reason}" if one.reason else "")
            told = RuleSaid("sequence", "later", "its turn has not come", words, one.look_at)
        else:
            told = RuleSaid("sequence", "no", one.state.value, f"{since}; {one.reason}".rstrip("; "))
    return [told]


def _place(session: Session, workspace: Workspace, sequence: str, customer_id: int) -> str:
    """Who of the same household (or company) is in a sequence in this person's stead."""
    row = find_sequence(session, sequence)
    course = course_of(session, workspace, row) if row is not None else None
    holder = holder_of(session, course, customer_id) if course is not None else None
    if course is None or course.rules.one_per is None or holder is None:
        return "they go on with the next run"
    return f"customer {holder} of the same {course.rules.one_per.value} is in it"


def _planned(session: Session, edition: Edition, person: CustomerRow) -> list[RuleSaid]:
    """Whether an edition that is planned already counts this person in; nothing where it is still to be planned."""
    if edition.id is None or edition.planned_at is None:
        return []
    for delivery, of in deliveries_to(session, edition.campaign_id, person.id):
        if of.id == edition.id:
            return [RuleSaid("planned", "yes"), *_wave(edition, delivery)]
    when = f"{edition.planned_at:%Y-%m-%d %H:%M} UTC"
    return [RuleSaid("planned", "no", "not among the people planned", f"{edition.occasion} was planned at {when}")]


def _hold_out(
    session: Session, workspace: Workspace, campaign: Campaign, edition: Edition, person: CustomerRow, due: datetime
) -> list[RuleSaid]:
    """Whether this person is left out by chance; nothing of an issue that is not tested."""
    plan = hold_out_of(session, workspace, campaign, edition)
    group: str | None = deal(session, workspace, campaign, edition.occasion, [person], plan).get(person.id)
    if edition.id is not None and edition.planned_at is not None:
        planned = deliveries_to(session, edition.campaign_id, person.id)
        group = next((delivery.variant for delivery, of in planned if of.id == edition.id), None)
    if not plan.on or not group:
        return []
    if group == Group.ISSUE:
        return [RuleSaid("hold-out", "yes")]
    found = judge_hold_out(plan, due)
    return [RuleSaid("hold-out", "later" if found.later else "no", found.reason, found.evidence, found.later)]


def _wave(edition: Edition, delivery: Delivery) -> list[RuleSaid]:
    """Whether this person's wave may go; nothing of an edition that goes in one."""
    if not edition.waves:
        return []
    if delivery.wave <= edition.released_wave:
        return [RuleSaid("wave", "yes")]
    words = f"theirs is wave {delivery.wave + 1} of {len(edition.waves)}; {edition.released_wave + 1} released"
    return [RuleSaid("wave", "later", "a later wave", f"{words}; {edition.reason}" if edition.reason else words)]


def _answer(refusal: RuleSaid | None) -> str:
    if refusal is None:
        return "yes: nothing speaks against it"
    return f"{refusal.answer}: {refusal.reason} ({refusal.evidence})"


def _deliveries(session: Session, campaign: Campaign, customer_id: int) -> tuple[dict[str, Any], ...]:
    assert campaign.id is not None
    return tuple(
        {
            "occasion": delivery.occasion,
            "number": edition.number,
            "subject": edition.subject,
            "state": delivery.state,
            "reason": delivery.reason,
            "evidence": delivery.evidence,
            "due_at": delivery.due_at,
            "next_at": delivery.next_at,
            "sent_at": delivery.sent_at,
            "tips": list(delivery.choices.get("tips", ())),
            "reasons": dict(delivery.choices.get("reasons", {})),
            "response": delivery.response,
        }
        for delivery, edition in deliveries_to(session, campaign.id, customer_id)
    )


def _holds(session: Session, workspace: Workspace, customer_id: int, now: datetime) -> tuple[dict[str, Any], ...]:
    zone = zone_or(workspace.settings.identity.zone, "UTC")
    return tuple(
        {
            "scope": hold.scope,
            "topic": hold.topic,
            "state": hold.state,
            "since": hold.since,
            "until": hold.until,
            "case": hold.case_id,
            "words": hold_words(hold, zone),
        }
        for hold in holds_of(session, [customer_id]).get(customer_id, ())
        if is_open(hold, now)
    )


def _tips(
    session: Session, workspace: Workspace, campaign: Campaign, edition: Edition, person: CustomerRow, at: datetime
) -> tuple[dict[str, str], ...]:
    """The tips that this person would get, each with its reason."""
    names = frozen_tips(edition) if edition.id is not None else None
    pool = tip_pool(session, workspace, campaign, names, edition.id)
    if not pool.facts or not pool.count:
        return ()
    chosen = choose_one(
        workspace,
        know_people(session, pool, [person.id]),
        person,
        shown=shown_tips(session, [person.id], but_edition=edition.id).get(person.id, set()),
        boosts=boosts_of(session, [person.id]).get(person.id, ()),
        holds=holds_of(session, [person.id]).get(person.id, ()),
        unwanted=unwanted_topics(wishes_of(session, [person.id]).get(person.id)),
        now=at,
    )
    return tuple({"name": tip.name, "reason": tip.reason or "next in the editor's order"} for tip in chosen)
