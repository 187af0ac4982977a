"""`outreach …` in a process of its own that need not load the program first: forked from one that has done so.

It is a process as any other: killed, stopped, waited for, with its own descriptors, folder and surroundings. Only the
half second of imports is gone, which tests paid some hundred times. Those about starting itself start it for real.
So it is with the small ones that this very process starts by the dozen (SMALL); a forked program starts its own for
real, and so does every one of the demo.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.orm import configure_mappers

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 1 << 20
PROGRAM = "outreach.cli"
SMALL = ("outreach.work.press_child", "tests.servers.sink", "tests.servers.given", "tests.faults.nursery")
"""Modules that `python -m` runs in a fork: neither knows its parent, nor promises what it does not load."""
KIN = ("outreach.work.import_child", "outreach.work.reading_child")
"""Those that follow their parent: they are orphans of a process in between, whom this one takes for its own."""
LATER = ("premailer", "rich.live", "rich.progress", "rich.table")
"""What many commands load when they come to it: each fork would load it anew."""
PR_SET_CHILD_SUBREAPER = 36
HIGH = 500
LENGTH, STATUS = struct.Struct("<I"), struct.Struct("<i")


class Order(NamedTuple):
    """What a new process is to run, and as what."""

    module: str
    words: list[str]
    place: str
    environ: dict[str, str]
    passed: list[int]
    """Open files that it is to have under these very numbers."""
    kin: bool
    session: bool


@contextmanager
def _taking_in_orphans() -> Iterator[None]:
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


class _Nursery:
    """The process that has loaded the program, and waits to be told what to run."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.forsaken = False
        self._guard = threading.Lock()
        self._here, there = socket.socketpair()
        command = [sys.executable, "-m", "tests.servers.program", str(there.fileno())]
        self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[there.fileno()], stdin=subprocess.DEVNULL)
        there.close()
        atexit.register(self.end)

    def fork(self, order: Order, streams: list[int], told: int | None) -> int:
        """The number of a new process that does what is ordered; its status comes over `told` at its end. Where that
        is None, it is this one's own child."""
        asked = json.dumps(order).encode()
        given = [*streams, *([] if told is None else [told]), *order.passed]
        with self._guard, _taking_in_orphans() if told is None else nullcontext():
            try:
                socket.send_fds(self._here, [LENGTH.pack(len(asked))], given)
                self._here.sendall(asked)
                answer = self._here.recv(STATUS.size, socket.MSG_WAITALL)
            except BaseException:  # a test that took too long: the next to ask would be told of this one's child
                self.forsaken = True
                raise
        if len(answer) < STATUS.size:
            self.forsaken = True
            raise OSError("the process that forks the program is gone")
        return int(STATUS.unpack(answer)[0])

    def end(self) -> None:
        if os.getpid() == self.owner:
            self._here.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(10)


_nursery: _Nursery | None = None


def _of_this_process() -> _Nursery:
    global _nursery
    if _nursery is None or _nursery.owner != os.getpid() or _nursery.forsaken:
        _nursery = _Nursery()
    return _nursery


class _Forked(subprocess.Popen[Any]):
    """As Popen, forked where `_module` names one."""

    _told: int = -1

    def _module(self, args: Any, passed: Any, special: bool) -> tuple[str, list[str]] | None:
        raise NotImplementedError

    def _execute_child(self, args: Any, *rest: Any) -> None:  # type: ignore[override]
        (executable, before, _close, passed, cwd, env, startup, _flags, shell, *ends) = rest
        wanted = self._module(args, passed, any((executable, before, startup, shell)))
        if wanted is None:
            super()._execute_child(args, *rest)  # type: ignore[misc]
            return
        theirs_in, ours_in, ours_out, theirs_out, ours_err, theirs_err = ends[:6]
        inherited = [0, 1, 2]
        given = [
            mine if end == -1 else end for mine, end in zip(inherited, (theirs_in, theirs_out, theirs_err), strict=True)
        ]
        place = os.fspath(cwd) if cwd is not None else str(Path.cwd())
        kin = wanted[0] in KIN
        order = Order(*wanted, place, dict(os.environ if env is None else env), list(passed), kin, bool(ends[11]))
        if kin:
            self.pid = _of_this_process().fork(order, given, None)
        else:
            self._told, told = os.pipe()
            try:
                self.pid = _of_this_process().fork(order, given, told)
            finally:
                os.close(told)
        self._child_created = True
        self._close_pipe_fds(theirs_in, ours_in, ours_out, theirs_out, ours_err, theirs_err)  # type: ignore[attr-defined]

    def _internal_poll(self, *given: Any, **named: Any) -> int | None:
        if self._told == -1:
            return super()._internal_poll(*given, **named)  # type: ignore[misc,no-any-return]
        return self._status(0)

    def _wait(self, timeout: float | None) -> int:
        if self._told == -1:
            return super()._wait(timeout=timeout)  # type: ignore[misc,no-any-return]
        status = self._status(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return status

    def _status(self, seconds: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], seconds)[0]:
            said = os.read(self._told, STATUS.size)
            os.close(self._told)
            self.returncode = os.waitstatus_to_exitcode(STATUS.unpack(said)[0])
        return self.returncode


