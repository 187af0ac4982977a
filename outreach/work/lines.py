"""The connections to one relay: each a thread with one blocking SMTP session, and one mail in flight.

Law: body, then the intent's commit, then the dot (RELIABILITY I2); no dot where the intent is refused (I4, I8) or the
leave for it has run out. When no connection gets anywhere, all of them stop and say why; nobody is lost by it.
They run in the desk's process and in carriers alike: what differs is the `Post` that they turn to.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence

from ..delivery.outcome import Outcome, Stage, judge
from ..errors import OutreachError, RelayError
from ..wire.smtp import SmtpSession
from ..wire.target import RelayTarget
from ..words import DeliveryEvent, DeliveryState
from .jobs import Job, Post, Pressed, Report, give_back, not_reached, reported, ticks
from .pressroom import PressRoom

IDLE_SECONDS = 20.0
"""A connection that has nothing to carry for so long says QUIT; the next mail opens another."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 15.0
SHORT_PAUSE = 1.0
"""Beside other relays it is the desk that leaves a relay alone."""
FAILURES = 4
PATIENCE_AT_FIRST, PATIENCE = 3.0, 20.0
"""So often, and for so many seconds, may nothing get anywhere before the relay counts as out of order; less patience
is due where nothing has worked yet: then the settings are likely wrong."""


class Lines:
    """Lines to one relay. `start`, then `put` jobs; `end` finishes what is in the air and gives back the rest.

    There is no limit to what is put: whoever puts looks at what has been reported (`work.dispatch`). Lines to the only
    relay (`alone`) try again with patience; beside others they give back at once what their relay does not take.
    """

    def __init__(
        self, target: RelayTarget, connections: int, room: PressRoom, post: Post, *, alone: bool = True
    ) -> None:
        self.alone = alone
        self.target, self.room, self.post = target, room, post
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._failures = 0
        self._last_good = time.monotonic()
        self._patience = PATIENCE_AT_FIRST
        self._lines = [_Line(self) for _ in range(connections)]
        self._threads = [
            threading.Thread(target=self._run, args=(line,), name=f"line-{number}", daemon=True)
            for number, line in enumerate(self._lines)
        ]

    def start(self) -> None:
        """Let the lines wait for jobs."""
        for thread in self._threads:
            thread.start()

    def put(self, job: Job) -> None:
        """Hand over a job. Where the lines have stopped it is given back."""
        self._jobs.put(job)
        if self.stopped:
            self.recall()

    def recall(self) -> None:
        """Give back what no line has begun."""
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                self.post.record(give_back(job))

    def end(self, seconds: float) -> None:
        """Finish what is in the air within `seconds`; then the connections are closed as they are."""
        self._stop.set()
        self.recall()
        for _ in self._threads:
            self._jobs.put(None)
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))
        while any(thread.is_alive() for thread in self._threads):
            for line in self._lines:
                line.cut()
            for thread in self._threads:
                thread.join(0.05)
        self.recall()

    @property
    def stopped(self) -> bool:
        """Whether nothing more is sent: the relay is out of order, a commit failed, or we are leaving."""
        return self._stop.is_set() or self.post.broken

    def _run(self, line: _Line) -> None:
        try:
            while not self.stopped:
                try:
                    job = line.ready() or self._next()
                except queue.Empty:
                    line.hang_up()
                    continue
                if job is not None:
                    line.carry(job)
        except Exception as wrong:  # a line must not die in silence: everybody stops and the cause is raised
            self._stop_all(wrong)
        finally:
            ahead = line.ready()
            if ahead is not None:
                self.post.record(give_back(ahead))
            line.hang_up()

    def one_more(self) -> Job | None:
        """A job for a line that waits for its leave and may render meanwhile; None where others might carry it."""
        if self.stopped or self._jobs.qsize() <= len(self._lines):
            return None
        try:
            job = self._jobs.get_nowait()
        except queue.Empty:
            return None
        if job is None:
            self._jobs.put(None)
        return job

    def _next(self) -> Job | None:
        try:
            return self._jobs.get_nowait()
        except queue.Empty:
            self.post.flush()
            return self._jobs.get(timeout=IDLE_SECONDS)

    def _stop_all(self, trouble: Exception) -> None:
        with self._lock:
            first = not self._stop.is_set()
            self._stop.set()
        if first:
            self.post.troubled(trouble)
        self.recall()
        for _ in self._threads:
            self._jobs.put(None)

    def went_well(self) -> None:
        """The relay does its work, whatever it said about one mail."""
        self._failures = 0
        self._last_good = time.monotonic()
        self._patience = PATIENCE

    def went_wrong(self, outcome: Outcome, pause: float) -> None:
        """Count a failure; wait, or stop everything where waiting has not helped or cannot help."""
        with self._lock:
            self._failures += 1
            waited = time.monotonic() - self._last_good
            hopeless = self._failures >= FAILURES and waited >= self._patience
        if outcome.stop and not self.alone:
            self.recall()
        if self.alone and (outcome.stop or hopeless):
            self._stop_all(self._out_of_order(outcome))
        elif outcome.back_off:
            self._stop.wait(pause if self.alone else min(pause, SHORT_PAUSE))

    def _out_of_order(self, outcome: Outcome) -> OutreachError:
        remedy = outcome.remedy or "Check [relay] and ask `outreach doctor`, then run the command again."
        if self.target.catcher and not outcome.remedy:
            remedy = "Start the built-in catcher with `outreach catcher`, or set a real relay in [relay]."
        words = f"the relay {self.target.name} takes no mail: {outcome.reason}"
        told = f"{remedy} What was not sent stays queued."
        return RelayError(words, remedy=told, reason=outcome.reason, mend=outcome.remedy)


