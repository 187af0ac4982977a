"""Reviewing by one key each: shows a message, reads a key, goes on. Works at a terminal and from a pipe."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from .reply_join import choose_by_key, offer, undo_join
from .reply_views import tell_message

if TYPE_CHECKING:
    from ..work.workspace import Workspace

KEYS = {
    "c": "complaint",
    "q": "question",
    "t": "thanks",
    "u": "unsubscribe",
    "d": "change_of_data",
    "o": "other",
    "m": "machine",
}
HELP = (
    "Enter right · c complaint · q question · t thanks · u unsubscribe · d data · o other · m machine"
    " · s skip · z undo · x leave"
)


def review_all(workspace: Workspace, *, by: str, only: int | None = None) -> None:
    """Go through what nobody has looked at, the most urgent first."""
    from ..store.replies import unreviewed_ids
    from ..work.review import undo_review

    with workspace.database.read() as session:
        waiting = [only] if only is not None else unreviewed_ids(session)
    if not waiting:
        typer.echo("Nothing waits to be reviewed.")
        return
    at = 0
    done: set[int] = set()
    joined: int | None = None
    while at < len(waiting):
        _tell(workspace, waiting[at], f"{at + 1} of {len(waiting)}")
        people = offer(workspace, waiting[at])
        key = _ask()
        if key == "j" or (key in "123456789" and people):
            joined = waiting[at] if choose_by_key(workspace, waiting[at], key, people, by) else joined
            continue
        if key == "z" and joined is not None:
            undo_join(workspace, joined, by)
            joined = None
            continue
        joined = None
        if key == "x":
            break
        if key == "z":
            undone = undo_review(workspace, by=by)
            typer.echo(f"taken back: message {undone}" if undone is not None else "there is nothing to take back")
            if undone is not None:
                done.discard(undone)
                if undone not in waiting:
                    waiting.insert(at, undone)
                at = waiting.index(undone)
            continue
        if key == "s":
            at += 1
            continue
        if _decide(workspace, waiting[at], key, by):
            done.add(waiting[at])
            at += 1
    typer.echo(
        f"{len(done)} reviewed, {len(waiting) - len(done)} left."
        " `outreach replies review --undo` takes the last one back."
    )


def _decide(workspace: Workspace, inbound_id: int, key: str, by: str) -> bool:
    from ..errors import InputError
    from ..records import Category
    from ..work.review import review

    if key not in ("r", *KEYS):
        typer.echo(HELP)
        return False
    try:
        verdict = review(workspace, inbound_id, by=by, category=Category(KEYS[key]) if key in KEYS else None)
    except InputError as wrong:
        typer.echo(f"{wrong.message}. Say what it is: {HELP}")
        return False
    typer.echo(f"→ {verdict.category.value.replace('_', ' ')}")
    return True


def _tell(workspace: Workspace, inbound_id: int, where: str) -> None:
    from ..records import Inbound
    from ..store.replies import verdicts_of

    typer.echo(f"\n──── {where} " + "─" * 50)
    with workspace.database.read() as session:
        row = session.get(Inbound, inbound_id)
        if row is None:
            typer.echo(f"there is no message {inbound_id}")
            return
        tell_message(session, row, verdicts_of(session, inbound_id))


def _ask() -> str:
    """One key: "r" for Enter, "x" at the end of the input."""
    typer.echo(f"[{HELP}] ", nl=False)
    key = _read_key()
    typer.echo("")
    return {"\r": "r", "\n": "r", "": "x", "\x03": "x", "\x04": "x", "\x1b": "x"}.get(key, key.lower())


def _read_key() -> str:
    if not sys.stdin.isatty():
        line = sys.stdin.readline()
        return line.strip()[:1] or ("\n" if line else "")
    import termios  # lazy: only a terminal needs it
    import tty

    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    try:
        tty.setcbreak(handle)
        with suppress(OSError):
            return sys.stdin.read(1)
        return ""
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)
