"""What an automatic reply says: until when somebody is away, that they left, or that their address has changed.

Law: a date counts only where a word beside it says that it is the end of an absence, and only within two months;
"no longer works here" is told to a person and does nothing. Linear: the first lines are read, by short patterns.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from .away_words import AWAY, BACK, DAYS, DEAD, GONE, MONTHS, MOVED, UNTIL, UNTIL_AFTER
from .parse import plain_address

READ = 4_000
LONGEST = timedelta(days=62)
NEAR = 48
"""Characters before a date in which the word stands that says what it is."""

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_DATES = re.compile(
    r"(?P<y1>20\d\d)[-/.](?P<m1>\d{1,2})[-/.](?P<d1>\d{1,2})(?!\d)"
    r"|(?:(?P<y2>20\d\d) ?[年년] ?)?(?P<m2>\d{1,2}) ?[月월] ?(?P<d2>\d{1,2}) ?[日일]"
    r"|(?<![\d./-])(?P<a3>\d{1,2})(?P<s3>[./-]) ?(?P<b3>\d{1,2})(?:(?P=s3) ?(?P<y3>20\d\d|\d\d))?(?![\d/])\.?"
    rf"|(?<!\d)(?P<d4>\d{{1,2}})(?:st|nd|rd|th|er|º|ª|\.)? ?(?:of |de |di )?(?P<m4>{_MONTH})\b\.?,?"
    r"(?: (?:de )?(?P<y4>20\d\d))?"
    rf"|\b(?P<m5>{_MONTH})\.? (?P<d5>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (?P<y5>20\d\d))?"
)
_CUES = re.compile(rf"(?<!\w)(?:(?P<back>{BACK})|(?P<until>{UNTIL}))(?!\w)")
_AFTER = re.compile(rf"\s?(?:{UNTIL_AFTER})")
_WEEKDAY = re.compile(
    rf"(?<!\w)(?:{BACK})(?!\w)[^.!?\n\d]{{0,24}}?(?<!\w)(?P<day>{'|'.join(re.escape(day) for day in DAYS)})(?!\w)"
)
_GONE, _DEAD, _MOVED, _AWAY = (re.compile(words) for words in (GONE, DEAD, MOVED, AWAY))
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
_AMERICAN = re.compile(r"\b(?:pst|pdt|est|edt|cst|cdt|u\.?s\.?a?|vacation)\b")


@dataclass(frozen=True)
class Absence:
    """What was said. `back_on`: the first day on which they read mail again; `words`: where it says so.

    `gone`: they left, or the address is used no more. `new_address`: the one that they name as theirs, else "".
    """

    back_on: date | None = None
    gone: bool = False
    new_address: str = ""
    words: str = ""


def read_absence(text: str, subject: str, received: date, sender: str = "") -> Absence:
    """Read an automatic reply. `received` is the day in its writer's zone, as near as it is known."""
    written = f"{subject}\n{text}"[:READ].replace("’", "'")
    said = written.lower()
    shown = written if len(written) == len(said) else said
    moved, left = _MOVED.search(said), _GONE.search(said) or _DEAD.search(said)
    new = _address_behind(said, moved.start(), sender) if moved else ""
    if new or left:
        told = moved if new and moved else left
        return Absence(None, left is not None, new, _around(shown, told.start()) if told else "")
    found = [(day, at) for day, at in _ends(said, received) if received < day <= received + LONGEST]
    if not found:
        return Absence()
    day, at = max(found)
    return Absence(day, words=_around(shown, at))


def says_new_address(text: str, sender: str) -> str:
    """The address that a text names as its writer's new one, or ""."""
    said = text[:READ].lower().replace("’", "'")
    found = _MOVED.search(said)
    return _address_behind(said, found.start(), sender) if found else ""


def _ends(said: str, received: date) -> Iterator[tuple[date, int]]:
    """(the first day at the desk again, where it stands) for each date that ends an absence."""
    for found in _DATES.finditer(said):
        day = _day(found, received, said)
        if day is None:
            continue
        before = said[max(0, found.start() - NEAR) : found.start()].rpartition("\n\n")[2]
        cue = next(reversed(list(_CUES.finditer(before))), None)
        if _AFTER.match(said, found.end()) or (cue is not None and cue["until"]):
            yield day + timedelta(days=1), found.start()
        elif cue is not None:
            yield day, found.start()
    if _AWAY.search(said):
        for weekday in _WEEKDAY.finditer(said):
            ahead = (DAYS[weekday["day"]] - received.weekday()) % 7 or 7
            yield received + timedelta(days=ahead), weekday.start()


def _day(found: re.Match[str], received: date, said: str) -> date | None:
    """The date of a match; without a year the next one that is not past. Day before month, but where it cannot be."""
    part = found.groupdict()
    if part["m1"]:
        return _date(int(part["y1"]), int(part["m1"]), int(part["d1"]))
    if part["a3"]:
        first, second = int(part["a3"]), int(part["b3"])
        american = part["s3"] == "/" and first <= 12 and (second > 12 or _AMERICAN.search(said) is not None)
        month, day = (first, second) if american else (second, first)
        year = part["y3"]
        if year is None and part["s3"] == "-":
            return None
        return (
            _date(int(year) if len(year) == 4 else 2000 + int(year), month, day)
            if year
            else _next(received, month, day)
        )
    number = next(str(one) for one in range(2, 6) if part.get(f"m{one}"))
    month = int(part["m2"]) if number == "2" else MONTHS[part[f"m{number}"]]
    day = int(part[f"d{number}"])
    return _date(int(part[f"y{number}"]), month, day) if part[f"y{number}"] else _next(received, month, day)


def _next(received: date, month: int, day: int) -> date | None:
    this = _date(received.year, month, day)
    return this if this is None or this >= received - timedelta(days=180) else _date(received.year + 1, month, day)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _address_behind(said: str, start: int, sender: str) -> str:
    found = (plain_address(one.rstrip(".-")) for one in _ADDRESS.findall(said[start : start + 160]))
    return next((one for one in found if one and one != sender.lower()), "")


def _around(said: str, at: int) -> str:
    """The sentence around a place, short enough to show."""
    start = max(said.rfind(mark, 0, at) for mark in (". ", "! ", "\n")) + 1
    ends = [end for mark in (". ", "! ", "\n") if (end := said.find(mark, at)) > 0]
    return " ".join(said[max(start, at - 80) : min([*ends, at + 80])].split())
