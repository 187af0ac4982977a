"""What a carrier's report does to its delivery.

Law: a lost connection gives the row back, to go over another relay at once; a temporary refusal waits its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..delivery.outcome import LADDER, next_attempt
from ..delivery.state import MOVES
from ..store.moves import Move
from ..store.outbox import Claimed
from ..words import DeliveryEvent
from .jobs import Report

LOSSES = 3
"""After so many attempts that ended in a lost connection a mail waits as after a temporary refusal."""


def moved(row: Claimed, report: Report, relays: Sequence[str], now: datetime, ladder: Sequence[int] = LADDER) -> Move:
    """The move that a report asks for, by its relay's name; what was lost is given back, a retry waits its time."""
    event, before = report.event, report.before
    if (before, event) not in MOVES:
        raise ValueError(f"a delivery that is {before} cannot be moved by {event}: {report.words}")
    if not report.tried:
        return Move(row, before, (event,), reason=report.reason, evidence=report.words)
    if event is DeliveryEvent.ACCEPTED:
        boosts = tuple(row.choices.get("boosts", ()))
        return Move(row, before, (event,), response=report.words, relay=relays[report.relay], tried=True, boosts=boosts)
    lost = event is DeliveryEvent.RELEASE and (row.attempts >= LOSSES or report.slows)
    waits = event is DeliveryEvent.TEMPORARY or lost
    answered = event in (DeliveryEvent.TEMPORARY, DeliveryEvent.PERMANENT)
    return Move(
        row,
        before,
        (event,),
        reason=_REASONS[event],
        evidence="" if answered else report.words,
        response=report.words if answered else "",
        failure=report.failure,
        relay=relays[report.relay],
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
