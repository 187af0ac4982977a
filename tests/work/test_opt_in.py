"""Joining a list: at once, or after a button; lapsing of what was only implied; wishes; whole domains."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlmodel import col

from outreach.audience.consent import lapses_at, may_mail
from outreach.records import (
    Consent,
    ConsentAct,
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    Kind,
    MailingList,
    Permission,
    Subscription,
    SubscriptionState,
    Suppression,
    SuppressionReason,
)
from outreach.store.consents import blocked_domains, mail_facts, subscribe
from outreach.store.wishes import keep_wish
from outreach.work.block import block, blocked_key
from outreach.work.choose import choose_for
from outreach.work.enter import Entered, add_customer
from outreach.work.intake import import_customers
from outreach.work.judge import judge_people
from outreach.work.lapses import settle_implied
from outreach.work.opt_in import confirm, find_asked
from outreach.work.workspace import Workspace

from ..conftest import BOTH, START, HandClock, MakeCustomer
from ..store.rows import lay_edition
from .planning_kit import make_campaign, make_edition, make_sent, make_tip

pytestmark = BOTH
WORDS = "A tip every other week."
PENDING, SUBSCRIBED = SubscriptionState.PENDING, SubscriptionState.SUBSCRIBED


def set_list(workspace: Workspace, **fields: Any) -> int:
    with workspace.database.write() as session:
        row = session.scalars(select(MailingList).where(col(MailingList.name) == "customers")).one()
        for name, value in fields.items():
            setattr(row, name, value)
        session.add(row)
        return row.id or 0


def tie(workspace: Workspace) -> Subscription:
    with workspace.database.read() as session:
        return session.scalars(select(Subscription)).one()


def add_ann(workspace: Workspace) -> tuple[int, bool]:
    return add_customer(workspace, "ann@example.com", Entered(), by="maria", list_name="customers", consent="asked")


def token(workspace: Workspace) -> str:
    """The link's token, as it stands in the mail."""
    with workspace.database.read() as session:
        edition = session.scalars(select(Edition)).one()
        text: str = edition.frozen["text"]
        delivery = session.scalars(select(Delivery)).one()
    assert delivery.kind is Kind.SERVICE
    return text.partition("https://news.acme.example/s/")[2].split()[0]


@pytest.fixture
def public(workspace: Workspace) -> Workspace:
    settings = workspace.settings
    found = settings.public.model_copy(update={"url": "https://news.acme.example"})
    return Workspace(
        workspace.root,
        settings.model_copy(update={"public": found}),
        workspace.keys,
        workspace.database,
        workspace.clock,
    )


def test_where_a_list_asks_twice_nobody_is_subscribed_before_the_button(public: Workspace, clock: HandClock) -> None:
    list_id = set_list(public, double_opt_in=True, words=WORDS)
    ann, joined = add_ann(public)
    assert (joined, tie(public).state) == (False, PENDING)
    with public.database.read() as session:
        facts = mail_facts(session, list_id, [ann])[ann]
        asked = find_asked(session, public, token(public))
        assert session.scalars(select(Consent)).all() == [], "waiting is no consent"
    assert may_mail(facts, Kind.TIPS, clock()).reason == "not confirmed"
    assert asked is not None
    assert (asked.words, asked.state) == (WORDS, PENDING)
    clock.advance(hours=5)
    done = confirm(public, token(public))
    assert done is not None
    assert (done.state, tie(public).state) == (SUBSCRIBED, SUBSCRIBED)
    with public.database.read() as session:
        act = session.scalars(select(Consent)).one()
    assert (act.act, act.how, act.words, act.at) == (ConsentAct.GIVEN, "page", WORDS, START + timedelta(hours=5))
    assert act.evidence == f"link of delivery {done.delivery}"
    confirm(public, token(public))
    with public.database.read() as session:
        assert len(session.scalars(select(Consent)).all()) == 1, "pressed twice it is one consent"


def test_where_no_page_can_be_linked_to_the_mail_asks_for_an_answer(workspace: Workspace) -> None:
    set_list(workspace, double_opt_in=True, words=WORDS)
    add_ann(workspace)
    with workspace.database.read() as session:
        text: str = session.scalars(select(Edition)).one().frozen["text"]
    assert "Then please confirm it:\nJust answer this mail: a person reads it." in text


@pytest.mark.parametrize("spoilt", ["", "x", "1" + "a" * 36])
def test_a_token_of_nobody_confirms_nothing(public: Workspace, spoilt: str) -> None:
    set_list(public, double_opt_in=True)
    add_ann(public)
    assert confirm(public, spoilt) is None
    assert confirm(public, token(public)[:-1] + ("a" if token(public)[-1] != "a" else "b")) is None
    assert tie(public).state is PENDING


