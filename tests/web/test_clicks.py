"""Counted links, end to end: a campaign's own addresses behind numbers, and where they lead."""

from __future__ import annotations

import re
from collections.abc import Callable
from email import message_from_bytes, policy
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update
from sqlmodel import col

from outreach.records import Delivery, DeliveryState, Link, MailingList, Touch
from outreach.store.customers import load_customers
from outreach.store.touch_figures import Touched, touch_figures
from outreach.work.compose import apply_campaign
from outreach.work.erase import erase_customer
from outreach.work.letter import open_press
from outreach.work.publish import open_occasion
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock

MakeCustomer = Callable[..., int]
pytestmark = BOTH
BROWSER = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"}
CAMPAIGN = """---
name: news
subject: News
template: news
list: customers
kind: news
---
Hello {{ first_name or "there" }}, see the [grinder](https://acme.example/grinder?a=1&b=2), the
[new cups](https://acme.example/cups), [again the grinder](https://acme.example/grinder?a=1&b=2) and
[your machine](https://acme.example/m/{{ first_name }}), or [the manual](https://acme.example/manual).
"""


def counted(workspace: Workspace) -> list[Touched]:
    with workspace.database.read() as session:
        return list(touch_figures(session).values())


def mail(workspace: Workspace, customer_id: int, **wanted: bool) -> tuple[str, str]:
    """The HTML that goes out to a customer whose list counts clicks or opens, and the start of its links."""
    settings = workspace.settings
    public = settings.public.model_copy(update={"url": "https://news.acme.example"})
    linked = Workspace(
        workspace.root,
        settings.model_copy(update={"public": public}),
        workspace.keys,
        workspace.database,
        workspace.clock,
    )
    with workspace.database.write() as session:
        session.execute(update(MailingList).values(**{"clicks": False} | wanted))
    path = workspace.root / "news.md"
    path.write_text(CAMPAIGN, encoding="utf-8")
    apply_campaign(linked, path)
    edition_id = open_occasion(linked, "news")
    with workspace.database.write() as session:
        press = open_press(session, linked, edition_id)
        delivery = session.scalars(select(Delivery)).one()
        person = load_customers(session, [customer_id])[customer_id]
        raw = press.press(person, delivery.public_id, delivery.choices, workspace.clock()).message
        sent = {"state": DeliveryState.SENT, "sent_at": workspace.clock(), "intent_at": workspace.clock()}
        session.execute(update(Delivery).values(**sent))
    body: Any = message_from_bytes(raw, policy=policy.default)
    html = str(body.get_body(("html",)).get_content())
    found = re.search(r"https://news.acme.example(/c/[a-z0-9]+)/", html)
    return html, found[1] if found else ""


def text_of(workspace: Workspace, customer_id: int) -> str:
    """The text part of the newest mail, as it goes out again."""
    with workspace.database.write() as session:
        delivery = session.scalars(select(Delivery).order_by(col(Delivery.id).desc())).first()
        assert delivery is not None
        public = workspace.settings.public.model_copy(update={"url": "https://news.acme.example"})
        settings = workspace.settings.model_copy(update={"public": public})
        linked = Workspace(workspace.root, settings, workspace.keys, workspace.database, workspace.clock)
        press = open_press(session, linked, delivery.edition_id)
        person = load_customers(session, [customer_id])[customer_id]
        raw = press.press(person, delivery.public_id, delivery.choices, workspace.clock()).message
    body: Any = message_from_bytes(raw, policy=policy.default)
    return str(body.get_body(("plain",)).get_content())


def touches(workspace: Workspace) -> list[tuple[int, int, bool, str]]:
    with workspace.database.read() as session:
        rows = session.scalars(select(Touch).order_by(col(Touch.number))).all()
        return [(one.number, one.times, one.person_at is not None, one.why) for one in rows]


@pytest.fixture
def ann(make_customer: MakeCustomer) -> int:
    return make_customer("ann@example.com", first_name="Ann")


def test_the_text_part_says_where_links_lead_and_the_html_only_that_they_are_counted(
    workspace: Workspace, ann: int
) -> None:
    html, start = mail(workspace, ann, clicks=True)
    assert f"{start}/1" in html
    assert "data-outreach" not in html and "https://acme.example/cups" not in html
    text = text_of(workspace, ann)
    assert "https://acme.example/cups" in text and "https://acme.example/grinder?a=1&b=2" in text
    assert "/c/" not in text


