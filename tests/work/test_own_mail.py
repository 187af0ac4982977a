"""What one of us wrote in a mail program counts as an answer in its case, and never opens one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from outreach.address import sign_token, tagged_address
from outreach.records import Campaign, Case, CaseEvent, CaseState, Category, Delivery, EntryKind, Inbound, Machine
from outreach.settings import MailboxSettings
from outreach.store.cases import entries_of
from outreach.work.answer import change_state
from outreach.work.collect import collect
from outreach.work.people import add_colleague
from outreach.work.tend import tend_cases
from outreach.work.workspace import Workspace

from ..conftest import HandClock, MakeCustomer
from .replying import drop_in, receive

COMPLAINT = b"""\
From: Ann <ann@example.com>
To: care@acme.example
Subject: My grinder
Message-ID: <one@example.com>
Date: Tue, 01 Dec 2026 10:00:00 +0000

The grinder is broken and I want my money back.
"""


def answer(
    sender: str = "maria@acme.example",
    to: str = "Ann <ann@example.com>, care@acme.example",
    thread: str = "<one@example.com>",
    number: str = "a",
    **headers: str,
) -> bytes:
    lines = [f"From: Maria <{sender}>", f"To: {to}", "Subject: Re: My grinder", f"Message-ID: <{number}@maria.example>"]
    lines += ["Date: Tue, 01 Dec 2026 12:00:00 +0000"]
    lines += [f"In-Reply-To: {thread}"] if thread else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    body = "Dear Ann,\nwe will refund it by Friday.\n\n> The grinder is broken and I want my money back.\n"
    return ("\n".join(lines) + "\n\n" + body).encode()


@pytest.fixture
def desk(workspace: Workspace, make_customer: MakeCustomer, clock: HandClock) -> Workspace:
    """Ann's complaint is case 1; maria is a colleague; it is 13:00."""
    make_customer("ann@example.com", first_name="Ann")
    add_colleague(workspace, "maria", {"mail": "maria@acme.example"})
    assert receive(workspace, COMPLAINT).case_id == 1
    clock.advance(hours=3)
    return workspace


def the_case(workspace: Workspace, case_id: int = 1) -> Case:
    with workspace.database.read() as session:
        return session.get_one(Case, case_id)


def answers(workspace: Workspace) -> list[tuple[str, str]]:
    with workspace.database.read() as session:
        return [(entry.by, entry.text) for entry in entries_of(session, 1) if entry.kind is EntryKind.ANSWER]


def cases(workspace: Workspace) -> int:
    with workspace.database.read() as session:
        return len(session.exec(select(Case.id)).all())


def test_a_copy_of_an_answer_stops_the_clock_at_the_time_when_it_was_written(desk: Workspace, clock: HandClock) -> None:
    inbound = receive(desk, answer())
    case = the_case(desk)
    assert (case.state, case.first_answer_at) == (CaseState.OPEN, clock() - timedelta(hours=1))
    assert answers(desk) == [("maria", "Dear Ann,\nwe will refund it by Friday.")]
    assert (inbound.machine, inbound.case_id, inbound.customer_id) == (Machine.COLLEAGUE, None, None)
    assert cases(desk) == 1


@pytest.mark.parametrize(
    ("mail", "why"),
    [
        (answer(sender="eve@example.net"), "From is nobody of ours"),
        (answer(thread=""), "it hangs below nothing that Ann wrote"),
        (answer(thread="<other@example.com>"), "it hangs below something else"),
        (answer(to="zoe@example.org, care@acme.example"), "it does not go to Ann"),
        (answer(Auto_Submitted="auto-replied"), "a machine wrote it"),
    ],
)
def test_what_is_no_answer_of_ours_to_the_customer_does_not_stop_the_clock(
    desk: Workspace, mail: bytes, why: str
) -> None:
    receive(desk, mail)
    assert the_case(desk).first_answer_at is None, why


def test_the_customers_next_mail_below_a_colleagues_answer_comes_into_the_same_case(desk: Workspace) -> None:
    receive(desk, answer())
    again = COMPLAINT.replace(b"<one@", b"<two@").replace(b"grinder is broken", b"refund has not come")
    again = again.replace(b"Date:", b"In-Reply-To: <a@maria.example>\nDate:")
    assert receive(desk, again).case_id == 1


def sent_box(workspace: Workspace) -> tuple[Workspace, Path]:
    box = MailboxSettings.model_validate({"name": "sent", "kind": "maildir", "path": "sent", "sent": True})
    replies = workspace.settings.replies.model_copy(update={"mailboxes": (box,)})
    folder = workspace.root / "sent" / ".Sent"
    drop_in(folder.parent)
    drop_in(folder)
    return replace(workspace, settings=workspace.settings.model_copy(update={"replies": replies})), folder


def test_of_a_sent_folder_answers_count_and_nothing_else_is_kept(desk: Workspace) -> None:
    place, folder = sent_box(desk)
    private = answer(to="mum@example.org", thread="", number="p")
    fresh = answer(thread="", number="f")
    drop_in(folder, private, fresh, answer(number="f"))
    counts = collect(place)
    assert counts.stored == 2
    assert [by for by, _ in answers(desk)] == ["maria"], "the same mail twice is one answer"
    with desk.database.read() as session:
        assert not [one for one in session.exec(select(Inbound)) if b"mum@example.org" in one.raw]
    assert (collect(place).stored, len(answers(desk))) == (0, 1)


def test_a_sent_folder_is_looked_for_by_its_name_and_does_not_make_holds_blind(desk: Workspace) -> None:
    box = MailboxSettings.model_validate({"name": "sent", "kind": "imap", "host": "h", "sent": True})
    assert box.folders == ("Sent",)


def test_answering_a_notice_leaves_a_note_and_no_case(desk: Workspace) -> None:
    tend_cases(desk)
    with desk.database.read() as session:
        query = select(Delivery).join(Campaign, Campaign.id == Delivery.campaign_id).where(Campaign.name == "_desk")
        delivery = session.exec(query).one()
    to = tagged_address("care@acme.example", sign_token(desk.keys, "reply", delivery.public_id))
    inbound = receive(desk, answer(to=to, thread=""))
    assert inbound.machine is Machine.COLLEAGUE
    with desk.database.read() as session:
        note = entries_of(session, 1)[-1]
    assert (note.kind, note.by, note.text) == (EntryKind.NOTE, "Maria", "Dear Ann,\nwe will refund it by Friday.")
    assert (cases(desk), the_case(desk).first_answer_at) == (1, None)


def test_a_closed_case_gets_a_note(desk: Workspace) -> None:
    change_state(desk, 1, CaseEvent.DISMISS, "maria")
    receive(desk, answer())
    assert answers(desk) == []
    assert the_case(desk).state is CaseState.DISMISSED
    assert Category.COMPLAINT is the_case(desk).category
