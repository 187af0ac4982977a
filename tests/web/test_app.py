"""The links in mails: GET and HEAD change nothing, one POST does, and no page says whose mail it was."""

from __future__ import annotations

from datetime import timedelta

import httpx
import lxml.html
import pytest
from sqlmodel import SQLModel, select

from outreach.address import address_key, new_key_ring, sign_token
from outreach.records import (
    Consent,
    ConsentAct,
    Customer,
    Delivery,
    DeliveryState,
    Kind,
    MailingList,
    Subscription,
    SubscriptionState,
    Suppression,
    SuppressionReason,
)
from outreach.store.consents import suppress, unsubscribe
from outreach.web.view import BANNER, with_banner
from outreach.work.compose import apply_campaign
from outreach.work.publish import open_occasion
from outreach.work.workspace import Workspace

from ..conftest import HandClock
from .make import make_edition, make_people

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
BUTTON = {"from": "page"}


@pytest.fixture
def reader(workspace: Workspace) -> int:
    return make_people(workspace, 1)[0]


def token_for(workspace: Workspace, reader: int, *, purpose: str = "unsubscribe", **edition: object) -> str:
    _, (delivery_id,) = make_edition(workspace, [reader], **edition)
    with workspace.database.read() as session:
        public_id = session.get_one(Delivery, delivery_id).public_id
    return sign_token(workspace.keys, purpose, public_id)


def state_of(workspace: Workspace, reader: int) -> SubscriptionState:
    with workspace.database.read() as session:
        return session.exec(select(Subscription).where(Subscription.customer_id == reader)).one().state


def consents(workspace: Workspace) -> list[tuple[ConsentAct, str]]:
    with workspace.database.read() as session:
        return [(act.act, act.how) for act in session.exec(select(Consent))]


def everything(workspace: Workspace) -> str:
    """The whole database as text."""
    with workspace.database.read() as session:
        tables = [
            (table.name, session.connection().execute(table.select())) for table in SQLModel.metadata.sorted_tables
        ]
        return "\n".join(f"{name} {sorted(map(repr, rows))}" for name, rows in tables)


def test_one_click_needs_no_cookie_no_redirect_and_no_login(
    site: httpx.Client, workspace: Workspace, reader: int
) -> None:
    token = token_for(workspace, reader)
    answer = site.post(f"/u/{token}", data=ONE_CLICK)
    assert (answer.status_code, answer.history) == (200, [])
    assert "set-cookie" not in answer.headers
    assert state_of(workspace, reader) is SubscriptionState.UNSUBSCRIBED
    assert consents(workspace) == [(ConsentAct.WITHDRAWN, "one_click")]


def test_one_click_may_come_as_multipart_and_twice(site: httpx.Client, workspace: Workspace, reader: int) -> None:
    token = token_for(workspace, reader)
    for _ in range(2):
        assert site.post(f"/u/{token}", files={"List-Unsubscribe": (None, "One-Click")}).status_code == 200
    assert consents(workspace) == [(ConsentAct.WITHDRAWN, "one_click")]


def test_unsubscribing_bumps_the_version_that_the_sender_compares(
    site: httpx.Client, workspace: Workspace, reader: int
) -> None:
    token = token_for(workspace, reader)
    with workspace.database.read() as session:
        before = session.get_one(Customer, reader).version
    site.post(f"/u/{token}", data=ONE_CLICK)
    with workspace.database.read() as session:
        assert session.get_one(Customer, reader).version > before


def test_get_and_head_change_nothing(site: httpx.Client, workspace: Workspace, reader: int) -> None:
    leave, view = token_for(workspace, reader), token_for(workspace, reader, purpose="view")
    before = everything(workspace)
    for path in (f"/u/{leave}", f"/v/{view}", "/healthz", f"/u/{leave}/undo", "/"):
        for method in ("GET", "HEAD"):
            assert site.request(method, path).status_code < 500
    assert everything(workspace) == before


def test_the_page_has_a_button_that_posts_to_it_and_names_nobody(
    site: httpx.Client, workspace: Workspace, reader: int
) -> None:
    answer = site.get(f"/u/{token_for(workspace, reader)}")
    assert answer.status_code == 200
    assert '<form method="post" action="">' in answer.text
    assert "<button" in answer.text
    assert "person0" not in answer.text.lower()
    assert "Person 0" not in answer.text


