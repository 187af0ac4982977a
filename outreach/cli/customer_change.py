"""`outreach customers add|change`: one person entered or changed by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import UsageError
from .common import AsJson, me, open_here, print_json
from .customer_views import customer_json, tell_customer

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The customer's e-mail address, in any spelling.")]
By = Annotated[str, typer.Option("--by", help="Who does it; else the name you are logged in with.")]
FirstName = Annotated[str | None, typer.Option("--first-name", help="The first name.")]
LastName = Annotated[str | None, typer.Option("--last-name", help="The last name.")]
Language = Annotated[str | None, typer.Option("--language", help="de, pt-BR, or a name such as German.")]
Country = Annotated[str | None, typer.Option("--country", help="DE, or a name such as Germany.")]
Zone = Annotated[str | None, typer.Option("--zone", help="A time zone such as Europe/Berlin.")]
Phones = Annotated[list[str] | None, typer.Option("--phone", help="A number to add; may be repeated.")]
Handles = Annotated[
    list[str] | None,
    typer.Option("--handle", help="A handle to add: x:ann, @ann@mastodon.example, a profile's link; may be repeated."),
]


def add(
    email: Email,
    first_name: FirstName = None,
    last_name: LastName = None,
    language: Language = None,
    country: Country = None,
    zone: Zone = None,
    phones: Phones = None,
    handles: Handles = None,
    list_name: Annotated[str, typer.Option("--list", help="Put them on this mailing list; needs --consent.")] = "",
    consent: Annotated[str, typer.Option(help="When and how they agreed to newsletters: kept as the proof.")] = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Enter one customer by hand. Without --list they get no newsletters, only what concerns them.

    Example: [bold]outreach customers add ann@example.com --first-name Ann --phone "020 7946 0018" --handle x:ann[/bold]
    """
    from ..work.enter import Entered, add_customer  # lazy, as below: SQLModel takes most of a second

    workspace = open_here()
    told = _told(first_name=first_name, last_name=last_name, language=language, country=country, zone=zone)
    entered = Entered(told, phones or [], handles or [])
    add_customer(workspace, email, entered, by=by or me(), list_name=list_name, consent=consent)
    _show(email, as_json=as_json)


def change(
    email: Email,
    first_name: FirstName = None,
    last_name: LastName = None,
    language: Language = None,
    country: Country = None,
    zone: Zone = None,
    phones: Phones = None,
    handles: Handles = None,
    forget: Annotated[
        list[str] | None, typer.Option("--forget", help="A number or handle to take away; may be repeated.")
    ] = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Change what is kept of one customer; what is not named stays. Calls and mentions are matched by it at once.

    Example: [bold]outreach customers change ann@example.com --handle @ann@mastodon.example --forget x:ann[/bold]
    """
    from ..work.enter import Entered, change_customer

    told = _told(first_name=first_name, last_name=last_name, language=language, country=country, zone=zone)
    if not (told or phones or handles or forget):
        raise UsageError("nothing to change", remedy='Name it: --phone "+44 20 7946 0018", --handle x:ann, …')
    workspace = open_here()
    change_customer(workspace, email, Entered(told, phones or [], handles or [], forget or []), by=by or me())
    _show(email, as_json=as_json)


def _told(**given: str | None) -> dict[str, str]:
    return {name: value for name, value in given.items() if value is not None}


def _show(email: str, *, as_json: bool) -> None:
    from ..store.customers import find_customer

    workspace = open_here()
    with workspace.database.read() as session:
        customer = find_customer(session, workspace.keys, email)
        assert customer is not None
        told = customer_json(session, workspace, customer)
    if as_json:
        print_json(told)
    else:
        tell_customer(told)
