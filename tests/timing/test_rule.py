from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.errors import InputError
from outreach.timing.occurrence import describe, occurrences, parse_schedule
from outreach.timing.rule import DAYS

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def _first(text: str, count: int = 4) -> list[str]:
    found = occurrences(parse_schedule(text), BERLIN, START)
    return [occurrence.occasion for _, occurrence in zip(range(count), found, strict=False)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at 2026-12-01 9:00", ["2026-12-01/09:00"]),
        ("every day at 08:30", ["2026-11-23/08:30", "2026-11-24/08:30", "2026-11-25/08:30", "2026-11-26/08:30"]),
        ("Every  Weekday at 07:45", ["2026-11-23/07:45", "2026-11-24/07:45", "2026-11-25/07:45", "2026-11-26/07:45"]),
        ("every tuesday at 09:00", ["2026-11-24/09:00", "2026-12-01/09:00", "2026-12-08/09:00", "2026-12-15/09:00"]),
        (
            "every monday, thursday and friday at 09:00 until 2026-11-27",
            ["2026-11-23/09:00", "2026-11-26/09:00", "2026-11-27/09:00"],
        ),
        (
            "every 2 weeks on tuesday at 09:00 from 2026-11-24",
            ["2026-11-24/09:00", "2026-12-08/09:00", "2026-12-22/09:00", "2027-01-05/09:00"],
        ),
        (
            "monthly on the first monday at 08:30 until 2027-02-28",
            ["2026-12-07/08:30", "2027-01-04/08:30", "2027-02-01/08:30"],
        ),
        (
            "monthly on the last friday at 16:00",
            ["2026-11-27/16:00", "2026-12-25/16:00", "2027-01-29/16:00", "2027-02-26/16:00"],
        ),
        (
            "monthly on day 15 at 10:00",
            ["2026-12-15/10:00", "2027-01-15/10:00", "2027-02-15/10:00", "2027-03-15/10:00"],
        ),
        (
            "monthly on the last day at 8:00",
            ["2026-11-30/08:00", "2026-12-31/08:00", "2027-01-31/08:00", "2027-02-28/08:00"],
        ),
        (
            "quarterly on the first monday at 9:00",
            ["2027-01-04/09:00", "2027-04-05/09:00", "2027-07-05/09:00", "2027-10-04/09:00"],
        ),
        (
            "every 3 months on day 31 at 10:00 from 2026-12-01",
            ["2026-12-31/10:00", "2027-03-31/10:00", "2027-06-30/10:00", "2027-09-30/10:00"],
        ),
        (
            "monthly on the first, third and last tuesday at 10:00",
            ["2026-11-24/10:00", "2026-12-01/10:00", "2026-12-15/10:00", "2026-12-29/10:00"],
        ),
        ("DTSTART:20261201T090000\nRRULE:FREQ=DAILY;COUNT=2", ["2026-12-01/09:00", "2026-12-02/09:00"]),
        (
            "every day at 09:00 from 2026-12-24 except 2026-12-31, 2027-01-02 to 2027-01-03 and holidays in de-by",
            ["2026-12-24/09:00", "2026-12-27/09:00", "2026-12-28/09:00", "2026-12-29/09:00"],
        ),
        (
            "monthly on the first monday at 08:30 until 2027-06-30 except 2026-12-07",
            ["2027-01-04/08:30", "2027-02-01/08:30", "2027-03-01/08:30", "2027-04-05/08:30"],
        ),
        ("every weekday at 9:00 from 2027-01-01 except holidays in US", ["2027-01-04/09:00", "2027-01-05/09:00"]),
        (
            "DTSTART:20261201T090000 RRULE:FREQ=DAILY;COUNT=4 EXDATE:20261202T090000",
            ["2026-12-01/09:00", "2026-12-03/09:00", "2026-12-04/09:00"],
        ),
        ("DTSTART:20261201T090000 RRULE:FREQ=DAILY;COUNT=2 except 2026-12-01", ["2026-12-02/09:00"]),
        (
            "DTSTART:20261201T090000 RRULE:FREQ=DAILY;UNTIL=20261204 EXDATE;VALUE=DATE:20261202",
            ["2026-12-01/09:00", "2026-12-03/09:00", "2026-12-04/09:00"],
        ),
        (
            "DTSTART:20261201T090030 RRULE:FREQ=DAILY;COUNT=4 EXDATE:20261203T090030,20261202 except 2026-12-01",
            ["2026-12-04/09:00"],
        ),
        ("DTSTART:20261201T090000 RDATE;VALUE=DATE:20261224,20261231", ["2026-12-24/09:00", "2026-12-31/09:00"]),
        ("DTSTART:20261201T090000 RDATE:20261207T093000", ["2026-12-07/09:30"]),
        ("DTSTART:20261201T000000 RRULE:FREQ=HOURLY;BYHOUR=9;COUNT=2", ["2026-12-01/09:00", "2026-12-02/09:00"]),
        (
            "DTSTART:20261201T090000 RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=2",
            ["2026-12-31/09:00", "2027-01-29/09:00"],
        ),
        ("DTSTART:20270101T090000 RRULE:FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO;COUNT=1", ["2027-05-17/09:00"]),
        ("", []),
    ],
)
def test_a_schedule_reads_aloud_and_gives_its_occasions(text: str, expected: list[str]) -> None:
    assert _first(text, len(expected) if 0 < len(expected) < 3 and "until" not in text else 4) == expected


