"""JSON lines as rows: one object a line, its keys the headings.

Law: a line that is no object is refused by its number; a nested value stays as its own JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from .csv_text import Record

LONGEST_LINE = 1_000_000
MOST_KEYS = 1_000


def looks_like_json_lines(head: bytes) -> bool:
    """Whether a file begins with a JSON object."""
    plain = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return plain[:1] == b"{" and b'"' in plain


def find_keys(lines: Iterable[str]) -> list[str]:
    """Every key of every object, in the order in which they first come; at most a thousand."""
    found: dict[str, None] = {}
    for line in lines:
        read = _object(line)
        if isinstance(read, dict) and not read.keys() <= found.keys():
            found.update(dict.fromkeys(read))
            if len(found) > MOST_KEYS:
                break
    return list(found)


def read_objects(lines: Iterable[str], keys: list[str]) -> Iterator[Record]:
    """The lines as rows of cells by `keys`; `row` is the line's number. Blank lines are left out."""
    for number, line in enumerate(lines, 1):
        if not line.strip("\ufeff \t\r\n"):
            continue
        read = _object(line)
        if isinstance(read, dict):
            yield Record(number, [_text(read.get(key)) for key in keys])
        else:
            yield Record(number, [line.rstrip("\r\n")[:10_000]], read)


def _object(line: str) -> dict[str, Any] | str:
    """The object of a line, or why there is none."""
    if len(line) >= LONGEST_LINE:
        return f"a line of more than {LONGEST_LINE:,} characters"
    try:
        read = json.loads(line.strip("\ufeff \t\r\n") or "{}")
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
