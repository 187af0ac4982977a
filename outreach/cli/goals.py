"""`outreach goals`: what customers did that we hoped for, beside the newsletters that they had got before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import AsJson, open_here, print_json, print_table, progress

app = typer.Typer(no_args_is_help=True, help="Goals that customers reached, and the newsletters before them.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or JSON lines.")],
    goal: Annotated[str, typer.Option("--goal", help="What rows are that name no goal of their own.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be added, and add nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take goals from a file: who (email), what (goal), when (at), and if known for how much (value) and an id.

    The same row again changes nothing. Each goal counts for the last newsletter that its customer got in the days
    before, as goal_days says in the settings. Rows that cannot be used go to a file beside it, with a reason each.

    Example: [bold]outreach goals import orders.csv --goal order[/bold]
    """
    from ..work.goals import import_goals  # lazy: SQLModel

    workspace = open_here()
    with progress() as bar:
        task = bar.add_task("importing", total=None)
        done = import_goals(workspace, file, goal=goal, dry_run=dry_run, progress=lambda rows: bar.advance(task, rows))
    if as_json:
        names = ("file", "dry_run", "rows", "added", "known", "invalid", "attributed", "rejects", "reasons")
        print_json({name: getattr(done, name) for name in names})
        return
    would = "would be " if done.dry_run else ""
    typer.echo(f"{done.file}: {done.rows:,} rows, {done.added:,} {would}added, {done.known:,} known already.")
    typer.echo(f"{done.attributed:,} of those added count for a newsletter.")
    if done.invalid:
        typer.echo(f"{done.invalid:,} rows cannot be used{f': see {done.rejects}' if done.rejects else ''}")
        for reason, count in done.reasons.most_common():
            typer.echo(f"  {count:>6,}  {reason}")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Each goal: how often it was reached, by how many people, for how much, and how often after a newsletter.

    Example: [bold]outreach goals list[/bold]   Which edition it counts for: outreach report
    """
    from ..store.goals import goal_counts  # lazy: SQLModel

    with open_here().database.read() as session:
        found = goal_counts(session)
    if as_json:
        print_json(found)
        return
    print_table(
        ["goal", "reached", "people", "worth", "after a newsletter", "last"],
        (
            [
                one["name"],
                one["reached"],
                one["people"],
                "" if one["value"] is None else f"{one['value']:,.2f}",
                one["after_newsletter"],
                one["last_at"],
            ]
            for one in found
        ),
    )
