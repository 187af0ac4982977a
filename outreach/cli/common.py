"""What the doors share: opening the workspace, tables, JSON, progress, questions."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress

    from ..work.workspace import Workspace

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program, one document.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def workspace_root() -> Path:
    """The folder given by --workspace or OUTREACH_WORKSPACE, else the current one."""
    return Path(os.environ.get("OUTREACH_WORKSPACE") or ".").resolve()


def open_here() -> Workspace:
    """Open the workspace of this command."""
    from ..work.workspace import open_workspace  # lazy: SQLModel takes most of a second

    return open_workspace(workspace_root())


def open_after_a_crash() -> Workspace:
    """Open the workspace of this command, and settle what processes that died held: else an account passes over it."""
    from ..work.recover import recover_if_possible  # lazy, as above

    workspace = open_here()
    trouble = recover_if_possible(workspace)
    if trouble is not None:
        typer.echo(f"warning: what a dead process had in hand cannot be settled yet: {trouble}", err=True)
    return workspace


def print_json(value: Any) -> None:
    """Print one JSON document; instants in ISO 8601 with their offset, letters as they are where stdout is UTF-8."""
    plain = not (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    typer.echo(json.dumps(value, default=json_value, ensure_ascii=plain, indent=2))


def json_value(value: Any) -> Any:
    """What a document of JSON holds for a word, an instant, a path or a set."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")


def me() -> str:
    """The name you are logged in with; "somebody" where the system knows none (a container's bare number)."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "somebody"


def printable(text: str) -> str:
    """Text of strangers without what could steer a terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str = "") -> None:
    """A table for a person: boxed and folded on a terminal, tab-separated and whole in a pipe."""
    if not sys.stdout.isatty():
        for row in [columns, *rows]:
            typer.echo("\t".join(_cell(cell).replace("\n", " ") for cell in row))
        return
    from rich import box  # lazy: only a terminal needs it
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for row in rows:
        table.add_row(*(Text(_cell(cell)) for cell in row))
    Console().print(table)


def _cell(value: Any) -> str:
    """A value as a table shows it: instants by the second, in UTC."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    return "" if value is None else str(value)


def counted(number: int, one: str, many: str) -> str:
    """A number with what it counts: "1 address", "1,200 addresses"."""
    return f"{number:,} {one if number == 1 else many}"


def check_states(given: Sequence[str], known: Sequence[str], whose: str) -> None:
    """Raises UsageError for a state that `whose` ("a step") does not have."""
    for one in given:
        if one not in known:
            raise UsageError(f"{one!r} is no state of {whose}", remedy=f"They are {', '.join(known)}.")


def progress(*, by_hand: bool = False) -> Progress:
    """A progress bar on stderr; silent where that is no terminal. `by_hand`: it shows what is new when it is told
    `refresh`, without a thread of its own."""
    from rich.console import Console  # lazy
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
        auto_refresh=not by_hand,
    )


def confirm(question: str, *, yes: bool) -> bool:
    """Ask on a terminal; without one only --yes is a yes. A no is for the command to end with exit status 3."""
    if yes:
        return True
    if not sys.stdin.isatty():
        typer.echo(f"{question} Nothing done: there is no terminal to ask at; use --yes.", err=True)
        return False
    return typer.confirm(question)