def test_the_button_unsubscribes_and_the_undo_brings_it_back(
    site: httpx.Client, workspace: Workspace, reader: int
) -> None:
    token = token_for(workspace, reader)
    done = site.post(f"/u/{token}", data=BUTTON)
    assert "You are unsubscribed" in done.text
    assert f'action="{token}/undo"' in done.text
    assert state_of(workspace, reader) is SubscriptionState.UNSUBSCRIBED
    back = site.post(f"/u/{token}/undo", data=BUTTON)
    assert "You are subscribed again" in back.text
    assert state_of(workspace, reader) is SubscriptionState.SUBSCRIBED
    assert consents(workspace) == [(ConsentAct.WITHDRAWN, "page"), (ConsentAct.RESTORED, "page")]


def test_undo_restores_only_what_such_a_link_ended(site: httpx.Client, workspace: Workspace, reader: int) -> None:
    token = token_for(workspace, reader)
    now = workspace.clock()
    with workspace.database.write() as session:
        unsubscribe(session, customer_id=reader, list_id=1, at=now, how="mail", evidence="<a@b>", words="stop")
    assert "undo" not in site.get(f"/u/{token}").text
    assert site.post(f"/u/{token}/undo", data=BUTTON).status_code == 409
    assert state_of(workspace, reader) is SubscriptionState.UNSUBSCRIBED


def test_undo_never_lifts_a_wish_to_hear_nothing_at_all(site: httpx.Client, workspace: Workspace, reader: int) -> None:
    token = token_for(workspace, reader)
    site.post(f"/u/{token}", data=BUTTON)
    with workspace.database.write() as session:
        unsubscribe(session, customer_id=reader, list_id=None, at=workspace.clock(), how="mail", evidence="<a@b>")
    assert site.post(f"/u/{token}/undo", data=BUTTON).status_code == 409
    with workspace.database.read() as session:
        assert session.exec(select(Suppression)).one().reason is SuppressionReason.UNSUBSCRIBED_ALL


def test_a_post_that_is_neither_one_click_nor_the_button_changes_nothing(
    site: httpx.Client, workspace: Workspace, reader: int
) -> None:
    token = token_for(workspace, reader)
    answer = site.post(f"/u/{token}", content=b"x" * 2_000_000)
    assert "<button" in answer.text
    assert state_of(workspace, reader) is SubscriptionState.SUBSCRIBED


def test_a_mail_of_no_list_ends_all_newsletters(site: httpx.Client, workspace: Workspace, reader: int) -> None:
    token = token_for(workspace, reader, on_list=False, kind=Kind.SERVICE, campaign="_service")
    assert "newsletters" in site.get(f"/u/{token}").text
    site.post(f"/u/{token}", data=ONE_CLICK)
    with workspace.database.read() as session:
        assert session.exec(select(Suppression)).one().reason is SuppressionReason.UNSUBSCRIBED_ALL
    site.post(f"/u/{token}/undo", data=BUTTON)
    with workspace.database.read() as session:
        assert session.exec(select(Suppression)).all() == []


def on_another_list(workspace: Workspace, reader: int, state: SubscriptionState = SubscriptionState.SUBSCRIBED) -> int:
    with workspace.database.write() as session:
        row = MailingList(name="offers", title="Offers", created_at=workspace.clock())
        session.add(row)
        session.flush()
        assert row.id is not None
        tie = Subscription(list_id=row.id, customer_id=reader, state=state, changed_at=workspace.clock())
        session.add(tie)
        return row.id


def states_of(workspace: Workspace, reader: int) -> list[SubscriptionState]:
    with workspace.database.read() as session:
        query = select(Subscription.state).where(Subscription.customer_id == reader).order_by(Subscription.list_id)
        return list(session.exec(query))


