"""A child process that does what it is told over a pipe: started, asked, heard and ended by its parent.

Law: nobody waits for a child without end, and none outlives its parent (`kin.follow`); what a child was asked and did
not answer is done by the parent. Both must be of one version (`pipe.VERSION`) before anything else is asked.
"""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import NoReturn

from .kin import environment, follow, leave_now
from .pipe import VERSION, Garbled, Message, Pipe

Heard = queue.SimpleQueue[tuple["Child", Message | None]]
"""What children said; None where one of them is gone."""
Answer = Callable[[Message], Message]
"""What a child says to what it was asked. Raises Garbled for what it does not know."""


class Child:
    """A process of `python -m MODULE FD PARENT`; `asked` is how much it has in hand. It may use these open `files`."""

    def __init__(self, module: str, begin: Message, heard: Heard, files: Sequence[int] = ()) -> None:
        self.ready, self.asked = False, 0
        self._heard = heard
        ours, theirs = socket.socketpair()
        self._pipe = Pipe(ours)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno(), *files],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment(),
                start_new_session=True,  # Ctrl-C would come before it can ignore it
            )
        self._pipe.tell(begin)
        self._thread = threading.Thread(target=self._listen, name=module.rpartition(".")[2], daemon=True)
        self._thread.start()

    @property
    def process_id(self) -> int:
        """The number that the system knows it by."""
        return self._process.pid

    def ask(self, message: Message) -> None:
        """Ask for something; the answer is heard."""
        self.asked += 1
        self._pipe.tell(message)

    def end(self) -> None:
        """It is needed no more; whatever it has in hand is nobody's loss."""
        self.kill()
        self._thread.join()
        self._pipe.close()

    def kill(self) -> None:
        """End the process, also one that is stopped."""
        self._process.kill()
        self._process.wait()

    def _listen(self) -> None:
        try:
            while True:
                for message in self._pipe.receive():
                    self._heard.put((self, message))
        except (EOFError, Garbled):
            self._heard.put((self, None))


def serve_parent(begin: Callable[..., Answer]) -> NoReturn:
    """In a child: answer what the parent asks until it is gone, or has no more use for us.

    `begin` is told what the parent's first message says behind the version, and gives what answers all others.
    """
    follow(int(sys.argv[2]))
    pipe = Pipe(socket.socket(fileno=int(sys.argv[1])))
    answer: Answer | None = None
    try:
        while True:
            for message in pipe.receive():
                match message:
                    case ("begin", version, *known):
                        pipe.send(("ready", VERSION))
                        if version != VERSION:
                            raise Garbled(f"the parent is {version}, this is {VERSION}")
                        answer = begin(*known)
                    case _ if answer is not None:
                        pipe.send(answer(message))
                    case _:
                        raise unknown(message)
    except (EOFError, OSError, Garbled):
        leave_now()


def unknown(message: Message) -> Garbled:
    """What was asked is nothing that this child does."""
    return Garbled(f"nobody knows what {str(message[0])[:40]!r} means")
