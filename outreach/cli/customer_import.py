"""`outreach customers import|imports`: files of people, looked at before they are written, and taken back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .common import AsJson, Yes, confirm, counted, me, open_here, print_json, print_table, progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress

    from ..work.intake_wishes import ImportResult

By = Annotated[str, typer.Option("--by", help="Who does it; else the name you are logged in with.")]


File = Annotated[Path | None, typer.Argument(metavar="FILE", help="A CSV, JSON-lines or .xlsx file.")]
IntoList = Annotated[str, typer.Option("--list", help="The mailing list; made where there is none.")]
Maps = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="HEADING=FIELD", help="What a column means: a field, an attribute's name, or - to skip it."
    ),
]
Types = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="HEADING=TYPE", help="text, whole, number, day, truth or list; else it shows."),
]
KnownWays = Annotated[
    list[str] | None,
    typer.Option("--when-known", metavar="[FIELD=]WAY", help="For people known already: merge, replace or fill-empty."),
]
Source = Annotated[
    str, typer.Option(help="Where it comes from: mailchimp, listmonk, …, or a name that keeps these options.")
]
Preview = Annotated[int, typer.Option(min=0, metavar="N", help="Show what becomes of N rows; write nothing.")]
Undo = Annotated[int, typer.Option(min=0, metavar="ID", help="Take this import back.")]


def import_file(
    file: File = None,
    list_name: IntoList = "",
    mapping: Maps = None,
    types: Types = None,
    ways: KnownWays = None,
    source: Source = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count; write nothing.")] = False,
    preview: Preview = 0,
    undo: Undo = 0,
    yes: Yes = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Import people from a CSV, JSON-lines or .xlsx file, whatever program wrote it, or take an import back.

    Headings are known in English, German, French and Spanish, and as listmonk, Mailchimp, Constant Contact, phpList,
    Keila and Salesforce write them; --map names others. The fields: address, first_name, last_name, phone, handle,
    language, country, zone, status, opted_out, bounced, confirmed, not_subscribed, attributes, consent_at, consent_how,
    consent_words. Every other column becomes an attribute for segments and templates. Bad rows go to FILE.rejects.csv
    with a reason each. Nobody who unsubscribed is subscribed again, and a suppressed address never comes back. People
    without an e-mail address but with a number or a postal address are kept: the plan names them.

    Example: [bold]outreach customers import people.csv --list customers --map "Kd-Nr=number" --preview 5[/bold],
    [bold]outreach customers import --undo 3[/bold]
    """
    if undo:
        _undo(undo, yes=yes, by=by, as_json=as_json)
        return
    if file is None or not list_name:
        raise UsageError(
            "name a file and a list", remedy="outreach customers import people.csv --list customers --dry-run"
        )
    from ..audience.merge import read_ways  # lazy, as below: SQLModel takes most of a second
    from ..work.intake import import_customers
    from ..work.intake_wishes import Wishes
    from .customer_views import import_json, tell_import

    maps = _pairs(mapping or [], "--map", "HEADING=FIELD", 'For example: --map "Kunden-Mail=address"')
    kinds = _pairs(types or [], "--type", "HEADING=TYPE", 'For example: --type "PLZ=text"')
    wishes = Wishes(maps, kinds, read_ways(ways or []), source.strip().lower(), by or me())
    workspace = open_here()
    with progress(by_hand=True) as bar:  # with one thread, it may fork
        result: ImportResult = import_customers(
            workspace,
            file,
            list_name,
            wishes,
            dry_run=dry_run or preview > 0,
            preview=preview,
            progress=_shown_in(bar, "Counting" if dry_run or preview else "Importing"),
        )
    if as_json:
        print_json(import_json(result))
    else:
        tell_import(result)


