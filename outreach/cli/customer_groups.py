"""`outreach customers groups …`: households and companies, and who is of which."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from ..groups import GroupKind
from .common import AsJson, Yes, confirm, me, open_here, print_json, print_table, printable, progress

if TYPE_CHECKING:
    from ..store.groups import GroupRow
    from ..work.groups import Likely
    from ..work.workspace import Workspace

app = typer.Typer(no_args_is_help=True, help="Households and companies: who is of which, looked at together.")
Kind = Annotated[GroupKind, typer.Argument(metavar="household|company", help="Which sort of group.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The household's or company's name, in quotes.")]
Who = Annotated[list[str], typer.Argument(metavar="EMAIL…", help="Customers, by address or #ID.")]
By = Annotated[str, typer.Option("--by", help="Who does it; else the name you are logged in with.")]


@app.command("list")
def list_all(
    kind: Annotated[GroupKind | None, typer.Option("--kind", help="Only households, or only companies.")] = None,
    at_least: Annotated[int, typer.Option(min=1, help="Only those of so many people.")] = 1,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List households and companies: how many people, how many open cases, who looks after them.

    Those with the most open cases come first, then the largest.

    Example: [bold]outreach customers groups list --kind company --at-least 2[/bold]
    """
    from ..store.groups import list_groups  # lazy, as below: SQLModel takes most of a second

    with open_here().database.read() as session:
        found = list_groups(session, kind, at_least=at_least, limit=limit + 1)
    if as_json:
        print_json([_json(row) for row in found[:limit]])
        return
    if not found:
        typer.echo("None yet: import a column household or company, or: outreach customers groups suggest household")
        return
    rows = [[row.kind, printable(row.name), row.people, row.open_cases, row.manager] for row in found[:limit]]
    print_table(["kind", "name", "people", "open cases", "looked after by"], rows)
    if len(found) > limit:
        typer.echo(f"There are more than these {limit}: use --limit.", err=True)


@app.command()
def show(kind: Kind, name: Name, as_json: AsJson = False) -> None:
    """Show all people of a household or company together, with their open cases.

    Example: [bold]outreach customers groups show company "Baker & Sons"[/bold]
    """
    from ..store.groups import members_of, open_cases_among
    from ..work.groups import known_group

    with open_here().database.read() as session:
        group = known_group(session, kind, name)
        members = members_of(session, group.id)
        cases = open_cases_among(session, [one.customer_id for one in members])
    by_number = {one.customer_id: one for one in members}
    told: dict[str, Any] = _json(group) | {
        "members": [
            {"id": one.customer_id, "email": one.address, "name": one.name, "since": one.since, "how": one.how}
            | {"open_cases": one.open_cases}
            for one in members
        ],
        "cases": [
            {"case": case, "email": by_number[who].address, "category": category, "topic": topic, "owner": owner}
            for who, case, category, topic, owner in cases
        ],
    }
    if as_json:
        print_json(told)
        return
    after = f", looked after by {group.manager}" if group.manager else ""
    typer.echo(f"{group.kind} {printable(group.name)}: {group.people:,} people{after}")
    rows = [
        [one.customer_id, one.address or "(no e-mail)", printable(one.name), f"{one.since:%Y-%m-%d}", one.open_cases]
        for one in members
    ]
    print_table(["id", "email", "name", "since", "open cases"], rows)
    for one in told["cases"]:
        about = f" about {one['topic']}" if one["topic"] else ""
        owner = f", {one['owner']}'s" if one["owner"] else ", nobody's yet"
        typer.echo(
            f"case {one['case']}: {one['category']}{about} of {one['email'] or 'somebody without e-mail'}{owner}"
        )


@app.command()
def join(kind: Kind, name: Name, who: Who, by: By = "", as_json: AsJson = False) -> None:
    """Let customers be of a household or company; it is made where there is none. They leave the one they were of.

    Example: [bold]outreach customers groups join household "Baker, 12 Elm St" ann@example.com bob@example.com[/bold]
    """
    from ..work.groups import join_group

    done = join_group(open_here(), kind, name, who, by=by or me())
    if as_json:
        print_json(asdict(done))
        return
    if not done.joined:
        typer.echo(f"They are of {done.kind} {printable(done.name)} already.")
        return
    new = ", which is new" if done.new else ""
    typer.echo(f"{', '.join(done.joined)}: now of {done.kind} {printable(done.name)}{new}.")
    for who_moved, where in done.moved.items():
        typer.echo(f"{who_moved} was of {printable(where)} before.")


@app.command()
def leave(
    kind: Kind,
    who: Who,
    as_json: AsJson = False,
) -> None:
    """Let customers be of no household, or of no company, any more. A group that nobody is of goes.

    Example: [bold]outreach customers groups leave household bob@example.com[/bold]
    """
    from ..work.groups import leave_group

    left = leave_group(open_here(), kind, who)
    if as_json:
        print_json({"kind": kind, "left": left})
        return
    for called, where in left.items():
        typer.echo(f"{called} has left {kind} {printable(where)}.")


