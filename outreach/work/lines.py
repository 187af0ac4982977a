"""The connections to one relay: each one SMTP session, and one mail in flight.

Law: body, then the intent's commit, then the dot (RELIABILITY I2); no dot where the intent is refused (I4, I8) or the
leave for it has run out. When no connection gets anywhere, all of them stop and say why; nobody is lost by it.
They run in the desk's process and in carriers alike, as tasks of one `Loop`: what differs is to whom the `Tray` is
taken.
"""

from __future__ import annotations

import time
from collections import deque

from ..delivery.outcome import Outcome, Stage, judge
from ..errors import OutreachError, RelayError
from ..wire.smtp import SmtpSession
from ..wire.target import RelayTarget
from ..wire.waits import Call, Ready, Steps
from ..words import DeliveryEvent, DeliveryState
from .jobs import Job, Pressed, Report, give_back, not_reached, reported, ticks
from .loop import Answer, Loop, Nap, Task
from .pressroom import PressRoom
from .tray import Tray

IDLE_SECONDS = 20.0
"""A connection that has nothing to carry for so long says QUIT; the next mail opens another."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 15.0
SHORT_PAUSE = 1.0
"""Beside other relays it is the desk that leaves a relay alone."""
FAILURES = 4
LOOK_SECONDS = 0.01
"""So often it is looked whether all lines have ended."""
PATIENCE_AT_FIRST, PATIENCE = 3.0, 20.0
"""So often, and for so many seconds, may nothing get anywhere before the relay counts as out of order; less patience
is due where nothing has worked yet: then the settings are likely wrong."""


class Lines:
    """Lines to one relay. `start`, then `put` jobs; `stop` finishes what is in the air and gives back the rest.

    There is no limit to what is put: whoever puts looks at what has been reported (`work.dispatch`). Lines to the only
    relay (`alone`) try again with patience; beside others they give back at once what their relay does not take.
    """

    def __init__(
        self, target: RelayTarget, connections: int, room: PressRoom, tray: Tray, loop: Loop, *, alone: bool = True
    ) -> None:
        self.alone = alone
        self.target, self.room, self.tray = target, room, tray
        self._jobs: deque[Job] = deque()
        self._rendered: deque[tuple[Job, Pressed | Report]] = deque()
        self._loop, self._connections = loop, connections
        self._lines: list[_Line] = []
        self._idle: list[_Line] = []
        self._stop = False
        self._failures = 0
        self._last_good = time.monotonic()
        self._patience = PATIENCE_AT_FIRST

    def start(self) -> None:
        """Let the lines wait for jobs."""
        for _ in range(self._connections):
            line = _Line(self)
            line.task = self._loop.start(line.run())
            self._lines.append(line)

    def put(self, job: Job) -> None:
        """Hand over a job. Where the lines have stopped it is given back."""
        self._jobs.append(job)
        if self.stopped:
            self.recall()
        elif self._idle:
            self._loop.wake(self._idle.pop().task)

    def take(self) -> tuple[Job, Pressed | Report | None] | None:
        """The next job and its mail, where that has been rendered ahead."""
        if self._rendered:
            return self._rendered.popleft()
        return (self._jobs.popleft(), None) if self._jobs else None

    def render_ahead(self) -> bool:
        """Render one mail that no line has begun, while the lines wait for others; whether there was one."""
        if len(self._rendered) >= self._connections or not self._jobs or self.stopped:
            return False
        job = self._jobs.popleft()
        try:
            self._rendered.append((job, self.room.press(job)))
        except Exception as wrong:
            self._jobs.append(job)
            self.stop_all(wrong)
        return True

    def recall(self) -> None:
        """Give back what no line has begun."""
        for job, _ in self._rendered:
            self.tray.record(give_back(job))
        for job in self._jobs:
            self.tray.record(give_back(job))
        self._rendered.clear()
        self._jobs.clear()

    def stop(self) -> None:
        """Finish what is in the air, and begin nothing more."""
        self._stop = True
        self.recall()
        for line in self._lines:
            if isinstance(line.task.wait, Nap):
                self._loop.wake(line.task)

    def cut(self) -> None:
        """The time to finish is over: whatever the lines wait for ends, but for the answer to an intent."""
        for line in self._lines:
            line.cut()
            if isinstance(line.task.wait, Ready | Call):
                self._loop.wake(line.task)

    @property
    def over(self) -> bool:
        """Whether every line has hung up for good."""
        return all(line.task.over for line in self._lines)

    @property
    def stopped(self) -> bool:
        """Whether nothing more is sent: the relay is out of order, a commit failed, or we are leaving."""
        return self._stop or self.tray.broken

    def rest(self, line: _Line) -> Steps[bool]:
        """Wait until there may be something to carry; False where there was nothing for long."""
        self.tray.hurry()
        self._idle.append(line)
        until = time.monotonic() + IDLE_SECONDS
        yield Nap(until)
        if line in self._idle:
            self._idle.remove(line)
        return time.monotonic() < until

    def stop_all(self, trouble: Exception) -> None:
        """Stop, and let a person know why."""
        first = not self._stop
        self.stop()
        if first:
            self.tray.troubled(trouble)

    def went_well(self) -> None:
        """The relay does its work, whatever it said about one mail."""
        self._failures = 0
        self._last_good = time.monotonic()
        self._patience = PATIENCE

    def went_wrong(self, outcome: Outcome, pause: float) -> float:
        """Count a failure. For how many seconds to wait; everything stops where waiting has not helped or cannot."""
        self._failures += 1
        waited = time.monotonic() - self._last_good
        hopeless = self._failures >= FAILURES and waited >= self._patience
        if outcome.stop and not self.alone:
            self.recall()
        if self.alone and (outcome.stop or hopeless):
            self.stop_all(self._out_of_order(outcome))
        elif outcome.back_off:
            return pause if self.alone else min(pause, SHORT_PAUSE)
        return 0.0

    def _out_of_order(self, outcome: Outcome) -> OutreachError:
        remedy = outcome.remedy or "Check [relay] and ask `outreach doctor`, then run the command again."
        if self.target.catcher and not outcome.remedy:
            remedy = "Start the built-in catcher with `outreach catcher`, or set a real relay in [relay]."
        words = f"the relay {self.target.name} takes no mail: {outcome.reason}"
        told = f"{remedy} What was not sent stays queued."
        return RelayError(words, remedy=told, reason=outcome.reason, mend=outcome.remedy)


class _Line:
    """One connection, opened when there is something to carry."""

    task: Task

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._session: SmtpSession | None = None
        self._carried = 0
        self._pause = FIRST_PAUSE

    def run(self) -> Steps[None]:
        """Carry until the lines stop."""
        lines = self._lines
        try:
            while not lines.stopped:
                next_one = lines.take()
                if next_one is not None:
                    yield from self._carry(*next_one)
                elif not (yield from lines.rest(self)):
                    yield from self._hang_up()
        except Exception as wrong:  # a line must not die in silence: everybody stops and the cause is raised
            lines.stop_all(wrong)
        yield from self._hang_up()

    def _carry(self, job: Job, pressed: Pressed | Report | None) -> Steps[None]:
        """Take one job as far as it goes, and report what became of it."""
        lines = self._lines
        if pressed is None:
            pressed = lines.room.press(job)
        if isinstance(pressed, Report):
            lines.tray.record(pressed)
            return
        session = self._session
        if session is None or not session.alive:
            opened = yield from self._open()
            if not isinstance(opened, SmtpSession):
                lines.tray.record(give_back(job) if opened is None else not_reached(job, opened))
                if opened is not None:
                    yield from self._wait(opened)
                return
            session = opened
        offered = yield from session.offering(pressed.envelope, pressed.message)
        if not offered.ok:
            yield from self._settle(job, DeliveryState.CLAIMED, judge(offered.stage, offered.result))
            return
        leave = 0.0
        if not lines.stopped:
            lines.tray.intend(job, self.task)
            leave = yield Answer()
        if not leave:
            self.drop()
            lines.tray.record(give_back(job))
        elif ticks() >= leave:
            self.drop()
            yield from self._settle(job, DeliveryState.INFLIGHT, _frozen())
        else:
            result = yield from session.finishing()
            yield from self._settle(job, DeliveryState.INFLIGHT, judge(Stage.DOT, result))

    def _hang_up(self) -> Steps[None]:
        """Say QUIT, where there is a connection."""
        if self._session is not None:
            yield from self._session.quitting()
            self._session = None
        self._carried = 0

    def drop(self) -> None:
        """Close without the dot."""
        if self._session is not None:
            self._session.drop()
            self._session = None
        self._carried = 0

    def cut(self) -> None:
        """End the conversation, whatever it waits for."""
        if self._session is not None:
            self._session.cut()

    def _open(self) -> Steps[SmtpSession | Outcome | None]:
        """An open session; None when sending has stopped meanwhile; beside other relays, what stood in the way."""
        while not self._lines.stopped:
            self.drop()
            session = self._session = SmtpSession(self._lines.target)
            trouble = yield from session.opening()
            if trouble is None:
                return session
            self.drop()
            outcome = judge(session.stage, trouble)
            if not self._lines.alone:
                return outcome
            yield from self._wait(outcome)
        return None

    def _settle(self, job: Job, before: DeliveryState, outcome: Outcome) -> Steps[None]:
        lines = self._lines
        lines.tray.record(reported(job, before, outcome))
        if outcome.close:
            self.drop()
        if outcome.back_off or outcome.stop:
            yield from self._wait(outcome)
        else:
            self._pause = FIRST_PAUSE
            lines.went_well()
        self._carried += 1
        if self._carried >= lines.target.messages_per_connection:
            yield from self._hang_up()

    def _wait(self, outcome: Outcome) -> Steps[None]:
        pause = self._lines.went_wrong(outcome, self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        if pause and not self._lines.stopped:
            yield Nap(time.monotonic() + pause)


def end_lines(lines: list[Lines], seconds: float) -> Steps[None]:
    """End the lines to all relays within `seconds`; then the connections are closed as they are."""
    for each in lines:
        each.stop()
    deadline = time.monotonic() + seconds
    while not all(each.over for each in lines):
        if time.monotonic() >= deadline:
            for each in lines:
                each.cut()
        yield Nap(time.monotonic() + LOOK_SECONDS)
    for each in lines:
        each.recall()


def _frozen() -> Outcome:
    return Outcome(
        DeliveryEvent.UNKNOWN, "this worker stood still for longer than its lease; the dot was not sent", close=True
    )
