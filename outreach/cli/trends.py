"""`outreach trends`: what many customers write about now, and the tips issue that is proposed from it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from .common import AsJson, open_here, print_json, printable, progress

trends_app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Topics by different people per 1,000 reached."
)


@trends_app.command("list")
def list_trends(
    of: Annotated[str, typer.Option("--list", help="Only people of this list, against the list's own history.")] = "",
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=366, help="The period; else trend_days of the settings.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List what people write about: how many of those reached, with an interval, and whether that is new.

    Fewer than five different people are no trend. People are counted, not messages.

    Example: [bold]outreach trends list --list customers --days 28[/bold]
    """
    from ..work.trends import list_named, read_trends  # lazy: SQLModel takes most of a second

    workspace = open_here()
    with progress() as bar, workspace.database.read() as session:
        bar.add_task("counting people", total=None)
        views = read_trends(session, workspace, list_named(session, of), workspace.clock(), days=days)
    if as_json:
        print_json(
            [
                asdict(view.trend)
                | {"words": view.trend.words, "quotes": [asdict(one) for one in view.quotes], "cases": view.cases}
                | {"others": view.others, "tips": view.tips}
                for view in views
            ]
        )
        return
    if not views:
        typer.echo("Nobody wrote about a topic in this period.")
    for view in views:
        typer.echo(view.trend.words)
        if view.trend.enough:
            typer.echo(f"  tips on it: {view.tips}" if view.tips else "  no tip on it yet: write one")
            for quote in view.quotes:
                typer.echo(f"  case {quote.case}: {printable(quote.words)}")
        if view.others:
            typer.echo(f"  and {view.others} who are no customers")


@trends_app.command()
def propose(
    campaign: Annotated[str, typer.Argument(help="A campaign with tips, as `campaigns list` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Propose the campaign's next tips issue from what many write about; `outreach run` does so by itself each hour.

    Example: [bold]outreach trends propose tips[/bold]
    """
    from ..work.trends import propose_issue  # lazy

    workspace = open_here()
    topics, lacking = propose_issue(workspace, campaign)
    if as_json:
        print_json({"campaign": campaign, "topics": topics, "without_tips": [one.topic for one in lacking]})
        return
    waits = workspace.settings.steps.trends == "propose"
    for topic in topics:
        typer.echo(f"The next issue of {campaign} {'would bring' if waits else 'brings'} {topic} forward.")
    if topics and waits:
        typer.echo("Say yes or no: outreach steps list --state proposed")
    if not topics:
        typer.echo("Nothing new to propose: no trend, or it was decided for this issue already.")
    for one in lacking:
        typer.echo(f"No tip is there on {one.topic}, and {one.people} people wrote about it: write one.")
