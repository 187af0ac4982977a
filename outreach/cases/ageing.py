"""Ageing: which cases are unresolved after so many days and escalations, by topic, owner and channel; and the register.

Law: the register reconciles: what was opened and reopened, less what was closed, is what is open; each case's state is
the one to which its entries lead. Age is counted in days from the first message and nothing makes it less.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..records import Case, CaseEvent, CaseState, Channel
from .case import CLOSED, UNSOLVED, move
from .clock import is_overdue

BANDS: tuple[tuple[str, float], ...] = (
    ("under 1 day", 1),
    ("1 to 3 days", 3),
    ("3 to 7 days", 7),
    ("7 to 14 days", 14),
    ("14 to 30 days", 30),
    ("over 30 days", float("inf")),
)
WAYS = ("topic", "owner", "channel")


@dataclass(frozen=True)
class Aged:
    """An unresolved case: its age in days, how many levels of escalation were done, and the ways its messages came."""

    case: Case
    days: float
    escalations: int
    channels: tuple[str, ...]
    overdue: bool


@dataclass
class AgeRow:
    """The unresolved cases of one topic, owner or channel; `late` are those past the asked days and escalations."""

    name: str
    unresolved: int = 0
    overdue: int = 0
    waiting: int = 0
    late: int = 0
    oldest_days: float = 0.0
    by_age: dict[str, int] = field(default_factory=lambda: {name: 0 for name, _ in BANDS})
    by_escalations: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Register:
    """What was opened, reopened and closed, and what is open: before (0 for all of time), and now.

    `solved` of the open ones wait for the customer's word. `wrong` are cases whose state is not where their entries
    lead; it is empty, and `adds_up` true, unless somebody wrote into the database by hand.
    """

    before: int
    opened: int
    reopened: int
    closed: int
    open: int
    solved: int
    wrong: tuple[int, ...] = ()

    @property
    def adds_up(self) -> bool:
        """Whether before + opened + reopened - closed is what is open."""
        return self.before + self.opened + self.reopened - self.closed == self.open and not self.wrong


def aged_cases(
    cases: Iterable[Case],
    levels: Mapping[int, Collection[int]],
    channels: Mapping[int, Collection[Channel]],
    now: datetime,
) -> list[Aged]:
    """The unresolved cases, oldest first. `levels` are the escalations done, `channels` the ways, by case."""
    found = [
        Aged(
            case,
            (now - case.opened_at) / timedelta(days=1),
            len(levels.get(case.id or 0, ())),
            tuple(sorted(channel.value for channel in channels.get(case.id or 0, ()))),
            is_overdue(case, now),
        )
        for case in cases
        if case.state in UNSOLVED
    ]
    return sorted(found, key=lambda one: (-one.days, one.case.id or 0))


def is_late(one: Aged, days: float, escalations: int) -> bool:
    """Whether it is unresolved after so many days and so many escalations."""
    return one.days >= days and one.escalations >= escalations


def age_table(found: Sequence[Aged], way: str, days: float, escalations: int) -> list[AgeRow]:
    """Unresolved cases by topic, owner or channel, most late ones first. A case of two channels counts in both."""
    rows: dict[str, AgeRow] = {}
    for one in found:
        names: tuple[str, ...] = (one.case.topic or "no topic",)
        if way == "owner":
            names = (one.case.owner or "nobody",)
        elif way == "channel":
            names = one.channels or ("none",)
        for name in names:
            row = rows.setdefault(name, AgeRow(name))
            row.unresolved += 1
            row.overdue += one.overdue
            row.waiting += one.case.state is CaseState.WAITING
            row.late += is_late(one, days, escalations)
            row.oldest_days = max(row.oldest_days, one.days)
            row.by_age[band_of(one.days)] += 1
            row.by_escalations[one.escalations] = row.by_escalations.get(one.escalations, 0) + 1
    return sorted(rows.values(), key=lambda row: (-row.late, -row.unresolved, row.name))


def band_of(days: float) -> str:
    """The band of an age."""
    return next(name for name, below in BANDS if days < below)


def reconcile(
    cases: Iterable[Case], moves: Mapping[int, Sequence[tuple[datetime, CaseEvent]]], since: datetime | None = None
) -> Register:
    """The register, from each case's entries; with `since` the figures are those of the time after it."""
    before = opened = reopened = closed = still = solved = 0
    wrong = []
    for case in cases:
        state, shut_before = CaseState.NEW, None
        new = since is None or case.opened_at >= since
        opened += new
        for at, event in moves.get(case.id or 0, ()):
            if not new and shut_before is None and since is not None and at >= since:
                shut_before = state in CLOSED
            try:
                after = move(state, event)
            except ValueError:
                wrong.append(case.id or 0)
                break
            counts = since is None or at >= since
            reopened += counts and state in CLOSED and after not in CLOSED
            closed += counts and state not in CLOSED and after in CLOSED
            if new and not counts:  # an entry older than its case: a mail that a person told of late
                reopened += state in CLOSED and after not in CLOSED
                closed += state not in CLOSED and after in CLOSED
            state = after
        if not new:
            before += not (state in CLOSED if shut_before is None else shut_before)
        if state is not case.state and (case.id or 0) not in wrong:
            wrong.append(case.id or 0)
        still += case.state not in CLOSED
        solved += case.state is CaseState.SOLVED
    return Register(before, opened, reopened, closed, still, solved, tuple(wrong))
