"""`outreach attributes …`: what customers' attributes are called, and those declared with a type for fast segments."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..words import AttributeKind
from .common import AsJson, me, open_here, print_json, print_table, printable, progress

app = typer.Typer(no_args_is_help=True, help="Attributes of customers, and those declared with a type.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The attribute's name, as segments write it.")]


@app.command("list")
def list_attributes(as_json: AsJson = False) -> None:
    """List the attributes that customers have, and the types of those that were declared.

    Example: [bold]outreach attributes list[/bold]
    """
    from ..store.attributes import count_filled, declared  # lazy, as all below: SQLModel takes most of a second
    from ..store.segments import known_attributes

    workspace = open_here()
    with workspace.database.read() as session:
        rows: list[dict[str, Any]] = [
            {"name": one.name, "type": one.kind, "people": count_filled(session, one.name), "by": one.by}
            | {"declared_at": one.declared_at, "ready": one.filled_at is not None}
            for one in declared(session)
        ]
        names = {row["name"] for row in rows}
        rest = [name for name in known_attributes(session) if name not in names]
    empty: dict[str, Any] = {"type": None, "people": None, "by": "", "declared_at": None, "ready": False}
    if as_json:
        print_json(rows + [{"name": name, **empty} for name in rest])
        return
    if rows:
        heads = ["name", "type", "people"]
        print_table(heads, [[row["name"], row["type"], f"{row['people']:,}"] for row in rows])
    if rest:
        typer.echo(f"Not declared: {', '.join(printable(name) for name in rest)}")
    if not rows:
        typer.echo("Declare what segments ask for often: outreach attributes declare NAME --type number")


@app.command()
def declare(
    name: Name,
    kind: Annotated[AttributeKind, typer.Option("--type", help="What its values are.")],
    by: Annotated[str, typer.Option("--by", help="Who does it; else the name you are logged in with.")] = "",
    as_json: AsJson = False,
) -> None:
    """Declare an attribute's type: it gets an indexed column, and segments over it count a million people at once.

    Values that can be read as the type are turned into it ("5" into 5, 31.12.2025 into 2025-12-31, ja into true);
    others stay as they are, and segments take them for missing. From then on imports read it as that type. For a
    million customers it takes some seconds, in which little else is written.

    Example: [bold]outreach attributes declare seats --type number[/bold]
    """
    from ..work.attributes import declare as declare_attribute

    workspace = open_here()
    with progress() as bar:
        task = bar.add_task(f"Filling {name}", total=None)
        told = declare_attribute(
            workspace, name, kind, by=by or me(), progress=lambda done: bar.update(task, completed=done)
        )
    examples = dict(told.examples.most_common(5))
    if as_json:
        counts = {"fitting": told.fitting, "turned": told.turned, "unfit": told.unfit}
        print_json({"name": name, "type": kind, **counts, "examples": examples})
        return
    typer.echo(
        f"{name} is a {kind.value}: {told.fitting + told.turned:,} values, {told.turned:,} of them turned into it."
    )
    if told.unfit:
        shown = ", ".join(f"{printable(value)!r}" for value in examples)
        typer.echo(f"{told.unfit:,} do not fit and stay as they are; segments take them for missing: {shown}")


@app.command()
def drop(name: Name) -> None:
    """Take a declaration back. The values stay, as attributes without a type.

    Example: [bold]outreach attributes drop seats[/bold]
    """
    from ..work.attributes import drop as drop_attribute

    drop_attribute(open_here(), name)
    typer.echo(f"{name} is no longer declared.")
