"""`outreach demo`: the whole loop on sample customers, for real, on this machine."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ...errors import UsageError
from ..common import AsJson, print_json

demo_app = typer.Typer()


@demo_app.command()
def demo(
    folder: Annotated[
        Path | None, typer.Argument(help="An empty folder to play in; else a temporary one, which is kept.")
    ] = None,
    crash: Annotated[
        bool, typer.Option("--crash", help="Kill the sender three times in the middle of an edition.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the whole loop for real: import, send, replies, cases, and a second issue that they have changed.

    A mail server and a web server on this machine take part; nothing leaves it. With --crash the sender is
    killed (kill -9) in the middle of an edition, and the mail server's own log shows who got what.

    Example: [bold]outreach demo[/bold], then open the page that it names.
    """
    root = _empty(folder)
    started = time.monotonic()
    say = (lambda _: None) if as_json else typer.echo
    figures = _crash(root, say) if crash else _play(root, say)
    figures |= {"folder": root, "seconds": round(time.monotonic() - started, 1)}
    if as_json:
        print_json(figures)
    else:
        typer.echo(f"All of it took {figures['seconds']} seconds, in {root}")
    if not figures["sound"]:
        raise typer.Exit(1)


def _empty(folder: Path | None) -> Path:
    if folder is None:
        return Path(tempfile.mkdtemp(prefix="outreach-demo-")) / "acme"
    root = folder.resolve()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UsageError(f"{root} is not an empty folder", remedy="Name another; the demo overwrites nothing.")
    return root


def _play(root: Path, say: Any) -> dict[str, Any]:
    from .page import write_page, write_report  # lazy: as all that the demo plays with
    from .stage import open_stage
    from .story import NEWS, TIPS, find_page, play

    with open_stage(root) as stage:
        told = play(stage, say)
        report = root / "report.html"
        write_report(stage, report)
        page = find_page(root)
        write_page(stage, told, report, page)
        accounts = [edition for name in (TIPS, NEWS) for edition in told.accounts[name]]
        sound = all(edition.adds_up and not edition.in_doubt for edition in accounts)
        words = "Everybody is accounted for" if sound else "The figures do NOT add up"
        planned = " + ".join(str(edition.planned) for edition in accounts)
        say(f"{words}: {planned} planned, each sent, or withheld with a reason (`outreach verify tips`).")
        say(f"\nBoth issues for the same customer, side by side: {page}")
        say(f"The report:                                      {report}")
        say(f"The mails as they arrived:                       {stage.mail / 'new'}")
        return {
            "imported": told.imported,
            "answered": told.answered.counts if told.answered else {},
            "categories": told.categories,
            "machine": told.machine,
            "cases": told.cases,
            "withheld": [{"reason": reason, "people": count} for reason, count, _ in told.withheld],
            "changed": told.changed,
            "welcome": dict(zip(("mails", "people"), told.welcomed, strict=True)),
            "seminar": dict(zip(("invited", "accepted"), told.evening, strict=True)),
            "accounts": [
                {"edition": edition.edition_id, "planned": edition.planned, "states": edition.counts}
                for edition in accounts
            ],
            "page": page,
            "report": report,
            "sound": sound,
        }


def _crash(root: Path, say: Any) -> dict[str, Any]:
    from .crash import CONNECTIONS, crash  # lazy
    from .stage import open_stage

    with open_stage(root, connections=CONNECTIONS) as stage:
        found = crash(stage, say)
    say(
        f"{found.planned} planned; the mail server's own log holds {found.caught} mails: "
        f"{found.twice} twice, {found.lost} lost, {found.in_doubt} in doubt and listed by `outreach verify`."
    )
    return {
        "kills": found.kills,
        "planned": found.planned,
        "caught": found.caught,
        "twice": found.twice,
        "lost": found.lost,
        "in_doubt": found.in_doubt,
        "states": found.states,
        "sound": found.sound,
    }
