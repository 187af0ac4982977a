"""JSON lines as rows: one object a line, its keys the headings.

Law: a line that is no object is refused by its number; a nested value stays as its own JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .csv_text import Run

LONGEST_LINE = 1_000_000
MOST_KEYS, MOST_ROWS = 1_000, 1_000
"""Keys that are looked at, and rows in a run."""


def looks_like_json_lines(head: bytes) -> bool:
    """Whether a file begins with a JSON object."""
    plain = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return plain[:1] == b"{" and b'"' in plain


def find_keys(lines: Iterable[str]) -> list[str]:
    """Every key of every object, in the order in which they first come; at most a thousand."""
    found: dict[str, None] = {}
    for line in lines:
        read = _object(line, line.strip(_AROUND))
        if isinstance(read, dict) and not read.keys() <= found.keys():
            found.update(dict.fromkeys(read))
            if len(found) > MOST_KEYS:
                break
    return list(found)


def read_objects(lines: Iterable[str], keys: Sequence[str], others: dict[str, None] | None = None) -> Iterator[Run]:
    """The lines as rows of cells by `keys`; a row's number is its line's. Blank lines are left out. `others`: takes in
    the keys that are none of these, in their order."""
    numbers: list[int] = []
    rows: list[list[str]] = []
    known = frozenset(keys)
    for number, line in enumerate(lines, 1):
        if not (text := line.strip(_AROUND)):
            continue
        read = _object(line, text)
        if isinstance(read, dict):
            if others is not None and not known.issuperset(read):
                others.update((key, None) for key in read if key not in known)
            numbers.append(number)
            values = map(read.get, keys)
            rows.append([one if type(one) is str and one.isascii() else _text(one) for one in values])
        if numbers and (isinstance(read, str) or len(numbers) == MOST_ROWS):
            yield Run(numbers, rows)
            numbers, rows = [], []
        if isinstance(read, str):
            yield Run((number,), [[line.rstrip("\r\n")[:10_000]]], read)
    if numbers:
        yield Run(numbers, rows)


_AROUND = "\ufeff \t\r\n"
_read_value = json.JSONDecoder().raw_decode


def _object(line: str, text: str) -> dict[str, Any] | str:
    """The object of a line, or why there is none; `text`: the line without what surrounds it."""
    if len(line) >= LONGEST_LINE:
        return f"a line of more than {LONGEST_LINE:,} characters"
    try:
        read, end = _read_value(text or "{}")
        if text and end < len(text):
            read = json.loads(text)  # which says what is wrong
    except (ValueError, RecursionError) as wrong:
        return f"not valid JSON: {wrong}"
    return read if isinstance(read, dict) else "no JSON object: a line must read {…}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return json.dumps(value, ensure_ascii=False)
