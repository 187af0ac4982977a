"""A carrier: a light process that renders and speaks SMTP for the desk. `python -m outreach.work.carrier FD PARENT`.

Law: no database and no table is loaded here. No dot leaves without a leave that the desk gave after its commit and
that still stands. The end of the pipe is the end of the desk: then every connection is dropped as it is (RELIABILITY
I2, I4), and the kernel ends us too should we not see it.
"""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

from ..errors import OutreachError, RelayError
from ..workdays import utc_now
from .jobs import Job, Reader, Report
from .lines import Lines, end_all
from .pipe import VERSION, Garbled, Message, Pipe
from .presence import Hand
from .pressroom import PressRoom

BEAT_SECONDS = 1.0
FLUSH_SECONDS = 0.05
"""So late may a report be told, where no intent takes it along."""
PR_SET_PDEATHSIG = 1
RUBBISH = 20_000, 20, 20
"""After so many new objects Python looks for cycles among them; a mail makes thousands and hardly ever a cycle."""


class PipePost:
    """The desk as the lines see it from here."""

    broken = False

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._order = threading.Lock()
        self._reports: list[tuple[Any, ...]] = []
        self._intents: list[int] = []
        self._waiting: dict[int, tuple[threading.Lock, list[float]]] = {}

    def intend(self, job: Job) -> Callable[[], float]:
        """Ask the desk; what is returned waits for its answer."""
        told, leave = threading.Lock(), [0.0]
        told.acquire()
        with self._order:
            self._waiting[job.id] = told, leave
            self._intents.append(job.id)
        self._say()

        def wait() -> float:
            told.acquire()
            return leave[0]

        return wait

    def record(self, report: Report) -> None:
        """Have it told with the next intent of any line, or by `flush`: so a mail is one message and not two."""
        with self._order:
            self._reports.append(report.plain())

    def flush(self) -> None:
        """Tell what is not yet told."""
        if self._reports:
            self._say()

    def _say(self) -> None:
        with self._order:  # a report goes before, or with, the next intent of its line
            intents, self._intents = self._intents, []
            reports, self._reports = self._reports, []
            if not (intents or reports):
                return
            self._pipe.put(("said", intents, reports))
        self._send()

    def troubled(self, trouble: Exception) -> None:
        """Let the desk say what went wrong here."""
        with suppress(OSError):
            tell(self._pipe, trouble)

    def answer(self, leave: float, granted: list[int], refused: list[int]) -> None:
        """What the desk said to our intents."""
        for ids, value in ((granted, leave), (refused, 0.0)):
            for one in ids:
                told, kept = self._waiting.pop(one)
                kept[0] = value
                told.release()

    def _send(self) -> None:
        try:
            self._pipe.send()
        except OSError:
            leave_now()


class _Carrying:
    """The state of this process, moved by the desk's messages."""

    def __init__(self, pipe: Pipe, begin: Message) -> None:
        _, version, targets, presence, slot, ahead = begin
        self._pipe = pipe
        pipe.send(("ready", VERSION))
        if version != VERSION:
            raise Garbled(f"the desk is {version}, this is {VERSION}")
        self._post = PipePost(pipe)
        between = timedelta(seconds=ahead)
        self._room = PressRoom(Hand(Path(presence), slot), lambda: utc_now() + between)
        shares = pickle.loads(targets)  # noqa: S301  from the process that started us
        alone = len(shares) == 1
        self._lines = [Lines(target.prepared(), share, self._room, self._post, alone=alone) for target, share in shares]
        for lines in self._lines:
            lines.start()

    def hear(self, message: Message) -> None:
        """Do what the desk says."""
        match message:
            case ("carry", jobs):
                for job in jobs:
                    made = _job(job)
                    self._lines[made.relay].put(made)
            case ("answer", leave, granted, refused):
                self._post.answer(leave, granted, refused)
            case ("learn", edition_id, press):
                self._room.learn(edition_id, pickle.loads(press))  # noqa: S301
            case ("forget", edition_id):
                self._room.forget(edition_id)
            case ("recall", relay):
                for lines in self._lines if relay is None else [self._lines[relay]]:
                    lines.recall()
            case ("end", seconds):
                threading.Thread(target=self._end, args=(seconds,), daemon=True).start()
            case _:
                raise Garbled(f"nobody knows what {str(message[0])[:40]!r} means")

    def flush(self) -> None:
        """Tell the desk what it has not been told."""
        self._post.flush()

    def _end(self, seconds: float) -> None:
        end_all(self._lines, seconds)
        self._post.flush()
        with suppress(OSError):
            self._pipe.send(("bye",))
        leave_now()


def tell(pipe: Pipe, wrong: Exception) -> None:
    """Let the desk say what went wrong here."""
    if isinstance(wrong, OutreachError):
        relay = (wrong.reason, wrong.mend) if isinstance(wrong, RelayError) else None
        pipe.send(("trouble", wrong.message, wrong.remedy, relay))
    else:
        pipe.send(("trouble", f"a sending process failed: {type(wrong).__name__}: {wrong}", "", None))


def leave_now() -> NoReturn:
    """End this process without another word to anybody: the kernel closes the connections, no dot follows."""
    os._exit(0)


def _job(plain: tuple[Any, ...]) -> Job:
    number, public_id, edition_id, reader, choices, relay = plain
    return Job(number, public_id, edition_id, None if reader is None else Reader(*reader), choices, relay)


def _follow(parent: int) -> None:
    """Signals are the desk's affair; where the kernel can, it ends us with the desk."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        leave_now()


def main() -> None:
    """Carry until the desk says that it is over, or is gone."""
    _follow(int(sys.argv[2]))
    sys.setswitchinterval(0.01)
    gc.set_threshold(*RUBBISH)
    pipe = Pipe(socket.socket(fileno=int(sys.argv[1])))
    carrying: _Carrying | None = None
    beaten = time.monotonic()
    try:
        while True:
            for message in pipe.receive(FLUSH_SECONDS):
                if carrying is None:
                    carrying = _Carrying(pipe, message)
                else:
                    carrying.hear(message)
            if carrying is not None:
                carrying.flush()
            if time.monotonic() - beaten >= BEAT_SECONDS:
                beaten = time.monotonic()
                pipe.send(("beat",))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        leave_now()
    except Exception as wrong:
        with suppress(OSError):
            tell(pipe, wrong)
        os._exit(1)


if __name__ == "__main__":
    main()
