"""What a relay's trouble does to deliveries, all the way through sending: the state, the reason, and when next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import col

from outreach.errors import RelayError
from outreach.records import (
    Customer,
    Delivery,
    DeliveryMove,
    DeliveryState,
    Edition,
    EditionState,
    FailureClass,
    Kind,
    Suppression,
    SuppressionReason,
)
from outreach.work.send import SendCounts, send_open
from outreach.work.single import queue_single
from outreach.work.workspace import Workspace

from ..servers.fault import CLOSE, HANG, FaultServer
from ..store.rows import delivery, lay_edition, states_of
from .sending import open_plain_press, with_relay

People = Callable[..., int]


@pytest.fixture
def ann(workspace: Workspace, make_customer: People) -> int:
    return lay_edition(workspace, [make_customer("ann@example.com", first_name="Ann")])


def send(workspace: Workspace, script: Mapping[str, Any], **relay: Any) -> tuple[SendCounts, FaultServer]:
    with FaultServer(script) as server:
        relay = {"connections": 1, "dot_timeout": 0.5, "reply_timeout": 2.0, "connect_timeout": 2.0} | relay
        return send_open(with_relay(workspace, server.port, **relay), press=open_plain_press), server


def test_a_refused_recipient_fails_with_the_relays_words_and_the_address_is_suppressed(
    workspace: Workspace, ann: int
) -> None:
    counts, server = send(workspace, {"RCPT": b"550 5.1.1 No such user here\r\n"})
    row = delivery(workspace, 1)
    assert (counts.failed, row.state, row.failure) == (1, DeliveryState.FAILED, FailureClass.BAD_ADDRESS)
    assert row.response == "550 5.1.1 No such user here"
    assert (row.attempts, row.intent_at) == (1, None)
    assert server.dots == 0
    with workspace.database.read() as session:
        suppressed = session.execute(select(Suppression)).scalar_one()
        version = session.execute(select(col(Customer.version))).scalar_one()
    assert suppressed.reason is SuppressionReason.BAD_ADDRESS
    assert "No such user" in suppressed.evidence
    assert version > 1, "whatever else is claimed for this person must be judged again"


def test_a_refusal_of_policy_fails_the_mail_and_suppresses_nobody(workspace: Workspace, ann: int) -> None:
    send(workspace, {"DOT": b"550 5.7.1 Message looks like spam\r\n"})
    assert delivery(workspace, 1).failure is FailureClass.REFUSED
    with workspace.database.read() as session:
        assert session.execute(select(Suppression)).all() == []


@pytest.mark.parametrize("verb", ["RCPT", "DOT"])
def test_a_temporary_refusal_is_tried_again_at_its_time_with_the_same_message_id(
    workspace: Workspace, ann: int, clock: Any, verb: str
) -> None:
    counts, _ = send(workspace, {verb: b"450 4.2.1 Mailbox busy\r\n"})
    row = delivery(workspace, 1)
    assert (counts.deferred, row.state, row.attempts) == (1, DeliveryState.DEFERRED, 1)
    assert row.next_at is not None and row.next_at > workspace.clock()
    assert send(workspace, {})[0].total == 0
    clock.advance(hours=1)
    counts, server = send(workspace, {})
    assert counts.sent == 1
    assert row.public_id.encode() in server.taken[0]
    row = delivery(workspace, 1)
    assert (row.attempts, row.fence, row.failure) == (2, 2, None)


@pytest.mark.parametrize("action", [CLOSE, HANG, b"what?\r\n", b"354 go on\r\n"])
def test_no_clear_answer_after_the_dot_is_in_doubt_and_never_sent_again(
    workspace: Workspace, ann: int, clock: Any, action: Any
) -> None:
    counts, server = send(workspace, {"DOT": action})
    row = delivery(workspace, 1)
    assert (counts.in_doubt, row.state, server.dots) == (1, DeliveryState.IN_DOUBT, 1)
    assert "final dot" in row.evidence
    clock.advance(days=1)
    assert send(workspace, {})[0].total == 0
    with workspace.database.read() as session:
        [told] = session.execute(select(DeliveryMove)).scalars()
        assert session.get_one(Edition, ann).state is EditionState.DONE
    assert (told.event, told.after) == ("unknown", DeliveryState.IN_DOUBT)


def test_a_connection_lost_before_the_dot_is_tried_again_at_once(workspace: Workspace, ann: int) -> None:
    counts, server = send(workspace, {"MAIL": [CLOSE, b"250 2.1.0 Ok\r\n"]})
    assert (counts.sent, server.connections, server.dots) == (1, 2, 1)


def test_a_relay_that_closes_for_a_moment_is_waited_for(workspace: Workspace, ann: int) -> None:
    counts, server = send(workspace, {"CONNECT": [b"421 4.3.2 Closing\r\n", b"220 fault.test\r\n"]})
    assert (counts.sent, server.connections) == (1, 2)
    assert delivery(workspace, 1).attempts == 1


def test_a_relay_that_refuses_our_sender_stops_everything_and_fails_nobody(
    workspace: Workspace, make_customer: People
) -> None:
    edition = lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(5)])
    with pytest.raises(RelayError, match="refused the sender") as told:
        send(workspace, {"MAIL": b"550 5.7.1 Sender not allowed\r\n"})
    assert "identity.sender" in told.value.remedy
    assert states_of(workspace, edition) == [DeliveryState.QUEUED] * 5


def test_a_connection_is_renewed_after_its_share_of_mails(workspace: Workspace, make_customer: People) -> None:
    lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(7)])
    counts, server = send(workspace, {}, messages_per_connection=3)
    assert (counts.sent, server.connections) == (7, 3)
    assert sum(line == "QUIT" for line in server.heard) == 3


def test_one_refused_recipient_does_not_cost_the_others_their_mail(workspace: Workspace, make_customer: People) -> None:
    edition = lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(3)])
    taken = b"250 2.1.5 Ok\r\n"
    counts, server = send(workspace, {"RCPT": [taken, b"550 5.1.1 Unknown\r\n", taken]})
    assert (counts.sent, counts.failed) == (2, 1)
    assert sorted(states_of(workspace, edition)) == ["failed", "sent", "sent"]
    assert len(server.taken) == 2


def test_a_single_mail_to_a_colleague_leaves_through_the_same_outbox(workspace: Workspace) -> None:
    with workspace.database.write() as session:
        row = queue_single(
            session,
            workspace,
            kind=Kind.TEST,
            customer_id=None,
            address="me@acme.example",
            occasion="test-1",
            subject="A test",
            text="Hello\n",
            now=workspace.clock(),
        )
    with FaultServer() as server:
        counts = send_open(with_relay(workspace, server.port, connections=2))
    assert (counts.sent, len(counts.finished)) == (1, 1)
    assert b"To: me@acme.example" in server.taken[0]
    assert delivery(workspace, row).state is DeliveryState.SENT
    with workspace.database.read() as session:
        assert session.execute(select(col(Delivery.response))).scalar() == "250 2.0.0 Ok: taken"


def test_a_mail_that_always_loses_its_connection_waits_in_the_end(workspace: Workspace, ann: int) -> None:
    _, server = send(workspace, {"DATA": CLOSE})
    row = delivery(workspace, 1)
    assert (row.state, row.attempts, server.dots) == (DeliveryState.QUEUED, 4, 0)
    assert row.next_at is not None and row.next_at > workspace.clock()
    assert row.reason == "the connection was lost"
