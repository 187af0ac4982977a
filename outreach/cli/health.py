"""`outreach health`: is all well? For a monitor, a cron line, or a person."""

from __future__ import annotations

from typing import Annotated

import typer

from .common import AsJson, open_here, print_json

health_app = typer.Typer()
MARKS = {"good": "ok ", "note": "-- ", "bad": "BAD"}


@health_app.command()
def health(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only what is wrong: for cron.")] = False,
    tell: Annotated[
        bool, typer.Option("--tell", help="Send the alerts that are due too, as the daemon would: it may be dead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say whether all is well: exit status 0 if so, 1 when something is broken. One finding per line.

    Looks at the database, the disk, the clock, the daemon's sign of life, mail that is due, and open alerts; talks to
    no server (`outreach doctor` does). A silent daemon can tell nobody itself: let cron ask.

    Example: [bold]*/5 * * * * outreach -w /srv/acme health --quiet --tell[/bold]
    """
    from ..delivery.domain import Finding  # lazy: as all that follows
    from ..errors import OutreachError
    from ..work.health import check_health

    try:
        workspace = open_here()
        findings = list(check_health(workspace))
        if tell:
            from ..work.watch import look_and_tell

            counts = look_and_tell(workspace)
            if counts.untold:
                findings.append(Finding("alerts", "bad", f"{counts.untold} could not be told", "outreach alerts list"))
    except OutreachError as wrong:
        findings = [Finding("workspace", "bad", wrong.message, wrong.remedy)]
    bad = any(found.level == "bad" for found in findings)
    if as_json:
        rows = [{"check": f.check, "level": f.level, "words": f.words, "remedy": f.remedy} for f in findings]
        print_json({"ok": not bad, "findings": rows})
    else:
        for found in findings:
            if not quiet or found.level == "bad":
                remedy = f" | {found.remedy}" if found.remedy else ""
                typer.echo(f"{MARKS[found.level]} {found.check}: {found.words}{remedy}".replace("\n", " "))
    if bad:
        raise typer.Exit(1)
