"""A person's answer leaves by the outbox, in the customer's own thread, and its loss is never hidden."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlmodel import select

from outreach.errors import UsageError
from outreach.records import (
    Case,
    CaseEntry,
    CaseEvent,
    CaseState,
    Category,
    Channel,
    Delivery,
    DeliveryState,
    EntryKind,
    Kind,
)
from outreach.store.customers import load_customers
from outreach.work.answer import answer_case, assign_case, change_state, note, note_answer
from outreach.work.follow_up import follow_up
from outreach.work.letter import open_press
from outreach.work.thread import answer_subject
from outreach.work.workspace import Workspace

from ..cases.make import receive
from ..conftest import HandClock, MakeCustomer


@pytest.fixture
def ann(make_customer: MakeCustomer) -> int:
    return make_customer("ann@example.com", first_name="Ann")


def the_case(workspace: Workspace, case_id: int) -> Case:
    with workspace.database.read() as session:
        return session.get_one(Case, case_id)


def mail_of(workspace: Workspace, delivery_id: int) -> tuple[str, Message]:
    """The recipient and the message as the sender would hand it over."""
    with workspace.database.read() as session:
        delivery = session.get_one(Delivery, delivery_id)
        assert (delivery.state, delivery.kind) == (DeliveryState.QUEUED, Kind.SERVICE)
        people = load_customers(session, [delivery.customer_id]) if delivery.customer_id else {}
        press = open_press(session, workspace, delivery.edition_id)
        customer = next(iter(people.values()), None)
        pressed = press.press(customer, delivery.public_id, delivery.choices, workspace.clock())
    return pressed.envelope.recipient, message_from_bytes(pressed.message)


def complain(workspace: Workspace, customer_id: int | None, **fields: object) -> int:
    case_id = receive(workspace, Category.COMPLAINT, customer_id=customer_id, **fields)
    assert case_id is not None
    return case_id


def test_an_answer_hangs_below_what_the_customer_wrote_last(workspace: Workspace, ann: int) -> None:
    complain(workspace, ann, topics=("grinder",), message_id="<one@example.com>")
    raw = "References: <ours@acme.example> <one@example.com>\r\n\r\nStill."
    case_id = complain(
        workspace, ann, topics=("grinder",), message_id="<two@example.com>", subject="AW: Re: Tips", text=raw
    )
    recipient, mail = mail_of(workspace, answer_case(workspace, case_id, "Dear Ann,\nit is fixed.", "maria"))
    assert recipient == "ann@example.com"
    assert mail["Subject"] == "Re: Tips"
    assert mail["In-Reply-To"] == "<two@example.com>"
    assert mail["References"].split() == ["<ours@acme.example>", "<one@example.com>", "<two@example.com>"]
    assert mail.get_content_type() == "text/plain"
    assert "Dear Ann,\r\nit is fixed." in mail.get_payload(decode=True).decode().replace("\n", "\r\n").replace(
        "\r\r", "\r"
    )


def test_a_persons_answer_carries_no_mark_of_bulk_mail(workspace: Workspace, ann: int) -> None:
    _, mail = mail_of(workspace, answer_case(workspace, complain(workspace, ann), "Hello", "maria"))
    for name in ("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Precedence", "Auto-Submitted", "Feedback-ID"):
        assert mail[name] is None
    assert "+" in mail["Reply-To"], "what the customer answers finds the case by its token"


def test_the_answer_is_kept_in_the_case_and_stops_its_clock(workspace: Workspace, ann: int, clock: HandClock) -> None:
    case_id = complain(workspace, ann)
    clock.advance(hours=1)
    delivery_id = answer_case(workspace, case_id, "Hello", "maria")
    case = the_case(workspace, case_id)
    assert (case.state, case.first_answer_at) == (CaseState.OPEN, clock())
    with workspace.database.read() as session:
        entry = session.exec(select(CaseEntry).where(CaseEntry.kind == EntryKind.ANSWER)).one()
    assert (entry.text, entry.by, entry.delivery_id) == ("Hello", "maria", delivery_id)


def test_two_answers_are_two_mails(workspace: Workspace, ann: int) -> None:
    case_id = complain(workspace, ann)
    assert answer_case(workspace, case_id, "One", "maria") != answer_case(workspace, case_id, "Two", "maria")


def test_a_stranger_with_a_forwarded_mail_never_gets_the_answer(workspace: Workspace, ann: int) -> None:
    case_id = complain(workspace, ann, sender="stranger@example.net", flagged="a forwarded token")
    recipient, _ = mail_of(workspace, answer_case(workspace, case_id, "Hello", "maria"))
    assert recipient == "ann@example.com"


def test_a_person_may_answer_another_address_that_wrote_in_the_case_and_no_other(
    workspace: Workspace, ann: int
) -> None:
    case_id = complain(workspace, ann, sender="sam@example.net", message_id="<s1@example.net>", flagged="forwarded")
    recipient, mail = mail_of(workspace, answer_case(workspace, case_id, "Hello Sam", "maria", to="SAM@example.net"))
    assert (recipient, mail["To"], mail["In-Reply-To"]) == ("sam@example.net", "sam@example.net", "<s1@example.net>")
    own = answer_case(workspace, case_id, "Hello Ann", "maria", to="ann@example.com")
    assert mail_of(workspace, own)[0] == "ann@example.com"
    with pytest.raises(UsageError, match=r"nobody wrote from eve@example\.net") as refused:
        answer_case(workspace, case_id, "Hello", "maria", to="eve@example.net")
    assert "sam@example.net" in refused.value.remedy


def test_somebody_who_is_no_customer_is_answered_where_they_wrote_from(workspace: Workspace) -> None:
    case_id = complain(workspace, None, sender="zoe@example.org")
    assert mail_of(workspace, answer_case(workspace, case_id, "Hello", "maria"))[0] == "zoe@example.org"


def test_where_no_address_is_known_the_remedy_is_to_note_the_answer(workspace: Workspace) -> None:
    case_id = complain(workspace, None, sender="", handle="@zoe", channel=Channel.MENTION)
    with pytest.raises(UsageError, match="nobody knows") as refused:
        answer_case(workspace, case_id, "Hello", "maria")
    assert f"cases note {case_id} TEXT --answered" in refused.value.remedy
    note_answer(workspace, case_id, "answered in public", "maria")
    assert the_case(workspace, case_id).first_answer_at is not None


def test_nothing_is_sent_without_text_or_in_a_closed_or_unknown_case(workspace: Workspace, ann: int) -> None:
    case_id = complain(workspace, ann)
    with pytest.raises(UsageError, match="no text"):
        answer_case(workspace, case_id, " \n", "maria")
    with pytest.raises(UsageError, match="there is no case 99"):
        answer_case(workspace, 99, "Hello", "maria")
    change_state(workspace, case_id, CaseEvent.DISMISS, "maria")
    with pytest.raises(UsageError, match="dismissed"):
        answer_case(workspace, case_id, "Hello", "maria")
    with workspace.database.read() as session:
        assert session.exec(select(Delivery)).all() == []


def test_an_impossible_move_names_what_is_possible(workspace: Workspace, ann: int) -> None:
    case_id = complain(workspace, ann)
    with pytest.raises(UsageError, match="a case that is new cannot confirm") as refused:
        change_state(workspace, case_id, CaseEvent.CONFIRM, "maria")
    assert "assign, answer, wait, resolve, dismiss" in refused.value.remedy
    assert the_case(workspace, case_id).version == 2


def test_an_answer_that_was_lost_takes_the_first_answer_back_and_reopens(
    workspace: Workspace, ann: int, clock: HandClock
) -> None:
    case_id = complain(workspace, ann)
    delivery_id = answer_case(workspace, case_id, "Hello", "maria")
    change_state(workspace, case_id, CaseEvent.RESOLVE, "maria")
    with workspace.database.write() as session:
        delivery = session.get_one(Delivery, delivery_id)
        delivery.state, delivery.response = DeliveryState.FAILED, "550 5.1.1 no such user"
        session.add(delivery)
    clock.advance(hours=1)
    assert follow_up(workspace)["lost_answers"] == [case_id]
    case = the_case(workspace, case_id)
    assert (case.state, case.first_answer_at) == (CaseState.OPEN, None)
    with workspace.database.read() as session:
        notes = [entry.text for entry in session.exec(select(CaseEntry).where(CaseEntry.kind == EntryKind.NOTE))]
    assert notes == ["this answer did not arrive: 550 5.1.1 no such user"]
    assert follow_up(workspace)["lost_answers"] == [], "told once"


def test_assigning_takes_up_a_case_and_notes_change_nothing(workspace: Workspace, ann: int) -> None:
    case_id = complain(workspace, ann)
    assign_case(workspace, case_id, " maria ", "tom")
    note(workspace, case_id, "called, no answer", "maria")
    case = the_case(workspace, case_id)
    assert (case.owner, case.state, case.first_answer_at) == ("maria", CaseState.OPEN, None)
    with pytest.raises(UsageError, match="name"):
        assign_case(workspace, case_id, " ", "tom")


@pytest.mark.parametrize(
    ("subject", "answer"),
    [
        ("Tips", "Re: Tips"),
        ("Re: Tips", "Re: Tips"),
        ("AW: RE[2]: Sv: Tips", "Re: Tips"),
        ("", "Re: your message"),
        ("Re:", "Re: your message"),
        ("Reason: none", "Re: Reason: none"),
        ("a\r\nBcc: b", "Re: a Bcc: b"),
    ],
)
def test_subjects_get_one_mark_of_reply(subject: str, answer: str) -> None:
    assert answer_subject(subject) == answer


@hypothesis_settings(deadline=1000)
@given(st.sampled_from(["re ", "re:", "re[1", " ", "aw: "]), st.integers(0, 50_000))
def test_subjects_of_strangers_are_read_in_linear_time(part: str, times: int) -> None:
    assert answer_subject(part * times).startswith("Re: ")
