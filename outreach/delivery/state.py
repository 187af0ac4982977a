"""The states of a delivery and the only moves between them.

Law: this table is the truth; docs/delivery-states.md draws it, and a test compares the two. Nothing automatic leads
from `inflight` or `in_doubt` back to `queued`: whoever may have been written to is never written to by a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ..words import DeliveryEvent as Event
from ..words import DeliveryState as State

MOVES: Mapping[tuple[State, Event], State] = MappingProxyType(
    {
        (State.QUEUED, Event.CLAIM): State.CLAIMED,
        (State.CLAIMED, Event.INTENT): State.INFLIGHT,
        (State.INFLIGHT, Event.ACCEPTED): State.SENT,
        (State.INFLIGHT, Event.TEMPORARY): State.DEFERRED,
        (State.INFLIGHT, Event.PERMANENT): State.FAILED,
        (State.INFLIGHT, Event.UNKNOWN): State.IN_DOUBT,
        (State.CLAIMED, Event.TEMPORARY): State.DEFERRED,
        (State.CLAIMED, Event.PERMANENT): State.FAILED,
        (State.CLAIMED, Event.RELEASE): State.QUEUED,
        (State.CLAIMED, Event.CANNOT_RENDER): State.WITHHELD,
        (State.CLAIMED, Event.POISON): State.FAILED,
        (State.QUEUED, Event.WITHHOLD): State.WITHHELD,
        (State.QUEUED, Event.SUPPRESS): State.SUPPRESSED,
        (State.QUEUED, Event.CANCEL): State.CANCELLED,
        (State.QUEUED, Event.EXPIRE): State.EXPIRED,
        (State.DEFERRED, Event.WITHHOLD): State.WITHHELD,
        (State.DEFERRED, Event.SUPPRESS): State.SUPPRESSED,
        (State.DEFERRED, Event.CANCEL): State.CANCELLED,
        (State.DEFERRED, Event.EXPIRE): State.EXPIRED,
        (State.DEFERRED, Event.DUE): State.QUEUED,
        (State.IN_DOUBT, Event.EVIDENCE_SENT): State.SENT,
        (State.IN_DOUBT, Event.EVIDENCE_FAILED): State.FAILED,
        (State.IN_DOUBT, Event.RESEND): State.QUEUED,
        (State.WITHHELD, Event.STAND_IN): State.QUEUED,
    }
)
"""What each event makes of each state; a pair that is missing cannot happen."""

FINAL: frozenset[State] = frozenset(State) - {before for before, event in MOVES if event is not Event.STAND_IN}
"""States that nothing leads out of, but for whoever was passed over for another of their household: they may stand in
for them."""


def move(state: State, event: Event) -> State:
    """The state after `event`. Raises ValueError where the table has no such move."""
    try:
        return MOVES[state, event]
    except KeyError:
        raise ValueError(f"a delivery that is {state} cannot be moved by {event}") from None
