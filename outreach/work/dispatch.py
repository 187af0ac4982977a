"""The one place where the desk decides which job goes next, to which carrier and over which relay.

Law: a job is held by one carrier at a time, and whatever a carrier says of a job that it does not hold is a fault. What
a dead carrier held is put in doubt or given back from what the database says, never from what we remember.

Which mail may go now, and over which relay, is asked of `work.traffic`, which also hears every report as it comes in;
`room` says how many jobs a carrier may hold, `cap` how many of them for one relay.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from types import TracebackType

from ..errors import OutreachError, RelayError
from ..store.moves import Move, release
from ..store.outbox import Claimed
from ..store.workers import Reclaimed, reclaim
from ..wire.target import RelayTarget
from ..workdays import utc_now
from .carriers import Carrier, Child, Held, OwnLines
from .commit import Committer
from .jobs import Job, Press, Report, ticks
from .kin import RUBBISH
from .moved import moved
from .presence import Presence
from .pressroom import PressRoom
from .traffic import Traffic
from .workspace import Workspace, check_may_send

PRESSES = 8
"""So many editions' presses are kept ready; each holds its compiled layout."""
OLD_SECONDS = 60.0
"""What was judged so long ago and still waits for its turn is claimed and judged anew."""
LOOK_SECONDS = 0.2
ASK_SECONDS = 0.5
"""So often is looked whether everything was paused meanwhile."""
AHEAD_SECONDS, MOST_AHEAD = 0.25, 200
"""A carrier holds what it carries in about this time, so that it need not wait for the next claim to be judged."""
SILENCE = 30.0
"""A carrier that shows no sign of life for so many seconds, or half a lease if that is shorter, is stopped or stuck."""
SWITCH_SECONDS = 0.0001
"""So soon the thread that judges lets the one that commits go on: all connections wait for a commit."""
DEATHS = 5
"""So many carriers may die in a row, with nothing carried in between, before the send gives up."""


