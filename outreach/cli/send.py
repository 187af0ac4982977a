"""`outreach send`: a campaign's due or unfinished occasion, after one look and a yes."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import NeedsPerson, UsageError
from ..words import DeliveryState
from .common import AsJson, Yes, confirm, me, open_here, print_json, progress
from .waves import wave_said

if TYPE_CHECKING:
    from datetime import datetime

    from ..store.waves import Wavy
    from ..work.proposal import Proposal
    from ..work.send import SendCounts
    from ..work.workspace import Workspace

send_app = typer.Typer(add_completion=False)
SHOWN_LINES = 16


@send_app.command()
def send(
    campaign: Annotated[str, typer.Argument(help="The campaign's name, as `campaigns list` shows it.")],
    yes: Yes = False,
    again: Annotated[
        bool, typer.Option("--again", help="Open another occasion of a campaign that is done: people get it again.")
    ] = False,
    release: Annotated[
        bool, typer.Option("--release", help="Let an edition go that waits for a person to look at it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send a campaign's due or unfinished occasion now.

    Shows how many people get it, the sender, the subject and one of the mails, then asks. What was broken off is
    finished: nobody is left out and nobody gets it twice. Where the occasion is done it says so, sends nothing and
    exits with 3; only --again opens another one. It exits with 3, too, where somebody pauses or stops it meanwhile, and
    where of a mail nobody knows whether the relay took it.

    Example: [bold]outreach send tips[/bold]   and from a script: [bold]outreach send tips --yes --json[/bold]
    """
    from ..work.proposal import let_go, nothing_to_do, propose, stopped_meanwhile  # lazy, as all below
    from ..work.waves import look_at_waves

    if as_json and not yes:
        raise UsageError("--json cannot ask", remedy="Add --yes.")
    workspace = open_here()
    with progress() as bar:
        task = bar.add_task("planning", total=None)
        proposal = propose(
            workspace,
            campaign,
            again=again,
            release=release,
            asking=not yes,
            by=me(),
            progress=lambda people: bar.advance(task, people),
        )
    if not as_json:
        _show(workspace, proposal)
    if not confirm(f"Send to {_people(proposal.to_go)}?", yes=yes or not proposal.to_go):
        typer.echo("Nothing was sent. The edition waits; run the command again to be asked again.")
        raise typer.Exit(3)
    let_go(workspace, proposal, by=me())
    looked = look_at_waves(workspace, proposal.edition_id)
    counts = _send(workspace, proposal)
    if not proposal.to_go and not counts.total:
        raise nothing_to_do(proposal)
    left, doubtful = _report(workspace, proposal, counts, as_json=as_json)
    if any(one.verdict.value == "stop" for one in looked):
        raise NeedsPerson(
            wave_said(looked[0]),
            remedy=f"Look: outreach waves list {campaign}. Go on: outreach send {campaign} --release",
        )
    stopped = stopped_meanwhile(workspace, proposal) if left else None
    if stopped is not None:
        raise stopped
    if doubtful:
        raise _in_doubt(doubtful, campaign)


def _in_doubt(count: int, campaign: str) -> NeedsPerson:
    what = "1 mail is in doubt" if count == 1 else f"{count} mails are in doubt"
    return NeedsPerson(
        f"{what}: nobody knows whether the relay took {'it' if count == 1 else 'them'}",
        remedy=f"outreach verify {campaign} --state in_doubt says who, outreach deliveries resolve settles it.",
    )


