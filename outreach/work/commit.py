"""One writer per process: the intents and outcomes of all connections, committed together.

Law: an intent is granted only after its commit has returned (RELIABILITY I2); a connection's outcome is committed
before, or together with, its next intent (I7). Once a commit has failed no further intent is granted (I9): replies
already read are tried again, and what still cannot be written stays in flight, to be put in doubt.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType

from ..delivery.bounce import BounceRules
from ..errors import DatabaseError
from ..records import DeliveryState
from ..store.bounces import Heard
from ..store.database import Database, Writer
from ..store.lanes import raise_lane
from ..store.moves import Move, apply_moves, is_plain, late_reply
from ..store.outbox import Claimed, intend
from ..store.together import settle_and_intend
from ..store.workers import beat
from ..workdays import Clock
from .bounces import take_bounces
from .jobs import ticks
from .lock import LIVES_FOR

TOGETHER = 200
"""At most so many moves in one transaction: it stays far below 200 ms (I12)."""
TRIES = 5
PAUSE = 0.2
DEFAULT_RULES = BounceRules()
STANDS = 0.8
"""A leave to dot ends when this share of the lease is over, so that no clock's drift makes two hold one row."""
Answer = Callable[[Sequence[int], set[int], float], None]
"""Told once, after the commit: whose intents it is about, whose are granted, and until when these stand."""


@dataclass(eq=False, frozen=True, slots=True)
class _Ask:
    rows: Sequence[Claimed]
    relay: str
    answer: Answer


class Committer:
    """The writer thread, as a context. Leaving it waits until all that was recorded is written, or given up."""

    def __init__(
        self,
        database: Database,
        name: str,
        clock: Clock,
        lease: timedelta,
        on_settled: Callable[[int], None] | None = None,
        *,
        on_raised: Callable[[int, str, int], None] = lambda lane, epoch, turn: None,
        bounce_rules: BounceRules = DEFAULT_RULES,
    ) -> None:
        self.counts: Counter[DeliveryState] = Counter()
        self.failure: Exception | None = None
        self.refusals = 0
        self._database, self._name, self._clock, self._lease = database, name, clock, lease
        self._on_settled, self._on_raised = on_settled, on_raised
        self._bounce_rules = bounce_rules
        self._moves: deque[Move] = deque()
        self._asks: deque[_Ask] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._busy = False
        self._beaten = ticks()
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    def __enter__(self) -> Committer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._thread.join()

    @property
    def broken(self) -> bool:
        """Whether a commit has failed: nothing more may be sent."""
        return self.failure is not None

    def hand_in(self, moves: Sequence[Move], rows: Mapping[str, Sequence[Claimed]], answer: Answer) -> None:
        """Have these moves written, and with or after them the intents of these rows, by relay; does not wait.

        Whoever is not among the ids that `answer` is told must be dropped without the dot.
        """
        with self._wake:
            self._moves.extend(moves)
            late = self.broken or self._closing
            if not late:
                self._asks.extend(_Ask(those, relay, answer) for relay, those in rows.items())
            self._wake.notify_all()
        for those in rows.values() if late else ():
            answer([row.id for row in those], set(), 0.0)

    def record(self, *moves: Move) -> None:
        """Have these moves written, soon and in order, without waiting."""
        with self._wake:
            self._moves.extend(moves)
            self._wake.notify_all()

    def flush(self) -> None:
        """Wait until all that was recorded before is written, or a commit has failed."""
        with self._wake:
            self._wake.wait_for(lambda: self.broken or not (self._moves or self._asks or self._busy))

    def _run(self) -> None:
        try:
            with self._database.keep_writing() as writer:
                while self._turn(writer):
                    pass
        except Exception as wrong:  # whatever it is, the connections must not wait for ever
            self._fail(wrong)
        finally:
            self._refuse_all()

    def _turn(self, writer: Writer) -> bool:
        every = beats_every(self._lease)
        with self._wake:
            waiting = max(0.0, self._beaten + every - ticks())
            self._wake.wait_for(lambda: self._moves or self._asks or self._closing, timeout=waiting)
            moves = [self._moves.popleft() for _ in range(min(len(self._moves), TOGETHER))]
            asks = [] if self._moves else list(self._asks)
            if not self._moves:
                self._asks.clear()
            ending = self._closing and not (moves or asks)
            self._busy = bool(moves or asks)
        if not ending:
            self._commit(writer, moves, asks, beating=ticks() - self._beaten >= every)
        with self._wake:
            self._busy = False
            self._wake.notify_all()
        return not ending

    def _commit(self, writer: Writer, moves: list[Move], asks: list[_Ask], *, beating: bool) -> None:
        if self.broken:
            asks = _refused(asks)
        for attempt in range(TRIES):
            try:
                started = ticks()
                if not beating and attempt == 0 and _go_together(moves, asks):
                    lost, granted = self._at_once(writer, moves, asks)
                else:
                    lost, granted = self._in_turn(writer, moves, asks, beating=beating)
            except Exception as wrong:
                if getattr(wrong, "again", False) and attempt < TRIES - 1:  # two writers met: nothing was written
                    continue
                self._fail(wrong)
                asks = _refused(asks)
                if not moves or attempt == TRIES - 1 or not isinstance(wrong, DatabaseError):
                    return
                time.sleep(PAUSE * 2**attempt)
                continue
            if beating:
                self._beaten = started
            leave = self._beaten + self._lease.total_seconds() * STANDS
            for answer in dict.fromkeys(ask.answer for ask in asks):
                answer([row.id for ask in asks if ask.answer == answer for row in ask.rows], granted, leave)
            if asks:
                self.refusals = 0 if granted else self.refusals + len(asks)
            self._count(moves, lost)
            return

    def _at_once(self, writer: Writer, moves: list[Move], asks: list[_Ask]) -> tuple[set[int], set[int]]:
        """What is plain, in one call; the ids that somebody else has taken, and those that may be sent."""
        now = self._clock()
        done = settle_and_intend(writer, moves, _by_relay(asks), now)
        lost = self._look_again(writer, done.missed, now) if done.missed else set()
        if done.raised is not None:
            self._on_raised(writer.lane, *done.raised)
        return lost, done.granted

    def _look_again(self, writer: Writer, missed: list[Move], now: datetime) -> set[int]:
        """Moves that changed no row, once more and with care. Tried anew by itself: what was granted stays granted."""
        for _ in range(TRIES - 1):
            try:
                with writer.write():
                    return _apply(writer, missed, now, self._bounce_rules)
            except DatabaseError as wrong:
                if not getattr(wrong, "again", False):
                    raise
        with writer.write():
            return _apply(writer, missed, now, self._bounce_rules)

    def _in_turn(
        self, writer: Writer, moves: list[Move], asks: list[_Ask], *, beating: bool
    ) -> tuple[set[int], set[int]]:
        """The same for all that follows from a move, in one transaction."""
        with writer.write():
            now = self._clock()
            lost = _apply(writer, moves, now, self._bounce_rules)
            granted: set[int] = set()
            for relay, rows in _by_relay(asks).items():
                granted |= intend(writer, rows, now, relay)
            raised = raise_lane(writer, writer.lane) if granted else None
            if beating:
                beat(writer, self._name, now, self._lease)
        if raised is not None:
            self._on_raised(writer.lane, *raised)
        return lost, granted

    def _count(self, moves: list[Move], lost: set[int]) -> None:
        states = [made.after for made in moves if made.row.id not in lost]
        self.counts.update(states)
        if states and self._on_settled is not None:
            self._on_settled(sum(state is not DeliveryState.QUEUED for state in states))

    def _fail(self, wrong: Exception) -> None:
        with self._wake:
            self.failure = self.failure or wrong
            self._wake.notify_all()

    def _refuse_all(self) -> None:
        with self._wake:
            self._closing = True
            asks = list(self._asks)
            self._asks.clear()
            self._busy = False
            self._wake.notify_all()
        _refused(asks)


