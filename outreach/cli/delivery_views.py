"""How mails and their stories are shown: as JSON for a program, in words for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from .common import print_table, printable

if TYPE_CHECKING:
    from ..store.deliveries import DeliveryRow
    from ..store.doubts import Doubt
    from ..work.history import Story
    from ..work.maillog import LogResult
    from ..work.resolve import Resolved
    from ..work.workspace import Workspace

SHOWN = 50
NAMES = (
    *(
        "id",
        "address",
        "campaign",
        "edition",
        "occasion",
        "state",
        "reason",
        "evidence",
        "failure",
        "relay",
        "response",
    ),
    *("attempts", "resent", "due_at", "next_at", "expires_at", "intent_at", "sent_at", "settled_at"),
    *("onward", "onward_words", "onward_at", "bounced"),
)


def message_id_of(workspace: Workspace, public_id: str) -> str:
    """The Message-ID of a delivery."""
    from ..address import message_id

    return message_id(public_id, workspace.sender_domain)


def row_json(workspace: Workspace, row: DeliveryRow) -> dict[str, Any]:
    """One mail, for a program."""
    own = {"id": row.id, "message_id": message_id_of(workspace, row.public_id)}
    return own | {name: getattr(row, name) for name in NAMES}


def list_json(workspace: Workspace, rows: Sequence[DeliveryRow]) -> list[dict[str, Any]]:
    """A listing, for a program."""
    return [row_json(workspace, row) for row in rows]


def tell_list(workspace: Workspace, rows: Sequence[DeliveryRow]) -> None:
    """A listing, for a person."""
    print_table(
        ["id", "address", "state", "at", "next server", "why", "message-id"],
        (
            [
                row.id,
                row.address or "(erased)",
                f"{row.state}, bounced" if row.bounced else row.state,
                row.sent_at or row.settled_at or row.next_at or row.intent_at or row.due_at,
                row.onward or "",
                printable(row.response or row.evidence or row.reason),
                message_id_of(workspace, row.public_id),
            ]
            for row in rows
        ),
    )


def story_json(workspace: Workspace, story: Story) -> dict[str, Any]:
    """One mail and its history, for a program."""
    lines = [
        {"at": line.at, "what": line.what, "words": line.words}
        | {"relay": line.relay, "by": line.by, "next_at": line.next_at}
        for line in story.lines
    ]
    return row_json(workspace, story.row) | {"history": lines}


def tell_story(workspace: Workspace, story: Story) -> None:
    """One mail and its history, for a person."""
    row = story.row
    state = f"{row.state}, bounced" if row.bounced else row.state
    tries = f"{row.attempts} attempt{'s' if row.attempts != 1 else ''}" + (
        f", resent {row.resent}×" if row.resent else ""
    )
    typer.echo(f"{row.id}  {row.address or '(erased)'}  {row.campaign}, issue {row.edition} ({row.occasion})")
    typer.echo(f"    {state}, {tries}, {message_id_of(workspace, row.public_id)}")
    print_table(
        ["at", "what", "words", "relay", "by", "next"],
        ([line.at, line.what, printable(line.words), line.relay, line.by, line.next_at or ""] for line in story.lines),
    )


def doubt_json(workspace: Workspace, one: Doubt) -> dict[str, Any]:
    """One mail in doubt, for a program."""
    return {
        "id": one.delivery_id,
        "message_id": message_id_of(workspace, one.public_id),
        "address": one.address,
        "campaign": one.campaign,
        "edition": one.number,
        "state": one.state,
        "intent_at": one.intent_at,
        "relay": one.relay,
        "evidence": one.evidence,
    }


def tell_doubts(workspace: Workspace, found: Sequence[Doubt]) -> None:
    """Mails in doubt, for a person: what one needs to find them in a relay's log."""
    print_table(
        ["id", "message-id", "handed over at", "relay", "address"],
        (
            [
                one.delivery_id,
                message_id_of(workspace, one.public_id),
                one.intent_at,
                one.relay,
                one.address or "(erased)",
            ]
            for one in found
        ),
    )


def resolved_json(workspace: Workspace, done: Resolved) -> dict[str, Any]:
    """What became of those that a person settled, for a program."""
    return {
        "settled": [doubt_json(workspace, one) for one in done.settled],
        "left": [doubt_json(workspace, one) | {"why": why} for one, why in done.left],
    }


def tell_resolved(workspace: Workspace, done: Resolved, word: str) -> None:
    """What became of those that a person settled."""
    typer.echo(f"{len(done.settled)} settled: {word}.")
    for one, why in done.left:
        typer.echo(f"left as it is: {one.delivery_id} {message_id_of(workspace, one.public_id)}: {why}")
    if word == "resend" and done.settled:
        campaigns = sorted({one.campaign for one in done.settled})
        typer.echo(f"They go with the next `outreach send {campaigns[0]}` or `outreach run`.")


def log_json(workspace: Workspace, result: LogResult) -> dict[str, Any]:
    """What reading a log did, for a program."""
    return {
        "lines": result.lines,
        "first": result.first,
        "last": result.last,
        "mails": result.mails,
        "settled": {"sent": result.settled_sent, "failed": result.settled_failed},
        "onward": {onward.value: result.onward[onward] for onward in sorted(result.onward)},
        "strangers": result.strangers,
        "unexpected": [
            {"message_id": message_id_of(workspace, public_id), "state": state, "place": place}
            for public_id, state, place in result.unexpected
        ],
        "troubles": result.troubles,
        "storms": result.storms,
        "in_doubt": [doubt_json(workspace, one) for one in result.left],
        "absent": [doubt_json(workspace, one) for one in result.absent],
    }


def tell_log(workspace: Workspace, result: LogResult) -> None:
    """What reading a log did, for a person."""
    span = (
        f", {result.first:%Y-%m-%d %H:%M} to {result.last:%Y-%m-%d %H:%M} UTC" if result.first and result.last else ""
    )
    typer.echo(f"{result.lines:,} lines{span}; {result.mails:,} mails of ours that the relay took.")
    typer.echo(f"Settled: {result.settled_sent} sent, {result.settled_failed} not sent.")
    words = {"accepted": "accepted", "deferred": "put off", "bounced": "refused"}
    told = ", ".join(f"{count:,} {words[str(onward)]}" for onward, count in sorted(result.onward.items()))
    typer.echo(f"New from the next servers: {told or 'nothing'}.")
    for storm in result.storms:
        typer.echo(f"look: {storm}")
    for public_id, state, place in result.unexpected[:20]:
        name = message_id_of(workspace, public_id)
        typer.echo(
            f"look: the relay took {name} ({place}), which we hold as {state}: outreach deliveries show '{name}'"
        )
    if result.left:
        typer.echo(f"{len(result.left)} stay in doubt:")
        tell_doubts(workspace, result.left[:SHOWN])
        if len(result.left) > SHOWN:
            typer.echo(f"… and {len(result.left) - SHOWN} more: outreach verify CAMPAIGN --state in_doubt")
    if result.absent:
        ids = " ".join(str(one.delivery_id) for one in result.absent)
        typer.echo(
            f"{len(result.absent)} of them are not in the log, which covers their time. If it is whole, the relay never"
        )
        typer.echo(
            f'took them; then say: outreach deliveries resolve {ids} --resend --because "not in the relay\'s log"'
        )
