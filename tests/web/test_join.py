"""Signing up: open to everybody where a list says so, no way to learn who is known, and no way around the button."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select
from sqlmodel import col

from outreach.address import address_key, sign_token
from outreach.records import (
    Consent,
    ConsentAct,
    Customer,
    Delivery,
    Edition,
    MailingList,
    Subscription,
    SubscriptionState,
    Suppression,
    SuppressionReason,
)
from outreach.store.consents import suppress, unsubscribe
from outreach.web.contact import new_token
from outreach.web.join_words import WORDS
from outreach.work.block import block, blocked_key
from outreach.work.erase import erase_customer
from outreach.work.workspace import Workspace

from ..conftest import HandClock, MakeCustomer

ANN = "ann@example.com"
AGREED = "A tip <every> other week, by e-mail."
PENDING, SUBSCRIBED, LEFT = SubscriptionState.PENDING, SubscriptionState.SUBSCRIBED, SubscriptionState.UNSUBSCRIBED


def open_list(workspace: Workspace, **fields: Any) -> int:
    with workspace.database.write() as session:
        row = session.scalars(select(MailingList).where(col(MailingList.name) == "customers")).one()
        wanted = {"sign_up": True, "words": AGREED, "title": "Coffee tips", "double_opt_in": True} | fields
        for name, value in wanted.items():
            setattr(row, name, value)
        session.add(row)
        return row.id or 0


def token_of(page: httpx.Response) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found
    return found[1]


def send(site: httpx.Client, clock: HandClock, email: str = ANN, **more: Any) -> httpx.Response:
    headers = more.pop("headers", None)
    token = token_of(site.get("/join/customers"))
    clock.advance(seconds=30)
    said = {"email": email, "token": token, "website": ""} | more
    return site.post("/join/customers", data=said, headers=headers)


def state(workspace: Workspace, address: str = ANN) -> SubscriptionState | None:
    key = address_key(workspace.keys, address)
    with workspace.database.read() as session:
        query = select(col(Subscription.state)).join(Customer, col(Customer.id) == col(Subscription.customer_id))
        return session.execute(query.where(col(Customer.address_key) == key)).scalar()


def count(workspace: Workspace, record: type[Any]) -> int:
    with workspace.database.read() as session:
        return session.execute(select(func.count()).select_from(record)).scalar_one()


def press(workspace: Workspace, site: httpx.Client) -> httpx.Response:
    """Press the button of the newest mail that asks."""
    with workspace.database.read() as session:
        public_id = session.scalars(select(col(Delivery.public_id)).order_by(col(Delivery.id).desc())).first()
    assert public_id is not None
    return site.post(f"/s/{sign_token(workspace.keys, 'confirm', public_id)}", data={"from": "page"})


@pytest.mark.parametrize("fields", [{"sign_up": False}, {"words": " "}])
def test_a_list_that_is_not_open_has_no_page(workspace: Workspace, site: httpx.Client, fields: dict[str, Any]) -> None:
    open_list(workspace, **fields)
    token = new_token(workspace.keys, workspace.clock(), "join")
    assert site.get("/join/customers").status_code == 404
    assert site.get("/join/nowhere").status_code == 404
    assert site.post("/join/customers", data={"email": ANN, "token": token}).status_code == 404
    assert count(workspace, Customer) == 0


def test_looking_keeps_nothing_and_the_mails_button_joins_with_the_words_as_proof(
    workspace: Workspace, site: httpx.Client, clock: HandClock
) -> None:
    open_list(workspace)
    page = site.get("/join/customers", params={"email": ANN})
    assert "A tip &lt;every&gt; other week, by e-mail." in page.text and ANN not in page.text
    assert site.head("/join/customers").status_code == 200
    assert "set-cookie" not in page.headers and "<script" not in page.text
    assert count(workspace, Customer) == 0
    sent = send(site, clock, headers={"accept-language": "de-DE"})
    assert (sent.status_code, WORDS["de"]["asked"] in sent.text) == (200, True)
    assert (state(workspace), count(workspace, Consent)) == (PENDING, 0)
    with workspace.database.read() as session:
        edition = session.scalars(select(Edition)).one()
    assert edition.subject == "Bitte bestätigen: Coffee tips", "in the language of the page"
    assert AGREED in edition.frozen["text"]
    press(workspace, site)
    with workspace.database.read() as session:
        act = session.scalars(select(Consent)).one()
    assert (state(workspace), act.words, act.how) == (SUBSCRIBED, AGREED, "page")


def test_a_list_that_asks_once_joins_at_once_with_the_words_shown(
    workspace: Workspace, site: httpx.Client, clock: HandClock
) -> None:
    open_list(workspace, double_opt_in=False)
    assert WORDS["en"]["done"] in send(site, clock).text
    with workspace.database.read() as session:
        act = session.scalars(select(Consent)).one()
    assert (act.words, act.how, act.evidence) == (AGREED, "form", "the page /join/customers")
    assert (state(workspace), count(workspace, Delivery)) == (SUBSCRIBED, 0)


def test_words_that_were_changed_since_the_page_was_shown_are_shown_first(
    workspace: Workspace, site: httpx.Client, clock: HandClock
) -> None:
    open_list(workspace, double_opt_in=False)

    def press(page: httpx.Response) -> httpx.Response:
        clock.advance(seconds=30)
        found = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', page.text))
        return site.post("/join/customers", data={"email": ANN, **found})

    old = site.get("/join/customers")
    open_list(workspace, double_opt_in=False, words="Offers of our partners, daily.")
    told = press(old)
    assert (told.status_code, WORDS["en"]["changed"] in told.text, "partners" in told.text) == (422, True, True)
    assert count(workspace, Consent) == 0
    assert press(told).status_code == 200
    with workspace.database.read() as session:
        assert session.scalars(select(Consent)).one().words == "Offers of our partners, daily."


@pytest.mark.parametrize("double", [True, False])
def test_the_answer_is_the_same_for_everybody(
    workspace: Workspace, site: httpx.Client, clock: HandClock, make_customer: MakeCustomer, double: bool
) -> None:
    list_id = open_list(workspace, double_opt_in=double)
    left = make_customer("left@example.com")
    make_customer("there@example.com")
    make_customer("erased@example.com")
    erase_customer(workspace, "erased@example.com", by="maria")
    block(workspace, blocked_key(workspace, "blocked@example.com")[1], "a letter", by="maria")
    block(workspace, blocked_key(workspace, "@blocked.example")[1], "a letter", by="maria")
    with workspace.database.write() as session:
        unsubscribe(session, customer_id=left, list_id=list_id, at=clock(), how="page", evidence="x")
    blocked = ("erased@example.com", "blocked@example.com", "ann@blocked.example")
    answers = {send(site, clock, one).text for one in ("new@example.com", "left@example.com", "there@example.com")}
    before = count(workspace, Delivery), count(workspace, Customer)
    answers |= {send(site, clock, one).text for one in blocked}
    assert len(answers) == 1
    assert (count(workspace, Delivery), count(workspace, Customer)) == before, "who is blocked hears nothing"
    assert before[0] == (2 if double else 1)


@pytest.mark.parametrize("double", [True, False])
@pytest.mark.parametrize("everything", [True, False])
def test_who_left_comes_back_by_the_button_alone(
    workspace: Workspace,
    site: httpx.Client,
    clock: HandClock,
    make_customer: MakeCustomer,
    everything: bool,
    double: bool,
) -> None:
    list_id = open_list(workspace, double_opt_in=double)
    ann = make_customer(ANN)
    with workspace.database.write() as session:
        where = None if everything else list_id
        unsubscribe(session, customer_id=ann, list_id=where, at=clock(), how="page", evidence="x")
    send(site, clock)
    send(site, clock)
    assert count(workspace, Delivery) == 1, "one mail a day, however often the address is typed"
    assert state(workspace) is LEFT
    assert "Please confirm" in press(workspace, site).text or state(workspace) is SUBSCRIBED
    assert state(workspace) is SUBSCRIBED
    assert count(workspace, Suppression) == 0
    with workspace.database.read() as session:
        acts = session.scalars(select(Consent).where(col(Consent.act) == ConsentAct.RESTORED)).all()
    assert {act.words for act in acts} == {AGREED}
    clock.advance(hours=1)
    with workspace.database.write() as session:
        unsubscribe(session, customer_id=ann, list_id=list_id, at=clock(), how="page", evidence="y")
    assert "ended meanwhile" in press(workspace, site).text, "who leaves after the mail meant it"
    assert state(workspace) is LEFT


def test_a_mail_that_was_lost_is_sent_again_the_next_day(
    workspace: Workspace, site: httpx.Client, clock: HandClock
) -> None:
    open_list(workspace)
    for _ in range(3):
        send(site, clock)
    assert count(workspace, Delivery) == 1
    clock.advance(hours=25)
    send(site, clock)
    assert (count(workspace, Delivery), state(workspace)) == (2, PENDING)


def test_an_address_that_only_rests_may_join(workspace: Workspace, site: httpx.Client, clock: HandClock) -> None:
    open_list(workspace)
    with workspace.database.write() as session:
        key = address_key(workspace.keys, ANN)
        suppress(session, address_key=key, reason=SuppressionReason.BOUNCES, at=clock(), evidence="x")
    send(site, clock)
    assert state(workspace) is PENDING


@pytest.mark.parametrize(
    ("more", "headers", "words"),
    [
        ({"token": ""}, {}, "again"),
        ({"token": "contact"}, {}, "again"),
        ({}, {"sec-fetch-site": "cross-site"}, "again"),
        ({}, {"origin": "https://evil.example"}, "again"),
        ({}, {"origin": "null"}, "again"),
        ({"website": "http://spam.example"}, {}, "trap"),
        ({"email": "ann <b>"}, {}, "email_fault"),
        ({"email": f"{ANN}\r\nBcc: x@example.com"}, {}, "email_fault"),
    ],
)
def test_programs_and_other_sites_are_refused_and_the_address_is_still_there(
    workspace: Workspace,
    site: httpx.Client,
    clock: HandClock,
    more: dict[str, str],
    headers: dict[str, str],
    words: str,
) -> None:
    open_list(workspace)
    if more.get("token") == "contact":
        more = {"token": new_token(workspace.keys, clock())}
    told = send(site, clock, headers=headers, **more)
    assert told.status_code == 422
    assert WORDS["en"][words] in told.text
    assert 'value="ann' in told.text and "<b>" not in told.text
    assert count(workspace, Customer) == 0


def test_a_flood_from_one_place_waits(workspace: Workspace, site: httpx.Client, clock: HandClock) -> None:
    open_list(workspace)
    answers = [send(site, clock, f"p{number}@example.com").status_code for number in range(11)]
    assert answers == [200] * 10 + [429]
    assert count(workspace, Customer) == 10


def test_words_are_shown_and_proved_in_the_readers_language(
    workspace: Workspace, site: httpx.Client, clock: HandClock
) -> None:
    french, german = "Un conseil tous les quinze jours.", "Ein Tipp alle zwei Wochen."
    open_list(workspace, words_in={"fr": french, "de": german}, double_opt_in=False)
    for who, wishes, language, words in (
        ("fr@example.com", "fr-CA,en;q=0.8", "fr", french),
        ("de@example.com", "de", "de", german),
        ("it@example.com", "it", "en", AGREED),
    ):
        headers = {"accept-language": wishes}
        html = site.get("/join/customers", headers=headers).text
        assert (f'lang="fr">{french}' in html) is (language == "fr")
        assert (german in html) is (language == "de")
        send(site, clock, who, headers=headers)
        with workspace.database.read() as session:
            act = session.scalars(select(Consent).order_by(col(Consent.id).desc())).first()
            customer = session.scalars(select(Customer).where(col(Customer.address) == who)).one()
        assert act is not None and (act.words, act.language) == (words, language)
        assert customer.language == language


def test_the_mail_and_its_button_have_the_words_in_the_persons_language(
    workspace: Workspace, site: httpx.Client, clock: HandClock
) -> None:
    german = "Ein Tipp alle zwei Wochen."
    open_list(workspace, words_in={"de": german})
    send(site, clock, headers={"accept-language": "de"})
    with workspace.database.read() as session:
        mail, public_id = session.execute(select(Edition.frozen, Delivery.public_id).join(Delivery)).one()
    assert german in mail["text"] and AGREED not in mail["text"]
    link = f"/s/{sign_token(workspace.keys, 'confirm', public_id)}"
    assert german in site.get(link).text
    site.post(link, data={"from": "page"})
    with workspace.database.read() as session:
        act = session.scalars(select(Consent)).one()
    assert (act.words, act.language, act.act) == (german, "de", ConsentAct.GIVEN)


def test_a_form_of_more_fields_than_ours_is_shown_again(workspace: Workspace, site: httpx.Client) -> None:
    open_list(workspace)
    many = "&".join(f"x{number}=1" for number in range(50))
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert site.post("/join/customers", content=many, headers=form).status_code == 422
    token = sign_token(workspace.keys, "confirm", "a" * 20)
    for place in (f"/s/{token}", f"/u/{sign_token(workspace.keys, 'unsubscribe', 'a' * 20)}"):
        assert site.post(place, content=many, headers=form).status_code == site.get(place).status_code
