"""May this edition's mail go to these people now? (Which tips each gets: `choose_for`, from `work.choose`.)

Law: planning, the claim, the forecast and `why` all judge here, with the same pure rules on the same facts.
The surest refusal wins: cancelled, expired, consent, holds, wishes, household, budget, absence, days, night, a domain.
Quiet hours and closed days delay bulk mail of a schedule in the person's own zone; they never delay what a person sends
now (occasion "once-…", or `explicit`), and the hours no schedule whose own time lies inside them: a marketer chose it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session, col

from ..audience.consent import MailFacts, may_mail
from ..plan.budget import WEEK, judge_budget
from ..plan.holds import SharedHold, judge_away, judge_holds, judge_shared, sharing
from ..plan.one_per import Other, judge_together
from ..plan.reach import judge_rest
from ..plan.wishes import judge_wish
from ..records import (
    BULK,
    YES,
    Campaign,
    CampaignState,
    Customer,
    DeliveryState,
    Edition,
    EditionState,
    GroupKind,
    Hold,
    Kind,
    Permission,
    SubscriptionState,
    Wish,
    withhold,
)
from ..store.bounces import PausedDomain
from ..store.consents import mail_facts
from ..store.database import rows_in_chunks
from ..store.house_mail import HouseMail
from ..store.one_per import others_in
from ..store.plan import holds_of, recent_bulk
from ..store.shared_holds import shared_holds
from ..store.sooner import DOMAIN_PAUSED
from ..store.wishes import wishes_of
from ..timing.days import BLACKOUT, OpenDays
from ..timing.exceptions import exceptions
from ..timing.occurrence import occasion_wall
from ..timing.window import is_quiet, quiet_ends
from ..workdays import zone_or
from .blocked import of_blocked_domains, paused_of
from .choose import choose_for
from .house_budget import sent_to_others
from .precedence import tips_ahead
from .workspace import Workspace

__all__ = ["choose_for", "edition_facts", "judge_people", "judge_person", "people_facts", "rulings"]

PAUSE = timedelta(minutes=5)
"""After how long a paused campaign's mail is looked at again."""
PAUSED_CAMPAIGN = "paused"
MOST_TURNS = 12
"""So often a forecast follows a mail that is put off again and again."""
TOGETHER = "one per household"
NOBODY = MailFacts(address=False)
SUBSCRIBED = SubscriptionState.SUBSCRIBED


class PersonFacts(NamedTuple):
    """All that the rules read about one person."""

    mail: MailFacts
    zone: ZoneInfo
    holds: Sequence[Hold] = ()
    sent: Sequence[datetime] = ()
    ahead: Sequence[datetime] = ()
    paused: PausedDomain | None = None
    wish: Wish | None = None
    others: Sequence[Other] = ()
    shared: Sequence[SharedHold] = ()
    house: Sequence[datetime] = ()


@dataclass(frozen=True, slots=True)
class MailFactsOfEdition:
    """All that the rules read about one edition."""

    kind: Kind
    campaign_state: CampaignState
    edition_state: EditionState
    expires_at: datetime | None
    per_week: int
    quiet: tuple[time, time] | None
    zone: ZoneInfo
    days: OpenDays | None = None
    topics: tuple[str, ...] = ()
    one_per: GroupKind | None = None
    sharing: frozenset[GroupKind] = frozenset()


@dataclass(frozen=True, slots=True)
class Ruling:
    """What one rule says."""

    rule: str
    permission: Permission


def edition_facts(
    workspace: Workspace, campaign: Campaign, edition: Edition, *, explicit: bool = False
) -> MailFactsOfEdition:
    """The facts of an edition; `explicit`: a person sends it now, so that quiet hours do not count."""
    sending = workspace.settings.sending
    wall = occasion_wall(edition.occasion)
    window = (sending.quiet_from, sending.quiet_until)
    heeds = edition.kind in BULK and not explicit and not edition.occasion.startswith("once-")
    days = open_days(workspace)
    planned = None if days.all or not heeds else days
    if wall is not None and is_quiet(wall.time(), *window):
        heeds = False
    return MailFactsOfEdition(
        edition.kind,
        campaign.state,
        edition.state,
        edition.expires_at,
        sending.per_week,
        window if heeds else None,
        zone_or(workspace.settings.identity.zone, "UTC"),
        planned,
        tuple(campaign.topics),
        GroupKind(edition.one_per) if edition.one_per else None,
        sharing(edition.kind, workspace.settings.plan.shared_holds),
    )


def open_days(workspace: Workspace) -> OpenDays:
    """The days on which newsletters go, as the settings say."""
    own = workspace.settings.calendar
    return OpenDays(own.weekdays, exceptions(own.spans, [own.holidays] if own.holidays else ()))


