"""`outreach serve`: answer the links that mails carry."""

from __future__ import annotations

import os
import signal
import socket
from typing import Annotated

import typer

from ..errors import OutreachError
from .common import open_here

HERE = "127.0.0.1,::1,::ffff:127.0.0.1"
"""From a web server on this machine one believes for whom it asks: also where one listens at `::`."""
serve_app = typer.Typer(add_completion=False)


@serve_app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen at; else [public] host.")] = "",
    port: Annotated[int, typer.Option(help="The port; else [public] port. 0 takes any that is free.", max=65535)] = -1,
) -> None:
    """Answer the links that mails carry: one-click unsubscribe, the unsubscribe page, view in browser.

    Put a web server with a certificate before it, and its https address into \\[public] url. Ctrl-C or SIGTERM ends it.

    Example: [bold]outreach serve --port 8025[/bold]
    """
    import uvicorn  # lazy: only this command serves

    from ..web.app import public_app

    workspace = open_here()
    public = workspace.settings.public
    listener = _listen(host or public.host, port if port >= 0 else public.port)
    where = listener.getsockname()
    typer.echo(f"Serving {workspace.root.name} at http://{_shown(where[0])}:{where[1]} (Ctrl-C ends it)")
    if public.linkable:
        typer.echo(f"Mails link to {public.url}: your web server must pass that on to here.")
    else:
        typer.echo("Mails carry no links to here yet: set [public] url in outreach.toml to an https:// address.")
    config = uvicorn.Config(
        public_app(workspace),
        access_log=False,
        log_level="warning",
        lifespan="off",
        server_header=False,
        forwarded_allow_ips=os.environ.get("FORWARDED_ALLOW_IPS", HERE),
    )
    server = uvicorn.Server(config)

    def end(number: int, frame: object) -> None:
        # uvicorn stops at the signal, then raises it again for whoever ran it: that is us, and all has ended well
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    server.run(sockets=[listener])
    workspace.database.close()
    typer.echo("Stopped.")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as wrong:
        raise OutreachError(
            f"cannot listen at {host} port {port}: {wrong.strerror or wrong}",
            remedy="Choose another with --port (0 takes any that is free), or stop the program that uses it.",
        ) from None
    return listener


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
