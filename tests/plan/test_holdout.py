from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.chance import Share, people_needed
from outreach.plan.holdout import (
    HELD_OUT,
    Finding,
    Group,
    HoldOut,
    HoldOutRules,
    Trial,
    decide_hold_out,
    group_of,
    judge_all_help,
    judge_help,
    judge_hold_out,
    read_hold_out,
)
from outreach.records import DeliveryState, Kind

RULES = HoldOutRules(percent=10, effect=0.5, days=7, later=False)
USUAL = Share(200, 5000)
NEEDED = people_needed(0.04, 0.02, 0.1)
ON = decide_hold_out(Kind.TIPS, 100_000, USUAL, RULES)
DUE = datetime(2026, 12, 1, 9, tzinfo=UTC)


def test_it_stays_off_one_person_short_of_the_size_that_is_printed() -> None:
    assert NEEDED is not None
    short = decide_hold_out(Kind.TIPS, NEEDED - 1, USUAL, RULES)
    enough = decide_hold_out(Kind.TIPS, NEEDED, USUAL, RULES)
    assert (short.on, enough.on) == (False, True)
    assert f"takes {NEEDED:,} people" in short.why and f"there are {NEEDED - 1:,}" in short.why
    assert "power 0.8, two-sided 5 %" in enough.why


def test_with_too_little_history_nobody_knows_what_is_usual_and_nobody_is_held_out() -> None:
    found = decide_hold_out(Kind.TIPS, 1_000_000, Share(9, 400), RULES)
    assert not found.on
    assert "9 people complained" in found.why


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.TIPS])
def test_only_tips_are_tested(kind: Kind) -> None:
    assert not decide_hold_out(kind, 1_000_000, USUAL, RULES).on


def test_a_campaign_that_says_no_and_settings_that_say_none_hold_out_nobody() -> None:
    assert not decide_hold_out(Kind.TIPS, 1_000_000, USUAL, RULES, wanted=False).on
    assert not decide_hold_out(Kind.TIPS, 1_000_000, USUAL, HoldOutRules(0, 0.5, 7, False)).on


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), st.text(min_size=1), st.text(min_size=1), st.integers(0, 10**6))
def test_a_person_is_dealt_the_same_again(key: bytes, campaign: str, occasion: str, person: int) -> None:
    first = group_of(key, campaign, occasion, str(person), ON)
    assert first is group_of(key, campaign, occasion, str(person), ON)
    assert group_of(key, campaign, occasion, str(person), HoldOut(False, "")) is None


def test_the_share_is_kept_and_one_issue_says_nothing_about_the_next() -> None:
    key = b"k" * 32
    first = [group_of(key, "tips", "2026-12-01/09:00", f"a{person}", ON) for person in range(20_000)]
    second = [group_of(key, "tips", "2026-12-08/09:00", f"a{person}", ON) for person in range(20_000)]
    assert 0.09 < first.count(Group.HELD) / 20_000 < 0.11
    both = sum(one is other is Group.HELD for one, other in zip(first, second, strict=True))
    assert 0.007 < both / 20_000 < 0.013
    assert first != [group_of(b"x" * 32, "tips", "2026-12-01/09:00", f"a{person}", ON) for person in range(20_000)]


def test_who_is_held_out_is_told_why_and_gets_it_later_or_not_as_the_setting_says() -> None:
    never = judge_hold_out(ON, DUE)
    assert (never.state, never.reason) == (DeliveryState.WITHHELD, HELD_OUT)
    assert "one of 10 in 100, chosen by chance" in never.evidence
    later = judge_hold_out(decide_hold_out(Kind.TIPS, 100_000, USUAL, HoldOutRules(10, 0.5, 7, True)), DUE)
    assert (later.state, later.later) == (None, DUE + timedelta(days=7))


def test_what_an_edition_keeps_is_read_back() -> None:
    assert read_hold_out(ON.kept()) == ON
    assert read_hold_out({}) is None


@pytest.mark.parametrize(
    ("issue", "held", "finding"),
    [
        (Share(90, 9000), Share(40, 1000), Finding.FEWER),
        (Share(400, 9000), Share(10, 1000), Finding.MORE),
        (Share(360, 9000), Share(41, 1000), Finding.SAME),
        (Share(3, 90), Share(1, 10), Finding.TOO_FEW),
        (Share(0, 9000), Share(0, 1000), Finding.TOO_FEW),
    ],
)
def test_a_finding_is_what_the_interval_says(issue: Share, held: Share, finding: Finding) -> None:
    found = judge_help(Trial(ON, issue, held, over=True))
    assert found.finding is finding
    assert found.avoided[1] <= found.avoided[0] <= found.avoided[2]
    if finding is Finding.TOO_FEW:
        assert found.words.startswith("too few to say")


def test_before_its_days_are_over_an_issue_is_not_judged() -> None:
    assert judge_help(Trial(ON, Share(90, 9000), Share(40, 1000), over=False)).finding is Finding.NOT_YET
    assert judge_all_help([Trial(ON, Share(90, 9000), Share(40, 1000), over=False)]) is None


def test_issues_that_are_too_small_alone_may_say_something_together() -> None:
    small = Trial(ON, Share(18, 900), Share(5, 100), over=True)
    assert judge_help(small).finding is Finding.TOO_FEW
    together = judge_all_help([small] * 12)
    assert together is not None
    assert together.finding is Finding.FEWER
    assert together.issue == Share(216, 10_800)
