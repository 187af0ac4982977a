"""Automatic replies change the plan: mail waits for who is away; a new address is asked for, never taken over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlmodel import col

from outreach.cli.demo.reply_mail import Voice, as_out_of_office, as_reply
from outreach.plan.holds import judge_away
from outreach.records import Bounce, Customer, Hold, HoldState, Kind, Machine, Step, StepState
from outreach.store.plan import holds_of, lapse_holds
from outreach.work.steps import approve_step, undo_step
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock, MakeCustomer
from .replying import receive, send_newsletter, verdicts


@pytest.fixture
def ann(make_customer: MakeCustomer) -> int:
    return make_customer("ann@example.com", first_name="Ann")


@pytest.fixture
def mail(workspace: Workspace, ann: int, clock: HandClock) -> bytes:
    got = send_newsletter(workspace, [ann])[ann]
    clock.advance(hours=3)
    return got


def away(words: str) -> Voice:
    return Voice("out_of_office", "", "Automatic reply: {}", words)


def steps(workspace: Workspace) -> list[Step]:
    with workspace.database.read() as session:
        return list(session.scalars(select(Step).order_by(col(Step.id))))


def holds(workspace: Workspace, customer_id: int) -> list[Hold]:
    with workspace.database.read() as session:
        return holds_of(session, [customer_id]).get(customer_id, [])


def in_days(workspace: Workspace, days: int) -> str:
    return f"{workspace.clock() + timedelta(days=days):%Y-%m-%d}"


@BOTH
def test_the_next_issue_waits_until_somebody_is_back_and_says_why(workspace: Workspace, ann: int, mail: bytes) -> None:
    with workspace.database.read() as session:
        version = session.get_one(Customer, ann).version
    got = receive(
        workspace, as_out_of_office(away(f"I am away until {in_days(workspace, 3)}."), mail, "ann@example.com")
    )
    assert got.machine is Machine.AUTO_REPLY
    (hold,) = holds(workspace, ann)
    now = workspace.clock()
    late = judge_away(Kind.TIPS, [hold], now, now + timedelta(days=9))
    assert late.later is not None and timedelta(days=3) < late.later - now < timedelta(days=5)
    assert "their automatic reply" in late.evidence
    assert judge_away(Kind.SERVICE, [hold], now, None).allowed, "service mail goes"
    assert judge_away(Kind.NEWS, [hold], now, now + timedelta(days=2)).allowed, "it would be worth nothing by then"
    (step,) = steps(workspace)
    assert (step.rule, step.state) == ("away", StepState.APPLIED)
    assert "I am away until" in step.reason
    assert any("newsletters wait" in reason for reason in verdicts(workspace, got.id or 0)[0].reasons)
    with workspace.database.read() as session:
        assert session.get_one(Customer, ann).version > version, "a mail already claimed is judged again"


def test_it_waits_too_where_the_reply_came_from_the_null_path_and_that_is_no_bounce(
    workspace: Workspace, ann: int, mail: bytes
) -> None:
    """As every mail server files it: the vacation program's envelope was from nobody (RFC 3834, 3.3)."""
    words = away(f"I am away until {in_days(workspace, 3)}.")
    got = receive(workspace, b"Return-Path: <>\r\n" + as_out_of_office(words, mail, "ann@example.com"))
    assert (got.machine, len(holds(workspace, ann))) == (Machine.AUTO_REPLY, 1)
    with workspace.database.read() as session:
        assert session.execute(select(Bounce)).all() == []


def test_a_wait_ends_by_itself_and_can_be_taken_back(
    workspace: Workspace, ann: int, mail: bytes, clock: HandClock
) -> None:
    receive(workspace, as_out_of_office(away(f"Back on {in_days(workspace, 4)}."), mail, "ann@example.com"))
    undo_step(workspace, steps(workspace)[0].id or 0, by="maria")
    assert holds(workspace, ann) == []
    receive(workspace, as_out_of_office(away(f"Back on {in_days(workspace, 5)}!"), mail, "ann@example.com"))
    assert len(holds(workspace, ann)) == 1
    clock.advance(days=6)
    with workspace.database.write() as session:
        assert lapse_holds(session, workspace.clock()) == [ann]
    assert holds(workspace, ann) == []
    assert "the absence is over" in steps(workspace)[-1].what


def test_nobody_waits_for_a_reply_that_proves_nothing(workspace: Workspace, ann: int, mail: bytes) -> None:
    words = f"I am away until {in_days(workspace, 3)}."
    receive(workspace, as_out_of_office(away(words), mail, "eve@elsewhere.example"))
    bare = f"From: ann@example.com\r\nAuto-Submitted: auto-replied\r\nSubject: Away\r\n\r\n{words}\r\n".encode()
    assert receive(workspace, bare).machine is Machine.AUTO_REPLY
    assert (holds(workspace, ann), steps(workspace)) == ([], [])


@BOTH
def test_a_new_address_is_proposed_to_be_asked_for_and_never_taken_over(
    workspace: Workspace, ann: int, mail: bytes
) -> None:
    words = "This mailbox is no longer in use. My new address is ann@new.example."
    receive(workspace, as_out_of_office(away(words), mail, "ann@example.com"))
    receive(workspace, as_out_of_office(away(words + " Bye."), mail, "ann@example.com"))
    (step,) = steps(workspace)
    assert (step.rule, step.state, step.evidence["new_address"]) == (
        "new_address",
        StepState.PROPOSED,
        "ann@new.example",
    )
    assert "ask ann@example.com for the new address" in step.what
    approve_step(workspace, step.id or 0, by="maria")
    with workspace.database.read() as session:
        assert session.get_one(Customer, ann).address == "ann@example.com"
    assert holds(workspace, ann) == []


def test_who_left_is_told_to_a_person(workspace: Workspace, ann: int, mail: bytes) -> None:
    words = "Ann no longer works here. Please write to bob@example.com."
    got = receive(workspace, as_out_of_office(away(words), mail, "ann@example.com"))
    (step,) = steps(workspace)
    assert (step.state, step.evidence["new_address"]) == (StepState.PROPOSED, "")
    assert "has left" in step.reason
    assert any("ask for the new address" in reason for reason in verdicts(workspace, got.id or 0)[0].reasons)


def test_a_persons_new_address_is_proposed_too(workspace: Workspace, ann: int, mail: bytes) -> None:
    voice = Voice("question", "", "", "Hello, my new e-mail address is ann@new.example. Please change it.")
    receive(workspace, as_reply(voice, mail, "Ann <ann@example.com>", style=0))
    assert [step.evidence["new_address"] for step in steps(workspace) if step.rule == "new_address"] == [
        "ann@new.example"
    ]


def test_a_wait_is_a_hold_that_no_person_need_confirm() -> None:
    now = datetime(2026, 12, 1, 10, tzinfo=UTC)
    over = Hold(customer_id=1, scope="away", state=HoldState.SUGGESTED, reason="", since=now, until=now)
    assert judge_away(Kind.NEWS, [over], now, None).allowed
