"""Kept: goals that customers reached, each once however often its file is imported.

Law: a goal counts for the last newsletter that its customer had been sent before, if that is not too long ago.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select
from sqlmodel import Session, col

from ..records import BULK, Delivery, DeliveryState, Goal
from .database import rows_in_chunks

CHUNK = 500


def known_goals(session: Session, keys: Collection[str]) -> set[str]:
    """Which of these keys are kept already."""
    found: set[str] = set()
    for part in rows_in_chunks(list(keys), CHUNK):
        found.update(session.execute(select(col(Goal.key)).where(col(Goal.key).in_(part))).scalars())
    return found


def add_goals(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Keep these goals, of which none is kept yet."""
    if rows:
        session.connection().execute(insert(Goal), list(rows))


def goal_names(session: Session) -> list[str]:
    """The names of all goals that somebody reached, sorted."""
    return sorted(session.execute(select(col(Goal.name)).distinct()).scalars())


def mails_before(
    session: Session, reached: Sequence[tuple[int, datetime]], within: timedelta
) -> dict[tuple[int, datetime], int]:
    """For each (customer, instant) the newest newsletter sent to that person before it, within that time."""
    mails: dict[int, list[tuple[datetime, int]]] = defaultdict(list)
    for part in rows_in_chunks(sorted({person for person, _ in reached}), CHUNK):
        query = select(
            col(Delivery.customer_id), col(Delivery.sent_at), col(Delivery.id), col(Delivery.kind), col(Delivery.state)
        ).where(col(Delivery.customer_id).in_(part), col(Delivery.sent_at).is_not(None))
        for person, sent_at, delivery_id, kind, state in session.execute(query):
            if person is not None and kind in BULK and state is DeliveryState.SENT and sent_at and delivery_id:
                mails[person].append((sent_at, delivery_id))
    found: dict[tuple[int, datetime], int] = {}
    for person, at in reached:
        before = [(sent, delivery) for sent, delivery in mails.get(person, ()) if at - within <= sent <= at]
        if before:
            found[person, at] = max(before)[1]
    return found


def goal_counts(session: Session) -> list[dict[str, Any]]:
    """Each goal by its name: how often, by how many people, what it was worth, how many count for a newsletter."""
    query = (
        select(
            col(Goal.name),
            func.count(),
            func.count(func.distinct(col(Goal.customer_id))),
            func.sum(col(Goal.value)),
            func.count(col(Goal.delivery_id)),
            func.min(col(Goal.at)),
            func.max(col(Goal.at)),
        )
        .group_by(col(Goal.name))
        .order_by(func.count().desc(), col(Goal.name))
    )
    names = ("name", "reached", "people", "value", "after_newsletter", "first_at", "last_at")
    return [dict(zip(names, row, strict=True)) for row in session.execute(query)]
