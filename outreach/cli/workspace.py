"""`outreach init`: make a workspace, or complete and upgrade the one that stands there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import AsJson, print_json

init_app = typer.Typer()


@init_app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The folder to make; its last part names the workspace.")] = Path(),
    name: Annotated[str, typer.Option(help="The company's name, where it is not the folder's.")] = "",
    database: Annotated[
        str,
        typer.Option(metavar="URL", help="Keep it on PostgreSQL: postgresql://user:password@host/name. Else SQLite."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Create a workspace: settings, starter templates and tips, keys, and a database.

    Nothing that exists is overwritten. In an older workspace the database is backed up, then upgraded. A URL is
    written into outreach.toml; one in OUTREACH_DATABASE is used and not written down.

    Example: [bold]outreach init acme && cd acme[/bold]   or
    [bold]outreach init acme --database postgresql://outreach@db.acme.example/outreach[/bold]
    """
    from ..work.create import create_workspace  # lazy: SQLModel takes most of a second

    root = folder.resolve()
    created = create_workspace(root, name or root.name, database=database)
    if as_json:
        print_json({"root": root, "made": created.made, "kept": created.kept, "backup": created.backup})
        return
    typer.echo(f"{root}: {len(created.made)} files made, {len(created.kept)} kept as they were.")
    if created.backup:
        typer.echo(f"The database was upgraded; the old one is {created.backup}.")
    typer.echo("Mail goes to the built-in catcher until you set a relay in outreach.toml.")
    typer.echo("Next: outreach customers import people.csv --list customers")
