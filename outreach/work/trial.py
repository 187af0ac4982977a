"""Rendering in a child process with limits: for previews and preflight, before a template has proved harmless.

Law: however a template behaves, the parent gets an answer within a stated time: the mail, or what is wrong.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import TemplateError
from ..newsletter.render import Links, Rendered
from ..newsletter.tips import ChosenTip

MODULE = "outreach.work.press_child"
SECONDS_PER_MAIL = 0.5
CPU_SECONDS_PER_MAIL = 2.0
GRACE_SECONDS = 20.0
MOST_OUTPUT = 40_000_000
STOPPED = "rendering was stopped: it took too much time or memory"


@dataclass(frozen=True)
class TrialPerson:
    """One mail to try: the values that a template sees, the tips, the links; `version` "": the original's."""

    values: Mapping[str, Any]
    tips: Sequence[ChosenTip]
    links: Links
    version: str = ""


@dataclass(frozen=True)
class TrialFault:
    """Why a mail cannot be rendered: the variable that is missing ("" for anything else) and words for a person.

    `fatal`: it would happen to everybody, and trying on would only take time.
    """

    variable: str
    words: str
    remedy: str = ""
    fatal: bool = False


class Trial:
    """A child process that has one frozen edition. Use it as a context; it is killed at the end."""

    def __init__(self, frozen: Mapping[str, Any], *, issue_number: int = 1, grace: float = GRACE_SECONDS) -> None:
        self._grace = grace
        self._first = {"frozen": frozen, "issue_number": issue_number, "seconds": CPU_SECONDS_PER_MAIL}
        self._buffer = b""
        self._started = False

    def __enter__(self) -> Trial:
        top = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join([top, *filter(None, [os.environ.get("PYTHONPATH")])])
        self._child = subprocess.Popen(
            [sys.executable, "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PYTHONPATH": paths, "PATH": os.environ.get("PATH", ""), "PYTHONUTF8": "1"},
            start_new_session=True,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()

    def failing(self, people: Sequence[TrialPerson]) -> list[TrialFault | None]:
        """For each person None, or why their mail cannot be rendered."""
        answers = self._ask(people, whole=False)
        if answers is None:
            return [TrialFault("", STOPPED, fatal=True)] * len(people)
        return [None if answer is None else _fault(answer) for answer in answers]

    def render(self, person: TrialPerson) -> Rendered:
        """The mail itself. Raises TemplateError with the variable, file and line."""
        answers = self._ask([person], whole=True)
        if answers is None:
            raise TemplateError(STOPPED, remedy="Look for a loop that never ends, or text that grows.")
        answer = answers[0]
        if answer is None or "html" not in answer:
            fault = _fault(answer or {})
            wrong = TemplateError(fault.words, remedy=fault.remedy)
            wrong.variable = fault.variable
            raise wrong
        return Rendered(answer["subject"], answer["preheader"], answer["html"], answer["text"], tuple(answer["images"]))

    def _ask(self, people: Sequence[TrialPerson], *, whole: bool) -> list[Any] | None:
        """The child's answers, or None where it died or was too slow."""
        request = {
            "whole": whole,
            "people": [
                {
                    "values": person.values,
                    "tips": [[tip.name, tip.reason] for tip in person.tips],
                    "links": [person.links.unsubscribe_url, person.links.view_url],
                    "version": person.version,
                }
                for person in people
            ],
        }
        lines = [json.dumps(each, default=str) for each in ([] if self._started else [self._first]) + [request]]
        seconds = self._grace + SECONDS_PER_MAIL * len(people)
        self._started = True
        assert self._child.stdin is not None
        try:
            self._child.stdin.write("".join(f"{line}\n" for line in lines).encode())
            self._child.stdin.flush()
        except (BrokenPipeError, OSError):
            return None
        answer = self._read_line(time.monotonic() + seconds)
        return None if answer is None else list(json.loads(answer)["answers"])

    def _read_line(self, until: float) -> bytes | None:
        assert self._child.stdout is not None
        handle = self._child.stdout.fileno()
        while b"\n" not in self._buffer:
            left = until - time.monotonic()
            if left <= 0 or len(self._buffer) > MOST_OUTPUT or not select.select([handle], [], [], left)[0]:
                return None
            got = os.read(handle, 1 << 16)
            if not got:
                return None
            self._buffer += got
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line


def _fault(answer: Mapping[str, Any]) -> TrialFault:
    return TrialFault(
        str(answer.get("fault") or ""),
        str(answer.get("message") or "cannot be rendered"),
        str(answer.get("remedy") or ""),
        bool(answer.get("fatal")),
    )
