from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from outreach.address import new_public_id
from outreach.plan.steps import Facts, PlanEvent, next_steps
from outreach.records import (
    Campaign,
    Case,
    CaseState,
    Category,
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    HoldState,
    Kind,
    Step,
    StepState,
    Urgency,
)
from outreach.store.plan import (
    apply_step,
    boosts_of,
    holds_of,
    lapse_holds,
    lift_holds,
    recent_bulk,
    shown_tips,
    use_boosts,
)
from outreach.work.workspace import Workspace

MakeCustomer = Callable[..., int]


@pytest.fixture
def ann(make_customer: MakeCustomer, workspace: Workspace) -> int:
    customer_id = make_customer("ann@example.com")
    now = workspace.clock()
    with workspace.database.write() as session:
        session.add(
            Case(
                id=7,
                customer_id=customer_id,
                category=Category.COMPLAINT,
                urgency=Urgency.NORMAL,
                state=CaseState.NEW,
                opened_at=now,
                due_at=now,
            )
        )
    return customer_id


def _happens(workspace: Workspace, customer_id: int, event: PlanEvent, **facts: Any) -> list[bool]:
    now = workspace.clock()
    said = Facts(event, 7, customer_id, now, topics=("descaling",), lapses_at=now + timedelta(days=2), **facts)
    with workspace.database.write() as session:
        return [apply_step(session, step, now) for step in next_steps(said)]


def _version(workspace: Workspace, customer_id: int) -> int:
    with workspace.database.read() as session:
        return session.get_one(Customer, customer_id).version


def _open_holds(workspace: Workspace, customer_id: int) -> list[tuple[str, HoldState, datetime | None]]:
    with workspace.database.read() as session:
        return [(hold.scope, hold.state, hold.until) for hold in holds_of(session, [customer_id]).get(customer_id, [])]


def test_a_hold_bumps_its_customers_version_in_the_same_transaction(workspace: Workspace, ann: int) -> None:
    before = _version(workspace, ann)
    assert _happens(workspace, ann, PlanEvent.COMPLAINT_SUGGESTED) == [True, True]
    raised = _version(workspace, ann)
    assert raised > before
    with workspace.database.write() as session:
        assert lift_holds(session, 7, None, workspace.clock()) == [ann]
    assert _version(workspace, ann) > raised
    assert _open_holds(workspace, ann) == []


def test_the_same_event_twice_changes_and_records_nothing_more(workspace: Workspace, ann: int) -> None:
    _happens(workspace, ann, PlanEvent.COMPLAINT_SUGGESTED)
    version = _version(workspace, ann)
    assert _happens(workspace, ann, PlanEvent.COMPLAINT_SUGGESTED) == [False, False]
    assert _version(workspace, ann) == version
    with workspace.database.read() as session:
        assert len(session.exec(select(Step)).all()) == 2


def test_a_confirmed_hold_takes_the_place_of_the_suggested_and_is_never_weakened(
    workspace: Workspace, ann: int
) -> None:
    _happens(workspace, ann, PlanEvent.COMPLAINT_SUGGESTED)
    _happens(workspace, ann, PlanEvent.COMPLAINT_CONFIRMED)
    confirmed = [("promotion", HoldState.CONFIRMED, None), ("tips", HoldState.CONFIRMED, None)]
    assert _open_holds(workspace, ann) == confirmed
    assert _happens(workspace, ann, PlanEvent.COMPLAINT_SUGGESTED) == [False, False]
    assert _open_holds(workspace, ann) == confirmed


def test_a_suggested_hold_lapses_with_a_step_that_says_so_and_a_confirmed_one_does_not(
    workspace: Workspace, ann: int, clock: Any
) -> None:
    _happens(workspace, ann, PlanEvent.COMPLAINT_SUGGESTED)
    with workspace.database.write() as session:
        assert lapse_holds(session, clock()) == []
    clock.advance(days=2)
    with workspace.database.write() as session:
        assert lapse_holds(session, clock()) == [ann]
        assert lapse_holds(session, clock()) == []
    with workspace.database.read() as session:
        lapsed = session.exec(select(Step).where(Step.rule == "hold_lapsed")).all()
        assert [step.customer_id for step in lapsed] == [ann, ann]
    _happens(workspace, ann, PlanEvent.COMPLAINT_CONFIRMED)
    clock.advance(days=99)
    with workspace.database.write() as session:
        assert lapse_holds(session, clock()) == []
    assert len(_open_holds(workspace, ann)) == 2