def test_single_opt_in_is_at_once_and_keeps_the_words(public: Workspace) -> None:
    _, joined = add_ann(public)
    assert (joined, tie(public).state) == (True, SUBSCRIBED)
    with public.database.read() as session:
        assert session.scalars(select(Delivery)).all() == []
        assert session.scalars(select(Consent.words)).one() == "asked"


def test_what_was_only_implied_lapses_on_its_day_and_a_spoken_consent_does_not(
    workspace: Workspace, tmp_path: Path, clock: HandClock
) -> None:
    list_id = set_list(workspace, implied_days=365)
    file = tmp_path / "shop.csv"
    file.write_text(
        "email,consent_at,consent_how,consent_words\n"
        "ann@example.com,2026-01-10,purchase,bought a machine\n"
        "bob@example.com,2026-01-10,form,yes please\n",
        encoding="utf-8",
    )
    import_customers(workspace, file, "customers")
    with workspace.database.read() as session:
        ann, bob = session.scalars(select(Customer.id).order_by(col(Customer.address)))
        evidence = session.scalars(select(Consent.evidence).order_by(col(Consent.id))).all()
        assert [str(one).rpartition(":")[2] for one in evidence] == ["2", "3"]
        before = mail_facts(session, list_id, [ann, bob])
    assert all(may_mail(before[who], Kind.NEWS, clock()).allowed for who in (ann, bob))
    clock.advance(days=60)
    said = may_mail(before[ann], Kind.NEWS, clock())
    assert (said.state, said.reason) == (DeliveryState.WITHHELD, "consent lapsed")
    assert "lapsed on 2027-01-10" in said.evidence
    assert may_mail(before[ann], Kind.SERVICE, clock()).allowed
    assert may_mail(before[bob], Kind.NEWS, clock()).allowed
    with workspace.database.write() as session:
        act = {"how": "person", "evidence": "call of 3 May", "words": "yes, go on", "by": "maria"}
        assert subscribe(session, customer_id=ann, list_id=list_id, at=clock(), **act)
        assert not subscribe(session, customer_id=ann, list_id=list_id, at=clock(), **act)
        assert may_mail(mail_facts(session, list_id, [ann])[ann], Kind.NEWS, clock()).allowed


def test_a_purchase_takes_nothing_from_a_consent_that_was_spoken(workspace: Workspace, tmp_path: Path) -> None:
    """Whoever had said yes got nothing any more a year after they bought something; and an undoing spoke for people."""
    file, ways = tmp_path / "shop.csv", {"ann": ("form", "purchase"), "bob": ("purchase", "sale")}
    for place in (0, 1):
        rows = "".join(f"{name}@example.com,{2024 + place}-01-10,{how[place]}\n" for name, how in ways.items())
        file.write_text("email,consent_at,consent_how\n" + rows, encoding="utf-8")
        import_customers(workspace, file, "customers")
    list_id = set_list(workspace, implied_days=365)
    with workspace.database.write() as session:
        bob = session.scalars(select(Customer.id).where(col(Customer.address) == "bob@example.com")).one()
        told = {"act": ConsentAct.RESTORED, "how": "undo", "evidence": "merge 1 was taken back", "by": "maria"}
        session.add(Consent(customer_id=bob, list_id=list_id, at=workspace.clock(), **told))
    settle_implied(workspace, list_id)
    with workspace.database.read() as session:
        query = select(Customer.address, Subscription.until).join(Subscription).order_by(col(Customer.address))
        assert [str(until)[:10] for _, until in session.execute(query)] == ["None", "2026-01-10"]


