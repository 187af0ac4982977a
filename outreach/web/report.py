"""The report as one HTML page that needs nothing else: no script, no network, light and dark, readable aloud.

Law: it says what it counted, and admits where there is too little to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from markupsafe import Markup

from ..plan.holdout import Finding
from ..records import CaseState
from ..store.edition_figures import EditionFigures, Rate, differ
from ..store.figures import Figures, Spread
from .charts import Point, Span, bars, columns, line, spans
from .pages import render

_VALUE, _COMMAND = re.compile(r"\{\{.*?\}\}", re.DOTALL), re.compile(r"\{[%#].*?[%#]\}", re.DOTALL)
SHOWN = 8
PLOTTED = 12
TONES = {"complaint": "bad", "question": "warn", "thanks": "good"}


@dataclass(frozen=True)
class Tile:
    """A headline: a figure, what it is, and what it is made of."""

    value: str
    label: str
    detail: str
    tone: str = ""


@dataclass(frozen=True)
class Change:
    """A rate beside the editions before: in words, and whether that is good."""

    words: str
    tone: str


def report_page(figures: Figures) -> str:
    """The whole page."""
    zone = ZoneInfo(figures.zone)
    editions = [_edition(each, zone) for each in reversed(figures.editions)]
    return render(
        "report.html.j2",
        figures=figures,
        made=f"{figures.at.astimezone(zone):%-d %B %Y, %H:%M}",
        tiles=_tiles(figures),
        attention=attention(figures),
        sign_ups=sign_ups(figures),
        editions=editions[:SHOWN],
        older=len(editions[SHOWN:]),
        plots=_plots(figures, zone),
        register=_register(figures),
        level=level_words(figures),
        worth=_worth(figures, zone),
    )


def _worth(figures: Figures, zone: ZoneInfo) -> list[dict[str, object]]:
    """What the newest editions cost and brought."""
    rows: list[dict[str, object]] = []
    for edition in list(reversed(figures.editions))[:SHOWN]:
        found = figures.worth.editions[edition.id]
        avoided = found.help.avoided if found.help is not None and found.help.finding is not Finding.NOT_YET else None
        rows.append(
            {
                "name": _name(edition),
                "when": f"{edition.campaign} {edition.number} · {edition.day(zone):%-d %b %Y}",
                "cases": f"{found.spent.cases:,}",
                "unsolved": found.spent.unsolved,
                "hours": f"{found.spent.hours:,.1f}",
                "goals": f"{found.goals.count:,}",
                "value": "" if found.goals.value is None else f"worth {found.goals.value:,.2f}",
                "avoided": f"{avoided[0]:.0f}" if avoided else "–",
                "range": f"95 %: {avoided[1]:.0f} to {avoided[2]:.0f}" if avoided else "not tested",
                "words": found.help.words if found.help is not None else "",
            }
        )
    return rows


def _name(edition: EditionFigures) -> str:
    """The subject as it reads without anybody's own values, such as "Welcome, …"."""
    return _VALUE.sub("…", _COMMAND.sub("", edition.subject)).strip() or edition.campaign


def attention(figures: Figures) -> list[str]:
    """What needs a person, most pressing first."""
    cases, told = figures.cases, []
    if cases.overdue:
        told.append(f"{_count(cases.overdue, 'case is', 'cases are')} overdue: we owe the customer a word.")
    if figures.in_doubt:
        told.append(f"{_count(figures.in_doubt, 'mail is', 'mails are')} in doubt: nobody knows whether it was taken.")
    if figures.replies.unreviewed:
        told.append(f"{_count(figures.replies.unreviewed, 'reply waits', 'replies wait')} for a person's review.")
    return told


def sign_ups(figures: Figures) -> list[str]:
    """How many wait to confirm, and how many of those who were asked did."""
    told = []
    if figures.waiting or figures.never_confirmed:
        never = f"{_count(figures.never_confirmed, 'sign-up was', 'sign-ups were')} never confirmed"
        waits = _count(figures.waiting, "person waits", "people wait")
        told.append(f"{waits} to confirm that they want a list{f', {never}' if figures.never_confirmed else ''}.")
    if figures.asked.people:
        people = _count(figures.asked.people, "person was", "people were")
        told.append(
            f"{people} asked to confirm a sign-up in the last four weeks, {figures.asked.answered:,} of them did."
        )
    return told


def change(now: Rate, before: Rate | None, *, editions: int) -> Change:
    """How a rate stands against the editions before; more is worse. Only what passes chance is called good or bad."""
    if before is None or now.per_1000 is None or before.per_1000 is None:
        return Change("", "")
    last = f"last {editions}" if editions > 1 else "last one"
    if now.per_1000 == before.per_1000:
        return Change(f"as in the {last}", "")
    more = now.per_1000 > before.per_1000
    tone = ("bad" if more else "good") if differ(now, before) else ""
    return Change(f"{'▲' if more else '▼'} from {before.per_1000:.1f}, {last}", tone)


def rate(value: Rate) -> str:
    """A rate per 1,000, or a dash."""
    return "–" if value.per_1000 is None else f"{value.per_1000:.1f}"


def hours(value: float | None) -> str:
    """Business hours in words."""
    if value is None:
        return "–"
    if value < 1 / 60:
        return "< 1 min"
    if value < 1:
        return f"{value * 60:.0f} min"
    return f"{value:.1f} h"


