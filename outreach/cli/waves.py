"""`outreach waves`: large editions that go out in waves, the looks between them, and a person's word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import AsJson, me, open_here, print_json, print_table

if TYPE_CHECKING:
    from ..store.waves import Wavy

waves_app = typer.Typer(add_completion=False, no_args_is_help=True, help="Editions that go out in waves.")
HEADINGS = ["wave", "people", "state", "sent", "failed", "look", "why", "by"]
LOOK = ("verdict", "reason", "by")
Name = Annotated[str, typer.Argument(help="The campaign's name, as `campaigns list` shows it.")]


@waves_app.command("list")
def list_waves(
    campaign: Annotated[str, typer.Argument(help="Only this campaign.")] = "", as_json: AsJson = False
) -> None:
    """Each wave, what came of it, and what the look at it said.

    Example: [bold]outreach waves list spring[/bold]
    """
    from ..work.waves import wave_views  # lazy: SQLModel takes most of a second

    views = wave_views(open_here(), campaign)
    if as_json:
        print_json(views)
        return
    if not views:
        typer.echo("No edition goes out in waves. Say `waves: yes` in a campaign's front matter.")
    for view in views:
        typer.echo(f"{view['campaign']}, issue {view['edition']} ({view['occasion']}), {view['state']}")
        if view["reason"]:
            typer.echo(f"  {view['reason']}")
        if view["next_look_at"] is not None:
            typer.echo(f"  the next look is at {view['next_look_at']:%Y-%m-%d %H:%M} UTC at the earliest")
        print_table(HEADINGS, [_row(one) for one in view["waves"]])


def _row(wave: dict[str, Any]) -> list[Any]:
    counts = wave["counts"]
    sent, failed = counts.get("sent", 0), counts.get("failed", 0)
    return [*(wave[name] for name in ("wave", "people", "state")), sent, failed, *(wave[name] or "" for name in LOOK)]


@waves_app.command("release")
def release(campaign: Name) -> None:
    """Let the next wave go now: one that a look stopped, or one that still waits for its look.

    Example: [bold]outreach waves release spring[/bold]
    """
    from ..work.waves import release_wave

    wavy = release_wave(open_here(), campaign, me())
    typer.echo(f"{_which(wavy)}: {_people(wavy.sizes[wavy.released])} may get it now. `outreach run` sends it.")


@waves_app.command("stop")
def stop(campaign: Name) -> None:
    """Stop an edition that goes out in waves: whoever has not got it waits until you say `outreach waves release`.

    Example: [bold]outreach waves stop spring[/bold]
    """
    from ..work.waves import stop_waves

    wavy = stop_waves(open_here(), campaign, me())
    rest = sum(wavy.sizes[wavy.released + 1 :])
    typer.echo(f"{_which(wavy)} is stopped. {_people(rest)} wait; go on with: outreach waves release {campaign}")


def _which(wavy: Wavy) -> str:
    return f"{wavy.campaign}, wave {wavy.released + 1} of {len(wavy.sizes)}"


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def wave_said(look: Any) -> str:
    """What a look at a wave brought, for a person."""
    said = f"{look.campaign}: wave {look.wave} of {look.waves}"
    if look.verdict.value == "stop":
        return f"{said} was stopped: {look.reason}"
    warned = f", with a warning ({look.reason})" if look.reason else ""
    return f"{said} is out; the next {look.next_people} people may get it{warned}"
