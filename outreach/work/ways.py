"""Which relay the next mail goes over: weights, limits, warm-up, health and breakers, shared with other processes.

Law: `delivery.breaker` and `timing.pace` decide, `store.relays` and `store.pace` keep it for all; here is only what
this process has in hand: permits taken by the batch, and news not yet written down. Nothing here waits or sends.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..delivery.breaker import FAILURES, Health, after_bad, after_good, probe, try_soon
from ..errors import RelayError
from ..records import BreakerState, DeliveryEvent
from ..settings import Relay
from ..store.pace import RELAY, return_permits, take_permits
from ..store.relays import Relayed, begin_relay, change_health, relay_states
from ..timing.pace import LATE_SECONDS, WARMUP, Limits
from .jobs import Report, ticks
from .relays import relay_limits
from .workspace import Workspace

LOOK_SECONDS = 1.0
"""So often is read what other processes found out, and written what this one did."""
TELL_SECONDS = 30.0
"""A relay that goes on working is written down no more often than this."""
ASK_SECONDS = 5.0
"""Where a limit was used up, look again this soon: another process may have given permits back."""
MOST_PERMITS = 500
FAR = timedelta(minutes=2)
"""A limit that leaves room only after so long ends the run; until then the run waits."""
PATIENCE_AT_FIRST, PATIENCE = 3.0, 20.0
"""The last relay that works is given so many seconds before its breaker opens; less where it has not worked yet."""
STALLED = 1.0
"""A relay that is so many seconds behind its share no longer holds up the others."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
ANSWERS = (DeliveryEvent.ACCEPTED, DeliveryEvent.TEMPORARY, DeliveryEvent.PERMANENT)
News = Callable[[Health], Health]


@dataclass
class Batch:
    """Permits in hand, in ticks: `first`, then one each `gap`; what is not used by `until` is given back."""

    count: int
    first: float
    gap: float
    until: float
    taken_at: datetime

    def next_at(self, now: float) -> float | None:
        """When the next one may be used; instants that have passed are lost."""
        if self.gap:
            missed = math.floor((now - LATE_SECONDS / 2 - self.first) / self.gap) + 1
            if missed > 0:
                self.count -= min(missed, self.count)
                self.first += missed * self.gap
        elif now >= self.until:
            return None
        return self.first if self.count > 0 else None


@dataclass(eq=False)
class Way:
    """One relay as this process sees it. Times are in ticks."""

    relay: Relay
    health: Health = field(default_factory=Health)
    since: datetime | None = None
    ours_to_try: bool = False
    credit: int = 0
    batch: Batch | None = None
    ask_at: float = 0.0
    more_at: datetime | None = None
    pause_until: float = 0.0
    full_since: float = math.inf
    pauses: int = 0
    good_at: datetime | None = None
    good_ticks: float | None = None
    told_at: float = 0.0
    news: list[News] = field(default_factory=list)

    @property
    def paced(self) -> bool:
        """Whether each of its mails has an instant of its own."""
        return self.relay.per_second > 0

    @property
    def works(self) -> bool:
        """Whether mail may be handed to it, as far as its breaker goes."""
        return self.health.breaker is BreakerState.CLOSED or self.ours_to_try