def _shown_in(bar: Progress, what: str) -> Callable[[int, int], None]:
    """Show how far it is, ten times a second at most."""
    task, shown = bar.add_task(what, total=None), 0.0

    def show(done: int, whole: int) -> None:
        nonlocal shown
        bar.update(task, completed=done, total=whole)
        if time.monotonic() > shown + 0.1:
            bar.refresh()
            shown = time.monotonic()

    return show


def imports(limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20, as_json: AsJson = False) -> None:
    """List the imports, newest first: what each brought, how it stands, and its number for --undo.

    Example: [bold]outreach customers imports[/bold]
    """
    from ..store.import_log import list_imports

    workspace = open_here()
    with workspace.database.read() as session:
        found = [_row(one.row, one.changed) for one in list_imports(session, limit=limit)]
    if as_json:
        print_json(found)
        return
    if not found:
        typer.echo("None yet: outreach customers import FILE --list NAME")
        return
    print_table(
        ["id", "at", "file", "list", "source", "state", "made", "changed", "refused", "by"],
        [
            [
                *(one["id"], f"{one['at']:%Y-%m-%d %H:%M}", Path(one["file"]).name, one["list"], one["source"]),
                *(one["state"], one["created"], one["changed"], one["invalid"], one["by"]),
            ]
            for one in found
        ],
    )
    if any(one["state"] == "running" for one in found):
        typer.echo("“running” is also one that was broken off: import its file again, or take it back.")


def _row(row: Any, changed: int) -> dict[str, Any]:
    made = sum(last - first + 1 for first, last in row.created) or row.counts.get("created", 0)
    return {
        "id": row.id,
        "at": row.at,
        "file": row.file,
        "list": row.list_name,
        "source": row.source,
        "state": row.state,
        "created": made,
        "changed": changed,
        "invalid": row.counts.get("invalid", 0),
        "rejects": row.rejects,
        "by": row.by,
        "undone_at": row.undone_at,
    }


def _undo(number: int, *, yes: bool, by: str, as_json: bool) -> None:
    from ..store.import_log import find_import
    from ..work.undo import undo_import

    workspace = open_here()
    with workspace.database.read() as session:
        row = find_import(session, number)
        told = None if row is None else _row(row, 0)
    if told is not None and told["state"] != "undone":
        where = f"{Path(told['file']).name} into {told['list']}, {told['at']:%Y-%m-%d %H:%M} UTC"
        running = " It did not end: if it still runs, stop it first." if told["state"] == "running" else ""
        if not confirm(f"Take import {number} back ({where}: {told['created']:,} people made)?{running}", yes=yes):
            raise typer.Exit(3)
    with progress() as bar:
        task = bar.add_task("Taking back", total=None)
        done = undo_import(
            workspace, number, by=by or me(), progress=lambda at, whole: bar.update(task, completed=at, total=whole)
        )
    if as_json:
        print_json({"id": number, **vars(done)})
        return
    typer.echo(f"Import {number} is taken back: {done.removed:,} people removed, {done.restored:,} changes put back.")
    if done.kept:
        typer.echo(
            f"{done.kept:,} people stay, because something happened with them since; they get no newsletters by it."
        )
    if done.newer:
        typer.echo(f"{counted(done.newer, 'person keeps', 'people keep')} the subscription: a later import proves it.")
    if done.left:
        typer.echo(f"{done.left:,} changes stay as they are: somebody changed the same since.")
    if done.unblocked:
        typer.echo(f"{done.unblocked:,} addresses are no longer blocked.")
    if done.merged:
        typer.echo(f"{done.merged:,} became a part of others since: what those took of them went, the merging stays.")


def _pairs(given: list[str], option: str, form: str, remedy: str) -> dict[str, str]:
    wanted = {}
    for one in given:
        heading, sign, value = one.rpartition("=")
        if not sign or not heading.strip() or not value.strip():
            raise UsageError(f"{option} {one}: it must be {form}", remedy=remedy)
        wanted[heading.strip()] = value.strip()
    return wanted
