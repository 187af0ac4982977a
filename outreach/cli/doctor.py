"""`outreach doctor`: is everything in order, and what to do where it is not."""

from __future__ import annotations

from typing import Annotated

import typer

from .common import AsJson, open_here, print_json

doctor_app = typer.Typer()
MARKS = {"good": ("ok ", "green"), "note": ("-- ", "yellow"), "bad": ("BAD", "red")}


@doctor_app.command()
def doctor(
    probe: Annotated[
        bool, typer.Option("--probe", help="Send one mail to our own reply address and wait for it.")
    ] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the probe.")] = 30.0,
    selector: Annotated[list[str] | None, typer.Option(help="A DKIM selector of your relay; may be repeated.")] = None,
    resolver: Annotated[str, typer.Option(help="Ask this name server, as ADDRESS or ADDRESS:PORT.")] = "",
    lines: Annotated[bool, typer.Option("--lines", help="Print the lines to paste for Postfix and DNS.")] = False,
    accept_database: Annotated[
        bool, typer.Option("--accept-database", help="This restored database is the one to go on with.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check settings, database, relay, mailboxes, the way back of replies, and the sender's domain.

    Exits 1 when something must be mended. Example: [bold]outreach doctor --probe --lines[/bold]
    """
    from ..delivery.domain import COMMON_SELECTORS  # lazy: as all that follows
    from ..work import workspace as work_workspace
    from ..work.doctor import NameServerAddress, check_all, lines_to_paste

    workspace = open_here()
    if accept_database:
        work_workspace.accept_database(workspace)
        typer.echo("This database is the one to go on with.")
    host, _, port = resolver.partition(":")
    findings = []
    for found in check_all(
        workspace,
        probe=probe,
        probe_seconds=wait,
        selectors=tuple(selector or COMMON_SELECTORS),
        names=NameServerAddress(host, int(port) if port.isdigit() else 53),
    ):
        findings.append(found)
        if not as_json:
            mark, colour = MARKS[found.level]
            typer.echo(f"{typer.style(mark, fg=colour)} {found.check}: {found.words}")
            if found.remedy:
                typer.echo(f"      {found.remedy}")
    pasted = lines_to_paste(workspace)
    if as_json:
        rows = [{"check": f.check, "level": f.level, "words": f.words, "remedy": f.remedy} for f in findings]
        print_json({"findings": rows, "lines": pasted})
    elif lines or any(f.level == "bad" and f.check == "reply address" for f in findings):
        for place, rows_to_paste in pasted.items():
            typer.echo(f"\n# {place}\n" + "\n".join(rows_to_paste))
    if any(found.level == "bad" for found in findings):
        raise typer.Exit(1)