def test_changing_the_days_changes_those_who_are_there(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    file.write_text("email,consent_at,consent_how\nann@example.com,2026-01-10,implied\n", encoding="utf-8")
    import_customers(workspace, file, "customers")
    assert tie(workspace).until is None
    list_id = set_list(workspace, implied_days=30)
    assert settle_implied(workspace, list_id) == 1
    assert str(tie(workspace).until)[:10] == "2026-02-09"
    assert settle_implied(workspace, list_id) == 0
    set_list(workspace, implied_days=0)
    assert settle_implied(workspace, list_id) == 1
    assert tie(workspace).until is None
    assert lapses_at("form", START, 30) is None


def judge(workspace: Workspace, edition_id: int, people: list[int]) -> dict[int, Permission]:
    from outreach.records import Campaign

    with workspace.database.read() as session:
        edition = session.get_one(Edition, edition_id)
        campaign = session.get_one(Campaign, edition.campaign_id)
        now = workspace.clock()
        return judge_people(session, workspace, campaign=campaign, edition=edition, customer_ids=people, now=now)


def test_a_blocked_domain_stops_all_mail_to_it_until_its_day(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    people = [make_customer("ann@example.com"), make_customer("bob@Example.org")]
    edition_id = lay_edition(workspace, people)
    shown, key = blocked_key(workspace, "@EXAMPLE.com")
    assert shown == "@example.com"
    assert block(workspace, key, "their lawyer's letter", by="maria", until=clock() + timedelta(days=3))
    assert not block(workspace, key, "again", by="maria", until=clock() + timedelta(days=2))
    said = judge(workspace, edition_id, people)
    assert [said[one].reason for one in people] == ["suppressed", ""]
    assert "all of example.com: their lawyer's letter (maria)" in said[people[0]].evidence
    clock.advance(days=4)
    assert judge(workspace, edition_id, people)[people[0]].allowed


def wish(workspace: Workspace, customer_id: int, **fields: Any) -> None:
    values = {"paused_until": None, "every_days": 0, "no_topics": [], "channel": ""} | fields
    with workspace.database.write() as session:
        keep_wish(session, customer_id, at=workspace.clock(), how="page", evidence="link", **values)


def test_wishes_are_heard_by_the_judgement_and_bump_the_version(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    ann, bob, carla, dan = people = [make_customer(f"{name}@example.com") for name in ("ann", "bob", "carla", "dan")]
    campaign = make_campaign(workspace, "news", Kind.NEWS, topics=["grinders"])
    edition_id = make_edition(workspace, campaign)
    make_sent(workspace, make_edition(workspace, campaign, "once-0"), bob, clock() - timedelta(days=20))
    wish(workspace, ann, paused_until=clock() + timedelta(days=90))
    wish(workspace, bob, every_days=30)
    wish(workspace, carla, no_topics=["grinders"])
    said = judge(workspace, edition_id, people)
    assert [said[one].reason for one in people] == [
        "paused by the customer",
        "rather less often",
        "topic not wanted",
        "",
    ]
    with workspace.database.read() as session:
        assert [session.get_one(Customer, one).version for one in people] == [2, 2, 2, 1]
    wish(workspace, ann)
    assert judge(workspace, edition_id, [ann, dan])[ann].allowed


def test_tips_on_a_topic_that_is_not_wanted_are_left_out(workspace: Workspace, make_customer: MakeCustomer) -> None:
    from outreach.records import Campaign
    from outreach.store.customers import load_customers
    from outreach.work.choose import tip_pool

    ann, bob = make_customer("ann@example.com"), make_customer("bob@example.com")
    make_tip(workspace, "milk", "milk", position=1)
    make_tip(workspace, "scale", "descaling", position=2)
    edition_id = make_edition(workspace, make_campaign(workspace))
    wish(workspace, ann, no_topics=["milk"])
    with workspace.database.read() as session:
        edition = session.get_one(Edition, edition_id)
        campaign = session.get_one(Campaign, edition.campaign_id)
        campaign.options = {"tips": 1}
        people = load_customers(session, [ann, bob])
        chosen = choose_for(
            session,
            workspace,
            edition=edition,
            campaign=campaign,
            customers=people.values(),
            now=workspace.clock(),
            pool=tip_pool(session, workspace, campaign, None),
        )
    assert (chosen[ann]["tips"], chosen[bob]["tips"]) == (["scale"], ["milk"])


def test_blocked_domains_are_found_by_an_index_of_their_own(workspace: Workspace) -> None:
    with workspace.database.write() as session:
        session.execute(
            insert(Suppression),
            [
                {"address_key": f"{number:040x}", "reason": SuppressionReason.IMPORTED, "at": START, "evidence": ""}
                for number in range(3_000)
            ],
        )
    _, key = blocked_key(workspace, "@example.com")
    block(workspace, key, "their wish", by="maria")
    query = "SELECT * FROM suppression WHERE substr(address_key, 1, 1) = '@'"
    with workspace.database.write() as session:
        if not workspace.database.is_sqlite:
            session.execute(text("ANALYZE suppression"))
        explain = "EXPLAIN QUERY PLAN " if workspace.database.is_sqlite else "EXPLAIN "
        plan = str(session.execute(text(explain + query)).all())
        found = blocked_domains(session, workspace.clock())
    assert "ix_suppression_domains" in plan
    assert [f"@{one}" for one in found] == [key]


def test_a_row_without_the_date_of_a_consent_waits_where_a_list_asks_twice(
    workspace: Workspace, tmp_path: Path
) -> None:
    set_list(workspace, double_opt_in=True)
    file = tmp_path / "people.csv"
    file.write_text("email,consent_at\nann@example.com,\nbob@example.com,2026-01-10\n", encoding="utf-8")
    import_customers(workspace, file, "customers")
    import_customers(workspace, file, "customers")
    with workspace.database.read() as session:
        states = session.scalars(select(Subscription.state).order_by(col(Subscription.customer_id))).all()
        assert states == [PENDING, SUBSCRIBED]
        assert session.scalars(select(Delivery)).all() == []
