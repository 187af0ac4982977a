"""Kept: the two groups of issues that are tested, and how many people usually complain after one.

Law: a person counts once in an issue, by the group that they were dealt into, whatever became of the mail; what they
complained of counts by whatever channel it came, within the days of the test from the time that their mail was due.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from ..chance import Share
from ..plan.holdout import Group, HoldOut, Trial, read_hold_out
from ..records import Category, Delivery, DeliveryState, Edition, EditionState, Goal, Inbound, Kind, Machine

EARLIER = 5
"""Issues that tell what is usual."""
ZONES = timedelta(days=2)
"""How far apart the same local time is around the world, and more."""


def keep_hold_out(session: Session, edition_id: int, plan: HoldOut, *, expires_at: datetime | None = None) -> None:
    """Write down whether an issue is tested; with it, until when its last mail may go."""
    values: dict[str, Any] = {"hold_out": plan.kept()}
    if expires_at is not None:
        values["expires_at"] = expires_at
    session.connection().execute(update(Edition).where(col(Edition.id) == edition_id).values(**values))


def usual_complaints(session: Session, list_id: int | None, days: int, now: datetime) -> Share:
    """People who complained within `days` of one of the list's last tips issues, of those who got one."""
    over = (
        select(col(Edition.id), col(Edition.due_at))
        .where(
            col(Edition.kind) == Kind.TIPS,
            col(Edition.list_id) == list_id,
            col(Edition.state).in_((EditionState.DONE, EditionState.OPEN)),
            col(Edition.due_at) <= now - timedelta(days=days),
        )
        .order_by(col(Edition.due_at).desc(), col(Edition.id).desc())
        .limit(EARLIER)
    )
    count = of = 0
    for edition_id, due_at in session.execute(over).all():
        assert edition_id is not None
        sent = col(Delivery.edition_id) == edition_id, col(Delivery.state) == DeliveryState.SENT
        of += int(session.execute(select(func.count()).where(*sent)).scalar_one())
        count += len(set(_complainers(session, edition_id, due_at, days, DeliveryState.SENT)))
    return Share(count, of)


def trials(session: Session, now: datetime, edition_ids: Sequence[int] | None = None) -> dict[int, Trial]:
    """The issues that are tested, by edition: both groups and who of them complained."""
    query = select(col(Edition.id), col(Edition.due_at), col(Edition.hold_out)).where(
        col(Edition.planned).is_not(None), col(Edition.kind) == Kind.TIPS
    )
    if edition_ids is not None:
        query = query.where(col(Edition.id).in_(edition_ids))
    found: dict[int, Trial] = {}
    for edition_id, due_at, kept in session.execute(query.order_by(col(Edition.due_at))).all():
        plan = read_hold_out(kept or {})
        if edition_id is None or plan is None or not plan.on:
            continue
        sizes = _sizes(session, edition_id)
        told = Counter(group for _, group in set(_complainers(session, edition_id, due_at, plan.days)))
        issue, held = (Share(told[group], sizes[group]) for group in (Group.ISSUE, Group.HELD))
        found[edition_id] = Trial(plan, issue, held, now >= due_at + timedelta(days=plan.days))
    return found


def goals_in_groups(session: Session, edition_id: int, due_at: datetime, days: int) -> dict[str, Share]:
    """People of each group of a tested issue who reached a goal within `days` of it."""
    query = (
        select(col(Delivery.customer_id), col(Delivery.variant))
        .join(Goal, col(Goal.customer_id) == col(Delivery.customer_id))
        .where(
            col(Delivery.edition_id) == edition_id,
            col(Goal.at) >= due_at,
            col(Goal.at) < due_at + timedelta(days=days),
        )
        .distinct()
    )
    reached = Counter(variant for _, variant in session.execute(query))
    return {group: Share(reached[group], size) for group, size in _sizes(session, edition_id).items()}


def _sizes(session: Session, edition_id: int) -> dict[str, int]:
    query = select(col(Delivery.variant), func.count()).where(col(Delivery.edition_id) == edition_id)
    sizes: dict[str, int] = defaultdict(int)
    sizes.update((variant, count) for variant, count in session.execute(query.group_by(col(Delivery.variant))))
    return sizes


def _complainers(
    session: Session, edition_id: int, due_at: datetime, days: int, state: DeliveryState | None = None
) -> Iterable[tuple[int, str]]:
    """(person, group) of those who complained within the days of their own mail; the same may come twice."""
    window = timedelta(days=days)
    query: Any = (
        select(col(Delivery.customer_id), col(Delivery.variant), col(Delivery.due_at), col(Inbound.received_at))
        .join(Inbound, col(Inbound.customer_id) == col(Delivery.customer_id))
        .where(
            col(Delivery.edition_id) == edition_id,
            col(Inbound.machine) == Machine.HUMAN,
            col(Inbound.category) == Category.COMPLAINT,
            col(Inbound.received_at) >= due_at,
            col(Inbound.received_at) < due_at + window + ZONES,
        )
    )
    if state is not None:
        query = query.where(col(Delivery.state) == state)
    for customer_id, variant, due, received in session.execute(query):
        if due <= received < due + window:
            yield customer_id, variant
