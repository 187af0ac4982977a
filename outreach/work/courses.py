"""Who is where in the running sequences, and who will begin, as few ways on as the rules can tell apart.

Law: two people are on one way only where all mails to come fall at the same instants, if nothing else happens: by the
rule that sends (`timing.sequence`); of what they hope for only the last end is told, and does not part them. Among more
than `TO_THE_MINUTE` people an instant is a whole hour, rounded up.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import chain, repeat
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from ..records import CampaignState, SubscriptionState
from ..records import Sequence as SequenceRow
from ..store.begins import AHEAD, Scan
from ..store.prepared import instant
from ..store.rounded import HOUR, MINUTE, hour_up, minute_up, read_rounded
from ..store.saved_segments import load_segment
from ..store.segments import asks_more
from ..store.sequences_ahead import beginning, count_going, enrolled, first_events, going_now, standing
from ..timing.sequence import Going, Hope, ends_at, look_ahead
from ..timing.sequence_words import BeginKind
from ..workdays import to_instant
from .alike import Alike, Audience, Way
from .courses_shared import Beginner, Places
from .foreseen import Counts
from .mailed import Mailed, cut_instants, read_cut
from .parting import divide
from .sequence_begins import SCAN_EVERY, Course, course_of, days_of, scan_of
from .workspace import Workspace

TO_THE_MINUTE = 20_000
"""Of more people in sequences than this, whole hours count, rounded up."""
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
    places: Places | None = None


class Courses:
    """These sequences, read once for a look from `now` up to `until`."""

    def __init__(
        self, session: Session, workspace: Workspace, now: datetime, until: datetime, rows: Iterable[SequenceRow]
    ) -> None:
        self._session, self.now, self.until = session, now, until
        self.all = [
            _foreseen(session, course_of(session, workspace, row), now) for row in rows if row.list_id is not None
        ]
        self._ways: dict[Any, tuple[Way, tuple[Hope, ...]]] = {}
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

    def ways(self, of: array[int], groups: Sequence[Alike]) -> tuple[array[int], list[tuple[Way, ...]], int]:
        """Everybody who gets something by a sequence, or may, parted by their ways (place 0: nothing), and how many
        ways of theirs there are. `of` and `groups`: everybody whom the look concerns, by what is known of them."""
        mine, parts = array("I", bytes(of.itemsize * len(of))), [tuple[Way, ...]()]
        pages = chain.from_iterable(
            chain(self._going(number, one, of, groups), self._beginning(number, one))
            for number, one in enumerate(self.all)
        )
        people = 0

        def counted() -> Iterator[list[tuple[int, Way]]]:
            nonlocal people
            for page in pages:
                people += len(page)
                yield page

        divide(mine, parts, counted(), lambda ways, row: (*ways, *row), new=True)
        return mine, parts, people

    def _going(
        self, number: int, one: Foreseen, of: array[int], groups: Sequence[Alike]
    ) -> Iterator[list[tuple[int, Way]]]:
        """Those who are in it, as far as they may be written to."""
        course = one.course
        scan = scan_of(self._session, course, self.now)
        assert scan is not None
        many = count_going(self._session, course.id) > TO_THE_MINUTE
        unit = HOUR if many else MINUTE
        mails = Mailed(self._session, scan, course, unit, many=many, highest=len(of))
        events = course.rules.plan.events()
        happened = {event: first_events(self._session, scan, event, course.steps, unit) for event in events}
        here, known = _Here(course, groups), _KnownWays(lambda stand: self._on(number, one, stand, unit))
        guests = scan.begins.kind is BeginKind.SEMINAR and not scan.begins.who
        pages: Iterable[Sequence[Any]] = going_now(self._session, scan, unit)
        if one.places is not None:
            by, every = standing(self._session, course.id), chain.from_iterable(pages)
            pages = filter(None, [one.places.of_those_in_it(every, by, lambda person: here[of[person]] is not None)])
        for rows in pages:
            people, ids, keys, days, begun, done = zip(*rows, strict=True)
            zones = [here[of[person]] for person in people]
            had = mails.of(people, ids, keys)
            came: Iterable[Any] = repeat(())
            if any(happened.values()):
                came = [tuple((event, times[own]) for event, times in happened.items() if own in times) for own in ids]
            stands = list(zip(zones, days, begun, cut_instants(done, unit), had, came, repeat(guests)))
            ways = [known[stand] for stand in stands]
            if one.places is not None:
                for person, stand in zip(people, stands, strict=True):
                    going = self._stands(stand, unit)
                    over = ends_at(course.rules.plan, going, self.now, self.until) if going is not None else self.now
                    one.places.hold(person, over)
            one.people += sum(zone is not None for zone in zones)
            yield [(person, way) for person, way in zip(people, ways, strict=True) if way is not None]

    def _on(self, number: int, one: Foreseen, stand: Any, unit: timedelta) -> Way | None:
        """The way of those who stand there, if they may be written to."""
        going = self._stands(stand, unit)
        return None if going is None else self._way(number, one, going, self.now)

    def _stands(self, stand: Any, unit: timedelta) -> Going | None:
        zone, day, began, done, had, came, guests = stand
        if zone is None:
            return None
        begun = read_rounded(began)
        first = instant(day).astimezone(zone).date() if guests else _date(day)
        steps, busy = _done(json.loads(done), had, self.now, unit)
        return Going(first, begun, zone, steps, dict(came), busy)

    def _beginning(self, number: int, one: Foreseen) -> Iterator[list[tuple[int, Way]]]:
        """Those who begin by the end of the look, as far as that is known today."""
        course, kind = one.course, one.course.rules.begins.kind
        scan = scan_of(self._session, course, self.now, self.until)
        assert scan is not None
        yearly = kind is BeginKind.YEARLY
        had = enrolled(self._session, course.id, scan.first - timedelta(days=1)) if yearly else frozenset()
        starting = course.row.starting or date.min
        if one.places is not None:
            placed = one.places.given(self._beginners(one, scan, had), lambda each: self._ends(one, each))
            one.begin += len(placed)
            ways = ((each.customer_id, self._from(number, one, each.zone, each.day, each.begun)) for each in placed)
            yield [(person, way) for person, way in ways if way is not None]
            return
        dated: dict[Any, list[tuple[str, Way | None]]] = {}
        for rows in beginning(self._session, scan):
            page: list[tuple[int, Way | None]] = []
            for customer, zone, at, on in rows:
                if on is None and at is not None:
                    begun = self._quiet_from(course, at) if kind is BeginKind.QUIET else at
                    if begun <= self.until + AHEAD and begun.astimezone(course.zone_of(zone)).date() >= starting:
                        page.append((customer, self._from(number, one, zone, None, minute_up(begun))))
                    continue
                if (zone, on) not in dated:
                    days = days_of(course, scan, course.rules.begins.name, on)
                    dated[zone, on] = [(key, self._from(number, one, zone, day, None)) for key, day in days]
                page += [(customer, way) for key, way in dated[zone, on] if not yearly or (customer, key) not in had]
            one.begin += len(page)
            yield [(person, way) for person, way in page if way is not None]

    def _from(
        self, number: int, one: Foreseen, zone: str | None, day: date | None, begun: datetime | None
    ) -> Way | None:
        key = number, zone, day, begun
        if key not in self._known:
            self._known[key] = self._way(number, one, *self._start(one, zone, day, begun))
        return self._known[key]

    def _start(
        self, one: Foreseen, zone: str | None, day: date | None, begun: datetime | None
    ) -> tuple[Going, datetime]:
        """Where somebody is who begins so, and since when they are looked at."""
        here = one.course.zone_of(zone)
        at = begun or to_instant(day or date.min, MIDNIGHT, here)
        since = self.now
        begins = one.course.rules.begins
        if begins.kind is BeginKind.SEMINAR and not begins.who:
            since = max(since, at - AHEAD)
        elif begins.kind is BeginKind.QUIET:
            since = max(since, at)
        return Going(day or at.astimezone(here).date(), at, here), since

    def _beginners(self, one: Foreseen, scan: Scan, had: Collection[tuple[int, str]]) -> Iterator[Beginner]:
        """The same one by one, with when they are found: for a sequence of which one of each group is in."""
        course, early = one.course, timedelta(days=one.course.rules.ahead + 1)
        starting, quiet = course.row.starting or date.min, course.rules.begins.kind is BeginKind.QUIET
        for customer, zone, at, on in chain.from_iterable(beginning(self._session, scan)):
            if on is None and at is not None:
                begun = minute_up(self._quiet_from(course, at) if quiet else at)
                going, since = self._start(one, zone, None, begun)
                if begun <= self.until + AHEAD and going.day >= starting:
                    yield Beginner(customer, zone, None, begun, max(since, begun))
                continue
            for key, day in days_of(course, scan, course.rules.begins.name, on):
                if (customer, key) not in had:
                    begun = self._start(one, zone, day, None)[0].since
                    yield Beginner(customer, zone, day, None, max(self.now, begun - early))

    def _ends(self, one: Foreseen, each: Beginner) -> datetime | None:
        return ends_at(one.course.rules.plan, *self._start(one, each.zone, each.day, each.begun), self.until)

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
        key = number, tuple(times), tuple((hope.step, hope.event, hope.until is None) for hope in hopes)
        if key not in self._ways:
            self._ways[key] = Way(number, going, since, last={hope: hope for hope in hopes}), tuple(hopes)
        way, firsts = self._ways[key]
        for first, hope in zip(firsts, hopes, strict=True):
            if hope.until is not None and hope.until > (way.last[first].until or hope.until):
                way.last[first] = hope
        return way


def _foreseen(session: Session, course: Course, now: datetime) -> Foreseen:
    states = {step: campaign.state for step, campaign in course.campaigns.items()}
    cancelled = frozenset(step for step, state in states.items() if state is CampaignState.CANCELLED)
    segments = {}
    for step, text in course.rules.segments.items():
        asks = asks_more(load_segment(session, text, now))
        segments[step] = Audience(course.row.list_id, text, now if asks else None)
    kind = course.rules.one_per
    return Foreseen(course, cancelled, segments, places=Places(session, kind) if kind is not None else None)


class _Here(dict[int, ZoneInfo | None]):
    """By their group: the zone whose hours count for people in a sequence; None: it must not write to them."""

    def __init__(self, course: Course, groups: Sequence[Alike]) -> None:
        super().__init__({0: None})
        self._course, self._groups = course, groups

    def __missing__(self, place: int) -> ZoneInfo | None:
        course, group = self._course, self._groups[place]
        mail = group.mail.get(course.row.list_id)
        subscribed = mail is not None and mail.subscription is SubscriptionState.SUBSCRIBED
        self[place] = found = (course.rules.zone or group.zone) if course.rules.service or subscribed else None
        return found


class _KnownWays(dict[Any, Way | None]):
    """The way of each stand that was met."""

    def __init__(self, find: Callable[[Any], Way | None]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, stand: Any) -> Way | None:
        self[stand] = found = self._find(stand)
        return found


def _done(
    told: Mapping[str, Any], had: Iterable[tuple[str, int, str | None]], now: datetime, unit: timedelta
) -> tuple[dict[str, datetime], datetime | None]:
    """When each step was done, and until when a mail is on its way; as `work.sequences` reads them of a page."""
    done: dict[str, datetime] = {}
    busy: datetime | None = None
    mails = {step: (on_its_way, at) for step, on_its_way, at in had}
    for step, one in told.items():
        done[step] = read_cut(one["at"], unit)
        on_its_way, at = mails.get(step, (0, None)) if one["how"] == "sent" else (0, None)
        when = read_rounded(at) if at is not None else None
        if on_its_way:
            up = hour_up(now) if unit is HOUR else minute_up(now)
            busy = max(when or up, busy or up)
        elif when is not None:
            done[step] = when
    return done, busy


def _date(stored: Any) -> date:
    return date.fromisoformat(stored) if isinstance(stored, str) else stored


def with_done(going: Going, step: str, at: datetime) -> Going:
    """The same, with this step's mail gone then."""
    return replace(going, done={**going.done, step: at})
