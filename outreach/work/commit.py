"""One writer per process: the intents and outcomes of all connections, committed together.

Law: an intent is granted only after its commit has returned (RELIABILITY I2); a connection's outcome is committed
before, or together with, its next intent (I7). Once a commit has failed no further intent is granted (I9): replies
already read are tried again, and what still cannot be written stays in flight, to be put in doubt.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType

from sqlmodel import Session

from ..errors import DatabaseError
from ..records import DeliveryState, FailureClass, SuppressionReason
from ..store.consents import suppress
from ..store.database import Database
from ..store.moves import Move, apply_moves, late_reply
from ..store.outbox import Claimed, intend
from ..store.workers import beat
from ..workdays import Clock

TOGETHER = 200
"""At most so many moves in one transaction: it stays far below 200 ms (I12)."""
TRIES = 5
PAUSE = 0.2
_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def ticks() -> float:
    """Seconds that pass also while this process is stopped or the machine sleeps; for leases only."""
    return time.clock_gettime(_BOOT)


@dataclass(eq=False)
class _Intent:
    row: Claimed
    relay: str
    done: threading.Event = field(default_factory=threading.Event)
    granted: bool = False


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
        on_intents: Callable[[Session], None] | None = None,
    ) -> None:
        self.counts: Counter[DeliveryState] = Counter()
        self.failure: Exception | None = None
        self._database, self._name, self._clock, self._lease = database, name, clock, lease
        self._on_settled, self._on_intents = on_settled, on_intents
        self._moves: deque[Move] = deque()
        self._intents: deque[_Intent] = deque()
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

    def intend(self, row: Claimed, relay: str) -> bool:
        """Wait for the commit of this row's intent to `relay`. False: drop the connection without the dot."""
        intent = _Intent(row, relay)
        with self._wake:
            if self.broken or self._closing:
                return False
            self._intents.append(intent)
            self._wake.notify_all()
        intent.done.wait()
        return intent.granted

    def record(self, *moves: Move) -> None:
        """Have these moves written, soon and in order, without waiting."""
        with self._wake:
            self._moves.extend(moves)
            self._wake.notify_all()

    def flush(self) -> None:
        """Wait until all that was recorded before is written, or a commit has failed."""
        with self._wake:
            self._wake.wait_for(lambda: self.broken or not (self._moves or self._intents or self._busy))

    def lease_stands(self) -> bool:
        """Whether our claim on what we hold is certainly still ours; not so after this process was frozen."""
        return ticks() - self._beaten < self._lease.total_seconds() * 0.8

    def _run(self) -> None:
        try:
            while self._turn():
                pass
        except Exception as wrong:  # whatever it is, the connections must not wait for ever
            self._fail(wrong)
        finally:
            self._refuse_all()

    def _turn(self) -> bool:
        every = self._lease.total_seconds() / 4
        with self._wake:
            waiting = max(0.0, self._beaten + every - ticks())
            self._wake.wait_for(lambda: self._moves or self._intents or self._closing, timeout=waiting)
            moves = [self._moves.popleft() for _ in range(min(len(self._moves), TOGETHER))]
            intents = [] if self._moves else list(self._intents)
            if not self._moves:
                self._intents.clear()
            ending = self._closing and not (moves or intents)
            self._busy = bool(moves or intents)
        if not ending:
            self._commit(moves, intents, beating=ticks() - self._beaten >= every)
        with self._wake:
            self._busy = False
            self._wake.notify_all()
        return not ending

    def _commit(self, moves: list[Move], intents: list[_Intent], *, beating: bool) -> None:
        granted: set[int] = set()
        if self.broken:
            intents, refused = [], intents
            _answer(refused, granted)
        for attempt in range(TRIES):
            try:
                started = ticks()
                with self._database.write() as session:
                    now = self._clock()
                    lost = _apply(session, moves, now)
                    granted = _intend(session, intents, now)
                    if granted and self._on_intents is not None:
                        self._on_intents(session)
                    if beating:
                        beat(session, self._name, now, self._lease)
            except Exception as wrong:
                self._fail(wrong)
                _answer(intents, set())
                intents = []
                if not moves or attempt == TRIES - 1 or not isinstance(wrong, DatabaseError):
                    return
                time.sleep(PAUSE * 2**attempt)
                continue
            if beating:
                self._beaten = started
            _answer(intents, granted)
            self._count(moves, lost)
            return

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
            _answer(list(self._intents), set())
            self._intents.clear()
            self._busy = False
            self._wake.notify_all()


def _intend(session: Session, intents: list[_Intent], now: datetime) -> set[int]:
    relays = dict.fromkeys(intent.relay for intent in intents)
    together = ((relay, [intent.row for intent in intents if intent.relay == relay]) for relay in relays)
    return {granted for relay, rows in together for granted in intend(session, rows, now, relay)}


def _answer(intents: list[_Intent], granted: set[int]) -> None:
    for intent in intents:
        intent.granted = intent.row.id in granted
        intent.done.set()


def _apply(session: Session, moves: list[Move], now: datetime) -> set[int]:
    """Make the moves; returns the ids of those whom somebody else has taken and no late reply could settle."""
    missed = apply_moves(session, moves, now)
    late = [evidence for evidence in map(late_reply, missed) if evidence is not None]
    missed_late = apply_moves(session, late, now)
    settled = {made.row.id for made in late} - {made.row.id for made in missed_late}
    lost = {made.row.id for made in missed} - settled
    for made in moves:
        if made.failure is FailureClass.BAD_ADDRESS and made.row.id not in lost:
            suppress(
                session,
                address_key=made.row.address_key,
                reason=SuppressionReason.BAD_ADDRESS,
                at=now,
                evidence=f"{made.relay} said: {made.response}"[:500],
            )
    return lost
