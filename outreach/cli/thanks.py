"""`outreach thanks`: who was delighted, by what, and who may be quoted."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..errors import OutreachError, UsageError
from .common import AsJson, check_states, me, open_here, print_json, print_table, printable

thanks_app = typer.Typer(add_completion=False, no_args_is_help=True, help="Thanks, and who may be quoted.")
STATES = ("kept", "asked", "allowed", "refused")
Number = Annotated[int, typer.Argument(metavar="ID", help="Its number, as `thanks list` shows it.")]
Because = Annotated[str, typer.Option("--because", help="How and when they said so, for the record.")]
By = Annotated[str, typer.Option("--by", help="Who takes it down; else the name you are logged in with.")]


@thanks_app.command("list")
def list_thanks(
    state: Annotated[
        list[str] | None, typer.Option(help=f"Only this state ({', '.join(STATES)}); may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List thanks, newest first: who, for which issue, tips and topics, and whether they may be quoted.

    Example: [bold]outreach thanks list --state allowed[/bold]
    """
    from ..records import ThanksState  # lazy, as all below: SQLModel takes most of a second
    from ..store.thanks import list_thanks as find

    check_states(state or (), STATES, "thanks")
    workspace = open_here()
    with workspace.database.read() as session:
        found = [_json(*one) for one in find(session, [ThanksState(one) for one in state or STATES])]
    if as_json:
        print_json(found)
        return
    if not found:
        typer.echo("No thanks yet.")
        return
    names = ("id", "at", "state", "customer", "about", "topics", "words")
    print_table(names, ([_cell(one[name]) for name in names] for one in found))


@thanks_app.command()
def show(number: Number, as_json: AsJson = False) -> None:
    """Show one: the words, what they were for, what was asked and answered.

    Example: [bold]outreach thanks show 3[/bold]
    """
    from ..records import ThanksState  # lazy
    from ..store.thanks import list_thanks as find

    workspace = open_here()
    with workspace.database.read() as session:
        found = [_json(*one) for one in find(session, list(ThanksState), 1_000_000) if one[0].id == number]
    if not found:
        raise UsageError(f"there are no thanks {number}", remedy="`outreach thanks list` shows the numbers.")
    if as_json:
        print_json(found[0])
        return
    for name, value in found[0].items():
        if value not in (None, "", []):
            typer.echo(f"{name}: {_cell(value)}")


@thanks_app.command()
def ask(
    number: Number,
    later: Annotated[bool, typer.Option("--later", help="Only queue it; it leaves with the next run.")] = False,
    by: By = "",
) -> None:
    """Ask by mail whether we may quote them. Nobody is asked twice; a plain yes or no in reply is taken down by itself.

    Example: [bold]outreach thanks ask 3[/bold]
    """
    from ..records import Delivery  # lazy
    from ..work.send import send_open
    from ..work.thanks import ask as put

    workspace = open_here()
    delivery_id = put(workspace, number, by=by or me())
    with workspace.database.read() as session:
        edition_id = session.get_one(Delivery, delivery_id).edition_id
    if later:
        typer.echo("Queued: it leaves with the next `outreach run`.")
        return
    try:
        send_open(workspace, edition_ids=[edition_id])
    except OutreachError as wrong:
        typer.echo(f"Queued, not sent yet: {wrong.message}. It leaves with the next `outreach run`.")
        return
    with workspace.database.read() as session:
        state = session.get_one(Delivery, delivery_id).state
    typer.echo("Asked." if state == "sent" else f"The question is {state.value.replace('_', ' ')}.")


@thanks_app.command()
def allow(number: Number, because: Because, by: By = "") -> None:
    """Take down that they may be quoted, with how they said so.

    Example: [bold]outreach thanks allow 3 --because "on the phone, 3 December"[/bold]
    """
    _decide(number, True, because, by)


@thanks_app.command()
def refuse(number: Number, because: Because, by: By = "") -> None:
    """Take down that they may not be quoted, or not any more.

    Example: [bold]outreach thanks refuse 3 --because "she wrote that she had rather not"[/bold]
    """
    _decide(number, False, because, by)


def _decide(number: int, allowed: bool, because: str, by: str) -> None:
    from ..work.thanks import decide  # lazy

    thanks = decide(open_here(), number, allowed=allowed, by=by or me(), words=because)
    typer.echo(f"Thanks {number}: {thanks.state.value}.")


def _json(thanks: Any, inbound: Any, address: str, about: str) -> dict[str, Any]:
    """Thanks as `--json` gives them; the words are the message's as long as it is kept."""
    words = thanks.quote or (" ".join(inbound.text.split()) if inbound is not None else "")
    first = {"id": thanks.id, "at": thanks.at, "state": thanks.state, "customer": address, "about": about}
    names = ("topics", "tips", "asked_at", "asked_by", "question", "decided_at", "decided_by", "answer")
    more = {name: getattr(thanks, name) for name in names}
    return {**first, "words": words, **more, "message": thanks.inbound_id, "answered_in": thanks.answer_id}


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return ", ".join(value)
    return printable(value) if isinstance(value, str) else value
