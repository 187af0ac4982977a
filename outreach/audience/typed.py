"""What a declared type makes of a value: as a segment sees it, and as a cell of a file is read.

Law: `typed_value` and the columns that `store.attributes` fills say the same of every value; a test compares them. A
value that does not fit its attribute's type stays where it is, and a segment takes it for missing.
"""

from __future__ import annotations

from typing import Any

from ..words import AttributeKind
from .values import ColumnType, read_instant, typed_reader

BETWEEN = "\x1f"
"""What stands around each member of a list in its column; in a member it is a space."""
DIVIDERS = ((";", ","), ("|", ","), ('"', ""), (", ", ","), (" ,", ","))
"""What becomes what, in this order, before a text of several values is looked through."""


def typed_value(kind: AttributeKind, value: Any) -> str | int | float | bool | list[str] | None:
    """The value as a segment sees it; None where it does not fit the type.

    text: a text, or a whole number's digits. number: a number. day: the first ten characters of a text that begins
    like 2025-01-31. truth: true or false. list: the texts and whole numbers of a list, or the parts of a text of
    several, divided by commas, semicolons or |.
    """
    if kind is AttributeKind.LIST:
        return _members(value)
    if isinstance(value, bool):
        return value if kind is AttributeKind.TRUTH else None
    if isinstance(value, str):
        if kind is AttributeKind.TEXT:
            return value or None
        begins_as_day = len(value) >= 10 and value[4] == "-" and value[7] == "-"
        return value[:10] if kind is AttributeKind.DAY and begins_as_day else None
    if kind is AttributeKind.NUMBER and isinstance(value, int | float):
        return value
    return str(value) if kind is AttributeKind.TEXT and isinstance(value, int) else None


def _members(value: Any) -> list[str] | None:
    if isinstance(value, str):
        return plain_commas(value).replace(BETWEEN, " ").split(",") if value else None
    if not isinstance(value, list):
        return None
    plain = (one for one in value if isinstance(one, str | int) and not isinstance(one, bool))
    return [str(one).replace(BETWEEN, " ") for one in plain] or None


def plain_commas(text: str) -> str:
    """A text of several values with nothing but a comma between them. SQL does the same with REPLACE."""
    for sign, becomes in DIVIDERS:
        text = text.replace(sign, becomes)
    return text


def part_sought(text: str) -> str:
    """What must stand in `,` + `plain_commas(…)` + `,` where one of its parts is this text: quotes are none there."""
    bare = text.replace('"', "") or text
    return f",{bare},"


def read_as(kind: AttributeKind, value: Any) -> Any:
    """A value turned into what its attribute is declared as ("5" into 5, 31.12.2025 into 2025-12-31, ja into true,
    "a; b" into a list of both); one that cannot be, as it is.
    """
    if kind is AttributeKind.LIST:
        return _as_list(value)
    if typed_value(kind, value) is not None or value is None:
        return str(value) if kind is AttributeKind.TEXT and not isinstance(value, str) else value
    if kind is AttributeKind.TEXT:
        return "true" if value is True else "false" if value is False else _plain(value)
    if not isinstance(value, str):
        return value
    text = value.strip()
    if kind is AttributeKind.DAY:
        instant = read_instant(text)
        return value if instant is None else f"{instant:%Y-%m-%d}"
    column = ColumnType()
    column.look(text)
    read = column.reader()(text)
    return read if typed_value(kind, read) is not None else value


def _as_list(value: Any) -> Any:
    if not isinstance(value, str):
        return [str(value)] if isinstance(value, int) and not isinstance(value, bool) else value
    column = ColumnType()
    column.look(value)
    read = column.reader()(value.strip())
    parts = read if isinstance(read, list) else typed_reader("list", "")(value)
    return parts or value


def _plain(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return f"{value:.12f}".rstrip("0").rstrip(".")
