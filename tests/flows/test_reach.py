"""Reach over a real relay and through the real pages: silent, asked, offered another way, rested, woken."""

from __future__ import annotations

import mailbox
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from sqlmodel import col

from outreach.records import Consent, Delivery, MailingList, Wish
from outreach.store.figures import read_figures
from outreach.wire.catcher import Catcher
from outreach.work.compose import apply_campaign
from outreach.work.publish import open_occasion
from outreach.work.reach import ReachLook, look_for_silent
from outreach.work.send import send_open
from outreach.work.workspace import Workspace

from ..conftest import HandClock, MakeCustomer
from ..web.conftest import serving
from ..work.sending import with_relay

BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"}
PUBLIC = "https://news.acme.example"
CAMPAIGN = "---\nname: {name}\nsubject: Issue {name}\ntemplate: news\nlist: customers\nkind: news\n---\n[cups](https://acme.example/cups)\n"
PEOPLE = ("clicks", "confirms", "phones", "silent")


@dataclass
class Company:
    """A workspace whose mail goes to a real server and whose pages are served."""

    workspace: Workspace
    clock: HandClock
    folder: Path
    site: httpx.Client
    people: dict[str, int]
    issues: int = 0

    def issue(self) -> None:
        """One newsletter to everybody; a month later."""
        self.issues += 1
        path = self.workspace.root / "news.md"
        path.write_text(CAMPAIGN.format(name=f"n{self.issues}"), encoding="utf-8")
        apply_campaign(self.workspace, path)
        open_occasion(self.workspace, f"n{self.issues}")
        self.send()

    def send(self) -> None:
        send_open(self.workspace)
        self.clock.advance(hours=1)

    def mails(self, who: str) -> list[Any]:
        """What arrived at this person's mailbox, in the order in which it was sent."""
        box = mailbox.Maildir(self.folder, create=False)
        found = [message_from_bytes(bytes(one), policy=policy.default) for one in box]
        found = [one for one in found if one["Delivered-To"] == f"{who}@example.com"]
        ids = [str(one["Message-ID"]).partition("<")[2].partition(".")[0] for one in found]
        with self.workspace.database.read() as session:
            order = {row[0]: row[1] for row in session.execute(select(col(Delivery.public_id), col(Delivery.id)))}
        return [mail for _, mail in sorted(zip(ids, found, strict=True), key=lambda pair: order[pair[0]])]

    def link(self, who: str, place: str, part: str = "plain") -> str:
        """The path of a link in the newest mail to somebody."""
        text = str(self.mails(who)[-1].get_body((part,)).get_content())
        found = re.search(rf"{re.escape(PUBLIC)}(/{place}/[a-z0-9/]+)", text)
        assert found, text
        return found[1]

    def follow(self, who: str) -> None:
        """Press the newsletter's link, as a person does."""
        assert self.site.get(self.link(who, "c", "html"), headers=BROWSER).headers["location"].endswith("/cups")

    def reasons(self) -> dict[str, str]:
        """Why the newest issue did not go to somebody; "" where it went."""
        with self.workspace.database.read() as session:
            query = select(col(Delivery.customer_id), col(Delivery.reason)).where(col(Delivery.kind) == "news")
            found = dict(iter(session.execute(query.order_by(col(Delivery.id))).all()))
        return {name: found[number] for name, number in self.people.items()}


@pytest.fixture
def acme(workspace: Workspace, clock: HandClock, make_customer: MakeCustomer, tmp_path: Path) -> Iterator[Company]:
    people = {name: make_customer(f"{name}@example.com") for name in PEOPLE}
    with workspace.database.write() as session:
        session.execute(update(MailingList).values(clicks=True, words="News, by e-mail."))
    with ExitStack() as stack:
        catcher = stack.enter_context(Catcher(tmp_path / "mail"))
        own = workspace.settings
        public = own.public.model_copy(update={"url": PUBLIC})
        reach = own.reach.model_copy(update={"silent_issues": 3, "silent_days": 60, "answer_days": 30})
        more = own.model_copy(update={"public": public, "reach": reach})
        there = with_relay(
            Workspace(workspace.root, more, workspace.keys, workspace.database, workspace.clock), catcher.port
        )
        address = stack.enter_context(serving(there))
        site = stack.enter_context(httpx.Client(base_url=address, timeout=10))
        yield Company(there, clock, tmp_path / "mail", site, people)


def test_the_silent_are_asked_once_offered_another_way_rested_and_woken_by_a_sign(acme: Company) -> None:
    for _ in range(3):
        acme.issue()
        acme.follow("clicks")
        acme.clock.advance(days=25)
    assert look_for_silent(acme.workspace) == ReachLook(asked=3)
    assert look_for_silent(acme.workspace) == ReachLook(), "once"
    acme.send()
    subjects = {name: [str(mail["Subject"]) for mail in acme.mails(name)] for name in PEOPLE}
    assert subjects["clicks"] == ["Issue n1", "Issue n2", "Issue n3"]
    assert all(subjects[name][3:] == ["Shall we go on writing to you?"] for name in PEOPLE[1:])

    page = acme.link("confirms", "s")
    assert "Shall we go on?" in acme.site.get(page).text
    assert "Shall we go on?" in acme.site.get(page).text, "looking changes nothing"
    assert "Thank you" in acme.site.post(page, data={"from": "page"}).text
    wishes = acme.link("phones", "p")
    assert acme.site.get(wishes).status_code == 200
    said = {"from": "page", "channel": "phone"}
    assert acme.site.post(wishes, data=said).status_code == 200
    with acme.workspace.database.read() as session:
        wish = session.scalars(select(Wish).where(col(Wish.customer_id) == acme.people["phones"])).one()
        words = session.scalars(select(Consent.words).where(col(Consent.customer_id) == acme.people["confirms"])).all()
    assert (words, wish.channel) == (["News, by e-mail."], "phone")

    acme.clock.advance(days=31)
    look = look_for_silent(acme.workspace)
    acme.issue()
    reasons = acme.reasons()
    assert reasons["silent"] == "rested" and look.rested >= 1
    assert (reasons["clicks"], reasons["confirms"]) == ("", "")
    assert len(acme.mails("silent")) == 4 and len(acme.mails("confirms")) == 5

    old = next(mail for mail in acme.mails("silent") if mail["Subject"] == "Issue n3")
    found = re.search(rf"{re.escape(PUBLIC)}(/c/[a-z0-9/]+)", str(old.get_body(("html",)).get_content()))
    assert found and acme.site.get(found[1], headers=BROWSER).status_code == 302
    assert look_for_silent(acme.workspace).woken >= 1
    acme.issue()
    assert acme.reasons()["silent"] == ""
    assert str(acme.mails("silent")[-1]["Subject"]) == "Issue n5"
    with acme.workspace.database.read() as session:
        told = read_figures(
            session, name="acme", company="Acme", now=acme.clock(), at_work=acme.workspace.working_hours
        )
    assert (told.people_reached, told.sent) == (4, sum(len(acme.mails(name)) for name in PEOPLE) - 3)
    assert told.editions[0].touched is not None and told.editions[0].touched.clicked == 1
