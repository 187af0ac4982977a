"""What recipients' domains bear: their rates and connections, and how they slow us down and recover.

Law: a domain at its limit never holds up another one: its mails go back into the queue with the reason and the time.
What is decided stands in `timing`, what is shared in `store.pace`; a domain without a rule costs one look into a table.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlmodel import Session

from ..records import Customer, DeliveryEvent
from ..settings import DomainLimits
from ..store.outbox import Claimed
from ..store.pace import (
    DOMAIN,
    PaceRow,
    hold_slots,
    return_permits,
    slow_down,
    speed_up,
    take_permits,
    troubled_domains,
)
from ..timing.pace import Limits
from .jobs import Report, ticks
from .relays import KEY_OF_OTHERS, domain_limits, group_label, limits_by_key
from .workspace import Workspace

LOOK_SECONDS = 1.0
STEP_SECONDS, LONG_STEP_SECONDS = 5.0, 60.0
"""A limit a minute is used in twelfths and one an hour in sixtieths: a domain gets its mail evenly."""
SOON = timedelta(minutes=2)
"""For a domain that takes more within this time a person's send waits."""


class Off(NamedTuple):
    """Not now: why, in words, and from when on."""

    words: str
    until: datetime


@dataclass
class _Domain:
    """What this process has in hand for one domain, or a group of them. Times are in ticks."""

    key: str
    given: DomainLimits | None
    row: PaceRow | None = None
    label: str = ""
    permits: int = 0
    taken_at: datetime | None = None
    until: float = 0.0
    ask_at: float = 0.0
    tail: datetime | None = None
    in_hand: int = 0
    slots: int = 0
    slots_at: float = 0.0
    wanted_at: float = 0.0
    took: bool = False
    slowed: list[tuple[Claimed, str]] = field(default_factory=list)


