"""`outreach sequences`: mails that follow each other, each person's by their own time; seen before they are sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .applied import applied_json, tell_notes
from .common import AsJson, Yes, confirm, me, open_here, print_json, print_table

if TYPE_CHECKING:
    from ..work.sequence_preview import Figure, Preview

app = typer.Typer(no_args_is_help=True, help="Mails that follow each other, each person's by their own time.")

Name = Annotated[str, typer.Argument(help="A sequence's name.")]
Days = Annotated[int, typer.Option("--days", min=1, max=400, help="How far to look ahead.")]


@app.command()
def apply(
    paths: Annotated[list[Path], typer.Argument(help="Markdown files, or folders of them.")], as_json: AsJson = False
) -> None:
    """Keep sequences that stand in Markdown files as drafts. Nobody gets anything by it before you approve them.

    Example: [bold]outreach sequences apply templates/sequences/welcome.md[/bold]
    """
    from ..work.doubts import doubts_kept  # lazy, as all below: SQLModel takes most of a second
    from ..work.doubts_ahead import doubts_ahead
    from ..work.files import markdown_files
    from ..work.sequence_plan import apply_sequence

    workspace = open_here()
    applied = [apply_sequence(workspace, path) for path in markdown_files(paths)]
    names = [each.name for each in applied]
    notes, ahead = doubts_kept(workspace, "sequence", names), doubts_ahead(workspace, "sequence", names)
    if as_json:
        print_json(applied_json(applied, notes, ahead))
        return
    for each in applied:
        typer.echo(f"{each.change:<9}  {each.name}  ({each.file})")
    tell_notes(applied, notes, ahead)
    if any(each.change in ("created", "changed") for each in applied):
        typer.echo(f"Next: outreach sequences preview {applied[0].name}")


@app.command("list")
def list_sequences(as_json: AsJson = False) -> None:
    """List the sequences: what begins them, how many people are in them, whether a draft waits.

    Example: [bold]outreach sequences list --json[/bold]
    """
    from ..store.sequences import all_sequences, enrolment_counts

    workspace = open_here()
    with workspace.database.read() as session:
        rows: list[dict[str, Any]] = []
        for row in all_sequences(session):
            plan, people = row.plan or row.draft["plan"], {"going": 0, "standby": 0, "finished": 0, "left": 0}
            for state, _, _, count in enrolment_counts(session, row.id or 0):
                people[state.value] += count
            rows.append(
                {
                    "name": row.name,
                    "state": row.state,
                    "begins": plan["begins"],
                    "segment": plan["segment"],
                    "starting": row.starting,
                    "steps": [step["name"] for step in plan["steps"]],
                    **people,
                    "draft": bool(row.draft),
                    "file": row.source_path or row.draft.get("source_path", ""),
                }
            )
    if as_json:
        print_json(rows)
        return
    columns = ("name", "state", "begins", "steps", "going", "standby", "finished", "left")
    table = [one | {"steps": len(one["steps"])} for one in rows]
    print_table(columns, [[one[column] for column in columns] for one in table])
    for one in rows:
        if one["draft"]:
            typer.echo(f"A draft of {one['name']} waits for a yes: outreach sequences preview {one['name']}")
    if not rows:
        typer.echo("No sequences yet. Take a starter: outreach sequences apply templates/sequences", err=True)


@app.command()
def show(name: Name, days: Days = 14, as_json: AsJson = False) -> None:
    """Show a sequence: each step's time, where people are, what became of its mails, and what is to come.

    What is to come is foreseen for those who are in it, if nothing else happens.

    Example: [bold]outreach sequences show welcome --days 30[/bold]
    """
    told = _told(name, days)
    if as_json:
        print_json(told)
        return
    since = f", for all who begin from {told['starting']}" if told["starting"] else ""
    typer.echo(f"{name} is {told['state'].value}. Begins: {told['begins']}{since}")
    if told["one_per"]:
        typer.echo(f"One of each {told['one_per']} is in it: whoever entered first; the others stand by.")
    if told["exits"]:
        typer.echo(f"Ends when: {', '.join(told['exits'])}")
    print_table(
        ("step", "when", "people before it", f"next {days} days", "mails"),
        [
            (
                step["step"],
                ", ".join([step["when"], *(f"if {one}" for one in step["if"])]),
                step["before"],
                step["coming"],
                ", ".join(f"{count} {state}" for state, count in sorted(step["mails"].items())) or "none yet",
            )
            for step in told["steps"]
        ],
    )
    for one in told["ended"]:
        why = f" at {one['step']}" if one["step"] else ""
        typer.echo(f"{one['people']} {one['state'].value}{why}{': ' + one['reason'] if one['reason'] else ''}")
    if told["draft"]:
        typer.echo(f"A draft waits for a yes: outreach sequences preview {name}")


def _told(name: str, days: int) -> dict[str, Any]:
    from ..store.campaigns import campaign_named
    from ..store.sequences import enrolment_counts, mail_counts
    from ..work.sequence_plan import sequence_named, step_campaign
    from ..work.sequence_preview import coming_mails

    workspace = open_here()
    with workspace.database.read() as session:
        row = sequence_named(session, name)
        plan = row.plan or row.draft["plan"]
        people = enrolment_counts(session, row.id or 0)
        ids = {step["name"]: campaign_named(session, step_campaign(name, step["name"])) for step in plan["steps"]}
        mails = mail_counts(session, [found.id or 0 for found in ids.values() if found is not None])
    coming = coming_mails(workspace, row, days) if row.plan and row.state == "running" else []
    steps: list[dict[str, Any]] = []
    for step in plan["steps"]:
        found = ids[step["name"]]
        before = sum(count for state, place, _, count in people if state == "going" and place == step["name"])
        steps.append(
            {
                "step": step["name"],
                "when": step["when"],
                "if": step["if"],
                "subject": found.subject if found is not None else "",
                "before": before,
                "coming": sum(one.people for one in coming if one.step == step["name"]),
                "mails": mails.get(found.id or 0, {}) if found is not None else {},
            }
        )
    ended: list[dict[str, Any]] = [
        {"state": state, "step": place, "reason": reason, "people": count}
        for state, place, reason, count in people
        if state != "going"
    ]
    return {
        "name": name,
        "state": row.state,
        "begins": plan["begins"],
        "starting": row.starting,
        "segment": plan["segment"],
        "one_per": plan.get("one_per", ""),
        "exits": plan["exits"],
        "approved_at": row.approved_at,
        "approved_by": row.approved_by,
        "draft": bool(row.draft),
        "steps": steps,
        "coming": [vars(one) for one in coming],
        "ended": ended,
    }


@app.command()
def preview(
    name: Name,
    days: Days = 14,
    who: Annotated[str, typer.Option("--who", metavar="STEP", help="Name the people whom a step is new for.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say who would get what, and what a draft changes: who gets a mail that they would not have, and who no more.

    It foresees that nobody replies, buys or complains meanwhile; holds, budgets and quiet hours are judged when each
    mail's time has come.

    Example: [bold]outreach sequences preview welcome --days 30 --who hello[/bold]
    """
    from ..work.sequence_preview import preview_sequence

    found = preview_sequence(open_here(), name, days)
    if who and who not in found.steps:
        raise UsageError(f"{name} has no step called {who}", remedy=f"There are: {', '.join(found.steps)}.")
    if as_json:
        print_json(_preview_json(found))
        return
    typer.echo(f"{name}, up to {found.until:%Y-%m-%d}, if nothing else happens; {found.begin} would begin now")
    columns = (
        ("step", "in force", "draft", "new for", "no more for", "another time") if found.draft else ("step", "mails")
    )
    rows: list[tuple[Any, ...]] = []
    for step in found.steps:
        if not found.draft:
            rows.append((step, found.now.get(step, 0)))
            continue
        changed = [kind[step].people if step in kind else 0 for kind in (found.new, found.lost, found.moved)]
        rows.append((step, found.now.get(step, 0), found.then.get(step, 0), *changed))
    print_table(columns, rows)
    typer.echo(f"Who begins later is not counted here: once it runs, `outreach plan --days {days}` foresees them.")
    for step in [who] if who else []:
        for label, kind in (("new for", found.new), ("no more for", found.lost), ("another time for", found.moved)):
            for address, at in kind[step].named if step in kind else ():
                typer.echo(f"{label}  {address}  {at:%Y-%m-%d %H:%M} UTC")
    if found.draft:
        typer.echo(f"Nothing of the draft goes before: outreach sequences approve {name}")


