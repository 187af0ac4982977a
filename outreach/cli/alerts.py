"""`outreach alerts …`: what needs a person, and a test that telling works."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import DatabaseError
from .common import AsJson, open_here, print_json, print_table, printable

app = typer.Typer(no_args_is_help=True, help="What needs a person, who was told, and a test that telling works.")


@app.command("list")
def list_alerts(
    every: Annotated[bool, typer.Option("--all", help="Those that are over too, newest first.")] = False,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
    as_json: AsJson = False,
) -> None:
    """List what needs a person now, each with the command to run next. It looks as `outreach run` does.

    Example: [bold]outreach alerts list[/bold]
    """
    from ..store.alerts import open_alerts, recent_alerts  # lazy: SQLModel takes most of a second
    from ..work.watch import watch

    workspace = open_here()
    try:
        watch(workspace)
    except DatabaseError as wrong:
        typer.echo(f"warning: as it was when the database could last be written: {wrong}", err=True)
    with workspace.database.read() as session:
        found = recent_alerts(session, limit) if every else open_alerts(session)[:limit]
    if as_json:
        names = ("id", "kind", "subject", "words", "remedy", "raised_at", "told_at", "over_at", "trouble")
        print_json([{name: getattr(alert, name) for name in names} for alert in found])
        return
    if not found:
        typer.echo("Nothing needs a person.")
        return
    print_table(
        ("since", "what", "about", "words", "next"),
        (
            (
                alert.raised_at,
                alert.kind.value.replace("_", " ") + (" (over)" if alert.over_at else ""),
                printable(alert.subject),
                printable(alert.words + (f" [not told: {alert.trouble}]" if alert.trouble else "")),
                printable(alert.remedy),
            )
            for alert in found
        ),
    )
    alerts = workspace.settings.alerts
    if not alerts.to and not alerts.command:
        typer.echo("Nobody is told of these: set `to` or `command` in [alerts] of outreach.toml.")


@app.command()
def test(as_json: AsJson = False) -> None:
    """Tell everybody in \\[alerts] at once that this is a test: by mail, and by the command.

    Example: [bold]outreach alerts test[/bold]
    """
    from ..errors import SettingsError  # lazy: as all that follows
    from ..work.tell import tell_test

    workspace = open_here()
    told = tell_test(workspace)
    if not told:
        raise SettingsError(
            "nobody is set to be told",
            remedy='Set to = ["ops@acme.example"] or `command` in [alerts] of outreach.toml.',
        )
    if as_json:
        print_json([{"to": each.to, "ok": each.ok, "words": each.words} for each in told])
    else:
        for each in told:
            typer.echo(f"{'told' if each.ok else 'NOT told'} {each.to}: {printable(each.words) or 'done'}")
    if not all(each.ok for each in told):
        raise typer.Exit(1)
