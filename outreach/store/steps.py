"""Kept: the decisions on steps, and the topics that a campaign's next issue takes from a trend.

Law: a step is decided once, by compare-and-set on its state; a trend belongs to the first edition that is opened after
it was applied, so that an edition's tips do not change while it goes out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import defer
from sqlmodel import Session, col

from ..records import Campaign, Customer, Edition, EditionState, Inbound, Step, StepState

TREND, ERROR, CORRECTION = "trend", "error_pointed", "correction"


@dataclass(frozen=True, slots=True)
class Pointed:
    """A message that points at an error in an edition, and who wrote it."""

    step_id: int
    inbound_id: int
    customer_id: int | None
    author: str


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


def open_trends(session: Session, campaign_id: int, edition_id: int | None = None) -> list[Step]:
    """What was proposed, applied, refused or taken back for a campaign's next issue; it may be open as `edition_id`."""
    of_none = col(Step.edition_id).is_(None)
    issue = of_none if edition_id is None else or_(of_none, col(Step.edition_id) == edition_id)
    query = select(Step).where(col(Step.campaign_id) == campaign_id, col(Step.rule) == TREND, issue)
    return list(session.scalars(query.order_by(col(Step.id))))


def bind_trends(session: Session, campaign_id: int, edition_id: int, now: datetime) -> None:
    """An edition is opened: applied trends come into it; what nobody said yes to is over with it."""
    mine = (col(Step.campaign_id) == campaign_id, col(Step.rule) == TREND, col(Step.edition_id).is_(None))
    late = {"state": StepState.REFUSED, "decided_at": now, "decision": "the issue went out before anybody said yes"}
    connection = session.connection()
    connection.execute(update(Step).where(*mine, col(Step.state) == StepState.PROPOSED).values(**late))
    connection.execute(update(Step).where(*mine).values(edition_id=edition_id))


def pointed_at(session: Session, edition_id: int) -> list[Pointed]:
    """The messages that point at an error in an edition and were not taken back, oldest first."""
    mine = (col(Step.edition_id) == edition_id, col(Step.rule) == ERROR, col(Step.state) == StepState.APPLIED)
    steps = {int(step.evidence["inbound"]): step.id or 0 for step in session.scalars(select(Step).where(*mine))}
    query = select(
        col(Inbound.id), col(Inbound.customer_id), col(Inbound.sender), col(Inbound.handle), col(Inbound.phone)
    ).where(col(Inbound.id).in_(list(steps)))
    return [
        Pointed(steps[inbound_id], inbound_id, customer_id, (sender or handle or phone).lower())
        for inbound_id, customer_id, sender, handle, phone in session.execute(query.order_by(col(Inbound.id)))
        if inbound_id is not None
    ]


def correction_of(session: Session, edition_id: int) -> Step | None:
    """What was decided of an edition because of an error in it, whatever became of that; the newest."""
    mine = (col(Step.edition_id) == edition_id, col(Step.rule) == CORRECTION)
    return session.scalars(select(Step).where(*mine).order_by(col(Step.id).desc()).limit(1)).first()


def stops_in_force(session: Session, edition_id: int | None = None) -> list[tuple[Step, Edition, Campaign]]:
    """The corrections that keep an edition stopped now; of all editions, or of this one."""
    query = (
        select(Step, Edition, Campaign)
        .join(Edition, col(Edition.id) == col(Step.edition_id))
        .join(Campaign, col(Campaign.id) == col(Edition.campaign_id))
        .options(defer(Edition.frozen))  # type: ignore[arg-type]
        .where(
            col(Step.rule) == CORRECTION,
            col(Step.state) == StepState.APPLIED,
            col(Edition.state) == EditionState.PAUSED,
        )
        .order_by(col(Step.id))
    )
    if edition_id is not None:
        query = query.where(col(Edition.id) == edition_id)
    found = [(step, edition, campaign) for step, edition, campaign in session.execute(query)]
    return [one for one in found if one[0].effect]


def undrafted_corrections(session: Session) -> list[tuple[Step, Edition, Campaign]]:
    """Corrections in force whose letter has not been drafted."""
    query = (
        select(Step, Edition, Campaign)
        .join(Edition, col(Edition.id) == col(Step.edition_id))
        .join(Campaign, col(Campaign.id) == col(Edition.campaign_id))
        .options(defer(Edition.frozen))  # type: ignore[arg-type]
        .where(col(Step.rule) == CORRECTION, col(Step.state) == StepState.APPLIED)
        .order_by(col(Step.id))
    )
    found = [(step, edition, campaign) for step, edition, campaign in session.execute(query)]
    return [one for one in found if "draft" not in one[0].evidence]


def keep_evidence(session: Session, step_id: int, more: Mapping[str, Any]) -> None:
    """Add to a step's evidence."""
    step = session.get_one(Step, step_id)
    step.evidence = {**step.evidence, **more}
    session.add(step)
