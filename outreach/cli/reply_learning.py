"""`outreach replies classify|train|models|rollback`: how texts are sorted, and what reviews and files have taught."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError
from .common import AsJson, me, open_here, print_json, print_table, progress, workspace_root
from .reply_views import judgement_json, percent, rows_json, tell_judgement, tell_rows

if TYPE_CHECKING:
    from ..work.labels import Columns
    from ..work.schooling import FileLesson

TextColumn = Annotated[str, typer.Option(help="The column with the text, where its name does not tell.")]
LabelColumn = Annotated[str, typer.Option(help="The column that says complaint or not, or the category.")]
TopicColumn = Annotated[str, typer.Option(help="The column with the topic; several behind semicolons.")]
ComplaintIs = Annotated[str, typer.Option(help="The label that means a complaint; every other is none.")]
By = Annotated[str, typer.Option("--by", help="Who teaches; else the name you are logged in with.")]


def classify(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A mail (.eml), a text, rows (.csv, .tsv, .jsonl), or - for a pipe.")
    ],
    text_column: TextColumn = "",
    label_column: LabelColumn = "",
    topic_column: TopicColumn = "",
    complaint_is: ComplaintIs = "",
    as_json: AsJson = False,
) -> None:
    """Say what a text, or each row of a file, would be held to be, with the words that decide. Nothing is stored.

    Where the rows have labels (columns label, category, topic), it says how often the judgement agrees with them.

    Examples: [bold]echo "The pump is broken again" | outreach replies classify -[/bold],
    [bold]outreach replies classify tweets.csv --json[/bold]
    """
    from ..work.labels import holds_rows, read_labels  # lazy, as all below: SQLModel takes most of a second
    from ..work.try_out import figures_of, try_out, try_rows

    if file != "-" and holds_rows(Path(file)):
        found = read_labels(Path(file), _columns(text_column, label_column, topic_column, complaint_is))
        with progress() as bar:
            task = bar.add_task("Judging", total=len(found.rows))
            tried = try_rows(found.rows, workspace_root(), lambda: bar.advance(task))
        if as_json:
            print_json(rows_json(tried, figures_of(tried), found.faults))
        else:
            tell_rows(tried, figures_of(tried))
        _tell_faults(file, found.faults)
        return
    judged = try_out(_read(file), workspace_root(), is_mail=file.lower().endswith(".eml"))
    if as_json:
        print_json(judgement_json(judged))
    else:
        tell_judgement(judged)


def train(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Rows with labels (.csv, .tsv, .jsonl); else the reviews.")
    ] = None,
    text_column: TextColumn = "",
    label_column: LabelColumn = "",
    topic_column: TopicColumn = "",
    complaint_is: ComplaintIs = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Learn from a file of labelled rows, or from the reviews so far, and keep it only if it does no harm.

    Random tenths are held out and judged with what the rest has taught. Where less is right than before (by more than
    2 points), or the labels contradict each other, nothing changes and the exit status is 3. Of words only hashes stay.

    Example: [bold]outreach replies train old-tickets.csv --topic-column product[/bold]
    """
    from ..work.labels import read_labels
    from ..work.learn import figures_of, learn
    from ..work.schooling import learn_from_rows

    workspace = open_here()
    taught: FileLesson | None = None
    if file is not None:
        found = read_labels(file, _columns(text_column, label_column, topic_column, complaint_is))
        with progress() as bar:
            task = bar.add_task("Taking in", total=len(found.rows) + 1)
            taught = learn_from_rows(
                workspace, found.rows, source=file.name, by=by or me(), tick=lambda: bar.advance(task)
            )
        lesson = taught.lesson
        _tell_faults(str(file), found.faults)
    else:
        lesson = learn(workspace, by=by or me())
    told: dict[str, Any] = {
        "version": lesson.version,
        "kept": lesson.kept,
        "reason": lesson.trial.refused,
        "examples": lesson.examples,
        "new": lesson.new,
        **figures_of(lesson.trial),
        "strongest": [{"words": piece, "adds": round(adds, 3)} for piece, adds in taught.strongest] if taught else [],
    }
    if as_json:
        print_json(told)
    else:
        _tell_lesson(told, taught)
    if not lesson.kept:
        raise typer.Exit(3)


