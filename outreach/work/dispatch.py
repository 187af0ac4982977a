"""The one place where the desk decides which job goes next, to which carrier and over which relay.

Law: a job is held by one carrier at a time, and whatever a carrier says of a job that it does not hold is a fault. What
a dead carrier held is put in doubt or given back from what the database says, never from what we remember.

To add a rule of pace or a choice of relay: `choose` gives each job its relay, or None for "not now", and `room` says
how many jobs a carrier may hold; `on_report` sees every outcome as it comes in.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Protocol

from ..delivery.outcome import LADDER, next_attempt
from ..delivery.state import MOVES
from ..errors import OutreachError
from ..store.moves import Move
from ..store.outbox import Claimed
from ..store.workers import Reclaimed, reclaim
from ..wire.target import RelayTarget
from ..words import DeliveryEvent
from ..workdays import utc_now
from .carriers import Carrier, Child, Held, OwnLines
from .commit import Committer
from .jobs import Job, Press, Report
from .presence import Presence
from .pressroom import PressRoom
from .workspace import Workspace

PRESSES = 8
"""So many editions' presses are kept ready; each holds its compiled layout."""
LOOK_SECONDS = 0.2
AHEAD_SECONDS, MOST_AHEAD = 0.25, 200
"""A carrier holds what it carries in about this time, so that it need not wait for the next claim to be judged."""
SILENCE = 30.0
"""A carrier that shows no sign of life for so many seconds, or half a lease if that is shorter, is stopped or stuck."""
DEATHS = 5
"""So many carriers may die in a row, with nothing carried in between, before the send gives up."""
LOSSES = 3
"""After so many attempts that ended in a lost connection a mail waits as after a temporary refusal."""


