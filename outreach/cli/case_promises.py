"""`outreach cases promise` and `promises`: what we told customers that we would do, and by when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .common import AsJson, me, open_here, print_json, print_table

if TYPE_CHECKING:
    from ..records import Promise

CaseId = Annotated[int, typer.Argument(metavar="ID", help="The case's number, as `cases list` shows it.")]


def promise(
    case_id: CaseId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What was promised.")] = "",
    day: Annotated[str, typer.Option("--by", help='By when: friday, 2026-12-04, "in 3 working days".')] = "",
    accept: Annotated[int, typer.Option("--accept", metavar="N", help="What an answer seems to promise is one.")] = 0,
    kept: Annotated[int, typer.Option("--kept", metavar="N", help="It was kept.")] = 0,
    drop: Annotated[int, typer.Option("--drop", metavar="N", help="It is none, or holds no longer.")] = 0,
    who: Annotated[str, typer.Option("--who", help="Who does it; else the name you are logged in with.")] = "",
) -> None:
    """Note what was promised to the customer, or settle it. It is told on its day, and an alert when it is late.

    Example: [bold]outreach cases promise 7 "Refund of 49 euros" --by friday[/bold]
    """
    from ..records import PromiseState  # lazy, as below
    from ..work.promises import make_promise, settle_promise

    chosen = [
        (number, state)
        for number, state in ((accept, PromiseState.MADE), (kept, PromiseState.KEPT), (drop, PromiseState.DROPPED))
        if number
    ]
    if len(chosen) + bool(text) != 1:
        raise UsageError("say one thing", remedy="A TEXT with --by, or one of --accept N, --kept N, --drop N.")
    workspace = open_here()
    if chosen:
        number, state = chosen[0]
        done = settle_promise(workspace, case_id, number, state, who or me())
    else:
        done = make_promise(workspace, case_id, text, day, who or me())
    from ..cases.said import wall_words

    due = wall_words(done.due_at, workspace.working_hours.zone)
    typer.echo(f"Promise {done.id} of case {case_id} is {done.state}: {done.text} (by {due})")


def promises(as_json: AsJson = False) -> None:
    """List what was promised and is not settled, soonest first.

    Example: [bold]outreach cases promises[/bold]
    """
    from ..cases.said import wall_words  # lazy
    from ..work.promises import list_promises

    workspace = open_here()
    now, zone = workspace.clock(), workspace.working_hours.zone
    found = list_promises(workspace)
    rows = [
        {**promise_json(one.promise), "case": one.case.id, "owner": one.case.owner, "late": one.promise.due_at < now}
        for one in found
    ]
    if as_json:
        print_json(rows)
    elif not rows:
        typer.echo("Nothing is promised that is not settled.")
    else:
        print_table(
            ["promise", "case", "owner", "by", "state", "what"],
            [
                [
                    row["id"],
                    row["case"],
                    row["owner"] or "nobody",
                    wall_words(row["due_at"], zone) + (" (late)" if row["late"] else ""),
                    row["state"],
                    row["text"],
                ]
                for row in rows
            ],
        )


def promise_json(one: Promise) -> dict[str, Any]:
    """A promise for a program."""
    return one.model_dump(exclude={"case_id"})
