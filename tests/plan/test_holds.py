from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from outreach.plan.holds import SharedHold, blocked_topics, judge_holds, judge_shared, judge_sight, sharing
from outreach.records import BULK, PROMOTION, YES, DeliveryState, GroupKind, Hold, HoldState, Kind

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LAPSES = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)


def _hold(
    state: HoldState = HoldState.SUGGESTED, until: datetime | None = LAPSES, scope: str = "promotion", topic: str = ""
) -> Hold:
    return Hold(
        customer_id=1,
        case_id=7,
        scope=scope,
        topic=topic,
        state=state,
        reason="complaint about descaling in case 7, suggested by cues",
        since=NOW,
        until=until,
    )


@pytest.mark.parametrize("kind", sorted(PROMOTION))
def test_an_open_complaint_stops_promotion_with_the_case_and_the_day_it_lapses(kind: Kind) -> None:
    said = judge_holds(kind, [_hold()], NOW)
    assert said.state is DeliveryState.WITHHELD
    assert said.reason == "open complaint"
    assert "case 7" in said.evidence
    assert "lapses 24 Nov 2026" in said.evidence
    assert said.until == LAPSES


def test_the_day_is_that_of_the_workspaces_zone() -> None:
    assert "lapses 25 Nov 2026" in judge_holds(Kind.NEWS, [_hold()], NOW, ZoneInfo("Europe/Berlin")).evidence


@pytest.mark.parametrize("kind", sorted(set(Kind) - PROMOTION))
def test_tips_service_and_test_mail_are_never_held(kind: Kind) -> None:
    assert judge_holds(kind, [_hold(HoldState.CONFIRMED, None)], NOW) == YES


def test_a_suggested_hold_lapses_by_itself_at_its_instant() -> None:
    assert not judge_holds(Kind.NEWS, [_hold()], LAPSES - timedelta(seconds=1)).allowed
    assert judge_holds(Kind.NEWS, [_hold()], LAPSES).allowed


def test_a_confirmed_hold_stays_until_the_case_is_closed_and_is_named_before_one_that_lapses() -> None:
    said = judge_holds(Kind.OFFER, [_hold(), _hold(HoldState.CONFIRMED, None)], NOW)
    assert "until the case is closed" in said.evidence
    assert said.until is None
    assert not judge_holds(Kind.OFFER, [_hold(HoldState.CONFIRMED, None)], NOW + timedelta(days=400)).allowed


def test_a_lifted_hold_stops_nothing() -> None:
    assert judge_holds(Kind.NEWS, [_hold(HoldState.LIFTED, None)], NOW) == YES


def test_a_hold_on_tips_blocks_its_topic_only() -> None:
    holds = [_hold(scope="tips", topic="descaling"), _hold()]
    assert blocked_topics(holds, NOW) == {"descaling"}
    assert blocked_topics(holds, LAPSES) == frozenset()
    for kind in BULK - PROMOTION:
        assert judge_holds(kind, holds, NOW).allowed


HALF_HOUR = timedelta(minutes=30)


def test_an_offer_waits_while_any_mailbox_was_not_read_lately_and_names_the_worst() -> None:
    read = {"care": NOW - timedelta(minutes=42), "shop": NOW - timedelta(minutes=2)}
    said = judge_sight(Kind.OFFER, read, NOW, HALF_HOUR)
    assert (said.state, said.allowed, said.reason) == (None, False, "replies not read")
    assert "care was last read 42 minutes ago" in said.evidence
    assert "shop (and 1 more) was never read" in judge_sight(Kind.OFFER, read | {"shop": None}, NOW, HALF_HOUR).evidence


def test_thirty_minutes_are_still_lately_and_a_second_more_is_not() -> None:
    assert judge_sight(Kind.OFFER, {"care": NOW - HALF_HOUR}, NOW, HALF_HOUR).allowed
    assert not judge_sight(Kind.OFFER, {"care": NOW - HALF_HOUR - timedelta(seconds=1)}, NOW, HALF_HOUR).allowed


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.OFFER}))
def test_only_offers_wait_for_replies_to_be_read(kind: Kind) -> None:
    assert judge_sight(kind, {"care": None}, NOW, HALF_HOUR) == YES


def test_without_a_mailbox_or_with_the_rule_switched_off_nothing_waits() -> None:
    assert judge_sight(Kind.OFFER, {}, NOW, HALF_HOUR) == YES
    assert judge_sight(Kind.OFFER, {"care": None}, NOW, timedelta(0)) == YES


def test_what_a_complaint_holds_for_the_others_is_said_by_the_settings() -> None:
    words = {GroupKind.HOUSEHOLD: "promotion", GroupKind.COMPANY: "offer"}
    assert sharing(Kind.NEWS, words) == {GroupKind.HOUSEHOLD}
    assert sharing(Kind.OFFER, words) == {GroupKind.HOUSEHOLD, GroupKind.COMPANY}
    assert sharing(Kind.TIPS, words) == frozenset() == sharing(Kind.SERVICE, words)
    assert sharing(Kind.OFFER, dict.fromkeys(GroupKind, "no")) == frozenset()


def test_another_ones_complaint_is_named_by_number_and_lapses_with_it() -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    theirs = SharedHold(GroupKind.HOUSEHOLD, 17, 5, HoldState.SUGGESTED, now + timedelta(days=1))
    said = judge_shared([GroupKind.HOUSEHOLD], [theirs], now)
    assert (said.reason, said.until) == ("open complaint in the household", theirs.until)
    assert said.evidence == "case 5 of customer 17, of the same household, is still open"
    assert judge_shared([GroupKind.COMPANY], [theirs], now).allowed
    assert judge_shared([GroupKind.HOUSEHOLD], [theirs], now + timedelta(days=2)).allowed
    lifted = theirs._replace(state=HoldState.LIFTED)
    assert judge_shared([GroupKind.HOUSEHOLD], [lifted], now).allowed
    both = [theirs._replace(group=GroupKind.COMPANY), theirs]
    assert judge_shared([*GroupKind], both, now).reason == judge_shared([*GroupKind], both[::-1], now).reason
