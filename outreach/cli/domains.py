"""`outreach domains`: recipients' domains that rest or have made us slow down, and letting one go on."""

from __future__ import annotations

import dataclasses

import typer

from .common import AsJson, open_here, print_json, print_table

domains_app = typer.Typer(add_completion=False, no_args_is_help=True, help="Recipients' domains that are slow.")


@domains_app.command("list")
def list_domains(as_json: AsJson = False) -> None:
    """The recipients' domains that get less mail than usual, or none, why, and until when.

    A domain slows us down by itself when its servers say "too much", and recovers by itself.

    Example: [bold]outreach domains list[/bold]
    """
    from ..work.relays import domain_views  # lazy: SQLModel takes most of a second

    views = domain_views(open_here())
    if as_json:
        print_json([dataclasses.asdict(view) for view in views])
        return
    if not views:
        typer.echo("No domain rests, and none is slowed down.")
        return
    rows = [
        (
            view.name,
            view.state,
            "nothing" if view.state == "paused" else f"{view.share:.0%}, {view.per_minute} a minute",
            view.until,
            view.reason,
        )
        for view in views
    ]
    print_table(("domain", "state", "gets", "until", "why"), rows)


@domains_app.command("resume")
def resume_domain(domain: str) -> None:
    """Let a domain get mail at its usual pace again, without waiting.

    Example: [bold]outreach domains resume gmail.com[/bold]
    """
    from ..work.relays import resume_domain_named

    resume_domain_named(open_here(), domain)
    typer.echo(f"{domain} gets mail at its usual pace again.")
