"""Who is where in the running sequences, and who will begin, as few ways on as the rules can tell apart.

Law: two people are on one way only where all mails to come fall at the same instants, if nothing else happens: by the
rule that sends (`timing.sequence`). Among more than `TO_THE_MINUTE` people an instant is a whole hour, rounded up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlmodel import Session

from ..records import CampaignState
from ..records import Sequence as SequenceRow
from ..store.begins import AHEAD
from ..store.crowd import minute_up
from ..store.saved_segments import load_segment
from ..store.segments import asks_more
from ..store.sequences_ahead import OnTheWay, beginning, enrolled, first_events, going_now, their_mails
from ..timing.sequence import Going, Hope, look_ahead
from ..timing.sequence_words import BeginKind
from ..workdays import to_instant
from .alike import Audience, Way, hour_up
from .crowd import TO_THE_MINUTE
from .forecast import Counts
from .sequence_begins import SCAN_EVERY, Course, course_of, days_of, scan_of
from .workspace import Workspace

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
MIDNIGHT = time()


@dataclass
class Foreseen:
    """A running sequence in a look ahead, and what it adds up to: `people` are in it, `begin` more begin by its end;
    `counts` by step; `hopes`: whom a step waits for; `stopped`: at which step people wait for a person."""

    course: Course
    outside: frozenset[str]
    segments: Mapping[str, Audience]
    people: int = 0
    begin: int = 0
    counts: dict[str, Counts] = field(default_factory=dict)
    hopes: Counter[Hope] = field(default_factory=Counter)
    stopped: Counter[str] = field(default_factory=Counter)


class Courses:
    """These sequences, read once for a look from `now` up to `until`."""

    def __init__(
        self, session: Session, workspace: Workspace, now: datetime, until: datetime, rows: Iterable[SequenceRow]
    ) -> None:
        self._session, self.now, self.until = session, now, until
        self.all = [
            _foreseen(session, course_of(session, workspace, row), now) for row in rows if row.list_id is not None
        ]
        self._ways: dict[Any, Way] = {}
        self._known: dict[Any, Way | None] = {}

    def audiences(self) -> Iterator[Audience]:
        """Whom a look must read for these sequences."""
        for one in self.all:
            course = one.course
            if course.rules.service:
                begins = course.rules.begins
                seminar = begins.name if begins.kind is BeginKind.SEMINAR else ""
                yield Audience(None, "", sequence=(course.id, seminar))
            else:
                yield Audience(course.row.list_id, "")
            yield from one.segments.values()

    def ways(self) -> Iterator[list[tuple[int, Way]]]:
        """Everybody who gets something by a sequence, or may, with their way; in pages."""
        for number, one in enumerate(self.all):
            for page in self._going(number, one):
                one.people += len(page)
                yield [(person, way) for person, way in page if way is not None]
            for page in self._beginning(number, one):
                one.begin += len(page)
                yield [(person, way) for person, way in page if way is not None]

    def _going(self, number: int, one: Foreseen) -> Iterator[list[tuple[int, Way | None]]]:
        course = one.course
        scan = scan_of(self._session, course, self.now)
        assert scan is not None
        rows = [row for page in going_now(self._session, scan) for row in page]
        mails = their_mails(self._session, scan, course.steps)
        events = {event: first_events(self._session, scan, event, course.steps) for event in course.rules.plan.events()}
        unit = MINUTE if len(rows) <= TO_THE_MINUTE else HOUR
        guests = scan.begins.kind is BeginKind.SEMINAR and not scan.begins.who
        page = []
        for row in rows:
            done, busy = _done(row, mails.get(row.id, {}), self.now)
            key = (
                number,
                row.zone,
                row.begun.date() if guests else row.day,
                _up(row.begun, unit),
                tuple((step, _up(at, unit)) for step, at in done.items()),
                busy and _up(busy, unit),
                tuple((event, _up(times[row.id], unit)) for event, times in events.items() if row.id in times),
            )
            if key not in self._known:
                zone = course.zone_of(row.zone)
                day = row.begun.astimezone(zone).date() if guests else row.day
                going = Going(day, key[3], zone, dict(key[4]), dict(key[6]), key[5])
                self._known[key] = self._way(number, one, going, self.now)
            page.append((row.customer_id, self._known[key]))
        yield page

    def _beginning(self, number: int, one: Foreseen) -> Iterator[list[tuple[int, Way | None]]]:
        """Those who begin by the end of the look, as far as that is known today."""
        course, kind = one.course, one.course.rules.begins.kind
        scan = scan_of(self._session, course, self.now, self.until)
        assert scan is not None
        yearly = kind is BeginKind.YEARLY
        had = enrolled(self._session, course.id, scan.first - timedelta(days=1)) if yearly else frozenset()
        starting = course.row.starting or date.min
        for rows in beginning(self._session, scan):
            page: list[tuple[int, Way | None]] = []
            for customer, zone, at, on in rows:
                if on is None and at is not None:
                    begun = self._quiet_from(course, at) if kind is BeginKind.QUIET else at
                    if begun <= self.until + AHEAD and begun.astimezone(course.zone_of(zone)).date() >= starting:
                        page.append((customer, self._from(number, one, zone, None, _up(begun, MINUTE))))
                    continue
                for key, day in days_of(course, scan, course.rules.begins.name, on):
                    if not yearly or (customer, key) not in had:
                        page.append((customer, self._from(number, one, zone, day, None)))
            yield page

    def _from(
        self, number: int, one: Foreseen, zone: str | None, day: date | None, begun: datetime | None
    ) -> Way | None:
        key = number, zone, day, begun
        if key not in self._known:
            here = one.course.zone_of(zone)
            at = begun or to_instant(day or date.min, MIDNIGHT, here)
            since = self.now
            begins = one.course.rules.begins
            if begins.kind is BeginKind.SEMINAR and not begins.who:
                since = max(since, at - AHEAD)
            elif begins.kind is BeginKind.QUIET:
                since = max(since, at)
            self._known[key] = self._way(number, one, Going(day or at.astimezone(here).date(), at, here), since)
        return self._known[key]

    def _quiet_from(self, course: Course, last: datetime) -> datetime:
        """When it is found that somebody has been quiet for so long: it is looked now and then."""
        reached, every = last + timedelta(days=course.rules.begins.days), SCAN_EVERY[BeginKind.QUIET]
        first = (course.row.scanned_at or self.now - every) + every
        first = max(first, self.now)
        return first if reached <= first else first + -(-(reached - first) // every) * every

    def _way(self, number: int, one: Foreseen, going: Going, since: datetime) -> Way | None:
        """The way that all share who get the same from now on; None where nothing is to come."""
        times: list[tuple[str, datetime]] = []
        hopes: list[Hope] = []
        plan, at, here = one.course.rules.plan, since, going
        while True:
            ahead = look_ahead(plan, here, at, self.until)
            hopes += ahead.hopes
            if ahead.mail is None or ahead.mail.at is None:
                break
            times.append((ahead.mail.step, ahead.mail.at))
            at, here = ahead.mail.at, ahead.going
        if not times and not hopes:
            return None
        return self._ways.setdefault((number, tuple(times), tuple(hopes)), Way(number, going, since))


def _foreseen(session: Session, course: Course, now: datetime) -> Foreseen:
    states = {step: campaign.state for step, campaign in course.campaigns.items()}
    cancelled = frozenset(step for step, state in states.items() if state is CampaignState.CANCELLED)
    segments = {}
    for step, text in course.rules.segments.items():
        asks = asks_more(load_segment(session, text, now))
        segments[step] = Audience(course.row.list_id, text, now if asks else None)
    return Foreseen(course, cancelled, segments)


def _done(
    row: OnTheWay, mails: Mapping[str, tuple[bool, datetime | None]], now: datetime
) -> tuple[dict[str, datetime], datetime | None]:
    """When each step was done, and until when a mail is on its way; as `work.sequences` reads them of a page."""
    done: dict[str, datetime] = {}
    busy: datetime | None = None
    for step, told in row.done.items():
        done[step] = datetime.fromisoformat(told["at"])
        mail = mails.get(step) if told["how"] == "sent" else None
        if mail is not None and mail[0]:
            busy = max(mail[1] or now, busy or now)
        elif mail is not None and mail[1] is not None:
            done[step] = mail[1]
    return done, busy


def _up(at: datetime, unit: timedelta) -> datetime:
    """The whole minute, or hour, that the instant is over by."""
    return hour_up(at) if unit is HOUR else minute_up(at)


def with_done(going: Going, step: str, at: datetime) -> Going:
    """The same, with this step's mail gone then."""
    return replace(going, done={**going.done, step: at})
