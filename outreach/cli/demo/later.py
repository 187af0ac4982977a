"""The demo's last act: somebody joins and is welcomed, and those who wrote are asked to an evening.

Law: as in the story, each act calls what the commands call; an answer is made from the invitation as it was received.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlmodel import col

from ...records import Campaign, Delivery, DeliveryState
from ...work.compose import apply_campaign
from ...work.enter import Entered, add_customer
from ...work.publish import open_occasion
from ...work.seminars import apply_seminar, figures_of
from ...work.sequence_plan import apply_sequence, approve_sequence
from .post import Received, deliver, received
from .stage import PERSON, Stage, go_out

NEWCOMERS = (("Nora", "nora@example.com"), ("Omar", "omar@example.net"), ("Pia", "pia@example.org"))
SEMINAR, INVITATION, WELCOME = "best-shot", "invitation", "welcome"
PLACES = 20
ACCEPT = """\
From: {address}
To: {organiser}
Subject: Accepted: {subject}
Message-ID: <accepted-{number}@calendar.example>
MIME-Version: 1.0
Content-Type: text/calendar; method=REPLY; charset=utf-8

BEGIN:VCALENDAR
METHOD:REPLY
BEGIN:VEVENT
UID:{uid}
ATTENDEE;PARTSTAT=ACCEPTED:mailto:{address}
END:VEVENT
END:VCALENDAR
"""


def welcome(stage: Stage) -> tuple[int, int]:
    """Three people ask for the newsletter, and a sequence begins for them: mails in three days, and to how many."""
    approve_sequence(
        stage.workspace, apply_sequence(stage.workspace, _starter(stage, "sequences", WELCOME)).name, PERSON
    )
    for name, address in NEWCOMERS:
        told = {"first_name": name, "zone": "Europe/Berlin"}
        words = "asked for tips at the shop"
        add_customer(stage.workspace, address, Entered(told), by=PERSON, list_name="customers", consent=words)
    go_out(stage)
    stage.clock.advance(days=3)
    go_out(stage)
    with stage.workspace.database.read() as session:
        mails, people = session.execute(
            select(func.count(), func.count(func.distinct(col(Delivery.customer_id))))
            .join(Campaign, col(Campaign.id) == col(Delivery.campaign_id))
            .where(col(Campaign.name).startswith(f"{WELCOME}/"), col(Delivery.state) == DeliveryState.SENT)
        ).one()
    return int(mails), int(people)


def evening(stage: Stage) -> tuple[int, int]:
    """Who had written is invited; every second one's calendar says yes: how many invited, how many come."""
    held = stage.clock() + timedelta(days=14)
    seminar = _starter(stage, "seminars", SEMINAR)
    one = f"  evening: {held:%Y-%m-%d} 18:00 for 45 minutes, {PLACES} places\n"
    text = re.sub(r"^  evening: .*\n  noon: .*\n", one, seminar.read_text("utf-8"), flags=re.MULTILINE)
    mine = stage.root / seminar.name
    mine.write_text(text, encoding="utf-8")
    apply_seminar(stage.workspace, mine)
    invitation = _starter(stage, "campaigns", INVITATION)
    mine = stage.root / invitation.name
    for_them = f'segment: replied("tips")\nseminar: {SEMINAR}/evening\nkind: invitation'
    mine.write_text(invitation.read_text("utf-8").replace("kind: invitation", for_them, 1), encoding="utf-8")
    apply_campaign(stage.workspace, mine)
    before = len(list((stage.mail / "new").iterdir()))
    open_occasion(stage.workspace, INVITATION)
    go_out(stage)
    deliver(stage, [_accepted(mail, at) for at, mail in enumerate(received(stage.mail, after=before)) if at % 2 == 0])
    go_out(stage)
    (figures,) = figures_of(stage.workspace, SEMINAR)["sessions"]
    return figures["invited"], figures["accepted"]


def _accepted(mail: Received, number: int) -> tuple[str, bytes]:
    """What a calendar program sends when its user says yes."""
    part = next(part for part in mail.mail.walk() if part.get_content_type() == "text/calendar")
    event = str(part.get_content()).replace("\r\n", "\n").replace("\n ", "")
    facts = dict(re.findall(r"^(UID|ORGANIZER)[^:\n]*:(?:mailto:)?(.*)$", event, re.MULTILINE))
    text = ACCEPT.format(
        address=mail.address,
        organiser=facts["ORGANIZER"],
        uid=facts["UID"],
        subject=mail.mail["Subject"],
        number=number,
    )
    return mail.address, text.replace("\n", "\r\n").encode()


def _starter(stage: Stage, folder: str, name: str) -> Path:
    return stage.root / "templates" / folder / f"{name}.md"
