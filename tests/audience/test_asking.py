"""How often an address may be asked whether its owner wants a list: ever more seldom while nobody answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from outreach.audience.asking import Asked, has_jumped, is_flood, may_ask

NOW = datetime(2026, 12, 1, 10, 0, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def flooded(days: int, lists: int) -> list[datetime]:
    """When an address is asked that somebody types into all lists once an hour."""
    asked: list[tuple[datetime, int]] = []
    for hour in range(days * 24):
        now = NOW + hour * HOUR
        for one in range(lists):
            if may_ask(asked, one, now):
                asked.append((now, one))
    return [at for at, _ in asked]


@pytest.mark.parametrize("lists", [1, 2, 3, 20])
def test_whoever_never_answers_is_asked_ever_more_seldom_and_six_times_a_year_at_most(lists: int) -> None:
    asked = flooded(364, lists)
    assert len(asked) == 6
    first = min(lists, 3)
    assert [asked.count(NOW)] == [first], "so many lists at once"
    days = [(later - earlier) // DAY for earlier, later in pairwise(asked)]
    assert days[first - 1 :] == [1, 3, 7, 30, 90][first - 1 :]


def test_a_mail_that_was_lost_goes_again_the_next_day() -> None:
    assert not may_ask([(NOW, 1)], 1, NOW + 23 * HOUR)
    assert may_ask([(NOW, 1)], 1, NOW + 24 * HOUR)
    assert may_ask([(NOW, 1), (NOW, 2)], 3, NOW), "a third list in one sitting"
    assert not may_ask([(NOW, 1), (NOW, 2), (NOW, 3)], 4, NOW + 6 * DAY)
    assert may_ask([(NOW - 366 * DAY, 1)] * 6, 1, NOW), "a year is long enough"


@pytest.mark.parametrize(
    ("people", "answered", "flood"), [(19, 0, False), (20, 0, True), (60, 14, True), (60, 15, False), (24, 5, False)]
)
def test_a_place_that_types_in_many_addresses_of_which_few_confirm_is_a_flood(
    people: int, answered: int, flood: bool
) -> None:
    assert is_flood(Asked(people, answered)) is flood


@pytest.mark.parametrize(
    ("day", "before", "jumped"),
    [
        (Asked(30, 3), Asked(0, 0), True),
        (Asked(30, 12), Asked(0, 0), False),
        (Asked(20, 1), Asked(280, 210), False),
        (Asked(25, 1), Asked(280, 210), True),
        (Asked(25, 10), Asked(280, 210), False),
        (Asked(200, 20), Asked(5_600, 2_800), False),
        (Asked(400, 20), Asked(5_600, 2_800), True),
        (Asked(19, 0), Asked(0, 0), False),
    ],
)
def test_many_more_than_usual_that_nobody_confirms_are_told(day: Asked, before: Asked, jumped: bool) -> None:
    assert has_jumped(day, before) is jumped
