"""`outreach segments …`: rules over customers, saved under a name, counted and explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import AsJson, me, open_here, print_json, print_table, printable

if TYPE_CHECKING:
    from sqlmodel import Session

    from ..audience.segment_tree import Segment
    from ..records import SavedSegment
    from ..work.workspace import Workspace

app = typer.Typer(no_args_is_help=True, help="Rules over customers: save, count and explain them.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name it is saved under.")]
InList = Annotated[str, typer.Option("--list", help="Only those who are subscribed to this mailing list.")]


def rule_of(session: Session, workspace: Workspace, text: str) -> Segment:
    """A rule, or the name of a saved one, as of now."""
    from ..work.segments import check_rule  # lazy, as all below: SQLModel takes most of a second

    return check_rule(session, workspace, text)


def tell_doubts(session: Session, rule: Segment) -> None:
    """Say on stderr what the rule names that nobody has heard of."""
    from ..work.doubts import doubts

    for words in doubts(session, rule):
        typer.echo(f"note: {words}", err=True)


@app.command()
def save(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits, dots and dashes.")],
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Such as 'plan == \"pro\" and open_cases == 0'.")],
    about: Annotated[str, typer.Option("--about", help="What it is for, for your colleagues.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of the rule saved there.")] = False,
    by: Annotated[str, typer.Option("--by", help="Who does it; else the name you are logged in with.")] = "",
) -> None:
    """Save a rule under a name, for campaigns (`segment: NAME`) and other rules (`segment("NAME")`).

    It is looked at anew each time: whoever fits tomorrow is in it tomorrow.

    Example: [bold]outreach segments save loyal 'plan == "pro" and since < 2025-01-01 and open_cases == 0'[/bold]
    """
    from ..store.segment_counts import count_people
    from ..work.segments import save_segment

    workspace = open_here()
    saved = save_segment(workspace, name, rule, about=about, again=replace, by=by or me())
    with workspace.database.read() as session:
        segment = rule_of(session, workspace, rule)
        people = count_people(session, segment)
        tell_doubts(session, segment)
    typer.echo(f"{saved.name} is {saved.change if saved.change != 'created' else 'saved'}: {people:,} people now.")
    if saved.change == "changed" and saved.used_by:
        typer.echo(f"Used by {', '.join(saved.used_by)}. Before: {saved.before}")


@app.command("list")
def list_segments(as_json: AsJson = False) -> None:
    """List the saved segments with how many people each takes now, and what uses it.

    Example: [bold]outreach segments list[/bold]
    """
    from ..store.saved_segments import all_saved

    workspace = open_here()
    with workspace.database.read() as session:
        rows = [_row(session, workspace, one) for one in all_saved(session)]
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo("None is saved yet: outreach segments save loyal 'since < 2025-01-01 and open_cases == 0'")
        return
    shown = (
        [row["name"], f"{row['people']:,}", ", ".join(row["used_by"]), row["about"] or row["rule"]] for row in rows
    )
    print_table(["name", "people", "used by", "rule"], shown)


@app.command()
def show(name: Name, as_json: AsJson = False) -> None:
    """Show a saved segment: its rule, whom it takes now, and what uses it.

    Example: [bold]outreach segments show loyal[/bold]
    """
    from ..store.saved_segments import whole_text
    from ..work.segments import known_saved

    workspace = open_here()
    with workspace.database.read() as session:
        saved = known_saved(session, name)
        row = _row(session, workspace, saved) | {"whole": whole_text(session, saved.rule)}
        tell_doubts(session, rule_of(session, workspace, saved.rule))
    if as_json:
        print_json(row)
        return
    typer.echo(f"{name}: {row['people']:,} people" + (f"; {printable(row['about'])}" if row["about"] else ""))
    typer.echo(f"  {row['rule']}")
    if row["whole"] != row["rule"]:
        typer.echo(f"  that is: {row['whole']}")
    typer.echo(f"  used by: {', '.join(row['used_by']) or 'nothing yet'}")
    typer.echo(f"  saved by {row['by']} on {row['changed_at']:%Y-%m-%d}")


@app.command()
def delete(name: Name) -> None:
    """Let go of a saved segment that nothing uses.

    Example: [bold]outreach segments delete loyal[/bold]
    """
    from ..work.segments import delete_segment

    delete_segment(open_here(), name)
    typer.echo(f"{name} is gone.")


@app.command()
def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="A rule, or the name of a saved one.")],
    list_name: InList = "",
    email: Annotated[str, typer.Option("--as", metavar="EMAIL", help="What each clause says of this customer.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say how many people each clause of a rule keeps, by itself and after those before it.

    Example: [bold]outreach segments explain 'plan == "pro" and not replied(within="90d")' --as ann@example.com[/bold]
    """
    from ..store.segment_counts import count_clauses
    from ..work.segments import judge_clauses, known_list

    workspace = open_here()
    with workspace.database.read() as session:
        segment = rule_of(session, workspace, rule)
        list_id = known_list(session, list_name) if list_name else None
        people, clauses = count_clauses(session, segment, list_id)
        said = judge_clauses(session, workspace, segment, email) if email else {}
        tell_doubts(session, segment)
    taken = clauses and [one.left for one in clauses if one.depth == 0][-1]
    rows: list[dict[str, Any]] = [
        {"clause": one.text, "depth": one.depth, "joined": one.joined, "alone": one.alone, "left": one.left}
        | ({"takes": said[one.text]} if email else {})
        for one in clauses
    ]
    if as_json:
        print_json({"rule": segment.text, "list": list_name, "of": people, "people": taken or 0, "clauses": rows})
        return
    typer.echo(f"{people:,} people" + (f" subscribed to {list_name}" if list_name else " with an address"))
    heads = ["clause", "alone", "left"] + ([email] if email else [])
    print_table(heads, [_cells(row) for row in rows])
    if rows:
        typer.echo(f"The rule takes {taken:,} of them.")


def _cells(row: dict[str, Any]) -> list[Any]:
    word = f"{row['joined']} " if row["joined"] else ""
    cells = ["  " * row["depth"] + word + row["clause"], f"{row['alone']:,}"]
    cells.append("" if row["left"] is None else f"{row['left']:,}")
    return cells + (["yes" if row["takes"] else "no"] if "takes" in row else [])


def _row(session: Session, workspace: Workspace, saved: SavedSegment) -> dict[str, Any]:
    from ..store.saved_segments import load_segment, uses_of
    from ..store.segment_counts import count_people

    names = ("name", "rule", "about", "by", "created_at", "changed_at")
    people = count_people(session, load_segment(session, saved.rule, workspace.clock()))
    return {one: getattr(saved, one) for one in names} | {"people": people, "used_by": uses_of(session, saved.name)}