def people_facts(
    session: Session,
    workspace: Workspace,
    edition: Edition,
    customer_ids: Collection[int],
    now: datetime,
    *,
    zones: Mapping[int, str | None] | None = None,
    homes: HouseMail | None = None,
) -> dict[int, PersonFacts]:
    """The facts of these people, by a few queries per 500 of them; `homes`: see `house_mail_of`."""
    ids = list(customer_ids)
    if zones is None:
        zones = zones_of(session, ids)
    bulk = edition.kind in BULK
    mail = mail_facts(session, edition.list_id if bulk else None, ids)
    holds = holds_of(session, ids) if bulk else {}
    sent = recent_bulk(session, ids, now - WEEK) if bulk else {}
    shares = sharing(edition.kind, workspace.settings.plan.shared_holds)
    shared = shared_holds(session, shares, ids) if shares else {}
    paused = paused_of(session, workspace, ids, now)
    mail |= of_blocked_domains(session, workspace, mail, now)
    wishes = wishes_of(session, ids) if bulk else {}
    if wishes:
        sent |= _sent_to_the_rarely_written(session, wishes, now)
    own = {person: zone_or(zones.get(person), workspace.settings.identity.zone) for person in ids}
    ahead = tips_ahead(session, workspace, edition.kind, own, now)
    together = edition.one_per and edition.planned_at is not None  # else work.together chooses among them
    others = others_in(session, edition.id or 0, GroupKind(edition.one_per), ids) if together else {}
    house = sent_to_others(session, workspace, edition, ids, wishes, now, homes) if edition.one_per else {}
    return {
        person: PersonFacts(
            mail.get(person, NOBODY),
            own[person],
            holds.get(person, ()),
            sent.get(person, ()),
            ahead.get(person, ()),
            paused.get(person),
            wishes.get(person),
            others.get(person, ()),
            shared.get(person, ()),
            house.get(person, ()),
        )
        for person in ids
    }


def _sent_to_the_rarely_written(
    session: Session, wishes: Mapping[int, Wish], now: datetime
) -> dict[int, list[datetime]]:
    """Who wants a newsletter less often than weekly is looked at further back."""
    rarely = {person: wish.every_days for person, wish in wishes.items() if wish.every_days > WEEK.days}
    return recent_bulk(session, list(rarely), now - timedelta(days=max(rarely.values()))) if rarely else {}


Rule = Callable[[MailFactsOfEdition, PersonFacts, datetime], Permission]


def rulings(edition: MailFactsOfEdition, person: PersonFacts, now: datetime) -> list[Ruling]:
    """What every rule says, in the order in which they count."""
    return [Ruling(name, rule(edition, person, now)) for name, rule in _RULES]


def judge_person(edition: MailFactsOfEdition, person: PersonFacts, now: datetime) -> Permission:
    """The first refusal, or a yes."""
    for _, rule in _RULES:
        said = rule(edition, person, now)
        if said is not YES and not said.allowed:
            return said
    return YES


def judge_to_the_end(edition: MailFactsOfEdition, person: PersonFacts, due: datetime) -> Permission:
    """What becomes of a mail that is judged again whenever it is told to come later, if nothing else changes.

    A mail that goes later carries the first reason, and the instant at which it goes at last.
    """
    first = said = judge_person(edition, person, due)
    for _ in range(MOST_TURNS):
        if said.state is not None or said.later is None or said.reason == PAUSED_CAMPAIGN:
            break
        then = judge_person(edition, person, said.later)
        if then.state is not None:
            return then
        if then.later is None or then.later <= said.later:
            break
        said = then
    return said if said.state is not None or said.later is None else replace(first, later=said.later)


def _judge_all(plan: MailFactsOfEdition, facts: Mapping[int, PersonFacts], now: datetime) -> dict[int, Permission]:
    """A permission for each person; those in whom no rule finds a difference are judged once."""
    alike: dict[ZoneInfo, Permission] = {}
    said: dict[int, Permission] = {}
    for person, known in facts.items():
        mail = known.mail
        if (
            mail.suppressed
            or mail.domain
            or mail.until
            or known.wish
            or known.holds
            or known.sent
            or known.paused
            or mail.subscription is not SUBSCRIBED
        ):
            said[person] = judge_person(plan, known, now)
        elif mail.erased or not mail.address or known.ahead or known.others or known.shared or known.house:
            said[person] = judge_person(plan, known, now)
        elif known.zone in alike:
            said[person] = alike[known.zone]
        else:
            said[person] = alike[known.zone] = judge_person(plan, known, now)
    return said


def judge_people(
    session: Session,
    workspace: Workspace,
    *,
    campaign: Campaign,
    edition: Edition,
    customer_ids: Collection[int],
    now: datetime,
    due: Mapping[int, datetime] | None = None,
    zones: Mapping[int, str | None] | None = None,
    explicit: bool = False,
    homes: HouseMail | None = None,
    beside: Mapping[int, int] | None = None,
) -> dict[int, Permission]:
    """A permission for each person, with its reason.

    `due`: where a person's mail is due later than `now`, they are judged as of then. `zones`: the people's zones
    where the caller has read them already. `explicit`: a person sends now, quiet hours do not count. `beside`: how many
    other bulk mails go to a person at this very time, as if they had gone.
    """
    plan = edition_facts(workspace, campaign, edition, explicit=explicit)
    facts = people_facts(session, workspace, edition, customer_ids, now, zones=zones, homes=homes)
    for person, count in (beside or {}).items():
        facts[person] = facts[person]._replace(sent=[*facts[person].sent, *[now] * count])
    if due is None:
        return _judge_all(plan, facts, now)
    return {person: judge_person(plan, known, max(now, due.get(person, now))) for person, known in facts.items()}


