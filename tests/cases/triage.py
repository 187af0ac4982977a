"""A desk that takes the next case of the list again and again, while others come in: for the test and the benchmark."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from outreach.cases.rank import Work, longest_wait, rank_cases, waits_since, work_order
from outreach.records import Case, CaseState, Category, Urgency

BEGIN = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
HOURS = {Urgency.HIGH: 4, Urgency.RAISED: 8, Urgency.NORMAL: 16}
Arrivals = Callable[[int, random.Random], list[tuple[Urgency, str, str]]]
"""What comes in at a step: urgency, author and topic of each."""


@dataclass
class Waited:
    """How long a case waited for its first turn, and for how long at most it may have."""

    urgency: Urgency
    steps: int
    bound: int
    served: bool


@dataclass
class Outcome:
    """What a run of the desk found."""

    waits: list[Waited] = field(default_factory=list)

    def longest(self, urgency: Urgency) -> int:
        return max((one.steps for one in self.waits if one.urgency is urgency), default=0)

    def never(self, urgency: Urgency) -> int:
        return sum(one.urgency is urgency and not one.served for one in self.waits)


def run_desk(steps: int, share: int, arrivals: Arrivals, seed: int) -> Outcome:
    """Work for `steps` pieces of work. `share` 0 takes by rank alone."""
    chance = random.Random(seed)
    cases: dict[int, Case] = {}
    came: dict[int, tuple[int, int]] = {}
    back: dict[int, int] = {}
    worked: list[Work] = []
    done = Outcome()
    for step in range(steps):
        now = BEGIN + timedelta(minutes=10 * step)
        for order, (urgency, author, topic) in enumerate(arrivals(step, chance)):
            at = now + timedelta(seconds=order)
            number = 1 + sum(1 for _ in done.waits) + len(came)
            ahead = sum(waits_since(case) <= at for case in cases.values())
            cases[number] = Case(
                id=number, author=author, category=Category.COMPLAINT, topic=topic, urgency=urgency,
                state=CaseState.NEW, opened_at=at, due_at=at + timedelta(hours=HOURS[urgency]),
            )  # fmt: skip
            came[number] = (step, ahead)
        for number in [number for number, when in back.items() if when <= step]:
            cases[number].state = CaseState.OPEN
            del back[number]
        ours = [case for case in cases.values() if case.state is not CaseState.WAITING]
        if not ours:
            continue
        turn = work_order(ours, worked, share)[0].case if share else rank_cases(ours)[0]
        _serve(turn, now + timedelta(minutes=5), step, share, chance, cases, came, back, done)
        worked.insert(0, Work(turn.id or 0, waits_since(turn)))
        del worked[100:]
        turn.answered_at = now + timedelta(minutes=5)
    for number, (step, ahead) in came.items():
        done.waits.append(Waited(cases[number].urgency, steps - step, longest_wait(max(share, 1), ahead), served=False))
    return done


def _serve(
    case: Case,
    now: datetime,
    step: int,
    share: int,
    chance: random.Random,
    cases: dict[int, Case],
    came: dict[int, tuple[int, int]],
    back: dict[int, int],
    done: Outcome,
) -> None:
    """Answer: half of the cases end, some wait for the customer and come back, the others stay our turn."""
    number = case.id or 0
    if number in came:
        begun, ahead = came.pop(number)
        done.waits.append(Waited(case.urgency, step - begun, longest_wait(max(share, 1), ahead), served=True))
    case.due_at = now + timedelta(hours=HOURS[case.urgency])
    fate = chance.random()
    if fate < 0.6:
        del cases[number]
    elif fate < 0.8:
        case.state = CaseState.WAITING
        back[number] = step + chance.randint(1, 30)
    else:
        case.state = CaseState.OPEN


def flood(urgent: float, ordinary: float) -> Arrivals:
    """Urgent cases, and now and then an ordinary one: how many of each come in with one piece of work."""

    def arrivals(step: int, chance: random.Random) -> list[tuple[Urgency, str, str]]:
        found = [(Urgency.HIGH, f"u{step}", "leak")] if chance.random() < urgent else []
        return found + ([(Urgency.NORMAL, f"n{step}", "")] if chance.random() < ordinary else [])

    return arrivals
