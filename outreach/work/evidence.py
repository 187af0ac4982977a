"""A link in a mail was followed: so the mail arrived, and a doubt about it ends.

Law: the link's token stands in that mail only. Who presses a button, or a mail provider's one-click POST, proves it at
once. A page that was merely fetched proves it once our relay cannot still be deciding: a scanner beside the relay may
fetch links of a mail that the relay then refuses.
"""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import Session, select

from ..errors import DatabaseError
from ..records import Delivery, DeliveryEvent, DeliveryState
from ..store.doubts import settle_doubt
from .workspace import Workspace

BY = "web"


def link_acted_on(session: Session, workspace: Workspace, public_id: str, how: str) -> bool:
    """Somebody did something by a link of this mail; whether a doubt ended by it. The caller commits."""
    delivery = _doubtful(session, public_id)
    if delivery is None or delivery.id is None:
        return False
    return settle_doubt(
        session,
        delivery.id,
        event=DeliveryEvent.EVIDENCE_SENT,
        at=workspace.clock(),
        evidence=f"a link in it was followed ({how})",
        by=BY,
    )


def link_fetched(workspace: Workspace, public_id: str, what: str) -> bool:
    """A page that a link of this mail leads to was fetched; whether a doubt ended by it. Writes only where one does."""
    with workspace.database.read() as session:
        delivery = _doubtful(session, public_id)
        began = delivery.intent_at if delivery is not None else None
    patience = timedelta(seconds=max(relay.dot_timeout for relay in workspace.settings.all_relays))
    if began is None or workspace.clock() < began + patience:
        return False
    try:
        with workspace.database.write() as session:
            return link_acted_on(session, workspace, public_id, what)
    except DatabaseError:
        return False  # the page matters more; the doubt stays, and is settled another time


def _doubtful(session: Session, public_id: str) -> Delivery | None:
    query = select(Delivery).where(Delivery.public_id == public_id, Delivery.state == DeliveryState.IN_DOUBT)
    return session.exec(query).first()
