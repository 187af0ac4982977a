"""Two cases that are one matter: the older goes on with all that was written, and nothing is lost or counted twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from outreach.address import sign_token
from outreach.cases.ageing import reconcile
from outreach.errors import NeedsPerson, UsageError
from outreach.plan.holds import is_open
from outreach.records import (
    Case,
    CaseEntry,
    CaseEvent,
    CaseState,
    Category,
    Colleague,
    Delivery,
    DeliveryState,
    Hold,
    Inbound,
    Urgency,
)
from outreach.store import cases as kept
from outreach.store.figures import case_figures
from outreach.work.answer import answer, assign_case, change_state, take_case
from outreach.work.case_merge import look_before, merge_cases
from outreach.work.fixed import say_fixed
from outreach.work.follow_up import follow_up
from outreach.work.promises import list_promises, make_promise
from outreach.work.review import review
from outreach.work.workspace import Workspace

from ..cases.make import receive
from ..conftest import BOTH, HandClock, MakeCustomer


def two_cases(workspace: Workspace, customer_id: int, clock: HandClock, **second: object) -> tuple[int, int]:
    """A question about milk, and two hours later a complaint about the pump."""
    first = receive(workspace, Category.QUESTION, customer_id=customer_id, topics=("milk",), text="Which jug?")
    clock.advance(hours=2)
    fields = {"topics": ("pump",), "text": "The pump is dead.", "urgency": Urgency.HIGH} | second
    other = receive(workspace, Category.COMPLAINT, customer_id=customer_id, **fields)
    assert first is not None and other is not None and first != other
    return first, other


@BOTH
def test_the_older_case_goes_on_with_the_messages_the_harm_and_the_promises_of_the_other(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    first, other = two_cases(workspace, make_customer("ann@example.com"), clock)
    make_promise(workspace, other, "A new pump", "friday", "maria")
    with workspace.database.read() as session:
        opened, sooner = session.get_one(Case, first).opened_at, session.get_one(Case, other).due_at
    done = merge_cases(workspace, other, first, "maria")
    assert (done.kept, done.closed, done.messages, done.promises) == (first, other, 1, 1)
    with workspace.database.read() as session:
        stays, gone = session.get_one(Case, first), session.get_one(Case, other)
        assert (stays.category, stays.urgency, stays.opened_at) == (Category.COMPLAINT, Urgency.HIGH, opened)
        assert stays.due_at <= sooner and stays.state is CaseState.NEW
        assert gone.state is CaseState.DISMISSED
        assert [one.text for one in kept.inbounds_of(session, first)] == ["Which jug?", "The pump is dead."]
        held = [one for one in session.exec(select(Hold)) if is_open(one, workspace.clock())]
        assert {one.case_id for one in held} == {first}, "what the complaint held is held by the case that goes on"
        cases = list(session.exec(select(Case)))
        register = reconcile(cases, kept.moves_of(session, [first, other]))
        assert register.adds_up and (register.opened, register.closed, register.open) == (2, 1, 1)
    assert [one.promise.case_id for one in list_promises(workspace)] == [first]


def test_a_reply_to_an_answer_of_the_closed_one_comes_into_the_case_that_goes_on(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    ann = make_customer("ann@example.com")
    first, other = two_cases(workspace, ann, clock)
    sent = answer(workspace, other, "A new pump is on its way.", "maria", then=CaseEvent.RESOLVE)
    merge_cases(workspace, first, other, "maria")
    came = receive(workspace, Category.OTHER, customer_id=ann, text="Only half came.", delivery_id=sent.delivery_id)
    assert came == first


def test_a_solved_case_opens_again_by_one_that_is_not_solved(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    first, other = two_cases(workspace, make_customer("ann@example.com"), clock)
    change_state(workspace, first, CaseEvent.RESOLVE, "maria")
    merge_cases(workspace, first, other, "maria")
    with workspace.database.read() as session:
        assert session.get_one(Case, first).state is CaseState.OPEN
        inbound = session.exec(select(Inbound).where(Inbound.text == "The pump is dead.")).one()
        told = session.exec(select(CaseEntry).where(CaseEntry.case_id == first, CaseEntry.inbound_id == inbound.id))
        assert len(list(told)) == 1


def test_cases_of_two_people_closed_ones_and_one_that_is_being_answered_are_not_merged(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    first, other = two_cases(workspace, make_customer("ann@example.com"), clock)
    bobs = receive(workspace, Category.COMPLAINT, customer_id=make_customer("bob@example.com")) or 0
    with pytest.raises(UsageError, match="of two people"):
        merge_cases(workspace, first, bobs, "maria")
    with pytest.raises(UsageError, match="with itself"):
        merge_cases(workspace, first, first, "maria")
    take_case(workspace, other, "tom")
    with pytest.raises(NeedsPerson, match="tom is answering"):
        merge_cases(workspace, first, other, "maria")
    change_state(workspace, other, CaseEvent.DISMISS, "tom")
    with pytest.raises(UsageError, match="is dismissed"):
        merge_cases(workspace, first, other, "maria", anyway=True)


def test_an_answer_that_does_not_arrive_after_a_merge_opens_the_case_that_goes_on(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    first, other = two_cases(workspace, make_customer("ann@example.com"), clock)
    answer(workspace, first, "This jug.", "maria", then=CaseEvent.RESOLVE)
    sent = answer(workspace, other, "A new pump is on its way.", "maria", then=CaseEvent.RESOLVE)
    merge_cases(workspace, first, other, "maria")
    with workspace.database.write() as session:
        session.get_one(Delivery, sent.delivery_id).state = DeliveryState.FAILED
    assert first in follow_up(workspace)["lost_answers"]
    assert follow_up(workspace)["lost_answers"] == []
    with workspace.database.read() as session:
        assert session.get_one(Case, first).state is CaseState.OPEN
        assert session.get_one(Case, other).state is CaseState.DISMISSED


@pytest.mark.parametrize("fixed", [True, False])
def test_whether_it_is_fixed_is_said_of_the_case_that_goes_on(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock, fixed: bool
) -> None:
    first, other = two_cases(workspace, make_customer("ann@example.com"), clock)
    sent = answer(workspace, other, "A new pump is on its way.", "maria", then=CaseEvent.RESOLVE)
    change_state(workspace, first, CaseEvent.RESOLVE, "maria")
    merge_cases(workspace, first, other, "maria")
    with workspace.database.read() as session:
        token = sign_token(workspace.keys, "fixed", session.get_one(Delivery, sent.delivery_id).public_id)
    say_fixed(workspace, token, yes=fixed, words="" if fixed else "Not at all.")
    with workspace.database.read() as session:
        assert session.get_one(Case, first).state is (CaseState.CONFIRMED if fixed else CaseState.OPEN)
        assert session.get_one(Case, other).state is CaseState.DISMISSED


def test_the_sooner_due_time_stands_whoever_owns_the_other(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    first, other = two_cases(workspace, make_customer("ann@example.com"), clock, urgency=Urgency.NORMAL)
    with workspace.database.write() as session:
        session.add(Colleague(name="maria", days=[(clock().weekday() - 1) % 7], created_at=clock()))
    assign_case(workspace, other, "maria", "tom")
    with workspace.database.read() as session:
        due = min(session.get_one(Case, one).due_at for one in (first, other))
    merge_cases(workspace, first, other, "tom")
    with workspace.database.read() as session:
        assert (session.get_one(Case, first).due_at, session.get_one(Case, first).owner) == (due, "maria")


def test_cases_that_a_person_opened_again_by_hand_stay_open_when_merged(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    first, other = two_cases(workspace, make_customer("ann@example.com"), clock)
    with workspace.database.read() as session:
        messages = [kept.inbounds_of(session, one)[0].id for one in (first, other)]
    for message in messages:
        review(workspace, message or 0, by="maria", category=Category.OTHER)
    for one in (first, other):
        change_state(workspace, one, CaseEvent.REOPEN, "tom")
    merge_cases(workspace, first, other, "tom")
    with workspace.database.read() as session:
        assert session.get_one(Case, first).state is CaseState.OPEN


def test_each_topic_that_the_other_held_is_held_by_the_case_that_goes_on(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    ann = make_customer("ann@example.com")
    first, other = two_cases(workspace, ann, clock)
    grinder = ("grinder", "pump")
    assert receive(workspace, Category.COMPLAINT, customer_id=ann, topics=grinder, text="The grinder, too.") == other
    with workspace.database.write() as session:
        kept.inbounds_of(session, other)[-1].topics = ["grinder"]
    merge_cases(workspace, first, other, "maria")
    with workspace.database.read() as session:
        held = [one for one in session.exec(select(Hold)) if is_open(one, workspace.clock())]
    assert {one.case_id for one in held} == {first}
    assert {one.topic for one in held if one.topic} == {"pump", "grinder"}


def test_a_case_is_answered_where_the_merged_one_was_and_unanswered_where_that_answer_is_lost(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    first, other = two_cases(workspace, make_customer("ann@example.com"), clock)
    opened = clock.now - timedelta(hours=2)
    clock.advance(hours=1)
    sent = answer(workspace, other, "A new pump is on its way.", "maria")
    answered = clock.now
    clock.advance(hours=1)
    merge_cases(workspace, first, other, "maria")
    with workspace.database.read() as session:
        stays = session.get_one(Case, first)
        assert (stays.opened_at, stays.first_answer_at, stays.answered_at) == (opened, answered, answered)
        figures = case_figures(session, clock.now, workspace.working_hours)
        assert figures.unanswered == 0
        assert figures.first_answer.count == 1, "of one matter, as long as they waited since they first wrote"
    later = clock.advance(hours=1)
    again = answer(workspace, first, "And it has gone.", "maria")
    assert (sent.delivery_id, again.delivery_id) != (None, None)
    with workspace.database.read() as session:
        assert session.get_one(Case, first).first_answer_at == answered
        assert kept.standing_answers(session, first) == [answered, later]
    with workspace.database.write() as session:
        session.get_one(Delivery, sent.delivery_id).state = DeliveryState.FAILED
    follow_up(workspace)
    with workspace.database.read() as session:
        assert session.get_one(Case, first).first_answer_at == later


def test_what_would_be_one_is_told_before(workspace: Workspace, make_customer: MakeCustomer, clock: HandClock) -> None:
    first, other = two_cases(workspace, make_customer("ann@example.com"), clock)
    make_promise(workspace, other, "A new pump", "friday", "maria")
    found = look_before(workspace, other, first)
    assert (found.whose, found.stays.number, found.goes.number) == ("ann@example.com", first, other)
    assert (found.goes.messages, found.goes.answers, found.goes.promises, found.goes.state) == (1, 0, 1, CaseState.NEW)
    with workspace.database.read() as session:
        assert session.get_one(Case, other).state is CaseState.NEW, "nothing is changed"
    with pytest.raises(UsageError, match="itself"):
        look_before(workspace, first, first)
