"""Reviewing by one key each: shows a message, reads a key, goes on. Works at a terminal and from a pipe."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import typer

from .common import printable
from .reply_join import choose_by_key, offer, undo_join
from .reply_views import percent, tell_message

if TYPE_CHECKING:
    from ..records import Inbound
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
    " · b about · s skip · z undo · x leave"
)
TOPIC_KEYS = "123456789abcdefghijklmnopqrstuvw"
BAR = 20


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
    about: list[str] | None = None
    while at < len(waiting):
        _tell(workspace, waiting[at], f"{at + 1} of {len(waiting)}")
        people = offer(workspace, waiting[at])
        if about is not None:
            typer.echo(f"about     {', '.join(about) or 'nothing of the list'} (as you said)")
        key = _ask()
        if key == "b":
            about = _choose_topics(workspace, waiting[at], about)
            continue
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
            at, about = at + 1, None
            continue
        if _decide(workspace, waiting[at], key, by, about):
            done.add(waiting[at])
            at, about = at + 1, None
    typer.echo(
        f"{len(done)} reviewed, {len(waiting) - len(done)} left."
        " `outreach replies review --undo` takes the last one back."
    )
    if done:
        tell_learning(workspace, by=by)


def tell_learning(workspace: Workspace, *, by: str) -> None:
    """Try a new model where enough has been decided, and say what came of it."""
    from ..work.learn import learn_if_due

    lesson = learn_if_due(workspace, by=by)
    if lesson is None:
        return
    before, after = percent(lesson.trial.told_before.share), percent(lesson.trial.told.share)
    if lesson.kept:
        typer.echo(
            f"Learned: version {lesson.version} of {lesson.examples} decisions is in force;"
            f" {after} right of {lesson.trial.told.asked} that were held out, {before} before."
        )
    else:
        typer.echo(f"Nothing learned: {lesson.trial.refused}. `outreach replies models` lists the tries.")


def _choose_topics(workspace: Workspace, inbound_id: int, chosen: list[str] | None) -> list[str] | None:
    """Topics by one key each, the likeliest first; 0 for none of them, Enter goes on."""
    from ..records import Inbound
    from ..work.try_out import judge_now

    with workspace.database.read() as session:
        row = session.get_one(Inbound, inbound_id)
    known = list(workspace.settings.topics)
    ranked = [name for name in judge_now(workspace, row).ranked if name in known]
    names = [*ranked, *(name for name in known if name not in ranked)][: len(TOPIC_KEYS)]
    picked = list(row.topics) if chosen is None else list(chosen)
    while True:
        shown = (f"{key} {name}{' ✓' if name in picked else ''}" for key, name in zip(TOPIC_KEYS, names, strict=False))
        typer.echo(f"about: {' · '.join(shown)} · 0 nothing of these · Enter done")
        key = _ask("about")
        if key == "0":
            picked = []
        elif key in TOPIC_KEYS and TOPIC_KEYS.index(key) < len(names):
            name = names[TOPIC_KEYS.index(key)]
            picked = [one for one in picked if one != name] if name in picked else [*picked, name]
        else:
            return picked


def _decide(workspace: Workspace, inbound_id: int, key: str, by: str, about: list[str] | None) -> bool:
    from ..errors import InputError
    from ..records import Category
    from ..work.review import review

    if key not in ("r", *KEYS):
        typer.echo(HELP)
        return False
    try:
        category = Category(KEYS[key]) if key in KEYS else None
        verdict = review(workspace, inbound_id, by=by, category=category, topics=about)
    except InputError as wrong:
        typer.echo(f"{wrong.message}. Say what it is: {HELP}")
        return False
    topics = f" about {', '.join(verdict.topics)}" if verdict.topics else ""
    typer.echo(f"→ {verdict.category.value.replace('_', ' ')}{topics}")
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
    _tell_now(workspace, row)


def _tell_now(workspace: Workspace, row: Inbound) -> None:
    """How likely a complaint is by what is known now, what reviews have taught about it, and what has changed."""
    from ..work.try_out import judge_now

    if row.machine.value != "human":
        return
    now = judge_now(workspace, row)
    if now.confidence is None:
        return
    full = round(now.complaint * BAR)
    typer.echo(f"complaint {'█' * full}{'░' * (BAR - full)} {now.complaint:.2f}")
    for reason in now.reasons:
        if reason.startswith("learned"):
            typer.echo(f"  {printable(reason)}")
    if row.category is not None and now.category is not row.category and row.reviewed_at is None:
        words = now.category.value.replace("_", " ")
        typer.echo(f"now       {words}, {percent(now.confidence)} sure: reviews have taught more since this was read")


def _ask(words: str = HELP) -> str:
    """One key: "r" for Enter, "x" at the end of the input."""
    typer.echo(f"[{words}] ", nl=False)
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
