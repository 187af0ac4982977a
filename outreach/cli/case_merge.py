"""`outreach cases merge`: two cases of one person that are one matter."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from ..workdays import zone_or
from .common import AsJson, Yes, confirm, me, open_here, print_json

if TYPE_CHECKING:
    from ..work.case_merge import Sketch


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
    along. The other is closed with the reason. Nobody can part them again: on a terminal you see first what will be
    one, and are asked.

    Example: [bold]outreach cases merge 7 9[/bold]
    """
    from ..work.case_merge import look_before, merge_cases  # lazy: SQLModel takes most of a second

    workspace = open_here()
    if not yes:
        found = look_before(workspace, first, second)
        zone = zone_or(workspace.settings.identity.zone, "UTC")
        typer.echo(f"Of {found.whose}:", err=True)
        typer.echo(f"  stays   {_line(found.stays, zone)}", err=True)
        typer.echo(f"  closed  {_line(found.goes, zone)}", err=True)
        question = f"Make case {found.goes.number} part of case {found.stays.number}? There is no way back."
        if not confirm(question, yes=False):
            raise typer.Exit(3)
    done = merge_cases(workspace, first, second, by or me(), anyway=anyway)
    if as_json:
        print_json(asdict(done))
        return
    messages = f"{done.messages} message{'' if done.messages == 1 else 's'}"
    along = f" and {done.promises} promise{'' if done.promises == 1 else 's'}" if done.promises else ""
    typer.echo(f"Case {done.kept} goes on with {messages}{along} of case {done.closed}, which is closed.")


def _line(case: Sketch, zone: ZoneInfo) -> str:
    numbers = [(case.messages, "message"), (case.answers, "answer"), (case.promises, "promise")]
    held = ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in numbers if number)
    topic = f", {case.topic}" if case.topic else ""
    opened = f"{case.opened_at.astimezone(zone):%Y-%m-%d %H:%M}"
    return f"case {case.number}, opened {opened}, {case.state}{topic}: “{case.text}” ({held or 'nothing written'})"
