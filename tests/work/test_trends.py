"""Trends of a list from its cases, and the tips issue that is proposed from them, approved, sent and over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from outreach.errors import InputError, UsageError
from outreach.plan.steps import PlanEvent
from outreach.plan.trend import Novelty
from outreach.records import (
    Campaign,
    Case,
    CaseEvent,
    CaseState,
    Category,
    Edition,
    EditionState,
    Hold,
    Kind,
    Step,
    StepState,
    Urgency,
)
from outreach.store.customers import load_customers
from outreach.store.editions import move_edition
from outreach.store.steps import list_steps
from outreach.work.agenda import read_agenda
from outreach.work.answer import change_state
from outreach.work.choose import choose_for
from outreach.work.publish import open_occasion
from outreach.work.steps import approve_step, refuse_step, undo_step
from outreach.work.trends import TrendView, propose_issue, propose_trends, read_trends
from outreach.work.why import explain_person
from outreach.work.workspace import Workspace

from ..cases.make import receive
from ..conftest import BOTH, HandClock, MakeCustomer
from .planning_kit import complain, make_campaign, make_edition, make_sent, make_tip

pytestmark = BOTH
DAY = timedelta(days=1)


@pytest.fixture
def people(make_customer: MakeCustomer) -> list[int]:
    return [make_customer(f"p{number}@example.com") for number in range(40)]


def reach(workspace: Workspace, people: Sequence[int], at: datetime, name: str) -> None:
    campaign = make_campaign(workspace, name, Kind.NEWS)
    edition = make_edition(workspace, campaign, due_at=at)
    for person in people:
        make_sent(workspace, edition, person, at)


def cases(workspace: Workspace, people: Sequence[int | None], topic: str, at: datetime, **more: Any) -> None:
    values = {"category": Category.COMPLAINT, "urgency": Urgency.NORMAL, "state": CaseState.NEW} | more
    with workspace.database.write() as session:
        for person in people:
            words = f"{person} asks about {topic}"
            session.add(Case(customer_id=person, topic=topic, summary=words, opened_at=at, due_at=at, **values))


def trends(workspace: Workspace, **how: Any) -> dict[str, TrendView]:
    with workspace.database.read() as session:
        return {view.trend.topic: view for view in read_trends(session, workspace, 1, workspace.clock(), **how)}


def steps(workspace: Workspace, *states: StepState) -> list[Step]:
    with workspace.database.read() as session:
        return [step for step, _, _ in list_steps(session, states or list(StepState), rule="trend")]


def policy(workspace: Workspace, **values: Any) -> Workspace:
    own = workspace.settings.steps.model_copy(update=values)
    return replace(workspace, settings=workspace.settings.model_copy(update={"steps": own}))


def test_people_are_counted_of_those_reached_and_compared_with_the_lists_own_history(
    workspace: Workspace, people: list[int], make_customer: MakeCustomer
) -> None:
    now = workspace.clock()
    reach(workspace, people[:30], now - 3 * DAY, "now")
    reach(workspace, people, now - 40 * DAY, "before")
    cases(workspace, people[:6], "descaling", now - DAY)
    cases(workspace, people[:1] * 9, "milk", now - DAY, category=Category.QUESTION)
    cases(workspace, people[:3], "descaling", now - 35 * DAY)
    cases(workspace, [people[35]], "milk", now - DAY)
    cases(workspace, people[6:20], "app", now - DAY, state=CaseState.DISMISSED)
    cases(workspace, [None] * 8, "milk", now - DAY)
    stranger = make_customer("far@example.com", subscribed=None)
    cases(workspace, [stranger], "milk", now - DAY)
    found = trends(workspace)
    descaling, milk = found["descaling"].trend, found["milk"].trend
    assert (descaling.people, descaling.reached, descaling.before) == (6, 31, 75.0), "31: 30 and one who only wrote"
    assert (descaling.enough, descaling.novelty) == (True, Novelty.STEADY)
    assert (milk.people, milk.enough) == (2, False), (
        "nine messages of one are one person; no stranger to the list counts"
    )
    assert "app" not in found, "what was dismissed is nobody's complaint"
    assert [quote.words for quote in found["descaling"].quotes] == [f"{one} asks about descaling" for one in (6, 5, 4)]
    with workspace.database.read() as session:
        everywhere = {view.trend.topic: view for view in read_trends(session, workspace, None, now)}
    assert everywhere["milk"].others == 8
    assert trends(workspace, days=1)["descaling"].trend.reached == 7, "of the last day: only those who wrote"


def fill(workspace: Workspace, people: Sequence[int]) -> int:
    """A tips campaign of three tips an issue, and seven people who wrote about milk; the campaign's id."""
    for number, topic in enumerate(("brewing", "app", "milk", "milk", "grinder")):
        make_tip(workspace, f"{topic}-{number}", topic, position=number)
    tips = make_campaign(workspace, "tips", template="tips", body="Hello.", options={"tips": 2})
    now = workspace.clock()
    reach(workspace, people, now - 3 * DAY, "news")
    cases(workspace, people[:7], "milk", now - DAY)
    return tips


def chosen(workspace: Workspace, tips: int, edition: int, *people: int) -> list[list[str]]:
    with workspace.database.read() as session:
        campaign, opened = session.get_one(Campaign, tips), session.get_one(Edition, edition)
        rows = list(load_customers(session, people).values())
        made = choose_for(session, workspace, edition=opened, campaign=campaign, customers=rows, now=workspace.clock())
        return [made[person]["tips"] for person in people]


