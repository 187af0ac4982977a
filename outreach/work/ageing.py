"""The ageing report, put together from one snapshot of the store.

Law: it only reads, and its register is counted anew from every entry each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..cases.ageing import Aged, AgeRow, Register, age_table, aged_cases, is_late, reconcile
from ..store import cases as kept
from ..store import desk as desks
from .workspace import Workspace


@dataclass(frozen=True)
class Ageing:
    """The report: unresolved cases by the asked ways, those that are late, and the register of all and of a period."""

    now: datetime
    unresolved: tuple[Aged, ...]
    late: tuple[Aged, ...]
    rows: dict[str, list[AgeRow]]
    register: Register
    period: Register


def read_ageing(
    workspace: Workspace, *, days: float, escalations: int, ways: tuple[str, ...], period_days: int
) -> Ageing:
    """Cases unresolved after so many days and escalations, by these ways; the period ends now."""
    now = workspace.clock()
    with workspace.database.read() as session:
        cases = [case for case, _ in kept.list_cases(session)]
        ids = [case.id for case in cases if case.id is not None]
        moves = kept.moves_of(session, ids)
        levels, channels = desks.levels_done(session, ids), desks.channels_of(session, ids)
    found = aged_cases(cases, levels, channels, now)
    return Ageing(
        now,
        tuple(found),
        tuple(one for one in found if is_late(one, days, escalations)),
        {way: age_table(found, way, days, escalations) for way in ways},
        reconcile(cases, moves),
        reconcile(cases, moves, now - timedelta(days=period_days)),
    )
