"""What the tests of cases share: messages as `replies` leaves them, without a mailbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from outreach.address import new_public_id
from outreach.records import (
    Category,
    Channel,
    Inbound,
    InboundState,
    Machine,
    Urgency,
    Verdict,
)
from outreach.work.follow_up import after_inbound
from outreach.work.workspace import Workspace


def write_inbound(
    workspace: Workspace,
    category: Category | None,
    *,
    customer_id: int | None = None,
    sender: str = "ann@example.com",
    text: str = "It does not work.",
    topics: tuple[str, ...] = (),
    urgency: Urgency = Urgency.NORMAL,
    machine: Machine = Machine.HUMAN,
    at: datetime | None = None,
    **fields: Any,
) -> int:
    """An inbound that was read and judged by the cues; its id."""
    now = at or workspace.clock()
    public_id = new_public_id()
    with workspace.database.write() as session:
        inbound = Inbound(
            public_id=public_id,
            channel=fields.pop("channel", Channel.EMAIL),
            state=InboundState.READ,
            received_at=now,
            stored_at=now,
            content_hash=public_id,
            raw=text.encode(),
            message_id=fields.pop("message_id", f"<{public_id}@example.com>"),
            sender=sender,
            subject=fields.pop("subject", "Re: Tips"),
            text=text,
            machine=machine,
            customer_id=customer_id,
            category=category,
            topics=list(topics),
            urgency=urgency,
            **fields,
        )
        session.add(inbound)
        session.flush()
        assert inbound.id is not None
        if category is not None:
            session.add(
                Verdict(
                    inbound_id=inbound.id,
                    at=now,
                    by="cues",
                    category=category,
                    topics=list(topics),
                    urgency=urgency,
                    confidence=0.9,
                    reasons=["does not work"],
                )
            )
        return inbound.id


def follow(workspace: Workspace, inbound_id: int) -> int | None:
    """What `replies` does with it next; the case's id."""
    with workspace.database.write() as session:
        return after_inbound(session, workspace, session.get_one(Inbound, inbound_id), workspace.clock())


def receive(workspace: Workspace, category: Category | None, **fields: Any) -> int | None:
    """A message comes in and is followed up; the case's id."""
    return follow(workspace, write_inbound(workspace, category, **fields))


def review(workspace: Workspace, inbound_id: int, category: Category, *, by: str = "maria", **fields: Any) -> None:
    """A person's verdict, as `replies review` writes it, without what follows from it."""
    now = workspace.clock()
    with workspace.database.write() as session:
        inbound = session.get_one(Inbound, inbound_id)
        inbound.category = category
        inbound.topics = list(fields.get("topics", inbound.topics))
        inbound.urgency = fields.get("urgency", inbound.urgency)
        inbound.reviewed_at = now
        session.add(inbound)
        session.add(
            Verdict(
                inbound_id=inbound_id,
                at=now,
                by=by,
                category=category,
                topics=inbound.topics,
                urgency=inbound.urgency,
                reasons=["read by a person"],
            )
        )
