"""What a segment means: its typed tree, and the judgement of one customer by it.

Law: every condition is true or false, never unknown. A value that is missing (absent, null, empty text) or of
another type than it is compared with makes the condition false; `!=` and `not in` are exactly the opposite of `==`
and `in`, so they hold for a missing value. `store.segments` compiles the same tree to SQL; a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeAlias

Value: TypeAlias = str | int | float | bool | date
Order: TypeAlias = Literal["<", "<=", ">", ">="]

COLUMNS = ("email", "first_name", "last_name", "phone", "handle", "language", "country", "zone")
"""Names that mean a column of the customer; `address` is another word for `email`. All others are attributes."""


@dataclass(frozen=True)
class OneOf:
    """The value equals one of these. An integer equals the text that writes it: 10115 is "10115"."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Ordered:
    """The value comes before or after. Texts compare by code point; a date compares with the start of ISO texts."""

    field: str
    order: Order
    value: str | int | float | date


@dataclass(frozen=True)
class Contains:
    """The value is a text with this inside; the case of letters matters."""

    field: str
    text: str


@dataclass(frozen=True)
class Empty:
    """The value is absent, null or the empty text."""

    field: str


@dataclass(frozen=True)
class Not:
    part: Node


@dataclass(frozen=True)
class AllOf:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class AnyOf:
    parts: tuple[Node, ...]


Node: TypeAlias = OneOf | Ordered | Contains | Empty | Not | AllOf | AnyOf


@dataclass(frozen=True)
class Segment:
    """A rule over customers. `tree` is None for everyone."""

    text: str
    tree: Node | None

    @property
    def fields(self) -> frozenset[str]:
        """The names that the rule looks at."""
        return frozenset() if self.tree is None else frozenset(_fields(self.tree))


EVERYONE = Segment("", None)


def judge_segment(segment: Segment, values: Mapping[str, Any]) -> bool:
    """Whether the rule takes a customer with these values (columns and attributes by name; `email` the address)."""
    return segment.tree is None or _judge(segment.tree, values)


def is_missing(value: Any) -> bool:
    """Absent, null or the empty text."""
    return value is None or value == ""


def equal_forms(values: tuple[Value, ...]) -> tuple[set[str], set[int | float], set[bool], set[str]]:
    """The texts, numbers, truths and ISO dates that equal one of `values`, for both judges."""
    texts: set[str] = set()
    numbers: set[int | float] = set()
    truths: set[bool] = set()
    dates: set[str] = set()
    for value in values:
        if isinstance(value, bool):
            truths.add(value)
        elif isinstance(value, str):
            texts.add(value)
            if _DIGITS.fullmatch(value):
                numbers.add(int(value))
        elif isinstance(value, date):
            dates.add(value.isoformat())
        else:
            numbers.add(value)
            if isinstance(value, int):
                texts.add(str(value))
    return texts, numbers, truths, dates


_DIGITS = re.compile(r"(?:0|-?[1-9][0-9]{0,14})", re.ASCII)


def _judge(node: Node, values: Mapping[str, Any]) -> bool:
    match node:
        case AllOf(parts):
            return all(_judge(part, values) for part in parts)
        case AnyOf(parts):
            return any(_judge(part, values) for part in parts)
        case Not(part):
            return not _judge(part, values)
        case Empty(field):
            return is_missing(values.get(field))
        case Contains(field, text):
            found = values.get(field)
            return isinstance(found, str) and text in found
        case OneOf(field, wanted):
            return _is_one_of(values.get(field), wanted)
        case Ordered(field, order, limit):
            return _is_ordered(values.get(field), order, limit)


def _is_one_of(found: Any, wanted: tuple[Value, ...]) -> bool:
    texts, numbers, truths, dates = equal_forms(wanted)
    if isinstance(found, bool):
        return found in truths
    if isinstance(found, str):
        return found in texts or (bool(dates) and has_iso_date(found) and found[:10] in dates)
    return isinstance(found, int | float) and found in numbers


def has_iso_date(text: str) -> bool:
    """Whether a text begins in the form of an ISO date. SQL asks the same with LIKE '____-__-__%'."""
    return len(text) >= 10 and text[4] == "-" and text[7] == "-"


def _is_ordered(found: Any, order: Order, limit: str | int | float | date) -> bool:
    if isinstance(limit, date):
        if not (isinstance(found, str) and has_iso_date(found)):
            return False
        found, limit = found[:10], limit.isoformat()
    if isinstance(limit, str):
        return isinstance(found, str) and found != "" and _compare(found, order, limit)
    number = isinstance(found, int | float) and not isinstance(found, bool)
    return number and _compare(found, order, limit)


def _compare(left: Any, order: Order, right: Any) -> bool:
    match order:
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
        case ">=":
            return bool(left >= right)


def _fields(node: Node) -> Iterator[str]:
    match node:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _fields(part)
        case Not(part):
            yield from _fields(part)
        case OneOf(field) | Ordered(field) | Contains(field) | Empty(field):
            yield field