def beats_every(lease: timedelta) -> float:
    """Seconds from one beat to the next: soon enough for the lease, and for whoever asks whether anybody works."""
    return min(lease, LIVES_FOR).total_seconds() / 4


def _refused(asks: list[_Ask]) -> list[_Ask]:
    for ask in asks:
        ask.answer([row.id for row in ask.rows], set(), 0.0)
    return []


def _by_relay(asks: list[_Ask]) -> dict[str, list[Claimed]]:
    found: dict[str, list[Claimed]] = {}
    for ask in asks:
        found.setdefault(ask.relay, []).extend(ask.rows)
    return found


def _go_together(moves: list[Move], asks: list[_Ask]) -> bool:
    """Whether all of this is plain, and about rows that differ: then it is one call."""
    ids = [made.row.id for made in moves] + [row.id for ask in asks for row in ask.rows]
    return len(set(ids)) == len(ids) and all(map(is_plain, moves))


def _apply(writer: Writer, moves: list[Move], now: datetime, rules: BounceRules) -> set[int]:
    """Make the moves; returns the ids of those whom somebody else has taken and no late reply could settle."""
    missed = apply_moves(writer, moves, now)
    late = [evidence for evidence in map(late_reply, missed) if evidence is not None]
    missed_late = apply_moves(writer, late, now)
    settled = {made.row.id for made in late} - {made.row.id for made in missed_late}
    lost = {made.row.id for made in missed} - settled
    heard = [
        Heard(made.row.id, made.failure, f"{made.relay} said: {made.response}")
        for made in moves
        if made.failure is not None and made.row.id not in lost and _is_bounce(made)
    ]
    if heard:
        with writer.session() as session:
            take_bounces(session, rules, heard, "smtp", now)
    return lost


def _is_bounce(made: Move) -> bool:
    """Whether a server refused this mail for good; what we could not hand over ourselves says nothing of an address."""
    return made.after is DeliveryState.FAILED and made.response[:1] == "5"