class Ways:
    """All relays. `choose` and `look` belong to one thread, `heard` and `failed` to any."""

    def __init__(self, workspace: Workspace, relays: Sequence[Relay]) -> None:
        self.ways = [Way(relay) for relay in relays]
        self.several = len(relays) > 1
        self.rested: list[int] = []
        self._workspace = workspace
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._began = ticks()

    @property
    def limited(self) -> bool:
        """Whether some relay has a limit now; a warm-up that is over is none."""
        now = self._workspace.clock()
        return any(relay_limits(way.relay, way.since, now).any for way in self.ways)

    def begin(self, *, eager: bool) -> None:
        """Read how the relays have been doing. `eager`: a person asks, so what rests is tried at once.

        Raises RelayError where every relay rests.
        """
        self.look(eager=eager)
        if not any(way.works for way in self.ways):
            raise self._none_left()
        for way in self.ways:
            if way.works:
                self._permit(way, 1, ticks())

    def look(self, *, eager: bool = False, last: bool = False) -> None:
        """Once a second: write down what was found out here, read what others found out, try what may be tried."""
        now = ticks()
        urgent = bool(self.rested) or any(len(way.news) > FAILURES for way in self.ways)
        if not (eager or last or urgent) and now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        for way in self.ways:
            self._tell(way, now, last=last)
            if way.batch is not None and (last or now >= way.batch.until):
                self._give_back(way)
        if last:
            return
        with self._workspace.database.read() as session:
            states = relay_states(session)
        for way in self.ways:
            known = states.get(way.relay.name, Relayed())
            with self._lock:
                if not way.news:
                    way.health, way.since = known.health, known.since
            if way.health.breaker is not BreakerState.HALF_OPEN:
                way.ours_to_try = False
            if way.health.breaker is BreakerState.CLOSED:
                continue
            if eager or way.health.may_try(self._workspace.clock()):
                self._try(way, eager=eager)

    def _tell(self, way: Way, now: float, *, last: bool) -> None:
        with self._lock:
            news, way.news = way.news, []
            good_at, way.good_at = way.good_at, None
            if good_at is not None and not news and not last and now - way.told_at < TELL_SECONDS:
                good_at, way.good_at = None, good_at
        if not news and good_at is None:
            return
        name = way.relay.name
        with self._workspace.database.write() as session:
            if good_at is not None and way.since is None:
                way.since = begin_relay(session, name, good_at)
            if good_at is not None:
                news.append(lambda health: after_good(health, good_at))
            way.told_at = now
            change_health(session, name, lambda health: _folded(health, news))

    def _try(self, way: Way, *, eager: bool) -> None:
        now = self._workspace.clock()

        def tried(health: Health) -> Health | None:
            return probe(try_soon(health, now) if eager else health, now)

        with self._workspace.database.write() as session:
            after = change_health(session, way.relay.name, tried)
        if after is not None:
            way.health, way.ours_to_try = after, True
            way.pause_until, way.pauses = 0.0, 0

    def choose(self, has_room: Callable[[int], bool], in_hand: Sequence[int], wanted: int) -> int | None:
        """The index of the relay for the next of `wanted` mails; None: none now, ask again at `ready_at`."""
        now = ticks()
        for index, way in enumerate(self.ways):
            tries = way.ours_to_try and way.health.breaker is not BreakerState.CLOSED
            if tries and not in_hand[index] and has_room(index) and self._permit(way, wanted, now):
                return self._use(index)
        usable = [index for index, way in enumerate(self.ways) if way.health.breaker is BreakerState.CLOSED]
        first = [index for index in usable if not self.ways[index].relay.backup] or usable
        able = [
            index
            for index in first
            if now >= self.ways[index].pause_until and self._permit(self.ways[index], wanted, now)
        ]
        for index in able:
            self._note_room(self.ways[index], now, room=has_room(index))
        able = [index for index in able if now - self.ways[index].full_since < STALLED]
        if not able:
            return None
        best = max(able, key=lambda index: self.ways[index].credit + self.ways[index].relay.weight)
        if not has_room(best):  # it keeps its share: the others wait for it, unless it stalls
            return None
        for index in able:
            self.ways[index].credit += self.ways[index].relay.weight
        self.ways[best].credit -= sum(self.ways[index].relay.weight for index in able)
        return self._use(best)

    def _note_room(self, way: Way, now: float, *, room: bool) -> None:
        way.full_since = now if room else min(way.full_since, now)

    def _use(self, index: int) -> int:
        batch = self.ways[index].batch
        if batch is not None:
            batch.count -= 1
            batch.first += batch.gap
        return index

    def unuse(self, index: int) -> None:
        """The relay that was chosen last was not needed."""
        batch = self.ways[index].batch
        if batch is not None:
            batch.count += 1
            batch.first -= batch.gap

    def _permit(self, way: Way, wanted: int, now: float) -> bool:
        limits = relay_limits(way.relay, way.since, self._workspace.clock())
        if not limits.any:
            way.batch = way.more_at = None
            return True
        at = way.batch.next_at(now) if way.batch is not None else None
        if at is None and now >= way.ask_at:
            self._take(way, limits, wanted, now)
            at = way.batch.next_at(now) if way.batch is not None else None
        return at is not None and at <= now

    def _take(self, way: Way, limits: Limits, wanted: int, now: float) -> None:
        clock = self._workspace.clock()
        with self._workspace.database.write() as session:
            if way.batch is not None and not way.batch.gap and way.batch.count:
                return_permits(session, RELAY + way.relay.name, way.batch.count, way.batch.taken_at, clock)
            if limits.today is not None and way.since is None:
                way.since = begin_relay(session, way.relay.name, clock)
            key = RELAY + way.relay.name
            granted = take_permits(session, key, limits, min(max(wanted, 1), MOST_PERMITS), clock)
        way.batch = None
        way.more_at = granted.more_at
        if granted.limit == WARMUP and way.since is not None:
            way.more_at = way.since + timedelta(days=limits.warmup_day + 1)
        if granted.count:
            first = now + (granted.first - clock).total_seconds()
            until = now + (granted.until - clock).total_seconds()
            way.batch = Batch(granted.count, first, granted.gap, until, clock)
            way.more_at = None
        elif granted.more_at is not None:
            wait = (granted.more_at - clock).total_seconds()
            way.ask_at = now + min(max(wait, 0.001), ASK_SECONDS)

    def _give_back(self, way: Way) -> None:
        batch, way.batch = way.batch, None
        if batch is not None and batch.count and not batch.gap:
            with self._workspace.database.write() as session:
                return_permits(session, RELAY + way.relay.name, batch.count, batch.taken_at, self._workspace.clock())

    def ready_at(self, asked: float) -> float:
        """The ticks at which `choose` may have a relay that it had not at `asked`, as far as that is known.

        One that was ready then waits for room, not for time: whoever waited no time for it went round and round.
        """
        now = ticks()
        times = [now + LOOK_SECONDS]
        for way in self.ways:
            if way.works:
                at = way.batch.next_at(now) if way.batch is not None else None
                times.append(max(way.pause_until, at if at is not None else way.ask_at))
        times = [time for time in times if time > asked]
        return min(max(time, now) for time in times)

    def full_until(self) -> datetime | None:
        """When the first relay may take mail again, where all that work have used up a limit for a long while."""
        open_ways = [way for way in self.ways if way.works]
        first = [way for way in open_ways if not way.relay.backup] or open_ways
        times = [way.more_at for way in first]
        if not times or any(at is None or at <= self._workspace.clock() + FAR for at in times):
            return None
        return min(at for at in times if at is not None)

    def heard(self, report: Report) -> None:
        """What became of a mail tells how its relay does."""
        way = self.ways[report.relay]
        if report.ails:
            self._bad(way, report.words, report.remedy, mend=report.ails == "stop")
        elif report.tried and report.event in ANSWERS:
            with self._lock:
                way.good_ticks, way.pauses, way.pause_until = ticks(), 0, 0.0
                way.good_at = self._workspace.clock()
                if way.health.failures or way.health.breaker is not BreakerState.CLOSED:
                    at = way.good_at
                    way.news.append(lambda health: after_good(health, at))
                    way.health = after_good(way.health, at)

    def failed(self, trouble: RelayError) -> None:
        """The lines to the only relay have lost patience."""
        with self._lock:
            self._add(self.ways[0], trouble.reason or trouble.message, trouble.mend, trip=True, allowed=FAILURES)

    def _bad(self, way: Way, words: str, remedy: str, *, mend: bool) -> None:
        now = ticks()
        with self._lock:
            patience = PATIENCE_AT_FIRST if way.good_ticks is None else PATIENCE
            waited = now - (self._began if way.good_ticks is None else way.good_ticks)
            spare = any(other is not way and other.health.breaker is BreakerState.CLOSED for other in self.ways)
            counts = self.several and (spare or waited >= patience)  # lines to the only relay have their own patience
            allowed = FAILURES if counts else 1_000_000
            if self.several:
                way.pauses += 1
                way.pause_until = now + min(FIRST_PAUSE * (1 << min(way.pauses // 4, 6)), LONGEST_PAUSE)
            self._add(way, words, remedy if mend else "", trip=mend and self.several, allowed=allowed)

    def _add(self, way: Way, words: str, remedy: str, *, trip: bool, allowed: int) -> None:
        at, before, good_at = self._workspace.clock(), way.health.breaker, way.good_at
        if good_at is not None:  # in the order in which it happened
            way.news.append(lambda health: after_good(health, good_at))
            way.good_at = None
        way.news.append(lambda health: after_bad(health, at, words, remedy, trip=trip, allowed=allowed))
        way.health = after_bad(way.health, at, words, remedy, trip=trip, allowed=allowed)
        if way.health.breaker is BreakerState.OPEN and before is not BreakerState.OPEN:
            way.ours_to_try = False
            self.rested.append(self.ways.index(way))

    def trouble(self) -> RelayError | None:
        """What a person is told when no relay is left."""
        return None if any(way.works for way in self.ways) else self._none_left()

    def _none_left(self) -> RelayError:
        if not self.several:
            way = self.ways[0]
            words = f"the relay {_where(way)} takes no mail: {way.health.reason}"
            rests = f"It is tried again at {way.health.retry_at:%H:%M:%S} UTC." if way.health.retry_at else ""
            remedy = way.health.remedy or "Check [relay] and ask `outreach doctor`, then run the command again."
            return RelayError(words, remedy=f"{remedy} What was not sent stays queued. {rests}".strip())
        told = "; ".join(f"{way.relay.name} ({_where(way)}): {way.health.reason}" for way in self.ways)
        remedies = dict.fromkeys(way.health.remedy for way in self.ways if way.health.remedy)
        remedy = " ".join([*remedies, "See `outreach relays list`. What was not sent stays queued."])
        return RelayError(f"no relay is left: {told}", remedy=remedy)


def _where(way: Way) -> str:
    return f"{way.relay.host}:{way.relay.port}"


def _folded(health: Health, news: Sequence[News]) -> Health:
    for each in news:
        health = each(health)
    return health
