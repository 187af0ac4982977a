"""Kept: who wrote about which topic in a period, of how many people that a list had reached.

Law: a case is one person's matter, so a topic's people are the customers with a case about it that was not dismissed;
whoever wrote counts as reached. Only people tied to the list are counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from ..records import Case, CaseState, Category, Delivery, Edition, Subscription
from .database import rows_in_chunks
from .plan import MAY_HAVE_BEEN_SENT

CHUNK = 500


@dataclass(frozen=True)
class Told:
    """A case as a trend counts it; `customer_id` None: somebody who is no customer wrote it."""

    case_id: int
    topic: str
    customer_id: int | None
    at: datetime


def told_between(session: Session, list_id: int | None, since: datetime, until: datetime) -> list[Told]:
    """The complaints and questions about a topic that came in a period, of people tied to the list; newest first."""
    query = select(col(Case.id), col(Case.topic), col(Case.customer_id), col(Case.opened_at)).where(
        col(Case.opened_at) >= since,
        col(Case.opened_at) < until,
        col(Case.topic) != "",
        col(Case.state) != CaseState.DISMISSED,
        col(Case.category).in_((Category.COMPLAINT, Category.QUESTION)),
    )
    if list_id is not None:
        tied = select(col(Subscription.customer_id)).where(col(Subscription.list_id) == list_id)
        query = query.where(col(Case.customer_id).in_(tied))
    rows = session.execute(query.order_by(col(Case.opened_at).desc(), col(Case.id).desc()))
    return [Told(int(case_id or 0), topic, customer_id, at) for case_id, topic, customer_id, at in rows]


def people_of(told: Collection[Told]) -> dict[str, set[int]]:
    """The customers who wrote about each topic."""
    people: dict[str, set[int]] = defaultdict(set)
    for one in told:
        if one.customer_id is not None:
            people[one.topic].add(one.customer_id)
    return dict(people)


def count_reached(
    session: Session, list_id: int | None, since: datetime, until: datetime, wrote: Collection[int]
) -> int:
    """How many people a list's editions reached in a period; those who `wrote` are counted whether reached or not."""
    editions = select(col(Edition.id)).where(
        col(Edition.due_at) < until, or_(col(Edition.finished_at).is_(None), col(Edition.finished_at) >= since)
    )
    editions = editions.where(
        col(Edition.list_id) == list_id if list_id is not None else col(Edition.list_id).is_not(None)
    )
    ids = [one for one in session.execute(editions).scalars() if one is not None]
    went = (
        col(Delivery.edition_id).in_(ids),
        col(Delivery.state).in_(MAY_HAVE_BEEN_SENT),
        col(Delivery.sent_at) >= since,
        col(Delivery.sent_at) < until,
    )
    reached = int(
        session.execute(select(func.count(func.distinct(col(Delivery.customer_id)))).where(*went)).scalar_one()
    )
    among: set[int] = set()
    for part in rows_in_chunks(sorted(wrote), CHUNK):
        query = select(col(Delivery.customer_id)).where(col(Delivery.customer_id).in_(part), *went).distinct()
        among.update(one for one in session.execute(query).scalars() if one is not None)
    return reached + len(set(wrote) - among)
