"""Kept: what a person agreed to of a campaign's plan. Rows are only ever added; the newest of an occasion counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from ..records import Approval, Step, StepState
from .database import rows_in_chunks

CHUNK = 500


def add_approval(session: Session, approval: Approval) -> None:
    """Keep a person's yes."""
    session.add(approval)
    session.flush()


def approval_of(session: Session, campaign_id: int, occasion: str) -> Approval | None:
    """The newest yes to a campaign's occasion."""
    query = (
        select(Approval)
        .where(col(Approval.campaign_id) == campaign_id, col(Approval.occasion) == occasion)
        .order_by(col(Approval.id).desc())
        .limit(1)
    )
    return session.execute(query).scalar()


def steps_of(session: Session, customer_ids: Collection[int], since: datetime) -> dict[int, list[Step]]:
    """The steps that changed these people's plans after `since`, oldest first."""
    found: dict[int, list[Step]] = defaultdict(list)
    for ids in rows_in_chunks(list(customer_ids), CHUNK):
        query = select(Step).where(
            col(Step.customer_id).in_(ids), col(Step.at) > since, col(Step.state) == StepState.APPLIED
        )
        for step in session.execute(query.order_by(col(Step.id))).scalars():
            if step.customer_id is not None:
                found[step.customer_id].append(step)
    return dict(found)
