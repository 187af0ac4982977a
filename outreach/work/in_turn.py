"""Everybody's mail of a look ahead in order of time: planned when its edition opens, judged again when it is to leave.

Law: as life has it. What is put off keeps no room: whatever leaves before it takes it, and then it is judged anew. Of
what leaves at one instant tips go first, then the older edition. Only what has gone is in anybody's budget.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session

from ..plan.budget import FIRST, WEEK
from ..plan.holdout import HELD_OUT
from ..records import BULK, YES, DeliveryState, Edition, Kind, Permission
from .alike import Alike, Audience, Waits, tips_audience
from .foreseen import Counts
from .judge import MOST_TURNS, PAUSED_CAMPAIGN, MailFactsOfEdition, PersonFacts, judge_person, judge_to_the_end
from .precedence import coming_tips
from .schedules import Occasion, Timing, due_for
from .versions import TEST
from .workspace import Workspace

TIPS_RANK, OTHER_RANK = 1, 2
NEXT = timedelta(microseconds=1)
Turn = tuple[datetime, int, datetime, int]
"""When, and before whom of those at the same instant: as the first parts of `Waits`."""
EXPIRED = Permission(DeliveryState.EXPIRED, "expired", "not accepted in time")


def rank_of(kind: Kind) -> int:
    """Which mail leaves first of what is due at one instant, as `store.outbox.open_editions` has it."""
    return TIPS_RANK if kind in FIRST else OTHER_RANK if kind in BULK else 0


class Judgements(dict[object, Permission]):
    """Judges an edition's mail once for all in whom the rules read the same of it; `to_the_end`: where nothing else
    will be foreseen of it."""

    def __init__(self, rules: MailFactsOfEdition, *, to_the_end: bool = False) -> None:
        super().__init__()
        self.rules = rules
        self._say = judge_to_the_end if to_the_end else judge_person

    def __call__(self, facts: PersonFacts, at: datetime) -> Permission:
        ahead = () if self.rules.kind in FIRST else tuple(facts.ahead)
        sent, house = tuple(facts.sent), tuple(facts.house)
        if not ahead and facts.wish is None and len(sent) + len(house) < self.rules.per_week:
            sent = house = ()  # there is room whenever they went
        key = facts[:3], sent, ahead, facts[5:9], house, at
        found = self.get(key)
        if found is None:
            found = self[key] = self._say(self.rules, facts, at)
        return found


@dataclass
class Letter:
    """An edition that mail waits of. `life`: how long after its time one may still go, where that is known; `counts`:
    what comes of it; None where the outbox counts it."""

    edition: Edition
    judge: Judgements
    ahead: TipsAhead
    life: timedelta | None = None
    counts: Counts | None = None

    def over(self, wait: Waits) -> bool:
        """Whether this mail may go no more when its time comes; the rest of a test has as long as the edition."""
        if self.life is None or wait.reason == HELD_OUT:
            return False
        end, last = wait.due + self.life, self.edition.expires_at
        return wait.until >= (max(end, last) if wait.reason == TEST and last is not None else end)

    def facts(self, group: Alike, wait: Waits) -> PersonFacts:
        """What the rules read when this mail of the group's is to leave."""
        facts = group.facts(self.edition, self.ahead.of(group, wait.until))
        return facts._replace(house=wait.house) if wait.house else facts


