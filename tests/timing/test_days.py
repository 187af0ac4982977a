from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.timing.days import OpenDays
from outreach.timing.exceptions import exceptions

BERLIN = ZoneInfo("Europe/Berlin")
CHRISTMAS = exceptions([(date(2026, 12, 24), date(2026, 12, 26))], ["DE"])


@pytest.mark.parametrize(
    ("local", "opens", "why"),
    [
        (datetime(2026, 12, 23, 9), None, ""),
        (datetime(2026, 12, 24, 9), datetime(2026, 12, 28, 9), "no newsletters on this day"),
        (datetime(2026, 12, 27, 9), datetime(2026, 12, 28, 9), "no newsletters on a Sunday"),
        (datetime(2027, 1, 1, 0, 30), datetime(2027, 1, 4, 0, 30), "a holiday in DE"),
    ],
)
def test_what_falls_on_a_closed_day_goes_at_the_same_time_of_the_next_open_one(
    local: datetime, opens: datetime | None, why: str
) -> None:
    days = OpenDays((0, 1, 2, 3, 4), CHRISTMAS)
    found = days.next_open(local.replace(tzinfo=BERLIN).astimezone(UTC), BERLIN)
    if opens is None:
        assert found is None
        return
    assert found is not None
    assert found[0] == opens.replace(tzinfo=BERLIN)
    assert why in found[1] and f"{local:%Y-%m-%d}" in found[1]


def test_the_day_is_the_readers_own() -> None:
    days = OpenDays(but=exceptions([(date(2026, 12, 24), date(2026, 12, 24))], ()))
    late = datetime(2026, 12, 23, 23, 30, tzinfo=UTC)
    assert days.next_open(late, ZoneInfo("America/New_York")) is None
    assert days.next_open(late, BERLIN) == (datetime(2026, 12, 24, 23, 30, tzinfo=UTC), days.next_open(late, BERLIN)[1])  # type: ignore[index]


def test_where_no_day_is_open_there_is_an_end_to_looking() -> None:
    days = OpenDays((6,), exceptions([(date(2026, 1, 1), date(2029, 12, 31))], ()))
    assert days.next_open(datetime(2026, 6, 1, tzinfo=UTC), BERLIN) is not None


@settings(deadline=None, max_examples=60)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1), timezones=st.just(UTC)),
    st.sets(st.integers(0, 6), min_size=1),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Pacific/Auckland"]),
)
def test_when_it_goes_instead_the_day_is_open_and_none_before_it_was(
    now: datetime, weekdays: set[int], name: str
) -> None:
    days, zone = OpenDays(tuple(weekdays), CHRISTMAS), ZoneInfo(name)
    found = days.next_open(now, zone)
    if found is None:
        assert not days.why_closed(now.astimezone(zone).date())
        return
    opens = found[0]
    assert opens > now
    assert not days.why_closed(opens.astimezone(zone).date())
    assert abs(_minutes(opens.astimezone(zone).time()) - _minutes(now.astimezone(zone).time())) <= 60


def _minutes(wall: time) -> int:
    return wall.hour * 60 + wall.minute