def test_who_is_on_several_lists_leaves_one_or_all_and_takes_back_just_that(
    site: httpx.Client, workspace: Workspace, reader: int, clock: HandClock
) -> None:
    """The page of wishes says "No newsletters at all?", and led to a button that ended one list of several."""
    token, on, off = token_for(workspace, reader), SubscriptionState.SUBSCRIBED, SubscriptionState.UNSUBSCRIBED
    assert "No newsletters at all" not in site.get(f"/u/{token}").text, "there is one list to leave"
    on_another_list(workspace, reader)
    assert "No newsletters at all" in site.get(f"/u/{token}").text
    left = site.post(f"/u/{token}", data=BUTTON).text
    assert "“Customers” will not reach you" in left
    assert "No newsletters at all" in left
    assert states_of(workspace, reader) == [off, on]
    clock.advance(minutes=1)
    assert "Our newsletters will not reach you" in site.post(f"/u/{token}", data=BUTTON | {"all": "yes"}).text
    assert "Our newsletters will not reach you" in site.get(f"/u/{token}").text
    assert states_of(workspace, reader) == [off, off]
    told = site.post(f"/u/{token}/undo", data=BUTTON).text
    assert "“Customers” does not: you had left it before." in told, "it said that all came as before"
    assert '<form method="post" action="">' in told
    assert states_of(workspace, reader) == [off, on], "all were left after this one"
    with workspace.database.read() as session:
        assert session.exec(select(Suppression)).all() == []
    assert "“Customers” will reach you as before" in site.post(f"/u/{token}/undo", data=BUTTON).text
    assert states_of(workspace, reader) == [on, on]


def test_what_was_left_by_a_reply_before_all_else_was_left_here_has_no_button(
    site: httpx.Client, workspace: Workspace, reader: int, clock: HandClock
) -> None:
    token = token_for(workspace, reader)
    on_another_list(workspace, reader)
    with workspace.database.write() as session:
        unsubscribe(session, customer_id=reader, list_id=1, at=workspace.clock(), how="mail", evidence="<a@b>")
    clock.advance(minutes=1)
    site.post(f"/u/{token}", data=BUTTON | {"all": "yes"})
    told = site.post(f"/u/{token}/undo", data=BUTTON).text
    assert "“Customers” does not: you had left it before." in told
    assert "<form" not in told
    assert site.post(f"/u/{token}/undo", data=BUTTON).status_code == 409
    assert states_of(workspace, reader) == [SubscriptionState.UNSUBSCRIBED, SubscriptionState.SUBSCRIBED]


def test_who_left_all_lists_at_once_has_all_of_them_back_by_one_button(
    site: httpx.Client, workspace: Workspace, reader: int
) -> None:
    token, on = token_for(workspace, reader), SubscriptionState.SUBSCRIBED
    on_another_list(workspace, reader)
    site.post(f"/u/{token}", data=BUTTON | {"all": "yes"})
    with workspace.database.read() as session:
        assert session.exec(select(Suppression)).one().reason is SuppressionReason.UNSUBSCRIBED_ALL
    assert "Our newsletters will reach you as before" in site.post(f"/u/{token}/undo", data=BUTTON).text
    assert states_of(workspace, reader) == [on, on]


def test_one_click_ends_the_list_of_its_mail_alone(site: httpx.Client, workspace: Workspace, reader: int) -> None:
    token = token_for(workspace, reader)
    on_another_list(workspace, reader)
    site.post(f"/u/{token}", data=ONE_CLICK | {"all": "yes"})
    assert states_of(workspace, reader) == [SubscriptionState.UNSUBSCRIBED, SubscriptionState.SUBSCRIBED]


@pytest.mark.parametrize("reason", [SuppressionReason.BAD_ADDRESS, SuppressionReason.BOUNCES])
def test_whose_address_is_blocked_for_what_it_did_still_leaves_by_the_page(
    site: httpx.Client, workspace: Workspace, reader: int, reason: SuppressionReason
) -> None:
    """The page said that they were unsubscribed, and nothing was: a block that is lifted would have let all come."""
    token, now = token_for(workspace, reader), workspace.clock()
    with workspace.database.write() as session:
        key = session.get_one(Customer, reader).address_key or ""
        suppress(session, address_key=key, reason=reason, at=now, evidence="550", expires_at=now + timedelta(days=9))
    assert "<button" in site.get(f"/u/{token}").text
    site.post(f"/u/{token}", data=BUTTON)
    assert state_of(workspace, reader) is SubscriptionState.UNSUBSCRIBED
    assert "You are unsubscribed" in site.get(f"/u/{token}").text


