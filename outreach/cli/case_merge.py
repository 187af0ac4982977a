"""`outreach cases merge`: two cases of one person that are one matter."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from .common import AsJson, Yes, confirm, me, open_here, print_json


def merge(
    first: Annotated[int, typer.Argument(metavar="ID", help="A case's number.")],
    second: Annotated[int, typer.Argument(metavar="ID", help="The number of another case of the same person.")],
    anyway: Annotated[bool, typer.Option("--anyway", help="Also while somebody else is answering.")] = False,
    by: Annotated[str, typer.Option("--by", help="Who does it; else the name you are logged in with.")] = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make two cases of one person one, where they are one matter: the older stays, with its age and its clocks.

    What was written in the other stands in it too; the sooner due time and the greater harm count, and promises go
    along. The other is closed with the reason. Nobody can part them again.

    Example: [bold]outreach cases merge 7 9[/bold]
    """
    from ..work.case_merge import merge_cases  # lazy: SQLModel takes most of a second

    workspace = open_here()
    if not confirm(f"Make cases {first} and {second} one?", yes=yes):
        raise typer.Exit(3)
    done = merge_cases(workspace, first, second, by or me(), anyway=anyway)
    if as_json:
        print_json(asdict(done))
        return
    messages = f"{done.messages} message{'' if done.messages == 1 else 's'}"
    along = f" and {done.promises} promise{'' if done.promises == 1 else 's'}" if done.promises else ""
    typer.echo(f"Case {done.kept} goes on with {messages}{along} of case {done.closed}, which is closed.")
