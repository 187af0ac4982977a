"""One row of a file of people becomes a person, or a fault with its reason.

Law: an empty cell says nothing; a doubtful state and a formula are refused, a doubtful zone, country, language or phone
number is left empty and counted as a warning. Who has no e-mail address needs a number or a postal address.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..address import canonical_address
from ..contacts import is_withheld, split_handles, split_phones
from ..errors import InputError
from ..records import ContactKind, SubscriptionState, SuppressionReason
from .headings import Columns, field_of, free_name, network_of_heading
from .places import read_country, read_language
from .profiles import BOUNCED, LEFT, Profile
from .standing import KEPT, Standing, read_block, stricter
from .values import (
    NO_DAYS,
    ColumnType,
    clean,
    defused,
    is_formula,
    one_line,
    read_instant,
    read_status,
    says_left,
    says_yes,
)

LONGEST_NAME, LONGEST_CELL = 200, 10_000
MOST_ATTRIBUTES = 200
SEVERAL = ":::"
"""Between several addresses, or numbers, in one cell, as Google writes them: the first address counts."""
_NAMES = frozenset({"first_name", "last_name"})
_PLACES, MOST_PLACES = frozenset({"language", "country", "zone"}), 5_000
"""Fields of few values, each of which is read once."""
_DOUBTFUL = re.compile("['=\ufffd]")
"""What a row without control characters may still hold that needs a closer look: formulas, damage."""
PLAIN_FIELDS = ("first_name", "last_name", "phone", "handle", "language", "country", "zone")


@dataclass(slots=True)
class Person:
    """A good row. `fields` and `attributes` hold only what the row tells; `status` None: it tells no state.

    `address` "": they have none, but a number or `post`, a postal address on one line. `tied` False: no subscription
    is made. `block`: why the address must not be written to. `consent_at` None: the file gives no date; then the
    import's own counts. `contacts`: (kind, network, value) of handles and numbers beside the first of each. `empty`:
    fields and attributes whose cell is empty.
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
    tied: bool = True
    block: SuppressionReason | None = None
    post: str = ""
    empty: tuple[str, ...] = ()

    def stand(self, said: Standing) -> None:
        """Take in how the row, or its whole file, says that they stand to our mail."""
        now = Standing(self.status, self.block) if self.tied else Standing(None, self.block)
        first = self.tied and self.status is None and self.block is None
        both = said if first else stricter(now, said)
        assert both is not None
        self.status, self.block, self.tied = both.state, both.block, both.state is not None


class RowFault(Exception):
    """Why a row is refused, in words for a person. Caught by whoever reads the rows."""


