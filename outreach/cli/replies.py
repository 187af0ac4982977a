"""`outreach replies …`: fetch, take down, import, list, show, review and try the sorting of what came back."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ..errors import InputError, UsageError
from . import reply_import, reply_join, reply_log
from .common import AsJson, me, open_here, print_json, progress
from .reply_learning import classify, models, rollback, train
from .reply_views import calendar_answers, list_row, message_json, print_messages, tell_message

app = typer.Typer(no_args_is_help=True, help="What came back: fetch it, take it down, look at it, review it.")

CHANNELS = ("phone", "letter", "mention", "form", "forum")
CATEGORIES = ("complaint", "question", "thanks", "unsubscribe", "change_of_data", "seminar_answer", "machine", "other")
MessageId = Annotated[int, typer.Argument(metavar="ID", help="The message's number, as `replies list` shows it.")]
By = Annotated[str, typer.Option("--by", help="Who reviews; else the name you are logged in with.")]


@app.command()
def fetch(as_json: AsJson = False) -> None:
    """Read all mailboxes of the settings (Maildir, mbox, IMAP) and the watched folder. Nothing is deleted there.

    Each mail is stored before it is marked as read; what is here already is not taken twice. A mailbox that cannot
    be read is told with a remedy (exit status 1), and the others are read. `outreach run` does all this by itself.

    Example: [bold]outreach replies fetch[/bold]
    """
    from ..errors import SettingsError
    from ..work.collect import collect_all  # lazy, as all below: SQLModel takes most of a second

    workspace = open_here()
    if not workspace.settings.replies.mailboxes and not workspace.settings.replies.folder:
        raise SettingsError("no mailbox is set", remedy="Add [[replies.mailboxes]] to outreach.toml.")
    with progress() as bar:
        tasks = {name: bar.add_task(name.capitalize(), total=None) for name in ("fetched", "read")}
        counts = collect_all(workspace, lambda name, step: bar.advance(tasks[name], step))
    if as_json:
        files = [reply_import.dropped_json(one) for one in counts.files]
        print_json(vars(counts) | {"files": files, "troubles": [vars(one) for one in counts.troubles]})
    else:
        kinds = ", ".join(f"{kind.replace('_', ' ')} {number}" for kind, number in sorted(counts.kinds.items()))
        typer.echo(f"{counts.fetched} fetched: {counts.stored} new, {counts.known} known already")
        for one in counts.files:
            reply_import.tell_dropped(one)
        typer.echo(f"{counts.read} read{': ' + kinds if kinds else ''}")
        if counts.unreadable:
            typer.echo(f"{counts.unreadable} could not be read: `outreach replies list --unreviewed` shows them")
    for trouble in counts.troubles:
        typer.echo(f"error: {trouble.message}\n  {trouble.remedy}".rstrip(), err=True)
    if counts.troubles:
        raise typer.Exit(1)


app.command("log")(reply_log.log)
app.command("import")(reply_import.import_files)
app.command("collect")(reply_import.collect)


@app.command("list")
def list_messages(
    category: Annotated[str, typer.Option(help=f"Only these: {', '.join(CATEGORIES)}.")] = "",
    is_open: Annotated[bool, typer.Option("--open", help="Only those in a case that is not closed.")] = False,
    channel: Annotated[str, typer.Option(help=f"Only this way: email, {', '.join(CHANNELS)}.")] = "",
    unreviewed: Annotated[bool, typer.Option("--unreviewed", help="Only what no person has looked at.")] = False,
    machine: Annotated[bool, typer.Option("--machine", help="Machine mail too: bounces, automatic replies.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what people wrote, and what their calendars answered to invitations, the newest first.

    Example: [bold]outreach replies list --category complaint --open[/bold]
    """
    from ..records import Category, Channel
    from ..store.replies import InboundFilter, list_inbounds

    if category and category not in CATEGORIES:
        raise UsageError(f"--category {category}: there are {', '.join(CATEGORIES)}")
    if channel and channel not in ("email", *CHANNELS):
        raise UsageError(f"--channel {channel}: there are email, {', '.join(CHANNELS)}")
    workspace = open_here()
    with workspace.database.read() as session:
        wanted = InboundFilter(
            category=Category(category) if category else None,
            channel=Channel(channel) if channel else None,
            machine=machine or category == "machine",
            unreviewed=unreviewed,
            open_cases=is_open,
            limit=limit,
        )
        rows = list_inbounds(session, wanted)
        if as_json:
            print_json([message_json(session, row) for row in rows])
            return
        answered = calendar_answers(session, rows)
    if not rows:
        typer.echo("Nothing of the kind has come in.")
        return
    print_messages([list_row(row, answered.get(row.id or 0)) for row in rows])


