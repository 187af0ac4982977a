"""What tests fork instead of starting it ends, and tells why, as Python itself has it: else they would see no fault."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ..servers.program import ROOT

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
