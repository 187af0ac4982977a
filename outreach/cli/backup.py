"""`outreach backup` and `outreach restore`: a whole workspace in one file, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import AsJson, Yes, confirm, print_json, progress, workspace_root

backup_app = typer.Typer()
restore_app = typer.Typer()


WAITS = "Whoever was erased or said stop since then is seen to by that last command, before anything is sent."


@backup_app.command()
def backup(
    file: Annotated[
        Path | None, typer.Argument(help="The file to make, or a folder; else in the workspace's own folder backups.")
    ] = None,
    keep: Annotated[int, typer.Option(help="Keep only so many of this workspace's backups in that folder.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Back up the database, keys, settings, signing keys and templates into one file, while everything runs.

    The copy is checked before it gets its name; the file is readable by its owner only: it holds addresses and keys.
    With --keep a folder that is not there yet is made.

    Example: [bold]outreach backup /mnt/backups --keep 14[/bold]
    """
    from ..work.backup import back_up_workspace  # lazy: SQLModel takes most of a second

    with progress() as bar:
        task = bar.add_task("copying", total=None)
        made = back_up_workspace(
            workspace_root(),
            file,
            keep=keep,
            report=lambda what, done, total: bar.update(task, description=what, completed=done, total=total),
        )
    if made.behind:
        typer.echo(f"The backup was made, but: {made.behind}. See `outreach doctor`.", err=True)
    if as_json:
        print_json({"file": made.file, "bytes": made.bytes, "files": made.files, "removed": list(made.removed)})
        return
    typer.echo(f"{made.file}: {made.bytes / 1_000_000:,.1f} MB, {made.files} files, checked.")
    for old in made.removed:
        typer.echo(f"Removed {old.name}: only {keep} are kept.")


@restore_app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `outreach backup` made.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup back into this workspace, or into an empty folder. What stands there is kept aside.

    Refused while `outreach run` or `send` works here. Afterwards nothing is sent until you have looked and said
    [bold]outreach doctor --accept-database[/bold]: mail that went out after the backup would go out again.

    Whoever was erased, or said stop, since the backup was made is erased, or stopped, again, and it says how many: as
    the registers `outreach.erased` and `outreach.stops` tell, here, beside the backup, and in later backups there.

    Example: [bold]outreach -w /srv/acme restore acme-20261127T021500Z.tar.gz[/bold]
    """
    from ..work.erase_again import told
    from ..work.restore import restore_workspace, told_known  # lazy: SQLModel takes most of a second
    from ..work.stop_again import told_stops

    root = workspace_root()
    if not confirm(f"Put {file.name} in the place of what is in {root}?", yes=yes):
        raise typer.Exit(3)
    done = restore_workspace(root, file)
    again, stopped = done.erased, done.stopped
    if as_json:
        counts = {
            "erased": again.people if again is not None else None,
            "blocked": again.blocked if again is not None else None,
            "stopped": stopped.people if stopped is not None else None,
        }
        known = {"known_from": list(done.known.sources), "known_until": done.known.until}
        told_of = {"made_at": done.made_at, "files": done.files, "aside": done.aside, "paused": True}
        print_json({"root": root, **told_of, **counts, **known})
        return
    typer.echo(f"{root} is as it was at {done.made_at}: {done.files} files.")
    if done.aside:
        typer.echo(f"What stood here before is in {done.aside}.")
    if done.older:
        typer.echo("It is from an older outreach: run `outreach db upgrade` first.")
    for line in [*told(again), *told_stops(stopped)] if again is not None and stopped is not None else [WAITS]:
        typer.echo(line)
    for line in told_known(done):
        typer.echo(line)
    typer.echo("Nothing is sent until a person says go. Look at what went out since then, and then:")
    typer.echo("  outreach doctor --accept-database")
