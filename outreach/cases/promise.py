"""Promises in an answer: a sentence that says what we will do, and the day by which.

Law: a suggestion, never a decision. A question, a wish to the customer and a condition are no promises; a day that
cannot be read is none. Where a day may be meant in two ways, the sooner one is taken: it is better to be early.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from ..workdays import WorkingHours, to_instant

LONGEST = 200
READ = 20_000
_SENTENCE = re.compile(r"[^.!?\n]+(?:\.(?=\S)[^.!?\n]*|(?<=\d)\.(?= ?[\w])[^.!?\n]*)*[.!?]?")
_CUE = re.compile(
    r"\b(?:we|i)(?:['’]ll| will| shall|['’]re going to| are going to|['’]m going to| am going to| promise)\b"
    r"|\byou(?:['’]ll| will| should) (?:get|receive|have|hear|see|find)\b|\bwill be (?!closed)\w+"
    r"|\b(?:refund|replacement|money|parcel|credit|technician|colleague)\b[^?]{0,60}\b(?:arrives?|comes?|by|within|will)\b"
    r"|\b(?:wir|ich) (?:werden?|schicken?|senden?|erstatten?|melden?|überweisen?|liefern?|tauschen?|rufen?|"
    r"kümmern?|prüfen?|geben|gebe|versprechen|verspreche)\b"
    r"|\b(?:erhalten|bekommen|hören) sie\b|\bsie (?:erhalten|bekommen|hören)\b|\bwird (?:ihnen )?\w*(?:t|en)\b"
    r"|\b(?:erstattung|ersatz|gutschrift|geld|paket|techniker)\b[^?]{0,60}\b(?:kommt|bis|innerhalb|binnen|am)\b",
    re.IGNORECASE,
)
_ASKED_OF_THEM = re.compile(
    r"\b(?:please|could you|can you|would you|if you|once you|as soon as you|unless you|you must|you need to"
    r"|bitte|können sie|könnten sie|wenn sie|sobald sie|falls sie|sie müssen)\b",
    re.IGNORECASE,
)
_DAYS = {
    name: number
    for number, names in enumerate(
        (
            "monday mon montag",
            "tuesday tue tues dienstag",
            "wednesday wed mittwoch",
            "thursday thu thurs donnerstag",
            "friday fri freitag",
            "saturday sat samstag sonnabend",
            "sunday sun sonntag",
        )
    )
    for name in names.split()
}
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner",
            "february feb februar",
            "march mar märz",
            "april apr",
            "may mai",
            "june jun juni",
            "july jul juli",
            "august aug",
            "september sep sept",
            "october oct oktober okt",
            "november nov",
            "december dec dezember dez",
        ),
        1,
    )
    for name in names.split()
}
_NUMBERS = {
    **{word: number for number, word in enumerate("one two three four five six seven eight nine ten".split(), 1)},
    **{word: number for number, word in enumerate("einem zwei drei vier fünf sechs sieben acht neun zehn".split(), 1)},
    "a": 1,
    "an": 1,
    "einer": 1,
    "eines": 1,
    "couple of": 2,
    "few": 3,
    "paar": 3,
}
_DAY, _MONTH, _NUMBER = ("|".join(sorted(words, key=len, reverse=True)) for words in (_DAYS, _MONTHS, _NUMBERS))


@dataclass(frozen=True)
class Suggestion:
    """A sentence that reads like a promise, and the instant by which."""

    text: str
    due_at: datetime


def find_promises(text: str, now: datetime, at_work: WorkingHours) -> list[Suggestion]:
    """What an answer seems to promise, in its order; each due at the end of work of its day."""
    found = []
    for match in _SENTENCE.finditer(text[:READ]):
        sentence = " ".join(match[0].split())
        if sentence.startswith(">") or sentence.endswith("?") or len(sentence) > 600:
            continue
        if not _CUE.search(sentence) or _ASKED_OF_THEM.search(sentence):
            continue
        due = read_day(sentence, now, at_work)
        if due is not None and due > now - timedelta(days=1):
            short = sentence if len(sentence) <= LONGEST else sentence[: LONGEST - 1] + "…"
            found.append(Suggestion(short, due))
    return found


def read_day(words: str, now: datetime, at_work: WorkingHours) -> datetime | None:
    """The instant that words such as "by Friday", "within 3 working days", "4 December" or "2026-12-04" name.

    The soonest of several; None where they name no day. A day ends with work at that desk.
    """
    today = now.astimezone(at_work.zone).date()
    found: list[datetime] = []
    for pattern, reader in _READERS:
        for match in pattern.finditer(words):
            day = reader(match, today, at_work)
            if isinstance(day, timedelta):
                found.append(now + day)
            elif day is not None:
                found.append(to_instant(day, at_work.end, at_work.zone))
    return min(found, default=None)


Read = Callable[[re.Match[str], date, WorkingHours], date | timedelta | None]


def _weekday(match: re.Match[str], today: date, at_work: WorkingHours) -> date:
    ahead = (_DAYS[match["day"].lower()] - today.weekday()) % 7
    if match["next"]:
        return today + timedelta(days=ahead or 7)
    return today + timedelta(days=ahead)


def _span(match: re.Match[str], today: date, at_work: WorkingHours) -> date | timedelta | None:
    said, unit = match["number"].lower(), match["unit"].lower()
    number = int(said) if said.isdigit() else _NUMBERS[said]
    if not 0 < number <= 365:
        return None
    if unit.startswith(("hour", "stunde")):
        return timedelta(hours=number)
    if unit.startswith(("week", "woche")):
        return today + timedelta(weeks=number)
    if unit.startswith(("month", "monat")):
        return today + timedelta(days=30 * number)
    working = bool(match["working"]) or unit.startswith(("werktag", "arbeitstag"))
    if not working:
        return today + timedelta(days=number)
    day = today
    for _ in range(3660):
        day += timedelta(days=1)
        number -= at_work.is_workday(day)
        if number <= 0:
            break
    return day


def _date(match: re.Match[str], today: date, at_work: WorkingHours) -> date | None:
    found = match.groupdict()
    said = str(found["month"]).lower().rstrip(".")
    month = int(said) if said.isdigit() else _MONTHS[said]
    year = int(found["year"]) if found.get("year") else 0
    try:
        if year:
            return date(year + 2000 if year < 100 else year, month, int(found["number"]))
        day = date(today.year, month, int(found["number"]))
        return day if day >= today - timedelta(days=30) else date(today.year + 1, month, int(found["number"]))
    except ValueError:
        return None


def _near(match: re.Match[str], today: date, at_work: WorkingHours) -> date:
    word = match[0].lower()
    if "after tomorrow" in word or "übermorgen" in word:
        return today + timedelta(days=2)
    return today + timedelta(days=1) if word in ("tomorrow", "morgen") else today


def _week(match: re.Match[str], today: date, at_work: WorkingHours) -> date:
    friday = today + timedelta(days=(4 - today.weekday()) % 7)
    return friday + timedelta(days=7) if match["next"] and today.weekday() < 5 else friday


def _month_end(match: re.Match[str], today: date, at_work: WorkingHours) -> date:
    return (today.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


_READERS: tuple[tuple[re.Pattern[str], Read], ...] = (
    (
        _pattern(
            rf"\b(?:(?:by|until|till|before|on|this|latest|bis|am|zum|diesen)\s+){{0,2}}"
            rf"(?P<next>(?:next|nächsten|kommenden)\s+)?\b(?P<day>{_DAY})\b(?!\s+(?:to|bis)\b)"
        ),
        _weekday,
    ),
    (
        _pattern(
            rf"\b(?:in|within|innerhalb von|innerhalb|binnen)\s+(?:the next\s+|den nächsten\s+|a\s+(?=couple|few))?"
            rf"(?P<number>\d{{1,3}}|{_NUMBER})\s+(?P<working>(?:working|business)\s+)?"
            rf"(?P<unit>hours?|days?|weeks?|months?|stunden?|tage?n?|werktage?n?|arbeitstage?n?|wochen?|monate?n?)\b"
        ),
        _span,
    ),
    (_pattern(r"\b(?P<year>\d{4})-(?P<month>\d{2})-(?P<number>\d{2})\b"), _date),
    (_pattern(r"\b(?P<number>\d{1,2})\.\s?(?P<month>\d{1,2})\.(?:\s?(?P<year>\d{4}|\d{2})\b)?"), _date),
    (
        _pattern(
            rf"\b(?P<number>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+)?(?P<month>{_MONTH})\b\.?"
            rf"(?:,?\s+(?P<year>\d{{4}})\b)?"
        ),
        _date,
    ),
    (
        _pattern(rf"\b(?P<month>{_MONTH})\b\.?\s+(?P<number>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<year>\d{{4}})\b)?"),
        _date,
    ),
    (
        _pattern(
            r"\b(?:the )?day after tomorrow\b|\bübermorgen\b|\btomorrow\b|\bmorgen\b|\btoday\b|\btonight\b|\bheute\b"
        ),
        _near,
    ),
    (
        _pattern(
            r"\b(?:(?P<next>next|nächste[rn]?|kommende[rn]?)\s+(?:week|woche)"
            r"|(?:this|end of the|end of this|diese[rn]?)\s+(?:week|woche)|ende der woche)\b"
        ),
        _week,
    ),
    (_pattern(r"\bend of (?:the|this) month\b|\b(?:monatsende|ende des monats)\b"), _month_end),
)
