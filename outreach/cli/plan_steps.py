"""`outreach plan diff` and `outreach plan approve`: the plan before and after, and a person's yes to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import NeedsPerson, UsageError
from .common import AsJson, Yes, confirm, me, open_here, print_json, progress

if TYPE_CHECKING:
    from ..work.approve import PersonShift, PlanDiff

SHOWN = 20


def diff(
    campaign: Annotated[str | None, typer.Argument(help="The campaign's name; without one, each of them.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help=f"Name everybody, not only the first {SHOWN}.")] = False,
    as_json: AsJson = False,
) -> None:
    """See the plan before and after: for whom it changed, how, and by which step.

    Before is the plan as a person approved it; where nobody did, the plan without what replies changed.

    Examples:

      outreach plan diff

      outreach plan diff tips --all
    """
    from ..work.approve import diff_plan, plannable  # lazy: SQLModel

    workspace = open_here()
    found = []
    with progress() as bar:
        task = bar.add_task("comparing", total=None)
        for name in [campaign] if campaign is not None else plannable(workspace):
            bar.update(task, description=f"comparing: {name}")
            try:
                found.append(diff_plan(workspace, name, most=None if everybody or as_json else SHOWN))
            except NeedsPerson:
                if campaign is not None:
                    raise
    if as_json:
        print_json([asdict(one) for one in found])
        return
    for line in diff_lines(found):
        typer.echo(line)


def approve(
    campaign: Annotated[str, typer.Argument(help="The campaign's name.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Agree to what a campaign's next occasion will do: it then goes just so, or waits for you.

    The plan is pinned: what the mail says, who gets it and with which tips. Where any of that changes before it is
    sent, sending refuses with exit status 3 and says what changed.

    Example: [bold]outreach plan approve offer[/bold]
    """
    from ..work.approve import approve as agree
    from ..work.approve import diff_plan  # lazy: SQLModel

    if as_json and not yes:
        raise UsageError("--json cannot ask", remedy="Add --yes.")
    workspace = open_here()
    if not yes:
        for line in diff_lines([diff_plan(workspace, campaign, most=SHOWN)]):
            typer.echo(line)
    if not confirm("Agree to this plan?", yes=yes):
        typer.echo("Nothing was agreed to.")
        raise typer.Exit(3)
    done = agree(workspace, campaign, me())
    if as_json:
        print_json(asdict(done))
        return
    what = f"{done.campaign}, {done.occasion.replace('/', ' ')}"
    typer.echo(f"{what}: approved by {done.by}, to {done.going:,} of {done.people:,} people.")
    typer.echo(f"Pinned as {done.digest[:12]}. It is not sent otherwise. Changes: outreach plan diff {campaign}")


def diff_lines(found: Iterable[PlanDiff]) -> Iterable[str]:
    """Plans before and after in words, line by line."""
    for number, one in enumerate(found):
        if number:
            yield ""
        yield f"{one.campaign} · {one.occasion.replace('/', ' ')} · opens {one.opens:%-d %b %Y %H:%M} UTC"
        if one.approved_at is not None:
            when = f"{one.approved_at:%-d %b %Y %H:%M} UTC"
            yield f"  before: as {one.approved_by} approved it on {when} ({one.approved_digest[:12]})"
        else:
            yield f"  before: {one.basis}; nobody has approved this plan"
        yield f"  to {one.going_before:,} people before, to {one.going:,} now ({one.digest[:12]})"
        yield f"  changed: {one.words}" if one.words else "  nothing has changed"
        for person in one.people:
            yield from _person_lines(person)
        if len(one.people) == SHOWN:
            yield f"  … only the first {SHOWN} are named: --all names everybody"


def _person_lines(person: PersonShift) -> Iterable[str]:
    yield f"  {person.address}"
    yield f"    before: {person.before}{_tips(person.tips_before)}"
    when = f", {person.at}" if person.at else ""
    yield f"    now:    {person.after}{when}{_tips(person.tips_after)}"
    for step in person.because:
        yield f"    because of step {step['step']}, {step['at']:%-d %b %H:%M} UTC: {step['what']} ({step['reason']})"


def _tips(names: tuple[str, ...]) -> str:
    return f", tips: {', '.join(names)}" if names else ""
