"""Editions and deliveries laid by hand, for tests that begin where planning has ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import col

from outreach.address import domain_key, new_public_id
from outreach.delivery.tally import Tally
from outreach.records import Campaign, Customer, Delivery, DeliveryState, Edition, EditionState, Kind, MailingList
from outreach.store.outbox import insert_deliveries
from outreach.work.workspace import Workspace


def lay_edition(
    workspace: Workspace,
    customer_ids: Sequence[int],
    *,
    name: str = "news",
    kind: Kind = Kind.NEWS,
    occasion: str = "once-1",
    due_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> int:
    """An open edition of campaign `name` (made where it is missing) with one queued delivery per customer."""
    now = workspace.clock()
    with workspace.database.write() as session:
        campaign = session.execute(select(Campaign).where(col(Campaign.name) == name)).scalar()
        if campaign is None:
            list_id = session.execute(select(col(MailingList.id)).where(col(MailingList.name) == "customers")).scalar()
            campaign = Campaign(name=name, kind=kind, list_id=list_id, subject="Hello", created_at=now, updated_at=now)
            session.add(campaign)
            session.flush()
        assert campaign.id is not None
        found = session.execute(
            select(col(Customer.id), col(Customer.address_key), col(Customer.address)).where(
                col(Customer.id).in_(customer_ids)
            )
        ).all()
        keys = {row.id: str(row.address_key) for row in found}
        domains = {row.id: domain_key(workspace.keys, str(row.address)) for row in found}
        tally = Tally().add(keys.values())
        edition = Edition(
            public_id=new_public_id(),
            campaign_id=campaign.id,
            kind=kind,
            occasion=occasion,
            state=EditionState.OPEN,
            list_id=campaign.list_id,
            subject="Hello",
            sender="Acme <care@acme.example>",
            due_at=due_at or now,
            frozen_at=now,
            planned_at=now,
            planned=tally.count,
            planned_digest=tally.digest,
        )
        session.add(edition)
        session.flush()
        assert edition.id is not None
        rows: list[dict[str, Any]] = [
            {
                "public_id": new_public_id(),
                "edition_id": edition.id,
                "campaign_id": campaign.id,
                "occasion": occasion,
                "customer_id": customer_id,
                "address_key": keys[customer_id],
                "domain_key": domains[customer_id],
                "kind": kind,
                "due_at": due_at or now,
                "expires_at": expires_at,
            }
            for customer_id in customer_ids
        ]
        insert_deliveries(session, rows)
        return edition.id


def states_of(workspace: Workspace, edition_id: int) -> list[DeliveryState]:
    """The state of each delivery of an edition, in the order of planning."""
    with workspace.database.read() as session:
        query = select(col(Delivery.state)).where(col(Delivery.edition_id) == edition_id).order_by(col(Delivery.id))
        return list(session.execute(query).scalars())


def delivery(workspace: Workspace, delivery_id: int) -> Delivery:
    """One row of the outbox as it stands now."""
    with workspace.database.read() as session:
        found = session.get(Delivery, delivery_id)
        assert found is not None
        return found
