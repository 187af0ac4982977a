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


@dataclass(frozen=True)
class CueTable:
    """One language's cues, compiled."""

    cues: tuple[tuple[Category, float, re.Pattern[str]], ...]
    urgent: tuple[tuple[Urgency, str, re.Pattern[str]], ...]


@dataclass(frozen=True)
class Hit:
    """A cue that was found, in the text's own words."""

    category: Category
    weight: float
    words: str


def compile_table(cues: Cues, urgent: Urgent) -> CueTable:
    """The patterns of one language. Cues stand one per line or between bars."""
    return CueTable(
        tuple(
            (category, weight, _pattern(words)) for category, levels in cues.items() for weight, words in levels.items()
        ),
        tuple((urgency, reason, _pattern(words)) for (urgency, reason), words in urgent.items()),
    )


def find_cues(table: CueTable, text: str) -> list[Hit]:
    """Every cue in `text` (lower-case, plain apostrophes), each wording once."""
    found = []
    for category, weight, pattern in table.cues:
        words = dict.fromkeys(match[0] for match in pattern.finditer(text))
        found += [Hit(category, weight, word) for word in list(words)[:SEVERAL]]
    return found


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
