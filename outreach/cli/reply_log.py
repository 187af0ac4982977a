"""`outreach replies log`: taking down a call, a letter or a mention, by options or by a few questions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ..contacts import read_phone
from ..errors import InputError, NeedsPerson, UsageError
from .common import AsJson, me, open_here, printable
from .reply_join import one_of

if TYPE_CHECKING:
    from ..work.workspace import Workspace

CHANNELS = ("phone", "letter", "mention", "form", "forum")
CATEGORIES = ("complaint", "question", "thanks", "unsubscribe", "change_of_data", "seminar_answer", "machine", "other")


def log(
    who: Annotated[
        str, typer.Argument(metavar="[WHO]", help="Who it was: an address, a number, a handle, or a customer's name.")
    ] = "",
    what: Annotated[str, typer.Argument(metavar="[WHAT]", help="What was said; else you are asked.")] = "",
    channel: Annotated[str, typer.Option(help=f"By which way it came: {', '.join(CHANNELS)}.")] = "phone",
    text: Annotated[str, typer.Option(help="What was said; - reads it from the terminal or a pipe.")] = "",
    sender: Annotated[str, typer.Option("--from", help="The e-mail address that was given.")] = "",
    customer: Annotated[str, typer.Option(help="Whose it is, where you know: the customer's e-mail address.")] = "",
    name: Annotated[str, typer.Option(help="The name that was given.")] = "",
    phone: Annotated[str, typer.Option(help="The caller's number.")] = "",
    handle: Annotated[str, typer.Option(help="The author's handle: x:ann, @ann@mastodon.example.")] = "",
    subject: Annotated[str, typer.Option(help="What it was about.")] = "",
    topics: Annotated[list[str] | None, typer.Option("--topic", help="Its topic, as you heard it; repeatable.")] = None,
    category: Annotated[str, typer.Option("--as", help=f"What it was: {', '.join(CATEGORIES)}.")] = "",
    at: Annotated[
        str, typer.Option(help="When it was; else now. Like 2026-12-01 14:30, in the workspace's zone.")
    ] = "",
    link: Annotated[str, typer.Option(help="Where it can be read.")] = "",
    reach: Annotated[int, typer.Option(help="How many people may have read it.", min=0)] = 0,
    by: Annotated[str, typer.Option("--by", help="Who took it down; else the name you are logged in with.")] = "",
    as_json: AsJson = False,
) -> None:
    """Take down a call, a letter, a mention, a form or a forum post: who, what, and the topic where you know it.

    Without WHAT you are asked, at a terminal. What you say of topic and kind counts as your review.

    Examples: [bold]outreach replies log[/bold],
    [bold]outreach replies log "+44 20 7946 0018" "The pump leaks again." --topic pump[/bold]
    """
    from .replies import show_message  # lazy: that module takes this command in

    if channel not in CHANNELS:
        raise UsageError(f"--channel {channel}: there are {', '.join(CHANNELS)}")
    if category and category not in CATEGORIES:
        raise UsageError(f"--as {category}: there are {', '.join(CATEGORIES)}")
    workspace = open_here()
    chosen = [topic for topic in topics or [] if topic.strip()]
    said = what or text
    if not said and sys.stdin.isatty():
        who, said, chosen = _ask(workspace, who, chosen)
    known = workspace.settings.topics
    if wrong := next((topic for topic in chosen if known and topic not in known), None):
        raise UsageError(f"--topic {wrong}: there are {', '.join(known)}")
    told = {"text": sys.stdin.read() if said == "-" else said, "from": sender, "customer": customer, "name": name}
    told |= {"phone": phone, "handle": handle, "subject": subject, "link": link, "reach": str(reach or "")}
    inbound_id = _keep(workspace, channel, told | _who(workspace, who), at)
    if chosen or category:
        _review(workspace, inbound_id, by or me(), chosen, category)
    show_message(inbound_id, as_json=as_json)
    if not as_json and (told_so := _no_case(workspace, inbound_id)):
        typer.echo(told_so)


def _keep(workspace: Workspace, channel: str, told: dict[str, str], at: str) -> int:
    from ..records import Channel
    from ..store.customers import find_customer
    from ..work.read import read_inbound
    from ..work.told import log_message, read_when

    if told["customer"]:
        with workspace.database.read() as session:
            if find_customer(session, workspace.keys, told["customer"]) is None:
                remedy = "Leave --customer out, or import them."
                raise InputError(f"there is no customer {told['customer']}", remedy=remedy)
    when = read_when(at, workspace) if at else None
    inbound_id = log_message(workspace, Channel(channel), told, at=when)
    if inbound_id is None:
        raise InputError("just this was taken down already", remedy="Nothing was added.")
    read_inbound(workspace, inbound_id)
    return inbound_id


def _no_case(workspace: Workspace, inbound_id: int) -> str:
    """What to do where a message that may need an answer made no case; else nothing."""
    from ..records import Category, Inbound

    with workspace.database.read() as session:
        row = session.get_one(Inbound, inbound_id)
    if row.case_id is not None or row.category in (Category.THANKS, Category.UNSUBSCRIBE):
        return ""
    return (
        "\nIt made no case, so nobody is told of it. If somebody is to answer:"
        f" outreach replies review {inbound_id} --as question (or complaint)"
    )


def _review(workspace: Workspace, inbound_id: int, by: str, topics: list[str], category: str) -> None:
    from ..records import Category
    from ..work.review import review

    review(workspace, inbound_id, by=by, category=Category(category) if category else None, topics=topics or None)


def _who(workspace: Workspace, who: str) -> dict[str, str]:
    """What a few words say of who it was; a name that no customer has is kept as the name that was given."""
    words = who.strip()
    if not words:
        return {}
    if read_phone(words):
        return {"phone": words}
    if words.startswith("@") or ":" in words:
        return {"handle": words}
    if "@" in words:
        return {"from": words}
    try:
        return {"customer": one_of(workspace, words).address, "name": words}
    except InputError:
        return {"name": words}


def _ask(workspace: Workspace, who: str, topics: list[str]) -> tuple[str, str, list[str]]:
    """Three questions: who, what, and the topic by its number."""
    from ..work.who import find_who

    who = who or typer.prompt("Who (address, number, handle, name; Enter: unknown)", default="", show_default=False)
    with workspace.database.read() as session:
        found = find_who(session, workspace, who)
    for number, one in enumerate(found, 1):
        typer.echo(f"  {number} {printable(str(one))}")
    if len(found) > 1:
        picked = typer.prompt("Which", default="", show_default=False)
        if picked.isdecimal() and 1 <= int(picked) <= len(found):
            who = found[int(picked) - 1].address
        else:
            raise NeedsPerson("nobody was chosen", remedy="Name the address or the number.")
    said = typer.prompt("What was said")
    known = list(workspace.settings.topics)
    if known and not topics:
        typer.echo("  " + "  ".join(f"{number} {topic}" for number, topic in enumerate(known, 1)))
        picked = typer.prompt("Topic (number, Enter: by the words)", default="", show_default=False)
        if picked.isdecimal() and 1 <= int(picked) <= len(known):
            topics = [known[int(picked) - 1]]
        elif picked in known:
            topics = [picked]
    return who, said, topics
