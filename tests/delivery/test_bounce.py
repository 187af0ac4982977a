"""What bounces add up to, by the rules alone."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.delivery.bounce import BounceRules, DomainCounts, is_storm, points, rests_until, score
from outreach.words import FailureClass

DAY = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
RULES = BounceRules()
FULL = FailureClass.MAILBOX_FULL
instants = st.integers(0, 200 * 24).map(lambda hours: DAY + timedelta(hours=hours))


def days(*numbers: float) -> list[datetime]:
    return [DAY + timedelta(days=number) for number in numbers]


@given(st.lists(st.tuples(instants, st.sampled_from(sorted(FailureClass)))))
def test_an_address_gets_at_most_one_point_a_day_and_none_for_a_mail_that_broke_its_own_process(
    bounces: list[tuple[datetime, FailureClass]],
) -> None:
    got = points(bounces)
    assert len({at.date() for at in got}) == len(got) and got == sorted(got)
    assert {at.date() for at in got} == {at.date() for at, why in bounces if why is not FailureClass.POISON}


def test_a_point_counts_half_after_its_half_life() -> None:
    assert score(days(0), DAY, RULES) == 1
    assert score(days(0), DAY + timedelta(days=30), RULES) == pytest.approx(0.5)
    assert score(days(0, 10), DAY, RULES) == 1, "what is still to come counts nothing"


def test_hundreds_of_bounces_of_one_day_give_no_rest() -> None:
    got = points([(DAY + timedelta(minutes=number), FULL) for number in range(300)])
    assert rests_until(got, BounceRules(limit=1)) is None
    assert rests_until(days(0, 1), BounceRules(limit=1)) is not None, "two different days do"


def test_an_address_rests_after_four_days_in_a_row_for_about_a_month() -> None:
    assert rests_until(days(0, 1, 2), RULES) is None
    until = rests_until(days(0, 1, 2, 3), RULES)
    assert until is not None
    worth = score(days(0, 1, 2, 3), until, RULES)
    assert worth == pytest.approx(RULES.limit / 2, rel=1e-6), "it rests until the points are worth half the limit"
    assert timedelta(days=28) < until - days(3)[0] < timedelta(days=45)


def test_points_that_lie_far_apart_never_add_up() -> None:
    assert rests_until(days(*range(0, 3650, 40)), RULES) is None


@given(st.lists(instants, max_size=40, unique_by=lambda at: at.date()).map(sorted), st.floats(1, 6), st.floats(5, 90))
def test_a_rest_needs_two_days_lapses_by_itself_and_lasts_no_shorter_for_another_bounce(
    got: list[datetime], limit: float, half_life: float
) -> None:
    rules = BounceRules(limit=limit, half_life_days=half_life)
    until = rests_until(got, rules)
    if len(got) < 2:
        assert until is None
    if until is not None:
        assert until - got[-1] <= timedelta(days=half_life * math.log2(2 * len(got) / limit + 2) + 200)
        more = rests_until([*got, got[-1] + timedelta(days=1)], rules)
        assert more is not None and more >= until


@pytest.mark.parametrize(
    ("counts", "storm"),
    [
        (DomainCounts(9, 9), False),
        (DomainCounts(10, 10), True),
        (DomainCounts(10, 20), False),
        (DomainCounts(20, 40), True),
        (DomainCounts(40, 1000), False),
        (DomainCounts(60, 100, 5, 1000), True),
        (DomainCounts(60, 100, 400, 1000), False),
        (DomainCounts(98, 100, 400, 1000), True),
    ],
)
def test_a_storm_is_many_addresses_and_surely_more_than_the_domain_ever_refused(
    counts: DomainCounts, storm: bool
) -> None:
    assert is_storm(counts, RULES) is storm


@given(st.integers(0, 500), st.integers(0, 5000), st.integers(0, 500), st.integers(0, 2000))
def test_more_bounces_never_end_a_storm_and_too_few_never_make_one(
    bounced: int, more: int, before: int, history: int
) -> None:
    counts = DomainCounts(bounced, bounced + more, min(before, history), history)
    if bounced < RULES.storm_least:
        assert not is_storm(counts, RULES)
    if is_storm(counts, RULES) and more:
        worse = DomainCounts(bounced + 1, bounced + more, min(before, history), history)
        assert is_storm(worse, RULES)
