"""Escalation: which rule a case has, and which of its levels are due.

Law: the first rule that fits is the case's, and the last fits all; a level is done once and in its order. A case that
waits for the customer, or is solved, is not escalated: it is not our turn.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..records import Case, CaseEvent, CaseState, Channel
from ..settings_office import EscalationRule
from ..workdays import WorkingHours, business_hours_between
from .clock import owed_at, pauses


@dataclass(frozen=True)
class DueLevel:
    """A level that is due and was not done: its number from 1, whom it tells, and the hours that have passed."""

    number: int
    to: str
    after: float
    hours: float


def rule_for(rules: Sequence[EscalationRule], case: Case, channels: Collection[Channel]) -> EscalationRule:
    """The first rule that fits. `channels`: by which ways the case's messages came."""
    return next(rule for rule in rules if _fits(rule, case, channels))


def _fits(rule: EscalationRule, case: Case, channels: Collection[Channel]) -> bool:
    return (
        (not rule.categories or case.category in rule.categories)
        and (not rule.topics or case.topic in rule.topics)
        and (not rule.urgencies or case.urgency in rule.urgencies)
        and (not rule.channels or bool(set(rule.channels) & set(channels)))
    )


def due_levels(
    rule: EscalationRule,
    case: Case,
    moves: Sequence[tuple[datetime, CaseEvent]],
    done: Collection[int],
    now: datetime,
    at_work: WorkingHours,
) -> list[DueLevel]:
    """The levels to do now, in order. `moves` are the case's events; `done` the numbers of levels done before."""
    if case.state not in (CaseState.NEW, CaseState.OPEN):
        return []
    if rule.counts == "age":
        hours = business_hours_between(case.opened_at, now, at_work)
        hours -= sum(business_hours_between(start, stop or now, at_work) for start, stop in pauses(moves))
    elif now <= owed_at(case):
        return []
    else:
        hours = business_hours_between(owed_at(case), now, at_work)
    return [
        DueLevel(number, level.to, level.after, hours)
        for number, level in enumerate(rule.levels, 1)
        if hours >= level.after and number not in done
    ]
