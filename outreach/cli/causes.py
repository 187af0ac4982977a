"""`outreach causes`: what several cases have in common, and the letters when it is fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import AsJson, me, open_here, print_json, print_table, printable
from .segments import rule_of, tell_doubts

if TYPE_CHECKING:
    from ..work.causes import CauseView

causes_app = typer.Typer(add_completion=False, no_args_is_help=True, help="What several cases have in common.")
Name = Annotated[str, typer.Argument(help="The cause's name, as `causes list` shows it.")]
By = Annotated[str, typer.Option("--by", help="Who says so; else the name you are logged in with.")]
OfList = Annotated[str, typer.Option("--list", help="The list of the letters; needed where there are several.")]


@causes_app.command("list")
def list_causes(as_json: AsJson = False) -> None:
    """List causes with the number of their cases.

    Example: [bold]outreach causes list[/bold]
    """
    from ..store.causes import all_causes  # lazy, as all below: SQLModel takes most of a second

    workspace = open_here()
    with workspace.database.read() as session:
        found = all_causes(session)
    if as_json:
        print_json([_cause_json(cause) | {"cases": count} for cause, count in found])
        return
    if not found:
        typer.echo('No cause is known yet: outreach causes add loose-cable --title "The cable comes loose"')
        return
    rows = ([cause.name, cause.state, count, cause.title, cause.topic, cause.fixed_at] for cause, count in found)
    print_table(["name", "state", "cases", "title", "topic", "fixed"], rows)


@causes_app.command()
def show(name: Name, of: OfList = "", as_json: AsJson = False) -> None:
    """Show a cause: its cases, whom letters would reach, and other cases that may belong to it.

    Example: [bold]outreach causes show loose-cable[/bold]
    """
    from ..work.causes import view_cause  # lazy

    workspace = open_here()
    with workspace.database.read() as session:
        view = view_cause(session, workspace, name, of)
    if as_json:
        cases = [{"id": case.id, "state": case.state, "summary": case.summary} for case in view.cases]
        likely = [{"case": case_id, "words": words} for case_id, words in view.likely]
        more = {"cases": cases, "told": view.told, "public": view.public, "silent": view.silent, "likely": likely}
        print_json(_cause_json(view.cause) | more)
        return
    _print(view)


@causes_app.command()
def add(
    name: Annotated[str, typer.Argument(help="A short name in lower-case letters, digits and dashes.")],
    title: Annotated[str, typer.Option("--title", help="What it is, as customers will read it.")],
    topic: Annotated[str, typer.Option("--topic", help="Its topic, one of those in outreach.toml.")] = "",
    segment: Annotated[str, typer.Option("--segment", help='Who else may have it, such as: model == "X2"')] = "",
    by: By = "",
) -> None:
    """Name what several cases have in common.

    Example: [bold]outreach causes add loose-cable --title "The cable comes loose" --topic app[/bold]
    """
    from ..work.causes import add_cause  # lazy

    workspace = open_here()
    add_cause(workspace, name, title=title, topic=topic, segment=segment, by=by or me())
    if segment:
        with workspace.database.read() as session:
            tell_doubts(session, rule_of(session, workspace, segment))
    typer.echo(f"Now link its cases: outreach causes link {name} CASE…; outreach causes show {name} names likely ones.")


@causes_app.command()
def link(
    name: Name, cases: Annotated[list[int], typer.Argument(metavar="CASE…", help="Numbers of cases.")], by: By = ""
) -> None:
    """Say that these cases come from the cause. A case comes from one cause.

    Example: [bold]outreach causes link loose-cable 7 9[/bold]
    """
    from ..work.causes import link_cases  # lazy

    new = link_cases(open_here(), name, cases, by=by or me())
    typer.echo(f"{new} linked, {len(cases) - new} were already.")


@causes_app.command()
def unlink(cases: Annotated[list[int], typer.Argument(metavar="CASE…", help="Numbers of cases.")]) -> None:
    """Say that these cases come from no known cause.

    Example: [bold]outreach causes unlink 9[/bold]
    """
    from ..work.causes import unlink_cases  # lazy

    typer.echo(f"{unlink_cases(open_here(), cases)} changed.")


@causes_app.command()
def fixed(
    name: Name,
    fix: Annotated[str, typer.Option("--fix", help="What was done, in words for customers (Markdown).")],
    of: OfList = "",
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """It is fixed: draft "you told us, we fixed it" to everyone who told us, and a note to those who may have it.

    The drafts stand in drafts/ for you to change; nothing goes before you send it. Each person gets a letter once.

    Example: [bold]outreach causes fixed loose-cable --fix "New cables have a clip. We send you one."[/bold]
    """
    from ..work.causes import mark_fixed, view_cause  # lazy

    workspace = open_here()
    drafts = mark_fixed(workspace, name, fix, by=by or me(), list_name=of)
    with workspace.database.read() as session:
        public = view_cause(session, workspace, name, of).public
    if as_json:
        names = ("campaign", "file", "people", "kept")
        letters = [{each: getattr(one, each) for each in names} for one in drafts]
        print_json({"cause": name, "letters": letters, "public": public})
        return
    for one in drafts:
        kept = " (it stood there and was left as it is)" if one.kept else ""
        typer.echo(f"{one.file}{kept}: for {one.people} people. Read it, then: outreach send {one.campaign}")
    if public:
        typer.echo(f"No address is known of those in case {', '.join(map(str, public))}: answer where they wrote.")
    if not drafts and not public:
        typer.echo("Nobody to write to: no case is linked, and no segment says who else may have it.")


@causes_app.command()
def reopen(name: Name) -> None:
    """It is not fixed after all.

    Example: [bold]outreach causes reopen loose-cable[/bold]
    """
    from ..work.causes import reopen_cause  # lazy

    reopen_cause(open_here(), name)
    typer.echo(f"{name} is open again.")


def _cause_json(cause: Any) -> dict[str, Any]:
    names = ("name", "state", "title", "topic", "segment", "fix", "opened_at", "fixed_at", "fixed_by")
    return {name: getattr(cause, name) for name in names}


def _print(view: CauseView) -> None:
    cause = view.cause
    typer.echo(f"{cause.name}, {cause.state.value}: {printable(cause.title)}")
    if cause.fixed_at is not None:
        typer.echo(f"  fixed {cause.fixed_at:%Y-%m-%d} by {cause.fixed_by}: {printable(cause.fix)}")
    typer.echo(f"  {view.told} customers told us" + (f", {len(view.public)} more in public" if view.public else ""))
    if view.silent is not None:
        typer.echo(f"  {view.silent} may have it and never told us: {cause.segment}")
    for case in view.cases:
        typer.echo(f"  case {case.id}, {case.state.value}: {printable(case.summary)}")
    if view.likely:
        typer.echo("Cases that may come from it too:")
        for case_id, words in view.likely:
            typer.echo(f"  case {case_id}: {words}")
