"""The thread that a mail of ours hangs in: where it goes, its subject, and the mails above it (RFC 5322 3.6.4).

Law: an answer goes to the customer's own address where we know it; whoever else wrote gets one only by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.parser import BytesHeaderParser
from typing import Any

from sqlmodel import Session

from ..errors import UsageError
from ..records import Case, Channel, Inbound, Kind
from ..store import cases as kept
from .single import queue_single
from .workspace import Workspace

MAX_REFERENCES = 20
HEADER_BYTES = 100_000
_ID = re.compile(r"<[\x21-\x3b=\x3f-\x7e]{3,250}>")
_REPLY = re.compile(r"(?:(?:re|aw|antw|sv|vs|odp|rif|res) ?(?:\[\d{1,3}\])? ?: ?)+", re.IGNORECASE)


@dataclass(frozen=True)
class Thread:
    """Where an answer goes, and below which mail it hangs."""

    address: str
    subject: str
    customer_id: int | None = None
    in_reply_to: str = ""
    references: str = ""


def find_thread(session: Session, workspace: Workspace, case: Case, to: str = "") -> Thread:
    """Where an answer in this case goes. Raises UsageError where no address is known, or `to` did not write."""
    assert case.id is not None
    mails = [each for each in kept.inbounds_of(session, case.id) if each.channel is Channel.EMAIL and each.sender]
    last = mails[-1] if mails else None
    customer = kept.customer_of(session, case)
    if to and (customer is None or to.strip().lower() != (customer.address or "").lower()):
        return _thread_to(case, mails, to.strip())
    address = (customer.address if customer is not None else None) or (
        last.sender if last is not None and case.customer_id is None else ""
    )
    if not address:
        raise UsageError(
            f"case {case.id}: nobody knows an e-mail address of this person",
            remedy=f"Answer another way, then write it down: `outreach cases note {case.id} TEXT --answered`.",
        )
    if last is None:
        return Thread(address, f"Your message to {workspace.settings.identity.company}", case.customer_id)
    return _below(last, address, case.customer_id)


def _thread_to(case: Case, mails: list[Inbound], to: str) -> Thread:
    """An answer to one who wrote in this case from an address that is not the customer's own."""
    last = next((each for each in reversed(mails) if each.sender.lower() == to.lower()), None)
    if last is None:
        senders = ", ".join(dict.fromkeys(each.sender for each in mails)) or "nobody"
        raise UsageError(
            f"case {case.id}: nobody wrote from {to}", remedy=f"Those who wrote: {senders}. Or leave --to out."
        )
    return _below(last, last.sender, None)


def _below(last: Inbound, address: str, customer_id: int | None) -> Thread:
    ids = references_of(last)
    return Thread(address, answer_subject(last.subject), customer_id, ids[-1] if ids else "", " ".join(ids))


def queue_in_thread(
    session: Session, workspace: Workspace, thread: Thread, *, occasion: str, text: str, now: datetime, **more: Any
) -> int:
    """Queue a service mail that hangs below the thread's last one; `more` and what is raised: see `queue_single`."""
    return queue_single(
        session,
        workspace,
        kind=Kind.SERVICE,
        customer_id=thread.customer_id,
        address=thread.address,
        occasion=occasion,
        subject=thread.subject,
        text=text,
        in_reply_to=thread.in_reply_to,
        references=thread.references,
        now=now,
        **more,
    )


def answer_subject(subject: str) -> str:
    """The subject with one "Re:" before it, however many marks of replies it had."""
    plain = " ".join(subject.split())
    marks = _REPLY.match(plain)
    plain = plain[marks.end() :] if marks else plain
    return f"Re: {plain}" if plain else "Re: your message"


def references_of(inbound: Inbound) -> list[str]:
    """The message ids of the thread, the customer's own last (RFC 5322 3.6.4); whatever is no id is left out."""
    own = _ID.findall(inbound.message_id)
    if not own:
        return []
    head = inbound.raw[:HEADER_BYTES].partition(b"\r\n\r\n")[0].partition(b"\n\n")[0]
    headers = BytesHeaderParser().parsebytes(head)
    earlier = _ID.findall(str(headers.get("References") or headers.get("In-Reply-To") or ""))
    kept_ids = [each for each in dict.fromkeys(earlier) if each != own[0]]
    if len(kept_ids) >= MAX_REFERENCES:
        kept_ids = [kept_ids[0], *kept_ids[-(MAX_REFERENCES - 2) :]]
    return [*kept_ids, own[0]]
