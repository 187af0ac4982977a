"""Which of the judged mails goes next and over which relay: the relays' rules and the domains' rules together.

Law: a mail that must wait for its domain goes back into the queue with the reason and the time, and never holds up the
mail behind it; one that no relay may take now stays where it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from ..errors import RelayError
from ..records import BreakerState, DeliveryEvent
from ..store.moves import Move, release
from ..store.outbox import Claimed
from .bounds import Bounds, Off
from .jobs import Job, Report, ticks
from .relays import DOMAIN_LIMIT
from .ways import Ways

BLOCKED_SECONDS = 1.0
"""Where only mails are left whose domains keep all their connections busy, others are claimed after so long."""
Pair = tuple[Claimed, Job]


class Picked(NamedTuple):
    """What goes now, what is left for later, and what waits for its domain."""

    now: list[Pair]
    left: list[Pair]
    off: list[Move]


class Traffic:
    """The rules of one run of sending. `heard` may be called from any thread, all else from one."""

    def __init__(self, ways: Ways, bounds: Bounds) -> None:
        self._ways, self._bounds = ways, bounds
        self._blocked_since: float | None = None

    @property
    def simple(self) -> bool:
        """Whether there is nothing to decide: one relay that works, without limits, and no domain with a rule."""
        first = self._ways.ways[0]
        limited = self._ways.several or self._ways.limited or self._bounds.any
        return not limited and first.health.breaker is BreakerState.CLOSED

    @property
    def tight(self) -> bool:
        """Whether each mail that is done may let another one go."""
        return self._bounds.any or any(way.paced for way in self._ways.ways)

    def paced(self, relay: int) -> bool:
        """Whether a carrier may hold no more jobs for this relay than it can carry at once."""
        return self._ways.ways[relay].paced

    def look(self, *, last: bool = False) -> None:
        """Hear what other processes found out, and tell what we did."""
        self._ways.look(last=last)
        self._bounds.look(last=last)

    def rested(self) -> list[int]:
        """Relays whose breaker has opened since this was asked last."""
        found, self._ways.rested = self._ways.rested, []
        return found

    def trouble(self) -> RelayError | None:
        """Why nothing can be sent, where no relay is left."""
        return self._ways.trouble()

    def failed(self, trouble: RelayError) -> None:
        """The lines to the only relay have lost patience."""
        self._ways.failed(trouble)

    def full_until(self) -> datetime | None:
        """When there is room again, where the relays' limits leave none for a long while."""
        return self._ways.full_until()

    def back_at(self, now: datetime) -> datetime | None:
        """When mail that waits for its domain may go, where that is soon."""
        return self._bounds.back_at(now)

    def pick(self, left: Sequence[Pair], free: int, has_room: Callable[[int], bool], take: Callable[[int], None],
             in_hand: Sequence[int]) -> Picked:  # fmt: skip
        """Choose at most `free` of these for a carrier that has room for a relay's; `take` counts it as taken."""
        if self.simple:
            return Picked([(row, job) for row, job in left[:free]], list(left[free:]), [])
        picked = Picked([], [], [])
        relay: int | None = None
        for place, (row, job) in enumerate(left):
            if relay is None and len(picked.now) < free:
                relay = self._ways.choose(has_room, in_hand, len(left) - place)
            if relay is None:
                picked.left.extend(left[place:])
                break
            verdict = self._bounds.verdict(row)
            if verdict is True:
                take(relay)
                picked.now.append((row, job._replace(relay=relay)))
                relay = None
            elif verdict is False:
                picked.left.append((row, job))
            else:
                assert isinstance(verdict, Off)
                picked.off.append(_put_off(row, verdict))
        if relay is not None:
            self._ways.unuse(relay)
        return self._unblocked(picked, reached_end=relay is not None)

    def _unblocked(self, picked: Picked, *, reached_end: bool) -> Picked:
        """Put off what is left where for some time nothing but its own domains' connections has held it up."""
        if not picked.left or not reached_end or picked.now:
            self._blocked_since = None if not reached_end else self._blocked_since
            return picked
        now = time.monotonic()
        if self._blocked_since is None:
            self._blocked_since = now
        if now - self._blocked_since < BLOCKED_SECONDS:
            return picked
        self._blocked_since = None
        rows = [row for row, _ in picked.left]
        offs = self._bounds.blocked(rows, BLOCKED_SECONDS)
        return Picked([], [], picked.off + [_put_off(row, off) for row, off in zip(rows, offs, strict=True)])

    def heard(self, told: Sequence[tuple[Claimed, Report]]) -> None:
        """What became of these mails, in order. That a relay does well is as good as told once until it does not."""
        well = set[int]()
        for _, report in told:
            if report.event is not DeliveryEvent.ACCEPTED:
                well.discard(report.relay)
                self._ways.heard(report)
            elif report.relay not in well:
                well.add(report.relay)
                self._ways.heard(report)
        self._bounds.heard(told)

    def lost(self, rows: Sequence[Claimed]) -> None:
        """These are with no carrier any more, and nobody will report of them."""
        self._bounds.lost(rows)

    def ready_in(self, asked: float) -> float:
        """After how many seconds something may go that might not at `asked` (ticks), as far as that is known."""
        return max(0.0, self._ways.ready_at(asked) - ticks())


def _put_off(row: Claimed, off: Off) -> Move:
    return release(row, reason=DOMAIN_LIMIT, evidence=off.words, next_at=off.until)
