"""What the lines have to tell the desk, gathered until everything that could run has run: intents and reports.

Law: a report goes before, or together with, the next intent of its line (RELIABILITY I7), so all that was gathered
goes at once. What is said together is committed together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from math import inf

from .jobs import Job, Report
from .loop import Loop, Task

FLUSH_SECONDS = 0.02
"""So late may a report be told, where no intent takes it along."""


class Tray:
    """`say` takes intents, by delivery, and reports to the desk; `troubled` that these lines have stopped, and why.

    `is_broken`: whether nothing more may be sent, since a commit has failed.
    """

    def __init__(
        self,
        loop: Loop,
        say: Callable[[Sequence[int], Sequence[Report]], None],
        troubled: Callable[[Exception], None],
        is_broken: Callable[[], bool] = lambda: False,
    ) -> None:
        self._loop, self._say, self.troubled, self._is_broken = loop, say, troubled, is_broken
        self._intents: list[int] = []
        self._reports: list[Report] = []
        self._since = 0.0
        self._hurry = False
        self._waiting: dict[int, Task] = {}

    @property
    def broken(self) -> bool:
        """Whether nothing more may be sent: a commit has failed."""
        return self._is_broken()

    def intend(self, job: Job, task: Task) -> None:
        """Ask leave for the dot. The task is woken by the answer: until which of `ticks()` the leave stands, or 0.0."""
        self._waiting[job.id] = task
        self._intents.append(job.id)

    def record(self, report: Report) -> None:
        """Have it told what became of a job; it is written soon."""
        if not self._reports:
            self._since = time.monotonic()
        self._reports.append(report)

    def answer(self, leave: float, granted: Sequence[int], refused: Sequence[int]) -> None:
        """What the desk said to our intents, after its commit."""
        for one in granted:
            self._loop.wake(self._waiting.pop(one), leave)
        for one in refused:
            self._loop.wake(self._waiting.pop(one), 0.0)

    def hurry(self) -> None:
        """There is nothing more to carry for some line: do not wait for an intent that takes the reports along."""
        self._hurry = True

    def flush(self) -> float:
        """Tell what there is to tell. For how many seconds the reports that are left may wait for company."""
        if not (self._intents or self._reports):
            self._hurry = False
            return inf
        if not (self._intents or self._hurry):
            left = self._since + FLUSH_SECONDS - time.monotonic()
            if left > 0:
                return left
        intents, self._intents = self._intents, []
        reports, self._reports = self._reports, []
        self._hurry = False
        self._say(intents, reports)
        return inf
