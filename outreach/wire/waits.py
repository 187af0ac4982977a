"""What a conversation waits for, as values, so that one thread can hold many conversations at once.

Law: a conversation is a generator. It never blocks; it yields what it waits for and is resumed when that has come or
its time is over, and finds out by itself which. `wait_out` lets one conversation have a thread to itself.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

READ, WRITE = select.POLLIN, select.POLLOUT
T = TypeVar("T")


class Ready(NamedTuple):
    """The socket `fd` is to be ready for `events`; `until` is on the clock of `time.monotonic`."""

    fd: int
    events: int
    until: float


class Call(NamedTuple):
    """Something that may block is to be done elsewhere; what it gives or raises comes back."""

    do: Callable[[], Any]


Wait = Ready | Call
Steps = Generator[Any, Any, T]
"""Yields waits of this module; whoever drives other waits as well may mix them in."""


def wait_out(steps: Steps[T]) -> T:
    """Go through one conversation in this thread, blocking."""
    answer: Any = None
    wrong: Exception | None = None
    while True:
        try:
            wait = steps.send(answer) if wrong is None else steps.throw(wrong)
        except StopIteration as ended:
            done: T = ended.value
            return done
        answer, wrong = None, None
        if isinstance(wait, Call):
            try:
                answer = wait.do()
            except Exception as raised:
                wrong = raised
        else:
            poll = select.poll()
            poll.register(wait.fd, wait.events)
            poll.poll(max(0.0, wait.until - time.monotonic()) * 1000)