class RowReader:
    """Reads the rows of one file. `zones`: every IANA zone by its name in small letters.

    `profile`: the program that wrote it; `all_rows`: what its name says of every row; `note_empty`: say of each person
    which cells are empty.
    """

    def __init__(
        self,
        columns: Columns,
        types: Mapping[str, Callable[[str], Any]],
        zones: Mapping[str, str],
        now: datetime,
        *,
        profile: Profile | None = None,
        all_rows: Standing | None = None,
        note_empty: bool = False,
    ) -> None:
        self._zones, self._now = zones, now
        self._profile, self.all_rows, self.note_empty = profile, all_rows, note_empty
        self._address = columns.place("address")
        self._postal = columns.postal
        self._places: dict[tuple[str, str], str] = {}
        self.fields = [(place, name) for name in PLAIN_FIELDS if (place := columns.place(name)) is not None]
        handle = columns.place("handle")
        self._network = network_of_heading(columns.headings[handle]) if handle is not None else ""
        self.more: list[tuple[int, str, str]] = []
        for place, meaning in enumerate(columns.meanings):
            kind, colon, network = meaning.partition(":")
            if colon and kind in ("handle", "phone"):
                self.more.append((place, kind, network))
        self.attributes = [
            (place, meaning[1:], types.get(meaning, str))
            for place, meaning in enumerate(columns.meanings)
            if meaning.startswith(".")
        ]
        self.ties = [
            (place, name)
            for name in (
                *("status", "opted_out", "bounced", "confirmed", "not_subscribed"),
                *("full_name", "attributes", "consent_at", "consent_how", "consent_words"),
            )
            for place in columns.places(name)
        ]
        self._width = columns.width

    def read(self, row: int, cells: list[str]) -> Person:
        """The person in a row. Raises RowFault with the reason to refuse it."""
        if len(cells) < self._width:
            cells = cells + [""] * (self._width - len(cells))
        line = "".join(cells)
        plain = line.isprintable() and len(line) <= LONGEST_CELL and not _DOUBTFUL.search(line)
        if not plain:
            self.check(cells)
            cells = [clean(cell) for cell in cells]
        person = Person(row, self._find_address(cells), {}, {})
        if self._address is not None and SEVERAL in cells[self._address]:
            person.warnings.append("further addresses in a cell")
        fields, attributes = person.fields, person.attributes
        for place, name in self.fields:
            if cell := cells[place]:
                if plain and name in _NAMES and len(cell) <= LONGEST_NAME:
                    if cell := " ".join(cell.split()):
                        fields[name] = cell
                elif known := self._places.get((name, cell)):
                    fields[name] = known
                else:
                    self.read_field(person, name, cell.strip())
                    if name in _PLACES and name in fields and len(self._places) < MOST_PLACES:
                        self._places[name, cell] = fields[name]
        for place, kind, network in self.more:
            if cell := cells[place].strip():
                self.read_more(person, kind, network, cell)
        for place, name, reader in self.attributes:
            if (cell := cells[place].strip()) and (plain or (cell := defused(cell))) and cell not in NO_DAYS:
                try:
                    attributes[name] = reader(cell)
                except (ValueError, RecursionError) as wrong:  # a column whose type was told
                    told = str(wrong) if " which is no " in str(wrong) else f"{name} holds no JSON: {wrong}"
                    raise RowFault(told[:200]) from None
        if self.ties or self.all_rows is not None:
            self.read_ties(person, cells)
        if self.note_empty:
            empty = [name for place, name in self.fields if not cells[place].strip()]
            said = ((name, cells[place].strip()) for place, name, _ in self.attributes)
            person.empty = (*empty, *(name for name, cell in said if not cell or cell in NO_DAYS))
        if not person.address:
            self._reach(person, cells)
        return person

    def _find_address(self, cells: list[str]) -> str:
        """The address of a row; nothing where it tells of none."""
        at = self._address
        if at is None or not (cell := cells[at].strip()) or ("@" not in cell and is_withheld(cell)):
            return ""
        return self.read_address(cell)

    def read_ties(self, person: Person, cells: list[str]) -> None:
        """Take in how a row says that they stand to our mail. Raises RowFault."""
        for place, name in self.ties:
            if cell := cells[place].strip():
                self._read_tie(person, name, cell)
            elif name == "status" and self._profile and self._profile.empty:
                person.stand(self._profile.empty)
        if self.all_rows is not None:
            person.stand(self.all_rows)

    def _reach(self, person: Person, cells: Sequence[str]) -> None:
        """Of somebody without an e-mail address: where they can be written to or called. Refused where nowhere."""
        parts = [one_line(defused(clean(cells[place]))) for place in self._postal]
        street, *rest = parts or [""]
        if street and any(rest):
            person.post = ", ".join(filter(None, (street, " ".join(filter(None, rest)))))[:LONGEST_NAME]
            person.contacts.append((ContactKind.POST, "", person.post))
        elif "phone" not in person.fields:
            raise RowFault("no e-mail address, and neither a phone number nor a postal address")

    @staticmethod
    def check(cells: Sequence[str]) -> None:
        """Raise RowFault where a cell of the row would be refused whatever its column means."""
        for place, cell in enumerate(cells, 1):
            if "\0" in cell:
                raise RowFault(f"a NUL character in column {place}")
            if len(cell) > LONGEST_CELL:
                raise RowFault(f"{len(cell):,} characters in column {place}; at most {LONGEST_CELL:,} are kept")
            if "\ufffd" in cell:
                raise RowFault(f"damaged characters in column {place}: bytes that are not in the file's encoding")
            if cell.lstrip()[:1] == "=" and is_formula(cell):
                raise RowFault(f"a formula in column {place}: save its result, not the formula")

    @staticmethod
    def read_address(cell: str) -> str:
        """The canonical address in a cell that is not empty. Raises RowFault."""
        if cell[:7].lower() == "mailto:":
            cell = cell[7:]
        try:
            return canonical_address(defused(cell).partition(SEVERAL)[0].strip())
        except InputError as wrong:
            raise RowFault(wrong.message) from None

    def read_field(self, person: Person, name: str, cell: str) -> None:
        """Read a cell that is not empty of one of PLAIN_FIELDS. Raises RowFault."""
        read: str | None
        cell = defused(cell)
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

    def read_more(self, person: Person, kind: str, network: str, cell: str) -> None:
        """A further column of numbers or handles; the first good one fills the customer's own column if it is empty."""
        cell = defused(cell)
        found = split_handles(cell, network) if kind == "handle" else [("", one) for one in split_phones(cell)]
        if found and kind not in person.fields:
            person.fields[kind] = found[0][1]
            found = [one for place, one in enumerate(found) if place > 0 or one[0]]
        elif not found:
            person.warnings.append(f"unknown {kind}: {one_line(cell)[:40]}")
        person.contacts += [(ContactKind(kind), *one) for one in found]

    def _read_tie(self, person: Person, name: str, cell: str) -> None:
        if name == "status":
            self._read_status(person, cell)
        elif name in ("opted_out", "bounced", "not_subscribed"):
            if says_left(cell):
                left = LEFT if self._profile else Standing(SubscriptionState.UNSUBSCRIBED)
                person.stand({"opted_out": left, "bounced": BOUNCED}.get(name, KEPT))
        elif name == "confirmed":
            person.stand(Standing(SubscriptionState.SUBSCRIBED if says_yes(cell) else SubscriptionState.PENDING))
        elif name == "full_name":
            self._read_whole_name(person, defused(cell))
        elif name == "attributes":
            self._read_attributes(person, cell)
        elif name == "consent_at":
            at = read_instant(cell)
            if at is None or at > self._now:
                person.warnings.append(f"{'unreadable' if at is None else 'future'} date of consent: {cell[:40]}")
                person.consent_words = f"date of consent as given: {one_line(cell)[:80]}"
            person.consent_at = at if at is not None and at <= self._now else None
        elif name == "consent_how":
            person.consent_how = one_line(defused(cell))[:LONGEST_NAME]
        else:
            person.consent_words = "; ".join(filter(None, (person.consent_words, defused(cell))))

    def _read_status(self, person: Person, cell: str) -> None:
        said = self._profile.standing(cell) if self._profile else None
        if said is None and (state := read_status(cell)) is not None:
            said = Standing(state, read_block(cell))
        if said is None:
            raise RowFault(f"unknown status {one_line(cell)[:40]!r}: subscribed, unsubscribed, bounced, pending?")
        person.stand(said)

    def _read_whole_name(self, person: Person, cell: str) -> None:
        """ "Ann Baker" or "Baker, Ann": the first word and the rest, where the row does not tell them apart."""
        last, comma, first = one_line(cell).partition(",")
        if not comma:
            first, _, last = last.partition(" ")
        for name, said in (("first_name", first.strip()), ("last_name", last.strip())):
            if said and name not in person.fields:
                self.read_field(person, name, said)

    def _read_attributes(self, person: Person, cell: str) -> None:
        """A JSON object of attributes, as listmonk and Keila write it; what nests deeper is kept as its own text."""
        try:
            told = json.loads(cell)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise RowFault(f"the attributes are no JSON object: {one_line(cell)[:40]}")
        for name, value in list(told.items())[:MOST_ATTRIBUTES]:
            if (known := field_of(str(name))) in PLAIN_FIELDS and _is_word(value):
                self._read_told(person, known, str(name), str(value))
                continue
            if isinstance(value, list) and all(isinstance(one, str | int | float | bool) for one in value):
                kept: Any = value
            else:
                kept = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
            if kept not in (None, "", []):
                person.attributes.setdefault(free_name(str(name)), kept)

    def _read_told(self, person: Person, known: str, name: str, value: str) -> None:
        """What the attributes say of a field; a column of its own says it more surely."""
        if known in ("phone", "handle"):
            self.read_more(person, known, network_of_heading(name), value)
        elif known not in person.fields and value.strip():
            self.read_field(person, known, value)


def _is_word(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def column_types(
    columns: Columns, parts: Iterable[list[list[str]]], wanted: Iterable[str] = ()
) -> dict[str, ColumnType]:
    """What each attribute's whole column holds, by its meaning, but for the `wanted`, whose types somebody told.

    `parts`: the rows of the file, some at a time.
    """
    types = {one: ColumnType() for one in columns.meanings if one.startswith(".") and one not in set(wanted)}
    open_types = [(place, types[meaning]) for place, meaning in enumerate(columns.meanings) if meaning in types]
    for part in parts:
        if open_types:
            open_types = [
                (place, kind)
                for place, kind in open_types
                if kind.look_at([cells[place] for cells in part if place < len(cells)])
            ]
    return types
