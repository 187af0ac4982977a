"""Silence: asked once, rested, woken by a sign."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from outreach.plan.reach import REST_SCOPE, RESTED, Move, ReachRules, Silence, judge_rest, next_move
from outreach.records import DeliveryState, HoldState, Kind

NOW = datetime(2026, 12, 1, 10, tzinfo=UTC)
RULES = ReachRules(issues=6, days=180, answer_days=30)
LONG_AGO = NOW - timedelta(days=200)


@pytest.mark.parametrize(
    ("known", "move"),
    [
        (Silence(6, LONG_AGO), Move.ASK),
        (Silence(5, LONG_AGO), Move.NONE),
        (Silence(60, NOW - timedelta(days=179)), Move.NONE),
        (Silence(0, None), Move.NONE),
        (Silence(0, None, asked_at=NOW - timedelta(days=29)), Move.NONE),
        (Silence(0, None, asked_at=NOW - timedelta(days=30)), Move.REST),
        (Silence(0, None, asked_at=LONG_AGO, resting=True), Move.NONE),
        (Silence(0, None, asked_at=LONG_AGO, resting=True, sign_at=NOW), Move.WAKE),
        (Silence(0, None, asked_at=NOW - timedelta(days=40), sign_at=NOW - timedelta(days=39)), Move.WAKE),
        (Silence(0, None, asked_at=NOW - timedelta(days=40), sign_at=LONG_AGO), Move.REST),
    ],
)
def test_what_follows_from_silence(known: Silence, move: Move) -> None:
    assert next_move(known, RULES, NOW) is move


def test_nobody_is_looked_for_where_the_settings_say_no() -> None:
    assert next_move(Silence(99, LONG_AGO), ReachRules(0, 180, 30), NOW) is Move.NONE


def test_a_rest_stops_bulk_mail_only() -> None:
    rest = SimpleNamespace(
        case_id=None, scope=REST_SCOPE, topic="", state=HoldState.CONFIRMED, reason="silent", until=None
    )
    said = judge_rest(Kind.TIPS, [rest], NOW)
    assert (said.state, said.reason, said.evidence) == (DeliveryState.WITHHELD, RESTED, "silent")
    assert judge_rest(Kind.SERVICE, [rest], NOW).allowed
    rest.state = HoldState.LIFTED
    assert judge_rest(Kind.TIPS, [rest], NOW).allowed