def test_whose_old_address_is_blocked_leaves_by_the_page_of_a_mail_to_it(
    site: httpx.Client, workspace: Workspace, reader: int
) -> None:
    token = token_for(workspace, reader)
    with workspace.database.write() as session:
        customer = session.get_one(Customer, reader)
        old, customer.address = customer.address_key or "", "new@example.com"
        customer.address_key = address_key(workspace.keys, "new@example.com")
        session.add(customer)
        session.flush()
        suppress(
            session, address_key=old, reason=SuppressionReason.BAD_ADDRESS, at=workspace.clock(), evidence="550 no"
        )
    assert "Unsubscribe?" in site.get(f"/u/{token}").text


def test_a_test_mail_has_nothing_to_unsubscribe_from(site: httpx.Client, workspace: Workspace, reader: int) -> None:
    token = token_for(workspace, reader, on_list=False, kind=Kind.TEST, campaign="_test")
    assert "test mail" in site.get(f"/u/{token}").text
    assert "test mail" in site.post(f"/u/{token}", data=BUTTON).text
    assert consents(workspace) == []


def test_a_token_of_another_purpose_or_key_or_none_is_not_found(
    site: httpx.Client, workspace: Workspace, reader: int
) -> None:
    reply = token_for(workspace, reader, purpose="reply")
    foreign = sign_token(new_key_ring(), "unsubscribe", reply[1:27])
    for token in (reply, foreign, "nonsense", "1" * 500, "%00", "ä"):
        assert site.get(f"/u/{token}").status_code == 404
        assert site.get(f"/v/{token}").status_code == 404
        assert site.post(f"/u/{token}", data=ONE_CLICK).status_code == 404
        assert site.post(f"/u/{token}/undo", data=BUTTON).status_code == 404
    assert state_of(workspace, reader) is SubscriptionState.SUBSCRIBED


def test_case_of_the_token_does_not_matter(site: httpx.Client, workspace: Workspace, reader: int) -> None:
    assert site.post(f"/u/{token_for(workspace, reader).upper()}", data=ONE_CLICK).status_code == 200
    assert state_of(workspace, reader) is SubscriptionState.UNSUBSCRIBED


def test_the_link_works_long_after_the_customer_was_erased(
    site: httpx.Client, workspace: Workspace, reader: int, clock: HandClock
) -> None:
    token = token_for(workspace, reader)
    with workspace.database.write() as session:
        customer = session.get_one(Customer, reader)
        key = customer.address_key
        customer.address = customer.address_key = customer.first_name = None
        customer.erased_at = clock()
        session.add(customer)
    clock.advance(days=90)
    assert site.get(f"/u/{token}").status_code == 200
    assert site.post(f"/u/{token}", data=ONE_CLICK).status_code == 200
    with workspace.database.read() as session:
        block = session.exec(select(Suppression)).one()
    assert (block.address_key, block.reason) == (key, SuppressionReason.UNSUBSCRIBED_ALL)
    view = sign_token(workspace.keys, "view", token[1:27])
    assert site.get(f"/v/{view}").status_code == 410


def test_pages_speak_the_customers_language_then_the_browsers(site: httpx.Client, workspace: Workspace) -> None:
    for customer, header, words in (
        ("de", "en", "Abmelden"),
        ("fr", "de-AT,de;q=0.9", "Abmelden"),
        ("fr", "", "Unsubscribe"),
        ("", "xx", "Unsubscribe"),
    ):
        reader = make_people(workspace, 1, language=customer)[0]
        answer = site.get(f"/u/{token_for(workspace, reader)}", headers={"accept-language": header})
        assert words in answer.text


def test_every_answer_forbids_scripts_referrers_and_indexing(site: httpx.Client) -> None:
    for path in ("/u/x", "/v/x", "/healthz", "/nothing"):
        headers = site.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "script-src" not in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert "noindex" in headers["x-robots-tag"]
        assert headers["cache-control"] == "no-store"


@pytest.mark.sqlite
def test_when_nothing_can_be_stored_the_answer_is_503_and_never_a_false_yes(
    site: httpx.Client, workspace: Workspace, reader: int
) -> None:
    token = token_for(workspace, reader)
    assert site.get("/healthz").json() == {"ok": True}
    workspace.database.engine.dispose()
    path = workspace.database.path
    assert path is not None
    path.rename(path.with_suffix(".away"))
    for extra in ("-wal", "-shm"):
        path.with_name(path.name + extra).unlink(missing_ok=True)
    answer = site.post(f"/u/{token}", data=ONE_CLICK)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "60"


