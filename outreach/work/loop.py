"""The one thread that holds many conversations: it resumes each when what it waits for has come (`wire.waits`).

Law: nothing here blocks but the one poll. Only `soon` may be called from other threads; all else belongs to the thread
that runs the loop. A thread for each connection was measured to spend more on handing the interpreter on than on mail.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Any, NamedTuple

from ..wire.waits import READ, Call, Ready, Steps

LONGEST_SLEEP = 3600.0


class Nap(NamedTuple):
    """Until this time on the clock of `time.monotonic`, or until somebody wakes the task."""

    until: float


class Answer(NamedTuple):
    """Until somebody wakes the task with an answer, however long that takes."""


class Task:
    """A conversation in the loop. `wait` is what it waits for; None while it runs, is about to, or is over."""

    __slots__ = ("_steps", "over", "wait")

    def __init__(self, steps: Steps[None]) -> None:
        self._steps = steps
        self.wait: Ready | Call | Nap | Answer | None = None
        self.over = False

    def resume(self, value: Any, wrong: Exception | None) -> Ready | Call | Nap | Answer | None:
        """Go on until the next wait; None when it is over."""
        try:
            self.wait = self._steps.send(value) if wrong is None else self._steps.throw(wrong)
        except StopIteration:
            self.wait, self.over = None, True
        return self.wait


class Loop:
    """Tasks, sockets to listen to, and what other threads ask for.

    `after` is called when everything has run that could run, and tells in how many seconds it must be called again;
    `spare` when there is nothing to do but wait: it may do one small thing, and tells whether it did.
    """

    def __init__(self) -> None:
        self.after: Callable[[], float] = lambda: inf
        self.spare: Callable[[], bool] = lambda: False
        self._poll = select.poll()
        self._by_fd: dict[int, Task | Callable[[], None]] = {}
        self._tasks: set[Task] = set()
        self._ready: deque[tuple[Task, Any, Exception | None]] = deque()
        self._asked: deque[Callable[[], None]] = deque()
        self._next = inf
        self._asleep = self._ends = False
        self._bell, self._ear = socket.socketpair()
        for end in (self._bell, self._ear):
            end.setblocking(False)
        self.listen(self._ear.fileno(), self._hear)

    def start(self, steps: Steps[None]) -> Task:
        """Let a conversation begin with the next turn."""
        task = Task(steps)
        self._tasks.add(task)
        self._ready.append((task, None, None))
        return task

    def listen(self, fd: int, then: Callable[[], None]) -> None:
        """Call `then` whenever `fd` can be read."""
        self._by_fd[fd] = then
        self._poll.register(fd, READ)

    def wake(self, task: Task, value: Any = None) -> None:
        """End the task's wait, whatever it is, with this answer."""
        self._go_on(task, value, None)

    def soon(self, do: Callable[[], None]) -> None:
        """Have this done in the loop's thread; from any thread."""
        self._asked.append(do)
        if self._asleep:
            self._ring()

    def _ring(self) -> None:
        with suppress(OSError):  # a full pipe wakes as well, and a closed one has nobody to wake
            self._bell.send(b"!")

    def _hear(self) -> None:
        with suppress(BlockingIOError):
            self._ear.recv(4096)

    def run(self) -> None:
        """Turn until every task is over."""
        self._ends = True
        while self._tasks or self._asked:
            self.turn()
        self.close()

    def close(self) -> None:
        """Let go of what the loop itself holds."""
        self._bell.close()
        self._ear.close()

    def turn(self, most: float = LONGEST_SLEEP) -> None:
        """Do what can be done; then wait for the next thing, at most `most` seconds."""
        while self._asked:
            self._asked.popleft()()
        while self._ready:
            task, value, wrong = self._ready.popleft()
            if not task.over:
                self._step(task, value, wrong)
        most = min(most, self.after())
        if self._ready or self._asked or (self._ends and not self._tasks) or self.spare():
            most = 0.0
        elif self._next < inf:
            most = min(most, max(0.0, self._next - time.monotonic()))
        self._sleep(most)
        if self._next <= time.monotonic():
            self._expire()

    def _sleep(self, seconds: float) -> None:
        if seconds:
            self._asleep = True
            if self._asked:  # it was asked before it could know that we sleep
                seconds = 0.0
        for fd, _ in self._poll.poll(seconds * 1000):
            found = self._by_fd[fd]
            if isinstance(found, Task):
                self._go_on(found, None, None)
            else:
                found()
        self._asleep = False

    def _step(self, task: Task, value: Any, wrong: Exception | None) -> None:
        wait = task.resume(value, wrong)
        if isinstance(wait, Ready):
            self._poll.register(wait.fd, wait.events)
            self._by_fd[wait.fd] = task
            self._next = min(self._next, wait.until)
        elif isinstance(wait, Nap):
            self._next = min(self._next, wait.until)
        elif isinstance(wait, Call):
            threading.Thread(target=self._call, args=(task, wait), daemon=True).start()
        elif wait is None:
            self._tasks.discard(task)

    def _call(self, task: Task, wait: Call) -> None:
        value: Any = None
        wrong: Exception | None = None
        try:
            value = wait.do()
        except Exception as raised:
            wrong = raised
        self.soon(lambda: self._go_on(task, value, wrong) if task.wait is wait else None)

    def _go_on(self, task: Task, value: Any, wrong: Exception | None) -> None:
        wait, task.wait = task.wait, None
        if wait is None:
            return  # it is about to run anyhow, or over
        if isinstance(wait, Ready):
            self._poll.unregister(wait.fd)
            del self._by_fd[wait.fd]
        self._ready.append((task, value, wrong))

    def _expire(self) -> None:
        now, self._next = time.monotonic(), inf
        for task in self._tasks:
            wait = task.wait
            if isinstance(wait, Ready | Nap):
                if wait.until <= now:
                    self._go_on(task, None, None)
                else:
                    self._next = min(self._next, wait.until)
