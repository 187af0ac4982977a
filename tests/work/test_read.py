"""One message read: whose it is, what it does by itself, and that nothing is lost."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from outreach.cli.demo.reply_mail import (
    Voice,
    as_abuse_report,
    as_bounce,
    as_out_of_office,
    as_reply,
    as_unsubscribe_mail,
)
from outreach.records import (
    Category,
    ClueKind,
    Customer,
    Delivery,
    DeliveryMove,
    DeliveryState,
    FailureClass,
    Inbound,
    InboundState,
    Machine,
    SubscriptionState,
    SuppressionReason,
    Urgency,
)
from outreach.store.consents import consent_history, find_suppression, subscriptions_of
from outreach.work.collect import read_stored
from outreach.work.review import review
from outreach.work.take import take_in
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock, MakeCustomer
from .replying import delivery_of, inbound, receive, send_newsletter, verdicts

COMPLAINT = Voice("complaint", "", "", "The pump is broken again and nobody answers my mails. This is unacceptable.")


@pytest.fixture
def ann(make_customer: MakeCustomer) -> int:
    return make_customer("ann@example.com", first_name="Ann")


@pytest.fixture
def mail(workspace: Workspace, ann: int, clock: HandClock) -> bytes:
    got = send_newsletter(workspace, [ann])[ann]
    clock.advance(hours=3)
    return got


def state_of(workspace: Workspace, customer_id: int) -> SubscriptionState:
    with workspace.database.read() as session:
        return subscriptions_of(session, customer_id)[0].state


def block_on(workspace: Workspace, customer_id: int) -> SuppressionReason | None:
    with workspace.database.read() as session:
        customer = session.get_one(Customer, customer_id)
        assert customer.address_key is not None
        found = find_suppression(session, customer.address_key)
        return found.reason if found is not None else None


@pytest.mark.parametrize("style", [0, 1, 2], ids=["gmail", "outlook", "apple"])
@BOTH
def test_a_reply_is_matched_stripped_sorted_and_made_a_case(
    workspace: Workspace, ann: int, mail: bytes, style: int
) -> None:
    got = receive(workspace, as_reply(COMPLAINT, mail, "Ann <ann@example.com>", style=style))
    assert (got.state, got.machine, got.customer_id) == (InboundState.READ, Machine.HUMAN, ann)
    assert got.clue is ClueKind.REPLY_TOKEN
    assert got.delivery_id == delivery_of(workspace, ann).id
    assert got.text == COMPLAINT.text
    assert "amber light" in got.quoted
    assert got.category is Category.COMPLAINT
    assert got.case_id is not None
    assert any("speaks for complaint" in reason for reason in verdicts(workspace, got.id or 0)[0].reasons)


def test_without_a_token_the_message_id_tells_and_else_the_sender_and_the_time(
    workspace: Workspace, ann: int, mail: bytes
) -> None:
    raw = as_reply(COMPLAINT, mail, "ann@example.com", style=0)
    bare = re.sub(rb"\+[a-z0-9]{37}@", b"@", raw)
    assert receive(workspace, bare).clue is ClueKind.MESSAGE_ID
    plain = b"From: ann@example.com\r\nTo: care@acme.example\r\nSubject: hello\r\n\r\nWhere is the manual?\r\n"
    got = receive(workspace, plain)
    assert (got.clue, got.customer_id) == (ClueKind.SENDER, ann)
    assert got.delivery_id == delivery_of(workspace, ann).id


def test_a_customer_who_writes_to_us_by_way_of_a_list_is_a_person(workspace: Workspace, ann: int, mail: bytes) -> None:
    head = (
        b"Precedence: list\r\nList-Id: <care.acme.example>\r\nSubject: pump\r\n\r\nIt leaks, this is unacceptable.\r\n"
    )
    got = receive(workspace, b"From: ann@example.com\r\n" + head)
    assert (got.machine, got.category, got.customer_id) == (Machine.HUMAN, Category.COMPLAINT, ann)
    assert receive(workspace, b"From: shop@other.example\r\n" + head).machine is Machine.OTHER


def test_a_stranger_is_kept_without_a_customer(workspace: Workspace) -> None:
    got = receive(workspace, b"From: eve@example.com\r\nSubject: hi\r\n\r\nYour shop is terrible.\r\n")
    assert (got.customer_id, got.clue, got.sender) == (None, None, "eve@example.com")
    assert got.case_id is not None


def test_who_wants_to_be_erased_gets_a_case_and_no_more_mail(workspace: Workspace, ann: int, mail: bytes) -> None:
    got = receive(
        workspace, as_reply(Voice("x", "", "", "Please delete all my data."), mail, "ann@example.com", style=0)
    )
    assert (got.category, got.urgency, got.case_id) == (Category.CHANGE_OF_DATA, Urgency.RAISED, 1)
    assert state_of(workspace, ann) is SubscriptionState.UNSUBSCRIBED
    review(workspace, got.id or 0, by="maria")
    assert state_of(workspace, ann) is SubscriptionState.UNSUBSCRIBED, "a yes to what it is gives nothing back"


@pytest.mark.parametrize(
    ("sender", "place", "text", "case"),
    [
        ("seo@rank.example", "Spam/7/1", "Your ranking is terrible. Shall we fix it?", False),
        ("seo@rank.example", "Spam/1700000000.M1P2.host", "Your ranking is terrible. Shall we fix it?", False),
        ("seo@rank.example", "Work/Antispam/7/1", "Your ranking is terrible. Shall we fix it?", True),
        ("seo@rank.example", "INBOX/7/1", "Your ranking is terrible. Shall we fix it?", True),
        ("eve@example.com", "[Gmail]/Spam/7/1", "Your machine caught fire and burned my hand!", True),
        ("ann@example.com", "Junk E-mail/7/1", "The pump is terrible.", True),
    ],
)
def test_a_strangers_mail_out_of_the_junk_folder_makes_no_case_unless_it_tells_of_harm(
    workspace: Workspace, ann: int, sender: str, place: str, text: str, case: bool
) -> None:
    raw = f"From: {sender}\r\nSubject: hi\r\n\r\n{text}\r\n".encode()
    got = receive(workspace, raw, mailbox="care", place=place)
    assert (got.case_id is not None, got.machine, got.reviewed_at) == (case, Machine.HUMAN, None)
    assert ("lay in the folder Spam" in verdicts(workspace, got.id or 0)[-1].reasons[0]) is not case


@BOTH
def test_the_unsubscribe_address_acts_at_once(workspace: Workspace, ann: int, mail: bytes) -> None:
    got = receive(workspace, as_unsubscribe_mail(mail, "ann@example.com"))
    assert got.category is Category.UNSUBSCRIBE
    assert state_of(workspace, ann) is SubscriptionState.UNSUBSCRIBED
    with workspace.database.read() as session:
        act = consent_history(session, ann)[-1]
        assert (act.how, act.evidence) == ("mail", f"message {got.public_id}")


def test_unsubscribing_comes_before_an_automatic_reply(workspace: Workspace, ann: int, mail: bytes) -> None:
    raw = as_unsubscribe_mail(mail, "ann@example.com")
    receive(workspace, b"Auto-Submitted: auto-generated\r\nPrecedence: bulk\r\n" + raw)
    assert state_of(workspace, ann) is SubscriptionState.UNSUBSCRIBED


def test_words_unsubscribe_too(workspace: Workspace, ann: int, mail: bytes) -> None:
    voice = Voice("unsubscribe_words", "", "", "Please take me off this list, thanks.")
    assert receive(workspace, as_reply(voice, mail, "ann@example.com", style=1)).category is Category.UNSUBSCRIBE
    assert state_of(workspace, ann) is SubscriptionState.UNSUBSCRIBED


def test_a_forwarded_newsletter_never_unsubscribes_its_owner(workspace: Workspace, ann: int, mail: bytes) -> None:
    got = receive(workspace, as_unsubscribe_mail(mail, "bob@elsewhere.example"))
    assert state_of(workspace, ann) is SubscriptionState.SUBSCRIBED
    assert got.customer_id == ann
    assert "another address" in got.flagged
    assert any("nobody was unsubscribed" in reason for reason in verdicts(workspace, got.id or 0)[0].reasons)


def test_a_customer_who_answers_a_friends_mail_speaks_for_herself(
    workspace: Workspace, ann: int, make_customer: MakeCustomer, mail: bytes
) -> None:
    bob = make_customer("bob@example.com")
    got = receive(workspace, as_reply(COMPLAINT, mail, "Bob <bob@example.com>", style=0))
    assert (got.customer_id, got.delivery_id) == (bob, delivery_of(workspace, ann).id)
    assert "another customer" in got.flagged


@BOTH
def test_a_hard_bounce_suppresses_and_leaves_the_delivery_sent(workspace: Workspace, ann: int, mail: bytes) -> None:
    got = receive(workspace, as_bounce(mail))
    assert (got.machine, got.category) == (Machine.BOUNCE, Category.MACHINE)
    assert got.clue is ClueKind.RETURN_PATH
    assert block_on(workspace, ann) is SuppressionReason.BAD_ADDRESS
    delivery = delivery_of(workspace, ann)
    assert (delivery.state, delivery.failure) == (DeliveryState.SENT, FailureClass.BAD_ADDRESS)
    with workspace.database.read() as session:
        move = session.execute(select(DeliveryMove).where(col(DeliveryMove.delivery_id) == delivery.id)).scalars().one()
        assert (move.event, move.before, move.after) == ("bounce", DeliveryState.SENT, DeliveryState.SENT)


@pytest.mark.parametrize(
    ("status", "said", "failure"),
    [
        ("5.2.2", "mailbox full", FailureClass.MAILBOX_FULL),
        ("5.7.1", "rejected as spam", FailureClass.REFUSED),
    ],
)
def test_other_bounces_keep_the_address(
    workspace: Workspace, ann: int, mail: bytes, status: str, said: str, failure: FailureClass
) -> None:
    receive(workspace, as_bounce(mail, status=status, said=f"550 {status} {said}"))
    assert block_on(workspace, ann) is None
    assert delivery_of(workspace, ann).failure is failure


def test_a_delay_is_noted_and_nothing_else(workspace: Workspace, ann: int, mail: bytes) -> None:
    got = receive(workspace, as_bounce(mail, status="4.4.1", said="451 4.4.1 timed out"))
    assert got.machine is Machine.DELAY
    assert (block_on(workspace, ann), delivery_of(workspace, ann).failure) == (None, None)


def test_a_forged_bounce_without_our_token_does_nothing(workspace: Workspace, ann: int, mail: bytes) -> None:
    raw = re.sub(rb"\+b?[a-z0-9]{37}@", b"@", as_bounce(mail))
    raw = re.sub(rb"[a-z2-7]{26}\.o@", b"forged@", raw)
    raw = re.sub(rb"u?1[a-z2-7]{36}", b"x", raw)
    got = receive(workspace, raw)
    assert got.machine is Machine.BOUNCE
    assert block_on(workspace, ann) is None
    assert "no mail of ours" in got.flagged


@pytest.mark.parametrize("bounced", [True, False])
@BOTH
def test_a_delivery_in_doubt_is_settled_by_evidence(workspace: Workspace, ann: int, mail: bytes, bounced: bool) -> None:
    with workspace.database.write() as session:
        session.connection().execute(update(Delivery).values(state=DeliveryState.IN_DOUBT, sent_at=None))
    receive(workspace, as_bounce(mail) if bounced else as_reply(COMPLAINT, mail, "ann@example.com"))
    delivery = delivery_of(workspace, ann)
    assert delivery.state is (DeliveryState.FAILED if bounced else DeliveryState.SENT)
    assert "message" in delivery.evidence


def test_whatever_only_a_mail_that_left_can_cause_ends_a_doubt(workspace: Workspace, ann: int, mail: bytes) -> None:
    delayed = as_bounce(mail).replace(b"Action: failed", b"Action: delayed").replace(b"Status: 5", b"Status: 4")
    for number, raw in enumerate((as_abuse_report(mail), delayed)):
        with workspace.database.write() as session:
            session.connection().execute(update(Delivery).values(state=DeliveryState.IN_DOUBT, sent_at=None))
        assert receive(workspace, raw).machine in (Machine.ABUSE_REPORT, Machine.DELAY), number
        assert delivery_of(workspace, ann).state is DeliveryState.SENT, number


def test_an_abuse_report_unsubscribes_and_suppresses(workspace: Workspace, ann: int, mail: bytes) -> None:
    got = receive(workspace, as_abuse_report(mail))
    assert got.machine is Machine.ABUSE_REPORT
    assert block_on(workspace, ann) is SuppressionReason.ABUSE_REPORT
    assert state_of(workspace, ann) is SubscriptionState.UNSUBSCRIBED


def test_a_report_on_authentication_is_no_complaint(workspace: Workspace, ann: int, mail: bytes) -> None:
    raw = as_abuse_report(mail).replace(b"Feedback-Type: abuse", b"Feedback-Type: auth-failure")
    assert receive(workspace, raw).machine is Machine.AUTH_REPORT
    assert (block_on(workspace, ann), state_of(workspace, ann)) == (None, SubscriptionState.SUBSCRIBED)


def test_an_automatic_reply_is_logged_and_makes_no_case(workspace: Workspace, ann: int, mail: bytes) -> None:
    voice = Voice("out_of_office", "", "Automatic reply: {}", "I am away. The coffee machine is broken anyway.")
    got = receive(workspace, as_out_of_office(voice, mail, "ann@example.com"))
    assert (got.machine, got.category, got.case_id) == (Machine.AUTO_REPLY, Category.MACHINE, None)
    assert got.customer_id == ann


@BOTH
def test_the_same_content_twice_is_kept_once(workspace: Workspace, ann: int, mail: bytes) -> None:
    raw = as_reply(COMPLAINT, mail, "ann@example.com")
    receive(workspace, raw)
    assert take_in(workspace, raw) is None


def test_the_same_mail_by_another_way_is_kept_and_changes_nothing(workspace: Workspace, ann: int, mail: bytes) -> None:
    raw = as_reply(COMPLAINT, mail, "ann@example.com")
    first = receive(workspace, raw)
    second = receive(workspace, b"Received: from elsewhere\r\n" + raw)
    assert second.machine is Machine.OTHER
    assert f"same mail as message {first.id}" in second.flagged
    assert second.case_id is None


def test_what_cannot_be_read_is_kept_for_a_person(workspace: Workspace) -> None:
    got = receive(workspace, b"\x00\x01\x02 no mail at all")
    assert (got.state, got.raw) == (InboundState.UNREADABLE, b"\x00\x01\x02 no mail at all")
    assert "no mail headers" in got.flagged


def test_a_mail_that_is_too_large_is_kept_cut_and_flagged(workspace: Workspace) -> None:
    limit = workspace.settings.replies.max_bytes
    raw = b"From: ann@example.com\r\nSubject: big\r\n\r\nMy machine leaks.\r\n" + b"x" * (limit + 10)
    got = receive(workspace, raw)
    assert len(got.raw) == limit
    assert got.sender == "ann@example.com"
    assert "only its beginning" in got.flagged


def test_reading_again_changes_nothing(workspace: Workspace, ann: int, mail: bytes) -> None:
    got = receive(workspace, as_reply(COMPLAINT, mail, "ann@example.com"))
    assert read_stored(workspace) == 0
    assert len(verdicts(workspace, got.id or 0)) == 1


def test_what_a_crash_left_stored_is_read_later(workspace: Workspace, ann: int, mail: bytes) -> None:
    inbound_id = take_in(workspace, as_reply(COMPLAINT, mail, "ann@example.com"))
    assert inbound_id is not None
    assert inbound(workspace, inbound_id).state is InboundState.STORED
    assert read_stored(workspace) == 1
    assert inbound(workspace, inbound_id).category is Category.COMPLAINT


def test_harm_makes_it_urgent(workspace: Workspace, ann: int, mail: bytes) -> None:
    voice = Voice("complaint", "", "", "There was smoke and a burning smell from the machine this morning.")
    assert receive(workspace, as_reply(voice, mail, "ann@example.com")).urgency is Urgency.HIGH


def test_an_answer_to_a_mail_of_an_erased_customer_acts_by_the_token(
    workspace: Workspace, ann: int, mail: bytes
) -> None:
    key = delivery_of(workspace, ann).address_key
    with workspace.database.write() as session:
        session.connection().execute(update(Delivery).values(customer_id=None))
    receive(workspace, as_unsubscribe_mail(mail, "ann@example.com"))
    with workspace.database.read() as session:
        found = find_suppression(session, key)
        assert found is not None
        assert session.execute(select(col(Inbound.customer_id))).scalar() is None


def test_a_bare_wish_to_leave_is_heard_by_the_address_alone_and_says_that_it_may_be_forged(
    workspace: Workspace, ann: int, mail: bytes
) -> None:
    raw = (
        b"From: ann@example.com\r\nTo: care@acme.example\r\nSubject: unsubscribe\r\nMessage-ID: <1@x>\r\n\r\nplease\r\n"
    )
    got = receive(workspace, raw)
    assert (got.clue, state_of(workspace, ann)) == (ClueKind.SENDER, SubscriptionState.UNSUBSCRIBED)
    assert any("can be forged" in reason for reason in verdicts(workspace, got.id or 0)[0].reasons)
    token = receive(workspace, as_unsubscribe_mail(mail, "ann@example.com"))
    assert not any("can be forged" in reason for reason in verdicts(workspace, token.id or 0)[0].reasons)
