"""`outreach customers …`: bring people in, look them up, and stop mail to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import customer_change, customer_consent, customer_data, customer_groups, customer_import, customer_merge
from .common import AsJson, open_here, print_json, print_table, progress
from .customer_consent import Email, InList, customer_at, list_id_named
from .customer_views import customer_json, row_json, tell_customer
from .segments import rule_of, tell_doubts

if TYPE_CHECKING:
    from ..work.workspace import Workspace


app = typer.Typer(no_args_is_help=True, help="Import customers, look them up, stop mail to them.")

Rule = Annotated[str, typer.Option("--segment", help="""Only whom this takes: 'plan == "pro" and country == "DE"'.""")]


app.add_typer(customer_groups.app, name="groups")
app.command("import")(customer_import.import_file)
app.command("imports")(customer_import.imports)


@app.command("list")
def list_people(
    list_name: InList = None,
    segment: Rule = "",
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Write all of them to a new CSV file.")] = None,
    as_json: AsJson = False,
) -> None:
    """List customers in the order in which they came, or save them as a file that `customers import` reads back.

    Example: [bold]outreach customers list --list customers --segment 'language == "de"' --limit 20[/bold],
    [bold]outreach customers list --list customers --save customers.csv[/bold]
    """
    from ..store.customers import list_customers

    workspace = open_here()
    if save is not None:
        _save(workspace, save, list_name, segment, as_json=as_json)
        return
    with workspace.database.read() as session:
        rule = rule_of(session, workspace, segment)
        found = list_customers(session, list_id=list_id_named(session, list_name), segment=rule, limit=limit + 1)
        tell_doubts(session, rule)
    shown = found[:limit]
    if as_json:
        print_json([row_json(row, state) for row, state in shown])
        return
    if not shown:
        typer.echo("Nobody.")
        return
    headings = ["id", "email", "first name", "last name", "language", "country", "zone", "state"]
    rows = [
        [row.id, row.address, row.first_name, row.last_name, row.language, row.country, row.zone, state]
        for row, state in shown
    ]
    width = len(headings) - (list_name is None)  # only a list has states
    print_table(headings[:width], [row[:width] for row in rows])
    if len(found) > limit:
        typer.echo(f"There are more than these {limit}: use --limit.", err=True)


@app.command("count")
def count(list_name: InList = None, segment: Rule = "", as_json: AsJson = False) -> None:
    """Count the people whom a segment takes, before a campaign uses it.

    Example: [bold]outreach customers count --list customers --segment 'seats >= 5 and plan != "free"'[/bold]
    """
    from ..store.customers import count_states
    from ..store.segment_counts import count_people
    from ..store.segments import unknown_fields
    from ..store.unconfirmed import count_waiting

    workspace = open_here()
    with workspace.database.read() as session:
        rule = rule_of(session, workspace, segment)
        list_id = list_id_named(session, list_name)
        states = {} if list_id is None else count_states(session, list_id, rule)
        number = count_people(session, rule) if list_id is None else sum(states.values())
        unknown, waiting = unknown_fields(session, rule), count_waiting(session)[0]
        if not as_json:
            tell_doubts(session, rule)
    if as_json:
        by_state = {state.value: count for state, count in states.items()}
        print_json(
            {"count": number, "list": list_name, "segment": rule.text, "states": by_state, "unknown_fields": unknown}
        )
        return
    parts = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items()))
    typer.echo(f"{number:,} people" + (f": {parts}" if parts else ""))
    if waiting and not segment and list_id is None:
        typer.echo(f"{waiting:,} of them wait to confirm that they want a list.")


@app.command("show")
def show(email: Email, as_json: AsJson = False) -> None:
    """Show all that is kept of one customer: fields, subscriptions, consents, blocks, the newest mails.

    Example: [bold]outreach customers show ann@example.com[/bold]
    """
    workspace = open_here()
    with workspace.database.read() as session:
        told = customer_json(session, workspace, customer_at(session, workspace, email))
    if as_json:
        print_json(told)
    else:
        tell_customer(told)


app.command("add")(customer_change.add)
app.command("change")(customer_change.change)
app.command("duplicates")(customer_merge.duplicates)
app.command("merge")(customer_merge.merge)
app.command("merges")(customer_merge.merges)
app.command("export")(customer_data.export)
app.command("erase")(customer_data.erase)


app.command("unsubscribe")(customer_consent.unsubscribe)
app.command("resubscribe")(customer_consent.resubscribe)
app.command("confirm")(customer_consent.confirm)
app.command("suppress")(customer_consent.suppress)
app.command("unsuppress")(customer_consent.unsuppress)


def _save(workspace: Workspace, file: Path, list_name: str | None, segment: str, *, as_json: bool) -> None:
    from ..work.extract import extract_customers

    with workspace.database.read() as session:
        list_id, rule = list_id_named(session, list_name), rule_of(session, workspace, segment)
        tell_doubts(session, rule)
    with progress() as bar:
        task = bar.add_task("Saving", total=None)
        done = extract_customers(
            workspace, file, list_id=list_id, segment=rule, progress=lambda people: bar.update(task, completed=people)
        )
    if as_json:
        print_json({"file": done.file, "people": done.people, "columns": done.columns})
    else:
        typer.echo(
            f"{done.people:,} people in {done.file}; import it with: outreach customers import {done.file} --list …"
        )
