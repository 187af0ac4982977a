"""`outreach customers export|erase`: what is kept of one person, handed out, or forgotten."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from .common import AsJson, Yes, confirm, json_value, me, open_here, print_json, print_table, progress

if TYPE_CHECKING:
    from ..work.erase import Erasure
    from ..work.export import PersonFile

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The customer's e-mail address; #17 for who has none.")]
By = Annotated[str, typer.Option("--by", help="Who does it; else the name you are logged in with.")]


def export(
    email: Email,
    into: Annotated[
        Path | None, typer.Option("--into", help="The folder to write; else one named after the address and the day.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hand out all that is kept of one person: data.json for a program, data.html for a person, messages/ as they came.

    Fields, consents, every mail and why it went or not, replies with how they were read, cases with notes, promises,
    thanks, holds and steps. With --json the document is printed instead, without the messages' files.

    Example: [bold]outreach customers export ann@example.com --into ann[/bold]
    """
    from ..work.export import export_customer  # lazy, as below: SQLModel takes most of a second

    found = export_customer(open_here(), email)
    if as_json:
        print_json(_json(found))
        return
    folder = into or Path(f"{found.address}-{found.made_at:%Y-%m-%d}")
    _write(found, folder)
    counts = {name.replace("_", " "): len(rows) for name, rows in found.sections.items()}
    print_table(["kept", "rows"], counts.items())
    typer.echo(f"Written: {folder.resolve()} (data.html, data.json, {len(found.messages)} messages)")


def _json(found: PersonFile) -> dict[str, Any]:
    return {
        "address": found.address,
        "made_at": found.made_at,
        "company": found.company,
        "sections": found.sections,
    }


def _write(found: PersonFile, folder: Path) -> None:
    from ..web.person import person_page  # lazy

    if folder.exists() and any(folder.iterdir()):
        raise InputError("is not empty", file=folder, remedy="Name another folder with --into.")
    try:
        for name, content in {
            "data.json": json.dumps(_json(found), default=json_value, ensure_ascii=False, indent=1).encode(),
            "data.html": person_page(found).encode(),
            **found.messages,
        }.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.write_bytes(content)
    except OSError as wrong:
        raise InputError(
            f"cannot be written: {wrong.strerror}", file=folder, remedy="Name a folder that you may write to."
        ) from wrong


def erase(
    email: Email,
    files: Annotated[
        bool, typer.Option("--files", help="Take the person out of the workspace's files too: rows, and whole mails.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.")] = False,
    by: By = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Forget one person: every word of and about them is emptied, in the database and on the disk below it.

    Mail to them stops first. Each mail stays as a row without words, shown as erased, so that counts still add up. The
    address is blocked by its keyed hash: no import brings it back. Backups, mailboxes and words that a colleague wrote
    elsewhere are named for you to see to; then the exit status is 3. What was broken off goes on with the same command.

    Example: [bold]outreach customers erase ann@example.com --dry-run[/bold]
    """
    from ..work.erase import erase_customer, look_before  # lazy

    workspace = open_here()
    before = look_before(workspace, email)
    if dry_run and as_json:
        print_json(_as_json(before))
        return
    if dry_run or not (yes or as_json):
        _tell(before, done=False)
    if dry_run:
        typer.echo("Nothing was changed.")
        return
    if not confirm(f"Erase {email} for good? There is no way back.", yes=yes):
        raise typer.Exit(3)
    with progress() as bar:
        task = bar.add_task("erasing", total=None)
        done = erase_customer(
            workspace, email, by=by or me(), files=files, report=lambda what, _: bar.update(task, description=what)
        )
    if as_json:
        print_json(_as_json(done))
    else:
        _tell(done, done=True)
    if not done.washed or done.named or any(not one.done for one in done.files):
        raise typer.Exit(3)


def _as_json(found: Erasure) -> dict[str, Any]:
    return vars(found) | {"files": [vars(one) for one in found.files]}


def _tell(found: Erasure, *, done: bool) -> None:
    print_table(
        ["emptied" if done else "would be emptied", "rows"],
        [[name.replace("_", " "), count] for name, count in sorted(found.rows.items())],
    )
    for words in found.named:
        typer.echo(f"still named: {words}: a person wrote it; please mend it")
    for one in found.files:
        typer.echo(f"{'was' if one.done else 'is'} in the file {one.file}{': ' + one.done if one.done else ''}")
    if done and any(not one.done for one in found.files):
        typer.echo(
            "See to these files: with --files rows and whole mails are taken out, of others only a person can tell."
        )
    if found.backups:
        typer.echo(f"{len(found.backups)} backups hold them still, until they are removed: {', '.join(found.backups)}")
    if found.mailboxes:
        typer.echo(f"Their mails lie on in: {', '.join(found.mailboxes)}. outreach deletes nothing there.")
    if done and not found.washed:
        typer.echo(
            "Old pages of the database file may still hold their words. "
            "Stop `outreach run`, then use `outreach prune --vacuum`."
        )
    if done:
        more = " The file was written anew." if found.rewritten else ""
        what = "erased" if found.address.startswith("#") else "erased and blocked"  # no address, nothing to block
        typer.echo(f"{found.address} is {what}.{more if found.washed else ''}")
