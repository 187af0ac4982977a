"""A carrier: a light process that renders and speaks SMTP for the desk. `python -m outreach.work.carrier FD PARENT`.

Law: no database and no table is loaded here. No dot leaves without a leave that the desk gave after its commit and
that still stands. The end of the pipe is the end of the desk: then every connection is dropped as it is (RELIABILITY
I2, I4), and the kernel ends us too should we not see it.
"""

from __future__ import annotations

import gc
import os
import pickle
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import starmap
from pathlib import Path

from ..errors import OutreachError, RelayError
from ..wire.waits import Steps
from ..workdays import utc_now
from .jobs import Job, Report
from .kin import RUBBISH, follow, leave_now
from .lines import Lines, end_lines
from .loop import Loop
from .pipe import VERSION, Garbled, Message, Pipe
from .presence import Hand
from .pressroom import PressRoom
from .tray import Tray

BEAT_SECONDS = 1.0


class _Carrying:
    """The state of this process, moved by the desk's messages."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._loop = Loop()
        self._tray = Tray(self._loop, self._say, self._troubled)
        self._lines: list[Lines] = []
        self._loop.listen(pipe.fileno(), self._listen)
        self._loop.after = self._tray.flush
        self._loop.spare = lambda: any(lines.render_ahead() for lines in self._lines)

    def turn(self, seconds: float) -> None:
        """Do what there is to do, waiting at most so long for it."""
        self._loop.turn(seconds)

    def _say(self, intents: Sequence[int], reports: Sequence[Report]) -> None:
        self._pipe.send(("said", intents, [report.plain() for report in reports]))

    def _troubled(self, trouble: Exception) -> None:
        tell(self._pipe, trouble)

    def _listen(self) -> None:
        for message in self._pipe.receive():
            self._hear(message)

    def _hear(self, message: Message) -> None:
        match message:
            case ("carry", jobs):
                for made in starmap(Job, jobs):
                    self._lines[made.relay].put(made)
            case ("answer", leave, granted, refused):
                self._tray.answer(leave, granted, refused)
            case ("begin", version, targets, presence, slot, ahead):
                self._begin(version, targets, Path(presence), slot, timedelta(seconds=ahead))
            case ("learn", edition_id, press):
                self._room.learn(edition_id, pickle.loads(press))  # noqa: S301  from the process that started us
            case ("forget", edition_id):
                self._room.forget(edition_id)
            case ("recall", relay):
                for lines in self._lines if relay is None else [self._lines[relay]]:
                    lines.recall()
            case ("end", seconds):
                self._loop.start(self._end(seconds))
            case _:
                raise Garbled(f"nobody knows what {str(message[0])[:40]!r} means")

    def _begin(self, version: str, targets: bytes, presence: Path, slot: int, ahead: timedelta) -> None:
        self._pipe.send(("ready", VERSION))
        if version != VERSION:
            raise Garbled(f"the desk is {version}, this is {VERSION}")
        self._room = PressRoom(Hand(presence, slot), lambda: utc_now() + ahead)
        shares = pickle.loads(targets)  # noqa: S301  from the process that started us
        alone = len(shares) == 1
        for target, share in shares:
            lines = Lines(target.prepared(), share, self._room, self._tray, self._loop, alone=alone)
            self._lines.append(lines)
            lines.start()

    def _end(self, seconds: float) -> Steps[None]:
        yield from end_lines(self._lines, seconds)
        self._tray.hurry()
        self._tray.flush()
        self._pipe.send(("bye",))
        leave_now()


def tell(pipe: Pipe, wrong: Exception) -> None:
    """Let the desk say what went wrong here."""
    if isinstance(wrong, OutreachError):
        relay = (wrong.reason, wrong.mend) if isinstance(wrong, RelayError) else None
        pipe.send(("trouble", wrong.message, wrong.remedy, relay))
    else:
        pipe.send(("trouble", f"a sending process failed: {type(wrong).__name__}: {wrong}", "", None))


def main() -> None:
    """Carry until the desk says that it is over, or is gone."""
    follow(int(sys.argv[2]))
    gc.set_threshold(*RUBBISH)
    pipe = Pipe(socket.socket(fileno=int(sys.argv[1])))
    carrying = _Carrying(pipe)
    beaten = time.monotonic()
    try:
        while True:
            carrying.turn(BEAT_SECONDS)
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
