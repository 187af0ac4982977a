"""`outreach tips`: the pool of tips, one Markdown file each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import UsageError
from .applied import applied_json, tell_notes
from .common import AsJson, open_here, print_json, print_table

app = typer.Typer(no_args_is_help=True, help="Keep the pool of tips.")


@app.command()
def apply(
    paths: Annotated[list[Path], typer.Argument(help="Markdown files, or folders of them.")], as_json: AsJson = False
) -> None:
    """Keep tips that stand in Markdown files. Applied twice, the second time changes nothing.

    Example: [bold]outreach tips apply templates/tips[/bold]
    """
    from ..work.compose import apply_tips  # lazy, as all below: SQLModel takes most of a second
    from ..work.doubts import doubts_kept

    workspace = open_here()
    applied = apply_tips(workspace, paths)
    notes = doubts_kept(workspace, "tip", [each.name for each in applied])
    if as_json:
        print_json(applied_json(applied, notes))
        return
    tell_notes(applied, notes)
    for change in ("created", "updated", "unchanged"):
        names = [each.name for each in applied if each.change == change]
        if names:
            typer.echo(f"{change:<9}  {len(names):>3}  {', '.join(names)}")


@app.command("list")
def list_tips(
    topic: Annotated[str, typer.Option("--topic", help="Only tips on this topic.")] = "", as_json: AsJson = False
) -> None:
    """List the tips in the order in which readers get them.

    Example: [bold]outreach tips list --topic billing[/bold]
    """
    from ..store.tips import all_tips

    workspace = open_here()
    now = workspace.clock()
    with workspace.database.read() as session:
        rows: list[dict[str, Any]] = [
            {
                "name": tip.name,
                "title": next(iter(tip.texts.values()))["title"],
                "topics": tip.topics,
                "languages": list(tip.texts),
                "segment": tip.segment,
                "position": tip.position,
                "valid_from": tip.valid_from,
                "valid_until": tip.valid_until,
                "valid": (tip.valid_from is None or tip.valid_from <= now)
                and (tip.valid_until is None or now < tip.valid_until),
                "file": tip.source_path,
            }
            for tip in all_tips(session)
            if not topic or topic in tip.topics
        ]
    if as_json:
        print_json(rows)
        return
    print_table(
        ("position", "name", "topics", "languages", "title"),
        [
            (
                row["position"],
                row["name"] + ("" if row["valid"] else " (not now)"),
                ", ".join(row["topics"]),
                ", ".join(row["languages"]),
                row["title"],
            )
            for row in rows
        ],
    )
    if not rows:
        typer.echo("No tips yet. Take the starters: outreach tips apply templates/tips", err=True)


@app.command()
def preview(
    name: Annotated[str, typer.Argument(help="A tip's name, or a Markdown file that is not applied yet.")],
    address: Annotated[str, typer.Option("--as", metavar="EMAIL", help="Show it as this customer gets it.")] = "",
    out: Annotated[Path | None, typer.Option("--out", help="The folder to write to; else `preview`.")] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a tip as text, and write it as a page.

    Example: [bold]outreach tips preview descale-light-stays-on --as ann@example.com[/bold]
    """
    from ..web.preview import with_images
    from ..work.proof import find_tip, prove_tip

    workspace = open_here()
    tip = find_tip(workspace, name)
    rendered, images = prove_tip(workspace, tip, address)
    folder = out or workspace.root / "preview"
    path = (folder / f"tip-{tip.tip.name}.html").resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(with_images(rendered.html, images), encoding="utf-8")
    except OSError as wrong:
        raise UsageError(f"{folder} cannot be written: {wrong.strerror}", remedy="Choose another with --out.") from None
    if as_json:
        print_json({"name": tip.tip.name, "text": rendered.text, "html": path})
    else:
        typer.echo(rendered.text)
        typer.echo(f"\n{path}")
    if open_it:
        typer.launch(path.as_uri())
