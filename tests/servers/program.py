"""`outreach …` in a process of its own that need not load the program first: forked from one that has done so.

It is a process as any other: killed, stopped, waited for, with its own descriptors, folder and surroundings. Only the
half second of imports is gone, which tests paid some hundred times. Those about starting itself start it for real.
"""

from __future__ import annotations

import atexit
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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 1 << 20
LENGTH, STATUS = struct.Struct("<I"), struct.Struct("<i")


class _Nursery:
    """The process that has loaded the program, and waits to be told what to run."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self._guard = threading.Lock()
        self._here, there = socket.socketpair()
        command = [sys.executable, "-m", "tests.servers.program", str(there.fileno())]
        self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[there.fileno()], stdin=subprocess.DEVNULL)
        there.close()
        atexit.register(self.end)

    def fork(self, words: list[str], place: str, environ: Mapping[str, str], streams: list[int], told: int) -> int:
        """The number of a new process that runs `outreach WORDS…`; its status comes over `told` when it has ended."""
        asked = json.dumps([words, place, dict(environ)]).encode()
        with self._guard:
            socket.send_fds(self._here, [LENGTH.pack(len(asked))], [*streams, told])
            self._here.sendall(asked)
            answer = self._here.recv(STATUS.size, socket.MSG_WAITALL)
        if len(answer) < STATUS.size:
            raise OSError("the process that forks the program is gone")
        return int(STATUS.unpack(answer)[0])

    def end(self) -> None:
        if os.getpid() == self.owner:
            self._here.close()
            self._process.wait(10)


_nursery: _Nursery | None = None


def _of_this_process() -> _Nursery:
    global _nursery
    if _nursery is None or _nursery.owner != os.getpid():
        _nursery = _Nursery()
    return _nursery


class Program(subprocess.Popen[Any]):
    """`Program(["plan", "--json"], cwd=…, env=…, stdout=…)`: as `Popen([sys.executable, "-m", "outreach", …])`."""

    _told: int

    def _execute_child(self, args: Any, _executable: Any, _before: Any, *rest: Any) -> None:  # type: ignore[override]
        _close, _passed, cwd, env, _startup, _flags, _shell, *ends = rest
        theirs_in, ours_in, ours_out, theirs_out, ours_err, theirs_err = ends[:6]
        inherited = [0, 1, 2]
        given = [
            mine if end == -1 else end for mine, end in zip(inherited, (theirs_in, theirs_out, theirs_err), strict=True)
        ]
        self._told, told = os.pipe()
        try:
            place = os.fspath(cwd) if cwd is not None else str(Path.cwd())
            self.pid = _of_this_process().fork(list(args), place, os.environ if env is None else env, given, told)
        finally:
            os.close(told)
        self._child_created = True
        self._close_pipe_fds(theirs_in, ours_in, ours_out, theirs_out, ours_err, theirs_err)  # type: ignore[attr-defined]

    def _internal_poll(self, *_: Any, **__: Any) -> int | None:
        return self._status(0)

    def _wait(self, timeout: float | None) -> int:
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


def main() -> None:
    """Fork whatever is asked for until whoever asks is gone."""
    asked = socket.socket(fileno=int(sys.argv[1]))
    for module in pkgutil.walk_packages(importlib.import_module("outreach").__path__, "outreach."):
        if "migrations" not in module.name and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
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
    head, streams, _, _ = socket.recv_fds(asked, LENGTH.size, 4)
    if not head:
        return False
    words, place, environ = json.loads(asked.recv(LENGTH.unpack(head)[0], socket.MSG_WAITALL))
    told = streams.pop()
    number = os.fork()
    if not number:
        asked.close()
        os.close(told)
        for other in running.values():
            os.close(other)
        _become(words, place, environ, streams)
    for stream in streams:
        os.close(stream)
    running[number] = told
    asked.sendall(STATUS.pack(number))
    return True


def _become(words: list[str], place: str, environ: dict[str, str], streams: list[int]) -> None:
    """Be the program, as if it had just been started."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for at, stream in enumerate(streams):
        os.dup2(stream, at)
    for stream in streams:
        os.close(stream)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    os.chdir(place)
    sys.argv = [str(ROOT / "outreach" / "__main__.py"), *words]
    sys.modules["__main__"].__package__ = "outreach"
    sys.path[0] = place
    at_once = bool(environ.get("PYTHONUNBUFFERED"))
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False, buffering=1 if os.isatty(1) or at_once else -1)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1, errors="backslashreplace")  # noqa: SIM115
    from outreach.cli import main as run  # lazy: whoever only asks needs none of it

    status = 1
    try:
        run()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
