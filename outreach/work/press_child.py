"""The process in which templates run that nobody has tried yet.

Law: it has a cap on memory, CPU time and file size, an alarm of CPU time for each mail, and no database, key or
socket: it reads requests as lines of JSON and answers each with one line (RELIABILITY, Templates). See `trial`.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ..errors import TemplateError
from ..newsletter.render import EXHAUSTED, Links, Rendered, Renderer
from ..newsletter.tips import ChosenTip

MEMORY = 1_200_000_000
CPU_SECONDS = 900


def main() -> None:
    """Answer requests until standard input ends. The first gives the frozen edition and the seconds of CPU for each
    mail, each other some people."""
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(limit)
        with suppress(ValueError, OSError):  # macOS knows the limit's name and refuses any value
            resource.setrlimit(limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
    signal.signal(signal.SIGVTALRM, _ring)
    first = json.loads(sys.stdin.readline())
    number = first["issue_number"]
    original = Renderer(first["frozen"], issue_number=number)
    versions = {
        name: Renderer(frozen, issue_number=number) for name, frozen in (first["frozen"].get("versions") or {}).items()
    }
    for line in sys.stdin:
        request = json.loads(line)
        answers = [
            _try(versions.get(person["version"], original), person, whole=request["whole"], seconds=first["seconds"])
            for person in request["people"]
        ]
        print(json.dumps({"answers": answers}), flush=True)


def _try(renderer: Renderer, person: Mapping[str, Any], *, whole: bool, seconds: float) -> dict[str, Any] | None:
    """None for a mail that can be rendered in so many seconds of CPU; with `whole` the mail itself; else what is
    wrong."""
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        rendered = renderer.render(
            person["values"], [ChosenTip(*tip) for tip in person["tips"]], Links(*person["links"])
        )
    except TemplateError as wrong:
        return _fault(wrong)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    return _shown(rendered) if whole else None


def _fault(wrong: TemplateError) -> dict[str, Any]:
    return {
        "fault": wrong.variable,
        "message": wrong.args[0],
        "remedy": wrong.remedy,
        "fatal": any(words in wrong.message for words in EXHAUSTED),
    }


def _shown(rendered: Rendered) -> dict[str, Any]:
    return {
        "subject": rendered.subject,
        "preheader": rendered.preheader,
        "html": rendered.html,
        "text": rendered.text,
        "images": list(rendered.images),
    }


def _ring(_signal: int, _frame: object) -> None:
    raise TimeoutError


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(1)
    except MemoryError:
        sys.exit(3)
    except Exception:
        traceback.print_exc()
        sys.exit(1)
