"""The part of `outreach report` that asks whether it was worth it: hours, complaints avoided, goals, fairness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from ..chance import Share
    from ..plan.holdout import Help
    from ..store.edition_figures import EditionFigures
    from ..store.figures import Figures
    from ..store.worth import EditionWorth


def worth_json(worth: EditionWorth | None) -> dict[str, Any] | None:
    """What came of an edition, as `--json` gives it."""
    if worth is None:
        return None
    return {
        "cases": worth.spent.cases,
        "unsolved": worth.spent.unsolved,
        "hours": round(worth.spent.hours, 2),
        "did_it_help": help_json(worth.help),
        "goals": {
            "count": worth.goals.count,
            "people": worth.goals.people,
            "value": worth.goals.value,
            "names": dict(worth.goals.names),
            "in_groups": {str(group): _share(share) for group, share in worth.goals_in_groups.items()},
        },
    }


def help_json(found: Help | None) -> dict[str, Any] | None:
    """A comparison of those who got an issue with those held out; differences and their interval per 1,000."""
    if found is None:
        return None
    value, low, high = (round(1000 * one, 3) for one in (found.less.value, found.less.low, found.less.high))
    names = ("likely", "low", "high")
    return {
        "finding": found.finding.value,
        "words": found.words,
        "issue": _share(found.issue),
        "held_out": _share(found.held),
        "fewer_per_1000": {"value": value, "low": low, "high": high},
        "complaints_avoided": dict(zip(names, (round(one, 1) for one in found.avoided), strict=True)),
    }


def fairness_json(figures: Figures) -> dict[str, Any]:
    """Offers given to complainers and to quiet customers, and newsletters per person and week."""
    found = figures.fairness
    return {
        "offers": {
            "complainers": _share(found.complainers),
            "quiet": _share(found.quiet),
            "more": {"value": found.more.value, "low": found.more.low, "high": found.more.high},
            "pays": found.pays,
            "words": found.words,
        },
        "contacts": {
            "per_week": figures.contacts.per_week,
            "people": {str(mails): people for mails, people in figures.contacts.people.items()},
            "over": figures.contacts.over,
        },
    }


def print_worth(figures: Figures, editions: Sequence[EditionFigures], console: Console, days: Sequence[str]) -> None:
    """What each of these editions cost and brought; `days` are theirs."""
    from rich import box  # lazy
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="Was it worth it?", title_justify="left")
    table.title_style = "bold"
    table.add_column("edition", no_wrap=True)
    for name in ("cases", "hours", "goals", "worth"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("complaints\navoided", justify="right", no_wrap=True)
    for edition, day in zip(editions, days, strict=True):
        worth = figures.worth.editions.get(edition.id)
        if worth is None:
            continue
        value = "–" if worth.goals.value is None else f"{worth.goals.value:,.2f}"
        table.add_row(
            f"{day} {_plain(edition.campaign[:12])} {edition.number}",
            f"{worth.spent.cases:,}",
            f"{worth.spent.hours:,.1f}",
            f"{worth.goals.count:,}",
            value,
            avoided_words(worth.help),
        )
    console.print(table)
    console.print("[dim]hours: business hours that the cases' clocks ran; goals: within the days after the mail[/dim]")
    for edition, day in zip(editions, days, strict=True):
        worth = figures.worth.editions.get(edition.id)
        if worth is not None and worth.help is not None:
            console.print(f"{day} {_plain(edition.campaign[:12])} {edition.number}: {worth.help.words}")
    if figures.worth.together is not None:
        console.print(f"all issues that were tested: {figures.worth.together.words}")
    print_fairness(figures, console)


def print_fairness(figures: Figures, console: Console) -> None:
    """Whether griping pays, and how much bulk mail people had."""
    console.print(f"\n[bold]Fairness[/bold]: offers: {figures.fairness.words}")
    contacts = figures.contacts
    if contacts.people:
        told = ", ".join(f"{people:,} had {mails}" for mails, people in contacts.people.items())
        console.print(
            f"newsletters per person in the last seven days: {told} (at most {contacts.per_week} are allowed)"
        )


def avoided_words(found: Help | None) -> str:
    """Complaints avoided with their interval; a dash where the issue was not tested or is not over."""
    if found is None or found.finding.value == "not yet":
        return "–"
    likely, low, high = found.avoided
    return f"{likely:.0f} ({low:.0f} to {high:.0f})"


def _share(share: Share) -> dict[str, Any]:
    return {
        "count": share.count,
        "of": share.of,
        "per_1000": round(1000 * share.value, 3) if share.of else None,
    }


def _plain(text: str) -> str:
    from rich.markup import escape  # lazy

    return escape(text)
