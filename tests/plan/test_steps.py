from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from outreach.plan.effects import LiftHold, NewBoost, NewHold
from outreach.plan.steps import Facts, PlanEvent, next_steps
from outreach.records import Category, HoldState

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
LAPSES = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
SUGGESTED = Facts(
    PlanEvent.COMPLAINT_SUGGESTED,
    case_id=7,
    customer_id=1,
    at=NOW,
    topics=("descaling",),
    lapses_at=LAPSES,
    by="cues",
    confidence=0.91234,
    words=("broken", "third time"),
    inbound_id=3,
)


def _holds(facts: Facts) -> list[NewHold]:
    return [step.effect for step in next_steps(facts) if isinstance(step.effect, NewHold)]


def _boosts(facts: Facts) -> list[NewBoost]:
    return [step.effect for step in next_steps(facts) if isinstance(step.effect, NewBoost)]


def test_a_suggested_complaint_holds_promotion_and_its_topics_tips_until_it_lapses() -> None:
    promotion, tips = _holds(SUGGESTED)
    assert (promotion.scope, promotion.topic, promotion.state, promotion.until) == (
        "promotion",
        "",
        HoldState.SUGGESTED,
        LAPSES,
    )
    assert (tips.scope, tips.topic, tips.until) == ("tips", "descaling", LAPSES)


def test_every_step_carries_rule_reason_and_evidence() -> None:
    for step in next_steps(SUGGESTED):
        assert step.rule == "suggested_complaint"
        assert "24 Nov 2026" in step.what
        assert step.reason == "complaint about descaling in case 7, suggested by cues"
        assert step.evidence == {
            "case": 7,
            "event": "complaint_suggested",
            "topics": ["descaling"],
            "inbound": 3,
            "words": ["broken", "third time"],
            "confidence": 0.912,
            "by": "cues",
        }


def test_a_confirmed_complaint_holds_until_its_case_closes() -> None:
    confirmed = replace(SUGGESTED, event=PlanEvent.COMPLAINT_CONFIRMED, by="ben")
    assert [(hold.state, hold.until) for hold in _holds(confirmed)] == [(HoldState.CONFIRMED, None)] * 2
    assert not _boosts(confirmed)


def test_a_complaint_confirmed_after_its_answer_holds_promotion_only_and_brings_the_topic_up() -> None:
    answered = replace(SUGGESTED, event=PlanEvent.COMPLAINT_CONFIRMED, answered=True)
    assert [hold.scope for hold in _holds(answered)] == ["promotion"]
    assert [boost.topic for boost in _boosts(answered)] == ["descaling"]


def test_a_review_that_finds_no_complaint_lifts_all_holds_of_the_case() -> None:
    (step,) = next_steps(replace(SUGGESTED, event=PlanEvent.NO_COMPLAINT, by="ben"))
    assert step.effect == LiftHold(7, None)
    assert step.reason == "ben read it: no complaint"


@pytest.mark.parametrize("category", [Category.COMPLAINT, Category.QUESTION])
def test_a_personal_answer_frees_the_topics_tips_and_brings_them_first(category: Category) -> None:
    lift, boost = next_steps(replace(SUGGESTED, event=PlanEvent.ANSWERED, category=category))
    assert lift.effect == LiftHold(7, "tips")
    assert boost.effect == NewBoost(1, 7, "descaling", "You wrote to us about descaling")


def test_an_answer_to_thanks_brings_no_tips() -> None:
    assert not _boosts(replace(SUGGESTED, event=PlanEvent.ANSWERED, category=Category.THANKS))


@pytest.mark.parametrize("ending", ["solved", "confirmed", "dismissed"])
def test_a_closed_case_lifts_its_holds_and_says_how_it_ended(ending: str) -> None:
    (step,) = next_steps(replace(SUGGESTED, event=PlanEvent.CLOSED, ending=ending))
    assert step.effect == LiftHold(7, None)
    assert step.reason == f"case 7 is {ending}"


def test_a_reopened_complaint_is_held_again_as_surely_as_it_was_known() -> None:
    reopened = replace(SUGGESTED, event=PlanEvent.REOPENED)
    assert {hold.state for hold in _holds(reopened)} == {HoldState.SUGGESTED}
    assert {hold.state for hold in _holds(replace(reopened, confirmed=True))} == {HoldState.CONFIRMED}
    assert not next_steps(replace(reopened, category=Category.QUESTION))


@pytest.mark.parametrize("event", list(PlanEvent))
def test_somebody_we_do_not_know_is_never_held_or_boosted(event: PlanEvent) -> None:
    assert next_steps(replace(SUGGESTED, event=event, customer_id=None)) == []


def test_a_topic_named_twice_is_held_once() -> None:
    assert [hold.topic for hold in _holds(replace(SUGGESTED, topics=("a", "b", "a")))] == ["", "a", "b"]
