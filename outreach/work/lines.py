"""The connections to a relay: each a thread with one blocking SMTP session, and one mail in flight.

Law: body, then the intent's commit, then the dot (RELIABILITY I2); no dot where the intent is refused (I4, I8) or our
lease may have run out. When no connection gets anywhere, all of them stop and say why; nobody is lost by it.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..delivery.envelope import Envelope
from ..delivery.outcome import LADDER, Outcome, Stage, judge, next_attempt
from ..delivery.state import MOVES
from ..errors import OutreachError, RelayError
from ..records import DeliveryEvent, DeliveryState
from ..settings import Relay
from ..store.moves import Move, release
from ..store.outbox import Claimed
from ..wire.smtp import RelayTarget, SmtpSession
from ..workdays import Clock
from .commit import Committer

IDLE_SECONDS = 20.0
"""A connection that has nothing to carry for so long says QUIT; the next mail opens another."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 15.0
FAILURES = 4
PATIENCE_AT_FIRST, PATIENCE = 3.0, 20.0
"""So often, and for so many seconds, may nothing get anywhere before the relay counts as out of order; less patience
is due where nothing has worked yet: then the settings are likely wrong."""
LOSSES = 3
"""After so many attempts that ended in a lost connection a mail waits as after a temporary refusal."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail ready to go: the delivery that we hold, its envelope and its bytes."""

    row: Claimed
    envelope: Envelope
    message: bytes


