"""Mails of one edition by the thousand: what people of one kind would read is laid out once and printed for each.

Law: a person's kind is every value that decides about the page (see `uses`), and of each other value whether it is
there; two people of one kind get the same page but for the values printed. Where that is not certain, each mail is
rendered by itself. A test compares both ways.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Protocol

from ..errors import TemplateError
from .encoding import Encoded, encode_text
from .quoted import Value
from .render import FIELDS, Links, Renderer, customer_values
from .sandbox import Holes, plain
from .shape import Shape
from .tips import ChosenTip
from .uses import Uses, read_uses

MOST_KINDS = 1000
MOST_VALUES = 500
"""So many readings of one value are kept, while at least every second person has one of them."""


class Person(Protocol):
    """What is read of a person."""

    @property
    def attributes(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Printed:
    """A mail's content in its transfer encodings; `images` are the Content-IDs that the HTML shows."""

    subject: str
    text: Encoded
    html: Encoded
    images: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Plate:
    """How the mails of one kind are filled.

    The page's holes take, by `take`, from a row of a person's values: those that the templates use in their order,
    the links, `constants`, and the `joined` ones, which are texts with places in that row between them.
    """

    shape: Shape
    take: itemgetter[Any] | None
    single: bool
    constants: tuple[Value, ...]
    joined: tuple[tuple[str, ...], ...]
    subject: tuple[str, ...]


class Plates:
    """The plates of one edition, made when they are first needed. Safe to share between threads."""

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = renderer
        uses = _uses(renderer)
        found = sorted(uses.printed | uses.deciding) if uses is not None else []
        self._used = [_Used(name, name in FIELDS, uses is not None and name in uses.deciding) for name in found]
        self._tracked = bool(renderer.frozen.get("tracked"))
        self._people = 0
        self._texts: dict[str, Value] = {}
        self._may_keep = uses is not None
        self._plates: dict[Hashable, _Plate | None] = {}
        self._reused = 0
        self._lock = threading.Lock()
        self._token = re.compile(rf"{renderer.frozen['prefix']}v([0-9]+)q")

    def print(self, person: Person | None, tips: Sequence[ChosenTip], links: Links) -> Printed:
        """The mail's content for one person. Raises TemplateError as `Renderer.render` does."""
        if not self._may_keep:
            return self._by_itself(person, tips, links)
        row, kind = self._read(person)
        row += [Value(links.unsubscribe_url), Value(links.view_url)]
        if not row[-2].markable or not (row[-1].markable or not links.view_url):
            return self._by_itself(person, tips, links)
        if self._tracked:
            row.append(Value(links.click_url))
        key = (*kind, *tips, not links.view_url, not links.click_url)
        try:
            plate = self._plates[key]
            self._reused += 1
        except KeyError:
            plate = self._keep(key, self._make(person, kind, tips, links))
        if plate is None:
            return self._by_itself(person, tips, links)
        return self._filled(plate, row)

    def _filled(self, plate: _Plate, row: list[Value]) -> Printed:
        if plate.constants or plate.joined:
            row += plate.constants
            row += [self._value(_joined(pieces, row)) for pieces in plate.joined]
        if plate.take is None:
            values: Sequence[Value] = ()
        else:
            values = (plate.take(row),) if plate.single else plate.take(row)
        text, html = plate.shape.encoded(values)
        return Printed(_joined(plate.subject, row), text, html, plate.shape.images)

    def _by_itself(self, person: Person | None, tips: Sequence[ChosenTip], links: Links) -> Printed:
        values = person_values(person)
        laid = self.renderer.lay(values, tips, links)
        if laid is None:
            whole = self.renderer.render_whole(values, tips, links)
            return Printed(whole.subject, encode_text(whole.text), encode_text(whole.html), whole.images)
        text, html = laid.shape.encoded(laid.values)
        return Printed(laid.subject, text, html, laid.shape.images)

    def _read(self, person: Person | None) -> tuple[list[Value], list[Hashable]]:
        """The values that the templates use, and of what kind that makes the person: see `_kind`."""
        row: list[Value] = []
        kind: list[Hashable] = []
        attributes = (person.attributes or {}) if person is not None else {}
        self._people += 1
        for use in self._used:
            raw = getattr(person, use.name, None) if use.is_field else attributes.get(use.name)
            value = use.known.get(raw) if type(raw) is str else None
            if value is None:
                if use.is_field and (raw is None or plain(raw) is None):
                    raw = attributes.get(use.name)
                if type(raw) is str:
                    value = use.known[raw] if raw in use.known else use.learn(raw, self._people)
            if type(raw) is str:
                kind.append(None if value is None else value.text if use.decides or not value.markable else True)
            else:
                value = None if use.decides else self._number(raw)
                kind.append(True if value is not None else _told_apart(plain(raw)))
            row.append(value or _NOTHING)
        return row, kind

    def _value(self, text: str) -> Value:
        value = self._texts.get(text)
        if value is None:
            if len(self._texts) >= MOST_VALUES:
                self._texts = {}
            value = self._texts[text] = Value(text)
        return value

    def _number(self, raw: Any) -> Value | None:
        """A number of a person's that is something to a template, as it is printed."""
        return self._value(str(raw)) if raw and isinstance(raw, int | float) else None

    def _make(
        self, person: Person | None, kind: Sequence[Hashable], tips: Sequence[ChosenTip], links: Links
    ) -> _Plate | None:
        """The plate of a kind, laid out with tokens for the values that are left out; None where it cannot be."""
        renderer, values = self.renderer, person_values(person)
        for at, use in enumerate(self._used):
            if kind[at] is True:
                values[use.name] = self._word(at)
        last = len(self._used) + 1 + self._tracked
        marked = Links(
            self._word(len(self._used)),
            self._word(len(self._used) + 1) if links.view_url else "",
            self._word(last) if self._tracked and links.click_url else "",
        )
        holes = Holes(renderer.mark)
        try:
            subject, _, page = renderer.run(values, tips, marked, holes)
        except TemplateError:
            return None  # the mail by itself tells what is wrong, in the person's own words
        if self._token.search(page):
            return None
        shape = renderer.shape(page)
        if len(set(shape.order)) != len(holes.values):
            return None
        sources: list[int | Value | tuple[str, ...]] = [self._source(text) for text in holes.values]
        constants = [source for source in sources if isinstance(source, Value)]
        joined = [source for source in sources if isinstance(source, tuple)]
        width = last + 1
        at_constant, at_joined = iter(range(width, width + len(constants))), iter(range(width + len(constants), 10**9))
        order = [
            source if isinstance(source, int) else next(at_constant if isinstance(source, Value) else at_joined)
            for source in sources
        ]
        return _Plate(
            shape,
            itemgetter(*order) if order else None,
            len(order) == 1,
            tuple(constants),
            tuple(joined),
            tuple(self._token.split(subject)),
        )

    def _keep(self, key: Hashable, plate: _Plate | None) -> _Plate | None:
        """Keep a plate. Where hardly any is used again, everybody's mail is laid out by itself from now on."""
        with self._lock:
            if len(self._plates) >= MOST_KINDS:
                self._may_keep = self._reused > len(self._plates)
                self._plates, self._reused = {}, 0
            self._plates[key] = plate
        return plate

    def _word(self, place: int) -> str:
        return f"{self.renderer.frozen['prefix']}v{place}q"

    def _source(self, text: str) -> int | Value | tuple[str, ...]:
        """Where the text of a hole comes from: a place in the row, the same for all, or put together."""
        pieces = self._token.split(text)
        if len(pieces) == 1:
            return Value(text)
        return int(pieces[1]) if len(pieces) == 3 and not pieces[0] and not pieces[2] else tuple(pieces)


