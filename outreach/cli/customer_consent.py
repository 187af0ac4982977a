"""`outreach customers unsubscribe|resubscribe|confirm|suppress|unsuppress`: consent, by a person's hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputError, UsageError
from .common import Yes, me, open_here
from .common import confirm as ask

if TYPE_CHECKING:
    from sqlmodel import Session

    from ..records import Customer
    from ..work.workspace import Workspace

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The customer's e-mail address, or #ID.")]
InList = Annotated[str | None, typer.Option("--list", help="Only this mailing list.")]
By = Annotated[str, typer.Option("--by", help="Who does it; else the name you are logged in with.")]
Blocked = Annotated[
    str, typer.Argument(metavar="EMAIL|@DOMAIN", help="An address, or @example.com for a whole domain.")
]


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
        customer = customer_at(session, workspace, email)
        changed = consents.unsubscribe(
            session,
            customer_id=customer.id or 0,
            list_id=list_id_named(session, list_name),
            at=workspace.clock(),
            how="person",
            evidence="customers unsubscribe",
            words=words,
            by=by or me(),
        )
        advance(session, workspace.root, needed=False)
    where = list_name or "any list"
    typer.echo(f"{customer.address} {'gets' if changed else 'got already'} no newsletters of {where}.")


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
        customer, now = customer_at(session, workspace, email), workspace.clock()
        changed = consents.resubscribe(
            session,
            customer_id=customer.id or 0,
            list_id=list_id_named(session, list_name),
            at=now,
            how="person",
            evidence="customers resubscribe",
            words=words,
            by=by or me(),
        )
        if changed:
            _has_answered(session, customer, now)
    typer.echo(f"{customer.address} is subscribed again." if changed else "Nothing had been withdrawn.")


def confirm(
    email: Email,
    list_name: Annotated[str, typer.Option("--list", help="The mailing list.")],
    words: Annotated[str, typer.Option(help="What the person said or wrote: the proof of their consent.")],
    by: By = "",
) -> None:
    """Confirm a subscription that waits, or make a merely implied consent a spoken one: for who answered in words.

    Example: [bold]outreach customers confirm ann@example.com --list tips --words "wrote yes on 3 May"[/bold]
    """
    from ..store import consents
    from ..work.epoch import advance

    workspace = open_here()
    with workspace.database.write() as session:
        customer, now = customer_at(session, workspace, email), workspace.clock()
        changed = consents.subscribe(
            session,
            customer_id=customer.id or 0,
            list_id=list_id_named(session, list_name) or 0,
            at=now,
            how="person",
            evidence="customers confirm",
            words=words,
            by=by or me(),
        )
        if changed:
            _has_answered(session, customer, now)
        advance(session, workspace.root, needed=False)
    if not changed:
        raise InputError(
            f"{customer.address} does not wait for a confirmation of {list_name}",
            remedy=f"See: outreach customers show {customer.address}",
        )
    typer.echo(f"{customer.address} is subscribed to {list_name}.")


def _has_answered(session: Session, customer: Customer, now: datetime) -> None:
    """A spoken yes answers the mails that asked, as their button does: the next sign-up is asked about at once."""
    from ..store.sign_ups import answered

    if customer.address_key is not None:
        answered(session, customer.address_key, now)


def suppress(
    who: Blocked,
    reason: Annotated[str, typer.Option(help="Why, in your words; shown wherever a mail is withheld.")],
    until: Annotated[
        str, typer.Option(metavar="DATE", help="Until the end of this day, as 2027-01-31; else for good.")
    ] = "",
    by: By = "",
) -> None:
    """Block an address or a whole domain: never write to it again, not even an answer. It need not be a customer's.

    Example: [bold]outreach customers suppress @example.com --reason "their lawyer's letter" --until 2027-01-31[/bold]
    """
    from ..store import consents
    from ..work.block import block, blocked_key

    workspace = open_here()
    shown, key = blocked_key(workspace, who)
    expires = _end_of(until, workspace.clock()) if until else None
    changed = block(workspace, key, reason, by=by or me(), until=expires)
    with workspace.database.read() as session:
        stands = consents.find_suppression(session, key)
    if changed and expires is not None and stands is not None and stands.expires_at != expires:
        end = f"until {stands.expires_at:%Y-%m-%d}" if stands.expires_at else "for good"
        typer.echo(f"{shown} is blocked {end}, since more than your word stops mail to it ({stands.evidence}).")
        return
    typer.echo(f"{shown} {'is' if changed else 'was already'} blocked{f' until {until}' if until and changed else ''}.")


def unsuppress(who: Blocked, yes: Yes = False) -> None:
    """Take an address or a domain off the block list, after showing why it stands there. Subscriptions stay.

    Example: [bold]outreach customers unsuppress ann@example.com[/bold]
    """
    from ..audience.consent import SUPPRESSION_WORDS
    from ..store import consents
    from ..work.block import blocked_key, unblock

    workspace = open_here()
    shown, key = blocked_key(workspace, who)
    with workspace.database.read() as session:
        block = consents.find_suppression(session, key)
    if block is None:
        typer.echo(f"{shown} was not blocked.")
        return
    typer.echo(f"{shown} is blocked since {block.at:%Y-%m-%d}: {SUPPRESSION_WORDS[block.reason]} ({block.evidence}).")
    if not ask("Write to it again?", yes=yes):
        raise typer.Exit(3)
    unblock(workspace, key)
    typer.echo(f"{shown} is no longer blocked.")


def _end_of(text: str, now: datetime) -> datetime:
    try:
        end = datetime.combine(date.fromisoformat(text), time.max, UTC)
    except ValueError:
        raise UsageError(f"--until {text}: it is no date", remedy="Write it like 2027-01-31.") from None
    if end <= now:
        raise UsageError(f"--until {text}: that day is over")
    return end


def list_id_named(session: Session, name: str | None) -> int | None:
    """The id of the list of this name. Raises InputError where there is none."""
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


def customer_at(session: Session, workspace: Workspace, email: str) -> Customer:
    """The customer with this address, or, as #17, with this number. Raises InputError where there is none."""
    from ..address import canonical_address
    from ..store.customers import person_at
    from ..work.erase import no_customer

    found = person_at(session, workspace.keys, email if email.startswith("#") else canonical_address(email))
    if found is None or (email.startswith("#") and found.erased_at is not None):
        raise no_customer(session, workspace, email)
    return found
