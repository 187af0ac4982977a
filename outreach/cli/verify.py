"""`outreach verify`: everybody whom a campaign was planned for, and what became of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import NeedsPerson, OutreachError, UsageError
from .common import AsJson, open_here, print_json, print_table

if TYPE_CHECKING:
    from ..records import DeliveryState
    from ..store.accounts import EditionAccount, PersonLine
    from ..work.workspace import Workspace

verify_app = typer.Typer(add_completion=False)


@verify_app.command()
def verify(
    campaign: Annotated[str, typer.Argument(help="The campaign's name, as `campaigns list` shows it.")],
    state: Annotated[
        str | None, typer.Option("--state", help="List every name behind this count: sent, failed, withheld, …")
    ] = None,
    issue: Annotated[int | None, typer.Option("--issue", help="Only this edition, by its number.")] = None,
    as_json: AsJson = False,
) -> None:
    """Account for every recipient of a campaign, edition by edition.

    For each edition, planned = the sum of all states, and the people in the outbox are those whom the segment gave.
    Exits with 1 where that is not so, and with 3 where mails are in doubt: they were handed over and no answer came.

    Example: [bold]outreach verify tips[/bold]   then   [bold]outreach verify tips --state failed[/bold]
    """
    from ..store.accounts import account  # lazy, as all below: SQLModel takes most of a second
    from ..store.editions import find_campaign

    workspace = open_here()
    with workspace.database.read() as session:
        found = find_campaign(session, campaign)
        if found is None or found.id is None:
            raise UsageError(f"there is no campaign called {campaign}", remedy="See `outreach campaigns list`.")
        accounts = [one for one in account(session, found.id) if issue is None or one.number == issue]
    if issue is not None and not accounts:
        raise UsageError(f"{campaign} has no issue {issue}")
    wanted = _state(state)
    if as_json:
        print_json([_account_json(workspace, one, wanted) for one in accounts])
    else:
        _print(workspace, campaign, accounts, wanted)
    _judge(campaign, accounts)


def _state(text: str | None) -> DeliveryState | None:
    from ..records import DeliveryState

    if text is None:
        return None
    try:
        return DeliveryState(text)
    except ValueError:
        words = ", ".join(state.value for state in DeliveryState)
        raise UsageError(f"{text!r} is no state of a delivery", remedy=f"There are: {words}.") from None


def _judge(campaign: str, accounts: list[EditionAccount]) -> None:
    wrong = [one for one in accounts if not one.adds_up]
    if wrong:
        raise OutreachError(
            f"{campaign}: the account of {', '.join(one.occasion for one in wrong)} does not add up",
            remedy="The outbox was changed from outside, or the database was damaged: run `outreach doctor`.",
        )
    doubtful = sum(one.in_doubt for one in accounts)
    if doubtful:
        raise NeedsPerson(
            f"{campaign}: {doubtful} in doubt: they were handed to the relay and no answer came",
            remedy=f"Look for their Message-IDs in the relay's log: outreach verify {campaign} --state in_doubt",
        )


def _print(workspace: Workspace, campaign: str, accounts: list[EditionAccount], wanted: DeliveryState | None) -> None:
    if not accounts:
        typer.echo(f"{campaign} has no edition yet: nothing was planned.")
        return
    for one in accounts:
        said = "is being planned" if one.planned is None else f"{one.planned} planned"
        typer.echo(f"{campaign}, issue {one.number} ({one.occasion}), {one.state.value}: {said}")
        for state, count in one.counts.items():
            if count:
                typer.echo(f"  {state.value:<10} {count:>8}")
        if one.planned is not None:
            typer.echo(f"  {'=':<10} {one.total:>8}   {_verdict(one)}")
        if wanted is not None:
            _print_people(workspace, one, wanted)


def _verdict(one: EditionAccount) -> str:
    if one.adds_up:
        return "adds up, and these are the people who were planned"
    if one.planned == one.total:
        return "DOES NOT ADD UP: these are other people than were planned"
    return f"DOES NOT ADD UP: {one.planned} were planned"


def _print_people(workspace: Workspace, one: EditionAccount, state: DeliveryState) -> None:
    print_table(
        ["address", "state", "reason", "evidence", "response", "message-id", "at"],
        (
            [
                line.address or "(erased)",
                line.state,
                line.reason,
                line.evidence,
                line.response,
                _message_id(workspace, line),
                line.sent_at or line.intent_at or line.next_at or "",
            ]
            for line in _people(workspace, one, state)
        ),
    )


def _people(workspace: Workspace, one: EditionAccount, state: DeliveryState) -> list[PersonLine]:
    from ..store.accounts import people_in

    with workspace.database.read() as session:
        return list(people_in(session, one.edition_id, state))


def _message_id(workspace: Workspace, line: PersonLine) -> str:
    from ..address import message_id

    return message_id(line.public_id, workspace.sender_domain)


def _account_json(workspace: Workspace, one: EditionAccount, wanted: DeliveryState | None) -> dict[str, Any]:
    value: dict[str, Any] = {
        "edition": one.number,
        "occasion": one.occasion,
        "state": one.state.value,
        "reason": one.reason,
        "subject": one.subject,
        "due_at": one.due_at,
        "finished_at": one.finished_at,
        "planned": one.planned,
        "counts": {state.value: count for state, count in one.counts.items()},
        "total": one.total,
        "adds_up": one.adds_up,
        "digest_matches": one.digest_matches,
    }
    if wanted is not None:
        value["people"] = [
            {
                "address": line.address,
                "state": line.state.value,
                "reason": line.reason,
                "evidence": line.evidence,
                "response": line.response,
                "failure": line.failure.value if line.failure else None,
                "attempts": line.attempts,
                "resent": line.resent,
                "message_id": _message_id(workspace, line),
                "intent_at": line.intent_at,
                "sent_at": line.sent_at,
                "next_at": line.next_at,
            }
            for line in _people(workspace, one, wanted)
        ]
    return value
