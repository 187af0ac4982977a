"""The order in which cases are worked on.

Law: by harm, then by what we owe first, then by age. The number of people whom one topic troubles brings it forward by
some hours; how often or how loudly somebody writes, and how many follow them, moves nothing: none of it is looked at.
Of `share` pieces of work one goes to whoever has waited longest for a word. So a case waits for at most
share × (1 + the turns of those who had waited longer when it came) pieces of work, whatever comes in behind it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..records import Case, CaseEvent, CaseState, Urgency

_HARM = {Urgency.HIGH: 0, Urgency.RAISED: 1, Urgency.NORMAL: 2}
_TURN = {
    CaseState.NEW: 0,
    CaseState.OPEN: 0,
    CaseState.WAITING: 1,
    CaseState.SOLVED: 2,
    CaseState.CONFIRMED: 3,
    CaseState.DISMISSED: 3,
}
PER_DOUBLING = timedelta(hours=2)
"""How much sooner a case counts as due each time that the people whom its topic troubles double."""
AT_MOST = timedelta(hours=8)
AT_A_TIME = 3
"""Of one person's cases so many stand before those of others of the same harm; the rest behind the others' first."""
WORK = (CaseEvent.ANSWER, CaseEvent.RESOLVE, CaseEvent.DISMISS)
"""What counts as a piece of work on a case: the customer had a word of ours, or it ended."""


@dataclass(frozen=True)
class Work:
    """A piece of work that was done, and since when that customer had waited for a word before it."""

    case_id: int
    since: datetime


@dataclass(frozen=True)
class Turn:
    """A case in the order of work. `people`: how many its topic troubles. `oldest`: it is here for its long wait."""

    case: Case
    people: int
    oldest: bool


def waits_since(case: Case) -> datetime:
    """Since when the customer waits for a word of ours: our last answer, else their first message."""
    return case.answered_at or case.opened_at


def author_of(case: Case) -> str:
    """One person, by all their cases."""
    return str(case.customer_id) if case.customer_id is not None else case.author.lower() or f"case {case.id}"


def people_troubled(cases: Iterable[Case]) -> dict[str, int]:
    """How many different people have an unsolved case of each topic. Who writes often is one person."""
    found: dict[str, set[str]] = defaultdict(set)
    for case in cases:
        if case.topic:
            found[case.topic].add(author_of(case))
    return {topic: len(people) for topic, people in found.items()}


def counts_as_due(case: Case, people: int) -> datetime:
    """The due time, brought forward where one topic troubles many people."""
    doublings = max(people, 1).bit_length() - 1
    return case.due_at - min(PER_DOUBLING * doublings, AT_MOST)


def rank_key(case: Case, people: int = 1, nth: int = 0) -> tuple[int, int, int, datetime, datetime, int]:
    """Sorts cases: whose turn it is (ours, the customer's, nobody's), harm, due time, age.

    `people` are those whom the topic troubles, `nth` how many cases of this person stand before it.
    """
    harm, turn = _HARM[case.urgency], _TURN[case.state]
    return turn, harm, nth // AT_A_TIME, counts_as_due(case, people), case.opened_at, case.id or 0


def rank_cases(cases: Iterable[Case]) -> list[Case]:
    """The cases by rank alone."""
    found = list(cases)
    people = people_troubled(case for case in found if _TURN[case.state] == 0)
    plain = sorted(found, key=lambda case: rank_key(case, people.get(case.topic, 1)))
    seen: dict[tuple[str, Urgency], int] = defaultdict(int)
    keys = {}
    for case in plain:
        whose = (author_of(case), case.urgency)
        keys[id(case)] = rank_key(case, people.get(case.topic, 1), seen[whose])
        seen[whose] += 1
    return sorted(plain, key=lambda case: keys[id(case)])


def worked_past(worked: Iterable[Work], since: datetime) -> int:
    """On how many cases work was done since one was served whose customer had waited since then, or longer.

    `worked` is newest first.
    """
    others: set[int] = set()
    for work in worked:
        if work.since <= since:
            others.discard(work.case_id)
            break
        others.add(work.case_id)
    return len(others)


def work_order(cases: Sequence[Case], worked: Iterable[Work], share: int) -> list[Turn]:
    """The cases that are our turn in the order of work, as if nothing else came in.

    Every `share`-th place goes to whoever has waited longest; what was worked on before counts, so that the place
    cannot be put off. `worked` is newest first.
    """
    ours = [case for case in cases if _TURN[case.state] == 0]
    if not ours:
        return []
    people = people_troubled(ours)
    by_age = sorted(ours, key=lambda case: (waits_since(case), case.opened_at, case.id or 0))
    ranked, aged = iter(rank_cases(ours)), iter(by_age)
    past = min(worked_past(worked, waits_since(by_age[0])), share - 1)
    placed: set[int] = set()
    found: list[Turn] = []
    oldest = next(aged)
    while len(found) < len(ours):
        while id(oldest) in placed:
            oldest = next(aged)
        turn = oldest if past >= share - 1 else next(case for case in ranked if id(case) not in placed)
        found.append(Turn(turn, people.get(turn.topic, 1), oldest=turn is oldest and past >= share - 1))
        placed.add(id(turn))
        past = 0 if turn is oldest else past + 1
    return found


def longest_wait(share: int, ahead: int) -> int:
    """After how many pieces of work at the latest a case is served before which `ahead` others had waited longer."""
    return share * (ahead + 1)
