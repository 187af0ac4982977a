"""Where a workspace turns it on, a new case is acknowledged once, and no person gets two a day."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlmodel import select

from outreach.records import Campaign, Case, Delivery, Edition
from outreach.store.cases import entries_of
from outreach.work.answer import assign_case
from outreach.work.letter import open_press
from outreach.work.people import add_colleague
from outreach.work.ready import keep_answer
from outreach.work.workspace import Workspace

from ..conftest import HandClock, MakeCustomer
from .replying import receive


@pytest.fixture
def polite(workspace: Workspace) -> Workspace:
    cases = workspace.settings.cases.model_copy(update={"acknowledge": True})
    return replace(workspace, settings=workspace.settings.model_copy(update={"cases": cases}))


def mail(number: int, text: str = "The grinder is broken.", *headers: str, sender: str = "ann@example.com") -> bytes:
    head = [
        f"From: {sender}",
        "To: care@acme.example",
        f"Subject: Trouble {number}",
        f"Message-ID: <m{number}@x.example>",
    ]
    return "\r\n".join([*head, *headers, "", text]).encode()


def sent(workspace: Workspace) -> list[dict[str, Any]]:
    with workspace.database.read() as session:
        query = (
            select(Edition, Delivery.id)
            .join(Delivery, Delivery.edition_id == Edition.id)
            .join(Campaign, Campaign.id == Delivery.campaign_id)
            .where(Campaign.name == "_acknowledge")
        )
        return [{"delivery": delivery, **edition.frozen} for edition, delivery in session.exec(query)]


def test_a_new_case_is_acknowledged_below_the_mail_and_marked_as_a_machines(polite: Workspace) -> None:
    receive(polite, mail(1))
    (told,) = sent(polite)
    assert (told["to"], told["subject"], told["in_reply_to"]) == ("ann@example.com", "Re: Trouble 1", "<m1@x.example>")
    assert "our case 1" in told["text"]
    with polite.database.read() as session:
        delivery = session.get_one(Delivery, told["delivery"])
        pressed = open_press(session, polite, delivery.edition_id).press(None, delivery.public_id, {}, polite.clock())
        case = session.get_one(Case, 1)
        assert (case.first_answer_at, case.answered_at) == (None, None), "it is no answer"
        assert entries_of(session, 1)[-1].kind == "acknowledgement"
    assert b"\r\nAuto-Submitted: auto-replied\r\n" in pressed.message
    assert b"\r\nIn-Reply-To: <m1@x.example>\r\n" in pressed.message


def test_giving_the_case_to_somebody_with_other_hours_keeps_the_time_that_the_customer_was_told(
    polite: Workspace,
) -> None:
    receive(polite, mail(1))
    with polite.database.read() as session:
        told = session.get_one(Case, 1).due_at
    add_colleague(polite, "maria", {"mail": "maria@acme.example", "hours": "9-10"})
    assign_case(polite, 1, "maria", "eve")
    with polite.database.read() as session:
        assert session.get_one(Case, 1).due_at == told


def test_one_person_gets_one_a_day_and_a_further_message_in_a_case_none(
    polite: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    make_customer("ann@example.com")
    receive(polite, mail(1, "The descaling light blinks. I am annoyed."))
    receive(polite, mail(2, "My invoice is wrong, I was charged twice!"))
    assert len(sent(polite)) == 1
    clock.advance(days=1, minutes=1)
    receive(polite, mail(3, "The parcel never arrived. Where is my order?"))
    assert len(sent(polite)) == 2


@pytest.mark.parametrize(
    "headers",
    [
        ("Auto-Submitted: auto-replied",),
        ("Precedence: bulk",),
        ("Return-Path: <>",),
        ("List-Id: <x.example>",),
        ("X-Auto-Response-Suppress: All",),
    ],
)
def test_machines_are_not(polite: Workspace, headers: tuple[str, ...]) -> None:
    receive(polite, mail(1, "The grinder is broken.", *headers))
    assert sent(polite) == []


def test_it_is_off_unless_it_is_turned_on_and_old_mail_gets_none(
    workspace: Workspace, polite: Workspace, clock: HandClock
) -> None:
    receive(workspace, mail(1))
    old = clock()
    clock.advance(days=2)
    receive(polite, mail(2, sender="zoe@example.org"), received_at=old)
    assert sent(workspace) == []


def test_an_answer_kept_ready_gives_its_words_and_the_usual_ones_where_it_cannot(polite: Workspace) -> None:
    keep_answer(polite, "acknowledgement", "Case {{ case }}: we answer by {{ due }}.", "maria")
    receive(polite, mail(1))
    assert sent(polite)[0]["text"].startswith("Case 1: we answer by ")
    keep_answer(polite, "acknowledgement", "Dear {{ first_name }}", "maria")
    receive(polite, mail(2, sender="zoe@example.org"))
    assert sent(polite)[1]["text"].startswith("Thank you")
