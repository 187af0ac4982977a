"""Doubts settled by a person: only what is in doubt, with who said so, and sent again only while it may still go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from outreach.address import message_id
from outreach.errors import UsageError
from outreach.records import Campaign, CampaignState, Delivery, DeliveryMove, DeliveryState, Edition, EditionState
from outreach.work.history import tell_stories
from outreach.work.resolve import Word, in_doubt, named, resolve
from outreach.work.send import send_open
from outreach.work.workspace import Workspace

from ..servers.fault import CLOSE, FaultServer
from ..store.rows import delivery, lay_edition
from .sending import open_plain_press, with_relay

People = Callable[..., int]


def send(workspace: Workspace, script: dict[str, Any]) -> FaultServer:
    with FaultServer(script) as server:
        send_open(with_relay(workspace, server.port, connections=1), press=open_plain_press)
        return server


@pytest.fixture
def doubted(workspace: Workspace, make_customer: People) -> str:
    """The Message-ID of a mail whose connection broke behind the dot."""
    lay_edition(workspace, [make_customer("ann@example.com", first_name="Ann")])
    send(workspace, {"DOT": CLOSE})
    row = delivery(workspace, 1)
    assert row.state is DeliveryState.IN_DOUBT
    assert row.relay.startswith("127.0.0.1:")
    return message_id(row.public_id, workspace.sender_domain)


def test_sent_by_a_persons_word_keeps_who_said_so(workspace: Workspace, doubted: str) -> None:
    done = resolve(workspace, named(workspace, [doubted]), Word.SENT, because="she called", by="maria")
    assert [one.public_id for one in done.settled] == [delivery(workspace, 1).public_id]
    row = delivery(workspace, 1)
    assert (row.state, row.sent_at, row.evidence) == (
        DeliveryState.SENT,
        row.intent_at,
        "maria says it was sent: she called",
    )
    with workspace.database.read() as session:
        told = session.execute(select(DeliveryMove).order_by(col(DeliveryMove.id))).scalars().all()
    assert [(one.event, one.by) for one in told][1:] == [("evidence_sent", "maria")]
    again = resolve(workspace, named(workspace, [doubted]), Word.FAILED, because="no", by="otto")
    assert again.settled == []
    assert again.left[0][1] == "it is sent, not in doubt"


def test_sent_again_it_keeps_its_message_id_is_counted_and_the_edition_is_open_again(
    workspace: Workspace, doubted: str
) -> None:
    with workspace.database.read() as session:
        assert session.execute(select(col(Edition.state))).scalar() is EditionState.DONE
    resolve(workspace, in_doubt(workspace, "news"), Word.RESEND, because="the queue was lost", by="maria")
    row = delivery(workspace, 1)
    assert (row.state, row.resent) == (DeliveryState.QUEUED, 1)
    server = send(workspace, {})
    assert doubted.encode() in server.taken[0]
    assert delivery(workspace, 1).state is DeliveryState.SENT
    with workspace.database.read() as session:
        assert session.execute(select(col(Edition.state))).scalar() is EditionState.DONE
    [story] = tell_stories(workspace, "ann@example.com", "news")
    assert [line.what for line in story.lines if line.what != "planned"] == [
        "begun",
        "in doubt",
        "to be sent again",
        "handed over",
    ]


def test_a_mail_sent_again_still_tells_when_and_to_whom_it_was_handed_over_first(
    workspace: Workspace, doubted: str
) -> None:
    first = delivery(workspace, 1)
    resolve(workspace, named(workspace, [doubted]), Word.RESEND, because="its queue was lost", by="maria")
    send(workspace, {})
    [story] = tell_stories(workspace, doubted)
    assert [line.what for line in story.lines] == ["planned", "begun", "in doubt", "to be sent again", "handed over"]
    begun, handed = story.lines[1], story.lines[4]
    assert (begun.at, begun.relay) == (first.intent_at, first.relay)
    assert handed.relay == delivery(workspace, 1).relay != first.relay


def test_what_could_no_longer_go_is_not_sent_again(workspace: Workspace, doubted: str, clock: Any) -> None:
    with workspace.database.write() as session:
        session.connection().execute(update(Delivery).values(expires_at=clock.now + timedelta(hours=1)))
    clock.advance(hours=2)
    done = resolve(workspace, named(workspace, ["1"]), Word.RESEND, because="x", by="maria")
    assert "it had to arrive by" in done.left[0][1]
    with workspace.database.write() as session:
        session.connection().execute(update(Campaign).values(state=CampaignState.CANCELLED))
    done = resolve(workspace, named(workspace, ["1"]), Word.RESEND, because="x", by="maria")
    assert "cancelled" in done.left[0][1]
    assert delivery(workspace, 1).state is DeliveryState.IN_DOUBT


def test_a_name_that_is_nobodys_settles_nothing(workspace: Workspace, doubted: str) -> None:
    for name in ("99", "<nothing.o@acme.example>", "ann@example.com", "z" * 26):
        with pytest.raises(UsageError, match="no delivery of ours"):
            named(workspace, [doubted, name])


def test_the_story_of_an_erased_customer_is_told_by_message_id_and_by_the_address_they_had(
    workspace: Workspace, doubted: str
) -> None:
    with workspace.database.write() as session:
        session.connection().execute(update(Delivery).values(customer_id=None, choices={}))
    for what in (doubted, "1", "Ann@Example.com"):
        [story] = tell_stories(workspace, what)
        assert story.row.address == ""
        assert {line.what for line in story.lines} == {"planned", "begun", "in doubt"}
    with pytest.raises(UsageError, match="no mail is known"):
        tell_stories(workspace, "nobody@example.com")
