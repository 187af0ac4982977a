"""What is wrong with outreach.toml, told with its line and never with a secret.

Law: reads text and says words; it knows no setting by name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")


def excerpt(text: str, wrong: tomllib.TOMLDecodeError) -> str:
    """The line that is no TOML; only its name where it may hold a secret."""
    number = getattr(wrong, "lineno", None)
    if number is None:
        found = str(wrong).partition("line ")[2].partition(",")[0]
        number = int(found) if found.isdigit() else None
    lines = text.splitlines()
    if number is None or not 0 < number <= len(lines):
        return "Mend the file and retry."
    name, equals, value = lines[number - 1].strip().partition("=")
    secret = any(word in name.lower() for word in ("password", "secret", "token", "key")) or "://" in value
    return f"line {number}: {name}{equals} …" if secret else f"line {number}: {lines[number - 1].strip()}"


class Contradiction(PydanticCustomError):
    """Settings that are each right and do not go together; `place` is the one that should be changed."""

    def __new__(cls, words: str, *place: int | str) -> Contradiction:
        """Pydantic puts words in braces in the place of what they name: ours name nothing."""
        return super().__new__(cls, "contradiction", "{words}", {"words": words, "place": place})


def explain(path: Path, text: str, wrong: ValidationError, variables: Mapping[tuple[int | str, ...], str]) -> str:
    """Every fault with the file, its line where it can be known, the key, and what is wrong with it.

    Where the setting came from one of `variables`, its name stands in the place of file and line.
    """
    told = []
    for fault in wrong.errors():
        at = fault["loc"] or fault.get("ctx", {}).get("place", ())
        variable = next((variables[at[:length]] for length in range(len(at), 0, -1) if at[:length] in variables), "")
        line = _line_of(text, at)
        said = "is not a setting" if fault["type"] == "extra_forbidden" else fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "tuple_type" and not variable:
            variable = next((name for key, name in variables.items() if key[: len(at)] == at), "")
            said = f"{path.name} has none of that name" if variable else said
        place = variable or (f"{path}:{line}" if line else str(path))
        told.append(f"{place}: {'.'.join(map(str, at)) or 'settings'}: {said}")
    return "\n".join(told)


def _line_of(text: str, place: tuple[int | str, ...]) -> int | None:
    """The line on which the setting at `place` stands, or else the nearest heading above it."""
    nearest: dict[tuple[int | str, ...], int] = {}
    table: tuple[int | str, ...] = ()
    times: dict[str, int] = {}
    for number, row in enumerate(text.splitlines(), 1):
        heading = _HEADER.match(row)
        if heading:
            name = heading[2]
            table = tuple(name.split("."))
            if heading[1] == "[[":
                table += (times.get(name, 0),)
                times[name] = times.get(name, 0) + 1
            nearest.setdefault(table, number)
        elif "=" in row and not row.lstrip().startswith("#"):
            nearest.setdefault((*table, row.partition("=")[0].strip().strip('"')), number)
    return next((nearest[place[:length]] for length in range(len(place), 0, -1) if place[:length] in nearest), None)
