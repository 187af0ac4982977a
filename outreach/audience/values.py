"""What the cells of a file of people say: names, phone numbers, states, dates, and the types of unknown columns.

Law: the type of an attribute is its whole column's: one cell that is no number makes all of them texts, so that
postcodes (01067, 10115) stay texts and a segment finds one kind of value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from ..records import SubscriptionState
from .places import fold

_STATES = {
    SubscriptionState.SUBSCRIBED: "subscribed, active, activated, confirmed, opted in, opt in, member, yes, y, true, 1,"
    " x, ok, on, aktiv, abonniert, angemeldet, bestätigt, eingewilligt, ja, wahr, actif, active, abonné, abonnée, "
    "inscrit, inscrite, confirmé, oui, vrai, activo, activa, suscrito, suscrita, confirmado, sí, verdadero",
    SubscriptionState.UNSUBSCRIBED: "unsubscribed, unreachable, blocklisted, hard bounce,"
    " inactive, opted out, opt out, cancelled, canceled, removed, no, n,"
    " false, 0, off, bounced, bounce, hard bounced, hardbounce, soft bounced, invalid, undeliverable, cleaned,"
    " complained, complaint, spam, spam complaint, abuse, blocked, blacklisted, suppressed, abgemeldet, ausgetragen,"
    " inaktiv, gesperrt, gekündigt, widerrufen, unzustellbar, ungültig, nein, falsch,"
    " désabonné, désabonnée, désinscrit, désinscrite, inactif,"
    " rejeté, non, faux, cancelado, cancelada, dado de baja, baja, inactivo, rebotado, falso",
    SubscriptionState.PENDING: "pending, unconfirmed, not confirmed, waiting, invited, ausstehend, unbestätigt,"
    " wartend, en attente, non confirmé, pendiente, sin confirmar",
}
_STATE_BY_WORD = {fold(word): state for state, words in _STATES.items() for word in words.split(",")}
_TRUTHS = {fold(w): True for w in ("true", "yes", "ja", "wahr", "oui", "vrai", "sí", "verdadero")} | {
    fold(w): False for w in ("false", "no", "nein", "falsch", "non", "faux", "falso")
}
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,14}", re.ASCII)
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,12})(?:\.[0-9]{1,10})?", re.ASCII)
_POINTED_DAY = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})", re.ASCII)
_NAMED_ZONE = re.compile(
    r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?: ([+-]\d{4}) [A-Z0-9+-]{1,6}| UTC| GMT)", re.ASCII
)
_QUOTED_PARTS = re.compile(r'\s*"(?:[^"]|"")*"(?:\s*,\s*"(?:[^"]|"")*")*\s*')
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def clean(cell: str) -> str:
    """A cell without surrounding white space and invisible characters, its newlines as \\n."""
    cell = cell.strip()
    if not cell.isascii():
        cell = cell.translate(_INVISIBLE).strip()
    return cell.replace("\r\n", "\n").replace("\r", "\n") if "\r" in cell else cell


def defused(cell: str) -> str:
    """A cell without the mark that keeps spreadsheets from running it: '=SUM is =SUM, ="01067" is 01067."""
    if cell[:1] == "'" and _DEFUSED.match(cell):
        return cell[1:]
    if cell[:2] == '="' and _QUOTED.fullmatch(cell):
        return cell[2:-1].replace('""', '"')
    return cell


