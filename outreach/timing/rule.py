"""Schedules that read aloud: from words to a recurrence rule and back.

Law: a rule is local wall time; its plain form parses to the same rule again. What cannot be read is refused with
its column and examples. Recurrence is RFC 5545's; a raw RRULE is taken too (`timing.raw_rule`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

from dateutil.rrule import rrule, rrulebase, rruleset, rrulestr

from ..errors import InputError
from ..workdays import knows_holidays
from .exceptions import LONGEST_SPAN, NO_DAYS, Exceptions, exceptions
from .raw_rule import is_raw, read_raw

DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CODES: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
NTHS: Final = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
ANCHOR: Final = date(2024, 1, 1)
"""A Monday: `every 2 weeks` counts from its week, `every 3 months` from its month, unless the rule says `from DATE`."""
SHORT: Final = ("daily", "weekly", "fortnightly", "quarterly")
"""Heads that say in one word what `every …` says in more; read aloud it is the latter."""
HORIZON: Final = timedelta(days=366 * 12)
EXAMPLES: Final = (
    "Write for example: at 2026-12-01 09:00 | every day at 08:30 | every weekday at 07:45 | every tuesday at 09:00 | "
    "every 2 weeks on tuesday at 09:00 | monthly on the first monday at 08:30 until 2027-06-30 | "
    "monthly on day 15 at 10:00 | every 3 months on the last friday at 10:00 | "
    "every day at 09:00 except 2026-12-24 to 2027-01-01 and holidays in DE-BY | "
    "DTSTART:20261201T090000 RRULE:FREQ=WEEKLY;BYDAY=TU"
)
ORDINAL: Final = re.compile(r"(\d{1,2})(?:st|nd|rd|th)", re.ASCII)
EXCEPT: Final = re.compile(r"\bexcept\b", re.I)


@dataclass(frozen=True)
class Rule:
    """A parsed schedule. `once`: a single local date and time; else `rrule` (RFC 5545 lines) from `start` on, but on
    none of the days that `but` takes."""

    text: str
    once: datetime | None = None
    rrule: str = ""
    start: datetime | None = None
    but: Exceptions = NO_DAYS

    @property
    def recurring(self) -> bool:
        return bool(self.rrule)


def parse_schedule(text: str) -> Rule:
    """Read a schedule; "" is the rule that never occurs by itself.

    Raises InputError naming the column, with examples as the remedy.
    """
    if is_raw(text):
        return _raw(text)
    words = _Words(text)
    if words.peek() is None:
        return Rule("")
    short = words.peek() if words.peek() in SHORT else ""
    head = words.next("every") if short else words.take("at", "every", "monthly")
    if head == "at":
        day, wall = words.day(), words.wall()
        words.end()
        return Rule(f"at {day} {wall:%H:%M}", once=datetime.combine(day, wall))
    spoken, parts = _shortly(words, head) if short else _every(words) if head == "every" else _monthly(words)
    words.take("at")
    wall = words.wall()
    spoken += f" at {wall:%H:%M}"
    start = ANCHOR
    if words.peek() == "from":
        words.take("from")
        start = words.day()
        spoken += f" from {start}"
    if words.peek() == "until":
        words.take("until")
        until = words.day()
        if until < start:
            raise words.wrong("it ends before it begins", -1)
        spoken += f" until {until}"
        parts += f";UNTIL={until:%Y%m%d}T235959"
    but = _exceptions(words)
    words.end()
    return Rule(spoken + _spoken(but), rrule=f"RRULE:{parts}", start=datetime.combine(start, wall), but=but)


def describe(rule: Rule) -> str:
    """The rule in its plain form, which parses to the same rule again."""
    return rule.text


@lru_cache(maxsize=256)
def recurrence(lines: str, start: datetime) -> rrulebase:
    """The RFC 5545 recurrence on naive wall time."""
    made: rrule | rruleset = rrulestr(lines, dtstart=start)
    return made


def _shortly(words: _Words, head: str) -> tuple[str, str]:
    if head == "daily":
        return "every day", "FREQ=DAILY"
    if head == "quarterly":
        return _monthly(words, 3)
    words.take("on")
    return _weekly(words.several(*DAYS), 1 if head == "weekly" else 2)


def _every(words: _Words) -> tuple[str, str]:
    if words.peek() == "other":
        words.take("other")
        if words.peek() == "week":
            words.take("week")
            words.take("on")
        return _weekly(words.several(*DAYS), 2)
    if words.is_number():
        count = words.number(1, 52, "weeks or months")
        if words.take("week", "weeks", "month", "months").startswith("month"):
            return _monthly(words, count)
        words.take("on")
        return _weekly(words.several(*DAYS), count)
    if words.peek() in NTHS:
        raise words.wrong(f"{words.peek()!r}: say every 2 weeks on tuesday, or monthly on the second tuesday")
    if words.peek() == "day":
        words.take("day")
        return "every day", "FREQ=DAILY"
    if words.peek() == "weekday":
        words.take("weekday")
        return "every weekday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"
    if words.peek() == "month":
        words.take("month")
        return _monthly(words)
    return _weekly(words.several(*DAYS))


def _weekly(days: list[str], count: int = 1) -> tuple[str, str]:
    if count == 1:
        return f"every {_and(days)}", f"FREQ=WEEKLY;BYDAY={_codes(days)}"
    return f"every {count} weeks on {_and(days)}", f"FREQ=WEEKLY;INTERVAL={count};BYDAY={_codes(days)}"


def _monthly(words: _Words, count: int = 1) -> tuple[str, str]:
    words.take("on")
    spoken = "monthly" if count == 1 else f"every {count} months"
    each = "FREQ=MONTHLY" if count == 1 else f"FREQ=MONTHLY;INTERVAL={count}"
    named = words.take("the", "day") == "day"
    if named or words.is_ordinal():
        day = words.number(1, 31, "the day of the month")
        if day <= 28:
            return f"{spoken} on day {day}", f"{each};BYMONTHDAY={day}"
        days = ",".join(str(number) for number in range(28, day + 1))
        return f"{spoken} on day {day}", f"{each};BYMONTHDAY={days};BYSETPOS=-1"
    nths = words.several(*NTHS)
    day_name = words.take(*DAYS, "day") if nths == ["last"] else words.take(*DAYS)
    if day_name == "day":
        return f"{spoken} on the last day", f"{each};BYMONTHDAY=-1"
    codes = ",".join(f"{NTHS[nth]:+d}{CODES[DAYS.index(day_name)]}" for nth in nths)
    return f"{spoken} on the {_and(nths)} {day_name}", f"{each};BYDAY={codes}"


def _codes(days: list[str]) -> str:
    return ",".join(CODES[DAYS.index(day)] for day in days)


def _and(days: list[str]) -> str:
    return " and ".join([", ".join(days[:-1]), days[-1]]) if len(days) > 1 else days[0]


def _exceptions(words: _Words) -> Exceptions:
    """What stands behind "except", where it stands there."""
    if words.peek() != "except":
        return NO_DAYS
    words.take("except")
    spans, places = [], []
    while True:
        if words.peek() == "holidays":
            words.take("holidays")
            words.take("in")
            places.append(words.place_name())
        else:
            first = last = words.day()
            if words.peek() == "to":
                words.take("to")
                last = words.day()
                if not first <= last <= first + LONGEST_SPAN:
                    raise words.wrong("a span of days ends after it begins, and within a year", -1)
            spans.append((first, last))
        if words.peek() not in (",", "and"):
            return exceptions(spans, places)
        words.comma()


def _spoken(but: Exceptions) -> str:
    return f" except {but.words()}" if but else ""


def _raw(text: str) -> Rule:
    found = EXCEPT.search(text)
    end = found.start() if found else len(text)
    words = _Words(text, start=end)
    but = _exceptions(words)
    words.end()
    try:
        raw = read_raw(text[:end], HORIZON)
    except ValueError as wrong:
        raise _refuse(text, str(wrong)) from wrong
    said = f"DTSTART:{raw.start:%Y%m%dT%H%M%S} {raw.said}"
    both = exceptions([*but.spans, *((day, day) for day in raw.days)], but.places)
    return Rule(said + _spoken(but), rrule=raw.lines, start=raw.start, but=both)


def _refuse(text: str, saying: str, column: int = 1) -> InputError:
    plain = text.replace("\n", " ")
    return InputError(
        f"the schedule cannot be read at column {column}: {saying}",
        column=column,
        excerpt=f"{plain}\n    {' ' * (column - 1)}^",
        remedy=EXAMPLES,
    )


class _Words:
    """The words of a schedule, taken one after the other, each with its column."""

    def __init__(self, text: str, start: int = 0) -> None:
        self.text = text
        found = re.compile(r"[^\s,]+|,").finditer(text, start)
        self.found = [(match[0].casefold(), match.start() + 1) for match in found]
        self.place = 0

    def peek(self) -> str | None:
        return self.found[self.place][0] if self.place < len(self.found) else None

    def wrong(self, saying: str, step: int = 0) -> InputError:
        place = self.place + step
        column = self.found[place][1] if place < len(self.found) else len(self.text.rstrip()) + 1
        return _refuse(self.text, saying, column)

    def next(self, wanted: str) -> str:
        word = self.peek()
        if word is None:
            raise self.wrong(f"{wanted} is missing")
        self.place += 1
        return word

    def take(self, *wanted: str) -> str:
        names = wanted[0] if len(wanted) == 1 else f"{', '.join(wanted[:-1])} or {wanted[-1]}"
        word = self.next(names)
        if word not in wanted:
            raise self.wrong(f"{word!r} stands where {names} should", -1)
        return word

    def is_number(self) -> bool:
        return (self.peek() or "").isdecimal()

    def is_ordinal(self) -> bool:
        return ORDINAL.fullmatch(self.peek() or "") is not None

    def number(self, low: int, high: int, what: str) -> int:
        word = self.next(f"a number ({what})")
        ordinal = ORDINAL.fullmatch(word)
        word = ordinal[1] if ordinal else word
        if not (word.isascii() and word.isdecimal() and len(word) < 10 and low <= int(word) <= high):
            raise self.wrong(f"{word!r}: {what} is a number from {low} to {high}", -1)
        return int(word)

    def several(self, *wanted: str) -> list[str]:
        """One of these words, or some with commas and "and" between them, in the order of `wanted`."""
        found = {self.take(*wanted)}
        while self.peek() in (",", "and"):
            self.comma()
            found.add(self.take(*wanted))
        return sorted(found, key=wanted.index)

    def comma(self) -> None:
        """Go over a comma, an "and", or both."""
        self.place += 1
        if self.peek() == "and":
            self.place += 1

    def place_name(self) -> str:
        word = self.next("a country").upper()
        if not knows_holidays(word):
            raise self.wrong(f"{word!r} is no country, or part of one, whose holidays are known (DE, US-CA)", -1)
        return word

    def day(self) -> date:
        word = self.next("a date")
        try:
            if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", word, re.ASCII):
                raise ValueError(word)
            return date.fromisoformat(word)
        except ValueError:
            raise self.wrong(f"{word!r} is no date such as 2026-12-01", -1) from None

    def wall(self) -> time:
        word = self.next("a time of day")
        found = re.fullmatch(r"(\d{1,2}):(\d{2})", word, re.ASCII)
        if found is None or int(found[1]) > 23 or int(found[2]) > 59:
            raise self.wrong(f"{word!r} is no time of day such as 09:00", -1)
        return time(int(found[1]), int(found[2]))

    def end(self) -> None:
        if self.peek() is not None:
            raise self.wrong(f"{self.peek()!r} is too much: the schedule is complete before it")