def test_the_mail_can_be_viewed_and_says_that_todays_data_was_used(
    site: httpx.Client, workspace: Workspace, reader: int
) -> None:
    token = token_for(workspace, reader, purpose="view")
    answer = site.get(f"/v/{token}")
    assert answer.status_code == 200
    assert answer.text.index('<body class="a">') < answer.text.index("what we know today") < answer.text.index("Hello")
    page = lxml.html.fromstring(answer.text)
    assert len(page.findall(".//main")) == 1
    assert [one.tag for one in page.find("body")] == ["main"], "nothing stands outside of a landmark"


@pytest.mark.parametrize(
    ("mail", "page"),
    [
        ("<body><p>İ</p></BODY></html>", "<body><main>NOTE<p>İ</p></main></BODY></html>"),
        ("<body><p>a", "<body><main>NOTE<p>a</main>"),
        ("<body><div role='main'>a</div></body>", "<body>NOTE<div role='main'>a</div></body>"),
        ("<p>a", "NOTE<p>a"),
    ],
)
def test_a_mails_page_has_one_main_part(mail: str, page: str) -> None:
    assert with_banner(mail, "x") == page.replace("NOTE", BANNER.format(words="x"))


def test_a_mail_that_todays_data_does_not_fit_is_not_said_to_be_forgotten(
    site: httpx.Client, workspace: Workspace, reader: int
) -> None:
    path = workspace.root / "news.md"
    front = "name: news\nsubject: News\ntemplate: news\nlist: customers\nkind: news"
    path.write_text(f"---\n{front}\n---\nHello {{{{ first_name }}}}, how are you?\n", encoding="utf-8")
    apply_campaign(workspace, path)
    edition_id = open_occasion(workspace, "news")
    with workspace.database.write() as session:
        delivery = session.exec(select(Delivery).where(Delivery.edition_id == edition_id)).one()
        delivery.state, delivery.sent_at = DeliveryState.SENT, workspace.clock()
        token = sign_token(workspace.keys, "view", delivery.public_id)
    assert "Hello Person 0" in site.get(f"/v/{token}").text
    with workspace.database.write() as session:
        session.get_one(Customer, reader).first_name = None
    told = site.get(f"/v/{token}")
    assert (told.status_code, "no longer kept" in told.text, "deleted" in told.text) == (410, False, False)
    assert "cannot be shown here" in told.text


def test_mail_that_never_left_cannot_be_viewed(site: httpx.Client, workspace: Workspace, reader: int) -> None:
    token = token_for(workspace, reader, purpose="view", states=[DeliveryState.WITHHELD])
    assert site.get(f"/v/{token}").status_code == 404


def in_doubt(workspace: Workspace, token: str) -> Delivery:
    with workspace.database.read() as session:
        return session.exec(select(Delivery).where(Delivery.public_id == token[1:27])).one()


@pytest.mark.parametrize(("purpose", "page"), [("unsubscribe", "/u/"), ("view", "/v/")])
def test_a_page_that_is_fetched_ends_a_doubt_once_the_relay_cannot_be_deciding_any_more(
    site: httpx.Client, workspace: Workspace, reader: int, clock: HandClock, purpose: str, page: str
) -> None:
    token = token_for(workspace, reader, purpose=purpose, states=[DeliveryState.IN_DOUBT])
    with workspace.database.write() as session:
        row = session.exec(select(Delivery).where(Delivery.public_id == token[1:27])).one()
        row.intent_at = clock.now
        session.add(row)
    clock.advance(minutes=9)
    assert site.get(f"{page}{token}").status_code == 200
    assert in_doubt(workspace, token).state is DeliveryState.IN_DOUBT, "a scanner beside the relay may have done that"
    clock.advance(minutes=2)
    assert site.get(f"{page}{token}").status_code == 200
    row = in_doubt(workspace, token)
    assert (row.state, row.sent_at) == (DeliveryState.SENT, row.intent_at)
    assert "a link in it was followed" in row.evidence


def test_one_click_ends_a_doubt_at_once(site: httpx.Client, workspace: Workspace, reader: int) -> None:
    token = token_for(workspace, reader, states=[DeliveryState.IN_DOUBT])
    assert site.post(f"/u/{token}", data=ONE_CLICK).status_code == 200
    assert in_doubt(workspace, token).state is DeliveryState.SENT
