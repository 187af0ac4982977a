"""When a relay is left alone, and when it is tried again.

Law: this table is the truth; docs/breaker-states.md draws it, and a test compares the two. A relay rests after some
failures in a row of the relay itself (no connection, no TLS, no login, 421), never for what it says about one
recipient; after a growing rest one mail tries it. Each state keeps its reason and what a person can do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from ..words import BreakerEvent as Event
from ..words import BreakerState as State

MOVES: Mapping[tuple[State, Event], State] = MappingProxyType(
    {
        (State.CLOSED, Event.GOOD): State.CLOSED,
        (State.CLOSED, Event.BAD): State.CLOSED,
        (State.CLOSED, Event.TRIP): State.OPEN,
        (State.OPEN, Event.BAD): State.OPEN,
        (State.OPEN, Event.TRIP): State.OPEN,
        (State.OPEN, Event.GOOD): State.CLOSED,
        (State.OPEN, Event.PROBE): State.HALF_OPEN,
        (State.HALF_OPEN, Event.GOOD): State.CLOSED,
        (State.HALF_OPEN, Event.TRIP): State.OPEN,
        (State.HALF_OPEN, Event.PROBE): State.HALF_OPEN,
    }
)
"""What each event makes of each state; a pair that is missing cannot happen."""

FAILURES = 5
"""So many failures in a row open the breaker where other relays can take over."""
FIRST_REST, LONGEST_REST = timedelta(seconds=15), timedelta(minutes=5)
FIRST_REST_FOR_PERSON, LONGEST_REST_FOR_PERSON = timedelta(minutes=5), timedelta(hours=1)
"""Where a person must mend something, trying often is of no use, and may lock the account."""
PROBE_TIME = timedelta(minutes=2)
"""After so long without a word from the one that tries, another may."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a relay has been doing. `rests` is how often in a row its breaker opened; `remedy` is for a person."""

    breaker: State = State.CLOSED
    failures: int = 0
    rests: int = 0
    retry_at: datetime | None = None
    opened_at: datetime | None = None
    last_good_at: datetime | None = None
    last_bad_at: datetime | None = None
    reason: str = ""
    remedy: str = ""

    def may_try(self, now: datetime) -> bool:
        """Whether a closed breaker lets mail through, or the rest is over and one mail may try.

        A rest that would last longer than any was begun under a clock that has been set back since: it is over.
        """
        if self.breaker is State.CLOSED or self.retry_at is None:
            return True
        return not now < self.retry_at <= now + LONGEST_REST_FOR_PERSON


def after_good(health: Health, now: datetime) -> Health:
    """The relay did its work, whatever it said about one mail."""
    state = MOVES[health.breaker, Event.GOOD]
    return Health(state, last_good_at=now, last_bad_at=health.last_bad_at, reason=health.reason)


def after_bad(
    health: Health, now: datetime, reason: str, remedy: str = "", *, trip: bool = False, allowed: int = FAILURES
) -> Health:
    """The relay itself failed. `trip`: more failures need not be waited for; `remedy`: a person must mend it."""
    failures = health.failures + 1
    opens = trip or health.breaker is State.HALF_OPEN or failures >= allowed
    state = MOVES[health.breaker, Event.TRIP if opens else Event.BAD]
    told = replace(health, breaker=state, failures=failures, last_bad_at=now, reason=reason, remedy=remedy)
    if state is State.CLOSED or health.breaker is State.OPEN:
        return told
    rests = health.rests + 1
    return replace(
        told, rests=rests, retry_at=now + rest(rests, person=bool(remedy)), opened_at=health.opened_at or now
    )


def probe(health: Health, now: datetime) -> Health | None:
    """Somebody tries it with one mail from now on; None while it rests, or while another one tries."""
    if health.breaker is State.CLOSED or not health.may_try(now):
        return None
    return replace(health, breaker=MOVES[health.breaker, Event.PROBE], retry_at=now + PROBE_TIME)


def try_soon(health: Health, now: datetime) -> Health:
    """A person says that it works again: the next mail tries it."""
    return health if health.breaker is State.CLOSED else replace(health, retry_at=now)


def rest(rests: int, *, person: bool) -> timedelta:
    """How long it is left alone when its breaker opens for the `rests`th time in a row."""
    first, longest = (FIRST_REST_FOR_PERSON, LONGEST_REST_FOR_PERSON) if person else (FIRST_REST, LONGEST_REST)
    return min(first * (1 << min(rests - 1, 10)), longest)
