from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.plan.budget import judge_budget
from outreach.records import BULK, YES, DeliveryState, Kind

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def test_two_mails_in_a_week_are_the_budget_and_the_third_waits_for_the_first_free_instant() -> None:
    sent = [NOW - 5 * DAY, NOW - 2 * DAY]
    said = judge_budget(Kind.NEWS, sent, 2, NOW, NOW + 5 * DAY)
    assert said.state is None
    assert said.later == NOW + 2 * DAY
    assert said.reason == "budget"
    assert "2 bulk mails in the last seven days" in said.evidence


def test_what_would_wait_past_its_worth_is_withheld() -> None:
    said = judge_budget(Kind.NEWS, [NOW - DAY, NOW - DAY], 2, NOW, NOW + 5 * DAY)
    assert (said.state, said.reason) == (DeliveryState.WITHHELD, "budget")


def test_service_and_test_mail_are_free() -> None:
    for kind in set(Kind) - BULK:
        assert judge_budget(kind, [NOW] * 9, 1, NOW, None) == YES


def test_a_mail_of_exactly_seven_days_ago_no_longer_counts() -> None:
    assert judge_budget(Kind.TIPS, [NOW - 7 * DAY], 1, NOW, None).allowed
    assert not judge_budget(Kind.TIPS, [NOW - 7 * DAY + timedelta(seconds=1)], 1, NOW, None).allowed


@settings(deadline=None)
@given(st.lists(st.integers(0, 20 * 24), max_size=12), st.integers(1, 5))
def test_waiting_until_the_instant_it_names_is_just_enough(hours_ago: list[int], per_week: int) -> None:
    sent = [NOW - timedelta(hours=hours) for hours in hours_ago]
    said = judge_budget(Kind.NEWS, sent, per_week, NOW, None)
    if said.later is not None:
        assert judge_budget(Kind.NEWS, sent, per_week, said.later, None).allowed
        assert not judge_budget(Kind.NEWS, sent, per_week, said.later - timedelta(seconds=1), None).allowed
    else:
        assert said.allowed


HOURS = st.integers(0, 21 * 24).map(lambda hours: NOW + timedelta(hours=hours))


def test_an_offer_leaves_room_for_the_tips_of_the_coming_week() -> None:
    tips = NOW + 3 * DAY
    said = judge_budget(Kind.OFFER, [NOW - DAY], 2, NOW, NOW + 20 * DAY, [tips])
    assert said.reason == "budget"
    assert said.evidence.startswith("the tips of 2026-12-04 come first")
    assert said.later == NOW + 6 * DAY
    assert judge_budget(Kind.OFFER, [NOW - DAY], 3, NOW, None, [tips]).allowed
    assert judge_budget(Kind.OFFER, [], 2, NOW, None, [tips]).allowed
    assert judge_budget(Kind.TIPS, [NOW - DAY], 2, NOW, None, [tips]).allowed, "tips leave no room for tips"
    assert judge_budget(Kind.OFFER, [NOW - DAY], 1, NOW, NOW + 5 * DAY, [tips]).state is DeliveryState.WITHHELD


def test_tips_an_hour_earlier_than_a_week_ago_are_no_reason_to_wait() -> None:
    last_week, tips = NOW - 2 * DAY + timedelta(hours=5), NOW + 5 * DAY
    assert judge_budget(Kind.NEWS, [last_week], 2, NOW, None, [tips]).allowed


@settings(deadline=None, max_examples=300)
@given(st.lists(HOURS, max_size=3, unique=True), st.lists(HOURS, max_size=6), st.integers(1, 3))
def test_no_offer_ever_puts_tips_off_by_more_than_a_day(
    tips: list[datetime], offers: list[datetime], per_week: int
) -> None:
    """Let offers go whenever the rule lets them; then the tips go as they would have gone without any."""

    def free(sent: list[datetime], at: datetime) -> datetime:
        said = judge_budget(Kind.TIPS, [one for one in sent if one <= at], per_week, at, None)
        return said.later or at

    alone: list[datetime] = []
    for at in sorted(tips):
        alone.append(free(alone, at))
    if alone != sorted(tips):
        return
    sent: list[datetime] = []
    waiting = sorted(offers)
    moments = sorted([*((at, 0) for at in tips), *((at, 1) for at in waiting)])  # what goes first at one instant
    for at, after_tips in moments:
        if not after_tips:
            gone = free(sent, at)
            assert gone - at <= DAY
            sent.append(at)
        elif judge_budget(Kind.OFFER, sent, per_week, at, None, [one for one in tips if one >= at]).allowed:
            sent.append(at)