class InTurn:
    """Lets groups get their mail in order of time: newsletters, and what `Ways` of theirs bring."""

    def __init__(
        self,
        next_of: Callable[[Alike], tuple[Turn, int] | None],
        let_go: Callable[[Alike, int], None],
    ) -> None:
        self._next_of, self._let_go = next_of, let_go
        self.letters: dict[int, Letter] = {}

    def first(self, group: Alike, before: datetime) -> None:
        """Let a group get all that leaves before this instant."""
        while group.waits or group.ways:
            wait = min(group.waits, default=None)
            way = self._next_of(group) if group.ways else None
            if wait is not None and (way is None or wait[:4] < way[0]):
                if wait.until >= before:
                    return
                self._leave(group, wait)
            elif way is not None and way[0][0] < before:
                self._let_go(group, way[1])
            else:
                return

    def finish(self, groups: Sequence[Alike], until: datetime) -> None:
        """Let everybody get what is left up to the end; what waits longer is judged as if nothing came between."""
        for group in groups:
            if not group.count or not (group.waits or group.ways):
                continue
            self.first(group, until + NEXT)
            for wait in group.waits:
                letter = self.letters[wait.number]
                said = judge_to_the_end(letter.judge.rules, letter.facts(group, wait), wait.until)
                _count(letter, group, wait, said, said.later or wait.until)
            group.waits = ()

    def _leave(self, group: Alike, wait: Waits) -> None:
        """Judge the mail again whose time has come: it goes, waits anew, or is refused."""
        letter, at = self.letters[wait.number], wait.until
        group.waits = tuple(one for one in group.waits if one is not wait)
        if letter.over(wait):
            said = EXPIRED
        elif at == letter.edition.due_at and len(group.foreseen) == wait.had:
            said = YES  # as when it was planned
        else:
            said = letter.judge(letter.facts(group, wait), at)
        later = said.later if said.state is None and said.reason != PAUSED_CAMPAIGN else None
        if later is not None and later > at and wait.turns < MOST_TURNS:
            group.waits += (wait._replace(until=later, reason=wait.reason or said.reason, turns=wait.turns + 1),)
            return
        _count(letter, group, wait, said, at)
        if said.state is None and letter.edition.kind in BULK:
            group.get(wait.number, at)


def _count(letter: Letter, group: Alike, wait: Waits, said: Permission, at: datetime) -> None:
    if letter.counts is None:
        return
    if said.state is None:
        said = Permission(reason=wait.reason or said.reason, later=at) if at > wait.due else YES
    else:
        letter.counts.before -= group.count
    letter.counts.add(group.zone.key, wait.due, said, group.count)


class TipsCalendar:
    """All occasions of tips that no edition was opened for yet, from now to a week after the end of a look; `begun`
    are those, by campaign and key, that the look has planned since."""

    def __init__(self, session: Session, workspace: Workspace, until: datetime) -> None:
        self._session = session
        self.begun: set[tuple[int, str]] = set()
        now = workspace.clock()
        self._coming = [
            (campaign, timing, [replace(one, opens=max(one.opens, now)) for one in occasions])
            for campaign, timing, occasions in coming_tips(session, workspace, now, until + WEEK)
        ]

    def before(self, edition: Edition) -> TipsAhead:
        """Those that this edition must leave room for."""
        bulk = edition.kind in BULK and edition.kind not in FIRST
        coming = [
            (campaign.id or 0, tips_audience(self._session, campaign, edition.due_at), timing, occasions)
            for campaign, timing, occasions in (self._coming if bulk else ())
        ]
        return TipsAhead(coming, self.begun, bulk=bulk)


class TipsAhead:
    """The tips that a group is still to get, which an edition must leave room for; as `work.precedence` finds them."""

    def __init__(
        self,
        coming: Sequence[tuple[int, Audience, Timing, Sequence[Occasion]]],
        begun: AbstractSet[tuple[int, str]],
        *,
        bulk: bool,
    ) -> None:
        self._coming, self._begun, self._bulk = coming, begun, bulk
        self._times: dict[tuple[datetime, ZoneInfo, int], list[tuple[Audience, list[datetime]]]] = {}

    def of(self, group: Alike, at: datetime, *, planning: bool = False) -> Sequence[datetime]:
        """When they go to this group in the week after this instant, planned already or only scheduled. `planning`: the
        edition itself is planned, maybe before tips that open with it.
        """
        if not self._bulk:
            return ()
        key = at, group.zone, len(self._begun) if planning else -1
        found = self._times.get(key)
        if found is None:
            found = self._times[key] = [*self._in_the_week(at, group.zone, planning)]
        scheduled = [one for audience, times in found if group.subscribed(audience) for one in times]
        return [*group.planned, *(one.until for one in group.waits if one.rank == TIPS_RANK), *scheduled]

    def _in_the_week(self, at: datetime, zone: ZoneInfo, planning: bool) -> Iterable[tuple[Audience, list[datetime]]]:
        for campaign, audience, timing, occasions in self._coming:
            own = zone if timing.per_customer else None
            soon = [
                one
                for one in occasions
                if at < one.opens < at + WEEK
                or (planning and one.opens == at and (campaign, one.key) not in self._begun)
            ]
            if soon:
                yield audience, [due_for(one.key, one.opens, own) for one in soon]
