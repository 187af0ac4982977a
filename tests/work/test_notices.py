"""Colleagues are told of their cases once, at once or in the morning, by mails in the one outbox."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import select

from outreach.records import Campaign, CaseEvent, Category, Delivery, Edition, Kind, Notice, Urgency
from outreach.work.answer import answer_case, assign_case, change_state
from outreach.work.letter import open_press
from outreach.work.people import add_colleague
from outreach.work.tend import tend_cases
from outreach.work.workspace import Workspace

from ..cases.make import receive
from ..conftest import BOTH, HandClock, MakeCustomer


def join(workspace: Workspace, name: str, **given: str) -> None:
    add_colleague(workspace, name, {"mail": f"{name}@acme.example", **given})


def mails(workspace: Workspace) -> list[dict[str, Any]]:
    """The mails to colleagues so far: to whom, subject and text."""
    with workspace.database.read() as session:
        query = (
            select(Delivery, Edition)
            .join(Edition, Edition.id == Delivery.edition_id)
            .join(Campaign, Campaign.id == Delivery.campaign_id)
            .where(Campaign.name == "_desk")
            .order_by(Delivery.id)
        )
        rows = list(session.exec(query))
        assert all(delivery.kind is Kind.SERVICE for delivery, _ in rows)
        return [{"id": delivery.id, **edition.frozen} for delivery, edition in rows]


def news(workspace: Workspace) -> list[dict[str, Any]]:
    """What tending adds to the mails."""
    before = len(mails(workspace))
    tend_cases(workspace)
    return mails(workspace)[before:]


@BOTH
def test_a_new_case_is_told_once_to_its_owner_or_to_everybody_where_nobody_owns_it(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    join(workspace, "maria")
    join(workspace, "tom")
    ann = make_customer("ann@example.com", first_name="Ann")
    receive(workspace, Category.COMPLAINT, customer_id=ann, topics=("grinder",), text="Too loud!", urgency=Urgency.HIGH)
    told = news(workspace)
    assert {mail["to"] for mail in told} == {"maria@acme.example", "tom@acme.example"}
    mail = told[0]
    assert mail["subject"] == "[Acme] case 1, complaint about grinder: new"
    for words in ("Ann <ann@example.com>", "Too loud!", "urgency high", "Tue 1 Dec 14:00", "cases show 1"):
        assert words in mail["text"], words
    assert news(workspace) == []


def test_several_news_are_one_mail_and_what_i_did_myself_is_no_news(workspace: Workspace) -> None:
    join(workspace, "maria")
    for number in range(3):
        receive(workspace, Category.QUESTION, sender=f"p{number}@example.com")
    assign_case(workspace, 1, "maria", "maria")
    assign_case(workspace, 2, "maria", "eve")
    (mail,) = news(workspace)
    assert mail["subject"] == "[Acme] cases: 3 new, 1 given to you"


def test_an_overdue_case_is_told_once_for_each_due_time(workspace: Workspace, clock: HandClock) -> None:
    join(workspace, "maria")
    receive(workspace, Category.QUESTION)
    news(workspace)
    clock.advance(days=2, minutes=1)
    (mail,) = news(workspace)
    assert "OVERDUE" in mail["text"]
    assert "(overdue)" in mail["text"]
    assert news(workspace) == []
    answer_case(workspace, 1, "We are at it.", "maria")
    assert news(workspace) == []
    clock.advance(days=4, hours=1)
    assert [mail["subject"] for mail in news(workspace)] == ["[Acme] case 1, question: overdue"]


def test_a_case_that_comes_back_is_told_and_one_that_is_closed_meanwhile_is_not(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    join(workspace, "maria")
    ann = make_customer("ann@example.com")
    case_id = receive(workspace, Category.QUESTION, customer_id=ann, topics=("grinder",)) or 0
    news(workspace)
    change_state(workspace, case_id, CaseEvent.WAIT, "maria")
    receive(workspace, Category.QUESTION, customer_id=ann, topics=("grinder",), text="It is the big one.")
    (mail,) = news(workspace)
    assert "COME BACK" in mail["text"]
    receive(workspace, Category.QUESTION, sender="zoe@example.org")
    change_state(workspace, 2, CaseEvent.DISMISS, "eve")
    assert news(workspace) == []
    with workspace.database.read() as session:
        assert all(notice.told_at for notice in session.exec(select(Notice)))


def test_a_digest_comes_in_the_morning_of_a_working_day_in_their_own_zone(
    workspace: Workspace, clock: HandClock
) -> None:
    join(workspace, "maria", tell="digest", zone="America/New_York", hours="9-17")
    receive(workspace, Category.QUESTION, topics=("grinder",))
    assert news(workspace) == [], "10:00 UTC is 5:00 in New York"
    clock.advance(hours=4, minutes=5)
    (mail,) = news(workspace)
    assert mail["subject"] == "[Acme] cases: 1 new"
    assert "YOUR OPEN CASES" not in mail["text"], "the case is nobody's"
    assign_case(workspace, 1, "maria", "eve")
    assert news(workspace) == []
    clock.advance(days=1)
    (mail,) = news(workspace)
    assert "YOUR OPEN CASES" in mail["text"]
    clock.advance(hours=19)
    assert not any("YOUR OPEN CASES" in mail["text"] for mail in news(workspace)), "4 in the morning"
    clock.advance(hours=5)
    news(workspace)
    clock.advance(days=2)
    assert clock().strftime("%A") == "Saturday"
    assert not any("YOUR OPEN CASES" in mail["text"] for mail in news(workspace))


def test_who_wants_no_mail_gets_none_and_an_unknown_owner_is_told_to_everybody(workspace: Workspace) -> None:
    join(workspace, "maria", tell="never")
    join(workspace, "tom")
    receive(workspace, Category.QUESTION)
    assign_case(workspace, 1, "somebody", "eve")
    assert [mail["to"] for mail in news(workspace)] == ["tom@acme.example"]


def test_the_mail_says_that_no_person_wrote_it(workspace: Workspace) -> None:
    join(workspace, "maria")
    receive(workspace, Category.QUESTION)
    (mail,) = news(workspace)
    with workspace.database.read() as session:
        delivery = session.get_one(Delivery, mail["id"])
        press = open_press(session, workspace, delivery.edition_id)
        pressed = press.press(None, delivery.public_id, {}, workspace.clock())
    assert b"\r\nAuto-Submitted: auto-generated\r\n" in pressed.message
    assert b"List-" not in pressed.message
    assert pressed.envelope.recipient == "maria@acme.example"


@pytest.mark.parametrize("text", ["evil\r\nBcc: x@y.example", "\x1b[31mred"])
def test_nothing_that_a_customer_writes_steers_the_mail(workspace: Workspace, text: str) -> None:
    join(workspace, "maria")
    receive(workspace, Category.COMPLAINT, text=text, topics=(text,))
    (mail,) = news(workspace)
    assert not any(char in mail["subject"] for char in "\r\n\x1b")
    assert "\x1b" not in mail["text"]
    assert "\nBcc" not in mail["text"]
