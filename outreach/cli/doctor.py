"""`outreach doctor`: is everything in order, and what to do where it is not."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .common import AsJson, open_here, print_json

if TYPE_CHECKING:
    from ..work.workspace import Workspace

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
    install: Annotated[
        bool, typer.Option("--install", help="Print systemd units, cron lines and web server settings for here.")
    ] = False,
    into: Annotated[Path | None, typer.Option(help="With --install: write them into this folder.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check settings, database, relay, mailboxes, the way back of replies, and the sender's domain.

    Exits 1 when something must be mended. Example: [bold]outreach doctor --probe --lines[/bold]
    """
    from ..delivery.domain import COMMON_SELECTORS  # lazy: as all that follows
    from ..work.doctor import NameServerAddress, check_all, lines_to_paste
    from ..work.erase_again import told
    from ..work.stop_again import accept_restored, told_stops

    workspace = open_here()
    if install or into is not None:
        _install(workspace, into, as_json=as_json)
        return
    if accept_database:
        erased, stopped = accept_restored(workspace)
        for line in (*told(erased), *told_stops(stopped)):
            typer.echo(line, err=as_json)
        typer.echo("This database is the one to go on with.", err=as_json)
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


def _install(workspace: Workspace, into: Path | None, *, as_json: bool) -> None:
    """Print what a machine needs to run this workspace by itself, or write it into a folder."""
    from ..errors import InputError, OutreachError
    from ..settings import Settings
    from ..settings_variables import names_in
    from ..work.install import Place, how_to, install_files, where_variables_go

    place = Place(workspace.root, _program(), _owner(workspace.root))
    files = install_files(place, workspace.settings, workspace.sender_domain)
    if into is not None:
        try:
            into.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                path = into / name
                if path.exists() and path.read_text(encoding="utf-8") != text:
                    raise InputError("exists and is not the same", file=path, remedy="Name an empty folder.")
                path.write_text(text, encoding="utf-8")
        except OSError as wrong:
            raise OutreachError(
                f"{into} cannot be written: {wrong.strerror}", remedy="Name a folder of your own."
            ) from wrong
    variables = names_in(os.environ, Settings.model_fields)
    if variables:
        typer.echo(where_variables_go(place, variables), err=True)
    if as_json:
        print_json({"files": files, "into": into})
        return
    told = how_to(place)
    for name, text in files.items():
        if into is None:
            typer.echo(f"# ===== {name}\n{text}")
        else:
            typer.echo(str(into / name))
    for end, words in told.items():
        typer.echo(f"# *{end}: {words}")


def _program() -> tuple[str, ...]:
    """The program that runs now, by its whole path."""
    called = Path(sys.argv[0])
    if called.name == "outreach" and called.is_file() and os.access(called, os.X_OK):
        return (str(called.absolute()),)
    return (sys.executable, "-m", "outreach")


def _owner(root: Path) -> str:
    """Whose the workspace is: as that user it is run."""
    number = root.stat().st_uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
