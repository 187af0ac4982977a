"""A child process that does what it is told over a pipe: started, asked, heard and ended by its parent.

Law: nobody waits for a child without end, and none outlives its parent (`kin.follow`); what a child was asked and did
not answer is done by the parent. Both must be of one version (`pipe.VERSION`) before anything else is asked. A child
goes on from its parent's own memory (`fork`) only where no other thread could leave a lock behind in it.
"""

from __future__ import annotations

import functools
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from .kin import STOPS, environment, follow, leave_now
from .pipe import VERSION, Garbled, Message, Pipe

Heard = queue.SimpleQueue[tuple["Child", Message | None]]
"""What children said; None where one of them is gone."""
Answer = Callable[[Message], Message]
"""What a child says to what it was asked. Raises Garbled for what it does not know."""


class Child:
    """A process of `python -m MODULE FD PARENT`; `asked` is how much it has in hand. It may use these open `files`.

    `fork`: what such a process does, given the end of its pipe and its parent; then it goes on from here instead.
    Nothing is heard of it before `listen`.
    """

    def __init__(
        self,
        module: str,
        begin: Message,
        heard: Heard,
        files: Sequence[int] = (),
        fork: Callable[[int, int], NoReturn] | None = None,
    ) -> None:
        self.ready, self.asked = False, 0
        self._heard, self._begin = heard, begin
        ours, theirs = socket.socketpair()
        self._pipe = Pipe(ours)
        self._process: subprocess.Popen[bytes] | Forked
        with theirs:
            if fork is not None:
                self._process = Forked(functools.partial(fork, theirs.fileno(), os.getpid()))
            else:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", module, str(theirs.fileno()), str(os.getpid())],
                    pass_fds=[theirs.fileno(), *files],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env=environment(),
                    start_new_session=True,  # Ctrl-C would come before it can ignore it
                )
        self._thread = threading.Thread(target=self._listen, name=module.rpartition(".")[2], daemon=True)

    def listen(self) -> None:
        """Tell it to begin, and have what it says heard from now on."""
        self._pipe.tell(self._begin)
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
        if self._thread.ident is not None:
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


class Forked:
    """A process that goes on from here and does something that has no end but its own."""

    def __init__(self, do: Callable[[], NoReturn]) -> None:
        self.returncode: int | None = None
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # until it ignores them
        try:
            self.pid = os.fork()
            if not self.pid:
                _go_on(do)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def kill(self) -> None:
        """End it."""
        if self.returncode is None:
            os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Until it has ended; how."""
        if self.returncode is None:
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def _go_on(do: Callable[[], NoReturn]) -> NoReturn:
    """In a forked process: whatever happens, what called us here is never returned to."""
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(nothing, 1)
        do()
    finally:
        leave_now()


def may_fork() -> bool:
    """Whether this process may go on twice: it has one thread, and the kernel ends children with their parent."""
    if sys.platform != "linux":
        return False
    try:
        return len(list(Path("/proc/self/task").iterdir())) == 1
    except OSError:
        return False


def serve_parent(begin: Callable[..., Answer]) -> NoReturn:
    """In a child: answer what the parent asks until it is gone, or has no more use for us.

    `begin` is told what the parent's first message says behind the version, and gives what answers all others.
    """
    serve(begin, int(sys.argv[1]), int(sys.argv[2]))


def serve(begin: Callable[..., Answer], end: int, parent: int) -> NoReturn:
    """The same of this `parent`, at this end of the pipe."""
    follow(parent)
    pipe = Pipe(socket.socket(fileno=end))
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
