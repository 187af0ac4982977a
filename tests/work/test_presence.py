"""A worker's sign of life: the lock, and what it had in its hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from outreach.work.presence import FOLDER, Presence, find_dead, worker_name

KILLED = """
import os, sys, time
from pathlib import Path
from outreach.work.presence import Presence
with Presence(Path(sys.argv[1]), "doomed") as presence:
    presence.take(77)
    print("ready", flush=True)
    time.sleep(60)
"""


def test_a_worker_that_was_killed_is_seen_dead_with_what_it_had_in_its_hand(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert find_dead(tmp_path, "doomed") is None
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    remains = find_dead(tmp_path, "doomed")
    assert remains is not None
    assert remains.suspects == (77,)
    assert find_dead(tmp_path, "doomed") is None, "only one may settle it at a time"
    remains.leave()
    again = find_dead(tmp_path, "doomed")
    assert again is not None
    again.bury()
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_a_worker_that_put_everything_down_leaves_no_suspect(tmp_path: Path) -> None:
    with Presence(tmp_path, "w") as presence:
        presence.take(5)
        presence.put_down()
        presence.keep_file()
    remains = find_dead(tmp_path, "w")
    assert remains is not None
    assert remains.suspects == ()
    remains.leave()


def test_of_a_worker_without_a_file_nobody_knows(tmp_path: Path) -> None:
    assert find_dead(tmp_path, "elsewhere") is None


def test_names_are_never_the_same() -> None:
    assert len({worker_name("send") for _ in range(100)}) == 100