def _send(workspace: Workspace, proposal: Proposal) -> SendCounts:
    from ..work.proposal import send_proposed

    with stop_on_signal() as stop, progress() as bar:
        task = bar.add_task(f"sending {proposal.campaign}", total=proposal.to_go)
        return send_proposed(workspace, proposal, progress=lambda settled: bar.advance(task, settled), stop=stop)


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set: what is in the air is finished, the rest is given back."""
    stop = threading.Event()

    def told(_number: int, _frame: Any) -> None:
        stop.set()

    before = {number: signal.signal(number, told) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show(workspace: Workspace, proposal: Proposal) -> None:
    from ..work.waves import wave_words

    relays = workspace.settings.all_relays
    where = ", ".join(f"{relay.host}:{relay.port}{' (backup)' if relay.backup else ''}" for relay in relays)
    if relays[0].catcher:
        where = "the built-in catcher: nothing leaves this machine"
    typer.echo(f"Campaign  {proposal.campaign}, issue {proposal.number} ({proposal.occasion})")
    typer.echo(f"To        {_people(proposal.to_go)} of {proposal.planned} planned{_others(proposal)}")
    typer.echo(f"From      {proposal.sender}")
    typer.echo(f"Subject   {proposal.sample.subject if proposal.sample is not None else proposal.subject}")
    typer.echo(f"Through   {where}")
    if proposal.due_until is not None and proposal.due_until > workspace.clock():
        typer.echo(f"When      as it gets due in each zone, until {proposal.due_until:%Y-%m-%d %H:%M} UTC")
    if proposal.waves:
        minutes = workspace.settings.sending.wave_minutes
        typer.echo(
            f"Waves     {wave_words(proposal.waves, proposal.released)}; {minutes} minutes and a look between them"
        )
    if proposal.stopped:
        typer.echo(f"Stopped   {proposal.stopped}")
    typer.echo(f"Deadline  {proposal.deadline} after each mail's time; what was not accepted by then is given up")
    if proposal.sample is not None:
        typer.echo(f"\n--- one of the mails, to {proposal.sample.address}")
        lines = re.sub(r"\n\s*\n+", "\n\n", proposal.sample.text.strip()).splitlines()
        for line in lines[:SHOWN_LINES]:
            typer.echo(f"  {line}")
        if len(lines) > SHOWN_LINES:
            typer.echo(f"  … ({len(lines) - SHOWN_LINES} more lines: outreach campaigns preview {proposal.campaign})")
        typer.echo("---")


def _others(proposal: Proposal) -> str:
    from ..work.proposal import TO_GO

    kept = [f"{count} {state.value}" for state, count in proposal.counts.items() if count and state not in TO_GO]
    return f" ({', '.join(kept)}: outreach verify {proposal.campaign} says who)" if kept else ""


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _report(workspace: Workspace, proposal: Proposal, counts: SendCounts, *, as_json: bool) -> tuple[int, int]:
    """Say what became of it; how many are still to come, and of how many nobody knows whether they went."""
    from ..store.accounts import state_counts
    from ..work.proposal import TO_GO, waits_blindly
    from ..work.waves import next_look

    with workspace.database.read() as session:
        now = state_counts(session, proposal.edition_id)
    done = proposal.edition_id in counts.finished
    waiting = next_look(workspace, proposal.edition_id) if proposal.waves else None
    left = sum(now[state] for state in TO_GO)
    if as_json:
        print_json(
            {
                "campaign": proposal.campaign,
                "edition": proposal.number,
                "occasion": proposal.occasion,
                "planned": proposal.planned,
                "sent": counts.sent,
                "done": done,
                "left": left,
                "full_until": counts.full_until,
                "waves": {
                    "sizes": list(proposal.waves),
                    "released": waiting[0].released + 1 if waiting else len(proposal.waves),
                    "next_look_at": waiting[1] if waiting else None,
                },
                "recovered": {"queued": counts.reclaimed.queued, "in_doubt": counts.reclaimed.in_doubt},
                "counts": {state.value: count for state, count in now.items()},
            }
        )
    else:
        blind = bool(left) and waits_blindly(workspace, proposal.edition_id)
        _tell(proposal, counts, {state.value: count for state, count in now.items()}, done=done, left=left, blind=blind)
        if waiting is not None and waiting[1] is not None and not waiting[0].reason:
            typer.echo(_next_wave(waiting[0], waiting[1]))
    return left, now[DeliveryState.IN_DOUBT]


def _next_wave(wavy: Wavy, at: datetime) -> str:
    size = wavy.sizes[wavy.released + 1]
    out = (
        f"Wave {wavy.released + 1} of {len(wavy.sizes)} is out. The next, {_people(size)}, follows when a look says so"
    )
    return f"{out}, at {at:%H:%M} UTC at the earliest: `outreach run` does it, or this command again."


def _tell(proposal: Proposal, counts: SendCounts, now: dict[str, int], *, done: bool, left: int, blind: bool) -> None:
    if counts.reclaimed.total:
        typer.echo(
            f"Recovered from a worker that died: {counts.reclaimed.queued} back in the queue, "
            f"{counts.reclaimed.in_doubt} in doubt."
        )
    typer.echo(f"Sent {counts.sent} now. " + ", ".join(f"{count} {name}" for name, count in now.items() if count) + ".")
    if left:
        typer.echo(f"{_people(left)} still to come: run it again later, or leave it to `outreach run`.")
        if blind:
            typer.echo(
                "It waits for replies to be read: nobody knows who has complained meanwhile. outreach replies fetch"
            )
        if counts.full_until is not None:
            until = f"{counts.full_until:%Y-%m-%d %H:%M} UTC"
            typer.echo(f"The relay's limits are used up until {until}: outreach relays list")
    elif done:
        typer.echo(f"{proposal.occasion} is done.")
