"""What a sequence will do, and what its draft would change: who gets what that they would not have, and who no more.

Law: foreseen by the very rule that sends (`timing.sequence`), if nobody replies, buys or complains meanwhile; nothing
is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from ..records import CampaignState, EnrolmentState
from ..records import Sequence as SequenceRow
from ..store.customers import load_customers
from ..store.sequence_events import guests_of
from ..store.sequences import Enrolled, page_of
from ..timing.sequence import Going, Plan, timeline
from ..timing.sequence_words import BeginKind
from .sequence_begins import Course, beginners, course_of
from .sequence_places import standing_by, with_places
from .sequence_plan import sequence_named
from .sequences import going_of, why_gone
from .workspace import Workspace

NAMED = 50
"""So many people are named behind each figure."""
STATES = (EnrolmentState.GOING, EnrolmentState.FINISHED)
STANDING = (EnrolmentState.STANDBY,)


@dataclass
class Figure:
    """People for one step: how many, the first of them by address and time, and how many on each day (UTC)."""

    people: int = 0
    named: list[tuple[str, datetime]] = field(default_factory=list)
    days: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(frozen=True)
class Preview:
    """The mails up to `until`. `now`: by the plan in force; `then`: by the draft, where there is one. `new` and `lost`:
    who gets a step only by the one or the other; `moved`: at another time. `begin`: people who are not in it yet."""

    name: str
    until: datetime
    draft: bool
    steps: tuple[str, ...]
    now: dict[str, int]
    then: dict[str, int]
    begin: int
    new: dict[str, Figure]
    lost: dict[str, Figure]
    moved: dict[str, Figure]


def preview_sequence(workspace: Workspace, name: str, days: int = 14) -> Preview:
    """Foresee a sequence and its draft for so many days. Raises UsageError where there is no such sequence."""
    now = workspace.clock()
    until = now + timedelta(days=days)
    with workspace.database.read() as session:
        row = sequence_named(session, name)
    look = _Look(workspace, row, now, until)
    look.read()
    steps = tuple(step["name"] for step in (row.draft.get("plan") or row.plan).get("steps", ()))
    gone = [step for step in look.now if step not in steps]
    return Preview(
        name, until, bool(row.draft), (*steps, *gone), dict(look.now), dict(look.then), look.begin,
        dict(look.new), dict(look.lost), dict(look.moved),
    )  # fmt: skip


class _Look:
    """Adds up both plans over everybody who is in the sequence, and everybody who would begin now."""

    def __init__(self, workspace: Workspace, row: SequenceRow, now: datetime, until: datetime) -> None:
        self.workspace, self.row, self.at, self.until = workspace, row, now, until
        self.now: dict[str, int] = defaultdict(int)
        self.then: dict[str, int] = defaultdict(int)
        self.new: dict[str, Figure] = defaultdict(Figure)
        self.lost: dict[str, Figure] = defaultdict(Figure)
        self.moved: dict[str, Figure] = defaultdict(Figure)
        self.begin = 0
        self._known: dict[Any, dict[str, datetime]] = {}

    def read(self) -> None:
        """Everybody in the sequence, then those who are not yet."""
        with self.workspace.database.read() as session:
            before = course_of(session, self.workspace, self.row) if self.row.plan else None
            after = self._drafted(session)
            running = before or after
            if running is None:
                return
            for states in (STATES, STANDING):
                for people in _pages(session, self.row, states):
                    self._compare(session, people, before, after, standby=states is STANDING)
        begins = {}
        for course in (before, after):
            rows = self._beginning(course) if course else ()
            begins[course is after] = {(one["customer_id"], one["key"]): one for one in rows}
        if after is None:
            begins[True] = begins[False]
        self.begin = len(begins[True])
        with self.workspace.database.read() as session:
            keys = sorted({*begins[False], *begins[True]})
            for start in range(0, len(keys), 500):
                part = keys[start : start + 500]
                self._beginners(
                    session,
                    [begins[False].get(key) for key in part],
                    [begins[True].get(key) for key in part],
                    before,
                    after,
                )

    def _beginning(self, course: Course) -> Iterator[Mapping[str, Any]]:
        """Whoever would begin now, but for those who would stand by."""
        for page in beginners(self.workspace, course, self.at):
            with self.workspace.database.read() as session:
                rows = with_places(session, course, page)
            yield from (one for one in rows if one.get("state") is not EnrolmentState.STANDBY)

    def _drafted(self, session: Session) -> Course | None:
        if not self.row.draft:
            return None
        draft = self.row.draft
        starting = draft["starting"] or self.row.starting or self.at.date()
        if isinstance(starting, str):
            starting = datetime.fromisoformat(starting).date()
        row = SequenceRow(**self.row.model_dump() | {"list_id": draft["list_id"], "starting": starting})
        return course_of(session, self.workspace, row, draft["plan"])

    def _compare(
        self,
        session: Session,
        people: Sequence[Enrolled],
        before: Course | None,
        after: Course | None,
        *,
        standby: bool,
    ) -> None:
        old = self._going(session, before, people, standby=standby) if before is not None else {}
        new = self._going(session, after, people, standby=standby) if after is not None else {}
        ids = {person.id: person.customer_id for person in people}
        self._add(session, ids, self._timed(before, old), self._timed(after, new) if after is not None else None)

    def _going(
        self, session: Session, course: Course, people: Sequence[Enrolled], *, standby: bool
    ) -> dict[int, Going]:
        """Those of these people who are in it by this plan, and do not stand by."""
        people = _staying(session, course, people)
        out = standing_by(session, course, people, standby=standby)
        return going_of(session, course, [person for person in people if person.id not in out], self.at)

    def _beginners(
        self,
        session: Session,
        old: Sequence[Mapping[str, Any] | None],
        new: Sequence[Mapping[str, Any] | None],
        before: Course | None,
        after: Course | None,
    ) -> None:
        ids = {
            number: (one or other or {})["customer_id"]
            for number, (one, other) in enumerate(zip(old, new, strict=True))
        }
        zones = {key: person.zone for key, person in load_customers(session, list(ids.values())).items()}
        pairs = []
        for course, rows in ((before, old), (after, new)):
            going = {
                number: Going(row["day"], row["began_at"], course.zone_of(zones.get(row["customer_id"])))
                for number, row in enumerate(rows)
                if row is not None and course is not None
            }
            pairs.append(self._timed(course, going))
        self._add(session, ids, pairs[0], pairs[1] if after is not None else None)

    def _timed(self, course: Course | None, going: Mapping[int, Going]) -> dict[int, dict[str, datetime]]:
        if course is None:
            return {}
        return {key: self._times(course.rules.plan, one) for key, one in going.items()}

    def _times(self, plan: Plan, going: Going) -> dict[str, datetime]:
        """Each step's time; people of whom the rule reads the same are judged once."""
        alike = (
            id(plan),
            going.day,
            going.since,
            going.zone,
            tuple(going.done.items()),
            tuple(going.events.items()),
            going.busy,
            tuple(going.outside),
        )
        if alike not in self._known:
            moves = timeline(plan, going, self.at, self.until)
            self._known[alike] = {move.step: move.at for move in moves if move.at is not None and move.at <= self.until}
        return self._known[alike]

    def _add(
        self,
        session: Session,
        ids: Mapping[int, int],
        old: Mapping[int, Mapping[str, datetime]],
        new: Mapping[int, Mapping[str, datetime]] | None,
    ) -> None:
        differ: list[tuple[dict[str, Figure], str, int, datetime]] = []
        for key, customer_id in ids.items():
            before, after = old.get(key, {}), (new or {}).get(key, {})
            for step in before:
                self.now[step] += 1
            for step in after:
                self.then[step] += 1
            if new is None:
                continue
            differ += [(self.new, step, customer_id, at) for step, at in after.items() if step not in before]
            differ += [(self.lost, step, customer_id, at) for step, at in before.items() if step not in after]
            differ += [
                (self.moved, step, customer_id, at)
                for step, at in after.items()
                if step in before and before[step] != at
            ]
        names = load_customers(session, sorted({customer_id for _, _, customer_id, _ in differ})) if differ else {}
        for kind, step, customer_id, at in differ:
            figure = kind[step]
            figure.people += 1
            figure.days[f"{at:%Y-%m-%d}"] += 1
            if len(figure.named) < NAMED:
                figure.named.append((names[customer_id].address or "", at))


