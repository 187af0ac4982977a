"""`outreach customers duplicates|merge|merges`: who may be one person, made one by a person's word, and two again."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .common import AsJson, Yes, confirm, me, open_here, print_json, print_table, printable, progress

if TYPE_CHECKING:
    from ..store.merge_log import MergeSeen

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
    keep: Annotated[str, typer.Argument(metavar="KEEP", help="The address of the customer that is kept.")] = "",
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The address of the one that becomes part of it.")] = "",
    undo: Annotated[
        int | None, typer.Option("--undo", metavar="ID", help="Take the merge with this number back.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    by: By = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Make two customers one: mails, replies, cases, consents, contacts and attributes of both are the kept one's.

    The stricter wins: a list that one of them left stays left, a block for the person's sake blocks both addresses, the
    longer pause and the rarer mail count. Mail that both would get is cancelled once. A record of both is kept, by
    which --undo makes two of them again: what nobody changed since is as it was, and what cannot be parted is said.

    Example: [bold]outreach customers merge ann@gmail.com ann@gmial.com[/bold], and back:
    [bold]outreach customers merge --undo 3[/bold]
    """
    if undo is not None and not (keep or other or dry_run):
        _undo(undo, by=by, yes=yes, as_json=as_json)
        return
    if undo is not None or not (keep and other):
        raise UsageError("say whom to keep and who becomes part of them", remedy="Or --undo ID alone takes one back.")
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


def _undo(number: int, *, by: str, yes: bool, as_json: bool) -> None:
    from ..work.unmerge import known_merge, undo_merge

    workspace = open_here()
    seen = known_merge(workspace, number)
    if seen.state == "done" and not confirm(f"Make {seen.gone} and {seen.kept} two people again?", yes=yes):
        raise typer.Exit(3)
    done = undo_merge(workspace, number, by=by or me())
    if as_json:
        print_json({"id": number, **asdict(done)})
        return
    back = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(done.back.items()))
    typer.echo(f"Done: {done.kept} and {done.gone} are two people again" + (f" ({back} went back)." if back else "."))
    for words in done.words:
        typer.echo(f"  {printable(words)}")


def merges(
    number: Annotated[int | None, typer.Argument(metavar="[ID]", help="Only this one, with what both were.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the customers that were made one, newest first, or show one merge: who did it, and what both were before.

    Example: [bold]outreach customers merges[/bold], [bold]outreach customers merges 3[/bold]
    """
    from ..store.merge_log import list_merges
    from ..work.unmerge import known_merge

    workspace = open_here()
    if number is not None:
        seen = known_merge(workspace, number)
        if as_json:
            print_json(_row(seen) | {"before": {name: seen.before.get(name) for name in ("kept", "gone")}})
        else:
            _tell(seen)
        return
    with workspace.database.read() as session:
        rows = [_row(one) for one in list_merges(session, limit)]
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo("None yet. Who may be one person: outreach customers duplicates")
        return
    heads = ["id", "at", "kept", "other", "by", "state"]
    shown = [
        [
            *(row["id"], f"{row['at']:%Y-%m-%d %H:%M}", row["kept"] or f"#{row['customer_id']}", row["gone"] or "-"),
            *(row["by"], row["state"].replace("_", " ")),
        ]
        for row in rows
    ]
    print_table(heads, shown)
    if any(row["state"] == "done" for row in rows):
        typer.echo("Take one back: outreach customers merge --undo ID")


def _row(seen: MergeSeen) -> dict[str, Any]:
    return {name: value for name, value in asdict(seen).items() if name != "before"}


def _tell(seen: MergeSeen) -> None:
    kept, gone = seen.kept or f"#{seen.customer_id}", seen.gone or "somebody whose address is not kept any more"
    typer.echo(f"Merge {seen.id}: {printable(gone)} became a part of {printable(kept)}")
    typer.echo(f"  on {seen.at:%Y-%m-%d %H:%M} UTC, by {printable(seen.by) or 'somebody'}")
    moved = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in seen.moved.items())
    typer.echo(f"  moved: {moved or 'nothing'}")
    names = ("address", "first_name", "last_name", "phone", "handle", "language", "country", "zone")
    kept_then, gone_then = seen.before.get("kept") or {}, seen.before.get("gone") or {}
    rows = [[name.replace("_", " "), kept_then.get(name), gone_then.get(name)] for name in names]
    mine, other = kept_then.get("attributes") or {}, gone_then.get("attributes") or {}
    rows += [[name, mine.get(name), other.get(name)] for name in sorted({*mine, *other})]
    shown = [[name, _cell(one), _cell(two)] for name, one, two in rows if one or two]
    if shown:
        print_table(["before", "the one kept", "the other"], shown)
    if seen.state == "taken_back":
        typer.echo(f"Taken back on {seen.undone_at:%Y-%m-%d %H:%M} UTC by {printable(seen.undone_by) or 'somebody'}.")
    elif seen.state == "done":
        typer.echo(f"Take it back: outreach customers merge --undo {seen.id}")


def _cell(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)