@app.command()
def rename(
    kind: Kind,
    name: Name,
    to: Annotated[str, typer.Argument(metavar="NEW", help="Its name from now on.")],
    as_json: AsJson = False,
) -> None:
    """Give a household or company another name. A file that calls it by the old one still means it.

    Example: [bold]outreach customers groups rename company "Acme" "Acme Coffee Ltd"[/bold]
    """
    from ..work.groups import rename_group

    done = rename_group(open_here(), kind, name, to)
    if as_json:
        print_json(_json(done))
        return
    typer.echo(f"{kind} {printable(name)} is called {printable(done.name)} now, for its {done.people:,} people.")


@app.command()
def manage(
    kind: Kind,
    name: Name,
    manager: Annotated[str, typer.Argument(metavar="COLLEAGUE", help="One of `outreach people list`; '' for nobody.")],
    as_json: AsJson = False,
) -> None:
    """Let a colleague look after a company (or household): new cases of its people are theirs.

    Example: [bold]outreach customers groups manage company "Acme Coffee Ltd" maria[/bold]
    """
    from ..work.groups import manage_group

    done = manage_group(open_here(), kind, name, manager)
    if as_json:
        print_json(_json(done))
        return
    words = f"is looked after by {done.manager}" if done.manager else "is looked after by nobody in particular"
    typer.echo(f"{kind} {printable(done.name)} {words}.")


WHYS = ("address", "domain", "named")


@app.command()
def suggest(
    kind: Kind,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many groups.")] = 50,
    why: Annotated[
        str, typer.Option(metavar="address|domain|named", help="Only for this reason; named: their attributes agree.")
    ] = "",
    take_all: Annotated[bool, typer.Option("--all", help="Say yes to all of them, those not shown too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="With --all: only look at what it would do.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take back the last --all of this kind.")] = False,
    yes: Yes = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Find customers who may belong together, with the reason. Nothing is changed, unless you say --all.

    A household: the same last name at the same postal address. A company: addresses at one domain that is nobody's
    free mail. And who names the same household or company in their attributes.

    Example: [bold]outreach customers groups suggest household --why address --all --dry-run[/bold]
    """
    from ..work.groups import suggest_groups

    if why and why not in WHYS:
        raise UsageError(f"--why {why}", remedy=f"Say one of: {', '.join(WHYS)}.")
    if undo:
        _undo(kind, as_json=as_json)
        return
    workspace = open_here()
    with progress() as bar:
        task = bar.add_task("Comparing", total=None)
        most, tell = (None if take_all else limit), lambda count: bar.update(task, completed=count)
        found = suggest_groups(workspace, kind, limit=most, why=why, progress=tell)
    if as_json and not take_all:
        print_json([asdict(one) for one in found])
        return
    if not found and not as_json:
        typer.echo(f"Nobody looks like {'one household' if kind is GroupKind.HOUSEHOLD else 'of one company'}.")
        return
    if not as_json:
        rows = [[printable(one.name), len(one.people), one.reason, printable(_some(one.people))] for one in found]
        print_table([str(kind), "people", "why", "who"], rows[:limit])
    if take_all:
        _agree(workspace, kind, found, dry_run=dry_run, yes=yes, by=by, as_json=as_json)
        return
    first = found[0]
    typer.echo(f"Say yes to one: outreach customers groups join {kind} '{printable(first.name)}' {first.people[0]} …")
    typer.echo(f"Say yes to all: outreach customers groups suggest {kind} --all --dry-run")


def _agree(
    workspace: Workspace, kind: GroupKind, found: list[Likely], *, dry_run: bool, yes: bool, by: str, as_json: bool
) -> None:
    """Say yes to all that was found, after a look."""
    from ..work.suggested import agree_to_all

    people, reasons = sum(len(one.people) for one in found), Counter(one.reason for one in found)
    groups = f"{len(found):,} {'groups' if len(found) != 1 else 'group'}"
    if not as_json:
        typer.echo(f"All of them: {people:,} people into {groups}.")
        for reason, count in reasons.most_common():
            typer.echo(f"  {count:,} for {reason}")
    if not dry_run and not confirm(f"Put {people:,} people into {groups}?", yes=yes):
        raise typer.Exit(3)
    done = None
    if not dry_run:
        with progress() as bar:
            task = bar.add_task("Joining", total=len(found))
            done = agree_to_all(
                workspace, found, by=by or me(), progress=lambda count: bar.update(task, completed=count)
            )
    if as_json:
        told = {"groups": len(found), "new": None, "people": people, "left_out": None} if done is None else asdict(done)
        print_json({"dry_run": dry_run} | told | {"kind": kind, "reasons": dict(reasons)})
    elif done is not None:
        left = f" {done.left_out:,} were of one by then, and were left there." if done.left_out else ""
        into = f"{done.groups:,} {'groups' if done.groups != 1 else 'group'}"
        typer.echo(f"{done.people:,} people joined {into}, {done.new:,} of them new.{left}")
        typer.echo(f"Take it back: outreach customers groups suggest {kind} --undo")


def _undo(kind: GroupKind, *, as_json: bool) -> None:
    from ..work.suggested import take_yes_back

    left = take_yes_back(open_here(), kind)
    if as_json:
        print_json({"kind": kind, "left": left})
        return
    typer.echo(f"{len(left):,} people have left the {kind} into which the last --all had put them.")


def _some(people: tuple[str, ...]) -> str:
    return ", ".join(people[:5]) + (f" and {len(people) - 5} more" if len(people) > 5 else "")


def _json(row: GroupRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("kind", "name", "people", "open_cases", "manager", "created_at")}