def models(as_json: AsJson = False) -> None:
    """List what was learned, version by version: how it did on what was held out, and whether it is in force.

    Example: [bold]outreach replies models[/bold]
    """
    from ..store.learning import models_of, standing

    workspace = open_here()
    with workspace.database.read() as session:
        rows, stand = models_of(session), standing(session)
        listed = [
            {
                "version": row.id,
                "at": row.at,
                "by": row.by,
                "state": row.state,
                "examples": row.examples,
                **row.figures,
                "reason": row.reason,
            }
            for row in rows
        ]
    if as_json:
        print_json(listed)
        return
    if not rows:
        typer.echo("Nothing has been learned yet: the cues decide alone.")
    else:
        columns = ("version", "at", "by", "state", "examples", "right", "before", "topic in 3", "before", "reason")
        shares = ("accuracy", "accuracy_before", "topic_top3", "topic_top3_before")
        cells = [
            [one["version"], one["at"], one["by"], str(one["state"]).replace("_", " "), one["examples"]]
            + [percent(one.get(name)) for name in shares]
            + [one["reason"]]
            for one in listed
        ]
        print_table(columns, cells)
    if stand.waiting:
        typer.echo(f"{stand.waiting} decisions have come since: `outreach replies train` makes a version of them.")


def rollback(
    version: Annotated[
        int | None, typer.Argument(metavar="[VERSION]", help="To this one; 0 for the cues alone; else the one before.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Go back to an earlier version; what was decided after it is set aside and learned from no longer.

    To go forward again, name the newer version.

    Example: [bold]outreach replies rollback 3[/bold]
    """
    from ..store.learning import standing
    from ..work.learn import go_back

    workspace = open_here()
    aside = go_back(workspace, version)
    with workspace.database.read() as session:
        force = standing(session).version
    if as_json:
        print_json({"version": force, "set_aside": aside})
        return
    typer.echo(f"Version {force} is in force." if force else "The cues decide alone.")
    typer.echo(f"{aside} decisions that came after it are set aside; no verdict on a message has changed.")


def _columns(text: str, label: str, topic: str, complaint_is: str) -> Columns:
    from ..work.labels import Columns

    return Columns(text, label, topic, complaint_is)


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read(2_000_000)
    try:
        with Path(file).open("rb") as opened:
            return opened.read(25_000_000)
    except OSError as wrong:
        raise InputError(f"cannot be read: {wrong.strerror}", file=file) from wrong


def _tell_faults(file: str, faults: list[tuple[int, str]]) -> None:
    for row, why in faults[:20]:
        typer.echo(f"  {file}:{row}: {why}", err=True)
    if len(faults) > 20:
        typer.echo(f"  … and {len(faults) - 20} more rows", err=True)


def _tell_lesson(told: dict[str, Any], taught: FileLesson | None) -> None:
    if taught is not None:
        skipped = f", {taught.unlabelled} without a label" if taught.unlabelled else ""
        typer.echo(f"{taught.taken} rows taken in, {taught.known} known already{skipped}")
    what = f"{told['examples']} examples, {told['new']} of them new"
    typer.echo(f"Version {told['version']} {'is in force' if told['kept'] else 'was refused'}: {what}.")
    if told["reason"]:
        typer.echo(f"  {told['reason']}")
    if told["held_out"]:
        before, after = percent(told["accuracy_before"]), percent(told["accuracy"])
        typer.echo(f"  complaint or not: {after} right of {told['held_out']} held out, {before} before")
    if told["topics_held_out"]:
        before, after = percent(told["topic_top3_before"]), percent(told["topic_top3"])
        typer.echo(f"  topic in the first three: {after} of {told['topics_held_out']} held out, {before} before")
    for side, sign in (("for", 1), ("against", -1)):
        some = [f'"{one["words"]}" ({one["adds"]:+.2f})' for one in told["strongest"] if one["adds"] * sign > 0]
        if some:
            typer.echo(f"  learned {side} a complaint: {', '.join(some)}")
    if not told["kept"]:
        again = (
            "its rows are set aside" if taught is not None else "the reviews stay, and are tried again with the next"
        )
        typer.echo(f"  Nothing has changed: {again}.")