@pytest.mark.parametrize(
    ("text", "aloud"),
    [
        ("daily at 9:00", "every day at 09:00"),
        ("Weekly on tuesday and friday at 9:00", "every tuesday and friday at 09:00"),
        ("fortnightly on tuesday at 09:00 until 2027-06-30", "every 2 weeks on tuesday at 09:00 until 2027-06-30"),
        ("every other tuesday at 09:00", "every 2 weeks on tuesday at 09:00"),
        ("every other week on tuesday at 09:00", "every 2 weeks on tuesday at 09:00"),
        ("every month on the 15th at 10:00", "monthly on day 15 at 10:00"),
        ("every 1 months on the last day at 10:00", "monthly on the last day at 10:00"),
        ("quarterly on the 1st at 08:00 from 2027-02-01", "every 3 months on day 1 at 08:00 from 2027-02-01"),
        ("monthly on the last and first monday at 9:00", "monthly on the first and last monday at 09:00"),
    ],
)
def test_what_people_say_shortly_is_read_aloud_in_full(text: str, aloud: str) -> None:
    assert describe(parse_schedule(text)) == aloud


def test_a_month_without_that_day_uses_its_last_day() -> None:
    assert _first("monthly on day 31 at 10:00", 4) == [
        "2026-11-30/10:00",
        "2026-12-31/10:00",
        "2027-01-31/10:00",
        "2027-02-28/10:00",
    ]


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("every tueday at 09:00", 7, "'tueday' stands where monday"),
        ("every tuesday", 14, "at is missing"),
        ("every tuesday at 9", 18, "no time of day"),
        ("every tuesday at 24:00", 18, "no time of day"),
        ("every tuesday at 09:00 sharp", 24, "'sharp' is too much"),
        ("at 2026-02-30 09:00", 4, "no date"),
        ("monthly on day 40 at 10:00", 16, "from 1 to 31"),
        (f"every {'9' * 5_000} weeks on tuesday at 09:00", 7, "is a number from"),
        ("monthly on the fifth monday at 10:00", 16, "'fifth'"),
        ("every 2 weeks on tuesday at 09:00 until 2020-01-01", 41, "ends before it begins"),
        ("tomorrow", 1, "at, every or monthly"),
        ("every second tuesday at 09:00", 7, "every 2 weeks on tuesday, or monthly on the second tuesday"),
        ("every 3 months on tuesday at 09:00", 19, "the or day"),
        ("monthly on the 32nd at 09:00", 16, "from 1 to 31"),
        ("monthly on day 1st2 at 09:00", 16, "from 1 to 31"),
        ("monthly on the first and last day at 09:00", 31, "'day' stands where monday"),
        ("DTSTART;TZID=Europe/Berlin:20261201T090000 RRULE:FREQ=DAILY", 1, "without Z and TZID"),
        ("every day at 09:00 except christmas", 27, "no date"),
        ("every day at 09:00 except 2026-12-24 to 2026-12-01", 41, "ends after it begins"),
        ("every day at 09:00 except holidays in XX", 39, "whose holidays are known"),
        ("every day at 09:00 except holidays in DE-XX", 39, "whose holidays are known"),
        ("at 2026-12-01 09:00 except 2026-12-01", 21, "too much"),
        ("DTSTART:20261201T090000 RRULE:FREQ=DAILY except tuesday", 49, "no date"),
        ("DTSTART:20261201T090000 RRULE:FREQ=DAILY;BYHOUR=9,17", 1, "more often than daily"),
        ("DTSTART:20261201T090000 RRULE:FREQ=MINUTELY;INTERVAL=2880", 1, "more often than daily"),
        ("RRULE:FREQ=DAILY", 1, "DTSTART"),
        ("DTSTART:20261201T090000Z RRULE:FREQ=DAILY", 1, "DTSTART"),
        ("DTSTART:20261201T090000 RRULE:FREQ=HOURLY", 1, "more often than daily"),
        ("DTSTART:20261201T090000 RRULE:FREQ=NEVER", 1, "cannot be read"),
        ("DTSTART:20261201T090000 RRULE:FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30", 1, "never occurs"),
    ],
)
def test_a_slip_is_told_with_its_column_and_examples(text: str, column: int, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_schedule(text)
    assert f"at column {column}:" in caught.value.message
    assert said in caught.value.message
    assert caught.value.column == column
    assert "every tuesday at 09:00" in caught.value.remedy


WALLS = st.times().map(lambda wall: wall.strftime("%H:%M"))
DATES = st.dates(date(2024, 1, 1), date(2035, 12, 31))
HEADS = st.one_of(
    st.sampled_from(["every day", "every weekday", "monthly on the last day"]),
    st.sets(st.sampled_from(DAYS), min_size=1).map(lambda days: f"every {', '.join(sorted(days))}"),
    st.tuples(st.integers(1, 52), st.sampled_from(DAYS)).map(lambda pair: f"every {pair[0]} weeks on {pair[1]}"),
    st.tuples(st.sampled_from(["first", "second", "third", "fourth", "last"]), st.sampled_from(DAYS)).map(
        lambda pair: f"monthly on the {pair[0]} {pair[1]}"
    ),
    st.tuples(st.integers(1, 31), st.integers(1, 24)).map(
        lambda pair: f"every {pair[1]} months on day {pair[0]}" if pair[1] > 1 else f"monthly on day {pair[0]}"
    ),
    st.sets(st.sampled_from(["first", "second", "third", "fourth", "last"]), min_size=1).map(
        lambda nths: f"every 2 months on the {' and '.join(sorted(nths))} sunday"
    ),
)
SPANS = st.tuples(DATES, st.integers(0, 40)).map(
    lambda span: f"{span[0]} to {span[0] + timedelta(days=span[1])}" if span[1] else str(span[0])
)
PLACES = st.sampled_from(["DE", "de-by", "US-CA", "FR", "JP"]).map(lambda place: f"holidays in {place}")
EXCEPT = st.lists(st.one_of(SPANS, PLACES), min_size=1, max_size=4).map(lambda items: " except " + ", ".join(items))
RECURRING = st.builds(
    lambda head, wall, start, until, but: f"{head} at {wall}{start}" + (f" until {until}" if until else "") + but,
    HEADS,
    WALLS,
    st.just("") | st.dates(date(2020, 1, 1), date(2023, 12, 31)).map(lambda day: f" from {day}"),
    st.none() | DATES,
    st.just("") | EXCEPT,
)
RAW = st.builds(
    lambda start, freq, interval, end, but: f"DTSTART:{start:%Y%m%dT%H%M}00 RRULE:FREQ={freq}{interval}{end}{but}",
    st.datetimes(datetime(2024, 1, 1), datetime(2035, 1, 1)),
    st.sampled_from(["DAILY", "WEEKLY;BYDAY=MO,FR", "MONTHLY;BYDAY=-1FR", "YEARLY;BYMONTH=3,9;BYMONTHDAY=1,-1"]),
    st.just("") | st.integers(1, 9).map(lambda step: f";INTERVAL={step}"),
    st.just("") | st.integers(1, 9).map(lambda count: f";COUNT={count}"),
    st.just("") | EXCEPT,
)
ONCE = st.builds(lambda day, wall: f"at {day} {wall}", DATES, WALLS)


@settings(deadline=None, max_examples=200)
@given(st.one_of(RECURRING, ONCE, RAW))
def test_a_schedule_read_aloud_and_parsed_again_is_the_same(text: str) -> None:
    rule = parse_schedule(text)
    assert parse_schedule(describe(rule)) == rule
    assert parse_schedule(describe(rule).upper()) == rule


@settings(deadline=None, max_examples=50)
@given(RECURRING)
def test_exceptions_leave_days_out_and_move_nothing(text: str) -> None:
    rule, plain = parse_schedule(text), parse_schedule(text.partition(" except ")[0])
    zone = ZoneInfo("UTC")
    kept = [one for one in islice(occurrences(plain, zone, START), 40) if not rule.but.take(one.day)]
    assert list(islice(occurrences(rule, zone, START), len(kept))) == kept


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet="aetuvryonhlkdisw 0123456789:-,RULEFQ=;", max_size=60))
def test_any_text_is_a_rule_or_a_told_mistake(text: str) -> None:
    try:
        rule = parse_schedule(text)
    except InputError as wrong:
        assert wrong.remedy
    else:
        assert parse_schedule(describe(rule)) == rule


def test_times_are_taken_as_they_are_said() -> None:
    rule = parse_schedule("every day at 7:05")
    assert describe(rule) == "every day at 07:05"
    assert rule.start is not None
    assert rule.start.time() == time(7, 5)