def zones_of(session: Session, customer_ids: Sequence[int]) -> dict[int, str | None]:
    """The zone that each customer is known to live in."""
    found: dict[int, str | None] = {}
    for ids in rows_in_chunks(list(customer_ids), 500):
        rows = session.execute(select(col(Customer.id), col(Customer.zone)).where(col(Customer.id).in_(ids)))
        found.update((customer_id, zone) for customer_id, zone in rows if customer_id is not None)
    return found


def _judge_states(edition: MailFactsOfEdition, person: PersonFacts, now: datetime) -> Permission:
    if edition.campaign_state is CampaignState.CANCELLED or edition.edition_state is EditionState.CANCELLED:
        return Permission(DeliveryState.CANCELLED, "cancelled", "a person cancelled the campaign or this edition")
    if edition.campaign_state is CampaignState.PAUSED:
        return Permission(reason=PAUSED_CAMPAIGN, evidence="a person paused the campaign", later=now + PAUSE)
    return YES


def _judge_expiry(edition: MailFactsOfEdition, person: PersonFacts, now: datetime) -> Permission:
    if edition.expires_at is not None and edition.expires_at <= now:
        words = f"not accepted by {edition.expires_at:%Y-%m-%d %H:%M} UTC, when it had lost its worth"
        return Permission(DeliveryState.EXPIRED, "expired", words)
    return YES


def _judge_consent(edition: MailFactsOfEdition, person: PersonFacts, now: datetime) -> Permission:
    return may_mail(person.mail, edition.kind, now)


def _judge_holds(edition: MailFactsOfEdition, person: PersonFacts, now: datetime) -> Permission:
    if person.holds:
        rest = judge_rest(edition.kind, person.holds, now)
        own = rest if not rest.allowed else judge_holds(edition.kind, person.holds, now, edition.zone)
        if not own.allowed:
            return own
    return judge_shared(edition.sharing, person.shared, now) if person.shared else YES


def _judge_away(edition: MailFactsOfEdition, person: PersonFacts, now: datetime) -> Permission:
    return judge_away(edition.kind, person.holds, now, edition.expires_at, edition.zone)


def _judge_domain(edition: MailFactsOfEdition, person: PersonFacts, now: datetime) -> Permission:
    if person.paused is None or person.paused.until <= now:
        return YES
    words = f"{person.paused.reason}; mail to {person.paused.label} waits unless a person resumes it"
    return Permission(reason=DOMAIN_PAUSED, evidence=words, later=person.paused.until)


def _judge_budget(edition: MailFactsOfEdition, person: PersonFacts, now: datetime) -> Permission:
    plan = edition.kind, person.sent, edition.per_week, now, edition.expires_at, person.ahead
    return judge_budget(*plan, person.house, edition.one_per.value) if edition.one_per else judge_budget(*plan)


def _judge_days(edition: MailFactsOfEdition, person: PersonFacts, now: datetime) -> Permission:
    found = None if edition.days is None else edition.days.next_open(now, person.zone)
    if found is None:
        return YES
    opens, words = found
    if edition.expires_at is not None and opens >= edition.expires_at:
        return withhold(BLACKOUT, f"{words}; the next day is after this mail's deadline")
    return Permission(reason=BLACKOUT, evidence=words, later=opens)


def _judge_wishes(edition: MailFactsOfEdition, person: PersonFacts, now: datetime) -> Permission:
    sent = [*person.sent, *person.house] if person.house else person.sent
    return judge_wish(edition.kind, edition.topics, person.wish, sent, now, edition.expires_at, zone=edition.zone)


def _judge_together(edition: MailFactsOfEdition, person: PersonFacts, now: datetime) -> Permission:
    return judge_together(edition.one_per, person.others) if person.others else YES


def _judge_quiet(edition: MailFactsOfEdition, person: PersonFacts, now: datetime) -> Permission:
    if edition.quiet is None:
        return YES
    ends = quiet_ends(now, person.zone, *edition.quiet)
    if ends is None:
        return YES
    night = f"it is night in {person.zone.key}"
    if edition.expires_at is not None and ends >= edition.expires_at:
        return withhold("quiet hours", f"{night} until after this mail's deadline")
    return Permission(reason="quiet hours", evidence=night, later=ends)


_RULES: tuple[tuple[str, Rule], ...] = (
    ("campaign", _judge_states),
    ("expiry", _judge_expiry),
    ("consent", _judge_consent),
    ("holds", _judge_holds),
    ("wishes", _judge_wishes),
    (TOGETHER, _judge_together),
    ("budget", _judge_budget),
    ("away", _judge_away),
    ("days", _judge_days),
    ("quiet hours", _judge_quiet),
    ("domain", _judge_domain),
)
"""Every rule by its name, in the order in which they count."""
