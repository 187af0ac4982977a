"""From a frozen edition to bytes: tokens, links, envelopes."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from outreach.address import address_tag, new_public_id, read_message_id, read_token
from outreach.errors import TemplateError
from outreach.records import Edition, EditionState
from outreach.settings import Public, Replies
from outreach.store.campaigns import campaign_named
from outreach.store.customers import load_customers
from outreach.work.compose import apply_campaign, apply_tips, freeze
from outreach.work.letter import mail_links, open_press
from outreach.work.press import LetterPress, Pressed
from outreach.work.workspace import Workspace

MakeCustomer = Callable[..., int]


def edition_of(workspace: Workspace, name: str = "tips") -> int:
    """The starter campaign, frozen and kept as an edition."""
    apply_tips(workspace, [workspace.root / "templates" / "tips"])
    apply_campaign(workspace, workspace.root / "templates" / "campaigns" / f"{name}.md")
    now = workspace.clock()
    with workspace.database.write() as session:
        campaign = campaign_named(session, name)
        assert campaign is not None and campaign.id is not None
        content = freeze(session, workspace, campaign, now=now)
        edition = Edition(
            public_id=new_public_id(),
            campaign_id=campaign.id,
            kind=campaign.kind,
            number=4,
            occasion="once-1",
            state=EditionState.OPEN,
            list_id=campaign.list_id,
            subject=content.subject,
            sender=content.sender,
            frozen=content.frozen,
            due_at=now,
            frozen_at=now,
        )
        session.add(edition)
        session.flush()
        assert edition.id is not None
        return edition.id


def press_one(workspace: Workspace, edition_id: int, customer_id: int, public_id: str, **choices: object) -> Pressed:
    with workspace.database.read() as session:
        press: LetterPress = open_press(session, workspace, edition_id)
        customer = load_customers(session, [customer_id])[customer_id]
    return press.press(customer, public_id, choices, workspace.clock())


def read(pressed: Pressed) -> EmailMessage:
    found = email.message_from_bytes(pressed.message, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def part(pressed: Pressed, kind: str) -> str:
    """What the reader sees: the part text/`kind`."""
    found = read(pressed).get_body((kind,))
    assert found is not None
    return str(found.get_content())


def test_every_token_leads_back_to_the_delivery(workspace: Workspace, make_customer: MakeCustomer) -> None:
    edition_id = edition_of(workspace)
    public_id = new_public_id()
    pressed = press_one(workspace, edition_id, make_customer("ann@example.com", first_name="Ann"), public_id)
    mail = read(pressed)
    keys = workspace.keys
    assert read_token(keys, "reply", address_tag(str(mail["Reply-To"]))) == public_id
    assert read_message_id(str(mail["Message-ID"])) == public_id
    bounce = address_tag(pressed.envelope.reverse_path)
    assert bounce.startswith("b") and read_token(keys, "bounce", bounce[1:]) == public_id
    leave = str(mail["List-Unsubscribe"]).strip("<>")
    assert leave.startswith("mailto:") and leave.endswith("?subject=unsubscribe")
    tag = address_tag(leave.removeprefix("mailto:").partition("?")[0])
    assert tag.startswith("u") and read_token(keys, "unsubscribe", tag[1:]) == public_id
    assert mail["List-Unsubscribe-Post"] is None
    assert leave in part(pressed, "html").replace("&amp;", "&")
    assert mail["To"] == pressed.envelope.recipient == "ann@example.com"
    assert str(mail["List-Id"]) == "customers <customers.acme.example>" or "customers.acme.example" in mail["List-Id"]
    assert str(mail["Feedback-ID"]).startswith("tips:4:tips:")


def test_the_same_delivery_is_the_same_mail_in_every_attempt(workspace: Workspace, make_customer: MakeCustomer) -> None:
    edition_id, customer = edition_of(workspace), make_customer("ann@example.com")
    public_id = new_public_id()
    choices = {"tips": ["milk-oat"], "reasons": {"milk-oat": "You wrote to us about milk"}}
    first = press_one(workspace, edition_id, customer, public_id, **choices)
    again = press_one(workspace, edition_id, customer, public_id, **choices)
    assert first == again
    assert "You wrote to us about milk" in part(first, "plain")


def test_links_are_https_only_where_we_are_reached_so(workspace: Workspace) -> None:
    public_id = new_public_id()
    for url in ("", "http://127.0.0.1:8025", "http://news.acme.example"):
        other = replace(workspace, settings=workspace.settings.model_copy(update={"public": Public(url=url)}))
        links = mail_links(other, public_id)
        assert links.view_url == "" and links.unsubscribe_url.startswith("mailto:")
    settings = workspace.settings.model_copy(update={"public": Public(url="https://news.acme.example/")})
    links = mail_links(replace(workspace, settings=settings), public_id)
    start, token = links.unsubscribe_url.rsplit("/", 1)
    assert start == "https://news.acme.example/u"
    assert read_token(workspace.keys, "unsubscribe", token) == public_id
    start, token = links.view_url.rsplit("/", 1)
    assert start == "https://news.acme.example/v" and read_token(workspace.keys, "view", token) == public_id


def test_with_https_one_click_is_offered(workspace: Workspace, make_customer: MakeCustomer) -> None:
    edition_id = edition_of(workspace, "news")
    settings = workspace.settings.model_copy(update={"public": Public(url="https://news.acme.example")})
    public = replace(workspace, settings=settings)
    pressed = press_one(public, edition_id, make_customer("ann@example.com"), new_public_id())
    mail = read(pressed)
    assert str(mail["List-Unsubscribe"]).startswith("<https://news.acme.example/u/")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "https://news.acme.example/v/" in part(pressed, "html") and "mailto:" not in part(pressed, "html")


def test_a_relay_that_takes_no_plus_addresses_gets_plain_ones(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    edition_id = edition_of(workspace)
    settings = workspace.settings.model_copy(update={"replies": Replies(scheme="plain")})
    plain = replace(workspace, settings=settings)
    public_id = new_public_id()
    pressed = press_one(plain, edition_id, make_customer("ann@example.com"), public_id)
    mail = read(pressed)
    assert "+" not in str(mail["Reply-To"]) and "+" not in pressed.envelope.reverse_path
    leave = str(mail["List-Unsubscribe"]).strip("<>")
    token = leave.rpartition("%20u")[2]
    assert read_token(workspace.keys, "unsubscribe", token) == public_id


def test_somebody_without_an_address_gets_no_mail(workspace: Workspace, make_customer: MakeCustomer) -> None:
    edition_id, customer = edition_of(workspace), make_customer("ann@example.com")
    with workspace.database.read() as session:
        press = open_press(session, workspace, edition_id)
        row = load_customers(session, [customer])
    with pytest.raises(TemplateError, match="nobody knows an address"):
        press.press(replace(next(iter(row.values())), address=None), new_public_id(), {}, workspace.clock())
    with pytest.raises(TemplateError):
        press.press(None, new_public_id(), {}, workspace.clock())


def test_images_travel_with_the_mail_that_shows_them(
    workspace: Workspace, make_customer: MakeCustomer, tmp_path: Path
) -> None:
    data = b"\x89PNG\r\n\x1a\n" + b"\1" * 30
    (workspace.root / "templates" / "campaigns" / "pump.png").write_bytes(data)
    (workspace.root / "templates" / "tips" / "drop.png").write_bytes(data + b"2")
    tip = workspace.root / "templates" / "tips" / "milk-oat.md"
    tip.write_text("---\ntitle: Oat\n---\n![A drop](drop.png)\n", encoding="utf-8")
    news = workspace.root / "templates" / "campaigns" / "tips.md"
    news.write_text(news.read_text("utf-8") + "\n![A pump](pump.png)\n", encoding="utf-8")
    edition_id, customer = edition_of(workspace), make_customer("ann@example.com")

    def images(**choices: object) -> list[bytes]:
        mail = read(press_one(workspace, edition_id, customer, new_public_id(), **choices))
        return [part.get_payload(decode=True) for part in mail.walk() if part.get_content_maintype() == "image"]  # type: ignore[misc]

    assert images() == [data]
    assert sorted(images(tips=["milk-oat"])) == sorted([data, data + b"2"])
