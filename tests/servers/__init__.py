"""Real servers for tests: `sink` (a fast SMTP sink in a process of its own) and how to start it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Sink:
    """A running sink: its port, its process, and its log of what it took."""

    port: int
    process: subprocess.Popen[str]
    log: Path

    def taken(self) -> list[dict[str, object]]:
        """One record per message and recipient, in order: message_id, recipient, at (seconds since the epoch)."""
        return read_log(self.log)

    def count(self) -> int:
        """How many records there are, without reading them: for those who wait."""
        return self.log.read_bytes().count(b"\n") if self.log.exists() else 0


def read_log(path: Path) -> list[dict[str, object]]:
    """The records of a sink's or catcher's log; a last line that is still being written is left out."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


@contextmanager
def start_sink(log: Path, *options: str) -> Iterator[Sink]:
    """Run `python -m tests.servers.sink --log LOG options…` until the block ends (or this process dies)."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.sink", "--log", str(log), "--until-eof", *options],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Sink(int(process.stdout.readline()), process, log)
    finally:
        process.kill()
        process.wait(10)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
