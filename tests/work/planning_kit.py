"""Rows that the tests of planning need: campaigns, tips, editions, deliveries, cases with their holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from outreach.address import new_public_id
from outreach.plan.steps import Facts, PlanEvent, next_steps
from outreach.records import (
    Campaign,
    Case,
    CaseState,
    Category,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    Kind,
    Tip,
    Urgency,
)
from outreach.settings_calendar import Calendar
from outreach.store.customers import list_id_of
from outreach.store.plan import apply_step
from outreach.work.workspace import Workspace


def with_calendar(workspace: Workspace, **values: Any) -> Workspace:
    """The same workspace with other days on which newsletters go."""
    calendar = Calendar(**workspace.settings.calendar.model_dump() | values)
    return replace(workspace, settings=workspace.settings.model_copy(update={"calendar": calendar}))


def make_campaign(workspace: Workspace, name: str = "tips", kind: Kind = Kind.TIPS, **fields: Any) -> int:
    """A campaign to the list `customers`."""
    now = workspace.clock()
    with workspace.database.write() as session:
        fields.setdefault("list_id", list_id_of(session, "customers"))
        fields.setdefault("subject", f"About {name}")
        campaign = Campaign(name=name, kind=kind, created_at=now, updated_at=now, **fields)
        session.add(campaign)
        session.flush()
        assert campaign.id is not None
        return campaign.id


def make_tip(workspace: Workspace, name: str, *topics: str, position: int = 0, **fields: Any) -> None:
    """A tip for everyone."""
    now = workspace.clock()
    with workspace.database.write() as session:
        session.add(
            Tip(
                name=name,
                topics=list(topics),
                position=position,
                texts={"en": {"title": name, "body": name}},
                created_at=now,
                updated_at=now,
                **fields,
            )
        )


def make_edition(workspace: Workspace, campaign_id: int, occasion: str = "once-1", **fields: Any) -> int:
    """An open edition of a campaign."""
    now = workspace.clock()
    with workspace.database.write() as session:
        campaign = session.get_one(Campaign, campaign_id)
        values: dict[str, Any] = {
            "state": EditionState.OPEN,
            "list_id": campaign.list_id,
            "due_at": now,
            "expires_at": now + timedelta(days=5),
            "frozen_at": now,
        }
        edition = Edition(
            public_id=new_public_id(),
            campaign_id=campaign_id,
            kind=campaign.kind,
            occasion=occasion,
            **values | fields,
        )
        session.add(edition)
        session.flush()
        assert edition.id is not None
        return edition.id


def make_sent(workspace: Workspace, edition_id: int, customer_id: int, at: datetime, *tips: str) -> None:
    """A mail of an edition that this customer was sent."""
    with workspace.database.write() as session:
        edition = session.get_one(Edition, edition_id)
        session.add(
            Delivery(
                public_id=new_public_id(),
                edition_id=edition_id,
                campaign_id=edition.campaign_id,
                occasion=edition.occasion,
                customer_id=customer_id,
                address_key=f"key-{customer_id}",
                kind=edition.kind,
                state=DeliveryState.SENT,
                due_at=at,
                intent_at=at,
                sent_at=at,
                choices={"tips": list(tips)},
            )
        )


def complain(workspace: Workspace, customer_id: int, topic: str = "descaling", *events: PlanEvent) -> int:
    """A case of this customer about `topic`; `events` (by default: a suggested complaint) take effect on the plan."""
    now = workspace.clock()
    with workspace.database.write() as session:
        case = Case(
            customer_id=customer_id,
            category=Category.COMPLAINT,
            topic=topic,
            urgency=Urgency.NORMAL,
            state=CaseState.NEW,
            opened_at=now,
            due_at=now,
        )
        session.add(case)
        session.flush()
        assert case.id is not None
        for event in events or (PlanEvent.COMPLAINT_SUGGESTED,):
            facts = Facts(
                event, case.id, customer_id, now, topics=(topic,), lapses_at=now + timedelta(days=2), by="cues"
            )
            for step in next_steps(facts):
                apply_step(session, step, now)
        return case.id
