"""How messages and judgements are shown: as JSON for a program, in words for a person."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from .channel_views import author_words, reach_words, way_words
from .common import print_table, printable

if TYPE_CHECKING:
    from sqlmodel import Session

    from ..records import Inbound, Verdict
    from ..replies.calendar import CalendarAnswer
    from ..work.try_out import Figures, TriedOut, TriedRow

LONGEST = 60
COLUMNS = ("id", "received (UTC)", "by", "from", "category", "topics", "urgency", "sure", "case", "text")
ORIGIN = (
    *("sender", "sender_name", "handle", "network", "phone", "link", "reach", "repost_of", "copy_of"),
    "foreign_token",
)
"""From whom it came and how far it reaches."""


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
        "calendar": _calendar_json(session, row),
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
        **{name: getattr(row, name) for name in ORIGIN},
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


def calendar_answers(session: Session, rows: Sequence[Inbound]) -> dict[int, CalendarAnswer]:
    """What calendars answered to invitations, by message; none where its octets were let go."""
    from ..replies.calendar import PARTS, read_answer
    from ..replies.parse import parse_inbound
    from ..store.seminars import calendar_mails

    ids = [row.id for row in rows if row.id is not None and any(one["media_type"] in PARTS for one in row.attachments)]
    read = (
        {number: read_answer(parse_inbound(raw)) for number, raw in calendar_mails(session, ids).items()} if ids else {}
    )
    return {number: found for number, found in read.items() if found is not None}


def _calendar_json(session: Session, row: Inbound) -> dict[str, str] | None:
    found = calendar_answers(session, [row]).get(row.id or 0)
    return None if found is None else {name: getattr(found, name) for name in ("answer", "summary", "comment", "uid")}


def list_row(row: Inbound, answered: CalendarAnswer | None = None) -> list[Any]:
    """One line of the listing; `answered`: what a calendar answered by it."""
    kind = row.category.value if row.category is not None else row.state.value
    if row.machine.value != "human":
        kind = row.machine.value
    kind = "not read yet" if kind == "stored" else kind
    machine = answered is not None and row.machine.value == "calendar"
    if answered is not None and machine:
        kind = answered.answer
    said = answered.words if answered is not None and machine else row.text or row.subject or row.flagged
    return [
        row.id,
        f"{row.received_at:%Y-%m-%d %H:%M}",
        "\n".join(part for part in (way_words(row), reach_words(row.reach)) if part),
        row.sender or author_words(row),
        kind.replace("_", " ") + ("" if row.reviewed_at is None else " ✓"),
        ", ".join(row.topics),
        "" if row.urgency.value == "normal" else row.urgency.value,
        percent(row.confidence),
        row.case_id or "",
        "\n".join(part for part in (_short(said), printable(row.link)) if part),
    ]


def print_messages(rows: Sequence[Sequence[Any]]) -> None:
    """The listing: what each is over what it says on a terminal, one line with every column in a pipe."""
    if not sys.stdout.isatty():
        print_table(COLUMNS, rows)
        return
    lines = []
    for number, received, way, sender, kind, topics, urgency, sure, case, said in rows:
        about = f" about {topics}" if topics else ""
        more = "".join(f" · {part}" for part in (urgency, sure, f"case {case}" if case else "") if part)
        lines.append([number, str(received).replace(" ", "\n"), f"{kind}{about}{more}\n{way}, {sender}\n{said}"])
    print_table(("id", "received (UTC)", "what"), lines)


def tell_message(session: Session, row: Inbound, verdicts: Sequence[Verdict]) -> None:
    """One message for a person to read."""
    from ..records import Customer

    customer = session.get(Customer, row.customer_id) if row.customer_id is not None else None
    came = f"{way_words(row)} · {row.received_at:%Y-%m-%d %H:%M} UTC · from {author_words(row)}"
    typer.echo(f"message {row.id} · {came}")
    if row.link or row.reach:
        typer.echo(f"where     {' · '.join(part for part in (printable(row.link), reach_words(row.reach)) if part)}")
    if row.copy_of is not None:
        typer.echo(f"copy of   message {row.copy_of}: its verdict and its case are that one's")
    if row.subject:
        typer.echo(f"subject   {printable(row.subject)}")
    whose = customer.address if customer is not None else "no customer that we know"
    clue = f", by {row.clue.value.replace('_', ' ')}" if row.clue is not None else ""
    typer.echo(f"customer  {whose}{clue}" + (f" · case {row.case_id}" if row.case_id else ""))
    if row.machine.value != "human":
        typer.echo(f"machine   {row.machine.value.replace('_', ' ')}")
    if (answered := calendar_answers(session, [row]).get(row.id or 0)) is not None:
        typer.echo(f"answered  {printable(answered.words)}")
    if row.flagged:
        typer.echo(f"look      {printable(row.flagged)}")
    for one in row.attachments:
        typer.echo(f"attached  {one['name'] or '(no name)'} ({one['media_type']}, {one['size']:,} bytes)")
    typer.echo("")
    unread = row.state.value == "stored"
    nothing = "(not read yet: `outreach run` or `outreach replies fetch` does it)" if unread else "(nothing to read)"
    typer.echo(printable(row.text) or nothing)
    typer.echo("")
    for verdict in verdicts:
        undone = " (taken back)" if verdict.undone_at is not None else ""
        topics = f" ({', '.join(verdict.topics)})" if verdict.topics else ""
        urgency = "" if verdict.urgency.value == "normal" else f", {verdict.urgency.value} urgency"
        sure = f", {percent(verdict.confidence)} sure" if verdict.confidence is not None else ", not scored"
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
    sure = f"{percent(judged.confidence)} sure" if judged.confidence is not None else "not scored"
    topics = f" about {', '.join(judged.topics)}" if judged.topics else ""
    typer.echo(f"{judged.category.value.replace('_', ' ')}{topics}, {judged.urgency.value} urgency, {sure}")
    for reason in judged.reasons:
        typer.echo(f"  {printable(reason)}")


def rows_json(tried: Sequence[TriedRow], figures: Figures, faults: Sequence[tuple[int, str]]) -> dict[str, Any]:
    """The rows of a file and how they are judged, for a program."""
    return {
        "rows": [
            {
                "row": one.row.row,
                "category": one.judgement.category,
                "complaint": one.judgement.complaint,
                "topics": list(one.judgement.topics),
                "top3": list(one.judgement.ranked[:3]),
                "urgency": one.judgement.urgency,
                "confidence": one.judgement.confidence,
                "unsubscribes": one.judgement.leaves,
                "language": one.language,
                "reasons": list(one.judgement.reasons),
                "label": one.row.complaint,
                "label_category": one.row.category,
                "label_topics": list(one.row.topics),
                "text": one.row.text,
            }
            for one in tried
        ],
        "figures": vars(figures),
        "faults": [{"row": row, "reason": why} for row, why in faults],
    }


def tell_rows(tried: Sequence[TriedRow], figures: Figures) -> None:
    """The rows of a file and how they are judged, for a person; then the figures, where there are labels."""
    columns = ("row", "category", "complaint", "topics", "urgency", "sure", "text", "reasons")
    print_table(
        columns,
        [
            [
                one.row.row,
                one.judgement.category.value.replace("_", " "),
                f"{one.judgement.complaint:.2f}",
                ", ".join(one.judgement.topics),
                "" if one.judgement.urgency.value == "normal" else one.judgement.urgency.value,
                percent(one.judgement.confidence) or "not scored",
                _short(one.row.text),
                printable("; ".join(one.judgement.reasons)),
            ]
            for one in tried
        ],
    )
    typer.echo(f"{figures.rows} rows, {figures.not_scored} not scored. Nothing was stored.")
    if figures.labelled:
        auc = f", AUC {figures.auc:.3f}" if figures.auc is not None else ""
        typer.echo(
            f"complaint or not: {percent(figures.accuracy)} right of {figures.labelled} with a label"
            f" ({figures.complaints} complaints){auc}"
        )
    if figures.categories:
        typer.echo(f"category: {percent(figures.category_right)} right of {figures.categories}")
    if figures.topics:
        typer.echo(
            f"topic: {percent(figures.topic_top1)} right of {figures.topics},"
            f" {percent(figures.topic_top3)} among the first three"
        )


def percent(share: float | None) -> str:
    """A share as people read it; nothing where there is none."""
    return "" if share is None else f"{share:.0%}"


def _short(text: str) -> str:
    line = " ".join(printable(text).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
