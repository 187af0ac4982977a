"""A person's word on a message: consent, case and holds follow it, there and back."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlmodel import col

from outreach.cli.demo.reply_mail import Voice, as_out_of_office, as_reply
from outreach.errors import InputError
from outreach.records import (
    Case,
    Category,
    Hold,
    HoldState,
    InboundState,
    Machine,
    SubscriptionState,
    Urgency,
)
from outreach.store.consents import subscriptions_of
from outreach.store.replies import unreviewed_ids
from outreach.work.review import review, undo_review
from outreach.work.workspace import Workspace

from ..conftest import HandClock, MakeCustomer
from .replying import inbound, receive, send_newsletter, verdicts

COMPLAINT = Voice("complaint", "", "", "The pump is broken again and nobody answers. This is unacceptable.")
LEAVING = Voice("unsubscribe_words", "", "", "Please take me off this list.")


@pytest.fixture
def ann(make_customer: MakeCustomer) -> int:
    return make_customer("ann@example.com", first_name="Ann")


@pytest.fixture
def mail(workspace: Workspace, ann: int, clock: HandClock) -> bytes:
    got = send_newsletter(workspace, [ann])[ann]
    clock.advance(hours=3)
    return got


def said(workspace: Workspace, mail: bytes, voice: Voice) -> int:
    got = receive(workspace, as_reply(voice, mail, "ann@example.com", style=0))
    assert got.id is not None
    return got.id


def holds(workspace: Workspace) -> list[HoldState]:
    with workspace.database.read() as session:
        return [hold.state for hold in session.execute(select(Hold).where(col(Hold.lifted_at).is_(None))).scalars()]


def is_subscribed(workspace: Workspace, ann: int) -> bool:
    with workspace.database.read() as session:
        return subscriptions_of(session, ann)[0].state is SubscriptionState.SUBSCRIBED


def test_agreeing_confirms_what_the_cues_suggested(workspace: Workspace, mail: bytes) -> None:
    number = said(workspace, mail, COMPLAINT)
    assert set(holds(workspace)) == {HoldState.SUGGESTED}
    review(workspace, number, by="maria")
    assert HoldState.CONFIRMED in holds(workspace)
    assert inbound(workspace, number).reviewed_at is not None
    with workspace.database.read() as session:
        assert number not in unreviewed_ids(session)


def test_a_correction_lifts_and_its_undo_brings_back(workspace: Workspace, mail: bytes) -> None:
    number = said(workspace, mail, COMPLAINT)
    review(workspace, number, by="maria", category=Category.THANKS)
    assert holds(workspace) == []
    assert undo_review(workspace, by="maria") == number
    got = inbound(workspace, number)
    assert (got.category, got.reviewed_at) == (Category.COMPLAINT, None)
    assert set(holds(workspace)) == {HoldState.SUGGESTED}
    assert [one.undone_at is not None for one in verdicts(workspace, number)] == [False, True]


def test_a_missed_complaint_gets_its_case(workspace: Workspace, mail: bytes) -> None:
    number = said(workspace, mail, Voice("thanks", "", "", "Lovely. Keep it up."))
    assert inbound(workspace, number).case_id is None
    review(workspace, number, by="maria", category=Category.COMPLAINT, topics=["milk"], urgency=Urgency.RAISED)
    got = inbound(workspace, number)
    assert got.topics == ["milk"]
    with workspace.database.read() as session:
        case = session.get_one(Case, got.case_id)
        assert (case.category, case.topic, case.urgency) == (Category.COMPLAINT, "milk", Urgency.RAISED)


def test_unsubscribing_is_undone_by_a_correction_and_done_again_by_its_undo(
    workspace: Workspace, ann: int, mail: bytes
) -> None:
    number = said(workspace, mail, LEAVING)
    assert not is_subscribed(workspace, ann)
    review(workspace, number, by="maria", category=Category.QUESTION)
    assert is_subscribed(workspace, ann)
    undo_review(workspace)
    assert not is_subscribed(workspace, ann)


def test_a_person_may_read_a_wish_to_leave_where_the_cues_did_not(workspace: Workspace, ann: int, mail: bytes) -> None:
    number = said(workspace, mail, Voice("thanks", "", "", "I think we have seen enough of each other."))
    assert is_subscribed(workspace, ann)
    review(workspace, number, by="maria", category=Category.UNSUBSCRIBE)
    assert not is_subscribed(workspace, ann)
    undo_review(workspace, inbound_id=number)
    assert is_subscribed(workspace, ann)


def test_a_complaint_that_asked_to_leave_stays_away_when_it_is_confirmed(
    workspace: Workspace, ann: int, mail: bytes
) -> None:
    words = "Unacceptable, the pump broke again and nobody answers, I am fed up and furious. Unsubscribe me."
    number = said(workspace, mail, Voice("complaint", "", "", words))
    assert (inbound(workspace, number).category, is_subscribed(workspace, ann)) == (Category.COMPLAINT, False)
    review(workspace, number, by="maria")
    assert not is_subscribed(workspace, ann)


def test_a_wish_to_leave_from_another_address_acts_when_a_person_agrees(
    workspace: Workspace, ann: int, mail: bytes
) -> None:
    got = receive(workspace, as_reply(LEAVING, mail, "ann.private@elsewhere.example", style=0))
    assert is_subscribed(workspace, ann)
    review(workspace, got.id or 0, by="maria")
    assert not is_subscribed(workspace, ann)
    undo_review(workspace)
    assert is_subscribed(workspace, ann)


def test_machine_mail_may_turn_out_to_be_a_persons_and_back(workspace: Workspace, mail: bytes) -> None:
    voice = Voice("out_of_office", "", "Automatic reply: {}", "Your machine leaks, by the way.")
    got = receive(workspace, as_out_of_office(voice, mail, "ann@example.com"))
    assert got.id is not None
    review(workspace, got.id, by="maria", category=Category.COMPLAINT)
    assert inbound(workspace, got.id).machine is Machine.HUMAN
    assert inbound(workspace, got.id).case_id is not None
    undo_review(workspace)
    assert inbound(workspace, got.id).machine is Machine.AUTO_REPLY


def test_an_unreadable_message_waits_for_a_person_who_says_what_it_is(workspace: Workspace) -> None:
    got = receive(workspace, b"no headers at all")
    assert got.id is not None
    with workspace.database.read() as session:
        assert unreviewed_ids(session) == [got.id]
    with pytest.raises(InputError, match="not been held"):
        review(workspace, got.id, by="maria")
    review(workspace, got.id, by="maria", category=Category.OTHER)
    assert inbound(workspace, got.id).state is InboundState.READ
    undo_review(workspace)
    assert inbound(workspace, got.id).state is InboundState.UNREADABLE


def test_there_may_be_nothing_to_review_or_to_take_back(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="no message 77"):
        review(workspace, 77, by="maria", category=Category.OTHER)
    assert undo_review(workspace) is None
