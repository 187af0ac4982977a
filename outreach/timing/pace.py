"""How much may go now: limits per second, minute, hour and day, and a relay's warm-up.

Law: in no stretch of time as long as a window does more go out than its limit, wherever a provider begins to count and
however many processes take turns; and a permit counts as used from the moment it is given. A clock that is set back
never gives more; one that is set forward gives at most one window's worth too early.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

LATE_SECONDS = 0.1
"""So late may a mail leave that is paced by the second; the pace is that much slower than the limit."""
AHEAD_SECONDS = 1.0
"""So far ahead may a process take instants: one small transaction a second, whatever the rate."""
VALID_SECONDS = 1.9
"""For so long is a permit of the longer windows good: less than the shortest of their slots."""
LONGEST_DOUBT = 60.0
"""An instant that lies further ahead than this was taken under a clock that has been set back since."""


class _Window(NamedTuple):
    seconds: int
    slots: int

    @property
    def slot(self) -> float:
        return self.seconds / self.slots


WINDOWS: Mapping[str, _Window] = {"minute": _Window(60, 30), "hour": _Window(3600, 60), "day": _Window(86400, 96)}
"""Longer windows are counted in slots. Two slots more than the window has are kept under its limit: one because the
stretch that a provider counts may begin inside a slot, one because a permit may be used in the slot after its own."""
WARMUP = "warmup"
SECOND = "second"


@dataclass(frozen=True, slots=True)
class Limits:
    """At most so many in any such stretch; 0 is no limit. `today`: what a warm-up allows on its `day` (0 the first)."""

    second: int = 0
    minute: int = 0
    hour: int = 0
    day: int = 0
    today: int | None = None
    warmup_day: int = 0

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return bool(self.second or self.minute or self.hour or self.day or self.today is not None)

    def scaled(self, factor: float) -> Limits:
        """The same slowed down to this share, but never to nothing."""
        if factor >= 1:
            return self
        values = {name: max(1, math.floor(getattr(self, name) * factor)) for name in _RATES if getattr(self, name)}
        return replace(self, **values)


_RATES = ("second", "minute", "hour", "day")


@dataclass(frozen=True, slots=True)
class Permits:
    """What was granted: `count` mails, the first not before `first`, each `gap` seconds after the one before it.

    None after `until`. `more_at`: when to ask again for what was not granted, and `limit` says which one it was.
    `windows` is what to keep.
    """

    count: int
    first: datetime
    gap: float
    until: datetime
    windows: dict[str, Any]
    more_at: datetime | None = None
    limit: str = ""


def take(windows: Mapping[str, Any], limits: Limits, wanted: int, now: datetime) -> Permits:
    """Grant as many of `wanted` as all limits allow together."""
    at = now.timestamp()
    kept = {name: _counted(windows.get(name), WINDOWS[name], at) for name in WINDOWS if getattr(limits, name)}
    room = [(max(0, getattr(limits, name) - sum(slots.values())), name) for name, slots in kept.items()]
    first, gap = at, 0.0
    if limits.second:
        gap = (1 + LATE_SECONDS) / limits.second * (1 + 1e-9)
        first = _next_instant(windows.get(SECOND), at)
        ahead = at + AHEAD_SECONDS
        room.append((int((ahead - first) / gap) + 1 if first <= ahead else 0, SECOND))
    warm = _warm(windows.get(WARMUP), limits)
    if limits.today is not None:
        room.append((max(0, limits.today - warm), WARMUP))
    count = min([max(wanted, 0), *(left for left, _ in room)])
    made: dict[str, Any] = {}
    for name, slots in kept.items():
        number = int(at // WINDOWS[name].slot)
        slots[number] = slots.get(number, 0) + count
        made[name] = sorted([slot, used] for slot, used in slots.items() if used)
    if limits.second:
        made[SECOND] = first + count * gap
    if limits.today is not None:
        made[WARMUP] = {"day": limits.warmup_day, "used": warm + count}
    until = first + (count - 1) * gap + LATE_SECONDS if limits.second else at + VALID_SECONDS
    short = [(_more_at(made, name, limits, at), name) for left, name in room if left <= count] if count < wanted else []
    more_at, limit = max(short, default=(None, ""), key=lambda one: one[0] or 0.0)
    return Permits(
        count, _instant(first), gap, _instant(until), made, None if more_at is None else _instant(more_at), limit
    )


def give_back(windows: Mapping[str, Any], count: int, taken_at: datetime) -> dict[str, Any]:
    """Take back permits of the longer windows that were not used. Instants of a second are gone with it."""
    kept = dict(windows)
    for name, window in WINDOWS.items():
        slots = {int(slot): int(used) for slot, used in kept.get(name, ())}
        number = int(taken_at.timestamp() // window.slot)
        if number in slots:
            slots[number] = max(0, slots[number] - count)
            kept[name] = sorted([slot, used] for slot, used in slots.items() if used)
    if WARMUP in kept:
        kept[WARMUP] = {**kept[WARMUP], "used": max(0, int(kept[WARMUP]["used"]) - count)}
    return kept


def used(windows: Mapping[str, Any], now: datetime) -> dict[str, int]:
    """What is counted in each window at `now`, for a person to read."""
    at = now.timestamp()
    told = {
        name: sum(_counted(windows[name], window, at).values()) for name, window in WINDOWS.items() if name in windows
    }
    if WARMUP in windows:
        told[WARMUP] = int(windows[WARMUP]["used"])
    return told


def warm_up(ramp: Sequence[int], since: datetime | None, now: datetime) -> tuple[int, int | None]:
    """The warm-up's day (0 is the first) and what it allows on it; None: the ramp is over, or there is none.

    Its days are 24 hours long and begin with the first mail; one that was set back stays on its first day.
    """
    if not ramp:
        return 0, None
    day = 0 if since is None else max(0, (now - since) // timedelta(days=1))
    return day, ramp[day] if day < len(ramp) else None


def share_slots(
    slots: Mapping[str, Sequence[Any]], worker: str, wanted: int, busy: int, limit: int, now: datetime, hold: timedelta
) -> tuple[dict[str, Any], int]:
    """Who may have how many of `limit` connections: {worker: [number, until]} afterwards, and how many this one may.

    Alone it may have all; beside others no more than an equal share, once they have let go of theirs. `busy` are those
    that it has in use now: until they end they count. Slots held for longer than a hold lasts were taken under a clock
    that has been set back since: whoever is still there takes them anew.
    """
    at, longest = now.timestamp(), 2 * hold.total_seconds()
    live = {name: list(kept) for name, kept in slots.items() if at < kept[1] <= at + longest and name != worker}
    names = sorted([*live, worker])
    number = names.index(worker)
    fair = limit // len(names) + (number < limit % len(names))
    free = max(0, limit - sum(int(kept[0]) for kept in live.values()))
    mine = min(wanted, free, fair)
    live[worker] = [max(mine, busy), at + hold.total_seconds()]
    return live, mine


def _counted(kept: Any, window: _Window, at: float) -> dict[int, int]:
    """The slots that still count. What lies ahead was counted before the clock was set back: it counts as just now."""
    number = int(at // window.slot)
    slots: dict[int, int] = {}
    for slot, count in kept or ():
        if slot > number - window.slots - 2:
            slots[min(int(slot), number)] = slots.get(min(int(slot), number), 0) + int(count)
    return slots


def _next_instant(kept: Any, at: float) -> float:
    if kept is None:
        return at
    if kept > at + AHEAD_SECONDS + LONGEST_DOUBT:
        return at + AHEAD_SECONDS + 1 + LATE_SECONDS  # behind what was taken ahead and may not have left yet
    return max(at, float(kept))


def _warm(kept: Any, limits: Limits) -> int:
    """What this day of the warm-up, or a later one under a clock that was set back since, has used."""
    return int(kept["used"]) if kept and kept["day"] >= limits.warmup_day else 0


def _more_at(made: Mapping[str, Any], name: str, limits: Limits, at: float) -> float:
    """When this limit leaves room for one more."""
    if name == SECOND:
        return max(at, float(made[SECOND]) - AHEAD_SECONDS)
    if name == WARMUP:
        return at + 3600.0
    window, limit = WINDOWS[name], getattr(limits, name)
    total = sum(count for _, count in made[name])
    for slot, count in made[name]:
        total -= count
        if total < limit:
            return float((slot + window.slots + 2) * window.slot)
    return at + window.seconds


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
