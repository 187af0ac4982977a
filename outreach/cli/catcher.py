"""`outreach catcher`: a mail server on this machine that files what it gets, in the foreground."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from .common import open_here

catcher_app = typer.Typer()
INBOX = "inbox"


@catcher_app.command()
def catcher(
    host: Annotated[str, typer.Option(help="Where to listen; else relay.host of the settings.")] = "",
    port: Annotated[
        int | None, typer.Option(help="The port; else relay.port of the settings.", min=0, max=65535)
    ] = None,
) -> None:
    """Take mail like a relay, and file it in a Maildir instead of sending it on.

    Mail to your own reply address goes to the folder `inbox`, where `outreach replies fetch` finds it.

    Example: run `outreach catcher` in one terminal and `outreach send tips` in another; then read `mail/new`.
    """
    from ..errors import UsageError
    from ..wire.catcher import LOG, Catcher
    from ..wire.secure import is_loopback

    workspace = open_here()
    relay = workspace.settings.relay
    place, number = host or relay.host, relay.port if port is None else port
    if not is_loopback(place):
        raise UsageError(
            f"{place} is not this machine: the catcher takes mail from here only",
            remedy="Give --host 127.0.0.1, or point [relay] at the catcher.",
        )
    mail, inbox = workspace.root / relay.catcher_maildir, workspace.root / INBOX
    ours = (workspace.reply_address, workspace.bounce_address)
    stopping = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopping.set())
    with Catcher(mail, host=place, port=number, inbox=inbox, inbox_address=ours) as running:
        typer.echo(f"Listening on {place}:{running.port}. Nothing leaves this machine; Ctrl-C ends it.")
        typer.echo(f"  mails to others              {mail}")
        typer.echo(f"  mails to {ours[0]:<20}{inbox}")
        typer.echo(f"  one line for each of them    {mail / LOG}")
        stopping.wait()
    typer.echo("Stopped.")
