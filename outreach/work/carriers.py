"""Who carries: lines in this process, or a light child process with its share of the connections.

Law: a carrier holds jobs and no database. One that ends without having said so is dead: `Dispatch.tend` settles what
it held. Children ignore signals and follow the desk; when the desk is gone they leave without another dot.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple, Protocol

from ..errors import OutreachError, RelayError
from ..store.outbox import Claimed
from ..wire.target import RelayTarget
from ..wire.waits import Steps
from .jobs import Job, Press, Report, read_report
from .kin import environment
from .lines import Lines, end_lines
from .loop import Answer, Loop
from .pipe import VERSION, Garbled, Message, Pipe
from .presence import Presence
from .pressroom import PressRoom
from .tray import Tray

GRACE_SECONDS = 5.0
"""So much longer than its own deadline may a carrier take to end before it is killed."""


class Held(NamedTuple):
    """A delivery whose job a carrier has, and the relay that was chosen for it."""

    row: Claimed
    relay: int


class Desk(Protocol):
    """What a carrier tells the desk, from whichever thread."""

    @property
    def broken(self) -> bool: ...
    def take_in(self, carrier: Carrier, ids: Sequence[int], reports: Sequence[Report]) -> None: ...
    def troubled(self, trouble: Exception) -> None: ...
    def wake(self) -> None: ...


class Carrier(ABC):
    """What the desk knows of one carrier: `shares` are its connections to each relay.

    `held` are the deliveries whose jobs it has, `load` how many of them for each relay; only `Dispatch` changes them.
    """

    def __init__(self, shares: Sequence[int], slot: int) -> None:
        self.held: dict[int, Held] = {}
        self.shares, self.load = shares, [0] * len(shares)
        self.connections, self.slot = sum(shares), slot
        self.dead = False
        self.editions: dict[int, int] = {}

    @abstractmethod
    def learn(self, edition_id: int, press: Press) -> None:
        """Be ready for jobs of this edition."""

    @abstractmethod
    def forget(self, edition_id: int) -> None:
        """No job of this edition is left."""

    @abstractmethod
    def give(self, jobs: Sequence[Job]) -> None:
        """Take these jobs; never waits."""

    @abstractmethod
    def answer(self, ids: Sequence[int], granted: set[int], leave: float) -> None:
        """The intents of these deliveries were committed, or refused."""

    @abstractmethod
    def recall(self, relay: int | None = None) -> None:
        """Give back what is not begun, all of it or what was to go over this relay."""

    @abstractmethod
    def end(self, seconds: float) -> None:
        """Begin to finish what is in the air; `wait` sees the end of it."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Until all is reported, or the carrier is dead."""