class Bounds:
    """All domains with a rule. `verdict` and `look` belong to one thread, `heard` to any."""

    def __init__(self, workspace: Workspace, worker: str) -> None:
        self._workspace, self._worker = workspace, worker
        self._groups = limits_by_key(workspace)
        self._domains: dict[str, _Domain] = {}
        self._troubled: dict[str, PaceRow] = {}
        self._borne: tuple[Counter[str], Counter[str]] = Counter(), Counter()
        self._minute = ticks()
        self._looked = float("-inf")
        self._lock = threading.Lock()
        self._urgent = False
        self._seconds: set[int] = set()

    @property
    def any(self) -> bool:
        """Whether there is a rule for any domain now."""
        return bool(self._groups or self._troubled)

    def look(self, *, last: bool = False) -> None:
        """Once a second: write down which domains slowed us down or took mail, read what other processes found."""
        now = ticks()
        if not (last or self._urgent) and now - self._looked < LOOK_SECONDS:
            return
        self._looked, self._urgent = now, False
        if now - self._minute >= 60:
            self._borne, self._minute = (Counter(), self._borne[0]), now
        for domain in list(self._domains.values()):
            self._tell(domain)
            if domain.permits and (last or now >= domain.until):
                self._give_back(domain)
            if domain.given is not None and domain.given.connections and (domain.slots or domain.in_hand):
                idle = last or now - domain.wanted_at > STEP_SECONDS
                self._renew(domain, wanted=0 if idle else domain.given.connections)
        if last:
            return
        with self._workspace.database.read() as session:
            self._troubled = troubled_domains(session, self._workspace.clock())
        for domain in self._domains.values():
            domain.row = self._troubled.get(domain.key)

    def _tell(self, domain: _Domain) -> None:
        with self._lock:
            slowed, domain.slowed = domain.slowed, []
            took, domain.took = domain.took and domain.row is not None and not slowed, False
        if not slowed and not took:
            return
        now = self._workspace.clock()
        with self._workspace.database.write() as session:
            if took:
                speed_up(session, DOMAIN + domain.key, now)
                return
            row, words = slowed[-1]
            domain.label = domain.label or self._label(session, row)
            borne = sum(counter[domain.key] for counter in self._borne)
            slow_down(session, DOMAIN + domain.key, domain.label, words, borne, now)

    def _label(self, session: Session, row: Claimed) -> str:
        customer = session.get(Customer, row.customer_id) if row.customer_id is not None else None
        name = (customer.address or "").rpartition("@")[2] if customer is not None else ""
        return group_label(self._workspace.settings, name) if name else ""

    def verdict(self, row: Claimed) -> Off | bool:
        """True: it may go, and counts as gone; False: not before another one has come back; else when."""
        own = row.domain_key
        domain = self._domain(own)
        if domain is None:
            return True
        now, clock = ticks(), self._workspace.clock()
        for rests in (self._troubled.get(own), domain.row):
            if rests is not None and rests.paused_until is not None and rests.paused_until > clock:
                return self._off(Off(f"{rests.label or 'its domain'} is paused: {rests.reason}", rests.paused_until))
        if domain.given is not None and domain.given.connections and not self._slot(domain):
            return False
        limits = self._limits(domain)
        if limits.any:
            if domain.permits and now >= domain.until:
                self._give_back(domain)
            if not domain.permits and now >= domain.ask_at:
                self._take(domain, limits, now, clock)
            if not domain.permits:
                return self._off(Off(f"waits for {self.name(domain)} limit", self._turn(domain, limits, now, clock)))
            domain.permits -= 1
        with self._lock:
            domain.in_hand += 1
        return True

    def name(self, domain: _Domain) -> str:
        """How the domain's limit is called to a person."""
        label = domain.label or (domain.row.label if domain.row is not None else "")
        if not label and domain.given is not None and domain.given.names != (KEY_OF_OTHERS,):
            label = ", ".join(domain.given.names)
        return f"{label}'s" if label else "its domain's"

    def blocked(self, rows: Sequence[Claimed], seconds: float) -> list[Off]:
        """When rows may be tried again whose domains kept all their connections busy for `seconds`."""
        clock = self._workspace.clock()
        offs = []
        for number, row in enumerate(rows):
            domain = self._domain(row.domain_key)
            words = f"waits for a connection to {self.name(domain).removesuffix(chr(39) + 's')}" if domain else ""
            until = clock + timedelta(seconds=2 * seconds + number * seconds / max(1, domain.slots if domain else 1))
            offs.append(self._off(Off(words, until)))
        return offs

    def _off(self, off: Off) -> Off:
        if off.until <= self._workspace.clock() + SOON:
            self._seconds.add(math.ceil(off.until.timestamp()))
        return off

    def back_at(self, now: datetime) -> datetime | None:
        """When the next of those that were put off for a short while comes back; None where none is left."""
        self._seconds = {second for second in self._seconds if second > now.timestamp()}
        return datetime.fromtimestamp(min(self._seconds), UTC) if self._seconds else None

    def _domain(self, own: str) -> _Domain | None:
        key, given = self._groups.get(own) or self._groups.get(KEY_OF_OTHERS) or (own, None)
        if key == KEY_OF_OTHERS:
            key = own
        if not own or (given is None and own not in self._troubled):
            return None
        if key not in self._domains:
            self._domains[key] = _Domain(key, given, self._troubled.get(key))
        return self._domains[key]

    def _limits(self, domain: _Domain) -> Limits:
        row = domain.row
        return domain_limits(domain.given, row.factor if row else 1.0, row.base if row else 0)

    def _take(self, domain: _Domain, limits: Limits, now: float, clock: datetime) -> None:
        step, part = (
            (STEP_SECONDS, -(-limits.minute // 12)) if limits.minute else (LONG_STEP_SECONDS, -(-limits.hour // 60))
        )
        with self._workspace.database.write() as session:
            granted = take_permits(session, DOMAIN + domain.key, limits, part, clock)
        domain.permits, domain.taken_at = granted.count, clock
        domain.until = now + (granted.until - clock).total_seconds()
        domain.ask_at, domain.tail = now + step, None
        if granted.more_at is not None and not granted.count:
            domain.ask_at = now + max(0.5, (granted.more_at - clock).total_seconds())

    def _turn(self, domain: _Domain, limits: Limits, now: float, clock: datetime) -> datetime:
        """When it is the turn of one more that waits: one after the other, at the domain's pace."""
        gap = max(60 / limits.minute if limits.minute else 0.0, 3600 / limits.hour if limits.hour else 0.0)
        soonest = clock + timedelta(seconds=max(0.0, domain.ask_at - now))
        domain.tail = max(soonest, domain.tail + timedelta(seconds=gap)) if domain.tail is not None else soonest
        return domain.tail

    def _give_back(self, domain: _Domain) -> None:
        count, domain.permits = domain.permits, 0
        if count and domain.taken_at is not None:
            domain.ask_at = 0.0
            with self._workspace.database.write() as session:
                return_permits(session, DOMAIN + domain.key, count, domain.taken_at, self._workspace.clock())

    def _slot(self, domain: _Domain) -> bool:
        domain.wanted_at = ticks()
        if not domain.slots and domain.given is not None and domain.wanted_at >= domain.slots_at:
            self._renew(domain, wanted=domain.given.connections)
        return domain.in_hand < domain.slots

    def _renew(self, domain: _Domain, *, wanted: int) -> None:
        assert domain.given is not None
        domain.slots_at = ticks() + LOOK_SECONDS
        with self._workspace.database.write() as session:
            domain.slots = hold_slots(
                session,
                DOMAIN + domain.key,
                self._worker,
                wanted=wanted,
                busy=domain.in_hand,
                limit=domain.given.connections,
                now=self._workspace.clock(),
            )

    def lost(self, rows: Sequence[Claimed]) -> None:
        """These hold no connection any more, though nothing was heard of them."""
        with self._lock:
            for row in rows:
                domain = self._domains.get((self._groups.get(row.domain_key) or (row.domain_key,))[0])
                if domain is not None:
                    domain.in_hand = max(0, domain.in_hand - 1)

    def heard(self, told: Sequence[tuple[Claimed, Report]]) -> None:
        """What became of mails that `verdict` let go, and what that says of their domains."""
        with self._lock:
            for row, report in told:
                accepted = report.event is DeliveryEvent.ACCEPTED
                if self._domains or accepted or report.slows:
                    self._heard(row, report, accepted=accepted)

    def _heard(self, row: Claimed, report: Report, *, accepted: bool) -> None:
        key = (self._groups.get(row.domain_key) or (row.domain_key, None))[0]
        domain = self._domains.get(key)
        if domain is not None:
            domain.in_hand = max(0, domain.in_hand - 1)
            domain.took = domain.took or accepted
        if accepted:
            self._borne[0][key] += 1
        if report.slows and row.domain_key:
            if domain is None:
                given = (self._groups.get(row.domain_key) or self._groups.get(KEY_OF_OTHERS) or (key, None))[1]
                domain = self._domains[key] = _Domain(key, given)
            domain.slowed.append((row, report.words))
            domain.permits, domain.ask_at = 0, ticks() + LOOK_SECONDS
            self._urgent = True
