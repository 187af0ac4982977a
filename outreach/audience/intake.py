"""One row of a file of people becomes a person, or a fault with its reason; and what a known person gains by it.

Law: an empty cell says nothing and changes nothing; an unsubscribed person is never subscribed by a file; a doubtful
state is refused, a doubtful zone, country, language or phone number is left empty and counted as a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..address import canonical_address
from ..contacts import phone_end, split_handles, split_phones
from ..errors import InputError
from ..records import ContactKind, SubscriptionState
from .headings import Columns, network_of_heading
from .places import ZONES, read_country, read_language
from .values import ColumnType, clean, one_line, read_instant, read_status, says_yes

LONGEST_NAME, LONGEST_CELL = 200, 10_000
PLAIN_FIELDS = ("first_name", "last_name", "phone", "handle", "language", "country", "zone")


@dataclass(slots=True)
class Person:
    """A good row. `fields` and `attributes` hold only what the row tells; `status` None: it tells no state.

    `consent_at` None: the file gives no date; then the import's own counts. `contacts`: (kind, network, value) of
    handles and numbers beside the first of each.
    """

    row: int
    address: str
    fields: dict[str, str]
    attributes: dict[str, Any]
    status: SubscriptionState | None = None
    consent_at: datetime | None = None
    consent_how: str = ""
    consent_words: str = ""
    contacts: list[tuple[ContactKind, str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


class RowFault(Exception):
    """Why a row is refused, in words for a person. Caught by whoever reads the rows."""


class RowReader:
    """Reads the rows of one file. `zones`: every IANA zone by its name in small letters."""

    def __init__(
        self, columns: Columns, types: Mapping[str, Callable[[str], Any]], zones: Mapping[str, str], now: datetime
    ) -> None:
        self._zones, self._now = zones, now
        self._address = columns.place("address") or 0
        self._fields = [(place, name) for name in PLAIN_FIELDS if (place := columns.place(name)) is not None]
        handle = columns.place("handle")
        self._network = network_of_heading(columns.headings[handle]) if handle is not None else ""
        self._more: list[tuple[int, str, str]] = []
        for place, meaning in enumerate(columns.meanings):
            kind, colon, network = meaning.partition(":")
            if colon and kind in ("handle", "phone"):
                self._more.append((place, kind, network))
        self._attributes = [
            (place, meaning[1:], types.get(meaning, str))
            for place, meaning in enumerate(columns.meanings)
            if meaning.startswith(".")
        ]
        self._ties = [
            (place, name)
            for name in ("status", "opted_out", "consent_at", "consent_how", "consent_words")
            if (place := columns.place(name)) is not None
        ]
        self._width = columns.width

    def read(self, row: int, cells: list[str]) -> Person:
        """The person in a row. Raises RowFault with the reason to refuse it."""
        if len(cells) < self._width:
            cells = cells + [""] * (self._width - len(cells))
        self._check(cells)
        person = Person(row, self._read_address(cells[self._address]), {}, {})
        for place, name in self._fields:
            if cells[place]:
                self._read_field(person, name, clean(cells[place]))
        for place, kind, network in self._more:
            if cell := clean(cells[place]):
                self._read_more(person, kind, network, cell)
        for place, name, reader in self._attributes:
            if (cell := cells[place]) and (cell := clean(cell)):
                person.attributes[name] = reader(cell)
        for place, name in self._ties:
            if cell := clean(cells[place]):
                self._read_tie(person, name, cell)
        return person

    def _check(self, cells: Sequence[str]) -> None:
        row = "".join(cells)
        if len(row) <= LONGEST_CELL and "\0" not in row and (row.isascii() or "\ufffd" not in row):
            return
        for place, cell in enumerate(cells, 1):
            if "\0" in cell:
                raise RowFault(f"a NUL character in column {place}")
            if len(cell) > LONGEST_CELL:
                raise RowFault(f"{len(cell):,} characters in column {place}; at most {LONGEST_CELL:,} are kept")
            if "\ufffd" in cell:
                raise RowFault(f"damaged characters in column {place}: bytes that are not in the file's encoding")

    def _read_address(self, cell: str) -> str:
        cell = clean(cell)
        if cell[:7].lower() == "mailto:":
            cell = cell[7:]
        if not cell:
            raise RowFault("no e-mail address")
        try:
            return canonical_address(cell)
        except InputError as wrong:
            raise RowFault(wrong.message) from None

    def _read_field(self, person: Person, name: str, cell: str) -> None:
        read: str | None
        if name in ("first_name", "last_name"):
            read = one_line(cell)
            if len(read) > LONGEST_NAME:
                raise RowFault(
                    f"a {name.replace('_', ' ')} of {len(read):,} characters; at most {LONGEST_NAME} are kept"
                )
        elif name == "language":
            read = read_language(cell)
        elif name == "country":
            read = read_country(cell)
        elif name == "zone":
            read = self._zones.get(cell.lower().replace(" ", "_"))
        elif name == "phone":
            numbers = split_phones(cell)
            read = next(iter(numbers), None)
            person.contacts += [(ContactKind.PHONE, "", number) for number in numbers[1:]]
        else:
            handles = split_handles(cell, self._network)
            read = handles[0][1] if handles else None
            person.contacts += [(ContactKind.HANDLE, *one) for place, one in enumerate(handles) if place > 0 or one[0]]
        if read:
            person.fields[name] = read
        elif cell:
            person.warnings.append(f"unknown {name.replace('zone', 'time zone')}: {one_line(cell)[:40]}")

    def _read_more(self, person: Person, kind: str, network: str, cell: str) -> None:
        """A further column of numbers or handles; the first good one fills the customer's own column if it is empty."""
        found = split_handles(cell, network) if kind == "handle" else [("", one) for one in split_phones(cell)]
        if found and kind not in person.fields:
            person.fields[kind] = found[0][1]
            found = [one for place, one in enumerate(found) if place > 0 or one[0]]
        elif not found:
            person.warnings.append(f"unknown {kind}: {one_line(cell)[:40]}")
        person.contacts += [(ContactKind(kind), *one) for one in found]

    def _read_tie(self, person: Person, name: str, cell: str) -> None:
        if name == "status":
            state = read_status(cell)
            if state is None:
                raise RowFault(f"unknown status {one_line(cell)[:40]!r}: subscribed, unsubscribed, bounced, pending?")
            person.status = person.status or state
        elif name == "opted_out":
            if says_yes(cell):
                person.status = SubscriptionState.UNSUBSCRIBED
        elif name == "consent_at":
            at = read_instant(cell)
            if at is None or at > self._now:
                person.warnings.append(f"{'unreadable' if at is None else 'future'} date of consent: {cell[:40]}")
                person.consent_words = f"date of consent as given: {one_line(cell)[:80]}"
            person.consent_at = at if at is not None and at <= self._now else None
        elif name == "consent_how":
            person.consent_how = one_line(cell)[:LONGEST_NAME]
        else:
            person.consent_words = "; ".join(filter(None, (person.consent_words, cell)))


