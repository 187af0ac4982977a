"""The plan pinned down: what an edition says and who gets it with which tips, in a form that can be compared.

Laws: the same plan has the same digest, whoever looks and in whatever order; what is later the same mail for the same
person is the same, however long it waits for room in a budget or for the night to end; a drift is told in words.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

GOES = "goes"
PARTS = {
    "text": "the text",
    "layout": "the layout",
    "tips": "the pool of tips",
    "kind": "the kind",
    "list": "the list",
    "segment": "the segment",
    "schedule": "the schedule",
    "sender": "the sender",
}
"""What a mail is made of, for a person."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one person gets. `said` is GOES, or the reason why nothing goes; `tips` in their order."""

    said: str
    tips: tuple[str, ...] = ()

    @property
    def goes(self) -> bool:
        """Whether a mail goes to this person, now or later."""
        return self.said == GOES


@dataclass(frozen=True)
class Shift:
    """One person for whom two plans differ; None: not among the people of that plan."""

    person: int
    before: Line | None
    after: Line | None

    @property
    def more(self) -> bool:
        """Whether this person gets a mail, or another one, that they did not get before."""
        return self.after is not None and self.after.goes


def digest(content: Mapping[str, str], occasion: str, lines: Mapping[int, Line]) -> str:
    """What pins a plan: 40 hexadecimal digits over what is said, for which occasion, to whom."""
    said = json.dumps([dict(sorted(content.items())), occasion], ensure_ascii=False)
    return hashlib.sha256(said.encode() + b"\n" + _text(lines)).hexdigest()[:40]


def pack(lines: Mapping[int, Line]) -> bytes:
    """The lines as an approval keeps them."""
    return zlib.compress(_text(lines), 6)


def unpack(kept: bytes) -> dict[int, Line]:
    """The lines that an approval kept."""
    found: dict[int, Line] = {}
    for row in zlib.decompress(kept).decode().splitlines():
        person, said, tips = row.split("\t")
        found[int(person)] = Line(said, tuple(tips.split(",")) if tips else ())
    return found


def _text(lines: Mapping[int, Line]) -> bytes:
    plain = str.maketrans("\t\n\r", "   ")
    rows = (
        f"{person}\t{line.said.translate(plain)}\t{','.join(line.tips).translate(plain)}"
        for person, line in sorted(lines.items())
    )
    return "\n".join(rows).encode()


def compare(before: Mapping[int, Line], after: Mapping[int, Line]) -> list[Shift]:
    """Everybody for whom the plans differ, by their id."""
    return [
        Shift(person, before.get(person), after.get(person))
        for person in sorted(before.keys() | after.keys())
        if before.get(person) != after.get(person)
    ]


def changed_parts(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """What of the mail itself differs, in words."""
    keys = sorted(before.keys() | after.keys(), key=lambda key: (list(PARTS).index(key) if key in PARTS else 99, key))
    return [PARTS.get(key, key) for key in keys if before.get(key) != after.get(key)]


def may_pass(parts: Iterable[str], shifts: Iterable[Shift], policy: str) -> bool:
    """Whether a plan may go though it differs from the approved one: "any" never, "fewer" where it only lost people."""
    return policy == "fewer" and not list(parts) and not any(shift.more for shift in shifts)


def drift_words(parts: Iterable[str], shifts: Iterable[Shift]) -> str:
    """How two plans differ, in a line: "the text; 2 people more, 1 fewer, 3 with other tips"."""
    more = fewer = other = reasons = 0
    for shift in shifts:
        was, is_ = bool(shift.before and shift.before.goes), shift.more
        more += is_ and not was
        fewer += was and not is_
        other += was and is_
        reasons += not was and not is_
    people = [
        words
        for number, words in (
            (more, f"{_people(more)} more"),
            (fewer, f"{_people(fewer)} fewer"),
            (other, f"{_people(other)} with other tips"),
            (reasons, f"{_people(reasons)} left out for another reason"),
        )
        if number
    ]
    return "; ".join([*parts, ", ".join(people)] if people else list(parts))


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"
