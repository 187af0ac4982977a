"""`outreach customers duplicates|merge`: customers who may be one person, made one by a person's word."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from .common import AsJson, Yes, confirm, me, open_here, print_json, print_table, printable, progress

By = Annotated[str, typer.Option("--by", help="Who does it; else the name you are logged in with.")]


def duplicates(
    limit: Annotated[int, typer.Option(min=1, help="At most so many groups.")] = 50, as_json: AsJson = False
) -> None:
    """Find customers whose addresses may be one person's: dots and + tags that count for nothing, slips in domains.

    Nothing is changed. The one that seems right stands first; outreach customers merge makes two of them one.

    Example: [bold]outreach customers duplicates[/bold]
    """
    from ..work.duplicates import find_duplicates  # lazy, as below: SQLModel takes most of a second

    workspace = open_here()
    with progress() as bar:
        task = bar.add_task("Comparing", total=None)
        found = find_duplicates(workspace, limit=limit, progress=lambda count: bar.update(task, completed=count))
    if as_json:
        print_json([{"people": [asdict(one) for one in group.people], "reasons": group.reasons} for group in found])
        return
    if not found:
        typer.echo("No two customers look like one person.")
        return
    rows = []
    for group in found:
        first = group.people[0]
        for other in group.people[1:]:
            names = " / ".join(dict.fromkeys(filter(None, (printable(first.name), printable(other.name)))))
            rows.append([first.address, other.address, names, "; ".join(group.reasons)])
    print_table(["keep", "other", "names", "why"], rows)
    typer.echo(f"Look at one pair: outreach customers merge {rows[0][0]} {rows[0][1]} --dry-run")


def merge(
    keep: Annotated[str, typer.Argument(metavar="KEEP", help="The address of the customer that is kept.")],
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The address of the one that becomes part of it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    by: By = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make two customers one: mails, replies, cases, consents, contacts and attributes of both are the kept one's.

    The stricter wins: a list that one of them left stays left, a block for the person's sake blocks both addresses, the
    longer pause and the rarer mail count. Mail that both would get is cancelled once. A record of both is kept.

    Example: [bold]outreach customers merge ann@gmail.com ann@gmial.com[/bold]
    """
    from ..work.duplicates import look_at_merging
    from ..work.duplicates import merge as make_one

    workspace = open_here()
    seen = look_at_merging(workspace, keep, other)
    if not as_json:
        for words in seen.words:
            typer.echo(printable(words))
    if dry_run:
        if as_json:
            print_json({"dry_run": True, **asdict(seen)})
        else:
            typer.echo("Nothing was changed.")
        return
    if not confirm(f"Make {seen.gone} a part of {seen.kept}?", yes=yes):
        raise typer.Exit(3)
    done = make_one(workspace, keep, other, by=by or me())
    if as_json:
        print_json({"dry_run": False, **asdict(done)})
        return
    moved = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in done.moved.items())
    typer.echo(f"Done: {done.gone} is a part of {done.kept}" + (f" ({moved})." if moved else "."))
