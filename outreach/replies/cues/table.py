"""Cues as text to patterns, and the search for them.

Law: patterns are alternations of plain words with bounded gaps, so that a search is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...records import Category, Urgency

Cues = Mapping[Category, Mapping[int, str]]
Urgent = Mapping[tuple[Urgency, str], str]
SEVERAL = 3
"""More hits of one weight than this count no further: a long text must not outweigh a clear one."""

NEAR = 40
"""Characters before praise in which a denial is looked for."""


@dataclass(frozen=True)
class CueTable:
    """One language's cues, compiled."""

    cues: tuple[tuple[Category, float, re.Pattern[str]], ...]
    urgent: tuple[tuple[Urgency, str, re.Pattern[str]], ...]
    denied: re.Pattern[str]
    """What turns the praise right behind it round: "not very"."""


@dataclass(frozen=True)
class Hit:
    """A cue that was found, in the text's own words."""

    category: Category
    weight: float
    words: str


def compile_table(cues: Cues, urgent: Urgent, denials: str, degrees: str) -> CueTable:
    """The patterns of one language. Cues stand one per line or between bars; so do `denials` ("not") and the
    `degrees` that may stand between them and a word of praise ("very").
    """
    return CueTable(
        tuple(
            (category, weight, _pattern(words)) for category, levels in cues.items() for weight, words in levels.items()
        ),
        tuple((urgency, reason, _pattern(words)) for (urgency, reason), words in urgent.items()),
        re.compile(rf"(?:{_pattern(denials).pattern})(?:\s+(?:{_pattern(degrees).pattern}))*\s+\Z"),
    )


def find_cues(table: CueTable, text: str) -> list[Hit]:
    """Every cue in `text` (lower-case, plain apostrophes), each wording once."""
    found = []
    for category, weight, pattern in table.cues:
        hits = dict.fromkeys(_hit(table, category, weight, match) for match in pattern.finditer(text))
        found += list(hits)[:SEVERAL]
    return found


def _hit(table: CueTable, category: Category, weight: float, match: re.Match[str]) -> Hit:
    """The hit; praise that is denied ("not very happy") is a complaint."""
    if category is Category.THANKS and weight > 0:
        start = match.start()
        denied = table.denied.search(match.string[max(0, start - NEAR) : start])
        if denied:
            return Hit(Category.COMPLAINT, max(weight, 2.0), denied[0] + match[0])
    return Hit(category, weight, match[0])


def find_urgency(table: CueTable, text: str) -> tuple[Urgency, str, str] | None:
    """The most urgent rule that the text meets: (urgency, the rule's name, the words)."""
    for urgency, reason, pattern in table.urgent:
        if match := pattern.search(text):
            return urgency, reason, match[0]
    return None


def _pattern(words: str) -> re.Pattern[str]:
    cues = [cue.strip() for line in words.splitlines() for cue in line.split("|")]
    ordered = sorted((cue for cue in cues if cue), key=len, reverse=True)
    return re.compile("|".join(_cue(cue) for cue in ordered))


def _cue(cue: str) -> str:
    parts = [re.escape(part).replace(r"\*", r"\w*").replace(r"\ ", r"\s+") for part in re.split(r"\s*…\s*", cue)]
    inner = r"(?:\W+\w+){0,4}?\W+".join(parts)
    before = r"(?<!\w)" if cue[0].isalnum() or cue[0] == "*" else ""
    after = r"(?!\w)" if cue[-1].isalnum() else ""
    return f"{before}{inner}{after}"
