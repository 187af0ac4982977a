"""`outreach prune`: let go of what is older than the settings keep it."""

from __future__ import annotations

from typing import Annotated

import typer

from .common import AsJson, open_here, print_json, progress

prune_app = typer.Typer()
TITLES = {
    "bodies": "texts of old mails that came in (their headers stay)",
    "moves": "attempts of old mails that were put off",
    "reasons": "reasons why old issues held just those tips",
    "workers": "processes that ended",
    "alerts": "alerts that are over",
    "pace": "limits of domains that nobody writes to any more",
    "notices": "words to colleagues about cases that are closed",
    "merges": "what two customers were before they were made one",
    "unconfirmed": "sign-ups that nobody confirmed",
    "stops": "old stops in the register beside the database",
}


@prune_app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")] = False,
    vacuum: Annotated[
        bool, typer.Option("--vacuum", help="Make the file smaller too (SQLite): nobody else may work with it then.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let go of what is older than \\[retention] keeps it. May run beside everything else.

    Never touched: who got what, consent, suppressions, bounces, doubts and how they were settled, and the mail by which
    somebody left or complained.

    Example: [bold]outreach prune --dry-run[/bold]
    """
    from ..work.prune import make_smaller  # lazy: SQLModel takes most of a second
    from ..work.prune import prune as let_go

    workspace = open_here()
    with progress() as bar:
        task = bar.add_task("looking", total=None)
        done = let_go(workspace, dry_run=dry_run, advance=lambda name, _: bar.update(task, description=name))
    smaller = make_smaller(workspace) if vacuum and not dry_run else 0
    if as_json:
        print_json({"dry_run": dry_run, "removed": done.removed, "free_bytes": done.free_bytes, "given_back": smaller})
        return
    for name, count in done.removed.items():
        if count:
            typer.echo(f"{count:,} {TITLES[name]} {'would go' if dry_run else 'let go'}")
    if not any(done.removed.values()):
        typer.echo("Nothing is older than [retention] keeps it.")
    if smaller:
        typer.echo(f"{smaller / 1_000_000:,.1f} MB given back to the disk.")
    elif done.free_bytes > 10_000_000:
        typer.echo(
            f"{done.free_bytes / 1_000_000:,.0f} MB in the file are free: new rows use them. "
            "To give them back to the disk, stop `outreach run` and use --vacuum."
        )
