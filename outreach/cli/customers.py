"""`outreach customers …`: bring people in, look them up, and stop mail to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError
from . import customer_change, customer_data, customer_import
from .common import AsJson, Yes, confirm, me, open_here, print_json, print_table, progress
from .customer_views import customer_json, row_json, tell_customer
from .segments import rule_of, tell_doubts

if TYPE_CHECKING:
    from sqlmodel import Session

    from ..records import Customer
    from ..work.workspace import Workspace

app = typer.Typer(no_args_is_help=True, help="Import customers, look them up, stop mail to them.")

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The customer's e-mail address, in any spelling.")]
InList = Annotated[str | None, typer.Option("--list", help="Only this mailing list.")]
Rule = Annotated[str, typer.Option("--segment", help="""Only whom this takes: 'plan == "pro" and country == "DE"'.""")]
By = Annotated[str, typer.Option("--by", help="Who does it; else the name you are logged in with.")]


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
        found = list_customers(session, list_id=_list_id(session, list_name), segment=rule, limit=limit + 1)
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
    from ..store.segments import count_people, unknown_fields

    workspace = open_here()
    with workspace.database.read() as session:
        rule = rule_of(session, workspace, segment)
        list_id = _list_id(session, list_name)
        states = {} if list_id is None else count_states(session, list_id, rule)
        number = count_people(session, rule) if list_id is None else sum(states.values())
        unknown = unknown_fields(session, rule)
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


@app.command("show")
def show(email: Email, as_json: AsJson = False) -> None:
    """Show all that is kept of one customer: fields, subscriptions, consents, blocks, the newest mails.

    Example: [bold]outreach customers show ann@example.com[/bold]
    """
    workspace = open_here()
    with workspace.database.read() as session:
        told = customer_json(session, _customer(session, workspace, email))
    if as_json:
        print_json(told)
    else:
        tell_customer(told)


app.command("add")(customer_change.add)
app.command("change")(customer_change.change)
app.command("export")(customer_data.export)
app.command("erase")(customer_data.erase)


@app.command("unsubscribe")
def unsubscribe(
    email: Email,
    list_name: InList = None,
    words: Annotated[str, typer.Option(help="What the person said or wrote.")] = "",
    by: By = "",
) -> None:
    """Stop newsletters to a person: of one list, or, without --list, of all lists and all to come.

    Example: [bold]outreach customers unsubscribe ann@example.com --words "asked by phone"[/bold]
    """
    from ..store import consents
    from ..work.epoch import advance

    workspace = open_here()
    with workspace.database.write() as session:
        customer = _customer(session, workspace, email)
        changed = consents.unsubscribe(
            session,
            customer_id=customer.id or 0,
            list_id=_list_id(session, list_name),
            at=workspace.clock(),
            how="person",
            evidence="customers unsubscribe",
            words=words,
            by=by or me(),
        )
        advance(session, workspace.root, needed=False)
    where = list_name or "any list"
    typer.echo(f"{customer.address} {'gets' if changed else 'got already'} no newsletters of {where}.")


@app.command("resubscribe")
def resubscribe(
    email: Email,
    words: Annotated[str, typer.Option(help="What the person said or wrote: the proof of their wish.")],
    list_name: InList = None,
    by: By = "",
) -> None:
    """Undo an unsubscribe that was a mistake or was taken back. Without --list: the last one from all lists.

    Example: [bold]outreach customers resubscribe ann@example.com --words "wrote on 3 May that she wants it"[/bold]
    """
    from ..store import consents

    workspace = open_here()
    with workspace.database.write() as session:
        customer = _customer(session, workspace, email)
        changed = consents.resubscribe(
            session,
            customer_id=customer.id or 0,
            list_id=_list_id(session, list_name),
            at=workspace.clock(),
            how="person",
            evidence="customers resubscribe",
            words=words,
            by=by or me(),
        )
    typer.echo(f"{customer.address} is subscribed again." if changed else "Nothing had been withdrawn.")


@app.command("suppress")
def suppress(
    email: Email,
    reason: Annotated[str, typer.Option(help="Why, in your words; shown wherever a mail is withheld.")],
    by: By = "",
) -> None:
    """Block an address: never write to it again, not even an answer. It need not be a customer's.

    Example: [bold]outreach customers suppress ann@example.com --reason "lawyer's letter of 3 May"[/bold]
    """
    from ..address import address_key, canonical_address
    from ..records import SuppressionReason
    from ..store import consents
    from ..work.epoch import advance

    workspace = open_here()
    address = canonical_address(email)
    with workspace.database.write() as session:
        changed = consents.suppress(
            session,
            address_key=address_key(workspace.keys, address),
            reason=SuppressionReason.BY_HAND,
            at=workspace.clock(),
            evidence=f"{reason} ({by or me()})",
        )
        advance(session, workspace.root, needed=False)
    typer.echo(f"{address} {'is' if changed else 'was already'} blocked.")


@app.command("unsuppress")
def unsuppress(email: Email, yes: Yes = False) -> None:
    """Take an address off the block list, after showing why it stands there. Subscriptions stay as they are.

    Example: [bold]outreach customers unsuppress ann@example.com[/bold]
    """
    from ..address import address_key, canonical_address
    from ..audience.consent import SUPPRESSION_WORDS
    from ..store import consents

    workspace = open_here()
    address = canonical_address(email)
    key = address_key(workspace.keys, address)
    with workspace.database.read() as session:
        block = consents.find_suppression(session, key)
    if block is None:
        typer.echo(f"{address} was not blocked.")
        return
    typer.echo(f"{address} is blocked since {block.at:%Y-%m-%d}: {SUPPRESSION_WORDS[block.reason]} ({block.evidence}).")
    if not confirm("Write to it again?", yes=yes):
        raise typer.Exit(3)
    with workspace.database.write() as session:
        consents.unsuppress(session, address_key=key)
    typer.echo(f"{address} is no longer blocked.")


def _save(workspace: Workspace, file: Path, list_name: str | None, segment: str, *, as_json: bool) -> None:
    from ..work.extract import extract_customers

    with workspace.database.read() as session:
        list_id, rule = _list_id(session, list_name), rule_of(session, workspace, segment)
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


def _list_id(session: Session, name: str | None) -> int | None:
    from ..store.customers import list_id_of, list_names

    if name is None:
        return None
    found = list_id_of(session, name)
    if found is None:
        names = ", ".join(list_names(session))
        raise InputError(
            f"there is no mailing list {name!r}",
            remedy=f"There are: {names}."
            if names
            else "An import makes one: outreach customers import FILE --list NAME.",
        )
    return found


def _customer(session: Session, workspace: Workspace, email: str) -> Customer:
    from ..address import canonical_address
    from ..store.customers import find_customer
    from ..work.erase import no_customer

    found = find_customer(session, workspace.keys, canonical_address(email))
    if found is None:
        raise no_customer(session, workspace, email)
    return found
