from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest

from outreach.timing.occurrence import occurrences, parse_schedule

from .zone_changes import FROM, Change, all_changes, changes_of, distinct_changes, offset

DAY = timedelta(days=1)


def _hold(change: Change) -> None:
    """A daily rule at each wall time that the change can harm, over the days around it."""
    zone = ZoneInfo(change.zone)
    for wall in change.walls():
        first = wall.date() - 2 * DAY
        rule = parse_schedule(f"every day at {wall:%H:%M} from {first}")
        found = list(itertools.islice(occurrences(rule, zone, change.at - 5 * DAY), 6))
        where = f"{change.zone} {change.at} at {wall:%H:%M}"
        assert [one.day for one in found] == [first + number * DAY for number in range(6)], where
        assert all(one.at < after.at for one, after in itertools.pairwise(found)), where
        for one in found:
            said = datetime.combine(one.day, one.wall)
            shown = one.at.astimezone(zone).replace(tzinfo=None)
            assert shown >= said, f"{where}: early"
            assert _earlier(one.at, zone) < said, f"{where}: its time had come before, or came sooner"


def _earlier(at: datetime, zone: ZoneInfo) -> datetime:
    """The latest that the zone's clock had shown up to a second before `at`, in the three hours before that."""
    before = at - timedelta(seconds=1)
    shown = before.astimezone(zone).replace(tzinfo=None)
    change = next((one for one in changes_of(zone.key) if before - timedelta(hours=3) < one.at <= before), None)
    if change is None:
        return shown
    return max(shown, change.at.replace(tzinfo=None) + change.before - timedelta(seconds=1))


def test_every_kind_of_change_of_every_zone_gives_each_local_day_one_occurrence_none_early() -> None:
    kinds = distinct_changes()
    assert len(kinds) > 30
    assert {change.after > change.before for change in kinds} == {True, False}
    for change in kinds:
        _hold(change)


@pytest.mark.long
def test_every_change_of_every_zone_gives_each_local_day_one_occurrence_none_early() -> None:
    changes = all_changes()
    assert len(changes) > 2000
    for change in changes:
        _hold(change)


def test_a_gap_that_ends_a_day_is_left_at_midnight() -> None:
    """Nuuk goes from Saturday 23:00 to Sunday 00:00: what is to go at 23:30 goes at the first instant after."""
    (change,) = [
        one for one in changes_of("America/Nuuk") if (one.at.year, one.at.month) == (2026, 3) and one.after > one.before
    ]
    zone, day = ZoneInfo("America/Nuuk"), (change.at + change.before).date()
    found = list(itertools.islice(occurrences(parse_schedule("every day at 23:30"), zone, change.at - DAY), 3))
    saturday = next(one for one in found if one.day == day)
    assert (saturday.at, offset(zone, saturday.at)) == (change.at, change.after)
    assert saturday.at.astimezone(zone).strftime("%a %H:%M") == "Sun 00:00"


def test_zones_that_never_change_need_no_look() -> None:
    """What the tests above leave out has no change at all: there wall time and instant run side by side."""
    still = [name for name in sorted(available_timezones()) if not changes_of(name)]
    assert len(still) > 300
    for name in still:
        zone = ZoneInfo(name)
        assert {offset(zone, FROM + timedelta(days=91 * number)) for number in range(44)} == {offset(zone, FROM)}
