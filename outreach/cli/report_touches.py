"""Clicks and opens in `outreach report`: here and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from ..store.edition_figures import EditionFigures

WIDTH = 60
NOT_COUNTED = (
    "By persons, each once, of the people reached. Not counted: links in the text part, programs that look into mail, "
    "readers whose program shows no pictures, and all mail of lists that do not count."
)


def touched_json(edition: EditionFigures) -> dict[str, Any] | None:
    """{clicked, opened, programs, links}; null where an edition counts nothing."""
    found = edition.touched
    if found is None:
        return None
    links = [{"url": url, "people": people} for url, people in found.links]
    return {"clicked": found.clicked, "opened": found.opened, "programs": found.programs, "links": links}


def print_touched(editions: Sequence[EditionFigures], days: Sequence[str], console: Console) -> None:
    """A line for each edition, newest first, that counts; what is not counted is said. `days`: of each, in words."""
    from rich.markup import escape  # lazy

    if not any(edition.touched for edition in editions):
        return
    console.print("\n[bold]Clicks and opens[/bold]")
    for edition, day in zip(editions, days, strict=True):
        found = edition.touched
        name = f"{day} {escape(edition.campaign[:12])} {edition.number}"
        if found is None:
            console.print(f"{name}: not counted")
            continue
        clicked = "clicks not counted" if found.clicked is None else _share(found.clicked, edition)
        opened = "opens not counted" if found.opened is None else f"{found.opened:,} opened"
        programs = f", {found.programs:,} mails looked into by programs alone" if found.programs else ""
        console.print(f"{name}: {clicked}, {opened}{programs}")
        for url, people in found.links[:3]:
            console.print(f"  {people:>5,}  {escape(url if len(url) <= WIDTH else url[: WIDTH - 3] + '...')}")
    console.print(f"[dim]{NOT_COUNTED}[/dim]")


def _share(people: int, edition: EditionFigures) -> str:
    share = f" ({100 * people / edition.reached:.1f} %)" if edition.reached else ""
    return f"{people:,} clicked{share}"
