"""Kept figures of fairness: offers by who had complained before, and how much bulk mail people had in a week.

Law: who could have had an offer is every subscriber of that day; a complaint counts by whatever channel it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from ..chance import Share
from ..plan.budget import WEEK
from ..plan.fairness import Fairness, judge_fairness
from ..records import (
    BULK,
    Category,
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    Inbound,
    Kind,
    Machine,
    Subscription,
    SubscriptionState,
)

LOOK_BACK = timedelta(days=90)
"""Offers of so many days are compared."""
MEMORY = timedelta(days=180)
"""Whoever complained in so many days before an offer counts as a complainer for it."""


@dataclass(frozen=True)
class Contacts:
    """How many people had 1, 2, … newsletters in the last seven days, and how many had more than the budget allows."""

    per_week: int
    people: Mapping[int, int]

    @property
    def over(self) -> int:
        """People who had more than the settings allow."""
        return sum(people for mails, people in self.people.items() if mails > self.per_week)


def read_fairness(session: Session, now: datetime) -> Fairness:
    """Offers given to people who had complained before, against those given to quiet customers."""
    query = select(col(Edition.id), col(Edition.due_at)).where(
        col(Edition.kind) == Kind.OFFER,
        col(Edition.planned).is_not(None),
        col(Edition.due_at) > now - LOOK_BACK,
        col(Edition.due_at) <= now,
    )
    given = [0, 0]
    chances = [0, 0]
    for edition_id, due_at in session.execute(query.order_by(col(Edition.id))).all():
        assert edition_id is not None
        for place, (count, of) in enumerate(_of_offer(session, edition_id, due_at)):
            given[place] += count
            chances[place] += of
    return judge_fairness(Share(given[0], chances[0]), Share(given[1], chances[1]))


def read_contacts(session: Session, now: datetime, per_week: int) -> Contacts:
    """Newsletters per person in the last seven days."""
    each = (
        select(col(Delivery.customer_id), func.count().label("mails"))
        .where(
            col(Delivery.kind).in_(BULK),
            col(Delivery.state) == DeliveryState.SENT,
            col(Delivery.sent_at) > now - WEEK,
        )
        .group_by(col(Delivery.customer_id))
        .subquery()
    )
    query = select(each.c.mails, func.count()).group_by(each.c.mails).order_by(each.c.mails)
    rows: Any = session.execute(query)
    return Contacts(per_week, dict(tuple(row) for row in rows))


def _of_offer(session: Session, edition_id: int, due_at: datetime) -> tuple[tuple[int, int], tuple[int, int]]:
    """(given, chances) of those who had complained before this offer, and of the others."""
    complained: Any = select(col(Inbound.customer_id)).where(
        col(Inbound.customer_id).is_not(None),
        col(Inbound.machine) == Machine.HUMAN,
        col(Inbound.category) == Category.COMPLAINT,
        col(Inbound.received_at) > due_at - MEMORY,
        col(Inbound.received_at) <= due_at,
    )
    subscribed: Any = (
        select(func.count(func.distinct(col(Customer.id))))
        .join(Subscription, col(Subscription.customer_id) == col(Customer.id))
        .where(
            col(Customer.erased_at).is_(None),
            col(Customer.created_at) <= due_at,
            col(Subscription.state) == SubscriptionState.SUBSCRIBED,
        )
    )
    given: Any = subscribed.join(Delivery, col(Delivery.customer_id) == col(Customer.id)).where(
        col(Delivery.edition_id) == edition_id, col(Delivery.state) == DeliveryState.SENT
    )

    def count(query: Any) -> int:
        return int(session.execute(query).scalar_one())

    theirs = (count(query.where(col(Customer.id).in_(complained))) for query in (given, subscribed))
    all_given, all_chances = count(given), count(subscribed)
    got, could = theirs
    return (got, could), (all_given - got, all_chances - could)
