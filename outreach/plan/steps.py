"""What changes in the plan after something happened with a customer: the home of the loop's closing.

Law: one event gives a list of steps, each with its rule's name, words for a person, a reason and the evidence,
and one typed effect. Nothing is applied here. A customer we do not know (no id) is never held or boosted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from ..records import Category, HoldState
from .effects import Effect, LiftHold, NewBoost, NewHold

UTC_ZONE = ZoneInfo("UTC")
PROMOTION_SCOPE = "promotion"
TIPS_SCOPE = "tips"


class PlanEvent(StrEnum):
    """What happened. `suggested` is the cues' view, `confirmed` a person's review."""

    COMPLAINT_SUGGESTED = "complaint_suggested"
    COMPLAINT_CONFIRMED = "complaint_confirmed"
    NO_COMPLAINT = "no_complaint"
    NOT_THEIRS = "not_theirs"
    ANSWERED = "answered"
    CLOSED = "closed"
    REOPENED = "reopened"


@dataclass(frozen=True)
class Facts:
    """All that the rules read about one event in one case.

    `lapses_at`: when a merely suggested hold ends (work computes it from business days).
    `answered`: a person has answered the customer's last message personally.
    `confirmed`: a person agreed that this case is a complaint. `words`: the cues or words that spoke for it.
    `own`: the customer wrote, as far as the address tells; somebody with a forwarded mail of theirs may have.
    `by`: who judged: "cues", or a person. `ending`: solved, confirmed or dismissed, for CLOSED.
    """

    event: PlanEvent
    case_id: int
    customer_id: int | None
    at: datetime
    category: Category = Category.COMPLAINT
    topics: tuple[str, ...] = ()
    lapses_at: datetime | None = None
    answered: bool = False
    confirmed: bool = False
    own: bool = True
    by: str = ""
    confidence: float | None = None
    words: tuple[str, ...] = ()
    inbound_id: int | None = None
    ending: str = ""
    zone: ZoneInfo = UTC_ZONE


@dataclass(frozen=True)
class StepDraft:
    """One change to the plan, not yet applied. Without an effect it only tells."""

    rule: str
    what: str
    reason: str
    customer_id: int | None
    case_id: int | None
    effect: Effect | None
    evidence: dict[str, Any] = field(default_factory=dict)
    campaign_id: int | None = None
    edition_id: int | None = None


POLICIES = {
    "suggested_complaint": "holds",
    "confirmed_complaint": "holds",
    "reopened_complaint": "holds",
    "answered_topic": "topics",
    "trend": "trends",
    "correction": "corrections",
    "away": "absences",
}
"""Which of the settings in [steps] says whether a rule's steps are applied by themselves. The others always are: they
end what a case had begun, or only tell."""


def waits_for_a_yes(draft: StepDraft, policies: Mapping[str, str]) -> bool:
    """Whether this step is only proposed; `policies` are the settings, "apply" or "propose" each."""
    return policies.get(POLICIES.get(draft.rule, ""), "apply") == "propose"


def next_steps(facts: Facts) -> list[StepDraft]:
    """What changes in the plan because of this event; an empty list where nothing does."""
    if facts.customer_id is None:
        return []
    match facts.event:
        case PlanEvent.COMPLAINT_SUGGESTED:
            return _hold(facts, facts.customer_id, HoldState.SUGGESTED)
        case PlanEvent.COMPLAINT_CONFIRMED:
            return [
                *_hold(facts, facts.customer_id, HoldState.CONFIRMED),
                *(_boost(facts, facts.customer_id) if facts.answered else ()),
            ]
        case PlanEvent.REOPENED:
            if facts.category is not Category.COMPLAINT:
                return []
            state = HoldState.CONFIRMED if facts.confirmed else HoldState.SUGGESTED
            return _hold(facts, facts.customer_id, state)
        case PlanEvent.NO_COMPLAINT:
            return [
                _lift(facts, facts.customer_id, "no_complaint", None, f"{facts.by or 'a person'} read it: no complaint")
            ]
        case PlanEvent.NOT_THEIRS:
            words = f"{facts.by or 'a person'} said that case {facts.case_id} is somebody else's"
            return [_lift(facts, facts.customer_id, "not_theirs", None, words)]
        case PlanEvent.CLOSED:
            words = f"case {facts.case_id} is {facts.ending or 'closed'}"
            return [_lift(facts, facts.customer_id, "case_closed", None, words)]
        case PlanEvent.ANSWERED:
            words = f"case {facts.case_id} has had a personal answer"
            lifted = [_lift(facts, facts.customer_id, "answered", TIPS_SCOPE, words)] if facts.topics else []
            return [*lifted, *_boost(facts, facts.customer_id)]


def _hold(facts: Facts, customer_id: int, state: HoldState) -> list[StepDraft]:
    until = facts.lapses_at if state is HoldState.SUGGESTED else None
    reason = _complaint(facts, state)
    again = facts.event is PlanEvent.REOPENED
    rule = "reopened_complaint" if again else f"{state.value}_complaint"
    end = f"until {_day(until, facts.zone)}" if until else f"until case {facts.case_id} is closed"
    held = StepDraft(
        rule,
        f"hold news, offers and invitations {end}",
        reason,
        customer_id,
        facts.case_id,
        NewHold(customer_id, facts.case_id, PROMOTION_SCOPE, "", state, reason, until),
        _evidence(facts),
    )
    if facts.answered:
        return [held]
    end = f"until a person has answered case {facts.case_id}" + (f" or {_day(until, facts.zone)}" if until else "")
    return [
        held,
        *(
            StepDraft(
                rule,
                f"hold tips on {topic} {end}",
                reason,
                customer_id,
                facts.case_id,
                NewHold(customer_id, facts.case_id, TIPS_SCOPE, topic, state, reason, until),
                _evidence(facts),
            )
            for topic in dict.fromkeys(facts.topics)
        ),
    ]


def _boost(facts: Facts, customer_id: int) -> list[StepDraft]:
    if facts.category not in (Category.COMPLAINT, Category.QUESTION) or not facts.own:
        return []
    return [
        StepDraft(
            "answered_topic",
            f"the next tips issue begins with {topic}",
            f"case {facts.case_id} was about {topic} and has had a personal answer",
            customer_id,
            facts.case_id,
            NewBoost(customer_id, facts.case_id, topic, f"You wrote to us about {topic}"),
            _evidence(facts),
        )
        for topic in dict.fromkeys(facts.topics)
    ]


def _lift(facts: Facts, customer_id: int, rule: str, scope: str | None, reason: str) -> StepDraft:
    which = f"the hold on tips on {', '.join(facts.topics)}" if scope == TIPS_SCOPE else "all holds of the case"
    effect = LiftHold(facts.case_id, scope)
    return StepDraft(rule, f"lift {which}", reason, customer_id, facts.case_id, effect, _evidence(facts))


def _complaint(facts: Facts, state: HoldState) -> str:
    about = f" about {', '.join(dict.fromkeys(facts.topics))}" if facts.topics else ""
    if state is HoldState.CONFIRMED:
        return f"complaint{about} in case {facts.case_id}, confirmed by {facts.by or 'a person'}"
    return f"complaint{about} in case {facts.case_id}, suggested by {facts.by or 'cues'}"


def _evidence(facts: Facts) -> dict[str, Any]:
    told: dict[str, Any] = {"case": facts.case_id, "event": facts.event.value, "topics": list(facts.topics)}
    if facts.inbound_id is not None:
        told["inbound"] = facts.inbound_id
    if facts.words:
        told["words"] = list(facts.words)
    if facts.confidence is not None:
        told["confidence"] = round(facts.confidence, 3)
    if facts.by:
        told["by"] = facts.by
    return told


def _day(instant: datetime, zone: ZoneInfo) -> str:
    local = instant.astimezone(zone)
    return f"{local.day} {local:%b %Y}"