class Dispatch:
    """All carriers, as a context; leaving it finishes what is in the air within a deadline and gives back the rest.

    `carriers` is how many processes carry beside this one; with 0 this one does.
    """

    def __init__(
        self,
        workspace: Workspace,
        presence: Presence,
        committer: Committer,
        targets: Sequence[RelayTarget],
        connections: Sequence[int],
        carriers: int,
        traffic: Traffic,
    ) -> None:
        self.trouble: Exception | None = None
        self.lost = Reclaimed()
        self._workspace, self._presence, self._committer = workspace, presence, committer
        self._targets, self._connections, self._traffic = targets, connections, traffic
        self._children = min(carriers, *connections)
        self._names = [target.name for target in targets]
        self._wake = threading.Condition()
        self._carriers: list[Carrier] = []
        self._before = sys.getswitchinterval()
        self._presses: OrderedDict[int, Press] = OrderedDict()
        self._reported = self._deaths = 0
        self._rate, self._measured = 0.0, (time.monotonic(), 0)
        self._looked = self._asked = time.monotonic()

    def __enter__(self) -> Dispatch:
        if not self._children:
            room = PressRoom(self._presence, self._workspace.clock)
            self._carriers = [OwnLines(self, self._targets, self._connections, room)]
        else:
            sys.setswitchinterval(SWITCH_SECONDS)
            gc.set_threshold(*RUBBISH)
            for slot in range(1, self._children + 1):
                self._carriers.append(self._start(slot))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = self._workspace.settings.sending.stop_seconds
        sys.setswitchinterval(self._before)
        for carrier in self._carriers:
            carrier.end(seconds)
        for carrier in self._carriers:
            carrier.wait(seconds)
        self._bury()
        with suppress(OutreachError):  # what it would tell can be found out again
            self._traffic.look(last=True)

    def _start(self, slot: int) -> Child:
        shares = [_share(count, self._children, slot - 1) for count in self._connections]
        ahead = (self._workspace.clock() - utc_now()).total_seconds()
        return Child(self, self._targets, shares, self._presence, slot, ahead)

    @property
    def stopped(self) -> bool:
        """Whether nothing more is sent: the relay is out of order, a commit failed, or the carriers die."""
        return self.trouble is not None or self._committer.broken

    @property
    def broken(self) -> bool:
        """Whether a commit has failed."""
        return self._committer.broken

    def wake(self) -> None:
        """Somebody should look: a carrier has ended."""
        with self._wake:
            self._wake.notify_all()

    def troubled(self, trouble: Exception) -> None:
        """A carrier cannot go on, and why; everybody stops."""
        if isinstance(trouble, RelayError):
            self._traffic.failed(trouble)
        self._stop(trouble)

    def _stop(self, trouble: Exception) -> None:
        with self._wake:
            self.trouble = self.trouble or trouble
            self._wake.notify_all()

    def full_until(self) -> datetime | None:
        """When the relays' limits leave room again, where they leave none for a long while."""
        return self._traffic.full_until()

    def take_in(self, carrier: Carrier, ids: Sequence[int], reports: Sequence[Report]) -> None:
        """What a carrier says: these jobs are ready for the dot, and this became of those."""
        with self._wake:
            if carrier.dead:
                return
            pairs = []
            for report in reports:
                row, relay = carrier.held.pop(report.job)
                carrier.editions[row.edition_id] -= 1
                carrier.load[relay] -= 1
                pairs.append((row, report))
            intents: dict[str, list[Claimed]] = {}
            for held in map(carrier.held.__getitem__, ids):
                intents.setdefault(self._names[held.relay], []).append(held.row)
            self._reported += len(pairs)
            if pairs and (self._traffic.tight or not carrier.held or self._hungry(carrier)):
                self._wake.notify_all()
        now, ladder = self._workspace.clock(), self._workspace.settings.sending.retry_minutes
        moves = [moved(row, report, self._names, now, ladder) for row, report in pairs]
        self._committer.hand_in(moves, intents, carrier.answer)  # first: every connection waits for it
        self._traffic.heard(pairs)
        if any(report.tried for _, report in pairs):
            self._deaths = 0

    def room(self, carrier: Carrier) -> int:
        """How many jobs this carrier may hold."""
        share = self._rate * AHEAD_SECONDS / max(1, len(self._carriers))
        return max(2 * carrier.connections + 2, min(int(share), MOST_AHEAD))

    def cap(self, carrier: Carrier, relay: int) -> int:
        """How many jobs for one relay this carrier may hold: what is slow must not keep the others from their work."""
        share = carrier.shares[relay]
        if self._traffic.paced(relay):
            return share
        return max(2 * share + 2, self.room(carrier) * share // max(1, carrier.connections))

    def put(
        self, press: Press, edition_id: int, jobs: Sequence[tuple[Claimed, Job]], stopping: Callable[[], bool]
    ) -> list[Move]:
        """Hand over these jobs of one edition, in order, waiting while carriers, relays or domains are busy.

        Returns what is to become of those that were not handed over: back into the queue where `stopping`, trouble, a
        used up limit or a string of refused intents came first, or where they were judged too long ago; or until the
        time at which their domain takes more.
        """
        self._keep(edition_id, press)
        left, off = list(jobs), list[Move]()
        old = time.monotonic() + OLD_SECONDS
        while left and not (stopping() or self.stopped or self._shut() or self.full_until() or time.monotonic() > old):
            self.tend()
            seen, before, asked = self._reported, len(left), ticks()
            for carrier in sorted(self._carriers, key=lambda each: len(each.held)):
                free = self.room(carrier) - len(carrier.held)
                if left and free > 0 and not carrier.dead:
                    left = self._give(carrier, edition_id, left, free, off)
            if left:
                tight = self._traffic.tight
                soon = min(LOOK_SECONDS, self._traffic.ready_in(asked)) if tight else LOOK_SECONDS
                self._wait(self._hungry_again(seen, idle=len(left) == before or tight), soon)
        return off + [release(row) for row, _ in left]

    def _hungry_again(self, seen: int, *, idle: bool) -> Callable[[], bool]:
        """What to wait for: any news since `seen` where nothing could go or each mail counts, else room enough."""
        return lambda: self._reported != seen if idle else any(map(self._hungry, self._carriers))

    def _hungry(self, carrier: Carrier) -> bool:
        if len(self._targets) == 1:
            return 2 * len(carrier.held) <= self.room(carrier)
        return any(2 * load <= self.cap(carrier, relay) for relay, load in enumerate(carrier.load))

    def _give(
        self, carrier: Carrier, edition_id: int, jobs: list[tuple[Claimed, Job]], free: int, off: list[Move]
    ) -> list[tuple[Claimed, Job]]:
        """Hand over up to `free` of these jobs; returns those that are left for later."""
        in_hand = [sum(each.load[relay] for each in self._carriers) for relay in range(len(self._targets))]

        def take(relay: int) -> None:
            in_hand[relay] += 1
            with self._wake:
                carrier.load[relay] += 1

        picked = self._traffic.pick(
            jobs, free, lambda relay: carrier.load[relay] < self.cap(carrier, relay), take, in_hand
        )
        off += picked.off
        if not picked.now:
            return picked.left
        with self._wake:
            new = edition_id not in carrier.editions
            carrier.editions[edition_id] = carrier.editions.get(edition_id, 0) + len(picked.now)
            carrier.held.update((row.id, Held(row, job.relay)) for row, job in picked.now)
        if new:
            carrier.learn(edition_id, self._presses[edition_id])
        carrier.give([job for _, job in picked.now])
        return picked.left

    def _keep(self, edition_id: int, press: Press) -> None:
        """Keep the presses used last; a carrier forgets one when no job of its edition is left there."""
        self._presses[edition_id] = press
        self._presses.move_to_end(edition_id)
        while len(self._presses) > PRESSES:
            self._presses.popitem(last=False)
        for carrier in self._carriers:
            if len(carrier.editions) > PRESSES:
                for old in [one for one, left in carrier.editions.items() if not left and one not in self._presses]:
                    del carrier.editions[old]
                    carrier.forget(old)

    def press_of(self, edition_id: int) -> Press | None:
        """An edition's press, where it is kept."""
        return self._presses.get(edition_id)

    def settle(self, stopping: Callable[[], bool]) -> None:
        """Wait until every job that was handed over has been reported, and written."""
        while any(carrier.held for carrier in self._carriers) and not (stopping() or self.stopped):
            self.tend()
            self._wait(lambda: not any(carrier.held for carrier in self._carriers))
        self._committer.flush()

    def wait_for_domains(self, stopping: Callable[[], bool]) -> bool:
        """Wait until mail that waits for its domain may go, where that is soon; False where there is none."""
        now = self._workspace.clock()
        at = self._traffic.back_at(now)
        while at is not None and now < at and not (stopping() or self.stopped):
            self.tend()
            self._wait(lambda: False, min(LOOK_SECONDS, (at - now).total_seconds()))
            now = self._workspace.clock()
        return at is not None

    def _wait(self, until: Callable[[], bool], seconds: float = LOOK_SECONDS) -> None:
        with self._wake:
            self._wake.wait_for(
                lambda: until() or self.stopped or any(carrier.dead for carrier in self._carriers), seconds
            )
        now, (before, reported) = time.monotonic(), self._measured
        if now - before >= 0.25:
            self._rate = (self._reported - reported) / (now - before)
            self._measured = now, self._reported

    def _shut(self) -> bool:
        """Whether intents are refused one after the other: what was judged is no longer so. All is given back."""
        if self._committer.refusals <= sum(self._connections):
            return False
        self._committer.refusals = 0
        for carrier in self._carriers:
            carrier.recall()
        return True

    def tend(self) -> None:
        """Settle what dead carriers held, start others in their place; end those that show no sign of life.

        Hear what other processes found out: raises NeedsPerson once everything is paused.
        """
        now = time.monotonic()
        if now - self._asked >= ASK_SECONDS:
            self._asked = now
            check_may_send(self._workspace)
        self._traffic.look()
        for relay in self._traffic.rested():
            for carrier in self._carriers:
                carrier.recall(relay)
        trouble = self._traffic.trouble()
        if trouble is not None:
            self._stop(trouble)
        silence = min(SILENCE, self._workspace.settings.sending.lease_seconds / 2)
        asleep, self._looked = now - self._looked > silence / 2, now
        for number, carrier in enumerate(self._carriers):
            if not isinstance(carrier, Child):
                continue
            if asleep:  # it was we who stood still
                carrier.heard = now
            if now - carrier.heard > silence:
                carrier.kill()
            if carrier.dead:
                self._replace(number, carrier)

    def _replace(self, number: int, dead: Child) -> None:
        dead.kill()
        self._settle_dead(dead)
        self._deaths += 1
        if self._deaths > DEATHS:
            words = f"the processes that carry mail die: the last one ended with {dead.process.returncode}"
            self._stop(OutreachError(words, remedy="Set processes = 1 in [sending], and report this."))
        elif not self.stopped:
            self._carriers[number] = self._start(dead.slot)

    def _settle_dead(self, dead: Carrier) -> None:
        """In doubt what had leave for its dot, back into the queue what had not; what it had in hand is a crash."""
        self._committer.flush()
        suspect = self._presence.left_in_hand(dead.slot)
        with self._wake:
            ids = list(dead.held)
            self._traffic.lost([held.row for held in dead.held.values()])
            dead.held.clear()
            dead.load = [0] * len(dead.shares)
        for start in range(0, len(ids), MOST_AHEAD):
            with self._workspace.database.write() as session:
                self.lost += reclaim(
                    session,
                    self._presence.name,
                    now=self._workspace.clock(),
                    suspects=(suspect,) if suspect else (),
                    max_crashes=self._workspace.settings.sending.max_crashes,
                    among=ids[start : start + MOST_AHEAD],
                )

    def _bury(self) -> None:
        """Settle what carriers held that died, or were killed, while we were leaving."""
        if not self._committer.broken:
            for carrier in self._carriers:
                if carrier.held:
                    self._settle_dead(carrier)


def _share(count: int, parts: int, part: int) -> int:
    return count // parts + (part < count % parts)
