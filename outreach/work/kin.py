"""What a process and the child processes that it starts have in common: how many pay, and how they begin and end.

Law: children ignore signals and follow their parent; when it is gone they leave without another word to anybody.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

PR_SET_PDEATHSIG = 1
STOPS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
"""Signals that are the parent's affair."""
RUBBISH = 20_000, 20, 20
"""After so many new objects Python looks for cycles among them; a mail makes thousands and hardly ever a cycle."""


def cores() -> int:
    """How many cores this process may use, as far as the system says."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def environment() -> dict[str, str]:
    """So that a child imports this very program, wherever this one was found."""
    here = str(Path(__file__).parent.parent.parent)
    before = os.environ.get("PYTHONPATH", "")
    return os.environ | {"PYTHONPATH": f"{here}{os.pathsep}{before}" if before else here}


def follow(parent: int) -> None:
    """In a child: signals are the parent's affair; where the kernel can, it ends us with it."""
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        leave_now()


def leave_now() -> NoReturn:
    """End this process without another word to anybody: the kernel closes what is open."""
    os._exit(0)
