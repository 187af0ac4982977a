"""What those in a sequence have had by it, for a look ahead: which mails went when, or are still on their way.

Law: of a few each is looked up; of many all mails are read once, and people parted by them. Instants are rounded up,
so that people share them: what stands in an enrolment as text is cut before it is read.
"""

from __future__ import annotations

import re
from array import array
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from ..store.begins import Scan
from ..store.rounded import HOUR, MINUTE, hour_up, minute_up
from ..store.sequences_ahead import mails_by_enrolment, mails_by_person
from ..timing.sequence_words import BeginKind
from .parting import divide
from .sequence_begins import Course

Mails = tuple[tuple[str, int, str | None], ...]
"""Of each: the step, whether it is on its way still, and when it is tried next, or went, rounded up."""
OWN_KEYS = (BeginKind.EVERY_GOAL, BeginKind.CASE_CLOSED)
"""What begins these gives each person a key of their own."""
_CUT = {
    HOUR: re.compile(r'(?<=T\d\d)(?!:00:00(?:\.0+)?\+):[0-9:.]+\+00:00"'),
    MINUTE: re.compile(r'(?<=T\d\d:\d\d)(?!:00(?:\.0+)?\+):[0-9.]+\+00:00"'),
}


class Mailed:
    """The mails of all who are in one sequence."""

    def __init__(
        self, session: Session, scan: Scan, course: Course, unit: timedelta, *, many: bool, highest: int
    ) -> None:
        self._one_by_one = not many or scan.begins.kind in OWN_KEYS
        self._each: dict[int, Mails] = {}
        self._of, self._parts = array("I"), [tuple[tuple[Any, ...], ...]()]
        self._own: dict[tuple[int, str], Mails] = {}
        if self._one_by_one:
            found: dict[int, list[Any]] = defaultdict(list)
            for page in mails_by_enrolment(session, scan, course.steps, unit):
                for number, *mail in page:
                    found[number].append(tuple(mail))
            self._each = {number: tuple(mails) for number, mails in found.items()}
            return
        self._of = array("I", bytes(self._of.itemsize * highest))
        ahead = timedelta(days=course.rules.ahead + 1)
        pages = mails_by_person(session, scan, course.steps, unit, ahead)
        divide(self._of, self._parts, pages, lambda mails, row: (*mails, row), new=True)

    def of(self, people: Sequence[int], ids: Sequence[int], keys: Sequence[str]) -> list[Mails]:
        """What each of these enrolments was mailed."""
        if self._one_by_one:
            return [self._each.get(number, ()) for number in ids]
        return [self._mails(self._of[person], key) for person, key in zip(people, keys, strict=True)]

    def _mails(self, place: int, key: str) -> Mails:
        if not place:
            return ()
        found = self._own.get((place, key))
        if found is None:
            found = tuple(mail[1:] for mail in self._parts[place] if mail[0] == key)
            self._own[place, key] = found
        return found


def cut_instants(texts: Sequence[str], unit: timedelta) -> Sequence[str]:
    """The same JSON texts, in which each instant ends behind its hour, or minute; those that are whole stay as they
    are. See `read_cut`."""
    pattern = _CUT[unit]
    found = pattern.sub('"', "\n".join(texts)).split("\n")
    return found if len(found) == len(texts) else [pattern.sub('"', text) for text in texts]


def read_cut(said: str, unit: timedelta) -> datetime:
    """An instant that was cut, or not, rounded up."""
    if len(said) == (13 if unit == HOUR else 16):
        return datetime.fromisoformat(f"{said}:00+00:00" if unit == MINUTE else f"{said}:00:00+00:00") + unit
    at = datetime.fromisoformat(said)
    return hour_up(at) if unit == HOUR else minute_up(at)
