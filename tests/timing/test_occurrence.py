from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.timing.occurrence import (
    at_occasion,
    next_occurrence,
    occasion_wall,
    occurrences,
    opens_everywhere,
    over_everywhere,
    parse_schedule,
)
from outreach.timing.window import is_quiet, quiet_ends

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "America/Santiago",
    "Africa/Cairo",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "America/Havana",
    "Asia/Kolkata",
]


@pytest.mark.parametrize("name", ZONES)
def test_stepping_by_the_last_instant_gives_the_same_occasions_as_iterating(name: str) -> None:
    zone = ZoneInfo(name)
    rule = parse_schedule("every day at 02:30")
    start = datetime(2026, 3, 1, tzinfo=UTC)
    iterated = [occurrence for _, occurrence in zip(range(60), occurrences(rule, zone, start), strict=False)]
    stepped, after = [], start
    for _ in range(60):
        found = next_occurrence(rule, zone, after)
        assert found is not None
        stepped.append(found)
        after = found.at
    assert stepped == iterated


def test_in_a_gap_the_mail_goes_at_the_first_valid_instant_after() -> None:
    found = next_occurrence(
        parse_schedule("at 2026-03-29 02:30"), ZoneInfo("Europe/Berlin"), datetime(2026, 3, 28, tzinfo=UTC)
    )
    assert found is not None
    assert found.occasion == "2026-03-29/02:30"
    assert found.at == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_in_a_fold_the_mail_goes_the_first_time_only() -> None:
    rule, zone = parse_schedule("every day at 02:30"), ZoneInfo("Europe/Berlin")
    first = next_occurrence(rule, zone, datetime(2026, 10, 24, 12, tzinfo=UTC))
    assert first is not None
    assert first.at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    second = next_occurrence(rule, zone, first.at)
    assert second is not None
    assert second.occasion == "2026-10-26/02:30"


def test_a_rule_without_an_end_goes_on_and_one_with_an_end_stops() -> None:
    zone = ZoneInfo("UTC")
    assert next_occurrence(parse_schedule("every day at 09:00"), zone, datetime(2034, 1, 1, tzinfo=UTC)) is not None
    ended = parse_schedule("every day at 09:00 until 2026-12-02")
    assert next_occurrence(ended, zone, datetime(2026, 12, 1, 9, tzinfo=UTC)).day == date(2026, 12, 2)  # type: ignore[union-attr]
    assert next_occurrence(ended, zone, datetime(2026, 12, 2, 9, tzinfo=UTC)) is None
    assert next_occurrence(parse_schedule(""), zone, datetime(2026, 12, 2, 9, tzinfo=UTC)) is None


def test_an_occasion_names_its_wall_time_in_any_zone() -> None:
    assert occasion_wall("once-1") is None
    assert at_occasion("once-1", ZoneInfo("UTC")) is None
    assert at_occasion("2026-12-01/09:00", ZoneInfo("Asia/Tokyo")) == datetime(2026, 12, 1, 0, 0, tzinfo=UTC)


@settings(deadline=None)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)),
    st.sampled_from([*ZONES, "Pacific/Kiritimati", "Etc/GMT+12", "Pacific/Niue"]),
)
def test_no_zone_has_a_local_time_before_it_first_or_after_it_last_comes_about(wall: datetime, zone: str) -> None:
    wall = wall.replace(second=0, microsecond=0)
    at = at_occasion(f"{wall:%Y-%m-%d/%H:%M}", ZoneInfo(zone))
    assert at is not None
    day, hour = wall.date(), wall.time()
    assert opens_everywhere(day, hour) <= at <= over_everywhere(day, hour) + timedelta(hours=1)


@pytest.mark.parametrize(
    ("local", "quiet"),
    [("20:59", False), ("21:00", True), ("23:59", True), ("00:00", True), ("07:59", True), ("08:00", False)],
)
def test_quiet_hours_run_over_midnight(local: str, quiet: bool) -> None:
    assert is_quiet(time.fromisoformat(local), time(21), time(8)) is quiet


def test_a_window_within_one_day_and_an_empty_one() -> None:
    assert is_quiet(time(13), time(12), time(14))
    assert not is_quiet(time(14), time(12), time(14))
    assert not is_quiet(time(12), time(12), time(12))


def test_quiet_hours_end_by_the_persons_own_clock() -> None:
    night = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)
    assert quiet_ends(night, ZoneInfo("Europe/Berlin"), time(21), time(8)) == datetime(2026, 12, 1, 7, tzinfo=UTC)
    assert quiet_ends(night, ZoneInfo("America/Los_Angeles"), time(21), time(8)) is None
    evening = datetime(2026, 12, 1, 20, 30, tzinfo=UTC)
    assert quiet_ends(evening, ZoneInfo("Europe/Berlin"), time(21), time(8)) == datetime(2026, 12, 2, 7, tzinfo=UTC)


@settings(deadline=None)
@given(st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)), st.sampled_from(ZONES))
def test_when_quiet_hours_end_they_are_over(now: datetime, zone: str) -> None:
    ends = quiet_ends(now, ZoneInfo(zone), time(21), time(8))
    if ends is not None:
        assert now < ends <= now + timedelta(hours=13)
        assert quiet_ends(ends, ZoneInfo(zone), time(21), time(8)) is None
