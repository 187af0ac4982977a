"""What `campaigns apply`, `tips apply` and `sequences apply` say of the files that they kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from .common import printable

if TYPE_CHECKING:
    from ..work.compose import Applied


Notes = Mapping[str, Sequence[str]]
NONE: Notes = {}


def applied_json(applied: Sequence[Applied], notes: Notes, ahead: Notes = NONE) -> list[dict[str, Any]]:
    """A list of what was kept, with the doubts about its rules, and about what is to come of it."""
    return [
        {
            "name": each.name,
            "change": each.change,
            "file": each.file,
            "notes": [*notes.get(each.name, ()), *ahead.get(each.name, ())],
        }
        for each in applied
    ]


def tell_notes(applied: Sequence[Applied], notes: Notes, ahead: Notes = NONE) -> None:
    """Say on stderr what their rules name that nobody has heard of, and what will most likely not come about."""
    for each in applied:
        for words in notes.get(each.name, ()):
            typer.echo(printable(f"note: {each.file}: segment: {words}"), err=True)
        for words in ahead.get(each.name, ()):
            typer.echo(printable(f"note: {each.file}: {words}"), err=True)
