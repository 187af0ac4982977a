"""`outreach db …`: which version the database has, how large it is, and bringing it up to date."""

from __future__ import annotations

import typer

from .common import AsJson, print_json, workspace_root

app = typer.Typer(no_args_is_help=True, help="See which version the database has, and bring it up to date.")


@app.command()
def status(as_json: AsJson = False) -> None:
    """Say which revision the database has, which this program needs, and how large it is. Exits 1 where they differ.

    Example: [bold]outreach db status[/bold]
    """
    from ..settings import load_settings  # lazy: as all that follows
    from ..store.database import open_database
    from ..store.migrate import HEAD
    from ..store.size import database_size
    from ..work.upgrade import revision_of

    root = workspace_root()
    settings = load_settings(root)
    database = open_database(settings.database, root)
    revision = revision_of(database)
    size = database_size(database)
    database.close()
    known = {None: "empty", HEAD: "current"}
    state = known.get(revision, "newer" if (revision or "") > HEAD else "older")
    if as_json:
        print_json(
            {
                "database": settings.database if "://" not in settings.database else database.engine.dialect.name,
                "state": state,
                "revision": revision,
                "needed": HEAD,
                "bytes": size.bytes,
                "free_bytes": size.free,
                "rows": size.rows,
            }
        )
    else:
        typer.echo(f"{state}: revision {revision or 'none'}, needed {HEAD}")
        typer.echo(f"{size.bytes / 1_000_000:,.1f} MB, of which {size.free / 1_000_000:,.1f} MB are free for new rows")
        for name, count in size.rows.items():
            typer.echo(f"  {name.replace('_', ' ')}: {count:,}")
        remedies = {"empty": "outreach init", "older": "outreach db upgrade", "newer": "install the newer outreach"}
        if state in remedies:
            typer.echo(f"Next: {remedies[state]}")
    if state != "current":
        raise typer.Exit(1)


@app.command()
def upgrade(as_json: AsJson = False) -> None:
    """Bring the database to the version that this program needs. A checked copy of the old one is made first.

    Refused while `outreach run` or `send` works here. Where nothing is to be upgraded on PostgreSQL, mail that waits
    and that no claim would find is put back into the queue, which may be done at any time.

    Example: [bold]outreach db upgrade[/bold]
    """
    from ..errors import DatabaseError  # lazy: as all that follows
    from ..settings import load_settings
    from ..store.database import open_database
    from ..work.upgrade import revision_of
    from ..work.upgrade import upgrade as bring_up

    root = workspace_root()
    database = open_database(load_settings(root).database, root)
    if revision_of(database) is None:
        raise DatabaseError(f"{root} has no database yet", remedy="Run `outreach init` here.")
    done = bring_up(database, root)
    database.close()
    if as_json:
        told = {"before": done.before, "after": done.after, "changed": done.changed, "backup": done.backup}
        print_json(told | {"found_again": done.found_again})
    elif done.changed:
        typer.echo(f"Upgraded from revision {done.before} to {done.after}; the old database is {done.backup}.")
    elif done.found_again:
        waited = "1 mail waited" if done.found_again == 1 else f"{done.found_again:,} mails waited"
        typer.echo(f"{waited} where no claim would have found them: they go with the next `outreach send` or `run`.")
    else:
        typer.echo(f"Nothing to do: revision {done.after} is the one that this program needs.")
