"""Kept: the decisions on steps, and the topics that a campaign's next issue takes from a trend.

Law: a step is decided once, by compare-and-set on its state; a trend belongs to the first edition that is opened after
it was applied, so that an edition's tips do not change while it goes out.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from ..records import Campaign, Customer, Step, StepState

TREND = "trend"


def find_step(session: Session, step_id: int) -> Step | None:
    """The step of that number."""
    return session.get(Step, step_id)


def decide_step(
    session: Session, step_id: int, before: StepState, after: StepState, *, by: str, words: str, now: datetime
) -> bool:
    """Move a step by somebody's word; False where it is not in `before` any more."""
    moved = update(Step).where(col(Step.id) == step_id, col(Step.state) == before)
    values = {"state": after, "decided_at": now, "decided_by": by, "decision": words}
    return session.connection().execute(moved.values(**values)).rowcount == 1


def list_steps(
    session: Session, states: Collection[StepState], *, rule: str = "", limit: int = 100
) -> list[tuple[Step, str, str]]:
    """The newest steps in these states, each with its customer's address and its campaign's name ("" for none)."""
    query = (
        select(Step, func.coalesce(col(Customer.address), ""), func.coalesce(col(Campaign.name), ""))
        .outerjoin(Customer, col(Customer.id) == col(Step.customer_id))
        .outerjoin(Campaign, col(Campaign.id) == col(Step.campaign_id))
        .where(col(Step.state).in_(list(states)))
        .order_by(col(Step.at).desc(), col(Step.id).desc())
        .limit(limit)
    )
    if rule:
        query = query.where(col(Step.rule) == rule)
    return [(step, address, campaign) for step, address, campaign in session.execute(query)]


def count_proposed(session: Session) -> int:
    """How many steps wait for a person's yes."""
    query = select(func.count()).select_from(Step).where(col(Step.state) == StepState.PROPOSED)
    return int(session.execute(query).scalar_one())


def trend_topics(session: Session, campaign_id: int, edition_id: int | None) -> tuple[str, ...]:
    """The topics that an edition brings forward, the first first; without one, those that the next one would take."""
    which = col(Step.edition_id).is_(None) if edition_id is None else col(Step.edition_id) == edition_id
    query = select(Step).where(
        col(Step.campaign_id) == campaign_id, col(Step.rule) == TREND, col(Step.state) == StepState.APPLIED, which
    )
    found = sorted(session.scalars(query), key=lambda step: (step.effect.get("rank", 0), step.id or 0))
    return tuple(dict.fromkeys(str(step.effect["topic"]) for step in found))


def open_trends(session: Session, campaign_id: int) -> list[Step]:
    """What was proposed, applied, refused or taken back for a campaign's next issue."""
    mine = (col(Step.campaign_id) == campaign_id, col(Step.rule) == TREND, col(Step.edition_id).is_(None))
    query = select(Step).where(*mine)
    return list(session.scalars(query.order_by(col(Step.id))))


def bind_trends(session: Session, campaign_id: int, edition_id: int, now: datetime) -> None:
    """An edition is opened: applied trends come into it; what nobody said yes to is over with it."""
    mine = (col(Step.campaign_id) == campaign_id, col(Step.rule) == TREND, col(Step.edition_id).is_(None))
    late = {"state": StepState.REFUSED, "decided_at": now, "decision": "the issue went out before anybody said yes"}
    connection = session.connection()
    connection.execute(update(Step).where(*mine, col(Step.state) == StepState.PROPOSED).values(**late))
    connection.execute(update(Step).where(*mine).values(edition_id=edition_id))