def test_an_answer_frees_tips_keeps_promotion_held_and_boosts_the_topic_once(workspace: Workspace, ann: int) -> None:
    _happens(workspace, ann, PlanEvent.COMPLAINT_CONFIRMED)
    assert _happens(workspace, ann, PlanEvent.ANSWERED) == [True, True]
    assert _happens(workspace, ann, PlanEvent.ANSWERED) == [False, False]
    assert [scope for scope, _, _ in _open_holds(workspace, ann)] == ["promotion"]
    with workspace.database.write() as session:
        (boost,) = boosts_of(session, [ann])[ann]
        assert (boost.topic, boost.reason) == ("descaling", "You wrote to us about descaling")
        assert boost.id is not None
        use_boosts(session, [boost.id], workspace.clock())
    with workspace.database.read() as session:
        assert boosts_of(session, [ann]) == {}


def test_a_step_that_is_only_proposed_is_recorded_without_its_effect(workspace: Workspace, ann: int) -> None:
    now = workspace.clock()
    with workspace.database.write() as session:
        for step in next_steps(Facts(PlanEvent.COMPLAINT_CONFIRMED, 7, ann, now)):
            assert apply_step(session, step, now, state=StepState.PROPOSED)
    assert _open_holds(workspace, ann) == []
    with workspace.database.read() as session:
        assert [step.state for step in session.exec(select(Step)).all()] == [StepState.PROPOSED]


def _deliver(
    workspace: Workspace, customer_id: int, state: DeliveryState, days_ago: float, kind: Kind = Kind.TIPS, **more: Any
) -> int:
    now = workspace.clock()
    at = now - timedelta(days=days_ago)
    with workspace.database.write() as session:
        campaign = Campaign(name=new_public_id(), kind=kind, created_at=now, updated_at=now)
        session.add(campaign)
        session.flush()
        edition = Edition(
            public_id=new_public_id(),
            campaign_id=campaign.id,
            kind=kind,
            occasion="once-1",
            state=EditionState.OPEN,
            due_at=at,
            frozen_at=at,
        )
        session.add(edition)
        session.flush()
        session.add(
            Delivery(
                public_id=new_public_id(),
                edition_id=edition.id,
                campaign_id=campaign.id,
                occasion="once-1",
                customer_id=customer_id,
                address_key=str(customer_id),
                kind=kind,
                state=state,
                due_at=at,
                sent_at=at if state is DeliveryState.SENT else None,
                intent_at=at if state in (DeliveryState.SENT, DeliveryState.INFLIGHT, DeliveryState.IN_DOUBT) else None,
                **more,
            )
        )
        assert edition.id is not None
        return edition.id


def test_what_may_have_been_sent_counts_as_sent_and_service_mail_does_not(
    workspace: Workspace, ann: int, make_customer: MakeCustomer
) -> None:
    now, other = workspace.clock(), make_customer("ben@example.com")
    _deliver(workspace, ann, DeliveryState.SENT, 1)
    _deliver(workspace, ann, DeliveryState.IN_DOUBT, 2)
    _deliver(workspace, ann, DeliveryState.INFLIGHT, 3)
    _deliver(workspace, ann, DeliveryState.SENT, 8)
    _deliver(workspace, ann, DeliveryState.SENT, 1, Kind.SERVICE)
    for state in (DeliveryState.QUEUED, DeliveryState.WITHHELD, DeliveryState.FAILED, DeliveryState.DEFERRED):
        _deliver(workspace, ann, state, 1)
    with workspace.database.read() as session:
        found = recent_bulk(session, [ann, other], now - timedelta(days=7))
    assert found == {ann: [now - timedelta(days=days) for days in (3, 2, 1)]}


def test_tips_that_were_shown_or_are_on_their_way_are_known_but_not_those_of_the_edition_itself(
    workspace: Workspace, ann: int
) -> None:
    _deliver(workspace, ann, DeliveryState.SENT, 9, choices={"tips": ["a", "b"]})
    _deliver(workspace, ann, DeliveryState.DEFERRED, 2, choices={"tips": ["c"]})
    _deliver(workspace, ann, DeliveryState.FAILED, 2, choices={"tips": ["d"]})
    own = _deliver(workspace, ann, DeliveryState.CLAIMED, 0, choices={"tips": ["e"]})
    with workspace.database.read() as session:
        assert shown_tips(session, [ann], but_edition=own) == {ann: {"a", "b", "c"}}
        assert shown_tips(session, [ann]) == {ann: {"a", "b", "c", "e"}}
        assert shown_tips(session, [ann + 1]) == {}
