"""The words of the little language that ask what happened: `opened("tips-3", within="30d")`, `case(topic="milk")`.

Law: each word says what its first text names and which marks it takes; a wrong one is told with the nearest right one.
What the words mean in SQL stands in `store.segment_events`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches

from ..words import CaseState, Category, Channel, Kind, SuppressionReason, Urgency


@dataclass(frozen=True)
class Word:
    """One question. `names`: what its first text names (campaign, list, goal), "" where it takes none."""

    means: str
    names: str = ""
    marks: tuple[str, ...] = ()


EVENTS = {
    "got": Word("a mail of ours was accepted for them", "campaign", ("kind",)),
    "bounced": Word("a mail to them failed for good", "campaign", ("kind",)),
    "opened": Word("they opened a mail, where its list counts opens", "campaign"),
    "clicked": Word("they followed a link in a mail, where its list counts clicks", "campaign"),
    "replied": Word("they wrote back", "campaign", ("category", "topic", "channel", "urgency")),
    "case": Word("a case of theirs was opened", "", ("topic", "category", "state", "urgency")),
    "reached": Word("they reached a goal", "goal"),
    "subscribed": Word("they are subscribed to the list, since then", "list"),
    "unsubscribed": Word("they have left the list, since then", "list"),
    "pending": Word("they have not confirmed the list yet, since then", "list"),
    "blocked": Word("their address is blocked, since then", "", ("reason",)),
}
UNSOLVED = "unsolved"
"""A case's state beside its own: somebody still has to do something."""
_KNOWN: dict[str, tuple[str, ...]] = {
    "category": tuple(Category),
    "channel": tuple(Channel),
    "kind": tuple(Kind),
    "reason": tuple(SuppressionReason),
    "state": (*CaseState, UNSOLVED),
    "urgency": tuple(Urgency),
}

COUNTS = {
    "open_cases": "cases that somebody still has to solve",
    "all_cases": "all cases, whatever became of them",
    "household_size": "how many people their household has, themselves counted; 0 where none is known",
    "household_open_cases": "cases of anybody in their household that somebody still has to solve",
    "company_size": "how many people of their company are customers, themselves counted; 0 where none is known",
    "company_open_cases": "cases of anybody in their company that somebody still has to solve",
}
DAYS = {
    "last_sent": "the day of the last mail that was accepted for them",
    "last_open": "the day on which they last opened a mail",
    "last_click": "the day on which they last followed a link",
    "last_reply": "the day on which they last wrote",
    "last_case": "the day on which their last case was opened",
    "added": "the day on which they became known to us",
}
FACTS = frozenset(COUNTS) | frozenset(DAYS)
"""Names that are counted anew at each look; they win over an attribute of that name."""

REGIONS = {
    "EU": "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK",
    "EEA": "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK",
    "DACH": "AT CH DE",
    "Benelux": "BE LU NL",
    "Nordics": "DK FI IS NO SE",
    "Baltics": "EE LT LV",
    "Iberia": "ES PT",
    "British Isles": "GB IE",
    "North America": "CA MX US",
}
"""Groups of countries (ISO 3166): the EU as of 2020, the EEA with Iceland, Liechtenstein and Norway."""


def region_codes(name: str) -> tuple[str, ...]:
    """The countries of a region. Raises KeyError for one that is not known."""
    return tuple(REGIONS[name].split())


def known_region(text: str) -> str | None:
    """A region's name in whatever case it was written."""
    return next((name for name in REGIONS if name.lower() == text.strip().lower()), None)


def wrong_mark(mark: str, value: str) -> str:
    """What is wrong with a mark's value, with the nearest right ones; "" where nothing is, or any text will do."""
    known = _KNOWN.get(mark)
    if known is None or value in known:
        return ""
    return f"there is no {mark} {value!r}{nearest(value, known) or ': ' + ', '.join(known)}"


def nearest(text: str, known: object) -> str:
    """ "; did you mean …?" for the nearest of some known words, or "" where none is near."""
    words = [str(word) for word in known]  # type: ignore[attr-defined]
    near = get_close_matches(text.lower(), [word.lower() for word in words], 1, 0.6)
    found = next((word for word in words if near and word.lower() == near[0]), None)
    return f"; did you mean {found}?" if found else ""


_SPAN = re.compile(r"(\d{1,4}) ?(h|hours?|d|days?|w|weeks?|months?|y|years?)", re.IGNORECASE)
_HOURS = {"h": 1, "d": 24, "w": 24 * 7, "m": 24 * 30, "y": 24 * 365}


def read_span(text: str) -> timedelta | None:
    """30d, 12h, 2 weeks, 6 months (of 30 days), 1 year (of 365 days); None for anything else."""
    found = _SPAN.fullmatch(text.strip())
    return timedelta(hours=int(found[1]) * _HOURS[found[2][0].lower()]) if found else None


def span_text(span: timedelta) -> str:
    """A span as the language writes it."""
    hours = int(span.total_seconds() // 3600)
    return f"{hours}h" if hours % 24 else f"{hours // 24}d"