def survey_types(columns: Columns, rows: Iterable[list[str]]) -> dict[str, Callable[[str], Any]]:
    """How to read the cells of each attribute, by its meaning: the type that fits its whole column."""
    types = {meaning: ColumnType() for meaning in columns.meanings if meaning.startswith(".")}
    open_types = [(place, types[meaning]) for place, meaning in enumerate(columns.meanings) if meaning in types]
    for cells in rows:
        settled = False
        for place, kind in open_types:
            if place < len(cells) and cells[place] and not kind.look(cells[place]):
                settled = True
        if settled:
            open_types = [(place, kind) for place, kind in open_types if kind.look("")]
    return {meaning: kind.reader() for meaning, kind in types.items()}


def new_fields(person: Person) -> dict[str, str]:
    """The columns of a new customer; a country with one time zone gives the zone where the row has none."""
    return _with_end(_with_zone(person.fields, None, None))


def changed_fields(person: Person, known: Any) -> dict[str, Any]:
    """What the row changes in a known customer's columns and attributes; empty where it changes nothing."""
    told = _with_zone(person.fields, known.zone, known.country)
    changed: dict[str, Any] = _with_end({name: value for name, value in told.items() if getattr(known, name) != value})
    attributes = known.attributes
    for name, value in person.attributes.items():
        if name not in attributes or attributes[name] != value or type(attributes[name]) is not type(value):
            changed["attributes"] = attributes | person.attributes
            break
    return changed


def _with_end(told: dict[str, str]) -> dict[str, str]:
    """With a number goes its ending, by which calls are looked up."""
    return told | {"phone_end": phone_end(told["phone"])} if "phone" in told else told


def _with_zone(told: dict[str, str], zone: str | None, country: str | None) -> dict[str, str]:
    place = told.get("country") or country
    if "zone" not in told and not zone and place in ZONES:
        return told | {"zone": ZONES[place]}
    return told


def next_state(person: Person, known: SubscriptionState | None) -> SubscriptionState | None:
    """The state that the row gives to a subscription, or None where it stays as it is."""
    wanted = person.status or SubscriptionState.SUBSCRIBED
    if known is None:
        return wanted
    if known is SubscriptionState.UNSUBSCRIBED or wanted is known or wanted is SubscriptionState.PENDING:
        return None
    if known is SubscriptionState.PENDING and wanted is SubscriptionState.SUBSCRIBED and not person.consent_at:
        return None  # a file without the date of a confirmation confirms nothing
    return wanted
