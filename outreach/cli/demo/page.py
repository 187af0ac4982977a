"""The page that shows both issues for the same customer, with what happened between them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from ...records import DeliveryState
from ...store.figures import read_figures
from ...web.report import report_page
from .post import ANN, received
from .stage import Stage
from .story import TIPS, Told

STATES = [state for state in DeliveryState if state not in (DeliveryState.CLAIMED, DeliveryState.INFLIGHT)]
MARKED = "<style>[class~=reason]{outline:3px solid #d97706;outline-offset:2px}</style></head>"
"""Laid over the mail in the page only: the note that says why a tip is there."""


def write_page(stage: Stage, told: Told, report: Path, path: Path) -> None:
    """Write one self-contained HTML page to `path`."""
    pages = Environment(
        loader=PackageLoader("outreach.cli.demo", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    ann = told.ann
    customer, inbound, verdict = ann["customer"], ann["inbound"], ann["verdict"]
    text = pages.get_template("page.html.j2").render(
        company=stage.workspace.settings.identity.company,
        who={"name": f"{customer.first_name} {customer.last_name}", "address": customer.address},
        figures=_figures(told),
        issues=_issues(stage, told),
        reply={
            "text": inbound.text if inbound is not None else "",
            "category": inbound.category if inbound is not None else "nothing",
            "topics": ", ".join(inbound.topics) if inbound is not None else "",
            "reasons": "; ".join(verdict.reasons[:5]) if verdict is not None else "",
        },
        steps=[
            {"at": f"{step.at:%A %d %B, %H:%M} UTC", "what": step.what, "reason": step.reason} for step in ann["steps"]
        ],
        states=[str(state).replace("_", " ") for state in STATES],
        accounts=_accounts(told),
        withheld=[{"reason": reason, "count": count, "example": example} for reason, count, example in told.withheld],
        places=[
            {"words": "Every mail that customers got", "path": stage.mail / "new"},
            {"words": "Every mail that came back", "path": stage.root / "inbox"},
            {"words": "The report", "path": report},
            {"words": "Look for yourself", "path": f"cd {stage.root} && outreach plan && outreach cases list"},
        ],
    )
    path.write_text(text, encoding="utf-8")


def write_report(stage: Stage, path: Path) -> None:
    """Write the page that `outreach report --html` writes, as of the stage's clock."""
    workspace = stage.workspace
    with workspace.database.read() as session:
        figures = read_figures(
            session,
            name=workspace.root.name,
            company=workspace.settings.identity.company,
            now=workspace.clock(),
            at_work=workspace.working_hours,
        )
    path.write_text(report_page(figures), encoding="utf-8")


def _figures(told: Told) -> list[dict[str, Any]]:
    tips = told.accounts[TIPS]
    sent = [edition.counts.get(DeliveryState.SENT, 0) for edition in tips]
    held = sum(count for reason, count, _ in told.withheld if "complaint" in reason)
    machine = sum(count for name, count in told.machine.items() if name != "human")
    return [
        {"number": told.imported["created"], "words": "customers"},
        {"number": sent[0], "words": "got issue 1"},
        {"number": told.machine.get("human", 0), "words": "answers by people"},
        {"number": machine, "words": "machine mails sorted out"},
        {"number": told.cases, "words": "cases opened"},
        {"number": held, "words": "were spared the news"},
        {"number": sent[-1], "words": "got issue 2"},
        {"number": told.changed, "words": "got it changed by what they wrote"},
    ]


def _accounts(told: Told) -> list[dict[str, Any]]:
    return [
        {
            "name": f"{name} {edition.number}",
            "planned": edition.planned,
            "states": {str(state).replace("_", " "): edition.counts.get(state, 0) for state in STATES},
            "sound": edition.adds_up,
        }
        for name, editions in told.accounts.items()
        for edition in editions
    ]


def _issues(stage: Stage, told: Told) -> list[dict[str, Any]]:
    """The mails themselves, out of the catcher's Maildir, found by the deliveries' public ids."""
    mails = {
        str(mail.mail["Message-ID"]).strip("<>").split(".")[0]: mail
        for mail in received(stage.mail)
        if mail.address == ANN
    }
    issues = []
    for delivery, edition in told.ann["deliveries"]:
        mail = mails.get(delivery.public_id)
        if mail is None:
            continue
        body = mail.mail.get_body(("html",))
        shown = str(body.get_content()) if body is not None else ""
        reasons = delivery.choices.get("reasons", {})
        issues.append(
            {
                "day": f"{date.fromisoformat(edition.occasion[:10]):%d %B %Y}",
                "subject": str(mail.mail["Subject"]),
                "html": shown.replace("</head>", MARKED, 1),
                "tips": [
                    {"title": told.ann["titles"][name], "reason": reasons.get(name, "")}
                    for name in delivery.choices.get("tips", ())
                ],
            }
        )
    return issues
