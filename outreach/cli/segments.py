"""`outreach segments …`: rules over customers, saved under a name, counted and explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import AsJson, me, open_here, print_json, print_table, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlmodel import Session

    from ..audience.segment_tree import Segment
    from ..records import SavedSegment
    from ..store.segment_counts import Clause
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
    change = saved.change if saved.change != "created" else "saved"
    typer.echo(f"{saved.name} is {change}: {_people(people)} now.")
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
        saved = all_saved(session)
        everybody = _everybody(session) if saved else 0
        rows = [_row(session, workspace, one, everybody) for one in saved]
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo("None is saved yet: outreach segments save loyal 'since < 2025-01-01 and open_cases == 0'")
        return
    shown = (
        [
            *(row["name"], f"{row['people']:,}", _share(row["people"], everybody), ", ".join(row["used_by"])),
            printable(row["about"] or row["rule"]),
        ]
        for row in rows
    )
    print_table(["name", "people", "of all", "used by", "what it is"], shown)
    typer.echo(
        f"{_people(everybody)} with an address in all. Clause by clause: outreach segments explain {rows[0]['name']}"
    )


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
        row = _row(session, workspace, saved, _everybody(session)) | {"whole": whole_text(session, saved.rule)}
        tell_doubts(session, rule_of(session, workspace, saved.rule))
    if as_json:
        print_json(row)
        return
    typer.echo(f"{name}" + (f": {printable(row['about'])}" if row["about"] else ""))
    typer.echo(f"  takes     {_of(row['people'], row['of'])} with an address")
    typer.echo(f"  rule      {printable(row['rule'])}")
    if row["whole"] != row["rule"]:
        typer.echo(f"  in full   {printable(row['whole'])}")
    typer.echo(f"  used by   {', '.join(row['used_by']) or 'nothing yet: segment: ' + name + ' in a campaign'}")
    typer.echo(f"  saved     on {row['changed_at']:%Y-%m-%d} by {printable(row['by'])}")
    typer.echo(f"Clause by clause: outreach segments explain {name}")


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
    """Say how many people each clause of a rule takes by itself, and how many are left after it.

    With `or` between them: how many there are so far.

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
    typer.echo(f"{_people(people)} {f'subscribed to {list_name}' if list_name else 'with an address'}")
    if not rows:
        return
    top = [one for one in clauses if one.depth == 0]
    either = len(top) > 1 and top[1].joined == "or"
    heads = ["clause", "by itself", "so far" if either else "left"] + ([email] if email else [])
    print_table(heads, [_cells(row, _joined_inside(rows, place)) for place, row in enumerate(rows)])
    typer.echo(f"The rule takes {_of(taken or 0, people)}.")
    if not either and len(top) > 1:
        typer.echo(_where_lost(people, top))


def _where_lost(people: int, top: Sequence[Clause]) -> str:
    """The clause after which nobody is left, or that loses most of those who were left."""
    lefts = [people, *(one.left or 0 for one in top)]
    at = next((place for place, left in enumerate(lefts[1:]) if not left), None)
    if at is not None and lefts[at]:
        return f"Nobody is left after {top[at].text}, which takes {_people(top[at].alone)} by itself."
    if lefts[-1] == people:
        return "No clause leaves anybody out."
    at = max(range(len(top)), key=lambda place: lefts[place] - lefts[place + 1])
    return f"Most fall away at {top[at].text}: {lefts[at]:,} before it, {lefts[at + 1]:,} after it."


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _share(count: int, whole: int) -> str:
    share = 100 * count / whole if whole else 0
    return f"{share:.0f} %" if share >= 1 or not count else f"{share:.1f} %" if share >= 0.1 else "under 0.1 %"


def _of(count: int, whole: int) -> str:
    return f"{count:,} of {_people(whole)} ({_share(count, whole)})"


def _everybody(session: Session) -> int:
    from ..audience.segment import EVERYONE
    from ..store.segment_counts import count_people

    return count_people(session, EVERYONE)


def _joined_inside(rows: Sequence[dict[str, Any]], place: int) -> str:
    """The word that joins the parts of a clause in brackets, which stand below it; "" where there are none."""
    depth, found = rows[place]["depth"], []
    for row in rows[place + 1 :]:
        if row["depth"] <= depth:
            break
        found += [str(row["joined"])] if row["depth"] == depth + 1 else []
    return found[1] if len(found) > 1 else ""


_INSIDE = {("and", False): "all of", ("or", False): "any of", ("and", True): "not all of", ("or", True): "none of"}


def _cells(row: dict[str, Any], inside: str) -> list[Any]:
    word = f"{row['joined']} " if row["joined"] else ""
    clause = f"{_INSIDE[inside, row['clause'].startswith('not ')]}:" if inside else printable(row["clause"])
    cells = ["  " * row["depth"] + word + clause, f"{row['alone']:,}"]
    cells.append("" if row["left"] is None else f"{row['left']:,}")
    return cells + (["yes" if row["takes"] else "no"] if "takes" in row else [])


def _row(session: Session, workspace: Workspace, saved: SavedSegment, of: int) -> dict[str, Any]:
    from ..store.saved_segments import load_segment, uses_of
    from ..store.segment_counts import count_people

    names = ("name", "rule", "about", "by", "created_at", "changed_at")
    people = count_people(session, load_segment(session, saved.rule, workspace.clock()))
    counted = {"people": people, "of": of, "used_by": uses_of(session, saved.name)}
    return {one: getattr(saved, one) for one in names} | counted
