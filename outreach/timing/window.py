"""Quiet hours: the part of a person's local day in which bulk mail does not arrive.

Law: the hours are wall time in the person's own zone; a window may run over midnight; equal ends mean no window.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from ..workdays import to_instant


def is_quiet(wall: time, start: time, end: time) -> bool:
    """Whether a wall time lies in the window from `start` up to, not including, `end`."""
    if start <= end:
        return start <= wall < end
    return wall >= start or wall < end


def quiet_ends(now: datetime, zone: ZoneInfo, start: time, end: time) -> datetime | None:
    """The instant at which the quiet hours end that `now` lies in, or None outside them."""
    local = now.astimezone(zone)
    wall = local.time()
    if not is_quiet(wall, start, end):
        return None
    day = local.date()
    if start > end and wall >= start:
        day += timedelta(days=1)
    ends = to_instant(day, end, zone)
    return ends if ends > now else None