def end_all(lines: Sequence[Lines], seconds: float) -> None:
    """End the lines to several relays, all within one deadline."""
    enders = [threading.Thread(target=each.end, args=(seconds,)) for each in lines]
    for ender in enders:
        ender.start()
    for ender in enders:
        ender.join()


class _Line:
    """One connection, opened when there is something to carry."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._session: SmtpSession | None = None
        self._carried = 0
        self._pause = FIRST_PAUSE
        self._ahead: tuple[Job, Pressed | Report] | None = None

    def ready(self) -> Job | None:
        """The job that this line has rendered ahead."""
        return None if self._ahead is None else self._ahead[0]

    def _pressed(self, job: Job) -> Pressed | Report:
        if self._ahead is None:
            return self._lines.room.press(job)
        (_, pressed), self._ahead = self._ahead, None
        return pressed

    def _render_ahead(self) -> None:
        """Use the time in which the intent of one mail is committed to render the next: it waits for nobody."""
        job = self._lines.one_more()
        if job is not None:
            try:
                self._ahead = job, self._lines.room.press(job)
            except Exception:  # it is told when its turn comes: now another mail is in the air
                self._lines.put(job)

    def carry(self, job: Job) -> None:
        """Take one job as far as it goes, and report what became of it."""
        pressed = self._pressed(job)
        if isinstance(pressed, Report):
            self._lines.post.record(pressed)
            return
        session = self._open()
        if not isinstance(session, SmtpSession):
            self._lines.post.record(give_back(job) if session is None else not_reached(job, session))
            if session is not None:
                self._wait(session)
            return
        offered = session.offer(pressed.envelope, pressed.message)
        if not offered.ok:
            self._settle(job, DeliveryState.CLAIMED, judge(offered.stage, offered.result))
            return
        leave = 0.0
        if not self._lines.stopped:
            answer = self._lines.post.intend(job)
            self._render_ahead()
            leave = answer()
        if not leave:
            self.drop()
            self._lines.post.record(give_back(job))
        elif ticks() >= leave:
            self.drop()
            self._settle(job, DeliveryState.INFLIGHT, _frozen())
        else:
            self._settle(job, DeliveryState.INFLIGHT, judge(Stage.DOT, session.finish()))

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

    def cut(self) -> None:
        """Called by another thread when the time to finish is over: whatever this line waits for ends."""
        session = self._session
        if session is not None:
            session.cut()

    def _open(self) -> SmtpSession | Outcome | None:
        """An open session; None when sending has stopped meanwhile; beside other relays, what stood in the way."""
        while not self._lines.stopped:
            if self._session is not None and self._session.alive:
                return self._session
            self.drop()
            session = self._session = SmtpSession(self._lines.target)
            trouble = session.open()
            if trouble is None:
                return session
            self.drop()
            outcome = judge(session.stage, trouble)
            if not self._lines.alone:
                return outcome
            self._wait(outcome)
        return None

    def _settle(self, job: Job, before: DeliveryState, outcome: Outcome) -> None:
        self._lines.post.record(reported(job, before, outcome))
        if outcome.close:
            self.drop()
        if outcome.back_off or outcome.stop:
            self._wait(outcome)
        else:
            self._pause = FIRST_PAUSE
            self._lines.went_well()
        self._carried += 1
        if self._carried >= self._lines.target.messages_per_connection:
            self.hang_up()

    def _wait(self, outcome: Outcome) -> None:
        self._lines.went_wrong(outcome, self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)


def _frozen() -> Outcome:
    return Outcome(
        DeliveryEvent.UNKNOWN, "this worker stood still for longer than its lease; the dot was not sent", close=True
    )
