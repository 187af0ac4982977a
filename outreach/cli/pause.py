"""`outreach pause` and `outreach resume`: all mail, in every process."""

from __future__ import annotations

from typing import Annotated

import typer

from .common import me, open_here

pause_app = typer.Typer(add_completion=False)
resume_app = typer.Typer(add_completion=False)


@pause_app.command()
def pause(
    reason: Annotated[str, typer.Option(help="Why, for whoever wonders: send, run and doctor say it.")] = "",
) -> None:
    """Stop all mail at once, in every process that sends, until `outreach resume`.

    Mails that the relay has in hand at this moment are finished; nothing else leaves. Nobody is skipped and nobody gets
    anything twice. To stop one campaign alone: outreach campaigns pause NAME.

    Example: [bold]outreach pause --reason "wrong price in the offer"[/bold]
    """
    from ..work.pause import pause_all  # lazy: SQLModel takes most of a second

    workspace = open_here()
    changed = pause_all(workspace, reason or f"{me()} said so")
    typer.echo("Nothing leaves until: outreach resume" if changed else "All sending was paused already.")


@resume_app.command()
def resume() -> None:
    """Let mail go on after `outreach pause`.

    Exits with 3 and says why where something else keeps it: a restored backup waits for `outreach doctor
    --accept-database`, as does a copy of the workspace's folder.

    Example: [bold]outreach resume[/bold]
    """
    from ..work.pause import resume_all
    from ..work.workspace import check_may_send

    workspace = open_here()
    changed = resume_all(workspace)
    check_may_send(workspace)
    typer.echo("`outreach run` goes on within seconds." if changed else "Nothing was paused.")
