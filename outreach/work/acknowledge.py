"""Telling who opened a case its number and when we answer, where the workspace turns that on.

Law: once per case and once per person and day, by a mail that says that a machine wrote it (RFC 3834 5) and hangs below
theirs; it leaves in the transaction that opens the case, or not at all. It counts as no answer.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from ..address import address_key
from ..cases.acknowledge import acknowledgement, why_not
from ..cases.clock import owed_at
from ..errors import OutreachError
from ..records import Case, Channel, EntryKind, Inbound
from ..replies.parse import parse_headers
from ..store import cases as cases
from ..store import desk as kept
from ..store.promises import ready_answer
from ..workdays import zone_or
from .casework import language_of
from .ready import fill_answer
from .thread import find_thread, queue_in_thread
from .workspace import Workspace

ACKNOWLEDGE = "_acknowledge"
"""The system campaign of acknowledgements."""
READY = "acknowledgement"
"""An answer kept ready under this name gives the words."""
FRESH = timedelta(hours=24)
A_DAY = timedelta(hours=24)


def acknowledge(session: Session, workspace: Workspace, case: Case, inbound: Inbound, now: datetime) -> str:
    """Acknowledge the case that this message opened; why not, in words, where it was not. The caller commits."""
    settings = workspace.settings
    if not settings.cases.acknowledge or inbound.channel is not Channel.EMAIL or inbound.mailbox == "import":
        return "nobody asked for it"
    if inbound.received_at < now - FRESH:
        return "it came more than a day ago"
    mail = parse_headers(inbound.raw)
    ours = {address.lower() for address in our_addresses(session, workspace)}
    if words := why_not(mail.headers, inbound.sender, mail.return_path, ours):
        return words
    try:
        thread = find_thread(session, workspace, case)
        if kept.mailed_since(session, ACKNOWLEDGE, address_key(workspace.keys, thread.address), now - A_DAY):
            return "this person got one today"
        delivery_id = queue_in_thread(
            session,
            workspace,
            thread,
            occasion=f"case-{case.id}",
            text=_text(session, workspace, case),
            now=now,
            campaign=ACKNOWLEDGE,
            content={"auto_submitted": "auto-replied"},
        )
    except OutreachError as wrong:  # an address that cannot be written to must not keep the message from being read
        return wrong.message
    text = f"acknowledged: its number, and an answer by {owed_at(case):%Y-%m-%d %H:%M} UTC"
    cases.add_entry(
        session, case.id or 0, now, EntryKind.ACKNOWLEDGEMENT, by="outreach", text=text, delivery_id=delivery_id
    )
    return ""


def our_addresses(session: Session, workspace: Workspace) -> dict[str, str]:
    """Addresses that are ours, in lower case, with whose they are: the sender's, the replies', the colleagues'."""
    found = {
        workspace.sender_address.lower(): "",
        workspace.reply_address.lower(): "",
        workspace.bounce_address.lower(): "",
    }
    found.update({one.address.lower(): one.name for one in kept.colleagues(session) if one.address})
    return found


def _text(session: Session, workspace: Workspace, case: Case) -> str:
    if ready_answer(session, READY) is not None:
        try:
            return fill_answer(session, workspace, READY, case, workspace.settings.identity.company)
        except OutreachError:  # a variable that nobody knows of this person: the usual words say enough
            pass
    customer = cases.customer_of(session, case)
    zone = zone_or(customer.zone if customer is not None else None, workspace.settings.identity.zone)
    language = language_of(session, workspace, case)
    return acknowledgement(language, case.id or 0, owed_at(case), zone, workspace.settings.identity.company)
