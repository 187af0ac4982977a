"""A person says whose a message is: it is remembered, its case and holds follow, and it can be taken back."""

from __future__ import annotations

import pytest

from outreach.errors import InputError
from outreach.records import Case, Channel, ClueKind, HoldState, Inbound, SubscriptionState
from outreach.store import plan as plans
from outreach.store.consents import subscriptions_of
from outreach.store.contacts import contacts_of
from outreach.work.join import join_customer, take_back
from outreach.work.read import read_inbound
from outreach.work.told import log_message
from outreach.work.who import find_who, suggest
from outreach.work.workspace import Workspace

from ..conftest import HandClock, MakeCustomer
from .replying import inbound, receive, send_newsletter

COMPLAINT = "The pump is broken again, this is unacceptable!"


def told(workspace: Workspace, channel: Channel = Channel.MENTION, **what: object) -> Inbound:
    number = log_message(workspace, channel, what)
    assert number is not None
    read_inbound(workspace, number)
    return inbound(workspace, number)


def held(workspace: Workspace, customer_id: int) -> list[HoldState]:
    with workspace.database.read() as session:
        return [one.state for one in plans.holds_of(session, [customer_id]).get(customer_id, [])]


def case_of(workspace: Workspace, message: Inbound) -> Case:
    with workspace.database.read() as session:
        return session.get_one(Case, message.case_id)


def test_a_stranger_gets_a_case_and_never_a_subscription(workspace: Workspace) -> None:
    got = told(workspace, text=COMPLAINT, handle="x:eve", link="https://x.com/eve/1", reach=900)
    assert (got.customer_id, got.network, got.reach) == (None, "x", 900)
    assert got.case_id is not None
    with workspace.database.read() as session:
        assert find_who(session, workspace, "eve") == []


def test_joining_remembers_the_handle_and_moves_case_and_holds(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    ann = make_customer("ann@example.com")
    first = told(workspace, text=COMPLAINT, handle="x:annmakes")
    second = told(workspace, text="And where is the manual for the grinder?", handle="@annmakes", network="Twitter")
    assert join_customer(workspace, second.id or 0, ann, by="maria") == [second.id, first.id]
    assert case_of(workspace, first).customer_id == ann
    assert HoldState.SUGGESTED in held(workspace, ann)
    clock.advance(hours=1)
    third = told(workspace, text="Still broken.", handle="annmakes", link="https://twitter.com/annmakes/status/9")
    assert (third.customer_id, third.clue) == (ann, ClueKind.HANDLE)
    elsewhere = told(workspace, text="Still broken.", handle="annmakes@fosstodon.org")
    assert elsewhere.customer_id is None, "a name on another network is another person's until somebody says so"


def test_taking_it_back_forgets_lifts_and_lets_the_clues_decide(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann, bob = make_customer("ann@example.com"), make_customer("bob@example.com", handle="annmakes")
    first = told(workspace, text=COMPLAINT, handle="annmakes")
    assert first.customer_id == bob
    assert join_customer(workspace, first.id or 0, ann, by="maria") == [first.id]
    assert (held(workspace, bob), case_of(workspace, first).customer_id) == ([], ann)
    assert held(workspace, ann)
    assert take_back(workspace, first.id or 0, by="maria") == [first.id]
    assert (held(workspace, ann), case_of(workspace, first).customer_id) == ([], bob)
    assert held(workspace, bob)
    with workspace.database.read() as session:
        assert contacts_of(session, ann) == []
    with pytest.raises(InputError, match="was not joined"):
        take_back(workspace, first.id or 0, by="maria")


def test_a_message_that_is_another_persons_leaves_the_case(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann, bob = make_customer("ann@example.com", phone="+491701234567"), make_customer("bob@example.com")
    hers = told(workspace, Channel.PHONE, text="The milk foam is cold, unacceptable!", phone="+49 170 1234567")
    his = told(workspace, Channel.PHONE, text="Cold milk foam again, so disappointed.", phone="0170 1234567")
    assert hers.case_id == his.case_id
    join_customer(workspace, his.id or 0, bob, by="maria")
    his = inbound(workspace, his.id or 0)
    assert his.case_id != hers.case_id
    assert (case_of(workspace, hers).customer_id, case_of(workspace, his).customer_id) == (ann, bob)
    assert held(workspace, ann) and held(workspace, bob)


def test_a_strangers_wish_to_leave_is_done_when_somebody_says_who_they_are(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com")
    got = told(workspace, Channel.LETTER, text="Please remove me from your mailing list.", name="Ann Baker")
    join_customer(workspace, got.id or 0, ann, by="maria")
    with workspace.database.read() as session:
        assert subscriptions_of(session, ann)[0].state is SubscriptionState.UNSUBSCRIBED
    take_back(workspace, got.id or 0, by="maria")
    with workspace.database.read() as session:
        assert subscriptions_of(session, ann)[0].state is SubscriptionState.SUBSCRIBED


def test_a_second_address_of_the_owner_is_no_stranger_once_a_person_said_so(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com", first_name="Ann")
    mail = send_newsletter(workspace, [ann])[ann]
    to = next(line for line in mail.decode().splitlines() if line.startswith("Reply-To:")).partition(":")[2].strip()

    def reply(number: int, words: str) -> Inbound:
        raw = f"From: Ann <ann@home.example>\r\nTo: {to}\r\nMessage-ID: <{number}@home.example>\r\n\r\n{words}\r\n"
        return receive(workspace, raw.encode())

    first = reply(1, COMPLAINT)
    assert (first.customer_id, first.foreign_token) == (ann, True)
    assert "perhaps forwarded" in first.flagged
    join_customer(workspace, first.id or 0, ann, by="maria")
    first = inbound(workspace, first.id or 0)
    assert (first.foreign_token, first.flagged) == (False, "")
    second = reply(2, "unsubscribe")
    assert (second.customer_id, second.foreign_token) == (ann, False)
    with workspace.database.read() as session:
        assert subscriptions_of(session, ann)[0].state is SubscriptionState.UNSUBSCRIBED
        assert [one.value for one in contacts_of(session, ann)] != ["ann@home.example"], "never the plain address"


def test_a_number_of_two_people_says_so_and_both_are_offered(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann = make_customer("ann@example.com", phone="+491701234567", first_name="Ann", last_name="Baker")
    bob = make_customer("bob@example.com", phone="+491701234567")
    kim = make_customer("kim@example.com", first_name="Kim", last_name="Lee")
    got = told(workspace, Channel.PHONE, text="Hello? My wife is kim@example.com", phone="+491701234567")
    assert got.customer_id is None
    assert "known of 2 customers" in got.flagged
    with workspace.database.read() as session:
        assert [one.customer_id for one in suggest(session, workspace, got)] == [ann, bob, kim]
        assert [one.customer_id for one in find_who(session, workspace, "lee kim")] == [kim]
    join_customer(workspace, got.id or 0, ann, by="maria")
    assert inbound(workspace, got.id or 0).flagged == ""


def test_nobody_to_join_to_is_told(workspace: Workspace) -> None:
    got = told(workspace, text="Hello?", handle="eve")
    with pytest.raises(InputError, match="no customer 99"):
        join_customer(workspace, got.id or 0, 99, by="maria")
    with pytest.raises(InputError, match="no message 99"):
        join_customer(workspace, 99, 1, by="maria")
