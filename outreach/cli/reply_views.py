"""How messages and judgements are shown: as JSON for a program, in words for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from .common import printable

if TYPE_CHECKING:
    from sqlmodel import Session

    from ..records import Inbound, Verdict
    from ..work.try_out import TriedOut

LONGEST = 60


def message_json(session: Session, row: Inbound, *, whole: bool = False) -> dict[str, Any]:
    """One message for a program; `whole` adds what was quoted and every verdict."""
    from ..records import Customer
    from ..store.replies import verdicts_of

    assert row.id is not None
    customer = session.get(Customer, row.customer_id) if row.customer_id is not None else None
    verdicts = verdicts_of(session, row.id)
    force = next((one for one in reversed(verdicts) if one.undone_at is None), None)
    value: dict[str, Any] = {
        "id": row.id,
        "received_at": row.received_at,
        "channel": row.channel,
        "state": row.state,
        "machine": row.machine,
        "category": row.category,
        "topics": row.topics,
        "urgency": row.urgency,
        "confidence": row.confidence,
        "reasons": force.reasons if force is not None else [],
        "judged_by": force.by if force is not None else None,
        "reviewed_at": row.reviewed_at,
        "customer": customer.address if customer is not None else None,
        "clue": row.clue,
        "delivery": row.delivery_id,
        "case": row.case_id,
        "sender": row.sender,
        "sender_name": row.sender_name,
        "handle": row.handle,
        "phone": row.phone,
        "link": row.link,
        "reach": row.reach,
        "subject": row.subject,
        "text": row.text,
        "language": row.language,
        "attachments": row.attachments,
        "flagged": row.flagged,
    }
    if whole:
        value["quoted"] = row.quoted
        value["mailbox"] = row.mailbox
        value["place"] = row.place
        value["message_id"] = row.message_id
        value["verdicts"] = [
            {
                "at": one.at,
                "by": one.by,
                "category": one.category,
                "topics": one.topics,
                "urgency": one.urgency,
                "confidence": one.confidence,
                "reasons": one.reasons,
                "undone_at": one.undone_at,
            }
            for one in verdicts
        ]
    return value


def list_row(row: Inbound) -> list[Any]:
    """One line of the listing."""
    kind = row.category.value if row.category is not None else row.state.value
    if row.machine.value != "human":
        kind = row.machine.value
    return [
        row.id,
        f"{row.received_at:%Y-%m-%d %H:%M}",
        row.channel.value,
        row.sender or row.handle or row.phone or row.sender_name or "?",
        kind.replace("_", " ") + ("" if row.reviewed_at is None else " ✓"),
        ", ".join(row.topics),
        "" if row.urgency.value == "normal" else row.urgency.value,
        _percent(row.confidence),
        row.case_id or "",
        _short(row.text or row.subject or row.flagged),
    ]


def tell_message(session: Session, row: Inbound, verdicts: Sequence[Verdict]) -> None:
    """One message for a person to read."""
    from ..records import Customer

    customer = session.get(Customer, row.customer_id) if row.customer_id is not None else None
    who = f"{row.sender_name} <{row.sender}>".strip() if row.sender else row.handle or row.phone or row.sender_name
    typer.echo(
        f"message {row.id} · {row.channel.value} · {row.received_at:%Y-%m-%d %H:%M} UTC · from {printable(who) or '?'}"
    )
    if row.subject:
        typer.echo(f"subject   {printable(row.subject)}")
    whose = customer.address if customer is not None else "no customer that we know"
    clue = f", by {row.clue.value.replace('_', ' ')}" if row.clue is not None else ""
    typer.echo(f"customer  {whose}{clue}" + (f" · case {row.case_id}" if row.case_id else ""))
    if row.machine.value != "human":
        typer.echo(f"machine   {row.machine.value.replace('_', ' ')}")
    if row.flagged:
        typer.echo(f"look      {printable(row.flagged)}")
    for one in row.attachments:
        typer.echo(f"attached  {one['name'] or '(no name)'} ({one['media_type']}, {one['size']:,} bytes)")
    typer.echo("")
    typer.echo(printable(row.text) or "(nothing to read)")
    typer.echo("")
    for verdict in verdicts:
        undone = " (taken back)" if verdict.undone_at is not None else ""
        topics = f" ({', '.join(verdict.topics)})" if verdict.topics else ""
        urgency = "" if verdict.urgency.value == "normal" else f", {verdict.urgency.value} urgency"
        sure = f", {_percent(verdict.confidence)} sure" if verdict.confidence is not None else ", not scored"
        typer.echo(f"{verdict.by}: {verdict.category.value.replace('_', ' ')}{topics}{urgency}{sure}{undone}")
        for reason in verdict.reasons:
            typer.echo(f"  {printable(reason)}")


def judgement_json(found: TriedOut) -> dict[str, Any]:
    """A judgement for a program."""
    return {
        "machine": found.machine,
        "machine_reason": found.machine_reason,
        "category": found.judgement.category,
        "topics": list(found.judgement.topics),
        "urgency": found.judgement.urgency,
        "confidence": found.judgement.confidence,
        "complaint": found.judgement.complaint,
        "unsubscribes": found.judgement.leaves,
        "language": found.language,
        "reasons": list(found.judgement.reasons),
        "subject": found.subject,
        "text": found.text,
    }


def tell_judgement(found: TriedOut) -> None:
    """A judgement for a person."""
    judged = found.judgement
    if found.machine.value != "human":
        typer.echo(f"machine mail: {found.machine.value.replace('_', ' ')} ({found.machine_reason})")
    sure = f"{_percent(judged.confidence)} sure" if judged.confidence is not None else "not scored"
    topics = f" about {', '.join(judged.topics)}" if judged.topics else ""
    typer.echo(f"{judged.category.value.replace('_', ' ')}{topics}, {judged.urgency.value} urgency, {sure}")
    for reason in judged.reasons:
        typer.echo(f"  {printable(reason)}")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _short(text: str) -> str:
    line = " ".join(printable(text).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
