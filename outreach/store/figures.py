"""Figures of sends, replies and cases, counted in SQL from one snapshot: all that a report says.

Law: a person is counted once wherever people are meant. A rate comes with the numbers that it was made of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select
from sqlmodel import Session, col

from ..audience.asking import USUAL, Asked
from ..cases.case import UNSOLVED
from ..cases.clock import durations, is_overdue
from ..plan.fairness import Fairness
from ..records import (
    BULK,
    Case,
    CaseState,
    Category,
    Consent,
    ConsentAct,
    Customer,
    Delivery,
    DeliveryState,
    Inbound,
    Machine,
    Subscription,
    SubscriptionState,
    Suppression,
)
from ..workdays import WorkingHours
from .cases import moves_of
from .edition_figures import EditionFigures, Rate, author, bounced, edition_figures
from .fairness import Contacts, read_contacts, read_fairness
from .reach import people_heard_from
from .replies import InboundFilter, conditions_of
from .sign_ups import asked_between
from .unconfirmed import count_waiting
from .worth import Worth, read_worth

AGES = (("today", 1), ("1 to 2 days", 3), ("3 to 7 days", 8), ("1 to 4 weeks", 29), ("older", 36_500))


@dataclass(frozen=True)
class Spread:
    """Business hours: how many cases were measured, the median and the 90th percentile."""

    count: int
    median: float | None
    p90: float | None


@dataclass(frozen=True)
class CaseFigures:
    """opened = open + solved + confirmed + dismissed, always."""

    opened: int
    states: Mapping[CaseState, int]
    overdue: int
    unanswered: int
    open_by_age: Mapping[str, int]
    open_by_topic: Mapping[str, int]
    first_answer: Spread
    solution: Spread

    @property
    def open(self) -> int:
        return sum(self.states.get(state, 0) for state in UNSOLVED)


@dataclass(frozen=True)
class ReplyFigures:
    """What came back: from people by category, channel, topic and local day, and from machines."""

    people: Mapping[str, int]
    machines: Mapping[str, int]
    channels: Mapping[str, int]
    complaint_topics: Mapping[str, int]
    unreviewed: int
    by_day: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True)
class Figures:
    """All of a report, at one instant. `waiting`: people who have not confirmed a sign-up; `never_confirmed`: sign-ups
    that were let go of; `asked`: whose owners the page had asked in the last four weeks, and of how many they answered.
    """

    name: str
    company: str
    at: datetime
    zone: str
    customers: int
    subscribed: int
    suppressed: int
    people_reached: int
    people_heard_from: int
    sent: int
    bounced: int
    in_doubt: int
    unsubscribed: int
    complainers: int
    editions: Sequence[EditionFigures]
    replies: ReplyFigures
    cases: CaseFigures
    worth: Worth
    fairness: Fairness
    contacts: Contacts
    waiting: int = 0
    never_confirmed: int = 0
    asked: Asked = field(default_factory=Asked)

    @property
    def complaints(self) -> Rate:
        """People who complained, of the people reached."""
        return Rate(self.complainers, self.people_reached)


def spread(hours: Sequence[float]) -> Spread:
    """Median and 90th percentile, interpolated between neighbours."""
    ordered = sorted(hours)

    def at(share: float) -> float | None:
        if not ordered:
            return None
        place = share * (len(ordered) - 1)
        low = int(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)

    return Spread(len(ordered), at(0.5), at(0.9))


def read_figures(
    session: Session,
    *,
    name: str,
    company: str,
    now: datetime,
    at_work: WorkingHours,
    days: int = 28,
    per_week: int = 2,
) -> Figures:
    """Count everything. Reads Delivery by index and groups; loads cases, which are few."""
    editions = edition_figures(session)
    run = session.connection().execute
    complaint = (col(Inbound.machine) == Machine.HUMAN, col(Inbound.category) == Category.COMPLAINT)
    waiting, never_confirmed = count_waiting(session)
    return Figures(
        name=name,
        company=company,
        at=now,
        zone=at_work.zone.key,
        customers=run(select(func.count()).select_from(Customer).where(col(Customer.erased_at).is_(None))).scalar_one(),
        subscribed=run(
            select(func.count(func.distinct(col(Subscription.customer_id)))).where(
                col(Subscription.state) == SubscriptionState.SUBSCRIBED
            )
        ).scalar_one(),
        suppressed=run(
            select(func.count())
            .select_from(Suppression)
            .where(or_(col(Suppression.expires_at).is_(None), col(Suppression.expires_at) > now))
        ).scalar_one(),
        people_reached=_people_reached(session),
        people_heard_from=people_heard_from(session),
        sent=sum(edition.counts.get(DeliveryState.SENT, 0) for edition in editions),
        bounced=sum(edition.rates.bounces.count for edition in editions),
        in_doubt=sum(edition.counts.get(DeliveryState.IN_DOUBT, 0) for edition in editions),
        unsubscribed=_unsubscribed(session),
        complainers=run(select(func.count(func.distinct(author()))).where(*complaint)).scalar_one(),
        editions=editions,
        replies=_reply_figures(session, now, at_work, days),
        cases=case_figures(session, now, at_work),
        worth=read_worth(session, [edition.id for edition in editions], at_work, now),
        fairness=read_fairness(session, now),
        contacts=read_contacts(session, now, per_week),
        waiting=waiting,
        never_confirmed=never_confirmed,
        asked=asked_between(session, now - USUAL, now),
    )


def case_figures(session: Session, now: datetime, at_work: WorkingHours) -> CaseFigures:
    """The register of cases, their age by calendar days and their clocks in business hours."""
    cases = list(session.execute(select(Case)).scalars())
    moves = moves_of(session, [case.id for case in cases if case.id is not None])
    taken = [
        durations(case, moves.get(case.id or 0, []), at_work) for case in cases if case.state is not CaseState.DISMISSED
    ]
    unsolved = [case for case in cases if case.state in UNSOLVED]
    ages = Counter(_age_band(now - case.opened_at) for case in unsolved)
    topics = Counter(case.topic or "no topic" for case in unsolved)
    return CaseFigures(
        opened=len(cases),
        states=Counter(case.state for case in cases),
        overdue=sum(is_overdue(case, now) for case in cases),
        unanswered=sum(case.first_answer_at is None for case in unsolved),
        open_by_age={words: ages[words] for words, _ in AGES},
        open_by_topic=dict(topics.most_common()),
        first_answer=spread([each.first_answer for each in taken if each.first_answer is not None]),
        solution=spread([each.solution for each in taken if each.solution is not None]),
    )


def _people_reached(session: Session) -> int:
    """To how many people bulk mail went and did not come back, whatever their addresses were; of whom nobody is known
    any more each address is one."""
    reached = (
        col(Delivery.kind).in_(BULK),
        col(Delivery.state) == DeliveryState.SENT,
        col(Delivery.id).not_in(bounced()),
    )
    nobodys = col(Delivery.customer_id).is_(None)
    people = select(func.count(func.distinct(col(Delivery.customer_id)))).where(*reached)
    others = select(func.count(func.distinct(col(Delivery.address_key)))).where(*reached, nobodys)
    run = session.connection().execute
    return int(run(people).scalar_one()) + int(run(others).scalar_one())


def _unsubscribed(session: Session) -> int:
    """People who left a list or all of them, by whatever way but an import."""
    query = select(func.count(func.distinct(col(Consent.customer_id)))).where(
        col(Consent.act) == ConsentAct.WITHDRAWN, col(Consent.how) != "import"
    )
    return int(session.connection().execute(query).scalar_one())


def _reply_figures(session: Session, now: datetime, at_work: WorkingHours, days: int) -> ReplyFigures:
    run = session.connection().execute
    person = col(Inbound.machine) == Machine.HUMAN

    def tally(column: Any, *where: ColumnElement[bool]) -> dict[str, int]:
        rows = run(select(column, func.count()).where(*where).group_by(column).order_by(func.count().desc(), column))
        return {str(word): count for word, count in rows if word is not None}

    topics: Counter[str] = Counter()
    for (named,) in run(select(col(Inbound.topics)).where(person, col(Inbound.category) == Category.COMPLAINT)):
        topics.update(set(named))
    today = now.astimezone(at_work.zone).date()
    by_day = {today - timedelta(days=back): 0 for back in range(days - 1, -1, -1)}
    for (at,) in run(select(col(Inbound.received_at)).where(person, col(Inbound.received_at) > now - timedelta(days))):
        day = at.astimezone(at_work.zone).date()
        if day in by_day:
            by_day[day] += 1
    return ReplyFigures(
        people=tally(col(Inbound.category), person),
        machines=tally(col(Inbound.machine), ~person),
        channels=tally(col(Inbound.channel), person),
        complaint_topics=dict(topics.most_common()),
        unreviewed=int(
            run(select(func.count(col(Inbound.id))).where(*conditions_of(InboundFilter(unreviewed=True)))).scalar_one()
        ),
        by_day=[(day.isoformat(), count) for day, count in by_day.items()],
    )


def _age_band(age: timedelta) -> str:
    return next(words for words, days in AGES if age < timedelta(days=days))
