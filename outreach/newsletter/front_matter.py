"""A Markdown file with YAML front matter between two lines of three dashes; shared by campaigns and tips.

Law: every fault names the file, the line and the key; an unknown key is refused with the nearest known one. Nothing is
lost in silence: a key that stands twice and a subject cut by a # are refused.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import yaml

from ..errors import InputError

FENCE = "---"
PROSE = ("subject", "preheader", "title")
"""What people read: taken as it is written, never as YAML's number (12:30 is 750), truth value or half a comment."""
DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")


@dataclass(frozen=True)
class FrontMatter:
    """`values` by key, `lines` (1-based) of each key, the body and the line on which the body begins."""

    file: str
    values: Mapping[str, Any]
    lines: Mapping[str, int]
    body: str
    body_line: int

    def refuse(self, key: str, why: str, remedy: str = "") -> InputError:
        """An error that points at `key`."""
        return InputError(f"{key}: {why}", file=self.file, line=self.lines.get(key, 1), remedy=remedy)

    def text(self, key: str, default: str = "") -> str:
        """The text under `key`; a number, date or truth value reads as it was meant."""
        value = self.values.get(key)
        if value is None:
            return default
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, str | int | float | date):
            return str(value).strip()
        raise self.refuse(key, "must be one line of text", f'Put it in quotes: {key}: "…"')

    def words(self, key: str) -> tuple[str, ...]:
        """The list under `key`: [a, b], or the words of "a, b"."""
        value = self.values.get(key)
        if value is None:
            return ()
        if isinstance(value, str):
            value = [part for part in value.split(",") if part.strip()]
        if not isinstance(value, list) or not all(isinstance(item, str | int) for item in value):
            raise self.refuse(key, "must be a list of words", f"Write {key}: [one, two]")
        return tuple(dict.fromkeys(str(item).strip() for item in value))

    def day(self, key: str) -> datetime | date | None:
        """The date or date and time under `key`."""
        value = self.values.get(key)
        if value is None or value == "":
            return None
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
            except ValueError:
                value = None
        if isinstance(value, date):
            return value
        raise self.refuse(key, "is no date", f"Write {key}: 2026-12-31")


def split_front_matter(text: str, file: str, allowed: Collection[str], example: str) -> FrontMatter:
    """Read `text`. Raises InputError with file and line: no front matter, bad YAML, unknown keys."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    start = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if lines[start].rstrip() != FENCE:
        raise InputError("has no front matter", file=file, line=1, remedy=f"Begin the file with:\n{example}")
    end = next((number for number in range(start + 1, len(lines)) if lines[number].rstrip() == FENCE), None)
    if end is None:
        raise InputError("the front matter never ends", file=file, line=start + 1, remedy="Put a line --- under it.")
    values, places = _read_yaml(lines, start + 1, end, file)
    for key in values:
        if key not in allowed:
            near = difflib.get_close_matches(key, list(allowed), 1)
            raise InputError(
                f"{key} is no setting of this file",
                file=file,
                line=places[key],
                excerpt=lines[places[key] - 1].strip(),
                remedy=f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(allowed)}.",
            )
    first = next((number for number in range(end + 1, len(lines)) if lines[number].strip()), end + 1)
    return FrontMatter(file, values, places, "\n".join(lines[first:]).rstrip() + "\n", first + 1)


def _no_date(lines: list[str], start: int, end: int) -> int | None:
    """The line with a value that looks like a date and is none, which YAML refuses without saying where."""
    for number in range(start, end):
        for word in DATE.findall(lines[number]):
            try:
                date.fromisoformat(word)
            except ValueError:
                return number
    return None


def _read_yaml(lines: list[str], start: int, end: int, file: str) -> tuple[dict[str, Any], dict[str, int]]:
    source = "\n".join(lines[start:end])
    try:
        node = yaml.compose(source, Loader=yaml.SafeLoader)
        values = yaml.safe_load(source)
    except (yaml.YAMLError, ValueError, RecursionError) as wrong:
        mark = getattr(wrong, "problem_mark", None)
        number = min(start + (mark.line if mark else 0), end - 1)
        if mark is None and (wrong_day := _no_date(lines, start, end)) is not None:
            line = lines[wrong_day].strip()
            raise InputError(
                f"there is no such date: {wrong}",
                file=file,
                line=wrong_day + 1,
                excerpt=line,
                remedy="Write 2026-12-01.",
            ) from None
        raise InputError(
            f"the front matter is not valid YAML: {getattr(wrong, 'problem', None) or wrong}",
            file=file,
            line=number + 1,
            excerpt=lines[number].strip(),
            remedy='A value with a colon, a #, or that begins with {{ needs quotes: subject: "{{ first_name }}: news"',
        ) from None
    if values is None:
        return {}, {}
    if not isinstance(values, dict) or not isinstance(node, yaml.MappingNode):
        raise InputError("the front matter must be lines of `key: value`", file=file, line=start + 1)
    places: dict[str, int] = {}
    found = {str(key): value for key, value in values.items()}
    for key, value in node.value:
        name, row = str(key.value), start + key.start_mark.line + 1
        if name in places:
            raise InputError(f"{name} stands twice, in line {places[name]} too", file=file, line=row)
        places[name] = row
        if name in PROSE and isinstance(value, yaml.ScalarNode) and value.style is None and found.get(name) is not None:
            found[name] = _as_written(value, name, source, file, row)
    return found, {str(key): start + 1 for key in values} | places


def _as_written(value: yaml.ScalarNode, name: str, source: str, file: str, row: int) -> str:
    """The words of a value without quotes, which a # after a blank would end."""
    rest = source[value.end_mark.index :].partition("\n")[0]
    if rest.lstrip().startswith("#"):
        raise InputError(
            f"{name}: what follows # is a comment, and would be left out",
            file=file,
            line=row,
            excerpt=f"{value.value}{rest}".strip(),
            remedy=f'Put it in quotes: {name}: "Tip #3", or a comment on a line of its own.',
        )
    return str(value.value)
