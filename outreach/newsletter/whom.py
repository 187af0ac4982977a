"""Whom a letter is for, beside its list and segment: who told us of a cause, who did not, or who got an issue.

Law: one line of a campaign's front matter, read here alone; whether the cause or issue exists is not judged here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_NAME = r"[a-z0-9][a-z0-9._-]{0,63}"
_LINE = re.compile(rf"(?:(told|silent) ({_NAME})|got ({_NAME}) (\d{{1,9}}))")
EXAMPLE = "Write whom: told CAUSE, whom: silent CAUSE, or whom: got CAMPAIGN ISSUE (its number)."


class WhomKind(StrEnum):
    """told: has a case from the cause; silent: has none; got: was sent that issue of a campaign."""

    TOLD = "told"
    SILENT = "silent"
    GOT = "got"


@dataclass(frozen=True)
class Whom:
    """`name` is a cause's, or a campaign's with the issue's `number`."""

    kind: WhomKind
    name: str
    number: int = 0


def parse_whom(text: str) -> Whom | None:
    """Read the line; None for an empty one. Raises ValueError in words for a person."""
    line = " ".join(text.split())
    if not line:
        return None
    found = _LINE.fullmatch(line)
    if found is None:
        raise ValueError(f"{text!r} does not say whom")
    if found[3]:
        return Whom(WhomKind.GOT, found[3], int(found[4]))
    return Whom(WhomKind(found[1]), found[2])