class Dispatch:
    """All carriers, as a context; leaving it finishes what is in the air within a deadline and gives back the rest."""

    def __init__(
        self,
        workspace: Workspace,
        presence: Presence,
        committer: Committer,
        targets: Sequence[RelayTarget],
        connections: Sequence[int],
        processes: int,
        on_report: Callable[[Report], None] = lambda report: None,
    ) -> None:
        self.trouble: Exception | None = None
        self.lost = Reclaimed()
        self._workspace, self._presence, self._committer = workspace, presence, committer
        self._targets, self._connections, self._on_report = targets, connections, on_report
        self._processes = min(processes, *connections)
        self._wake = threading.Condition()
        self._carriers: list[Carrier] = []
        self._presses: OrderedDict[int, Press] = OrderedDict()
        self._reported = self._deaths = 0
        self._rate, self._measured = 0.0, (time.monotonic(), 0)
        self._looked = time.monotonic()

    def __enter__(self) -> Dispatch:
        if self._processes < 2:
            room = PressRoom(self._presence, self._workspace.clock)
            self._carriers = [OwnLines(self, self._targets, self._connections, room)]
        else:
            for slot in range(1, self._processes + 1):
                self._carriers.append(self._start(slot))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        seconds = self._workspace.settings.sending.stop_seconds
        for carrier in self._carriers:
            carrier.end(seconds)
        for carrier in self._carriers:
            carrier.wait(seconds)
        self._bury()

    def _start(self, slot: int) -> Child:
        shares = [_share(count, self._processes, slot - 1) for count in self._connections]
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
        with self._wake:
            self.trouble = self.trouble or trouble
            self._wake.notify_all()

    def take_in(self, carrier: Carrier, ids: Sequence[int], reports: Sequence[Report]) -> None:
        """What a carrier says: these jobs are ready for the dot, and this became of those."""
        with self._wake:
            if carrier.dead:
                return
            pairs = [(carrier.held.pop(report.job).row, report) for report in reports]
            for row, _ in pairs:
                carrier.editions[row.edition_id] -= 1
            intents: dict[str, list[Claimed]] = {}
            for held in map(carrier.held.__getitem__, ids):
                intents.setdefault(self._targets[held.relay].name, []).append(held.row)
            self._reported += len(pairs)
            if pairs and (self._hungry(carrier) or not carrier.held):
                self._wake.notify_all()
        now = self._workspace.clock()
        for _, report in pairs:
            self._on_report(report)
        ladder = self._workspace.settings.sending.retry_minutes
        moves = [moved(row, report, self._targets, now, ladder) for row, report in pairs]
        self._committer.hand_in(moves, intents, carrier.answer)
        if any(report.tried for _, report in pairs):
            self._deaths = 0

    def choose(self, job: Job) -> int | None:
        """The relay that this job goes over; None: not now."""
        return 0

    def room(self, carrier: Carrier) -> int:
        """How many jobs this carrier may hold."""
        share = self._rate * AHEAD_SECONDS / max(1, len(self._carriers))
        return max(2 * carrier.connections + 2, min(int(share), MOST_AHEAD))

    def put(
        self, press: Press, edition_id: int, jobs: Sequence[tuple[Claimed, Job]], stopping: Callable[[], bool]
    ) -> int:
        """Hand over these jobs of one edition, in order, waiting while the carriers are busy.

        Returns how many were handed over: fewer where `stopping`, trouble, or a string of refused intents came first.
        """
        self._keep(edition_id, press)
        done = 0
        while done < len(jobs) and not (stopping() or self.stopped or self._shut()):
            self.tend()
            for carrier in sorted(self._carriers, key=lambda each: len(each.held)):
                free = self.room(carrier) - len(carrier.held)
                if free > 0 and not carrier.dead:
                    self._give(carrier, edition_id, jobs[done : done + free])
                    done += len(jobs[done : done + free])
            if done < len(jobs):
                self._wait(lambda: any(map(self._hungry, self._carriers)))
        return done

    def _hungry(self, carrier: Carrier) -> bool:
        return 2 * len(carrier.held) <= self.room(carrier)

    def _give(self, carrier: Carrier, edition_id: int, jobs: Sequence[tuple[Claimed, Job]]) -> None:
        if not jobs:
            return
        chosen = [(row, job._replace(relay=self.choose(job) or 0)) for row, job in jobs]
        with self._wake:
            new = edition_id not in carrier.editions
            carrier.editions[edition_id] = carrier.editions.get(edition_id, 0) + len(chosen)
            carrier.held.update((row.id, Held(row, job.relay)) for row, job in chosen)
        if new:
            carrier.learn(edition_id, self._presses[edition_id])
        carrier.give([job for _, job in chosen])

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

    def _wait(self, until: Callable[[], bool]) -> None:
        with self._wake:
            self._wake.wait_for(
                lambda: until() or self.stopped or any(carrier.dead for carrier in self._carriers), LOOK_SECONDS
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
        """Settle what dead carriers held, start others in their place; end those that show no sign of life."""
        now = time.monotonic()
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
            self.troubled(OutreachError(words, remedy="Set processes = 1 in [sending], and report this."))
        elif not self.stopped:
            self._carriers[number] = self._start(dead.slot)

    def _settle_dead(self, dead: Carrier) -> None:
        """In doubt what had leave for its dot, back into the queue what had not; what it had in hand is a crash."""
        self._committer.flush()
        suspect = self._presence.left_in_hand(dead.slot)
        with self._wake:
            ids = list(dead.held)
            dead.held.clear()
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


class _Named(Protocol):
    @property
    def name(self) -> str: ...


def moved(
    row: Claimed, report: Report, relays: Sequence[_Named], now: datetime, ladder: Sequence[int] = LADDER
) -> Move:
    """The move that a report asks for; a lost connection gives the row back, a retry waits its time."""
    event, before = report.event, report.before
    if (before, event) not in MOVES:
        raise ValueError(f"a delivery that is {before} cannot be moved by {event}: {report.words}")
    if not report.tried:
        return Move(row, before, (event,), reason=report.reason, evidence=report.words)
    waits = event is DeliveryEvent.TEMPORARY or (event is DeliveryEvent.RELEASE and row.attempts >= LOSSES)
    answered = event in (DeliveryEvent.ACCEPTED, DeliveryEvent.TEMPORARY, DeliveryEvent.PERMANENT)
    accepted = event is DeliveryEvent.ACCEPTED
    return Move(
        row,
        before,
        (event,),
        reason="" if accepted else _REASONS[event],
        evidence="" if answered else report.words,
        response=report.words if answered else "",
        failure=None if accepted else report.failure,
        relay=relays[report.relay].name,
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
