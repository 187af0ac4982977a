"""Single mails: an answer in a case, a confirmation, a test. They leave by the same outbox as every other mail.

Law: one edition and one delivery each; the same occasion is queued once, however often it is asked for (I1).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from ..address import address_key, canonical_address, new_public_id
from ..delivery.tally import people_digest
from ..errors import TemplateError, UsageError
from ..newsletter.headers import checked
from ..records import Delivery, EditionState, Kind
from ..store.campaigns import add_single, has_edition, system_campaign
from ..store.outbox import insert_deliveries
from .letter import READY
from .workspace import Workspace

CAMPAIGNS = {Kind.SERVICE: "_service", Kind.TEST: "_test"}


def queue_single(
    session: Session,
    workspace: Workspace,
    *,
    kind: Kind,
    customer_id: int | None,
    address: str,
    occasion: str,
    subject: str,
    text: str,
    in_reply_to: str = "",
    references: str = "",
    now: datetime,
    sender: str = "",
    public_id: str = "",
    content: Mapping[str, Any] | None = None,
) -> int:
    """Queue one mail; the delivery's id, also where this occasion was queued before.

    With a customer it goes to the customer's own address at the time of sending, else to `address`. `content` adds
    to what is frozen: html, assets, list, bulk. Raises InputError for a bad address, UsageError for a bad header.
    """
    if kind not in CAMPAIGNS:
        raise ValueError(f"{kind} is no single mail")
    canonical = canonical_address(address)
    try:
        for name, value in (("Subject", subject), ("In-Reply-To", in_reply_to), ("References", references)):
            checked(name, value)
    except TemplateError as wrong:
        raise UsageError(wrong.message, remedy=wrong.remedy) from None
    campaign_id = system_campaign(session, CAMPAIGNS[kind], kind, now)
    key = address_key(workspace.keys, canonical)
    found = _delivery(session, campaign_id, occasion, key)
    if found is None and has_edition(session, campaign_id, occasion):
        occasion = f"{occasion}/{key[:10]}"
        found = _delivery(session, campaign_id, occasion, key)
    if found is not None:
        return found
    expires = now + timedelta(days=workspace.settings.sending.expires_days)
    edition_id = add_single(
        session,
        {
            "public_id": new_public_id(),
            "campaign_id": campaign_id,
            "kind": kind,
            "number": 1,
            "occasion": occasion,
            "state": EditionState.OPEN,
            "reason": "",
            "segment": "",
            "subject": subject,
            "sender": sender or workspace.settings.identity.sender,
            "content_digest": "",
            "frozen": {
                "format": 1,
                "method": READY,
                "subject": subject,
                "text": text,
                "to": canonical,
                "in_reply_to": in_reply_to,
                "references": references,
                **(content or {}),
            },
            "due_at": now,
            "expires_at": expires,
            "frozen_at": now,
            "planned_at": now,
            "planned": 1,
            "planned_digest": people_digest([key]),
        },
    )
    row = {
        "public_id": public_id or new_public_id(),
        "edition_id": edition_id,
        "campaign_id": campaign_id,
        "occasion": occasion,
        "customer_id": customer_id,
        "address_key": key,
        "kind": kind,
        "due_at": now,
        "expires_at": expires,
    }
    insert_deliveries(session, [row])
    queued = _delivery(session, campaign_id, occasion, key)
    assert queued is not None
    return queued


def _delivery(session: Session, campaign_id: int, occasion: str, key: str) -> int | None:
    return session.execute(
        select(col(Delivery.id)).where(
            col(Delivery.campaign_id) == campaign_id,
            col(Delivery.occasion) == occasion,
            col(Delivery.address_key) == key,
        )
    ).scalar()
