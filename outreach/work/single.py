"""Single mails: an answer in a case, a confirmation, a test. They leave by the same outbox as every other mail.

Law: one edition and one delivery each; the same occasion is queued once, however often it is asked for (I1).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from ..address import address_key, canonical_address, domain_key, new_public_id
from ..delivery.tally import people_digest
from ..errors import TemplateError, UsageError
from ..newsletter.headers import checked
from ..records import Delivery, EditionState, Kind
from ..store.campaigns import add_single, has_edition, system_campaign
from ..store.outbox import insert_deliveries
from .press import READY
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
    campaign: str = "",
) -> int:
    """Queue one mail; the delivery's id, also where this occasion was queued before.

    With a customer it goes to the customer's own address at the time of sending, else to `address`. `content` adds
    to what is frozen: html, assets, list, bulk. `campaign` is the system campaign, else the kind's.
    Raises InputError for a bad address, UsageError for a bad header.
    """
    if kind not in CAMPAIGNS:
        raise ValueError(f"{kind} is no single mail")
    canonical = canonical_address(address)
    _check_headers({"Subject": subject, "In-Reply-To": in_reply_to, "References": references})
    campaign_id = system_campaign(session, campaign or CAMPAIGNS[kind], kind, now)
    key = address_key(workspace.keys, canonical)
    found = _delivery(session, campaign_id, occasion, key)
    if found is None and has_edition(session, campaign_id, occasion):
        occasion = f"{occasion}/{key[:10]}"
        found = _delivery(session, campaign_id, occasion, key)
    if found is not None:
        return found
    frozen = {
        "format": 1,
        "method": READY,
        "subject": subject,
        "text": text,
        "to": canonical,
        "in_reply_to": in_reply_to,
        "references": references,
        **(content or {}),
    }
    due = {"due_at": now, "expires_at": now + timedelta(days=workspace.settings.sending.expires_days)}
    shared = {"campaign_id": campaign_id, "kind": kind, "occasion": occasion, **due}
    edition = {"subject": subject, "sender": sender or workspace.settings.identity.sender, "frozen": frozen}
    edition_id = add_single(session, {**shared, **edition, **_planned(key, now)})
    own = {"public_id": public_id or new_public_id(), "edition_id": edition_id, "customer_id": customer_id}
    own |= {"address_key": key, "domain_key": domain_key(workspace.keys, canonical)}
    insert_deliveries(session, [{**shared, **own}])
    queued = _delivery(session, campaign_id, occasion, key)
    assert queued is not None
    return queued


def _check_headers(headers: Mapping[str, str]) -> None:
    try:
        for name, value in headers.items():
            checked(name, value)
    except TemplateError as wrong:
        raise UsageError(wrong.message, remedy=wrong.remedy) from None


def _planned(key: str, now: datetime) -> dict[str, Any]:
    """What an edition for one person says of itself: open at once, planned for just that one."""
    return {
        "public_id": new_public_id(),
        "number": 1,
        "state": EditionState.OPEN,
        "reason": "",
        "segment": "",
        "content_digest": "",
        "frozen_at": now,
        "planned_at": now,
        "planned": 1,
        "planned_digest": people_digest([key]),
    }


def _delivery(session: Session, campaign_id: int, occasion: str, key: str) -> int | None:
    return session.execute(
        select(col(Delivery.id)).where(
            col(Delivery.campaign_id) == campaign_id,
            col(Delivery.occasion) == occasion,
            col(Delivery.address_key) == key,
        )
    ).scalar()
