"""A worker's sign of life: the lock, and what it had in its hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
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


def test_a_worker_that_begins_is_never_taken_for_dead(tmp_path: Path) -> None:
    """Its file is looked at by others from the moment when it has a name."""
    found: list[str] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.is_set():
            for path in (tmp_path / FOLDER).glob("*.lock"):
                remains = find_dead(tmp_path, path.stem)
                if remains is not None:
                    found.append(path.stem)
                    remains.leave()

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    for _ in range(300):
        presence = Presence(tmp_path, worker_name("w"))
        with presence:
            presence.take(1)
            presence.put_down()
    ended.set()
    watcher.join()
    assert found == []
