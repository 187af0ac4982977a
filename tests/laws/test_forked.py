"""What tests fork instead of starting it ends, and tells why, as Python itself has it: else they would see no fault."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ..servers import program
from ..servers.program import KIN, ROOT

LINES = {
    "returns": "print('done')",
    "leaves": "import sys; sys.exit(3)",
    "leaves with words": "import sys; sys.exit('no room')",
    "fails": "raise ValueError('never seen')",
    "is killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
}


@pytest.mark.parametrize("lines", LINES.values(), ids=LINES)
def test_a_forked_process_ends_and_tells_as_a_started_one(lines: str) -> None:
    def ended(*command: str) -> tuple[int, str, str, bool]:
        done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr[-20:], "Traceback" in done.stderr

    assert ended("-m", "tests.servers.given", lines) == ended("-c", lines)


def test_whoever_is_broken_off_while_it_forks_leaves_the_next_ones_their_own_numbers() -> None:
    """A test that takes too long is: those after it would wait for, and end, somebody else's child."""

    def give_up(*_: object) -> None:
        raise TimeoutError

    lines = [sys.executable, "-m", "tests.servers.given", "import os; print(os.getpid())"]
    nursery = program._of_this_process()._process
    before = signal.signal(signal.SIGUSR1, give_up)
    os.kill(nursery.pid, signal.SIGSTOP)
    try:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        with pytest.raises(TimeoutError):
            subprocess.run(lines, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    finally:
        os.kill(nursery.pid, signal.SIGCONT)
        signal.signal(signal.SIGUSR1, before)
    for _ in range(2):
        with subprocess.Popen(lines, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert int(child.communicate(timeout=10)[0]) == child.pid


@pytest.mark.parametrize("module", KIN)
def test_a_forked_child_that_follows_its_parent_is_its_own_and_has_the_files_that_were_passed(module: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, "-m", module, str(theirs.fileno()), str(os.getpid())]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        child = subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=True, **quiet)  # type: ignore[call-overload]
        theirs.close()
        told = Path(f"/proc/{child.pid}/status").read_text(encoding="utf-8")
        assert f"\nPPid:\t{os.getpid()}\n" in told
        assert os.getsid(child.pid) == child.pid
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.2)
        ours.close()
        assert child.wait(10) == 0, "it ends with its pipe"