def _staying(session: Session, course: Course, people: Sequence[Enrolled]) -> list[Enrolled]:
    """Those of these people who do not leave when they are looked at next."""
    begins = course.rules.begins
    guests = guests_of(session, people, missed=begins.who == "missed") if begins.kind is BeginKind.SEMINAR else None
    return [person for person in people if not why_gone(course, person, guests)]


def _pages(session: Session, row: SequenceRow, states: Sequence[EnrolmentState] = STATES) -> Iterator[list[Enrolled]]:
    after = 0
    while page := page_of(session, row.id or 0, row.list_id, states, after):
        yield page
        after = page[-1].id


@dataclass(frozen=True)
class Coming:
    """Mails of one step on one day (UTC), by the plan in force."""

    step: str
    day: str
    people: int


def coming_mails(workspace: Workspace, row: SequenceRow, days: int) -> list[Coming]:
    """How many mails of each step are to go on each of the next days, if nothing else happens."""
    now = workspace.clock()
    counts: dict[tuple[str, str], int] = defaultdict(int)
    with workspace.database.read() as session:
        course = course_of(session, workspace, row)
        known: dict[Any, list[tuple[str, str]]] = {}
        for people in _pages(session, row):
            for going in going_of(session, course, _staying(session, course, people), now).values():
                alike = (
                    going.day,
                    going.since,
                    going.zone,
                    tuple(going.done.items()),
                    tuple(going.events.items()),
                    going.busy,
                    tuple(going.outside),
                )
                if alike not in known:
                    moves = timeline(course.rules.plan, going, now, now + timedelta(days=days))
                    known[alike] = [(f"{move.at:%Y-%m-%d}", move.step) for move in moves if move.at is not None]
                for place in known[alike]:
                    counts[place] += 1
    paused = {name for name, one in course.campaigns.items() if one.state is not CampaignState.ACTIVE}
    return [Coming(step, day, people) for (day, step), people in sorted(counts.items()) if step not in paused]
