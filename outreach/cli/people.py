"""`outreach people …`: the colleagues who answer, their hours, and when each is told of their cases."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import AsJson, open_here, print_json, print_table

if TYPE_CHECKING:
    from ..work.people import Listed

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The colleagues who answer, and their hours.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name by which cases are given to them.")]
Mail = Annotated[str | None, typer.Option("--mail", help="Where they are told, and where they answer from.")]
Hours = Annotated[str | None, typer.Option("--hours", help="Such as 9:00-17:30, in their zone.")]
Days = Annotated[str | None, typer.Option("--days", help="Such as mon-thu, or mon,wed,fri.")]
Zone = Annotated[str | None, typer.Option("--zone", help="An IANA zone such as Europe/Berlin.")]
Holidays = Annotated[str | None, typer.Option("--holidays", help="A country, or a part of one: DE-BY.")]
Off = Annotated[str | None, typer.Option("--off", help="Own days off: 2026-12-24..2027-01-02,2027-03-01.")]
Tell = Annotated[str | None, typer.Option("--tell", help="at-once, digest (each working morning), or never.")]


@app.command()
def add(
    name: Name,
    mail: Mail = None,
    hours: Hours = None,
    days: Days = None,
    zone: Zone = None,
    holidays: Holidays = None,
    off: Off = None,
    tell: Tell = None,
) -> None:
    """Add a colleague. What is left out of their hours is the workspace's own.

    Example: [bold]outreach people add maria --mail maria@acme.example --hours 8:00-16:00 --zone Europe/Berlin[/bold]
    """
    from ..work.people import add_colleague  # lazy, as all below

    given = {"mail": mail, "hours": hours, "days": days, "zone": zone, "holidays": holidays, "off": off, "tell": tell}
    colleague = add_colleague(open_here(), name, given)
    typer.echo(f"{colleague.name} is told {_tell_words(colleague.telling.value, colleague.address)}.")


@app.command()
def change(
    name: Name,
    mail: Mail = None,
    hours: Hours = None,
    days: Days = None,
    zone: Zone = None,
    holidays: Holidays = None,
    off: Off = None,
    tell: Tell = None,
) -> None:
    """Change what is given; "" puts back the workspace's own.

    Example: [bold]outreach people change maria --off 2026-12-24..2027-01-02 --tell digest[/bold]
    """
    from ..work.people import change_colleague  # lazy

    given = {"mail": mail, "hours": hours, "days": days, "zone": zone, "holidays": holidays, "off": off, "tell": tell}
    colleague = change_colleague(open_here(), name, given)
    typer.echo(f"{colleague.name} is told {_tell_words(colleague.telling.value, colleague.address)}.")


@app.command("list")
def list_people(as_json: AsJson = False) -> None:
    """List everybody with their hours and what is on their desk.

    Example: [bold]outreach people list[/bold]
    """
    from ..work.people import list_colleagues  # lazy

    found = [_row(one) for one in list_colleagues(open_here())]
    if as_json:
        print_json(found)
    elif not found:
        typer.echo("Nobody yet: outreach people add NAME --mail ADDRESS")
    elif sys.stdout.isatty():
        rows = []
        for one in found:
            places = [f"{one['hours']} {one['days']}", " ".join(filter(None, (one["zone"], one["holidays"])))]
            off = f"off {_off_words(one['off'])}" if one["off"] else ""
            cases = f"{one['open_cases']}" + (f"\n{one['overdue']} overdue" if one["overdue"] else "")
            rows.append([one["name"], one["mail"], one["tell"], "\n".join(filter(None, [*places, off])), cases])
        print_table(["name", "mail", "tell", "hours", "open cases"], rows)
    else:
        shown = [{**one, "off": _off_words(one["off"])} for one in found]
        print_table([key.replace("_", " ") for key in shown[0]], [list(one.values()) for one in shown])


@app.command()
def remove(name: Name) -> None:
    """Remove a colleague. Their name stays on their cases until you give these to somebody else.

    Example: [bold]outreach people remove maria[/bold]
    """
    from ..work.people import remove_colleague  # lazy

    left = remove_colleague(open_here(), name)
    more = f" {left} open cases still carry the name: outreach cases list --owner {name}" if left else ""
    typer.echo(f"{name} is removed.{more}")


def _row(one: Listed) -> dict[str, Any]:
    from ..cases.shift import days_words  # lazy

    hours, colleague = one.hours, one.colleague
    return {
        "name": colleague.name,
        "mail": colleague.address,
        "tell": colleague.telling.value,
        "hours": f"{hours.start:%H:%M}-{hours.end:%H:%M}",
        "days": days_words(hours.days),
        "zone": hours.zone.key,
        "holidays": hours.holidays,
        "off": list(colleague.off),
        "open_cases": one.open_cases,
        "overdue": one.overdue,
    }


def _off_words(days: list[str]) -> str:
    return "" if not days else days[0] if len(days) == 1 else f"{days[0]} … {days[-1]} ({len(days)} days)"


def _tell_words(telling: str, address: str) -> str:
    if telling == "never":
        return "nothing"
    return f"{'at once' if telling == 'at_once' else 'each working morning'} at {address}"
