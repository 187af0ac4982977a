from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from outreach.errors import UsageError
from outreach.plan.steps import PlanEvent
from outreach.records import Kind
from outreach.work.why import explain_person
from outreach.work.workspace import Workspace

from .planning_kit import complain, make_campaign, make_edition, make_sent, make_tip

MakeCustomer = Callable[..., int]


def test_every_rule_answers_and_the_first_refusal_is_the_answer(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com", zone="Europe/Berlin")
    case = complain(workspace, ann)
    make_campaign(workspace, "news", Kind.NEWS, schedule="every wednesday at 09:00", zone="Europe/Berlin")
    why = explain_person(workspace, "Ann@Example.com", "news")
    assert not why.allowed
    assert why.answer.startswith("no: open complaint (")
    assert f"case {case}" in why.answer
    assert "lapses 3 Dec 2026" in why.answer
    answers = {rule.rule: rule.answer for rule in why.rules}
    rules = ["segment", "campaign", "expiry", "consent", "holds", "wishes", "budget"]
    rules += ["away", "days", "quiet hours", "domain"]
    assert list(answers) == rules
    assert {rule for rule, answer in answers.items() if answer != "yes"} == {"holds"}
    assert [hold["scope"] for hold in why.holds] == ["promotion", "tips"]
    assert why.local == "2026-12-02 09:00 Europe/Berlin"
    assert why.steps[0]["case"] == case


def test_a_person_outside_the_segment_or_off_the_list(workspace: Workspace, make_customer: MakeCustomer) -> None:
    make_customer("ann@example.com", country="DE")
    make_customer("ben@example.com", country="AT", subscribed=None)
    make_campaign(workspace, segment='country == "AT"')
    assert explain_person(workspace, "ann@example.com", "tips").answer.startswith("no: not in the segment")
    assert explain_person(workspace, "ben@example.com", "tips").answer.startswith("no: not subscribed")


def test_the_tips_that_would_be_chosen_are_named_with_their_reason(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com")
    for position, name in enumerate(["one", "two", "three", "descale"]):
        make_tip(workspace, name, "descaling" if name == "descale" else "other", position=position)
    campaign = make_campaign(workspace)
    make_sent(
        workspace, make_edition(workspace, campaign, state="done"), ann, workspace.clock() - timedelta(days=9), "one"
    )
    complain(workspace, ann, "descaling", PlanEvent.COMPLAINT_SUGGESTED, PlanEvent.ANSWERED)
    why = explain_person(workspace, "ann@example.com", "tips")
    assert why.allowed
    assert [tip["name"] for tip in why.tips] == ["descale", "two", "three"]
    assert why.tips[0]["reason"] == "You wrote to us about descaling"
    assert [(mail["state"], mail["tips"]) for mail in why.deliveries] == [("sent", ["one"])]
    assert [boost["topic"] for boost in why.boosts] == ["descaling"]


def test_an_edition_under_way_is_judged_with_its_own_frozen_tips(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com")
    make_tip(workspace, "frozen")
    make_tip(workspace, "later")
    make_edition(workspace, make_campaign(workspace), frozen={"tips": {"frozen": {}}})
    why = explain_person(workspace, "ann@example.com", "tips")
    assert [tip["name"] for tip in why.tips] == ["frozen"]
    assert why.occasion == "once-1"


def test_a_mail_over_the_budget_goes_later_and_says_when(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann, now = make_customer("ann@example.com"), workspace.clock()
    for days in (5, 1):
        edition = make_edition(workspace, make_campaign(workspace, f"n{days}", Kind.NEWS), state="done")
        make_sent(workspace, edition, ann, now - timedelta(days=days))
    make_campaign(workspace)
    why = explain_person(workspace, "ann@example.com", "tips")
    assert why.allowed
    assert why.answer.startswith("later: budget")
    assert why.due == now + timedelta(days=2)


def test_who_came_after_an_edition_was_planned_is_not_in_it(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann = make_customer("ann@example.com")
    make_customer("ben@example.com")
    edition = make_edition(workspace, make_campaign(workspace), planned_at=workspace.clock())
    make_sent(workspace, edition, ann, workspace.clock())
    late = explain_person(workspace, "ben@example.com", "tips")
    assert not late.allowed
    assert late.answer.startswith("no: not among the people planned (once-1 was planned at 2026-12-01 10:00 UTC")
    assert [rule.answer for rule in explain_person(workspace, "ann@example.com", "tips").rules][:2] == ["yes", "yes"]


def test_an_unknown_person_or_campaign_is_refused_with_a_remedy(workspace: Workspace) -> None:
    make_campaign(workspace)
    with pytest.raises(UsageError, match="no customer has the address"):
        explain_person(workspace, "nobody@example.com", "tips")
    with pytest.raises(UsageError, match="There are: tips"):
        explain_person(workspace, "nobody@example.com", "tipps")
