"""What tests of replies share: a newsletter that went out, as the very bytes that its readers got."""

from __future__ import annotations

import mailbox
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session, col

from outreach.records import Delivery, DeliveryState, Inbound, Verdict
from outreach.store.customers import load_customers
from outreach.work.collect import read_stored
from outreach.work.compose import apply_campaign
from outreach.work.letter import open_press
from outreach.work.publish import open_occasion
from outreach.work.take import take_in
from outreach.work.workspace import Workspace

CAMPAIGN = """---
name: news
subject: News from the workshop
template: news
list: customers
kind: news
---
Hello {{ first_name or "there" }},

the amber light comes on after about sixty litres of water. From that moment you have some twenty good cups left;
after that, scale narrows the pipes, the pump gets loud, and shots turn thin.

Have a look at the [new grinder](https://acme.example/grinder), which is quieter than the old one by half.
"""


def send_newsletter(workspace: Workspace, customer_ids: Sequence[int]) -> dict[int, bytes]:
    """Each customer's mail as it was received: the delivery is sent, Return-Path and Delivered-To stand on top."""
    path = workspace.root / "news.md"
    path.write_text(CAMPAIGN, encoding="utf-8")
    apply_campaign(workspace, path)
    edition_id = open_occasion(workspace, "news")
    mails: dict[int, bytes] = {}
    now = workspace.clock()
    with workspace.database.write() as session:
        press = open_press(session, workspace, edition_id)
        people = load_customers(session, customer_ids)
        query = select(col(Delivery.id), col(Delivery.public_id), col(Delivery.customer_id), col(Delivery.choices))
        for _, public_id, customer_id, choices in session.execute(
            query.where(col(Delivery.edition_id) == edition_id)
        ).all():
            pressed = press.press(people[customer_id], public_id, choices, now)
            envelope = pressed.envelope
            top = f"Return-Path: <{envelope.reverse_path}>\r\nDelivered-To: {envelope.recipient}\r\n"
            mails[customer_id] = top.encode() + pressed.message
        session.connection().execute(
            update(Delivery)
            .where(col(Delivery.edition_id) == edition_id)
            .values(state=DeliveryState.SENT, sent_at=now, intent_at=now, settled_at=now)
        )
    return mails


def receive(workspace: Workspace, raw: bytes, **more: Any) -> Inbound:
    """Take in and read one message."""
    inbound_id = take_in(workspace, raw, **more)
    assert inbound_id is not None
    read_stored(workspace)
    return inbound(workspace, inbound_id)


def inbound(workspace: Workspace, inbound_id: int) -> Inbound:
    with workspace.database.read() as session:
        return session.get_one(Inbound, inbound_id)


def inbounds(session: Session) -> list[Inbound]:
    return list(session.execute(select(Inbound).order_by(col(Inbound.id))).scalars())


def verdicts(workspace: Workspace, inbound_id: int) -> list[Verdict]:
    with workspace.database.read() as session:
        query = select(Verdict).where(col(Verdict.inbound_id) == inbound_id).order_by(col(Verdict.id))
        return list(session.execute(query).scalars())


def delivery_of(workspace: Workspace, customer_id: int) -> Delivery:
    with workspace.database.read() as session:
        return session.execute(select(Delivery).where(col(Delivery.customer_id) == customer_id)).scalars().one()


def drop_in(folder: Path, *raws: bytes) -> None:
    """File mails in a Maildir, as a mail server does."""
    box = mailbox.Maildir(folder, create=True)
    for raw in raws:
        box.add(raw)
