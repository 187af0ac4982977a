"""`outreach cases attachments`: what customers attached, listed and saved on demand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from .common import AsJson, open_here, print_json, print_table, printable


def attachments(
    case_id: Annotated[int, typer.Argument(metavar="ID", help="The case's number, as `cases list` shows it.")],
    save: Annotated[
        list[int] | None, typer.Option("--save", metavar="N", help="Save this one; may be repeated. Needs --into.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Save all of them. Needs --into.")] = False,
    into: Annotated[Path | None, typer.Option("--into", help="The folder; made where it is missing.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what the customer attached, or save it. Nothing is opened, run or written over.

    A file that a computer might run is saved with another ending (.saved). Look before you open what strangers send.

    Example: [bold]outreach cases attachments 7 --save 1 --into /tmp/case-7[/bold]
    """
    from ..work.attachments import list_attachments, save_attachments  # lazy

    if bool(save or everything) != (into is not None):
        raise UsageError("--save N (or --all) and --into FOLDER go together")
    workspace = open_here()
    saved = {}
    if into is not None:
        done = save_attachments(workspace, case_id, [] if everything else list(save or []), into)
        saved = {one.attached.number: one.path for one in done}
    found = list_attachments(workspace, case_id)
    rows = [
        {
            "number": one.number,
            "message": one.inbound_id,
            "name": one.name,
            "media_type": one.media_type,
            "size": one.size,
            "dangerous": one.dangerous,
            "saved": saved.get(one.number),
        }
        for one in found
    ]
    if as_json:
        print_json(rows)
    elif not rows:
        typer.echo(f"Nothing is attached in case {case_id}.")
    elif saved:
        for path in saved.values():
            typer.echo(f"Saved {path}")
    else:
        shown = [
            [
                row["number"],
                printable(str(row["name"])) or "(no name)",
                printable(str(row["media_type"])),
                f"{row['size']:,}",
                "could be run" if row["dangerous"] else "",
            ]
            for row in rows
        ]
        print_table(["number", "name", "type", "bytes", ""], shown)
