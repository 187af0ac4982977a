"""Slowing down for a recipient's domain that asks for it, and speeding up again.

Law: halve at once, recover by small equal steps while its servers take our mail (as TCP does, RFC 5681): so the rate
hovers just below what the domain bears. It never falls to nothing, and refusals that come together count once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

FLOOR = 1 / 32
TOGETHER = timedelta(seconds=10)
"""Refusals within this time of each other answer to the same burst."""
STEP = 0.05
EVERY = timedelta(minutes=1)
"""One step for each such time in which mail was taken and none refused."""
REST = timedelta(minutes=15)
"""A domain that refuses even the slowest pace is left alone for so long."""
LEAST_RATE = 60
"""A domain without a limit of its own is slowed from what it bore in the last minute, but from no less than this."""


def slower(factor: float, changed_at: datetime | None, now: datetime) -> float:
    """The factor after a refusal that asks us to slow down; `now` may lie a little before what another one wrote."""
    if changed_at is not None and factor < 1 and abs(now - changed_at) < TOGETHER:
        return factor
    return max(FLOOR, factor / 2)


def faster(factor: float, changed_at: datetime, now: datetime) -> float:
    """The factor after mail was taken at `now`; the same until a whole minute has passed since it changed, or the clock
    was set back to before that.
    """
    if factor >= 1 or abs(now - changed_at) < EVERY:
        return factor
    return min(1.0, factor + STEP)
