"""Saying whose a message is: `outreach replies join`, and one key in the review screen."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError, NeedsPerson, UsageError
from .common import AsJson, me, open_here, print_json, printable
from .reply_views import message_json

if TYPE_CHECKING:
    from ..work.who import Candidate
    from ..work.workspace import Workspace


def join(
    message: Annotated[int, typer.Argument(metavar="ID", help="The message's number, as `replies list` shows it.")],
    who: Annotated[
        str, typer.Argument(metavar="[WHO]", help="The customer: an address, a number, a handle, or a name.")
    ] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take it back: the clues decide again.")] = False,
    by: Annotated[str, typer.Option("--by", help="Who does it; else the name you are logged in with.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say whose a message is. Its handle, number or address is remembered for the next, and its case follows.

    Without WHO it shows who it may be. The same author's other messages that are nobody's are joined with it. Nobody is
    put on a list by this.

    Examples: [bold]outreach replies join 12 ann@example.com[/bold], [bold]outreach replies join 12 --undo[/bold]
    """
    from ..records import Inbound
    from ..work.join import join_customer, take_back

    workspace = open_here()
    if undo:
        done = take_back(workspace, message, by=by or me())
        words = f"taken back: {_numbers(done)}"
    elif not who:
        _tell(offered(workspace, message) or [])
        return
    else:
        found = one_of(workspace, who)
        done = join_customer(workspace, message, found.customer_id, by=by or me())
        words = f"{_numbers(done)} joined to {found.address}; the next one is known by itself"
    if not as_json:
        typer.echo(words)
        return
    with workspace.database.read() as session:
        print_json(message_json(session, session.get_one(Inbound, message)))


def one_of(workspace: Workspace, words: str) -> Candidate:
    """The one customer whom these words mean. Raises InputError where there is none, NeedsPerson with the names."""
    from ..work.who import find_who

    with workspace.database.read() as session:
        found = find_who(session, workspace, words)
    if not found:
        raise InputError(
            f"no customer is meant by {words!r}", remedy="Try an address, a number, a handle (x:ann) or a name."
        )
    if len(found) > 1:
        names = "; ".join(f"{one.name} <{one.address}>".strip() for one in found)
        raise NeedsPerson(f"{words!r} may mean {names}", remedy="Name the address.")
    return found[0]


def offered(workspace: Workspace, inbound_id: int) -> list[Candidate] | None:
    """Who may have written a message; None where nothing is in question."""
    from ..records import Inbound
    from ..work.who import suggest

    with workspace.database.read() as session:
        row = session.get(Inbound, inbound_id)
        if row is None:
            raise InputError(f"there is no message {inbound_id}", remedy="`outreach replies list` shows the numbers.")
        if row.customer_id is not None and not row.foreign_token:
            return None
        return suggest(session, workspace, row)


def offer(workspace: Workspace, inbound_id: int) -> list[Candidate]:
    """In the review screen: say who it may be, by which key; nothing where it is known."""
    found = offered(workspace, inbound_id)
    if found is None:
        return []
    _tell(found)
    return found


def choose_by_key(workspace: Workspace, inbound_id: int, key: str, found: list[Candidate], by: str) -> bool:
    """Join by the key that was pressed: a number of those offered, or j and then who. Whether it was done."""
    from ..work.join import join_customer

    try:
        if key == "j":
            typer.echo("whose? (address, number, handle or name): ", nl=False)
            chosen = one_of(workspace, sys.stdin.readline().strip())
        elif int(key) <= len(found):
            chosen = found[int(key) - 1]
        else:
            raise UsageError(f"there is no {key} to choose")
        done = join_customer(workspace, inbound_id, chosen.customer_id, by=by)
    except (InputError, NeedsPerson, UsageError) as wrong:
        typer.echo(f"{wrong.message}. {wrong.remedy}")
        return False
    typer.echo(f"→ {_numbers(done)} joined to {chosen.address}; the next one is known by itself (z takes it back)")
    return True


def undo_join(workspace: Workspace, inbound_id: int, by: str) -> None:
    """Take back what the last key joined."""
    from ..work.join import take_back

    typer.echo(f"taken back: {_numbers(take_back(workspace, inbound_id, by=by))}")


def _tell(found: list[Candidate]) -> None:
    if not found:
        typer.echo("whose?    nobody that we know · j names a customer")
        return
    for number, one in enumerate(found, 1):
        typer.echo(f"{'whose?   ' if number == 1 else '         '} {number} {printable(str(one))}")
    typer.echo("          j somebody else")


def _numbers(done: list[int]) -> str:
    shown = ", ".join(map(str, done[:10])) + (" …" if len(done) > 10 else "")
    return f"message{'s' if len(done) > 1 else ''} {shown}"