def test_a_trend_is_proposed_with_its_figures_and_changes_nothing_until_somebody_says_yes(
    workspace: Workspace, people: list[int]
) -> None:
    tips = fill(workspace, people)
    assert propose_trends(workspace) == ["milk"]
    assert propose_trends(workspace) == [], "once"
    (step,) = steps(workspace)
    assert step.state is StepState.PROPOSED
    assert "7 of 40 people wrote about milk: 175.0 per 1,000" in step.reason
    assert (step.evidence["people"], step.evidence["reached"], len(step.evidence["cases"])) == (7, 40, 7)
    assert any("1 proposed changes wait" in line for line in read_agenda(workspace).problems)
    before = [tip["name"] for tip in explain_person(workspace, "p9@example.com", "tips").tips]
    assert before == ["brewing-0", "app-1"]
    approve_step(workspace, step.id or 0, by="maria")
    after = explain_person(workspace, "p9@example.com", "tips").tips
    assert [tip["name"] for tip in after] == ["milk-2", "brewing-0"], "the trend, then the editor's order"
    assert after[0]["reason"] == "Many of our customers ask about this at the moment"
    edition = open_occasion(workspace, "tips")
    assert chosen(workspace, tips, edition, people[9]) == [["milk-2", "brewing-0"]]
    with pytest.raises(InputError, match="planned already"):
        undo_step(workspace, step.id or 0, by="maria")
    assert steps(workspace)[0].state is StepState.APPLIED, "a refused undoing changes nothing"


def test_ones_own_topic_comes_before_the_trend_and_what_waits_for_an_answer_stays_away(
    workspace: Workspace, people: list[int]
) -> None:
    tips = fill(workspace, people)
    propose_trends(policy(workspace, trends="apply"))
    complain(workspace, people[10], "grinder", PlanEvent.ANSWERED)
    complain(workspace, people[11], "milk", PlanEvent.COMPLAINT_CONFIRMED)
    edition = open_occasion(workspace, "tips")
    other = make_edition(workspace, make_campaign(workspace, "earlier"))
    make_sent(workspace, other, people[12], workspace.clock(), "milk-2")
    assert chosen(workspace, tips, edition, *people[10:13]) == [
        ["grinder-4", "milk-2"],
        ["brewing-0", "app-1"],
        ["milk-3", "brewing-0"],
    ]


def test_a_no_holds_for_that_issue_and_a_yes_that_comes_too_late_is_over_with_it(
    workspace: Workspace, people: list[int], clock: HandClock
) -> None:
    tips = fill(workspace, people)
    propose_trends(workspace)
    refuse_step(workspace, steps(workspace)[0].id or 0, by="maria", words="we have a fix")
    assert propose_issue(workspace, "tips") == ([], [])
    edition = open_occasion(workspace, "tips")
    assert chosen(workspace, tips, edition, people[9]) == [["brewing-0", "app-1"]]
    assert propose_trends(workspace) == ["milk"], "for the next issue it is asked anew"
    with workspace.database.write() as session:
        move_edition(session, edition, [EditionState.OPEN], EditionState.DONE)
    open_occasion(workspace, "tips", again=True)
    late = steps(workspace)[0]
    assert (late.state, late.decision) == (StepState.REFUSED, "the issue went out before anybody said yes")
    with pytest.raises(InputError, match="not proposed: it is refused"):
        approve_step(workspace, late.id or 0, by="maria")


def test_figures_of_another_period_are_not_left_standing(
    workspace: Workspace, people: list[int], clock: HandClock
) -> None:
    fill(workspace, people)
    propose_trends(workspace)
    clock.advance(days=29)
    assert propose_trends(workspace) == [], "nobody wrote about it in this period"
    assert [step.decision for step in steps(workspace, StepState.REFUSED)] == ["its figures are out of date"]
    cases(workspace, people[:8], "milk", clock.now - DAY)
    assert propose_trends(workspace) == ["milk"]


def test_a_trend_nobody_has_a_tip_on_is_named_and_four_people_are_none(workspace: Workspace, people: list[int]) -> None:
    fill(workspace, people)
    cases(workspace, people[:9], "warranty", workspace.clock() - DAY)
    cases(workspace, people[:4], "app", workspace.clock() - DAY)
    topics, lacking = propose_issue(workspace, "tips")
    assert (topics, [one.topic for one in lacking]) == (["milk"], ["warranty"])
    with pytest.raises(UsageError, match="no tips are in news"):
        propose_issue(workspace, "news")


def test_a_hold_can_wait_for_a_yes_too_and_is_withdrawn_when_its_case_is_closed(
    workspace: Workspace, people: list[int]
) -> None:
    asking = policy(workspace, holds="propose")
    case_id = receive(asking, Category.COMPLAINT, customer_id=people[0], topics=("milk",))
    other = receive(asking, Category.COMPLAINT, customer_id=people[1], topics=("milk",))
    assert case_id is not None and other is not None
    with workspace.database.read() as session:
        assert session.exec(select(Hold)).all() == []
        proposed = [step for step, _, _ in list_steps(session, [StepState.PROPOSED])]
    assert {step.case_id for step in proposed} == {case_id, other}
    promotion = next(step for step in proposed if step.case_id == other and step.effect["scope"] == "promotion")
    approve_step(asking, promotion.id or 0, by="maria")
    with workspace.database.read() as session:
        assert [(hold.customer_id, hold.scope) for hold in session.exec(select(Hold))] == [(people[1], "promotion")]
    change_state(asking, case_id, CaseEvent.RESOLVE, "maria")
    with workspace.database.read() as session:
        left = [step.case_id for step, _, _ in list_steps(session, [StepState.PROPOSED])]
    assert left == [other], "a closed case asks for nothing more"
    undo_step(asking, promotion.id or 0, by="maria", words="a misunderstanding")
    with workspace.database.read() as session:
        assert all(hold.lifted_at is not None for hold in session.exec(select(Hold)))
