"""The confirmation page and the page of wishes, over HTTP: looking changes nothing, the button does."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
from sqlalchemy import select
from sqlmodel import col

from outreach.address import sign_token
from outreach.records import (
    Consent,
    Customer,
    Delivery,
    MailingList,
    Subscription,
    SubscriptionState,
    SuppressionReason,
    Wish,
)
from outreach.store.consents import suppress
from outreach.web.consent_words import CONFIRM
from outreach.work.block import block, blocked_key
from outreach.work.enter import Entered, add_customer
from outreach.work.erase import erase_customer
from outreach.work.workspace import Workspace

from ..work.planning_kit import make_campaign
from .make import make_edition, make_people

BUTTON = {"from": "page"}


def pending(workspace: Workspace) -> str:
    with workspace.database.write() as session:
        row = session.scalars(select(MailingList)).one()
        row.double_opt_in, row.words, row.title = True, "A tip <every> other week.", "Coffee & more"
        session.add(row)
    add_customer(
        workspace, "ann@example.com", Entered({"first_name": "Ann"}), by="m", list_name="customers", consent="x"
    )
    with workspace.database.read() as session:
        return sign_token(workspace.keys, "confirm", session.scalars(select(Delivery.public_id)).one())


def state(workspace: Workspace) -> SubscriptionState:
    with workspace.database.read() as session:
        return session.scalars(select(Subscription)).one().state


def test_looking_confirms_nothing_and_the_button_does(workspace: Workspace, site: httpx.Client) -> None:
    token = pending(workspace)
    for method in ("GET", "HEAD"):
        answer = site.request(method, f"/s/{token}")
        assert answer.status_code == 200
        assert state(workspace) is SubscriptionState.PENDING
    page = site.get(f"/s/{token}").text
    assert "A tip &lt;every&gt; other week." in page
    assert "Coffee &amp; more" in page
    assert "Ann" not in page
    assert "ann@" not in page
    assert site.post(f"/s/{token}", data={"x": "y"}).status_code == 200
    assert state(workspace) is SubscriptionState.PENDING
    assert "Thank you" in site.post(f"/s/{token}", data=BUTTON).text
    assert state(workspace) is SubscriptionState.SUBSCRIBED
    assert "Thank you" in site.get(f"/s/{token}").text


def test_who_agreed_to_other_words_than_those_of_now_is_shown_them_first(
    workspace: Workspace, site: httpx.Client
) -> None:
    token = pending(workspace)

    def press(page: str) -> str:
        found = re.search(r'name="shown" value="([^"]+)"', page)
        assert found
        return site.post(f"/s/{token}", data={**BUTTON, "shown": found[1]}).text

    old = site.get(f"/s/{token}").text
    with workspace.database.write() as session:
        session.scalars(select(MailingList)).one().words = "Offers of our partners, daily."
    told = press(old)
    assert "Offers of our partners" in told and CONFIRM["en"]["changed"] in told
    assert state(workspace) is SubscriptionState.PENDING, "nobody agreed to partners"
    assert "Thank you" in press(told)
    with workspace.database.read() as session:
        assert [act.words for act in session.scalars(select(Consent))] == ["Offers of our partners, daily."]


def test_words_and_names_written_from_right_to_left_stay_in_order_and_say_their_language(
    workspace: Workspace, site: httpx.Client
) -> None:
    """The full stop of the Arabic words stood at their beginning, and no reader aloud knew which language they are."""
    token = pending(workspace)
    with workspace.database.write() as session:
        row = session.scalars(select(MailingList)).one()
        row.title, row.words_in, row.sign_up = "نصائح (قهوة)", {"ar": "نصيحة كل أسبوعين.\nمجاناً."}, True
        customer = session.scalars(select(Customer)).one()
        customer.language = "ar"
        session.add_all([row, customer])
    agreed = 'class="agreed" dir="auto" lang="ar">نصيحة كل أسبوعين.\nمجاناً.</p>'
    page = site.get(f"/s/{token}").text
    assert agreed in page
    assert "“\u2068نصائح (قهوة)\u2069” from" in page
    assert "pre-line" in page, "the lines of what people agree to are told apart"
    joining = site.get("/join/customers", headers={"accept-language": "ar"}).text
    assert agreed in joining
    assert "<h1>Get “\u2068نصائح (قهوة)\u2069”</h1>" in joining


def test_a_confirmation_for_nobody_says_so(workspace: Workspace, site: httpx.Client) -> None:
    token = pending(workspace)
    assert site.get("/s/unknown").status_code == 404
    assert site.post("/s/unknown", data=BUTTON).status_code == 404
    erase_customer(workspace, "ann@example.com", by="maria")
    assert site.post(f"/s/{token}", data=BUTTON).status_code == 410
    with workspace.database.read() as session:
        assert session.scalars(select(Subscription)).all() == []


def test_whose_address_was_blocked_since_is_not_told_that_mail_will_come(
    workspace: Workspace, site: httpx.Client
) -> None:
    """The page thanked them, and nothing would ever have reached them."""
    token = pending(workspace)
    with workspace.database.write() as session:
        key = session.scalars(select(Customer.address_key)).one() or ""
        reason = SuppressionReason.BY_HAND
        suppress(session, address_key=key, reason=reason, at=workspace.clock(), evidence="asked on the phone")
    assert "just write to us" in site.get(f"/s/{token}").text
    assert "Thank you" not in site.post(f"/s/{token}", data=BUTTON).text
    assert state(workspace) is SubscriptionState.PENDING


def test_whose_whole_domain_was_blocked_since_is_told_so_too(workspace: Workspace, site: httpx.Client) -> None:
    token = pending(workspace)
    key = blocked_key(workspace, "@example.com")[1]
    block(workspace, key, "a competitor", by="maria", until=workspace.clock() + timedelta(days=9))
    assert "With one click" in site.get(f"/s/{token}").text, "after those days it comes"
    block(workspace, key, "a competitor", by="maria")
    assert "just write to us" in site.get(f"/s/{token}").text
    assert "Thank you" not in site.post(f"/s/{token}", data=BUTTON).text
    assert state(workspace) is SubscriptionState.PENDING


def wished(workspace: Workspace) -> Wish | None:
    with workspace.database.read() as session:
        return session.scalars(select(Wish)).one_or_none()


def link(workspace: Workspace) -> str:
    people = make_people(workspace, 1)
    _, (delivery_id,) = make_edition(workspace, people)
    make_campaign(workspace, "more", topics=["descaling", "milk"])
    with workspace.database.read() as session:
        return sign_token(workspace.keys, "unsubscribe", session.get_one(Delivery, delivery_id).public_id)


def test_wishes_are_reached_from_the_unsubscribe_page_and_kept_by_the_button(
    workspace: Workspace, site: httpx.Client
) -> None:
    token = link(workspace)
    assert f"/p/{token}" in site.get(f"/u/{token}").text
    page = site.get(f"/p/{token}").text
    assert "person0" not in page
    assert "Person 0" not in page
    assert wished(workspace) is None
    site.post(f"/p/{token}", data={"pause": "3"})
    assert wished(workspace) is None, "no button was pressed"
    said = {"pause": "3", "often": "30", "topic": "milk", "channel": "phone"}
    assert "Saved" in site.post(f"/p/{token}", data=BUTTON | said).text
    wish = wished(workspace)
    assert wish is not None
    assert (str(wish.paused_until)[:10], wish.every_days, wish.no_topics, wish.channel) == (
        "2027-03-01",
        30,
        ["descaling"],
        "phone",
    )
    assert (wish.how, wish.evidence.startswith("link of delivery ")) == ("page", True)
    page = site.get(f"/p/{token}").text
    assert "Until 1 March 2027, as you said" in page
    site.post(
        f"/p/{token}",
        data=BUTTON | {"pause": "kept", "often": "9999", "topic": ["milk", "descaling"], "channel": "pigeon"},
    )
    wish = wished(workspace)
    assert wish is not None
    assert (str(wish.paused_until)[:10], wish.every_days, wish.no_topics, wish.channel) == ("2027-03-01", 0, [], "")
    with workspace.database.read() as session:
        assert session.scalars(select(Customer.version).where(col(Customer.id) == wish.customer_id)).one() == 3


def test_a_topic_that_did_not_stand_on_the_page_is_not_left_out(workspace: Workspace, site: httpx.Client) -> None:
    token = link(workspace)
    page = site.get(f"/p/{token}").text
    offered = re.findall(r'name="offered" value="([^"]*)"', page)
    assert offered == ["", "descaling", "milk"], "the first says so where there are none yet"
    for name in ("a", "b"):
        make_campaign(workspace, name, topics=["grinder"])
    said = {"offered": [*offered, "no topic of ours"], "topic": "milk"}
    saved = site.post(f"/p/{token}", data=BUTTON | said).text
    wish = wished(workspace)
    assert wish is not None and wish.no_topics == ["descaling"]
    assert re.search(r'value="grinder" checked', saved)
    for number in range(24):
        make_campaign(workspace, f"n{number}", topics=[f"new-{number}", "grinder"])
        make_campaign(workspace, f"m{number}", topics=[f"new-{number}"])
    site.post(f"/p/{token}", data=BUTTON | {"offered": offered, "topic": "descaling"})
    wish = wished(workspace)
    assert wish is not None and wish.no_topics == ["milk"], "as the page had it, though it offers others by now"
    page = site.get(f"/p/{token}").text
    assert re.search(r'value="milk">', page) and "descaling" not in page, "what they left out they can have back"
    offered = re.findall(r'name="offered" value="([^"]*)"', page)
    site.post(f"/p/{token}", data=BUTTON | {"offered": offered, "topic": offered})
    wish = wished(workspace)
    assert wish is not None and wish.no_topics == []


def test_a_wish_with_more_digits_than_any_number_has_is_no_pause(workspace: Workspace, site: httpx.Client) -> None:
    """Python reads no number of more than 4,300 digits: the page answered 500."""
    said = {"pause": "3" * 5_000, "often": "30" * 5_000}
    assert "Saved" in site.post(f"/p/{link(workspace)}", data=BUTTON | said).text
    wish = wished(workspace)
    assert wish is not None and (wish.paused_until, wish.every_days) == (None, 0)


def test_wishes_of_nobody(workspace: Workspace, site: httpx.Client) -> None:
    token = link(workspace)
    assert site.get("/p/unknown").status_code == 404
    assert site.post("/p/unknown", data=BUTTON).status_code == 404
    erase_customer(workspace, "person0@example.com", by="maria")
    assert site.get(f"/p/{token}").status_code == 410
    assert site.post(f"/p/{token}", data=BUTTON).status_code == 410
    assert "other topics?" not in site.get(f"/u/{token}").text
    assert wished(workspace) is None