class Lines:
    """All connections to one relay, as a context; leaving it finishes what is in the air and gives back the rest."""

    def __init__(
        self,
        target: RelayTarget,
        relay: Relay,
        committer: Committer,
        clock: Clock,
        ladder: Sequence[int] = LADDER,
    ) -> None:
        self.trouble: OutreachError | Exception | None = None
        self.target, self.relay, self.committer, self.clock = target, relay, committer, clock
        self.ladder = ladder
        self._letters: queue.Queue[Letter | None] = queue.Queue(maxsize=max(4, 2 * relay.connections))
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._failures = 0
        self._last_good = time.monotonic()
        self._patience = PATIENCE_AT_FIRST
        self._threads = [
            threading.Thread(target=self._run, name=f"line-{number}", daemon=True)
            for number in range(relay.connections)
        ]

    def __enter__(self) -> Lines:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        while any(thread.is_alive() for thread in self._threads):
            self._drain()
            for thread in self._threads:
                thread.join(0.02)
        self._drain()

    @property
    def _remedy(self) -> str:
        if self.relay.catcher:
            return "Start the built-in catcher with `outreach catcher`, or set a real relay in [relay]."
        return "Check [relay] and ask `outreach doctor`, then run the command again."

    @property
    def stopped(self) -> bool:
        """Whether nothing more is sent: the relay is out of order, a commit failed, or we are leaving."""
        return self._stop.is_set() or self.committer.broken

    def put(self, letter: Letter, stop: Callable[[], bool]) -> bool:
        """Hand over a letter, waiting while the lines are busy; False when `stop` or trouble came first."""
        while not (stop() or self.stopped):
            try:
                self._letters.put(letter, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def settle(self, stop: Callable[[], bool]) -> None:
        """Wait until every letter that was handed over has been dealt with."""
        with self._letters.all_tasks_done:
            while self._letters.unfinished_tasks and not (stop() or self.stopped):
                self._letters.all_tasks_done.wait(0.2)

    def _drain(self) -> None:
        """Give back what nobody took, and wake those who wait for a letter."""
        try:
            while True:
                letter = self._letters.get_nowait()
                if letter is not None:
                    self.committer.record(release(letter.row))
        except queue.Empty:
            pass
        for _ in self._threads:
            try:
                self._letters.put_nowait(None)
            except queue.Full:
                break

    def _run(self) -> None:
        line = _Line(self)
        try:
            while not self.stopped:
                try:
                    letter = self._letters.get(timeout=IDLE_SECONDS)
                except queue.Empty:
                    line.hang_up()
                    continue
                if letter is not None:
                    try:
                        line.carry(letter)
                    finally:
                        self._letters.task_done()
        except Exception as wrong:  # a line must not die in silence: everybody stops and the cause is raised
            self._stop_all(wrong)
        finally:
            line.hang_up()

    def _stop_all(self, trouble: Exception) -> None:
        with self._lock:
            self.trouble = self.trouble or trouble
        self._stop.set()

    def went_well(self) -> None:
        """The relay does its work, whatever it said about one mail."""
        with self._lock:
            self._failures = 0
            self._last_good = time.monotonic()
            self._patience = PATIENCE

    def went_wrong(self, outcome: Outcome, pause: float) -> None:
        """Count a failure; wait, or stop everything where waiting has not helped or cannot help."""
        with self._lock:
            self._failures += 1
            waited = time.monotonic() - self._last_good
            hopeless = self._failures >= FAILURES and waited >= self._patience
        if outcome.stop or hopeless:
            words = f"the relay {self.target.name} takes no mail: {outcome.reason}"
            remedy = f"{outcome.remedy or self._remedy} What was not sent stays queued."
            self._stop_all(RelayError(words, remedy=remedy))
        elif outcome.back_off:
            self._stop.wait(pause)


class _Line:
    """One connection, opened when there is something to carry."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._session: SmtpSession | None = None
        self._carried = 0
        self._pause = FIRST_PAUSE

    def carry(self, letter: Letter) -> None:
        """Take one letter as far as it goes, and record what became of it."""
        session = self._open()
        if session is None:
            self._record(release(letter.row))
            return
        offered = session.offer(letter.envelope, letter.message)
        if not offered.ok:
            self._settle(letter.row, DeliveryState.CLAIMED, judge(offered.stage, offered.result))
        elif self._lines.stopped or not self._lines.committer.intend(letter.row, self._lines.target.name):
            self.drop()
            self._record(release(letter.row))
        elif not self._lines.committer.lease_stands():
            self.drop()
            self._settle(letter.row, DeliveryState.INFLIGHT, _frozen())
        else:
            self._settle(letter.row, DeliveryState.INFLIGHT, judge(Stage.DOT, session.finish()))
        self._carried += 1
        if self._carried >= self._lines.relay.messages_per_connection:
            self.hang_up()

    def hang_up(self) -> None:
        """Say QUIT, where there is a connection."""
        if self._session is not None:
            self._session.quit()
            self._session = None
        self._carried = 0

    def drop(self) -> None:
        """Close without the dot."""
        if self._session is not None:
            self._session.drop()
            self._session = None
        self._carried = 0

    def _open(self) -> SmtpSession | None:
        """An open session; None when sending has stopped meanwhile."""
        while not self._lines.stopped:
            if self._session is not None and self._session.alive:
                return self._session
            self.drop()
            session = SmtpSession(self._lines.target)
            trouble = session.open()
            if trouble is None:
                self._session = session
                return session
            self._wait(judge(session.stage, trouble))
        return None

    def _settle(self, row: Claimed, before: DeliveryState, outcome: Outcome) -> None:
        now = self._lines.clock()
        self._record(settled(row, before, outcome, self._lines.target.name, now, self._lines.ladder))
        if outcome.close:
            self.drop()
        if outcome.back_off or outcome.stop:
            self._wait(outcome)
        else:
            self._pause = FIRST_PAUSE
            self._lines.went_well()

    def _wait(self, outcome: Outcome) -> None:
        self._lines.went_wrong(outcome, self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _record(self, move: Move) -> None:
        self._lines.committer.record(move)


def settled(
    row: Claimed,
    before: DeliveryState,
    outcome: Outcome,
    relay: str,
    now: datetime,
    ladder: Sequence[int] = LADDER,
) -> Move:
    """The move that an outcome asks for; a lost connection gives the row back, a retry waits its time."""
    event = outcome.event
    if (before, event) not in MOVES:
        raise ValueError(f"a delivery that is {before} cannot be moved by {event}: {outcome.reason}")
    waits = event is DeliveryEvent.TEMPORARY or (event is DeliveryEvent.RELEASE and row.attempts >= LOSSES)
    answered = event in (DeliveryEvent.ACCEPTED, DeliveryEvent.TEMPORARY, DeliveryEvent.PERMANENT)
    return Move(
        row,
        before,
        (event,),
        reason="" if event is DeliveryEvent.ACCEPTED else _REASONS[event],
        evidence="" if answered else outcome.reason,
        response=outcome.reason if answered else "",
        failure=outcome.failure if event is not DeliveryEvent.ACCEPTED else None,
        relay=relay,
        next_at=next_attempt(row.attempts + 1, now, seed=row.id, ladder=ladder, expires_at=row.expires_at)
        if waits
        else None,
        tried=True,
        boosts=tuple(row.choices.get("boosts", ())),
    )


_REASONS = {
    DeliveryEvent.TEMPORARY: "the relay asks to wait",
    DeliveryEvent.PERMANENT: "the relay refused it",
    DeliveryEvent.UNKNOWN: "no answer after the final dot",
    DeliveryEvent.RELEASE: "the connection was lost",
    DeliveryEvent.CANNOT_RENDER: "render: message",
}


def _frozen() -> Outcome:
    return Outcome(DeliveryEvent.UNKNOWN, "this worker stood still for longer than its lease; the dot was not sent")
