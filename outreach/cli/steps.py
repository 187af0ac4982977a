"""`outreach steps`: what replies change in the plan, each with its reason; a person's yes, no, or taking back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .common import AsJson, check_states, me, open_here, print_json, print_table, printable

if TYPE_CHECKING:
    from ..records import Step

steps_app = typer.Typer(add_completion=False, no_args_is_help=True, help="Changes to the plan, and your word on them.")
STATES = ("proposed", "applied", "refused", "undone")
Number = Annotated[list[int], typer.Argument(metavar="ID…", help="The step's number, as `steps list` shows it.")]
Because = Annotated[str, typer.Option("--because", help="Why, for the record.")]
By = Annotated[str, typer.Option("--by", help="Who says so; else the name you are logged in with.")]


@steps_app.command("list")
def list_steps(
    state: Annotated[
        list[str] | None, typer.Option(help=f"Only this state ({', '.join(STATES)}); may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="So many of the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what changed the plan and what waits for your yes, newest first.

    Example: [bold]outreach steps list --state proposed[/bold]
    """
    from ..records import StepState  # lazy, as all below: SQLModel takes most of a second
    from ..store.steps import list_steps as find

    check_states(state or (), STATES, "a step")
    workspace = open_here()
    with workspace.database.read() as session:
        found = find(session, [StepState(one) for one in state or STATES], limit=limit)
    if as_json:
        print_json([step_json(step, address, campaign) for step, address, campaign in found])
        return
    if not found:
        typer.echo("Nothing waits for your yes." if state == ["proposed"] else "Nothing has changed the plan yet.")
        return
    rows = (
        [step.id, step.at, step.state, address or campaign, step.what, step.reason] for step, address, campaign in found
    )
    print_table(["id", "when", "state", "about", "what", "why"], rows)


@steps_app.command()
def show(step_id: Annotated[int, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show one step: what, why, the evidence, what people wrote, and who decided.

    Example: [bold]outreach steps show 12[/bold]
    """
    from ..store.steps import find_step  # lazy
    from ..work.trends import quotes_of

    workspace = open_here()
    with workspace.database.read() as session:
        step = find_step(session, step_id)
        if step is None:
            raise UsageError(f"there is no step {step_id}", remedy="`outreach steps list` shows the numbers.")
        cases = step.evidence.get("cases") or ([step.case_id] if step.case_id else [])
        quotes = quotes_of(session, cases)
    if as_json:
        print_json(step_json(step, "", "") | {"quotes": [{"case": one.case, "words": one.words} for one in quotes]})
        return
    typer.echo(f"Step {step.id}, {step.state.value}, {step.at:%Y-%m-%d %H:%M} UTC: {step.what}")
    typer.echo(f"  because {step.reason} (rule {step.rule})")
    for quote in quotes:
        typer.echo(f"  case {quote.case}: {printable(quote.words)}")
    for name, value in step.evidence.items():
        typer.echo(f"  {name}: {printable(str(value))}")
    if step.decided_at is not None:
        by = f" by {step.decided_by}" if step.decided_by else ""
        typer.echo(f"  {step.state.value}{by}, {step.decided_at:%Y-%m-%d %H:%M} UTC{_colon(step.decision)}")
    elif step.state == "proposed":
        typer.echo(f"  outreach steps approve {step.id}, or outreach steps refuse {step.id}")


@steps_app.command()
def approve(step_ids: Number, because: Because = "", by: By = "") -> None:
    """Say yes to what was proposed: it is made so.

    Example: [bold]outreach steps approve 12 13[/bold]
    """
    from ..work.steps import approve_step  # lazy

    _each(approve_step, step_ids, because, by)


@steps_app.command()
def refuse(step_ids: Number, because: Because = "", by: By = "") -> None:
    """Say no to what was proposed: nothing changes.

    Example: [bold]outreach steps refuse 12 --because "we have a fix"[/bold]
    """
    from ..work.steps import refuse_step  # lazy

    _each(refuse_step, step_ids, because, by)


@steps_app.command()
def undo(step_ids: Number, because: Because = "", by: By = "") -> None:
    """Take back what was applied: a hold is lifted, a topic no longer comes first, a stopped edition goes on.

    Example: [bold]outreach steps undo 12 --because "a misunderstanding"[/bold]
    """
    from ..work.steps import undo_step  # lazy

    _each(undo_step, step_ids, because, by)


def _each(word: Any, step_ids: list[int], because: str, by: str) -> None:
    workspace = open_here()
    for step_id in step_ids:
        step = word(workspace, step_id, by=by or me(), words=because)
        typer.echo(f"Step {step.id} is {step.state.value}: {step.what}.")


def step_json(step: Step, address: str, campaign: str) -> dict[str, Any]:
    """A step as `--json` gives it."""
    names = ("id", "at", "rule", "state", "what", "reason", "evidence", "decided_at", "decided_by", "decision")
    named = {name: getattr(step, name) for name in names}
    return named | {"customer": address, "case": step.case_id, "campaign": campaign}


def _colon(words: str) -> str:
    return f": {words}" if words else ""
