"""What people said that stops mail, as the register beside the database keeps it: whose, when, and how far it reaches.

Law: pure; a stop holds until the same person takes the same thing back later, by the clock and by the order of lines:
clocks are set back, and where the two differ they are left alone. People stand here by keyed hashes alone, and a line
that is not whole says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from ..words import SuppressionReason

STOP, BACK = "stop", "back"
NOBODY = "-"
ALL = "all"
LIST, BLOCK, PAUSE = "list", "block", "pause"
SAID = (
    SuppressionReason.ABUSE_REPORT,
    SuppressionReason.BY_HAND,
    SuppressionReason.IMPORTED,
    SuppressionReason.UNSUBSCRIBED_ALL,
)
"""Blocks that rest on somebody's word. A bad address is found out again by the next bounce."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Somebody said stop, or took it back. `person`: the key of a customer's row, `address`: of an address or, with an
    "@", a domain; either may be "-". `scope`: `list:NAME`, `all`, `block:REASON` or `pause`; `until`: when it ends.
    """

    at: datetime
    what: str
    person: str
    address: str
    scope: str
    until: datetime | None = None

    def line(self) -> str:
        """As it stands in the file."""
        end = (self.until.astimezone(UTC).isoformat(),) if self.until is not None else ()
        return " ".join((self.at.astimezone(UTC).isoformat(), self.what, self.person, self.address, self.scope, *end))

    @property
    def list_name(self) -> str | None:
        """The list of which they want no more."""
        kind, _, name = self.scope.partition(":")
        return unquote(name) if kind == LIST else None

    @property
    def reason(self) -> SuppressionReason | None:
        """Why the address is blocked."""
        kind, _, word = self.scope.partition(":")
        known = {one.value: one for one in SAID}
        return SuppressionReason.UNSUBSCRIBED_ALL if self.scope == ALL else known.get(word) if kind == BLOCK else None


def of_list(name: str) -> str:
    """The scope of one list."""
    return f"{LIST}:{quote(name, safe='')}"


def of_block(reason: SuppressionReason) -> str:
    """The scope of a block; no newsletters at all is the same by a block as by a word."""
    return ALL if reason is SuppressionReason.UNSUBSCRIBED_ALL else f"{BLOCK}:{reason.value}"


def read_stop(line: str) -> Stop | None:
    """What a line says; None for one that was cut, or that this version does not know."""
    parts = line.split(" ")
    if len(parts) not in (5, 6):
        return None
    try:
        at, until = datetime.fromisoformat(parts[0]), datetime.fromisoformat(parts[5]) if len(parts) == 6 else None
    except ValueError:
        return None
    scope = parts[4]
    known = scope in (ALL, PAUSE) or scope.partition(":")[0] in (LIST, BLOCK)
    if parts[1] not in (STOP, BACK) or not known or at.tzinfo is None or (until is not None and until.tzinfo is None):
        return None
    return Stop(at, parts[1], parts[2], parts[3], scope, until)


def in_force(stops: Iterable[Stop], now: datetime) -> list[Stop]:
    """Those that nobody took back since and that are not over, oldest first: for each person and scope the last one by
    the order of lines, and where a clock was set back the one that is later by the clock, too: of these two a database
    may know the one, and that it was taken back. Of two pauses the longer counts.

    `stops` stand in the order of their lines, which is that in which they were said.
    """
    last: dict[tuple[str, str], Stop] = {}
    newest: dict[tuple[str, str], Stop] = {}
    back: dict[tuple[str, str], datetime] = {}
    for one in reversed(list(stops)):
        keys = _keys(one)
        if one.what == BACK:
            for key in keys:
                back[key] = max(one.at, back.get(key, one.at))
        elif keys and not any(key in back and back[key] >= one.at for key in keys):
            if one.scope != PAUSE:
                last.setdefault(keys[0], one)
            later = newest.get(keys[0])
            if later is None or (later.at < one.at and _lasts(one, later)):
                newest[keys[0]] = one
    both = dict.fromkeys([*reversed(last.values()), *reversed(newest.values())])
    return sorted((one for one in both if one.until is None or one.until > now), key=lambda one: one.at)


def _lasts(one: Stop, other: Stop) -> bool:
    """Whether `one` ends no earlier."""
    return one.until is None or (other.until is not None and one.until >= other.until)


def _keys(one: Stop) -> list[tuple[str, str]]:
    return [(who, one.scope) for who in (one.address, one.person) if who != NOBODY]
