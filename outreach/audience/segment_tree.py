"""What a segment means: its typed tree, and the judgement of one customer by it.

Law: every condition is true or false, never unknown. A value that is missing (absent, null, empty text) or of
another type than it is compared with makes the condition false; `!=` and `not in` are exactly the opposite of `==`
and `in`, so they hold for a missing value. What happened to a customer comes in as events. `store.segments` compiles
the same tree to SQL; a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, TypeAlias

from ..words import AttributeKind
from .segment_words import region_codes
from .typed import part_sought, plain_commas, typed_value

Value: TypeAlias = str | int | float | bool | date
Order: TypeAlias = Literal["<", "<=", ">", ">="]
Times: TypeAlias = Literal["<", "<=", ">", ">=", "==", "!="]

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
class Has:
    """The value is a list with this among its members, or a text of several, divided by commas, semicolons or |."""

    field: str
    value: str | int | float


@dataclass(frozen=True)
class InRegion:
    """The country belongs to a region of `segment_words.REGIONS`."""

    name: str


@dataclass(frozen=True)
class Named:
    """The rule that is saved under this name; `put_saved` sets it in its place."""

    name: str


@dataclass(frozen=True)
class Happened:
    """Something happened so many times: at least once, where nothing else is said.

    `name`: of the campaign, list or goal; a campaign with its issue's number (tips-3) is that issue. `marks`: what
    else must hold. `since` and `before`: from the first on, and not from the second on; a span is so long ago.
    """

    what: str
    name: str = ""
    marks: tuple[tuple[str, str], ...] = ()
    since: date | timedelta | None = None
    before: date | timedelta | None = None
    order: Times = ">="
    number: int = 1


@dataclass(frozen=True)
class Event:
    """What happened to a customer once. `issue`: the number of the campaign's edition; `marks`: its words by mark."""

    what: str
    at: datetime
    name: str = ""
    issue: int | None = None
    marks: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Not:
    part: Node


@dataclass(frozen=True)
class AllOf:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class AnyOf:
    parts: tuple[Node, ...]


Node: TypeAlias = OneOf | Ordered | Contains | Empty | Has | InRegion | Named | Happened | Not | AllOf | AnyOf


@dataclass(frozen=True)
class Mention:
    """A name in a rule, for whoever knows what there is. `kind`: field, campaign, list, goal, topic, segment."""

    kind: str
    text: str
    column: int


@dataclass(frozen=True)
class Segment:
    """A rule over customers. `tree` is None for everyone; `now` is the instant that spans are counted from.

    `kinds`: the types of declared attributes; what does not fit its type is missing.
    """

    text: str
    tree: Node | None
    mentions: tuple[Mention, ...] = field(default=(), compare=False)
    now: datetime | None = None
    kinds: Mapping[str, AttributeKind] = field(default_factory=dict, compare=False)

    @property
    def fields(self) -> frozenset[str]:
        """The names that the rule looks at."""
        found = (getattr(node, "field", "country" if isinstance(node, InRegion) else None) for node in self.nodes)
        return frozenset(name for name in found if name is not None)

    @property
    def saved(self) -> tuple[str, ...]:
        """The saved rules that it names, in order."""
        return tuple(dict.fromkeys(node.name for node in self.nodes if isinstance(node, Named)))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every node of the tree."""
        return () if self.tree is None else tuple(walk(self.tree))


EVERYONE = Segment("", None)


def judge_segment(segment: Segment, values: Mapping[str, Any], events: Sequence[Event] = ()) -> bool:
    """Whether the rule takes a customer with these values (columns, attributes and facts by name; `email` the address)
    to whom this has happened. Raises ValueError where spans are counted from no instant, or a saved rule is missing.
    """
    if segment.tree is None:
        return True
    typed = {name: typed_value(segment.kinds[name], values.get(name)) for name in segment.fields & set(segment.kinds)}
    if isinstance(address := values.get("email"), str):
        typed["email"] = small(address)
    return _judge(segment.tree, _Person({**values, **typed} if typed else values, events, segment.now))


def small(address: str) -> str:
    """An address as rules compare it: A to Z as small letters. SQL does the same with `store.segment_events.Small`."""
    return address.translate(_SMALL)


_SMALL = dict(zip(range(ord("A"), ord("Z") + 1), range(ord("a"), ord("z") + 1), strict=True))


def put_saved(node: Node, saved: Mapping[str, Node]) -> Node:
    """The tree with saved rules in the places of their names. Raises KeyError for one that is not there."""
    match node:
        case Named(name):
            return saved[name]
        case Not(part):
            return Not(put_saved(part, saved))
        case AllOf(parts):
            return AllOf(tuple(put_saved(part, saved) for part in parts))
        case AnyOf(parts):
            return AnyOf(tuple(put_saved(part, saved) for part in parts))
    return node


def instant_of(moment: date | timedelta, now: datetime | None) -> datetime:
    """The instant at which a day begins (UTC), or so long before `now`."""
    if isinstance(moment, timedelta):
        if now is None:
            raise ValueError("a span needs the instant that it is counted from")
        return now - moment
    return datetime.combine(moment, time(), UTC)


@dataclass(frozen=True)
class _Person:
    values: Mapping[str, Any]
    events: Sequence[Event]
    now: datetime | None


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


def _judge(node: Node, person: _Person) -> bool:
    values = person.values
    match node:
        case AllOf(parts):
            return all(_judge(part, person) for part in parts)
        case AnyOf(parts):
            return any(_judge(part, person) for part in parts)
        case Not(part):
            return not _judge(part, person)
        case Empty(name):
            return is_missing(values.get(name))
        case Contains(name, text):
            found = values.get(name)
            return isinstance(found, str) and text in found
        case OneOf(name, wanted):
            return _is_one_of(values.get(name), wanted)
        case Ordered(name, order, limit):
            return _is_ordered(values.get(name), order, limit)
        case Has(name, value):
            return _has(values.get(name), value)
        case InRegion(name):
            return values.get("country") in region_codes(name)
        case Happened():
            return _times(node, person)
        case Named(name):
            raise ValueError(f"the saved rule {name} is not in its place")


def _times(node: Happened, person: _Person) -> bool:
    since = None if node.since is None else instant_of(node.since, person.now)
    before = None if node.before is None else instant_of(node.before, person.now)
    count = sum(
        event.what == node.what
        and (not node.name or node.name in (event.name, f"{event.name}-{event.issue or ''}"))
        and (since is None or event.at >= since)
        and (before is None or event.at < before)
        and all(value in event.marks.get(mark, ()) for mark, value in node.marks)
        for event in person.events
    )
    if node.order in ("==", "!="):
        return (count == node.number) is (node.order == "==")
    return _compare(count, node.order, node.number)


def _has(found: Any, value: str | int | float) -> bool:
    if isinstance(found, str):
        several = f",{plain_commas(found)},"
        return any(part_sought(text) in several for text in equal_forms((value,))[0])
    return isinstance(found, list) and any(_is_member(one, value) for one in found)


def _is_member(found: Any, value: str | int | float) -> bool:
    texts, numbers, _, _ = equal_forms((value,))
    if isinstance(found, str):
        return found in texts
    return isinstance(found, int | float) and not isinstance(found, bool) and found in numbers


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


def _compare(left: Any, order: str, right: Any) -> bool:
    match order:
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
        case _:
            return bool(left >= right)


def walk(node: Node) -> Iterator[Node]:
    """A node and all that stand inside it."""
    yield node
    match node:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from walk(part)
        case Not(part):
            yield from walk(part)
