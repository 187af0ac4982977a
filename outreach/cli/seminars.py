"""`outreach seminars`: sessions with places, invitations that calendars understand, answers, and who was there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import UsageError
from .applied import applied_json, tell_notes
from .common import AsJson, Yes, confirm, counted, open_here, print_json, print_table, progress

app = typer.Typer(no_args_is_help=True, help="Seminars: sessions, invitations, answers, and who was there.")

Name = Annotated[str, typer.Argument(help="A seminar's name.")]
Place = Annotated[str, typer.Argument(metavar="NAME/SESSION", help="A session, such as best-shot/evening.")]


@app.command()
def apply(
    paths: Annotated[list[Path], typer.Argument(help="Markdown files, or folders of them.")], as_json: AsJson = False
) -> None:
    """Keep seminars that stand in Markdown files. Whoever was invited hears of a change only by `seminars tell`.

    Example: [bold]outreach seminars apply templates/seminars/best-shot.md[/bold]
    """
    from ..work.doubts_ahead import doubts_ahead  # lazy, as all below: SQLModel takes most of a second
    from ..work.files import markdown_files
    from ..work.seats import fill_places
    from ..work.seminars import apply_seminar, changes_to_tell, places_of

    workspace = open_here()
    applied = [apply_seminar(workspace, path) for path in markdown_files(paths)]
    for each in applied:
        for place in places_of(workspace, each.name):
            fill_places(workspace, place)
    ahead = doubts_ahead(workspace, "seminar", [each.name for each in applied])
    if as_json:
        print_json(applied_json(applied, {}, ahead))
        return
    tell_notes(applied, {}, ahead)
    for each in applied:
        typer.echo(f"{each.change:<9}  {each.name}  ({each.file})")
        for change in changes_to_tell(workspace, each.name):
            if change.invited:
                people = counted(change.invited, "person", "people")
                typer.echo(f"{people} to be told of it: outreach seminars tell {each.name}")


@app.command("list")
def list_seminars(as_json: AsJson = False) -> None:
    """List the seminars with their sessions.

    Example: [bold]outreach seminars list --json[/bold]
    """
    from ..store.seminars import all_seminars
    from ..work.seminars import figures_of

    workspace = open_here()
    with workspace.database.read() as session:
        names = [one.name for one in all_seminars(session)]
    rows = [figures_of(workspace, name) for name in names]
    if as_json:
        print_json(rows)
        return
    _table([(row["name"], row["zone"], one) for row in rows for one in row["sessions"]])
    if not rows:
        typer.echo("No seminars yet. Take the starter: outreach seminars apply templates/seminars", err=True)


@app.command()
def show(
    name: Name,
    who: Annotated[bool, typer.Option("--who", help="Name everybody who answered.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a seminar: for each session who is invited, comes, perhaps comes, does not, waits, and who was there.

    Example: [bold]outreach seminars show best-shot --who[/bold]
    """
    from ..work.seminars import figures_of

    told = figures_of(open_here(), name, who=who)
    if as_json:
        print_json(told)
        return
    typer.echo(f"{told['title']}  ({told['place'] or 'no place given'})")
    if told["recording"]:
        typer.echo(f"Recording: {told['recording']}")
    _table([(name, told["zone"], one) for one in told["sessions"]])
    for one in told["sessions"]:
        for guest in one.get("guests", ()):
            there = ", was there" if guest["attended"] else ""
            typer.echo(f"{name}/{one['session']}  {guest['state']:<9}  {guest['email']}  by {guest['how']}{there}")
        silent = one["invited"] - sum(guest["how"] != "attended" for guest in one.get("guests", ()))
        if who and silent > 0:
            typer.echo(f"{name}/{one['session']}  no answer  from {silent:,} of {one['invited']:,} invited")


