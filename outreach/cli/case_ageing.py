"""`outreach cases ageing`: what is unresolved after so many days and escalations, and whether the register adds up."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from .common import AsJson, open_here, print_json, print_table, printable

if TYPE_CHECKING:
    from ..cases.ageing import AgeRow, Register


def ageing(
    days: Annotated[float, typer.Option("--days", min=0, help="Unresolved for at least so many days.")] = 7,
    escalations: Annotated[int, typer.Option("--escalations", min=0, help="And after at least so many levels.")] = 0,
    by: Annotated[list[str] | None, typer.Option("--by", help="topic, owner or channel; may be repeated.")] = None,
    period: Annotated[int, typer.Option("--period", min=1, help="Days that the second register covers.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Say which cases are unresolved after so many days and escalations, by topic, owner and channel.

    The register shows that every case is accounted for: opened + reopened - closed = open.

    Example: [bold]outreach cases ageing --days 14 --escalations 1 --by owner[/bold]
    """
    from ..cases.ageing import WAYS  # lazy
    from ..work.ageing import read_ageing

    ways = tuple(dict.fromkeys(by or WAYS))
    if unknown := [way for way in ways if way not in WAYS]:
        raise UsageError(f"--by {unknown[0]!r} is no way to count", remedy=f"There are {', '.join(WAYS)}.")
    report = read_ageing(open_here(), days=days, escalations=escalations, ways=ways, period_days=period)
    if as_json:
        print_json(
            {
                "days": days,
                "escalations": escalations,
                "unresolved": len(report.unresolved),
                "late": [one.case.id for one in report.late],
                "rows": {way: [dataclasses.asdict(row) for row in rows] for way, rows in report.rows.items()},
                "register": _register_json(report.register),
                "period": {"days": period, **_register_json(report.period)},
            }
        )
        return
    after = f"{days:g} days" + (f" and {escalations} escalations" if escalations else "")
    typer.echo(f"Unresolved after {after}: {len(report.late)} of {len(report.unresolved)} unresolved cases.")
    for way, rows in report.rows.items():
        if rows:
            typer.echo("")
            bands = [band for band in rows[0].by_age if any(row.by_age[band] for row in rows)]
            heading = [way, *(SHORT[band] for band in bands), "late", "escalated", "overdue", "waiting", "oldest"]
            print_table(heading, [_row(row, bands) for row in rows])
    typer.echo(f"\nRegister: {_words(report.register)}")
    typer.echo(f"Of the last {period} days: {_words(report.period)}")
    if not report.register.adds_up:
        typer.echo(f"It does not add up: look at cases {', '.join(map(str, report.register.wrong))}.")
        raise typer.Exit(1)


SHORT = {
    "under 1 day": "< 1 d",
    "1 to 3 days": "1-3 d",
    "3 to 7 days": "3-7 d",
    "7 to 14 days": "7-14 d",
    "14 to 30 days": "14-30 d",
    "over 30 days": "> 30 d",
}


def _row(row: AgeRow, bands: list[str]) -> list[Any]:
    escalated = sum(count for levels, count in row.by_escalations.items() if levels)
    ages = [row.by_age[band] or "" for band in bands]
    oldest = f"{row.oldest_days:.0f} d"
    return [printable(row.name), *ages, row.late, escalated, row.overdue, row.waiting, oldest]


def _words(found: Register) -> str:
    begin = f"open before {found.before} + " if found.before else ""
    solved = f" ({found.solved} of them solved, without the customer's word)" if found.solved else ""
    flow = f"{begin}opened {found.opened} + reopened {found.reopened} - closed {found.closed}"
    return f"{flow} = open {found.open}{solved}"


def _register_json(found: Register) -> dict[str, Any]:
    return {**dataclasses.asdict(found), "adds_up": found.adds_up}
