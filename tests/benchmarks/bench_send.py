"""Measures importing, planning and sending N people's newsletter on this machine, beside a yardstick of the same run.

    python -m tests.benchmarks.bench_send [N] [--connections 10] [--campaign news|tips]

All is what a user gets: `customers import`, `send`, a real SMTP sink on loopback in a process of its own, a real
starter newsletter. Yardstick: the plain loop that one would write first (Jinja2, premailer, EmailMessage and smtplib
for each mail) over 100 of the same people and the same layout. Trust the ratio, not the absolute figures.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import smtplib
import subprocess
import sys
import tempfile
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markdown_it import MarkdownIt
from premailer import transform
from sqlalchemy import select
from sqlmodel import col

from outreach.errors import UsageError
from outreach.prose import html_to_text
from outreach.records import Customer
from outreach.work.compose import apply_campaign, apply_tips
from outreach.work.create import create_workspace
from outreach.work.intake import import_customers
from outreach.work.publish import open_occasion
from outreach.work.send import send_open
from outreach.work.workspace import Workspace, open_workspace
from tests.servers import Sink, start_sink

COUNTRIES = (("DE", "de", "Europe/Berlin"), ("US", "en", "America/New_York"), ("GB", "en", "Europe/London"))
YARDSTICK = 100


def write_people(path: Path, count: int) -> None:
    """A file of people as a shop would export it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["email", "first_name", "last_name", "country", "language", "zone", "plan", "machine"])
        for number in range(count):
            country, language, zone = COUNTRIES[number % 3]
            name = "" if number % 17 == 0 else f"Name{number % 500}"
            plan = ("pro", "free", "team")[number % 3]
            writer.writerow(
                [f"person{number}@example{number % 97}.com", name, f"Of{number}", country, language, zone, plan, "X1"]
            )


def peak_mb() -> float:
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(what: str, count: int, work: Any) -> tuple[Any, dict[str, float]]:
    """Do the work; its result, and how long it took."""
    started, worked = time.perf_counter(), time.process_time()
    result = work()
    seconds, own = time.perf_counter() - started, time.process_time() - worked
    figures = {
        "seconds": round(seconds, 2),
        "per_second": round(count / seconds, 1),
        "cpu_ms_each": round(own / count * 1000, 3),
        "peak_mb": round(peak_mb(), 1),
    }
    print(f"{what:<10} {figures}", file=sys.stderr, flush=True)
    return result, figures


def yardstick(workspace: Workspace, sink: Sink, campaign: str) -> dict[str, float]:
    """The plain loop over the first hundred people."""
    layouts = Environment(loader=FileSystemLoader(workspace.root / "templates" / "layouts"), autoescape=True)
    template = layouts.get_template(f"{campaign}.html.j2")
    text = (workspace.root / "templates" / "campaigns" / f"{campaign}.md").read_text(encoding="utf-8")
    body = Environment(autoescape=False).from_string(text.split("---", 2)[2])
    with workspace.database.read() as session:
        people = session.execute(select(Customer).order_by(col(Customer.id)).limit(YARDSTICK)).scalars().all()

    def loop() -> None:
        with smtplib.SMTP("127.0.0.1", sink.port) as relay:
            for person in people:
                values = {
                    **person.attributes,
                    **{name: getattr(person, name) for name in ("first_name", "last_name", "language", "country")},
                }
                content = MarkdownIt().render(body.render(values))
                shared = {"subject": "Hello", "preheader": "", "company": "Acme", "postal_address": "1 Road, Town"}
                links = {"unsubscribe_url": "mailto:care@acme.example", "view_url": "", "campaign": campaign}
                page = template.render(
                    values | shared | links | {"content": Safe(content), "tips": [], "issue_number": 1}
                )
                html = transform(page, allow_network=False, strip_important=False, keep_style_tags=True)
                mail = EmailMessage()
                mail["From"], mail["To"], mail["Subject"] = "care@acme.example", person.address, "Hello"
                mail["Message-ID"] = f"<{person.public_id}@yardstick>"
                mail.set_content(html_to_text(html))
                mail.add_alternative(html, subtype="html")
                relay.send_message(mail)

    return timed("yardstick", len(people), loop)[1]


class Safe(str):
    """HTML that the layout must not escape again."""

    def __html__(self) -> str:
        return str(self)


def measure(folder: Path, count: int, connections: int, campaign: str) -> dict[str, Any]:
    """Import, plan and send in this process; the yardstick in a child, so that it adds nothing to our memory."""
    write_people(folder / "people.csv", count)
    with start_sink(folder / "sink.log") as sink:
        os.environ |= {
            "OUTREACH_RELAY__PORT": str(sink.port),
            "OUTREACH_RELAY__CONNECTIONS": str(connections),
            "OUTREACH_IDENTITY__POSTAL_ADDRESS": "1 Road, Town",
        }
        create_workspace(folder / "acme", "acme")
        workspace = open_workspace(folder / "acme")
        figures: dict[str, Any] = {"people": count, "connections": connections, "campaign": campaign}
        _, figures["import"] = timed(
            "import", count, lambda: import_customers(workspace, folder / "people.csv", "customers")
        )
        apply_tips(workspace, [workspace.root / "templates" / "tips"])
        apply_campaign(workspace, workspace.root / "templates" / "campaigns" / f"{campaign}.md")
        edition, figures["plan"] = timed("plan", count, lambda: open_occasion(workspace, campaign))
        counts, figures["send"] = timed("send", count, lambda: send_open(workspace, edition_ids=[edition]))
        figures["sent"], figures["peak_mb"] = counts.sent, round(peak_mb(), 1)
        taken = [record["message_id"] for record in sink.taken()]
        if not counts.sent == len(set(taken)) == len(taken):
            raise UsageError(f"{counts.sent} count as sent, the sink took {len(taken)}")
        child = [sys.executable, "-m", "tests.benchmarks.bench_send", "--yardstick", str(workspace.root)]
        made = subprocess.run(
            [*child, "--campaign", campaign, "--port", str(sink.port)], check=True, capture_output=True, text=True
        )
        figures["yardstick"] = json.loads(made.stdout)
        del figures["yardstick"]["peak_mb"]  # a child begins with its parent's
        workspace.database.close()
    figures["ratio"] = round(figures["send"]["per_second"] / figures["yardstick"]["per_second"], 1)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--campaign", default="news")
    parser.add_argument("--yardstick", type=Path)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    if options.yardstick is not None:
        sink = Sink(options.port, None, Path())  # type: ignore[arg-type]
        print(json.dumps(yardstick(open_workspace(options.yardstick), sink, options.campaign)))
        return
    with tempfile.TemporaryDirectory(prefix="bench-send-") as folder:
        print(json.dumps(measure(Path(folder), options.count, options.connections, options.campaign), indent=2))


if __name__ == "__main__":
    main()