def _table(rows: list[tuple[str, str, dict[str, Any]]]) -> None:
    from ..workdays import zone_or

    columns = (
        "session",
        "starts",
        "places",
        "invited",
        "accepted",
        "tentative",
        "declined",
        "waiting",
        "attended",
        "missed",
    )
    print_table(
        columns,
        [
            (
                f"{name}/{one['session']}{' (off)' if one['cancelled'] else ''}",
                f"{one['starts_at'].astimezone(zone_or(zone, 'UTC')):%a %-d %b %Y %H:%M} {zone}",
                one["places"] or "all",
                *(one[column] for column in columns[3:]),
            )
            for name, zone, one in rows
        ],
    )


@app.command()
def tell(name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Send those invited what has changed, for their calendars: a new time or place, or that a session is off.

    Each gets it once, and nobody who has declined.

    Example: [bold]outreach seminars tell best-shot --yes[/bold]
    """
    from ..work.seminars import changes_to_tell, tell_changes

    workspace = open_here()
    changes = changes_to_tell(workspace, name)
    told: list[dict[str, Any]] = []
    for change in changes:
        what = (
            "is off" if change.cancelled else f"is now on {change.local:%a %-d %b %Y at %H:%M} ({change.local.tzinfo})"
        )
        if not confirm(f"{change.place} {what}. Tell {counted(change.invited, 'person', 'people')}?", yes=yes):
            raise typer.Exit(3)
        with progress() as bar:
            task = bar.add_task("queueing", total=change.invited)
            people = tell_changes(workspace, change, lambda done: bar.advance(task, done))  # noqa: B023
        told.append({"session": change.place, "cancelled": change.cancelled, "told": people})
    if as_json:
        print_json(told)
        return
    for one in told:
        typer.echo(f"{one['session']}: {counted(one['told'], 'person', 'people')} to be told by the next run.")
    if not told:
        typer.echo("Everybody invited knows how things are.")


@app.command()
def answer(
    place: Place,
    email: Annotated[str, typer.Argument(help="Whose answer it is.")],
    says: Annotated[str, typer.Argument(metavar="ANSWER", help="accepted, tentative or declined.")],
) -> None:
    """Take down an answer that came by telephone or in words.

    Example: [bold]outreach seminars answer best-shot/evening ann@example.com accepted[/bold]
    """
    from ..store.customers import find_customer
    from ..work.seats import ANSWERS, take_answer
    from ..work.seminars import session_named

    if says not in ANSWERS:
        raise UsageError(f"{says!r} is no answer", remedy=f"They are {', '.join(ANSWERS)}.")
    workspace = open_here()
    with workspace.database.write() as session:
        seminar, held = session_named(session, place)
        customer = find_customer(session, workspace.keys, email)
        if customer is None or customer.id is None:
            raise UsageError(f"no customer has the address {email}", remedy="Look with: outreach customers list")
        now = workspace.clock()
        typer.echo(take_answer(session, workspace, seminar, held, customer.id, ANSWERS[says], now, "person"))


@app.command()
def attended(
    place: Place,
    file: Annotated[Path, typer.Argument(help="A text, CSV or the like that holds the addresses of those who came.")],
    as_json: AsJson = False,
) -> None:
    """Note who was there, from the list of your meeting service. Whoever had a place and is not in it has missed it.

    Example: [bold]outreach seminars attended best-shot/evening participants.csv[/bold]
    """
    from ..work.seats import import_attendance
    from ..work.seminars import figures_of

    workspace = open_here()
    done = import_attendance(workspace, place, file)
    if as_json:
        print_json({"session": done.place, "found": done.found, "noted": done.noted, "unknown": done.unknown})
        return
    told = figures_of(workspace, place.partition("/")[0])["sessions"]
    now = next(one for one in told if one["session"] == place.partition("/")[2])
    strangers = counted(len(done.unknown), "address is", "addresses are")
    typer.echo(
        f"{done.place}: {counted(done.found, 'address', 'addresses')} read, {done.noted:,} noted anew; "
        f"{strangers} no customer's. In all {now['attended']:,} were there, {now['missed']:,} with a place were not."
    )
    for address in done.unknown[:20]:
        typer.echo(f"  unknown: {address}")