class OwnLines(Carrier):
    """Lines in a thread of the desk's own process: for small sends, and where there is one core."""

    def __init__(self, desk: Desk, targets: Sequence[RelayTarget], shares: Sequence[int], room: PressRoom) -> None:
        super().__init__(shares, 0)
        self._desk, self._room, self._loop = desk, room, Loop()
        self._tray = Tray(self._loop, partial(desk.take_in, self), desk.troubled, lambda: desk.broken)
        pairs, alone = zip(targets, shares, strict=True), len(targets) == 1
        self._lines = [Lines(target, share, room, self._tray, self._loop, alone=alone) for target, share in pairs]
        self._loop.after = self._tray.flush
        self._loop.spare = lambda: any(lines.render_ahead() for lines in self._lines)
        self._ending: float | None = None
        for lines in self._lines:
            lines.start()
        self._life = self._loop.start(self._live())
        self._thread = threading.Thread(target=self._run, name="lines", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._loop.run()
        except Exception as wrong:  # the desk must not wait for lines that are gone
            self._desk.troubled(wrong)
            self._loop.close()

    def _live(self) -> Steps[None]:
        """Also lines that have stopped must give back what they are given, until the end is wanted."""
        while self._ending is None:
            yield Answer()
        yield from end_lines(self._lines, self._ending)
        self._tray.hurry()

    def learn(self, edition_id: int, press: Press) -> None:
        self._room.learn(edition_id, press)

    def forget(self, edition_id: int) -> None:
        self._room.forget(edition_id)

    def give(self, jobs: Sequence[Job]) -> None:
        def put() -> None:
            for job in jobs:
                self._lines[job.relay].put(job)

        self._loop.soon(put)

    def answer(self, ids: Sequence[int], granted: set[int], leave: float) -> None:
        yes = [one for one in ids if one in granted]
        no = [one for one in ids if one not in granted]
        self._loop.soon(lambda: self._tray.answer(leave, yes, no))

    def recall(self, relay: int | None = None) -> None:
        def give_back() -> None:
            for lines in self._lines if relay is None else [self._lines[relay]]:
                lines.recall()

        self._loop.soon(give_back)

    def end(self, seconds: float) -> None:
        def end() -> None:
            self._ending = seconds
            self._loop.wake(self._life)

        self._loop.soon(end)

    def wait(self, seconds: float) -> None:
        self._thread.join()


class Child(Carrier):
    """A carrier in a process of its own."""

    def __init__(
        self,
        desk: Desk,
        targets: Sequence[RelayTarget],
        shares: Sequence[int],
        presence: Presence,
        slot: int,
        ahead: float,
    ) -> None:
        super().__init__(shares, slot)
        self._desk = desk
        ours, theirs = socket.socketpair()
        self._pipe = Pipe(ours)
        self.heard = time.monotonic()
        self._said_bye = False
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "outreach.work.carrier", str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment(),
                start_new_session=True,  # Ctrl-C would come before it can ignore it
            )
        plain = pickle.dumps([(target.plain(), share) for target, share in zip(targets, shares, strict=True)])
        self._pipe.tell(("begin", VERSION, plain, str(presence.path), slot, ahead))
        self._thread = threading.Thread(target=self._listen, name=f"carrier-{slot}", daemon=True)
        self._thread.start()

    def learn(self, edition_id: int, press: Press) -> None:
        self._pipe.tell(("learn", edition_id, pickle.dumps(press)))

    def forget(self, edition_id: int) -> None:
        self._pipe.tell(("forget", edition_id))

    def give(self, jobs: Sequence[Job]) -> None:
        self._pipe.tell(("carry", [tuple(job) for job in jobs]))

    def answer(self, ids: Sequence[int], granted: set[int], leave: float) -> None:
        self._pipe.tell(
            ("answer", leave, [one for one in ids if one in granted], [one for one in ids if one not in granted])
        )

    def recall(self, relay: int | None = None) -> None:
        self._pipe.tell(("recall", relay))

    def end(self, seconds: float) -> None:
        self._pipe.tell(("end", seconds))

    def wait(self, seconds: float) -> None:
        self._thread.join(seconds + GRACE_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the process, also one that is stopped, and wait until it and our thread are gone."""
        if not self._said_bye:
            self.process.send_signal(signal.SIGKILL)
        try:
            self.process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._thread.join()
        self._pipe.close()

    def _listen(self) -> None:
        try:
            while not self._said_bye:
                ids: list[int] = []
                reports: list[Report] = []
                for message in self._pipe.receive():
                    if message[0] == "said":
                        _, asked, told = message
                        ids += asked
                        reports += map(read_report, told)
                    else:
                        self._hear(message)
                self.heard = time.monotonic()
                if ids or reports:
                    self._desk.take_in(self, ids, reports)
        except EOFError:
            pass
        except (Garbled, ValueError, TypeError, KeyError, OutreachError) as wrong:
            self.process.send_signal(signal.SIGKILL)
            words = wrong.message if isinstance(wrong, OutreachError) else f"{type(wrong).__name__}: {wrong}"
            self._desk.troubled(OutreachError(f"a sending process does not speak our language: {words}"))
        self.dead = not self._said_bye
        self._desk.wake()

    def _hear(self, message: Message) -> None:
        match message:
            case ("beat",):
                pass
            case ("ready", version):
                if version != VERSION:
                    raise Garbled(f"it is {version}, this is {VERSION}")
            case ("trouble", words, remedy, None):
                self._desk.troubled(OutreachError(words, remedy=remedy))
            case ("trouble", words, remedy, (reason, mend)):
                self._desk.troubled(RelayError(words, remedy=remedy, reason=reason, mend=mend))
            case ("bye",):
                self._said_bye = True
            case _:
                raise Garbled(f"nobody knows what {str(message[0])[:40]!r} means")
