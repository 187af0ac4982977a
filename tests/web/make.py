"""Editions as sending leaves them, written straight into the outbox: no relay is needed to count."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert
from sqlmodel import select

from outreach.address import address_key, new_public_id
from outreach.records import (
    Campaign,
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    Kind,
    MailingList,
    Subscription,
    SubscriptionState,
)
from outreach.work.workspace import Workspace

HTML = '<html><body class="a"><p>Hello</p></body></html>'


def make_people(workspace: Workspace, count: int, *, language: str = "en") -> list[int]:
    """Subscribed customers person0@example.com, …; their ids."""
    now = workspace.clock()
    with workspace.database.write() as session:
        list_id = session.exec(select(MailingList.id).where(MailingList.name == "customers")).one()
        have = len(session.exec(select(Customer.id)).all())
        addresses = [f"person{have + number}@example.com" for number in range(count)]
        people = [
            Customer(
                public_id=new_public_id(),
                address=address,
                address_key=address_key(workspace.keys, address),
                first_name=f"Person {have + number}",
                language=language,
                created_at=now,
                updated_at=now,
            )
            for number, address in enumerate(addresses)
        ]
        session.add_all(people)
        session.flush()
        ids = [person.id for person in people if person.id is not None]
        state = SubscriptionState.SUBSCRIBED
        session.add_all(Subscription(list_id=list_id, customer_id=one, state=state, changed_at=now) for one in ids)
    return ids


def make_edition(
    workspace: Workspace,
    people: Sequence[int],
    *,
    states: Sequence[DeliveryState] = (),
    kind: Kind = Kind.TIPS,
    campaign: str = "tips",
    subject: str = "Three tips for better coffee",
    at: datetime | None = None,
    on_list: bool = True,
) -> tuple[int, list[int]]:
    """An edition to these people; `states` for the first of them, the rest sent. Its id, and the deliveries'."""
    now = at or workspace.clock()
    with workspace.database.write() as session:
        list_id = session.exec(select(MailingList.id).where(MailingList.name == "customers")).one() if on_list else None
        row = session.exec(select(Campaign).where(Campaign.name == campaign)).first()
        if row is None:
            row = Campaign(name=campaign, kind=kind, list_id=list_id, created_at=now, updated_at=now)
            session.add(row)
            session.flush()
        assert row.id is not None
        number = 1 + len(session.exec(select(Edition.id).where(Edition.campaign_id == row.id)).all())
        edition = Edition(
            public_id=new_public_id(),
            campaign_id=row.id,
            kind=kind,
            number=number,
            occasion=f"once-{number}",
            state=EditionState.DONE,
            list_id=list_id,
            subject=subject,
            frozen={"method": "ready", "subject": subject, "text": "Hello", "html": HTML},
            due_at=now,
            frozen_at=now,
            planned_at=now,
            planned=len(people),
        )
        session.add(edition)
        session.flush()
        keys = dict(session.exec(select(Customer.id, Customer.address_key)).all())
        padded = [*states, *([DeliveryState.SENT] * (len(people) - len(states)))]
        rows = [
            {
                "public_id": new_public_id(),
                "edition_id": edition.id,
                "campaign_id": row.id,
                "occasion": edition.occasion,
                "customer_id": person,
                "address_key": keys[person],
                "kind": kind,
                "state": state,
                "choices": {},
                "due_at": now,
                "sent_at": now if state is DeliveryState.SENT else None,
            }
            for person, state in zip(people, padded, strict=True)
        ]
        session.connection().execute(insert(Delivery), rows)
        deliveries = session.exec(select(Delivery.id).where(Delivery.edition_id == edition.id).order_by(Delivery.id))
        assert edition.id is not None
        return edition.id, [one for one in deliveries if one is not None]
