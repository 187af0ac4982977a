"""`outreach report`: figures of sends, replies and cases, here or as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import OutreachError
from .common import AsJson, open_here, print_json
from .report_touches import print_touched, touched_json
from .report_worth import fairness_json, help_json, print_worth, worth_json

if TYPE_CHECKING:
    from rich.console import Console

    from ..store.edition_figures import EditionFigures, Rate, Rates
    from ..store.figures import Figures, Spread

report_app = typer.Typer(add_completion=False)
SHOWN = 8


@report_app.command()
def report(
    html: Annotated[
        Path | None, typer.Option("--html", help="Write one HTML page with plots; it needs no network.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what came of it: mails, people reached, clicks and opens where lists count them, replies,
    complaints per 1,000 reached, cases and their clocks.

    Each edition stands beside the last five of its kind; times are business hours, median and 90th percentile.

    Example: [bold]outreach report --html report.html[/bold]
    """
    figures = gather()
    if html is not None:
        from ..web.report import report_page  # lazy: Jinja2

        try:
            html.write_text(report_page(figures), encoding="utf-8")
        except OSError as wrong:
            raise OutreachError(
                f"{html} cannot be written: {wrong.strerror}", remedy="Name a file in a folder that exists."
            ) from None
        if not as_json:
            typer.echo(f"Written: {html.resolve()}")
            return
    if as_json:
        print_json(figures_json(figures))
    else:
        from rich.console import Console  # lazy

        print_report(figures, Console(highlight=False))


def gather() -> Figures:
    """The figures of the workspace of this command."""
    from ..store.figures import read_figures  # lazy: SQLModel

    workspace = open_here()
    with workspace.database.read() as session:
        return read_figures(
            session,
            name=workspace.root.name,
            company=workspace.settings.identity.company,
            now=workspace.clock(),
            at_work=workspace.working_hours,
            per_week=workspace.settings.sending.per_week,
        )


def figures_json(figures: Figures) -> dict[str, Any]:
    """The figures as `--json` gives them; a rate is {count, of, per_1000}."""
    cases, replies = figures.cases, figures.replies
    return {
        "workspace": figures.name,
        "company": figures.company,
        "at": figures.at,
        "zone": figures.zone,
        "customers": figures.customers,
        "subscribed": figures.subscribed,
        "waiting": figures.waiting,
        "never_confirmed": figures.never_confirmed,
        "asked_to_confirm": figures.asked.people,
        "confirmed": figures.asked.answered,
        "suppressed": figures.suppressed,
        "people_reached": figures.people_reached,
        "people_heard_from": figures.people_heard_from,
        "sent": figures.sent,
        "bounced": figures.bounced,
        "in_doubt": figures.in_doubt,
        "unsubscribed": figures.unsubscribed,
        "complaints": _rate_json(figures.complaints),
        "editions": [
            _edition_json(edition) | {"worth": worth_json(figures.worth.editions.get(edition.id))}
            for edition in figures.editions
        ],
        "did_it_help": help_json(figures.worth.together),
        "fairness": fairness_json(figures),
        "replies": {
            "people": replies.people,
            "machines": replies.machines,
            "channels": replies.channels,
            "complaint_topics": replies.complaint_topics,
            "unreviewed": replies.unreviewed,
            "by_day": [{"day": day, "count": count} for day, count in replies.by_day],
        },
        "cases": {
            "opened": cases.opened,
            "open": cases.open,
            "states": {str(state): count for state, count in cases.states.items()},
            "overdue": cases.overdue,
            "unanswered": cases.unanswered,
            "open_by_age": cases.open_by_age,
            "open_by_topic": cases.open_by_topic,
            "first_answer_hours": _spread_json(cases.first_answer),
            "solution_hours": _spread_json(cases.solution),
        },
    }


def _edition_json(edition: EditionFigures) -> dict[str, Any]:
    from ..records import Onward

    return {
        "id": edition.id,
        "campaign": edition.campaign,
        "kind": edition.kind,
        "number": edition.number,
        "occasion": edition.occasion,
        "subject": edition.subject,
        "due_at": edition.due_at,
        "state": edition.state,
        "planned": edition.planned,
        "counts": {str(state): count for state, count in edition.counts.items()},
        "reached": edition.reached,
        "households": edition.households,
        "handed_over": edition.handed_over,
        "onward": {word.value: edition.onward.get(word, 0) for word in Onward},
        "waves": {"sizes": list(edition.waves), "released": edition.waves_out},
        "replies": edition.replies,
        "touched": touched_json(edition),
        "rates": _rates_json(edition.rates),
        "before": _rates_json(edition.before) if edition.before else None,
        "before_editions": edition.before_editions,
    }


def _rates_json(rates: Rates) -> dict[str, Any]:
    return {
        "complaints": _rate_json(rates.complaints),
        "replies": _rate_json(rates.replies),
        "unsubscribes": _rate_json(rates.unsubscribes),
        "bounces": _rate_json(rates.bounces),
    }


def _rate_json(rate: Rate) -> dict[str, Any]:
    per_1000 = rate.per_1000
    return {
        "count": rate.count,
        "of": rate.of,
        "per_1000": None if per_1000 is None else round(per_1000, 3),
    }


def _spread_json(found: Spread) -> dict[str, Any]:
    return {
        "count": found.count,
        "median": None if found.median is None else round(found.median, 3),
        "p90": None if found.p90 is None else round(found.p90, 3),
    }


