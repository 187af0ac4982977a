"""What a known person gains by a row of a file, field by field: merged, replaced, or only filled where it was empty.

Law: merged, an empty cell says nothing and changes nothing; an unsubscribed person is never subscribed by a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..contacts import phone_end
from ..errors import UsageError
from ..records import SubscriptionState
from ..words import Vocabulary
from .intake import PLAIN_FIELDS, Person
from .places import ZONES


class Way(Vocabulary):
    """What becomes of a known customer's field. merge: a cell that is not empty counts; lists are joined."""

    MERGE = "merge"
    REPLACE = "replace"
    FILL_EMPTY = "fill-empty"


class Ways:
    """The way of each field and attribute; what is not named goes the way of all the rest."""

    def __init__(self, rest: Way = Way.MERGE, named: Mapping[str, Way] | None = None) -> None:
        self.rest, self.named = rest, dict(named or {})

    def of(self, name: str) -> Way:
        """The way of a field or attribute."""
        return self.named.get(name, self.rest)

    @property
    def plain(self) -> bool:
        """Whether all is merged: then nothing needs asking."""
        return self.rest is Way.MERGE and all(way is Way.MERGE for way in self.named.values())

    def told(self) -> list[str]:
        """As they are given on the command line."""
        rest = [] if self.rest is Way.MERGE else [self.rest.value]
        return rest + [f"{name}={way.value}" for name, way in sorted(self.named.items())]


def read_ways(given: list[str]) -> Ways:
    """Read `fill-empty` (all fields) and `phone=replace` (one). Raises UsageError for anything else."""
    ways = Ways()
    for one in given:
        name, sign, word = one.rpartition("=")
        try:
            way = Way(word.strip())
        except ValueError:
            raise UsageError(
                f"--when-known {one}: {word!r} is no way",
                remedy="Say merge, replace or fill-empty, for one field as phone=fill-empty.",
            ) from None
        if sign:
            ways.named[name.strip()] = way
        else:
            ways.rest = way
    return ways


def new_fields(person: Person) -> dict[str, str]:
    """The columns of a new customer; a country with one time zone gives the zone where the row has none."""
    return _with_end(_with_zone(person.fields, None, None))


def changed_fields(person: Person, known: Any, ways: Ways | None = None) -> dict[str, Any]:
    """What the row changes in a known customer's columns and attributes; empty where it changes nothing."""
    if ways is not None and not ways.plain:
        return _by_ways(person, known, ways)
    told = _with_zone(person.fields, known.zone, known.country)
    changed: dict[str, Any] = _with_end({name: value for name, value in told.items() if getattr(known, name) != value})
    attributes = known.attributes
    for name, value in person.attributes.items():
        value = _joined(attributes.get(name), value)
        if name not in attributes or attributes[name] != value or type(attributes[name]) is not type(value):
            told_all = {name: _joined(attributes.get(name), value) for name, value in person.attributes.items()}
            changed["attributes"] = attributes | told_all
            break
    return changed


def _by_ways(person: Person, known: Any, ways: Ways) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for name in PLAIN_FIELDS:
        value, way, had = person.fields.get(name), ways.of(name), getattr(known, name)
        if value is None and way is Way.REPLACE and name in person.empty and had is not None:
            changed[name] = None
        elif value is not None and value != had and not (way is Way.FILL_EMPTY and had):
            changed[name] = value
    attributes = dict(known.attributes)
    for name in person.empty:
        if ways.of(name) is Way.REPLACE:
            attributes.pop(name, None)
    for name, value in person.attributes.items():
        way, had = ways.of(name), attributes.get(name)
        if way is Way.FILL_EMPTY and had not in (None, ""):
            continue
        attributes[name] = _joined(had, value) if way is Way.MERGE else value
    if attributes != known.attributes or _types(attributes) != _types(known.attributes):
        changed["attributes"] = attributes
    if changed.get("phone", "") is None:
        changed["phone_end"] = None
    zoned = _with_zone({k: v for k, v in changed.items() if k == "country" and v}, known.zone, None)
    return _with_end(changed | zoned if "zone" not in changed else changed)


def _joined(had: Any, value: Any) -> Any:
    """Of two lists both; of anything else the new one."""
    if isinstance(had, list) and isinstance(value, list):
        return had + [one for one in value if one not in had]
    return value


def _types(attributes: Mapping[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in attributes.items()}


def _with_end(told: dict[str, Any]) -> dict[str, Any]:
    """With a number goes its ending, by which calls are looked up."""
    return told | {"phone_end": phone_end(told["phone"])} if told.get("phone") else told


def _with_zone(told: dict[str, Any], zone: str | None, country: str | None) -> dict[str, Any]:
    place = told.get("country") or country
    if "zone" not in told and not zone and place in ZONES:
        return told | {"zone": ZONES[place]}
    return told


def first_state(told: SubscriptionState | None, *, dated: bool, asks_twice: bool) -> SubscriptionState:
    """The state of a subscription that a row makes; `dated`: it tells when the person agreed."""
    wanted = told or SubscriptionState.SUBSCRIBED
    waits = asks_twice and wanted is SubscriptionState.SUBSCRIBED and not dated
    return SubscriptionState.PENDING if waits else wanted


def next_state(
    person: Person, known: SubscriptionState | None, *, asks_twice: bool = False
) -> SubscriptionState | None:
    """The state that the row gives to a subscription, or None where it stays as it is, or is not made.

    `asks_twice`: the list's double opt-in; there a row without the date of a consent waits.
    """
    if not person.tied:
        return None
    wanted = person.status or SubscriptionState.SUBSCRIBED
    if known is None:
        return first_state(person.status, dated=person.consent_at is not None, asks_twice=asks_twice)
    if known is SubscriptionState.UNSUBSCRIBED or wanted is known or wanted is SubscriptionState.PENDING:
        return None
    if known is SubscriptionState.PENDING and wanted is SubscriptionState.SUBSCRIBED and not person.consent_at:
        return None  # a file without the date of a confirmation confirms nothing
    return wanted
