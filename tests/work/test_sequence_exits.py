"""Whoever leaves a sequence while its mail for them waits: put off by their budget, a pause, quiet hours."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlmodel import col, update

from outreach.records import Delivery, DeliveryState, EnrolmentState, Goal
from outreach.work.sequences import follow_sequences
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock
from .test_seminars import SEMINAR, guest_to_remind, offer
from .test_sequences import HELLO, TIPS, join, mails, start, where

MakeCustomer = Callable[..., int]


def put_off(workspace: Workspace, days: int) -> None:
    """The mails that wait are to go so many days later, as those of whoever is over their budget."""
    later = workspace.clock() + timedelta(days=days)
    with workspace.database.write() as session:
        session.execute(update(Delivery).where(col(Delivery.state) == DeliveryState.QUEUED).values(next_at=later))


@BOTH
def test_whoever_has_bought_is_not_asked_to_by_a_mail_that_was_put_off(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    start(workspace, HELLO, TIPS, exits="[goal order]")
    ann, bob = (make_customer(f"{name}@example.com", subscribed=None) for name in ("ann", "bob"))
    for person in (ann, bob):
        join(workspace, person)
    assert follow_sequences(workspace).mailed == 2
    put_off(workspace, 3)
    clock.advance(hours=2)
    follow_sequences(workspace)
    with workspace.database.write() as session:
        session.add(Goal(customer_id=ann, name="order", at=workspace.clock(), key="1"))
    clock.advance(minutes=1)
    assert follow_sequences(workspace).left == 1
    assert sorted(mails(workspace)) == [("hello", "signup", "cancelled"), ("hello", "signup", "queued")]
    assert where(workspace) == [
        (EnrolmentState.LEFT, "goal order"),
        (EnrolmentState.GOING, "its last mail is still on its way"),
    ]


@BOTH
def test_no_reminder_that_waits_goes_once_its_session_is_off(
    workspace: Workspace, clock: HandClock, make_customer: MakeCustomer
) -> None:
    guest_to_remind(workspace, make_customer)
    follow_sequences(workspace)
    clock.now = datetime(2026, 12, 9, 9, 1, tzinfo=UTC)
    assert follow_sequences(workspace).mailed == 1
    offer(workspace, text=SEMINAR.replace("  evening: {evening}\n", ""))
    clock.advance(minutes=1)
    assert follow_sequences(workspace).left == 1
    assert [state for step, _, state in mails(workspace) if step == "mail"] == ["cancelled"]
