"""`outreach verify`: everybody whom a campaign was planned for, what became of each, and who is in doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import NeedsPerson, OutreachError, UsageError
from .common import AsJson, open_after_a_crash, print_json, print_table
from .delivery_views import doubt_json, message_id_of, tell_doubts

if TYPE_CHECKING:
    from ..records import DeliveryState, Onward
    from ..store.accounts import EditionAccount, PersonLine
    from ..store.doubts import Doubt
    from ..work.workspace import Workspace

verify_app = typer.Typer(add_completion=False)
SHOWN = 50


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
    What a process that died had in hand is settled first. Mails in doubt, which were handed over and got no answer, are
    listed with what finds them in the relay's log. Once such a log was read, it also says how many of those handed over
    the next server accepted.
    Exits with 1 where the account does not add up, and with 3 where mails are in doubt.

    Example: [bold]outreach verify tips[/bold]   then   [bold]outreach verify tips --state failed[/bold]
    """
    from ..store.accounts import account  # lazy, as all below: SQLModel takes most of a second
    from ..store.doubts import doubts
    from ..store.editions import find_campaign
    from ..store.onward import onward_counts

    workspace = open_after_a_crash()
    with workspace.database.read() as session:
        found = find_campaign(session, campaign)
        if found is None or found.id is None:
            raise UsageError(f"there is no campaign called {campaign}", remedy="See `outreach campaigns list`.")
        accounts = [one for one in account(session, found.id) if issue is None or one.number == issue]
        waiting = list(doubts(session, found.id, issue)) if any(one.in_doubt for one in accounts) else []
        onward = onward_counts(session, [one.edition_id for one in accounts])
    if issue is not None and not accounts:
        raise UsageError(f"{campaign} has no issue {issue}")
    wanted = state_named(state)
    if as_json:
        print_json([_account_json(workspace, one, wanted, waiting, onward.get(one.edition_id, {})) for one in accounts])
    else:
        _print(workspace, campaign, accounts, wanted, onward)
        _print_doubts(workspace, waiting)
    _judge(campaign, accounts)


def state_named(text: str | None) -> DeliveryState | None:
    """The state of that name, or None for none. Raises UsageError with the names that there are."""
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
            remedy="Let the relay's log tell: outreach deliveries resolve --maillog /var/log/mail.log*",
        )


def _print(
    workspace: Workspace,
    campaign: str,
    accounts: list[EditionAccount],
    wanted: DeliveryState | None,
    onward: dict[int, dict[Onward, int]],
) -> None:
    from ..work.waves import wave_words

    if not accounts:
        typer.echo(f"{campaign} has no edition yet: nothing was planned.")
        return
    for one in accounts:
        said = "is being planned" if one.planned is None else f"{one.planned} planned"
        typer.echo(f"{campaign}, issue {one.number} ({one.occasion}), {one.state.value}: {said}")
        if one.waves:
            typer.echo(f"  in waves of {wave_words(one.waves, one.released_wave)}")
        if one.reason:
            typer.echo(f"  {one.reason}")
        for state, count in one.counts.items():
            if count:
                later = f"   {one.bounced} of them came back later" if state.value == "sent" and one.bounced else ""
                typer.echo(f"  {state.value:<10} {count:>8}{later}")
        if one.planned is not None:
            typer.echo(f"  {'=':<10} {one.total:>8}   {_verdict(one)}")
        if one.edition_id in onward:
            typer.echo(f"  {onward_words(one, onward[one.edition_id])}")
        if wanted is not None:
            _print_people(workspace, one, wanted)


def onward_words(one: EditionAccount, known: dict[Onward, int]) -> str:
    """Handed over, and accepted by the next server, as two numbers."""
    told = _onward(one, known)
    return (
        f"{told['handed_over']} handed over to the relay; accepted by the next server: {told['accepted']}, "
        f"put off: {told['deferred']}, refused: {told['bounced']}, not known: {told['unknown']}"
    )


def _onward(one: EditionAccount, known: dict[Onward, int]) -> dict[str, int]:
    from ..records import DeliveryState, Onward

    handed_over = one.counts[DeliveryState.SENT]
    told = {word.value: known.get(word, 0) for word in Onward}
    return {"handed_over": handed_over, **told, "unknown": handed_over - sum(told.values())}


def _print_doubts(workspace: Workspace, waiting: list[Doubt]) -> None:
    if not waiting:
        return
    typer.echo("\nIn doubt: handed over, and no answer came. They are never sent again by themselves.")
    tell_doubts(workspace, waiting[:SHOWN])
    if len(waiting) > SHOWN:
        typer.echo(
            f"… and {len(waiting) - SHOWN} more: outreach deliveries list {waiting[0].campaign} --state in_doubt"
        )
    typer.echo("The relay's log settles them:  outreach deliveries resolve --maillog /var/log/mail.log*")
    typer.echo(
        f'or a person\'s word:           outreach deliveries resolve {waiting[0].delivery_id} --sent --because "…"'
    )


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
                message_id_of(workspace, line.public_id),
                line.sent_at or line.intent_at or line.next_at or "",
            ]
            for line in _people(workspace, one, state)
        ),
    )


def _people(workspace: Workspace, one: EditionAccount, state: DeliveryState) -> list[PersonLine]:
    from ..store.accounts import people_in

    with workspace.database.read() as session:
        return list(people_in(session, one.edition_id, state))


def _account_json(
    workspace: Workspace,
    one: EditionAccount,
    wanted: DeliveryState | None,
    waiting: list[Doubt],
    onward: dict[Onward, int],
) -> dict[str, Any]:
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
        "bounced": one.bounced,
        "waves": {"sizes": list(one.waves), "released": one.released_wave + 1 if one.waves else 0},
        "onward": _onward(one, onward),
        "in_doubt": [doubt_json(workspace, doubt) for doubt in waiting if doubt.edition_id == one.edition_id],
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
                "message_id": message_id_of(workspace, line.public_id),
                "intent_at": line.intent_at,
                "sent_at": line.sent_at,
                "next_at": line.next_at,
            }
            for line in _people(workspace, one, wanted)
        ]
    return value
