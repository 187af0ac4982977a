"""Processes that die at a named step: `python -m tests.faults.nursery` forks one for each line it reads.

A line is JSON: `argv` (an outreach command), `env`, `root`, and `die` ({"step", "when": "before"|"after", "number"}) or
`count` (a file that gets how often each step came). Steps are "commit" (each commit of the database), "send STAGE" or
"read STAGE" (each write to, and each reply from, the relay), "fetch", "acknowledge" and "sort" (of a mail come in).
A death is `kill -9` by one's own hand: it comes at exactly that step. Forking a process that has everything imported
makes hundreds of deaths a matter of seconds.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Fate:
    """Counts steps, and ends the process at the one that was named."""

    step: str = ""
    when: str = ""
    number: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def around(self, step: str) -> Iterator[None]:
        with self.lock:
            self.seen[step] += 1
            here = step == self.step and self.seen[step] == self.number
        if here and self.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        yield
        if here:
            os.kill(os.getpid(), signal.SIGKILL)


def watch(fate: Fate) -> None:
    """Put the fate around every commit, and around every write to and reply from a relay."""
    from imapclient import IMAPClient
    from sqlalchemy.engine.default import DefaultDialect

    from outreach.wire.line import Line
    from outreach.wire.maildir import Maildir
    from outreach.work import understand

    def put_around(owner: Any, name: str, label: Callable[..., str]) -> None:
        whole = getattr(owner, name)

        def wrapped(self: Any, *given: Any, **named: Any) -> Any:
            with fate.around(label(self, *given)):
                return whole(self, *given, **named)

        setattr(owner, name, wrapped)

    def sent(line: Any, octets: bytes, *_: Any) -> str:
        return "send quit" if octets.startswith(b"QUIT") else f"send {line.stage}"

    def step_around(name: str, label: Callable[..., str]) -> None:
        whole = getattr(Line, name)

        def wrapped(self: Any, *given: Any) -> Generator[Any, Any, Any]:
            with fate.around(label(self, *given)):
                return (yield from whole(self, *given))

        setattr(Line, name, wrapped)

    put_around(DefaultDialect, "do_commit", lambda *_: "commit")
    step_around("send", sent)
    step_around("read", lambda line, *_: f"read {line.stage}")
    put_around(Maildir, "_read", lambda *_: "fetch")
    put_around(Maildir, "acknowledge", lambda *_: "acknowledge")
    put_around(IMAPClient, "fetch", lambda *_: "fetch")
    put_around(IMAPClient, "add_flags", lambda *_: "acknowledge")
    put_around(understand, "strip_quotes", lambda *_: "sort")


def live(order: dict[str, Any]) -> int:
    """Be the child: run the command as `outreach` would."""
    from outreach.cli.app import app

    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.environ.update(order["env"])
    fate = Fate(**order.get("die") or {})
    watch(fate)
    sys.argv = ["outreach", "-w", order["root"], *order["argv"]]
    status = app()
    if order.get("count"):
        Path(order["count"]).write_text(json.dumps(fate.seen), encoding="utf-8")
    return status


def main() -> None:
    import outreach.cli.replies
    import outreach.cli.run
    import outreach.cli.send
    import outreach.work.send
    import outreach.work.worker  # noqa: F401  (imported once, for all the children)

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = live(json.loads(line))
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(ended), flush=True)


class Nursery:
    """The parent's side, as a context."""

    def __enter__(self) -> Nursery:
        command = [sys.executable, "-m", "tests.faults.nursery"]
        self._process = Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def run(self, root: Path, *argv: str, env: dict[str, str], die: dict[str, Any] | None = None) -> int:
        """The exit status of the command; -9 where it met its end."""
        return self._order({"root": str(root), "argv": argv, "env": env, "die": die})

    def count(self, root: Path, *argv: str, env: dict[str, str]) -> dict[str, int]:
        """How often each step comes in this command."""
        file = root / "steps.json"
        assert self._order({"root": str(root), "argv": argv, "env": env, "count": str(file)}) == 0
        return dict(json.loads(file.read_text(encoding="utf-8")))

    def _order(self, order: dict[str, Any]) -> int:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


if __name__ == "__main__":
    main()
