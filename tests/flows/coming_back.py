"""What comes back to a newsletter: bounces of every kind and abuse reports, filed in a real Maildir and read."""

from __future__ import annotations

from collections.abc import Iterable
from email.message import Message
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from outreach.address import address_key, canonical_address, new_public_id
from outreach.cli.demo.reply_mail import as_bounce
from outreach.records import Customer, Delivery, MailingList, Subscription, SubscriptionState
from outreach.store.bulk import insert_rows
from outreach.store.customers import load_customers
from outreach.work.collect import CollectCounts, collect
from outreach.work.letter import open_press
from outreach.work.workspace import Workspace

from ..work.replying import drop_in

CAMPAIGN = """---
name: news
subject: News from the workshop
template: news
list: customers
kind: news
{more}---
Hello {{{{ first_name or "there" }}}},

the amber light comes on after about sixty litres of water.
"""


def add_people(workspace: Workspace, addresses: Iterable[str]) -> None:
    """Customers of the list `customers`, many at once."""
    now = workspace.clock()
    people = [
        {
            "public_id": new_public_id(),
            "address": canonical_address(address),
            "address_key": address_key(workspace.keys, canonical_address(address)),
            "attributes": {},
            "version": 1,
            "created_at": now,
            "updated_at": now,
        }
        for address in addresses
    ]
    with workspace.database.write() as session:
        insert_rows(session, Customer, people)
        list_id = session.execute(select(col(MailingList.id)).where(col(MailingList.name) == "customers")).scalar_one()
        ids = session.execute(select(col(Customer.id)).order_by(col(Customer.id))).scalars().all()
        tie = {"list_id": list_id, "state": SubscriptionState.SUBSCRIBED, "changed_at": now}
        insert_rows(session, Subscription, [{"customer_id": one, **tie} for one in ids], keep_existing=True)


def write_campaign(workspace: Workspace, more: str = "") -> Path:
    """The campaign `news` as a file; `more` are further lines of its front matter."""
    path = workspace.root / "news.md"
    path.write_text(CAMPAIGN.format(more=more), encoding="utf-8")
    return path


def mails_of(workspace: Workspace, edition_id: int, *states: Any) -> dict[str, bytes]:
    """The mails of an edition as their readers got them, by address: rendered again, which gives the same."""
    now = workspace.clock()
    with workspace.database.read() as session:
        press = open_press(session, workspace, edition_id)
        query = select(col(Delivery.public_id), col(Delivery.customer_id), col(Delivery.choices)).where(
            col(Delivery.edition_id) == edition_id, col(Delivery.state).in_(states)
        )
        rows = session.execute(query.order_by(col(Delivery.customer_id))).all()
        people = load_customers(session, [row.customer_id for row in rows])
        mails = {}
        for public_id, customer_id, choices in rows:
            pressed = press.press(people[customer_id], public_id, choices, now)
            envelope = pressed.envelope
            top = f"Return-Path: <{envelope.reverse_path}>\r\nDelivered-To: {envelope.recipient}\r\n"
            mails[envelope.recipient] = top.encode() + pressed.message
    return mails


def come_back(workspace: Workspace, raws: Iterable[bytes]) -> CollectCounts:
    """File these in the workspace's Maildir, as its mail server would, and read them."""
    drop_in(workspace.root / "inbox", *raws)
    return collect(workspace)


def bounce(mail: bytes, code: str, words: str) -> bytes:
    """A delivery status notification with this enhanced code and these words."""
    return as_bounce(mail, status=code, said=f"{550 if code[0] == '5' else 450} {code} {words}")


def plain_bounce(mail: bytes, words: str) -> bytes:
    """A bounce as qmail writes it: no report, a few sentences, to the reverse-path."""
    head = Message()
    path, recipient = (line.partition(b": ")[2].decode().strip("<>") for line in mail.splitlines()[:2])
    head["From"], head["To"] = "MAILER-DAEMON@mx.far.example", path
    head["Subject"], head["Message-ID"] = "failure notice", f"<{new_public_id()}@mx.far.example>"
    head.set_payload(
        "Hi. This is the qmail-send program at mx.far.example.\nI'm afraid I wasn't able to deliver your message to "
        f"the following addresses.\nThis is a permanent error; I've given up. Sorry.\n\n<{recipient}>:\n"
        f"{words}\n\n--- Below this line is a copy of the message.\n\nMessage removed\n"
    )
    return head.as_bytes()