@app.command()
def show(
    message: MessageId,
    raw: Annotated[bool, typer.Option("--raw", help="Print the bytes that came in.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show one message: what was written, whose it is and by which clue, what it was held to be and why.

    Example: [bold]outreach replies show 12[/bold]
    """
    if not raw:
        show_message(message, as_json=as_json)
        return
    from ..records import Inbound

    workspace = open_here()
    with workspace.database.read() as session:
        row = session.get(Inbound, message)
    if row is None:
        raise InputError(f"there is no message {message}", remedy="`outreach replies list` shows the numbers.")
    sys.stdout.flush()
    sys.stdout.buffer.write(row.raw)
    sys.stdout.buffer.flush()


@app.command()
def review(
    message: Annotated[int | None, typer.Argument(metavar="[ID]", help="Only this message.")] = None,
    category: Annotated[str, typer.Option("--as", help=f"What it is: {', '.join(CATEGORIES)}.")] = "",
    topics: Annotated[list[str] | None, typer.Option("--topic", help="What it is about; may be repeated.")] = None,
    urgency: Annotated[str, typer.Option(help="high, raised or normal.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take back the newest review (of this message).")] = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Say what messages are: right, or corrected, by one key each. Case, holds and consent follow; so does an undo.

    Keys: Enter or r right, c complaint, q question, t thanks, u unsubscribe, d changed data, o other, m machine,
    b topics, s skip, z undo, x leave; 1 to 9 or j say whose it is. The most urgent come first.

    Examples: [bold]outreach replies review[/bold], [bold]outreach replies review 12 --as question --topic milk[/bold],
    [bold]outreach replies review --undo[/bold]
    """
    from ..records import Category, Urgency
    from ..work.review import review as review_one
    from ..work.review import undo_review
    from .reply_review import review_all, tell_learning

    if category and category not in CATEGORIES:
        raise UsageError(f"--as {category}: there are {', '.join(CATEGORIES)}")
    if urgency and urgency not in tuple(Urgency):
        raise UsageError(f"--urgency {urgency}: there are {', '.join(Urgency)}")
    workspace = open_here()
    who = by or me()
    known = workspace.settings.topics
    if wrong := next((topic for topic in topics or [] if known and topic not in known), None):
        raise UsageError(f"--topic {wrong}: there are {', '.join(known)}")
    if undo:
        undone = undo_review(workspace, by=by or None, inbound_id=message)
        if undone is None:
            raise InputError("there is no review to take back")
        typer.echo(f"taken back: message {undone}")
        show_message(undone, as_json=as_json)
    elif message is None:
        if category or topics or urgency:
            raise UsageError("--as, --topic and --urgency need a message's number")
        review_all(workspace, by=who)
    elif category or topics is not None or urgency:
        review_one(
            workspace,
            message,
            by=who,
            category=Category(category) if category else None,
            topics=topics,
            urgency=Urgency(urgency) if urgency else None,
        )
        show_message(message, as_json=as_json)
        if not as_json:
            tell_learning(workspace, by=who)
    else:
        review_all(workspace, by=who, only=message)


app.command("join")(reply_join.join)


for taught in (classify, train, models, rollback):
    app.command()(taught)


def show_message(inbound_id: int, *, as_json: bool) -> None:
    """Show one message, for a person or a program."""
    from ..records import Inbound
    from ..store.replies import verdicts_of

    workspace = open_here()
    with workspace.database.read() as session:
        row = session.get(Inbound, inbound_id)
        if row is None:
            raise InputError(f"there is no message {inbound_id}", remedy="`outreach replies list` shows the numbers.")
        if as_json:
            print_json(message_json(session, row, whole=True))
        else:
            tell_message(session, row, verdicts_of(session, inbound_id))