def fuse(cell: str) -> str:
    """A cell as it is written for spreadsheets: what one would take for a formula gets a ' in front.

    `defused` gives back what was there.
    """
    return "'" + cell if cell[:1] in "'=+-@\t\r" and _RISKY.match(cell) else cell


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would compute this cell; ="01067", by which programs keep a text as it is, is none."""
    plain = cell.strip()
    return plain[:1] == "=" and len(plain) > 1 and not _QUOTED.fullmatch(plain)


_RISKY = re.compile(r"'*[=+\-@\t\r]")
_DEFUSED = re.compile(r"'+[=+\-@\t\r]")
_QUOTED = re.compile(r'="(?:[^"]|"")*"')


def one_line(cell: str) -> str:
    """A name or word on one line, without control and direction characters that could forge a header or a page."""
    return " ".join(_CONTROLS.sub(" ", cell).split())


def read_status(cell: str) -> SubscriptionState | None:
    """The state of a subscription that a word tells, in four languages; None for an unknown word."""
    return _STATE_BY_WORD.get(fold(cell))


def says_yes(cell: str) -> bool:
    """Whether a cell of yes or no says yes: anything but empty, no, false, 0 and what databases write for nothing
    (NULL, 0000-00-00), since many hold a date."""
    word = "" if cell.strip() in NO_DAYS else fold(cell)
    return bool(word) and word not in _NO_WORD and not word.startswith(_NO_DAY) and _TRUTHS.get(word, True)


def says_left(cell: str) -> bool:
    """The same of a column that says who left, in which "subscribed" says that somebody did not."""
    return says_yes(cell) and fold(cell) not in _STAYED


NO_DAYS = frozenset(
    "0/0/00,0/0/0000,00/00/00,00/00/0000,00.00.0000,0000-00-00,0000-00-00 00:00:00,0000-00-00T00:00:00".split(",")
)
"""What programs write for a day that nobody told, as Outlook does in each contact without a birthday."""
_NO_WORD = frozenset("0 n off null none nil nan na undefined never nie jamais nunca".split())
_NO_DAY = ("00000000", "00010101")
"""The days 0000-00-00 of MySQL and 0001-01-01 of Go and .NET are none."""
_STAYED = frozenset(
    map(
        fold,
        "subscribed, opted in, opt in, not unsubscribed, not opted out, abonniert, angemeldet, nicht abgemeldet,"
        " abonné, abonnée, inscrit, inscrite, suscrito, suscrita".split(","),
    )
)


def read_instant(cell: str) -> datetime | None:
    """An instant from ISO 8601, a German day, or as Go programs write it (2024-01-02 03:04:05.6 +0000 UTC); without an
    offset it is taken as UTC. None for anything else.
    """
    text = cell.strip()
    if found := _NAMED_ZONE.fullmatch(text):
        text = found[1] + (found[2] or "Z")
    if found := _POINTED_DAY.match(text):
        text = "{2}-{1:0>2}-{0:0>2}".format(*found.groups()) + text[found.end() :]
    try:
        read = datetime.fromisoformat(text)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class ColumnType:
    """What a column of unknown meaning holds, found by looking at all of its cells."""

    __slots__ = ("_ways", "seen")

    def __init__(self) -> None:
        self._ways: list[Callable[[str], Any]] = list(_WAYS)
        self.seen = False

    def look(self, cell: str) -> bool:
        """Take one cell into account; False when the column is surely text and need not be looked at further."""
        cell = cell.strip()
        if cell:
            self.seen = True
            for way in self._ways:
                if way(cell) is None:
                    self._ways = [way for way in self._ways if way(cell) is not None]
                    break
        return bool(self._ways)

    def look_at(self, cells: Iterable[str]) -> bool:
        """Take many cells into account, equal ones once; False when the column is surely text."""
        for cell in set(cells) - NO_DAYS:
            if cell and not self.look(cell):
                return False
        return bool(self._ways)

    def told(self) -> tuple[list[int], bool]:
        """What was found so far, to be taken in elsewhere."""
        return [place for place, way in enumerate(_WAYS) if way in self._ways], self.seen

    def take_in(self, ways: Sequence[int], seen: bool) -> None:
        """Take into account what was found in other cells of the column."""
        self._ways = [way for way in self._ways if _WAYS.index(way) in ways]
        self.seen = self.seen or seen

    def reader(self) -> Callable[[str], Any]:
        """The function that types a cell of this column."""
        return self._ways[0] if self._ways and self.seen else str


TYPES = ("text", "whole", "number", "day", "truth", "list")
"""What a column may be declared as."""


def typed_reader(kind: str, heading: str) -> Callable[[str], Any]:
    """How to read a cell of a column that was declared to be of this type (one of TYPES, or json).

    What the reader gives raises ValueError, in words, where a cell is of another type.
    """
    if kind == "text":
        return str
    if kind == "json":
        return json.loads
    if kind == "list":
        return _parts
    read: Callable[[str], Any] = {"whole": _integer, "number": _decimal, "day": _any_day, "truth": _truth_or_digit}[
        kind
    ]
    words = {"whole": "whole number", "number": "number", "day": "day", "truth": "yes or no"}[kind]

    def reader(cell: str) -> Any:
        value = read(cell.strip())
        if value is None:
            raise ValueError(f"{heading} is {one_line(cell)[:40]!r}, which is no {words}")
        return value

    return reader


_DECLARED: dict[str, tuple[Callable[[str], Any], str]] = {
    "whole": (lambda cell: _integer(cell), "whole number"),
    "number": (lambda cell: _decimal(cell), "number"),
    "day": (lambda cell: _any_day(cell), "day"),
    "truth": (lambda cell: _truth_or_digit(cell), "yes or no"),
}


def _parts(cell: str) -> list[str]:
    """The parts of a text of several: between commas, semicolons or bars, or each in quotation marks ("a","b, c")."""
    if _QUOTED_PARTS.fullmatch(cell):
        parts: Iterable[str] = (found.replace('""', '"') for found in re.findall(r'"((?:[^"]|"")*)"', cell))
        return [part for one in parts if (part := one_line(one))]
    return [part for one in re.split(r"[,;|\n]", cell) if (part := one_line(one).strip(" \"'"))]


def _any_day(cell: str) -> str | None:
    found = read_instant(cell)
    return None if found is None else f"{found:%Y-%m-%d}"


def _truth_or_digit(cell: str) -> bool | None:
    return {"1": True, "0": False}.get(cell, _truth(cell))


def _list(cell: str) -> list[Any] | None:
    """A JSON list of plain values, as our own exports and JSON lines write it."""
    if cell[:1] != "[" or cell[-1:] != "]":
        return None
    try:
        read = json.loads(cell)
    except (ValueError, RecursionError):
        return None
    plain = isinstance(read, list) and all(isinstance(one, str | int | float | bool) for one in read)
    return read if plain else None


def _truth(cell: str) -> bool | None:
    return _TRUTHS.get(fold(cell))


def _integer(cell: str) -> int | None:
    return int(cell) if _INTEGER.fullmatch(cell) else None


def _decimal(cell: str) -> float | None:
    return float(cell) if _DECIMAL.fullmatch(cell) else None


def _pointed_day(cell: str) -> str | None:
    """31.12.2025 as 2025-12-31: the form in which days compare."""
    found = _POINTED_DAY.fullmatch(cell)
    if not found:
        return None
    instant = read_instant(cell)
    return None if instant is None else f"{instant:%Y-%m-%d}"


_WAYS: tuple[Callable[[str], Any], ...] = (_truth, _integer, _decimal, _pointed_day, _list)
"""How the cells of a column of unknown type may be read, the first that fits all of them counts."""
