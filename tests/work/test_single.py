"""Single mails leave by the outbox, once."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable

import pytest
from sqlmodel import select

from outreach.address import domain_key
from outreach.errors import InputError, UsageError
from outreach.records import Campaign, Delivery, DeliveryState, Edition, EditionState, Kind
from outreach.store.campaigns import composed_campaigns
from outreach.store.customers import load_customers
from outreach.work.letter import open_press
from outreach.work.single import queue_single
from outreach.work.workspace import Workspace


def queue(workspace: Workspace, **changes: object) -> int:
    values: dict[str, object] = {
        "kind": Kind.SERVICE,
        "customer_id": None,
        "address": "Bob@Example.com",
        "occasion": "case-1/1",
        "subject": "Re: Your pump",
        "text": "Dear Bob,\nit is mended.\n",
        "in_reply_to": "<1@mail.example>",
        "references": "<0@mail.example> <1@mail.example>",
        "now": workspace.clock(),
    }
    with workspace.database.write() as session:
        return queue_single(session, workspace, **{**values, **changes})  # type: ignore[arg-type]


def test_a_single_mail_is_an_edition_and_a_queued_delivery(workspace: Workspace) -> None:
    delivery_id = queue(workspace)
    with workspace.database.read() as session:
        row = session.get_one(Delivery, delivery_id)
        edition = session.get_one(Edition, row.edition_id)
        assert (row.state, row.kind, row.occasion) == (DeliveryState.QUEUED, Kind.SERVICE, "case-1/1")
        assert row.domain_key == domain_key(workspace.keys, "bob@example.com")
        assert (edition.state, edition.planned) == (EditionState.OPEN, 1) and edition.planned_digest
        assert composed_campaigns(session) == [], "the system's own campaigns are not listed"
        press = open_press(session, workspace, row.edition_id)
    pressed = press.press(None, row.public_id, row.choices, workspace.clock())
    assert pressed.envelope.recipient == "Bob@example.com"
    mail = email.message_from_bytes(pressed.message, policy=email.policy.default)
    assert (mail["Subject"], mail["In-Reply-To"]) == ("Re: Your pump", "<1@mail.example>")
    assert mail.get_content_type() == "text/plain" and "it is mended" in str(mail.get_payload())
    for name in ("List-Id", "List-Unsubscribe", "Precedence", "Auto-Submitted", "Feedback-ID"):
        assert mail[name] is None


def test_the_same_occasion_is_queued_once(workspace: Workspace) -> None:
    first = queue(workspace)
    assert queue(workspace, text="something else") == first
    other = queue(workspace, address="carol@example.com")
    assert other != first and queue(workspace, address="carol@example.com") == other
    assert queue(workspace, occasion="case-1/2") not in (first, other)
    with workspace.database.read() as session:
        assert len(session.exec(select(Campaign)).all()) == 1
        assert len(session.exec(select(Delivery)).all()) == 3


def test_it_goes_to_the_customers_own_address_of_the_day(
    workspace: Workspace, make_customer: Callable[..., int]
) -> None:
    customer = make_customer("new@example.com")
    delivery_id = queue(workspace, customer_id=customer, address="old@example.com")
    with workspace.database.read() as session:
        row = session.get_one(Delivery, delivery_id)
        press = open_press(session, workspace, row.edition_id)
        person = load_customers(session, [customer])[customer]
    assert press.press(person, row.public_id, {}, workspace.clock()).envelope.recipient == "new@example.com"


def test_what_could_not_be_sent_is_refused_before_it_is_queued(workspace: Workspace) -> None:
    with pytest.raises(InputError):
        queue(workspace, address="nobody")
    with pytest.raises(UsageError, match="control character"):
        queue(workspace, subject="Re: x\r\nBcc: y@example.com")
    with pytest.raises(ValueError, match="no single mail"):
        queue(workspace, kind=Kind.NEWS)
    with workspace.database.read() as session:
        assert session.exec(select(Delivery)).all() == []
