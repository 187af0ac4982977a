"""Kept figures of whether editions were worth it: what earlier ones brought, the cases they made, the goals reached.

Law: a case belongs to the edition that its first message answers; one that came by another way belongs to none.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from ..cases.case import UNSOLVED
from ..cases.clock import durations
from ..chance import Share
from ..plan.holdout import Help, judge_all_help, judge_help
from ..plan.worth import Past, Spent, spent
from ..records import Case, CaseState, Category, Delivery, DeliveryState, Edition, Goal, Inbound, Kind, Machine
from ..workdays import WorkingHours
from .cases import moves_of
from .database import rows_in_chunks
from .holdouts import goals_in_groups, trials

EARLIER = 10
"""Editions of its kind that tell what the next will bring."""
CHUNK = 500


@dataclass(frozen=True)
class GoalFigures:
    """Goals reached after an edition: how many, by how many people, and what they were worth, if the file said so."""

    count: int = 0
    people: int = 0
    value: float | None = None
    names: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class EditionWorth:
    """What came of one edition. `help` is None where it was not tested; `goals_in_groups` likewise empty."""

    spent: Spent
    help: Help | None = None
    goals: GoalFigures = field(default_factory=GoalFigures)
    goals_in_groups: Mapping[str, Share] = field(default_factory=dict)


@dataclass(frozen=True)
class Worth:
    """All editions, by their id, and what those that were tested say together."""

    editions: Mapping[int, EditionWorth]
    together: Help | None = None


def past_of(session: Session, kind: Kind, at_work: WorkingHours, now: datetime) -> Past:
    """What the last editions of a kind brought."""
    query = (
        select(col(Edition.id))
        .where(col(Edition.kind) == kind, col(Edition.planned).is_not(None), col(Edition.due_at) <= now)
        .order_by(col(Edition.due_at).desc(), col(Edition.id).desc())
        .limit(EARLIER)
    )
    ids = [found for found in session.execute(query).scalars() if found is not None]
    sent: Any = select(col(Delivery.edition_id), func.count()).where(
        col(Delivery.edition_id).in_(ids), col(Delivery.state) == DeliveryState.SENT
    )
    reached = {row[0]: row[1] for row in session.execute(sent.group_by(col(Delivery.edition_id)))}
    replies: Any = (
        select(func.count(), func.count(col(Inbound.case_id)))
        .select_from(Inbound)
        .join(Delivery, col(Delivery.id) == col(Inbound.delivery_id))
        .where(
            col(Delivery.edition_id).in_(ids),
            col(Inbound.machine) == Machine.HUMAN,
            col(Inbound.category).not_in([Category.UNSUBSCRIBE]),
        )
    )
    messages, in_cases = session.execute(replies).one()
    found = _cases_by_edition(session, ids)
    moves = moves_of(session, [case.id for cases in found.values() for case in cases if case.id is not None])
    taken = [
        durations(case, moves.get(case.id or 0, []), at_work).first_answer for cases in found.values() for case in cases
    ]
    hours = tuple(one for one in taken if one is not None)
    return Past(len(reached), sum(reached.values()), int(messages), int(in_cases), hours)


def read_worth(session: Session, edition_ids: Sequence[int], at_work: WorkingHours, now: datetime) -> Worth:
    """What came of these editions, and whether those that were tested helped."""
    cases = _cases_by_edition(session, edition_ids)
    moves = moves_of(session, [case.id for found in cases.values() for case in found if case.id is not None])
    tested = trials(session, now, edition_ids)
    goals = goals_by_edition(session, edition_ids)
    due = {row[0]: row[1] for row in session.execute(select(col(Edition.id), col(Edition.due_at)))}
    return Worth(
        {
            edition_id: EditionWorth(
                _spent(cases.get(edition_id, ()), moves, at_work, now),
                judge_help(tested[edition_id]) if edition_id in tested else None,
                goals.get(edition_id, GoalFigures()),
                goals_in_groups(session, edition_id, due[edition_id], tested[edition_id].plan.days)
                if edition_id in tested
                else {},
            )
            for edition_id in edition_ids
        },
        judge_all_help(list(tested.values())),
    )


def goals_by_edition(session: Session, edition_ids: Collection[int]) -> dict[int, GoalFigures]:
    """The goals that count for these editions."""
    query: Any = (
        select(col(Delivery.edition_id), col(Goal.name), col(Goal.customer_id), col(Goal.value))
        .join(Delivery, col(Delivery.id) == col(Goal.delivery_id))
        .where(col(Delivery.edition_id).in_(list(edition_ids)))
    )
    rows: dict[int, list[Any]] = defaultdict(list)
    for edition_id, *rest in session.execute(query):
        rows[edition_id].append(rest)
    return {
        edition_id: GoalFigures(
            len(found),
            len({person for _, person, _ in found}),
            sum(values) if (values := [value for _, _, value in found if value is not None]) else None,
            dict(Counter(name for name, _, _ in found).most_common()),
        )
        for edition_id, found in rows.items()
    }


def _cases_by_edition(session: Session, edition_ids: Sequence[int]) -> dict[int, list[Case]]:
    """The cases whose first message answers one of these editions; dismissed ones left out."""
    first = (
        select(func.min(col(Inbound.id)))
        .where(col(Inbound.case_id).is_not(None))
        .group_by(col(Inbound.case_id))
        .scalar_subquery()
    )
    found: dict[int, list[Case]] = defaultdict(list)
    for ids in rows_in_chunks(list(edition_ids), CHUNK):
        query: Any = (
            select(col(Delivery.edition_id), Case)
            .join(Inbound, col(Inbound.delivery_id) == col(Delivery.id))
            .join(Case, col(Case.id) == col(Inbound.case_id))
            .where(
                col(Delivery.edition_id).in_(ids), col(Inbound.id).in_(first), col(Case.state) != CaseState.DISMISSED
            )
        )
        for edition_id, case in session.execute(query):
            found[edition_id].append(case)
    return dict(found)


def _spent(cases: Sequence[Case], moves: Mapping[int, Any], at_work: WorkingHours, now: datetime) -> Spent:
    hours = []
    for case in cases:
        until = case if case.solved_at is not None else case.model_copy(update={"solved_at": now})
        hours.append(durations(until, moves.get(case.id or 0, []), at_work).solution or 0.0)
    return spent(hours, sum(case.state in UNSOLVED for case in cases))
