"""`outreach replies import|collect`: files of messages, with a look before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .common import AsJson, open_here, print_json, progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress, TaskID

    from ..work.dropped import Dropped
    from ..work.reply_files import FileCounts

WAYS = ("email", "phone", "letter", "mention", "form", "forum")


def import_files(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE…", help=".eml, mbox, .csv, .jsonl, or a folder of .eml.")
    ],
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="HEADING=FIELD", help="What a column means, or - to skip it; may be repeated."),
    ] = None,
    channel: Annotated[str, typer.Option(help=f"By which way rows came that do not say so: {', '.join(WAYS)}.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count; write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take messages from files: mails as .eml or mbox; calls, mentions, letters and forms as CSV or JSON lines.

    Columns: text (needed), channel, at, from, name, customer, handle, network, phone, subject, link, reach, repost_of,
    id. Headings are known in English, German, French and Spanish and as networks export them; --map names others. Rows
    that cannot be used go to FILE.rejects.csv (or .jsonl) with number and reason. The same file again, or a longer one
    with the same rows, adds nothing twice.

    Examples: [bold]outreach replies import old-inbox.mbox mentions.csv[/bold],
    [bold]outreach replies import calls.csv --map "Was=text" --channel phone --dry-run[/bold]
    """
    from ..records import Channel
    from ..work.collect import CollectCounts, read_stored
    from ..work.reply_files import Wishes, import_file

    if channel and channel not in WAYS:
        raise UsageError(f"--channel {channel}: there are {', '.join(WAYS)}")
    wishes = Wishes(_mapping(mapping or []), Channel(channel) if channel else None, dry_run)
    workspace = open_here()
    read, done = CollectCounts(), []
    with progress() as bar:
        for path in files:
            task = bar.add_task(path.name, total=None)
            counts = import_file(workspace, path, wishes, _mover(bar, task))
            bar.update(task, completed=counts.found, total=counts.found)
            done.append(counts)
        if not dry_run:
            reading = bar.add_task("Reading", total=sum(one.stored for one in done))
            read_stored(workspace, read, lambda _, step: bar.advance(reading, step))
    if as_json:
        faults = [{"file": one.file, "row": row, "reason": why} for one in done for row, why in one.faults]
        print_json({"files": [_row(one) for one in done], "faults": faults, **_read(read)})
    else:
        for one in done:
            _tell(one)
        if read.kinds:
            kinds = ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in sorted(read.kinds.items()))
            typer.echo(f"{read.read} read: {kinds}")
    if any(one.invalid for one in done) and not any(one.stored + one.known for one in done):
        raise typer.Exit(1)


def collect(as_json: AsJson = False) -> None:
    """Take in the files that were dropped into the watched folder; `outreach run` does it by itself.

    A file that may still be written waits. What was taken in is moved to done/ in the folder, what cannot be used to
    rejected/, with the reason beside it; single rows that cannot be used stand there too.

    Example: [bold]cp mentions.csv incoming/ && outreach replies collect[/bold]
    """
    from ..errors import SettingsError
    from ..work.collect import CollectCounts, collect_files, read_stored
    from ..work.dropped import watched_folder

    workspace = open_here()
    if watched_folder(workspace) is None:
        raise SettingsError("no folder is watched", remedy="Name one in outreach.toml, [replies] folder, and make it.")
    counts = CollectCounts()
    dropped = collect_files(workspace, counts)
    read_stored(workspace, counts)
    if as_json:
        print_json({"files": [dropped_json(one) for one in dropped], **_read(counts)})
    else:
        for one in dropped:
            tell_dropped(one)
        typer.echo(f"{counts.read} read" if dropped else "Nothing lies there.")
    for trouble in counts.troubles:
        typer.echo(f"error: {trouble.message}\n  {trouble.remedy}".rstrip(), err=True)
    if counts.troubles:
        raise typer.Exit(1)


def dropped_json(one: Dropped) -> dict[str, Any]:
    """What became of a dropped file, for a program."""
    counts = _row(one.counts) if one.counts is not None else {}
    return counts | {"file": one.file, "where": one.where, "waits": one.waits, "reason": one.reason}


def tell_dropped(one: Dropped) -> None:
    """What became of a dropped file that can be used, for a person."""
    if one.waits:
        typer.echo(f"{one.file}: waits, it may still be written")
    elif one.counts is not None:
        counts = one.counts
        refused = f", {counts.invalid} refused: {counts.rejects}" if counts.invalid else ""
        typer.echo(f"{one.file}: {counts.stored} new, {counts.known} known already{refused}; now {one.where}")


def _mover(bar: Progress, task: TaskID) -> Callable[[int, int], None]:
    return lambda done, whole: bar.update(task, completed=done, total=whole or None)


def _row(one: FileCounts) -> dict[str, Any]:
    names = ("file", "dry_run", "found", "stored", "known", "invalid", "columns", "rejects")
    return {name: getattr(one, name) for name in names}


def _read(read: Any) -> dict[str, Any]:
    return {"read": read.read, "unreadable": read.unreadable, "kinds": read.kinds}


def _tell(one: FileCounts) -> None:
    if one.columns and any(heading != field for heading, field in one.columns.items()):
        typer.echo("columns: " + ", ".join(f"{heading} → {field}" for heading, field in one.columns.items()))
    refused = f", {one.invalid} refused" if one.invalid else ""
    typer.echo(f"{one.file}: {one.found} found, {one.stored} new, {one.known} known already{refused}")
    for row, why in one.faults[:20]:
        typer.echo(f"  {one.file}:{row}: {why}", err=True)
    if one.invalid > 20:
        typer.echo(f"  … and {one.invalid - 20} more rows", err=True)
    if one.rejects:
        typer.echo(f"The refused rows are in {one.rejects}; mend and import them.")
    if one.dry_run:
        typer.echo("Nothing was written.")


def _mapping(given: list[str]) -> dict[str, str]:
    wanted = {}
    for one in given:
        heading, sign, field = one.rpartition("=")
        if not sign or not heading.strip() or not field.strip():
            raise UsageError(f"--map {one}: it must be HEADING=FIELD", remedy='For example: --map "Was gesagt=text"')
        wanted[heading.strip()] = field.strip()
    return wanted
