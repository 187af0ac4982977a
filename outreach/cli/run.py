"""`outreach run`: send what is due and read replies, as a daemon or once from cron."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import AsJson, open_here, print_json
from .send import stop_on_signal
from .waves import wave_said

if TYPE_CHECKING:
    from ..work.worker import Round, Trouble

run_app = typer.Typer(add_completion=False)


@run_app.command()
def run(
    once: Annotated[bool, typer.Option("--once", help="One round, for cron; then exit.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send what is due and read replies, until stopped.

    The plan stands in the database: what fell due while nothing ran follows each campaign's policy. One daemon
    serves a database; `outreach send` and `outreach run --once` may run beside it and do no harm. SIGTERM finishes
    the mails that are in the air and gives back the rest.

    Example: [bold]outreach run[/bold]   or in a crontab: [bold]* * * * * outreach -w /srv/acme run --once[/bold]
    """
    from ..work.worker import run_forever, run_once  # lazy: SQLModel takes most of a second

    workspace = open_here()
    with stop_on_signal() as stop:
        if not once:
            ready = f"Serving {workspace.root}. Stop with Ctrl-C."
            run_forever(
                workspace, stop, _sayer(as_json=as_json), on_ready=lambda: None if as_json else typer.echo(ready)
            )
            if not as_json:
                typer.echo("Stopped in good order.")
            return
        done = run_once(workspace, stop=stop)
    if as_json:
        print_json(_round_json(done))
    else:
        _say(done)
    _exit(done.troubles)


def _exit(troubles: list[Trouble]) -> None:
    """The exit status of a round: 1 where something failed, 3 where it only waits for a person."""
    if any(not trouble.waits for trouble in troubles):
        raise typer.Exit(1)
    if troubles:
        raise typer.Exit(3)


def _sayer(*, as_json: bool) -> Callable[[Round], None]:
    """Tells what a job of the daemon did; the same trouble is told once, until it changes or is gone."""
    told: dict[str, str] = {}

    def say(done: Round) -> None:
        fresh = [trouble for trouble in done.troubles if told.get(trouble.job) != str(trouble.error)]
        again = [name for name in done.results if told.pop(name, None) is not None]
        told.update({trouble.job: str(trouble.error) for trouble in done.troubles})
        if not as_json:
            for name in again:
                typer.echo(f"{name}: works again")
        if as_json and (fresh or again or any(_words(name, value) for name, value in done.results.items())):
            print_json(_round_json(done))
        elif not as_json:
            done.troubles = fresh
            _say(done)

    return say


def _say(done: Round) -> None:
    for name, value in done.results.items():
        words = _words(name, value)
        if words:
            typer.echo(f"{name}: {words}")
    for trouble in done.troubles:
        typer.echo(f"{trouble.job}: {'waits' if trouble.waits else 'failed'}: {trouble.error}", err=True)
        if trouble.details:
            typer.echo(trouble.details, err=True)


SAID = {"asked": "silent people asked", "rested": "silent people rested", "woken": "rested people awake again"}
"""What some counts are called where their bare name would not tell of whom."""


def _words(name: str, value: Any) -> str:
    """What came of a job, in a few words; empty where nothing happened."""
    plain = _plain(value)
    if name == "publish":
        return f"opened {len(plain)} edition{'s' if len(plain) != 1 else ''}" if plain else ""
    if name == "clock":
        return str(value)
    if name == "waves":
        return "; ".join(wave_said(one) for one in value or ())  # None: another machine has the turn
    if isinstance(plain, dict):
        flat = {key: len(found) if isinstance(found, list | tuple) else found for key, found in plain.items()}
        counts = {key: count for key, count in flat.items() if isinstance(count, int) and count}
        return ", ".join(f"{count} {SAID.get(key, key.replace('_', ' '))}" for key, count in counts.items())
    return ""


def _round_json(done: Round) -> dict[str, Any]:
    return {
        **{name: _plain(value) for name, value in done.results.items()},
        "troubles": [
            {
                "job": trouble.job,
                "error": getattr(trouble.error, "message", str(trouble.error)),
                "remedy": getattr(trouble.error, "remedy", ""),
                "waits": trouble.waits,
            }
            for trouble in done.troubles
        ],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