def _tiles(figures: Figures) -> list[Tile]:
    cases = figures.cases
    return [
        Tile(
            f"{figures.people_reached:,}",
            "people reached",
            f"by {_count(figures.sent, 'mail that was', 'mails that were')} accepted; "
            f"{_count(figures.people_heard_from, 'person', 'people')} gave a sign",
        ),
        Tile(
            rate(figures.complaints),
            "complaints per 1,000 reached",
            f"{_count(figures.complainers, 'person', 'people')} complained",
        ),
        Tile(
            f"{cases.open:,}",
            "open cases",
            f"{cases.overdue} overdue, {cases.states.get(CaseState.WAITING, 0)} wait for the customer",
            "bad" if cases.overdue else "",
        ),
        Tile(hours(cases.first_answer.median), "to the first answer", _spread_words(cases.first_answer)),
        Tile(hours(cases.solution.median), "to the solution", _spread_words(cases.solution)),
        Tile(f"{figures.unsubscribed:,}", "unsubscribed", f"{_count(figures.bounced, 'mail', 'mails')} bounced"),
    ]


def _spread_words(found: Spread) -> str:
    if not found.count:
        return "no case yet; business hours"
    return f"median of {found.count}; nine in ten within {hours(found.p90)}; business hours"


def _edition(edition: EditionFigures, zone: ZoneInfo) -> dict[str, object]:
    rates, before, number = edition.rates, edition.before, edition.before_editions
    return {
        "figures": edition,
        "name": _name(edition),
        "when": f"{edition.day(zone):%-d %b %Y}",
        "rates": [
            (
                "complaints",
                rate(rates.complaints),
                change(rates.complaints, before.complaints if before else None, editions=number),
            ),
            (
                "unsubscribes",
                rate(rates.unsubscribes),
                change(rates.unsubscribes, before.unsubscribes if before else None, editions=number),
            ),
            (
                "bounces",
                rate(rates.bounces),
                change(rates.bounces, before.bounces if before else None, editions=number),
            ),
        ],
        "replies": rates.replies.count,
        "touched": edition.touched,
        "share": _share(edition),
    }


def _share(edition: EditionFigures) -> str:
    """Those who followed a link, of the people reached."""
    found = edition.touched
    known = found is not None and found.clicked is not None and edition.reached
    return f"{100 * found.clicked / edition.reached:.1f} % of reached" if known else ""  # type: ignore[operator,union-attr]


def _plots(figures: Figures, zone: ZoneInfo) -> dict[str, Markup | None]:
    shown = figures.editions[-PLOTTED:]
    last = shown[-1] if shown else None
    replies, cases = figures.replies, figures.cases
    names = {each.id: f"{each.day(zone):%-d %b}" for each in shown}
    return {
        "reached": columns(
            "reached",
            "People reached by each edition",
            [
                Point(names[each.id], each.reached, f"{each.reached:,}", "" if each is last else "soft")
                for each in shown
            ],
        )
        if shown
        else None,
        "complaints": _complaints(figures, shown, names),
        "categories": _tally("categories", "What people wrote", replies.people, TONES),
        "topics": _tally("topics", "What the complaints are about", replies.complaint_topics, {}),
        "days": columns(
            "days",
            f"Messages from people on each of the last {len(replies.by_day)} days",
            [Point(_day(day), count, str(count)) for day, count in replies.by_day],
            numbers=False,
        )
        if any(count for _, count in replies.by_day)
        else None,
        "ages": _tally("ages", "Open cases by age", cases.open_by_age, {"older": "bad", "1 to 4 weeks": "warn"})
        if cases.open
        else None,
        "open_topics": _tally("open-topics", "Open cases by topic", cases.open_by_topic, {}),
        "times": _times(figures),
    }


def _complaints(figures: Figures, shown: Sequence[EditionFigures], names: Mapping[int, str]) -> Markup | None:
    """The rate of each edition, beside the level of those before the last."""
    if not any(each.reached for each in shown):
        return None
    level = _level(figures)
    return line(
        "complaints",
        "Complaints per 1,000 people reached, edition by edition",
        [Point(names[each.id], each.rates.complaints.per_1000, rate(each.rates.complaints)) for each in shown],
        mark=level.per_1000 if level else None,
        mark_words=level_words(figures),
    )


def _level(figures: Figures) -> Rate | None:
    """The complaints of the editions before the last, where there are enough to be a level."""
    last = figures.editions[-1] if figures.editions else None
    return last.before.complaints if last is not None and last.before and last.before_editions > 1 else None


def level_words(figures: Figures) -> str:
    """What the dashed line in the plot of complaints is."""
    level = _level(figures)
    return f"dashed: {rate(level)} in the {figures.editions[-1].before_editions} before the last" if level else ""


def _times(figures: Figures) -> Markup | None:
    rows = [
        Span(label, found.median, found.p90, f"{hours(found.median)} / {hours(found.p90)}")
        for label, found in (
            ("First answer", figures.cases.first_answer),
            ("Solution", figures.cases.solution),
        )
        if found.median is not None and found.p90 is not None
    ]
    return spans("times", "Business hours: median and 90th percentile", rows) if rows else None


def _tally(name: str, title: str, counts: Mapping[str, int], tones: Mapping[str, str]) -> Markup | None:
    points = [Point(word.replace("_", " "), count, f"{count:,}", tones.get(word, "")) for word, count in counts.items()]
    return bars(name, title, points[:8]) if points else None


def _register(figures: Figures) -> list[tuple[str, int]]:
    states = figures.cases.states
    return [
        ("opened", figures.cases.opened),
        ("still open", figures.cases.open),
        ("solved, not yet confirmed", states.get(CaseState.SOLVED, 0)),
        ("confirmed by the customer", states.get(CaseState.CONFIRMED, 0)),
        ("dismissed", states.get(CaseState.DISMISSED, 0)),
    ]


def _day(iso: str) -> str:
    day = datetime.fromisoformat(iso)
    return f"{day:%-d %b}"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
