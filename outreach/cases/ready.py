"""Answers kept ready: the variables in their text, checked when they are kept and again when they are used.

Law: only names are looked up, nothing is computed; what is not known of a customer is told, never left blank.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

VARIABLES: Mapping[str, str] = {
    "first_name": "the customer's first name",
    "last_name": "the customer's last name",
    "name": "both",
    "email": "the customer's address",
    "case": "the case's number",
    "topic": "the case's topic",
    "opened": "the day of the customer's first message",
    "due": "when they hear from us at the latest",
    "company": "your company's name",
    "me": "who answers",
}
_PRINTED = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*(?:or\s*(\"[^\"{}\n]*\"|'[^'{}\n]*')\s*)?\}\}")
_BRACES = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}")


@dataclass(frozen=True)
class Fault:
    """What is wrong with a text, and where."""

    line: int
    column: int
    words: str


def check_text(text: str, attributes: Collection[str] = ()) -> list[Fault]:
    """Every fault of an answer's text; `attributes` are those that customers have beside the variables."""
    faults = []
    known = [*VARIABLES, *attributes]
    spans = list(_PRINTED.finditer(text))
    for found in spans:
        if found[1] not in known:
            near = get_close_matches(found[1], known, n=1)
            hint = f": did you mean {near[0]}?" if near else f": there are {', '.join(VARIABLES)}, and attributes"
            faults.append(_fault(text, found.start(), f"{found[1]} is no variable{hint}"))
    for brace in _BRACES.finditer(text):
        if not any(found.start() <= brace.start() < found.end() for found in spans):
            words = f'{brace[0]} is no variable: write {{{{ first_name }}}}, or {{{{ first_name or "there" }}}}'
            faults.append(_fault(text, brace.start(), words))
    return sorted(faults, key=lambda fault: (fault.line, fault.column))


def fill(text: str, values: Mapping[str, object]) -> tuple[str, list[str]]:
    """The text for one customer, and the variables that nobody knows of them and that have no words of their own."""
    missing: list[str] = []

    def value(found: re.Match[str]) -> str:
        known = values.get(found[1])
        if known not in (None, ""):
            return str(known)
        if found[2] is not None:
            return found[2][1:-1]
        missing.append(found[1])
        return found[0]

    return _PRINTED.sub(value, text), list(dict.fromkeys(missing))


def used_in(text: str) -> list[str]:
    """The variables that a text uses, in order."""
    return list(dict.fromkeys(found[1] for found in _PRINTED.finditer(text)))


def _fault(text: str, place: int, words: str) -> Fault:
    line = text.count("\n", 0, place) + 1
    return Fault(line, place - text.rfind("\n", 0, place), words)