class _Used:
    """A value of people's that the templates use, and how it is printed for those who have the same.

    `decides`: it decides about the page.
    """

    __slots__ = ("_keeps", "_since", "decides", "is_field", "known", "name")

    def __init__(self, name: str, is_field: bool, decides: bool) -> None:
        self.name, self.is_field, self.decides = name, is_field, decides
        self.known: dict[str, Value | None] = {}
        self._keeps, self._since = True, 0

    def learn(self, raw: str, people: int) -> Value | None:
        """How a text is printed, None where it is empty. It is not kept where hardly two `people` have the same."""
        text = plain(raw)
        value = None if text is None else Value(text)
        if self._keeps:
            if len(self.known) >= MOST_VALUES:
                self._keeps = people - self._since > 2 * MOST_VALUES
                self.known, self._since = {}, people
            self.known[raw] = value
        return value


_NOTHING = Value("")


def person_values(person: Person | None) -> dict[str, Any]:
    """What a template may know of a person."""
    if person is None:
        return {}
    return customer_values({**{name: getattr(person, name) for name in FIELDS}, "attributes": person.attributes})


def _joined(pieces: Sequence[str], row: Sequence[Value]) -> str:
    if len(pieces) == 1:
        return pieces[0]
    whole = list(pieces)
    whole[1::2] = [row[int(place)].text for place in pieces[1::2]]
    return "".join(whole)


def _told_apart(value: Any) -> Hashable:
    """Something that is equal only for equal values; None for a value that is absent."""
    return None if value is None else (type(value).__name__, repr(value))


def _uses(renderer: Renderer) -> Uses | None:
    """What the edition's templates do with people's values; None where no value may be left out of a page."""
    frozen = renderer.frozen
    if not frozen["marks"] or frozen["method"] != "template":
        return None
    texts = [text for tip in frozen["tips"].values() for text in tip["texts"].values()]
    pages = [frozen["layout"], *frozen["contents"], *(body for text in texts for body in text["bodies"])]
    uses = read_uses(
        renderer.environment,
        [page["source"] for page in pages],
        [frozen[key]["source"] for key in ("subject", "preheader")],
        [text["title"]["source"] for text in texts],
        renderer.facts,
    )
    if uses is not None and texts:
        uses.deciding.add("language")  # it chooses a tip's text
    return uses
