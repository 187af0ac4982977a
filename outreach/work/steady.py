"""A clock that knows when it was set: it compares the system's time with the seconds that really passed.

Law: a clock that is set back, or forward by up to a day, is followed, and that is said. One that leaps further ahead is
not: what is planned would be given up as too late, and schedules would pass over all that lies between. The process
goes on by its own count of seconds until the clock is right again, or until somebody who has looked starts it anew.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from ..errors import ClockError
from ..workdays import Clock

LEAST = timedelta(minutes=5)
"""Less is no leap: a clock is put right by so much every day somewhere."""
FURTHEST = timedelta(days=1)


def seconds_awake_and_asleep() -> float:
    """Seconds that no setting of the clock changes; where the system can tell, those that it slept too."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class SteadyClock:
    """The system's clock as this process trusts it. Any thread may ask."""

    def __init__(self, system: Clock, steady: Callable[[], float] = seconds_awake_and_asleep) -> None:
        self.system = system
        self._steady = steady
        self._lock = threading.Lock()
        self._now, self._at = system(), steady()
        self._ahead = timedelta()
        self._leaps: list[timedelta] = []

    def __call__(self) -> datetime:
        with self._lock:
            at, shown = self._steady(), self.system()
            mine = self._now + timedelta(seconds=at - self._at)
            off = shown - mine
            self._ahead = off if off > FURTHEST else timedelta()
            if abs(off) >= LEAST and not self._ahead:
                self._leaps.append(off)
            self._now, self._at = (mine if self._ahead else shown), at
            return self._now

    def look(self) -> str:
        """What was followed since the last look, in words; "" for nothing.

        Raises ClockError while the system's clock is too far ahead to be followed.
        """
        self()
        with self._lock:
            ahead, self._leaps, leaps = self._ahead, [], self._leaps
        if ahead:
            raise ClockError(
                f"the system's clock was set {span_words(ahead)} ahead while we ran: it is not followed",
                remedy="Put it right, and all goes on. If it is right now, start `outreach run` anew.",
            )
        return "; ".join(map(_leap_words, leaps))


def _leap_words(leap: timedelta) -> str:
    if leap > timedelta():
        return f"the clock was set forward by {span_words(leap)} while we ran: what fell due by that goes now"
    return f"the clock was set back by {span_words(leap)} while we ran: what is planned waits, and nothing goes twice"


def span_words(span: timedelta) -> str:
    """About how long, for a person: "1 hour", "365 days"."""
    minutes = round(abs(span).total_seconds() / 60)
    for size, word in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = round(minutes / size)
            return f"{count} {word}{'s' if count != 1 else ''}"
    return "less than a minute"
