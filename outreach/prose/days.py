"""Days as a letter writes them, in the languages that our own mails and pages speak.

Law: pure; a language that is not spoken here is English.
"""

from __future__ import annotations

from datetime import date

_DAYS = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag".split(),
}
_MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split(),
}


def spoken(language: str) -> str:
    """The language of ours in which somebody is addressed who speaks this one (such as de-AT)."""
    base = language.lower().partition("-")[0]
    return base if base in _DAYS else "en"


def day_in_words(day: date, language: str, *, year: bool = True) -> str:
    """A day with its weekday: Thursday, 4 February 2027; Donnerstag, 4. Februar 2027."""
    code = spoken(language)
    dot = "." if code == "de" else ""
    said = f"{_DAYS[code][day.weekday()]}, {day.day}{dot} {_MONTHS[code][day.month - 1]}"
    return f"{said} {day.year}" if year else said