def _preview_json(found: Preview) -> dict[str, Any]:
    def told(kind: dict[str, Figure]) -> dict[str, Any]:
        return {
            step: {
                "people": figure.people,
                "days": dict(sorted(figure.days.items())),
                "named": [{"email": address, "at": at} for address, at in figure.named],
            }
            for step, figure in kind.items()
        }

    return {
        "name": found.name,
        "until": found.until,
        "draft": found.draft,
        "begin": found.begin,
        "now": found.now,
        "then": found.then,
        "new": told(found.new),
        "lost": told(found.lost),
        "moved": told(found.moved),
    }


@app.command()
def approve(name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Put a sequence's draft in force: from now on people begin, and get its mails.

    Example: [bold]outreach sequences approve welcome --yes[/bold]
    """
    from ..work.sequence_plan import approve_sequence, sequence_named
    from ..work.sequence_preview import preview_sequence

    workspace = open_here()
    with workspace.database.read() as session:
        waits = bool(sequence_named(session, name).draft)
    if waits and not yes:
        found = preview_sequence(workspace, name)
        new = sum(figure.people for figure in found.new.values())
        lost = sum(figure.people for figure in found.lost.values())
        moved = sum(figure.people for figure in found.moved.values())
        typer.echo(
            f"Within 14 days {new:,} mails go that would not have, {lost:,} do not that would have, "
            f"and {moved:,} go at another time."
        )
    if waits and not confirm(f"Put the draft of {name} in force?", yes=yes):
        raise typer.Exit(3)
    done = approve_sequence(workspace, name, me())
    if as_json:
        print_json({**vars(done), "by": me()})
        return
    said = [
        f"{word}: {', '.join(steps)}"
        for word, steps in (("new", done.added), ("changed", done.changed), ("taken out", done.removed))
        if steps
    ]
    typer.echo(f"{name} is {done.state.value}. {'; '.join(said) or 'Its mails are as they were'}.")


@app.command()
def pause(name: Name) -> None:
    """Stop a sequence, the mails on their way too, until it is resumed.

    Example: [bold]outreach sequences pause welcome[/bold]
    """
    _change(name, "paused", f"Nothing of it goes out until: outreach sequences resume {name}")


@app.command()
def resume(name: Name) -> None:
    """Let a paused or ended sequence go on. Mails whose time was over meanwhile are passed over.

    Example: [bold]outreach sequences resume welcome[/bold]
    """
    _change(name, "running", "It goes on with the next run.")


@app.command()
def end(name: Name, yes: Yes = False) -> None:
    """End a sequence: nobody begins any more, and what has not gone out never will.

    Example: [bold]outreach sequences end welcome --yes[/bold]
    """
    if not confirm(f"End {name}? People in the middle of it get nothing more of it.", yes=yes):
        raise typer.Exit(3)
    _change(name, "ended", "What was on its way is cancelled at the next run.")


def _change(name: str, word: str, then: str) -> None:
    from ..records import SequenceState
    from ..work.sequence_plan import change_sequence

    changed = change_sequence(open_here(), name, SequenceState(word))
    typer.echo(f"{name} is {word}{'' if changed else ' already'}. {then if changed else ''}".strip())