def test_a_click_leads_to_the_stored_row_and_is_counted_once_a_link(
    workspace: Workspace, ann: int, site: httpx.Client, clock: HandClock
) -> None:
    html, start = mail(workspace, ann, clicks=True)
    with workspace.database.read() as session:
        urls = dict(session.execute(select(col(Link.number), col(Link.url))).all())
    number = next(at for at, url in urls.items() if url == "https://acme.example/grinder?a=1&b=2")
    assert html.count(f'{start}/{number}"') == 2, "one address, one number"
    assert "https://acme.example/m/Ann" in html, "what is one reader's own stays as it is"
    assert "https://acme.example/cups" not in html
    clock.advance(minutes=5)
    for _ in range(2):
        answer = site.get(f"{start}/{number}", headers=BROWSER)
        assert (answer.status_code, answer.headers["location"]) == (302, "https://acme.example/grinder?a=1&b=2")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers
    assert touches(workspace) == [(number, 2, True, "")]


def test_scanners_get_there_and_are_no_persons(
    workspace: Workspace, ann: int, site: httpx.Client, clock: HandClock
) -> None:
    _, start = mail(workspace, ann, clicks=True)
    assert site.get(f"{start}/1", headers=BROWSER).status_code == 302
    clock.advance(minutes=5)
    assert site.head(f"{start}/2", headers=BROWSER).status_code == 302
    assert site.get(f"{start}/2", headers={"user-agent": "Mimecast URL check"}).status_code == 302
    assert touches(workspace) == [
        (1, 1, False, "within seconds of the delivery"),
        (2, 1, False, "a program by its own word: mimecast"),
    ]
    clock.advance(minutes=5)
    site.get(f"{start}/1", headers=BROWSER)
    site.get(f"{start}/2", headers=BROWSER)
    assert [person for _, _, person, _ in touches(workspace)] == [True, True]
    site.get(f"{start}/3", headers=BROWSER)
    assert {(person, why) for _, _, person, why in touches(workspace)} == {
        (False, "many links of the mail within seconds")
    }, "all at once is taken back"
    clock.advance(minutes=5)
    site.get(f"{start}/3", headers=BROWSER)
    assert touches(workspace)[2] == (3, 2, True, "")


@pytest.mark.parametrize(
    "spoilt", ["/c/x/1", "{start}/9999", "{start}/0", "{start}/https://evil.example", "{start}/-1"]
)
def test_nothing_but_stored_links_is_followed(workspace: Workspace, ann: int, site: httpx.Client, spoilt: str) -> None:
    _, start = mail(workspace, ann, clicks=True)
    answer = site.get(spoilt.format(start=start), headers=BROWSER)
    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert touches(workspace) == []


def test_a_picture_tells_of_an_opened_mail_only_where_the_list_wants_it(
    workspace: Workspace, ann: int, site: httpx.Client, clock: HandClock
) -> None:
    html, start = mail(workspace, ann, opens=True)
    assert html.count(f"https://news.acme.example{start}/0.gif") == 1
    assert "https://acme.example/cups" in html, "clicks are not counted"
    assert counted(workspace) == [Touched(clicked=None, opened=0)], "counted, and nobody did"
    clock.advance(hours=1)
    answer = site.get(f"{start}/0.gif", headers=BROWSER)
    assert (answer.headers["content-type"], answer.content[:6]) == ("image/gif", b"GIF89a")
    assert touches(workspace) == [(0, 1, True, "")]
    assert counted(workspace) == [Touched(clicked=None, opened=1)]
    assert site.get("/c/nobody/0.gif").status_code == 200


def test_where_nothing_is_counted_no_link_is_touched(workspace: Workspace, ann: int) -> None:
    html, start = mail(workspace, ann)
    assert start == ""
    assert "https://acme.example/cups" in html
    with workspace.database.read() as session:
        assert session.scalars(select(Link)).all() == []


def test_after_an_erasure_the_link_works_and_nothing_is_noted(
    workspace: Workspace, ann: int, site: httpx.Client, clock: HandClock
) -> None:
    _, start = mail(workspace, ann, clicks=True)
    clock.advance(minutes=5)
    erase_customer(workspace, "ann@example.com", by="maria")
    assert site.get(f"{start}/1", headers=BROWSER).status_code == 302
    assert touches(workspace) == []
