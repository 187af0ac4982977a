"""`outreach answers …`: answers kept ready, with variables that are checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import UsageError
from .common import AsJson, me, open_here, print_json, print_table

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Answers kept ready, with variables.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits and -.")]


@app.command()
def add(
    name: Name,
    text: Annotated[str, typer.Option("--text", help="What it says.")] = "",
    file: Annotated[Path | None, typer.Option("--file", help="A UTF-8 text file; - reads from a pipe.")] = None,
    topic: Annotated[str, typer.Option("--topic", help="The topic that it is for.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who keeps it; else the name you are logged in with.")] = "",
) -> None:
    """Keep an answer, or change the one of this name. Its variables are checked.

    They are first_name, last_name, name, email, case, topic, opened, due, company, me, and customers' attributes.

    Example: [bold]outreach answers add sensor --text 'Dear {{ first_name or "friend" }}, it is on its way.'[/bold]
    """
    from ..work.ready import keep_answer  # lazy, as all below

    new = keep_answer(open_here(), name, read_text(text, file), by or me(), topic=topic, file=str(file or ""))
    typer.echo(f"{name} is {'kept' if new else 'changed'}. Try it: outreach answers preview {name} --case 1")


@app.command("list")
def list_answers(
    topic: Annotated[str | None, typer.Option("--topic", help="Only those for this topic.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the answers kept ready.

    Example: [bold]outreach answers list --topic descaling[/bold]
    """
    from ..cases.ready import used_in  # lazy
    from ..store.promises import ready_answers

    with open_here().database.read() as session:
        found = ready_answers(session, topic)
    rows = [
        {
            "name": one.name,
            "topic": one.topic,
            "text": one.text,
            "variables": used_in(one.text),
            "by": one.by,
            "changed_at": one.changed_at,
        }
        for one in found
    ]
    if as_json:
        print_json(rows)
    elif not rows:
        typer.echo("None yet: outreach answers add NAME --text TEXT")
    else:
        shown = [[one.name, one.topic, " ".join(one.text.split())[:80], one.by] for one in found]
        print_table(["name", "topic", "text", "by"], shown)


@app.command()
def preview(
    name: Name,
    case_id: Annotated[int, typer.Option("--case", metavar="ID", help="The case that it would answer.")],
    by: Annotated[str, typer.Option("--by", help="Who would answer.")] = "",
) -> None:
    """Show an answer as the customer of a case would read it. Nothing is sent.

    Example: [bold]outreach answers preview sensor --case 7[/bold]
    """
    from ..work.ready import preview_answer  # lazy

    typer.echo(preview_answer(open_here(), name, case_id, by or me()))


@app.command()
def remove(name: Name) -> None:
    """Let a kept answer go.

    Example: [bold]outreach answers remove sensor[/bold]
    """
    from ..work.ready import remove_answer  # lazy

    remove_answer(open_here(), name)
    typer.echo(f"{name} is removed.")


def read_text(text: str, file: Path | None) -> str:
    """What --text or --file gives. Raises UsageError where both do, or the file cannot be read."""
    if text and file:
        raise UsageError("--text and --file exclude each other")
    if file is None:
        return text
    try:
        raw = typer.get_binary_stream("stdin").read() if str(file) == "-" else file.read_bytes()
        return raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as wrong:
        raise UsageError(f"{file} cannot be read: {wrong}", remedy="Name a UTF-8 text file.") from None