class Program(_Forked):
    """`Program(["plan", "--json"], cwd=…, env=…, stdout=…)`: as `Popen([sys.executable, "-m", "outreach", …])`."""

    def _module(self, args: Any, passed: Any, special: bool) -> tuple[str, list[str]] | None:
        return PROGRAM, list(args)


class _Popen(_Forked):
    """Popen itself, but for the small modules."""

    def _module(self, args: Any, passed: Any, special: bool) -> tuple[str, list[str]] | None:
        if special or not isinstance(args, list) or args[:2] != [sys.executable, "-m"]:
            return None
        return (args[2], args[3:]) if args[2] in (KIN if passed else SMALL) else None


def fork_small_ones() -> None:
    """Whoever starts one of the small modules in this process has it forked from now on."""
    subprocess.Popen = _Popen  # type: ignore[misc]


def main() -> None:
    """Fork whatever is asked for until whoever asks is gone."""
    asked = socket.socket(fileno=int(sys.argv[1]))
    for module in pkgutil.walk_packages(importlib.import_module("outreach").__path__, "outreach."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for more in (*SMALL, *KIN, *LATER):
        importlib.import_module(more)
    configure_mappers()
    gc.collect()
    gc.freeze()
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, int] = {}
    while True:
        ready = select.select([asked, ended], [], [])[0]
        if ended in ready:
            os.read(ended, 4096)
        _bury(running)
        if asked in ready and not _answer(asked, running):
            return


def _bury(running: dict[int, int]) -> None:
    for number in list(running):
        done, status = os.waitpid(number, os.WNOHANG)
        if done:
            told = running.pop(number)
            os.write(told, STATUS.pack(status))
            os.close(told)


def _answer(asked: socket.socket, running: dict[int, int]) -> bool:
    head, streams, _, _ = socket.recv_fds(asked, LENGTH.size, 64)
    if not head:
        return False
    order = Order(*json.loads(asked.recv(LENGTH.unpack(head)[0], socket.MSG_WAITALL)))
    cut = len(streams) - len(order.passed)
    streams, passed = streams[:cut], streams[cut:]
    told = None if order.kin else streams.pop()
    number = _fork_orphan(order.session) if order.kin else os.fork()
    if not number:
        asked.close()
        for other in [*running.values(), *([] if told is None else [told])]:
            os.close(other)
        _become(order, streams, passed)
    for stream in [*streams, *passed]:
        os.close(stream)
    if told is not None:
        running[number] = told
    asked.sendall(STATUS.pack(number))
    return True


def _fork_orphan(session: bool) -> int:
    """As os.fork, by a process in between that ends at once: whoever takes in orphans is the parent when it returns."""
    here, there = os.pipe()
    between = os.fork()
    if not between:
        between = os.getpid()
        if os.fork():
            os._exit(0)
        while os.getppid() == between:
            time.sleep(0.0001)
        if session:
            os.setsid()
        os.write(there, STATUS.pack(os.getpid()))
        os.close(here)
        os.close(there)
        return 0
    os.close(there)
    number = int(STATUS.unpack(os.read(here, STATUS.size))[0])
    os.close(here)
    os.waitpid(between, 0)
    return number


def _become(order: Order, streams: list[int], passed: list[int]) -> None:
    """Be the program, as if it had just been started."""
    module, words, place, environ = order[:4]
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if order.session and not order.kin:
        os.setsid()
    if passed:
        moved = [fcntl.fcntl(file, fcntl.F_DUPFD, HIGH) for file in [*streams, *passed]]
        for file in [*streams, *passed]:
            os.close(file)
        for file, number in zip(moved[len(streams) :], order.passed, strict=True):
            os.dup2(file, number)
            os.close(file)
        streams = moved[: len(streams)]
    for at, stream in enumerate(streams):
        os.dup2(stream, at)
    for stream in streams:
        os.close(stream)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    os.chdir(place)
    sys.argv = [str(ROOT / "outreach" / "__main__.py"), *words]
    sys.modules["__main__"].__package__ = module.partition(".")[0]
    sys.path[0] = place
    at_once = bool(environ.get("PYTHONUNBUFFERED"))
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False, buffering=1 if os.isatty(1) or at_once else -1)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1, errors="backslashreplace")  # noqa: SIM115
    status = 1
    try:
        importlib.import_module(module).main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if not isinstance(end.code, int | None):
            print(end.code, file=sys.stderr)
    except BaseException:  # told as Python tells it: a test that wants no traceback must be able to see one
        sys.excepthook(*sys.exc_info())
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
