"""`outreach relays`: how each relay is doing, and trying one again."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import typer

from .common import AsJson, open_here, print_json, print_table

if TYPE_CHECKING:
    from ..work.relays import RelayView

relays_app = typer.Typer(add_completion=False, no_args_is_help=True, help="The relays that mail is handed to.")
WORDS = {"closed": "works", "open": "rests", "half_open": "is tried"}


@relays_app.command("list")
def list_relays(as_json: AsJson = False) -> None:
    """How each relay is doing: its limits and what is used of them, its warm-up, why it rests and until when.

    Example: [bold]outreach relays list[/bold]
    """
    from ..work.relays import relay_views  # lazy: SQLModel takes most of a second

    workspace = open_here()
    views = relay_views(workspace)
    if as_json:
        print_json([dataclasses.asdict(view) for view in views])
        return
    rows = [
        (view.name, view.where, _role(view), WORDS[view.state.value], _limits(view), _warmup(view), view.last_good_at)
        for view in views
    ]
    print_table(("relay", "server", "share", "state", "used of its limits", "warm-up", "worked last"), rows)
    for view in views:
        if view.state.value != "closed":
            later = view.retry_at is not None and view.retry_at > workspace.clock()
            until = f"rests until {view.retry_at:%H:%M:%S} UTC" if later else "is tried with the next mail"
            typer.echo(f"{view.name} {until}: {view.reason}")
            typer.echo(f"  {view.remedy or 'It is tried again by itself.'} At once: outreach relays try {view.name}")


@relays_app.command("try")
def try_again(name: str) -> None:
    """Let the next mail try a relay that rests, without waiting for its time.

    Example: [bold]outreach relays try main[/bold]
    """
    from ..work.relays import try_relay

    rested = try_relay(open_here(), name)
    typer.echo(f"The next mail tries {name}." if rested else f"{name} does not rest.")


def _role(view: RelayView) -> str:
    return "backup" if view.backup else f"weight {view.weight}"


def _limits(view: RelayView) -> str:
    told = [
        f"{view.used.get(name, 0)} of {limit} a {name}" if name != "second" else f"{limit} a second"
        for name, limit in view.limits.items()
        if limit
    ]
    return ", ".join(told) or "no limit"


def _warmup(view: RelayView) -> str:
    if view.warmup_day is None:
        return ""
    return f"day {view.warmup_day}: {view.used.get('warmup', 0)} of {view.warmup_allows}"