def print_report(figures: Figures, console: Console) -> None:
    """The report for a person at a terminal."""
    from ..web.report import attention, hours, rate, sign_ups  # lazy: Jinja2

    cases = figures.cases
    console.print(f"[bold]{_plain(figures.company)}[/bold]: what came of it")
    for words in sign_ups(figures):
        console.print(words)
    if not figures.editions and not cases.opened and not figures.replies.people:
        console.print("No newsletter has gone out and nobody has written yet.")
        console.print("Next: [bold]outreach plan[/bold] shows what would go to whom.")
        return
    console.print(
        f"{figures.people_reached:,} people reached by {figures.sent:,} mails, "
        f"{figures.people_heard_from:,} of them gave a sign (wrote, followed a link, opened, used our page); "
        f"{rate(figures.complaints)} complaints per 1,000 reached ({figures.complainers} people); "
        f"{figures.bounced:,} bounced, {figures.unsubscribed:,} unsubscribed"
    )
    for words in attention(figures):
        console.print(f"[yellow]![/yellow] {words}")
    if figures.editions:
        _print_editions(figures, console)
        shown = list(reversed(figures.editions))[:SHOWN]
        days = [_day(edition, figures) for edition in shown]
        print_touched(shown, days, console)
        print_worth(figures, shown, console, days)
    _print_tally(console, "What people wrote", figures.replies.people)
    _print_tally(console, "What the complaints are about", figures.replies.complaint_topics)
    console.print(
        f"\n[bold]Cases[/bold]: {cases.opened} opened, {cases.open} open, {cases.overdue} overdue, "
        f"{cases.states.get('solved', 0)} solved, {cases.states.get('confirmed', 0)} confirmed, "  # type: ignore[call-overload]
        f"{cases.states.get('dismissed', 0)} dismissed"  # type: ignore[call-overload]
    )
    for label, found in (("first answer", cases.first_answer), ("solution", cases.solution)):
        if found.count:
            console.print(
                f"  {label}: median {hours(found.median)}, nine in ten within {hours(found.p90)} "
                f"({found.count} cases, business hours)"
            )
    if cases.open:
        _print_tally(console, "Open cases by age", cases.open_by_age)
        _print_tally(console, "Open cases by topic", cases.open_by_topic)


def _print_editions(figures: Figures, console: Console) -> None:
    from rich import box  # lazy
    from rich.table import Table

    from ..web.charts import sparkline
    from ..web.report import change, rate

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="Editions", title_justify="left", title_style="bold")
    table.add_column("edition", no_wrap=True)
    for name in ("reached", "replies"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("complained", "left", "bounced"):
        table.add_column(f"{name}\nper 1,000", justify="right", no_wrap=True)
    for edition in list(reversed(figures.editions))[:SHOWN]:
        cells = []
        for name in ("complaints", "unsubscribes", "bounces"):
            now = getattr(edition.rates, name)
            before = getattr(edition.before, name) if edition.before else None
            found = change(now, before, editions=edition.before_editions)
            tone = {"good": "green", "bad": "red"}.get(found.tone, "dim")
            arrow = found.words[:1] if found.words[:1] in "▲▼" else ""
            cells.append(f"{rate(now)} [{tone}]{arrow + rate(before) if before and arrow else '':>6}[/{tone}]")
        table.add_row(
            f"{_day(edition, figures)} {_plain(edition.campaign[:12])} {edition.number}",
            f"{edition.reached:,}",
            f"{edition.rates.replies.count:,}",
            *cells,
        )
    console.print()
    console.print(table)
    console.print("[dim]▲ ▼ from up to five editions of its kind before; coloured where chance would not do that[/dim]")
    for edition in reversed(figures.editions[-SHOWN:]):
        if edition.wave_words:
            console.print(f"{_plain(edition.campaign[:12])} {edition.number}: {_plain(edition.wave_words)}")
        if edition.households:
            words = f"{edition.households:,} of the {edition.reached:,} reached get it for their whole household"
            console.print(f"{_plain(edition.campaign[:12])} {edition.number}: {words}")
    for words in next_server_words(figures.editions[-SHOWN:]):
        console.print(words)
    if len(figures.editions) > 2:
        line = sparkline([edition.rates.complaints.per_1000 for edition in figures.editions[-40:]])
        console.print(f"complaints per 1,000, edition by edition: {line}")


def _day(edition: EditionFigures, figures: Figures) -> str:
    from ..workdays import zone_or  # lazy

    return f"{edition.day(zone_or(figures.zone, 'UTC')):%d %b}"


def next_server_words(editions: Sequence[EditionFigures]) -> Iterator[str]:
    """Handed over, and accepted by the next server, for each edition of which a relay's log told, newest first."""
    from ..records import Onward

    for edition in reversed(editions):
        if edition.onward:
            known = {word: edition.onward.get(word, 0) for word in Onward}
            open_ = edition.handed_over - sum(known.values())
            yield (
                f"{_plain(edition.campaign[:12])} {edition.number}: {edition.handed_over:,} handed over, "
                f"{known[Onward.ACCEPTED]:,} accepted by the next server\n"
                f"  ({known[Onward.DEFERRED]:,} put off, {known[Onward.BOUNCED]:,} refused, {open_:,} not known)"
            )


def _print_tally(console: Console, title: str, counts: Any) -> None:
    if not counts:
        return
    most = max(counts.values()) or 1
    wide = max(len(word) for word in counts)
    console.print(f"\n[bold]{title}[/bold]")
    for word, count in list(counts.items())[:8]:
        bar = "█" * round(24 * count / most) or ("▏" if count else "")
        console.print(f"  {_plain(word.replace('_', ' ')):<{wide}}  {count:>5,}  [cyan]{bar}[/cyan]")


def _plain(text: str) -> str:
    from rich.markup import escape  # lazy

    return escape(text)
