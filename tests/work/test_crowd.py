from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import select

from outreach.address import domain_key, new_public_id
from outreach.audience.consent import MailFacts, may_mail
from outreach.plan.holdout import Group, HoldOut
from outreach.plan.variants import Comparison
from outreach.records import (
    Boost,
    Campaign,
    Consent,
    ConsentAct,
    Customer,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    GroupKind,
    Hold,
    HoldState,
    Kind,
    Membership,
    Pace,
    Subscription,
    SubscriptionState,
    Suppression,
    SuppressionReason,
    Wish,
)
from outreach.store import crowd as kept
from outreach.store import packed
from outreach.store.customers import stream_people
from outreach.store.groups import ensure_groups, put_members
from outreach.store.members import on_list
from outreach.store.pace import DOMAIN
from outreach.store.prepared import Prepared
from outreach.work import crowd as groups
from outreach.work import dealing
from outreach.work.agenda import read_agenda
from outreach.work.alike import audience_of
from outreach.work.entries import Entry
from outreach.work.holdout import deal
from outreach.work.workspace import Workspace
from tests.conftest import BOTH, START

from .one_by_one import plan_one_by_one
from .planning_kit import make_campaign, make_edition, make_sent, with_calendar

MakeCustomer = Callable[..., int]
PEOPLE = 120
ZONES = ["Europe/Berlin", "Europe/Berlin", "America/New_York", "Asia/Tokyo", "Pacific/Auckland", None, "No/Where"]


def _fill(workspace: Workspace, make_customer: MakeCustomer, seed: int) -> None:
    """People who differ in all that the rules read, mail that they had and are to get, and campaigns of every kind."""
    chance = random.Random(seed)
    ids = [
        make_customer(
            f"p{number}@{chance.choice(['example.com', 'slow.example', 'example.org'])}",
            zone=chance.choice(ZONES),
            country=chance.choice(["DE", "US", None]),
            subscribed=chance.choice([True, True, True, True, False, None]),
            attributes=chance.choice([{}, {"plan": "pro"}, {"plan": "free"}]),
        )
        for number in range(PEOPLE)
    ]
    now = workspace.clock()
    with workspace.database.write() as session:
        for number in chance.sample(ids, 15):
            _suppress(session, chance, number)
        for tie in chance.sample(list(session.exec(select(Subscription))), 6):
            tie.state = SubscriptionState.PENDING
            session.add(tie)
        for number in chance.choices(ids, k=45):
            scope = chance.choice(["promotion", "tips", "away"])
            days = chance.randrange(5 if scope == "away" else 20)
            until = chance.choice([None, now + timedelta(days=days, minutes=7)])
            state = chance.choice([*HoldState])
            session.add(Hold(customer_id=number, scope=scope, state=state, reason="because", since=now, until=until))
        for number in chance.sample(ids, 12):
            session.add(Boost(customer_id=number, topic="milk", reason="they asked", since=now))
        key = DOMAIN + domain_key(workspace.keys, "x@slow.example")
        until = now + timedelta(days=chance.choice([1, 3, 9]))
        session.add(Pace(key=key, label="slow.example", paused_until=until, reason="a storm", changed_at=now))
        for number in chance.sample(ids, 20):
            wish = {"every_days": chance.choice([0, 7, 30]), "no_topics": chance.choice([[], ["milk"]])}
            paused = chance.choice([None, now + timedelta(days=chance.randrange(20))])
            session.add(Wish(customer_id=number, paused_until=paused, changed_at=now, how="page", **wish))
        for tie in chance.sample(list(session.exec(select(Subscription))), 8):
            tie.until = now + timedelta(days=chance.randrange(20))
            session.add(tie)
        if seed % 2:
            block = "@" + domain_key(workspace.keys, "x@example.org")
            fresh = {"reason": SuppressionReason.BY_HAND, "at": now, "expires_at": now + timedelta(days=9)}
            session.add(Suppression(address_key=block, **fresh))
    _mails(workspace, chance, ids)
    _lives_together(workspace, chance, ids)
    make_campaign(workspace, "tips", schedule="every thursday at 09:00", zone="customer")
    make_campaign(
        workspace, "more-tips", schedule="every 2 weeks on friday at 09:00", zone="UTC", segment='plan == "pro"'
    )
    make_campaign(workspace, "news", Kind.NEWS, schedule="every monday and thursday at 15:00", zone="Europe/Berlin")
    deadline = {"options": {"deadline": "6 hours"}}
    make_campaign(
        workspace, "offer", Kind.OFFER, schedule="every friday at 23:00", segment='country == "DE"', **deadline
    )
    asks = 'not got("past", within="9d")'
    make_campaign(workspace, "asks", Kind.NEWS, schedule="every 2 weeks on sunday at 10:00", zone="UTC", segment=asks)
    make_campaign(workspace, "by-hand", Kind.INVITATION, segment='plan != "free"')
    make_campaign(workspace, "slow", Kind.NEWS, schedule="every day at 18:30 until 2026-12-04", zone="America/New_York")
    if seed % 2:  # of two kinds of groups each house is looked at by itself
        make_campaign(workspace, "works", Kind.NEWS, schedule="at 2026-12-03 10:00", options={"one_per": "company"})


def _suppress(session: Any, chance: random.Random, customer: int) -> None:
    until = chance.choice([None, START + timedelta(days=chance.randrange(12), seconds=chance.randrange(9999))])
    reason = chance.choice([*SuppressionReason])
    key = session.get_one(Customer, customer).address_key
    session.add(Suppression(address_key=key, reason=reason, at=START, expires_at=until, evidence=f"row {customer}"))


def _lives_together(workspace: Workspace, chance: random.Random, ids: list[int]) -> None:
    """Households of two to four, some of whom gave a sign of life, and two campaigns that one of each gets."""
    now, left = workspace.clock(), chance.sample(ids, 90)
    with workspace.database.write() as session:
        for tie in session.exec(select(Subscription)):
            tie.changed_at = now - timedelta(days=chance.randrange(3))
            session.add(tie)
        number = 0
        while left:
            house, left = left[: chance.choice([2, 2, 3, 4])], left[4:]
            number += 1
            groups = ensure_groups(session, GroupKind.HOUSEHOLD, [f"h{number}"], now)
            put_members(session, GroupKind.HOUSEHOLD, dict.fromkeys(house, groups[f"h{number}"]), now, how="import")
        for person in chance.sample(ids, 40):
            at = now - timedelta(days=chance.randrange(4))
            session.add(Consent(customer_id=person, act=ConsentAct.GIVEN, at=at, how=chance.choice(["page", "import"])))
    news = {"schedule": "every 2 weeks on wednesday at 15:00", "zone": "customer", "options": {"one_per": "household"}}
    make_campaign(workspace, "home-news", Kind.NEWS, **news)
    segment = {"segment": 'country == "DE" or plan == "pro"', "options": {"one_per": "household"}}
    home = make_campaign(workspace, "home-tips", schedule="every monday at 09:30", zone="UTC", **segment)
    done = make_edition(workspace, home, "once-1", state=EditionState.DONE)
    for person in chance.sample(ids, 40):
        make_sent(workspace, done, person, now - timedelta(days=8, seconds=17))


def _mails(workspace: Workspace, chance: random.Random, ids: list[int]) -> None:
    """Three editions that went out within ten days, one under way, tips that wait for a person."""
    now = workspace.clock()
    past = make_campaign(workspace, "past", Kind.NEWS, state="paused")
    old_tips = make_campaign(workspace, "past-tips", state="paused")
    laid = [
        (past, "once-1", EditionState.DONE),
        (past, "once-2", EditionState.DONE),
        (old_tips, "once-1", EditionState.CANCELLED),
        (past, "once-3", EditionState.OPEN),
        (old_tips, "once-2", EditionState.WAITING),
        (old_tips, "once-3", EditionState.OPEN),
    ]
    for campaign, occasion, state in laid:
        edition_id = make_edition(workspace, campaign, occasion, state=state)
        with workspace.database.write() as session:
            edition = session.get_one(Edition, edition_id)
            for number in chance.sample(ids, 60):
                ago = timedelta(days=chance.randrange(9), minutes=chance.randrange(90), seconds=chance.choice([0, 17]))
                going = chance.random() < 0.5 and state is not EditionState.DONE
                mail: dict[str, Any] = {"state": DeliveryState.SENT, "sent_at": now - ago, "intent_at": now - ago}
                if going:
                    at = now + chance.choice([timedelta(), ago])
                    mail = {"state": chance.choice([DeliveryState.QUEUED, DeliveryState.DEFERRED]), "next_at": at}
                session.add(
                    Delivery(
                        public_id=new_public_id(),
                        edition_id=edition_id,
                        campaign_id=campaign,
                        occasion=occasion,
                        customer_id=number,
                        address_key=f"key-{number}",
                        kind=edition.kind,
                        due_at=now,
                        **mail,
                    )
                )


def counted(entry: Entry) -> dict[str, Any]:
    return {
        "campaign": entry.campaign,
        "occasion": entry.occasion,
        "people": entry.people,
        "going": {(slot.zone, slot.at): slot.people for slot in entry.slots},
        "before": entry.before,
        "refused": {(one.state, one.reason): one.people for one in entry.refused},
        "later": entry.later,
    }


@BOTH
@pytest.mark.parametrize("seed", [1, 2])
def test_groups_are_judged_as_each_of_their_people_would_be(
    workspace: Workspace, make_customer: MakeCustomer, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "SIZE", 7)
    if seed == 2:  # as large editions are read, and segments of which there are many
        monkeypatch.setattr(kept, "FEW", 0)
        monkeypatch.setattr(kept, "NEAR", 1_000)
        monkeypatch.setattr(groups, "MOST_AT_ONCE", 1)
    _fill(workspace, make_customer, seed)
    workspace = with_calendar(workspace, blackout=("2026-12-04",), weekdays=(0, 1, 2, 3, 4, 5), holidays="AT")
    found = [counted(entry) for entry in read_agenda(workspace, days=17).entries if entry.edition_id is None]
    wanted = list(plan_one_by_one(workspace, 17))
    assert len(found) > 10
    for entry, one in zip(found, wanted, strict=True):
        assert entry == one
    assert {reason for entry in found for _, reason in entry["refused"]} >= {
        "suppressed",
        "unsubscribed",
        "budget",
        "one per household",
    }
    assert {reason for entry in found for reason in entry["later"]} >= {"budget", "quiet hours", "rather less often"}


@pytest.mark.sqlite
def test_the_few_who_are_suppressed_are_not_looked_for_among_all_customers(workspace: Workspace) -> None:
    with workspace.database.read() as session:
        blocked = Prepared(kept.everyone(1, None, blocked=True)([Customer.id]))
        steps = blocked.explain(session)
    assert steps[0].startswith("SCAN suppression")
    assert steps[1].startswith("SEARCH customer USING INDEX")
    assert steps[2].startswith("SEARCH subscription USING INDEX")


@pytest.mark.sqlite
def test_the_houses_of_a_piece_are_never_looked_for_in_all_of_a_list(workspace: Workspace) -> None:
    houses = on_list(GroupKind.HOUSEHOLD, 1, pieces=True)([Membership.id]).where(Membership.group_id.between(1, 9))
    with workspace.database.read() as session:
        steps = Prepared(houses).explain(session)
    assert steps[0].startswith("SEARCH membership USING INDEX ix_membership_group_id")
    assert steps[1].startswith("SEARCH subscription USING INDEX ix_subscription_customer_id")


def _crowd(workspace: Workspace, session: Any, campaign_id: int) -> tuple[groups.Crowd, Campaign]:
    campaign = session.get_one(Campaign, campaign_id)
    return groups.Crowd(session, workspace, [audience_of(session, campaign, START)]), campaign


ON = HoldOut(True, "", percent=20, days=14)


def test_people_are_held_out_one_by_one_as_planning_deals_them(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ids = [make_customer(f"p{number}@example.com", zone=ZONES[number % 3]) for number in range(200)]
    campaign_id = make_campaign(workspace)
    with workspace.database.read() as session:
        crowd, campaign = _crowd(workspace, session, campaign_id)
        before = list(crowd.people(audience_of(session, campaign, START)))
        held = crowd.deal(campaign, "2026-12-03/09:00", before, ON)
        people = list(stream_people(session, campaign.list_id))
        dealt = deal(session, workspace, campaign, "2026-12-03/09:00", people, ON)
        wanted = {person for person, group in dealt.items() if group is Group.HELD}
        parts = {id(part) for part in held.values()}
        assert {person for person in ids if id(crowd.group_with(person)) in parts} == wanted
        assert sum(part.count for part in held.values()) == len(wanted) > 20
        assert sum(group.count for group in crowd.groups) == 200


def test_of_a_large_crowd_the_share_is_held_out(
    workspace: Workspace, make_customer: MakeCustomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dealing, "DEAL_EACH", 100)
    for number in range(200):
        make_customer(f"p{number}@example.com", zone=ZONES[number % 5])
    campaign_id = make_campaign(workspace)
    with workspace.database.read() as session:
        crowd, campaign = _crowd(workspace, session, campaign_id)
        held = crowd.deal(campaign, "2026-12-03/09:00", list(crowd.people(audience_of(session, campaign, START))), ON)
        assert sum(part.count for part in held.values()) == 40
        assert sum(group.count for group in crowd.groups) == 200


@pytest.mark.parametrize("each", [200, 5])
def test_those_are_dealt_of_whose_household_nobody_else_gets_it(
    workspace: Workspace, make_customer: MakeCustomer, each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of one group lose to their households: it is no group of whom anybody could be dealt."""
    monkeypatch.setattr(dealing, "DEAL_EACH", each)
    ids = [make_customer(f"p{number}@example.com", zone=ZONES[number % 2 * 3]) for number in range(20)]
    with workspace.database.write() as session:
        houses = ensure_groups(session, GroupKind.HOUSEHOLD, [f"h{number}" for number in range(10)], START)
        pairs = {one: houses[f"h{place // 2}"] for place, one in enumerate(ids)}
        put_members(session, GroupKind.HOUSEHOLD, pairs, START, how="import")
    options = {"one_per": "household", "test": Comparison(("a", "b")).kept()}
    make_campaign(workspace, "both", Kind.NEWS, schedule="every thursday at 09:00", zone="UTC", options=options)
    entries = read_agenda(workspace, days=20).entries
    assert [(entry.going, entry.people) for entry in entries] == [(10, 20)] * 3
    tried = [entry.tried for entry in entries if entry.tried is not None]
    assert [sum(version.people for version in one.versions) for one in tried] == [10, 10, 10]


FACTS = st.builds(
    MailFacts,
    address=st.booleans(),
    erased=st.booleans(),
    subscription=st.none() | st.sampled_from(SubscriptionState),
    suppressed=st.none() | st.sampled_from(SuppressionReason),
    suppressed_until=st.none() | st.sampled_from([START - timedelta(days=1), START + timedelta(days=1)]),
    domain=st.none() | st.sampled_from(SuppressionReason),
    domain_until=st.none() | st.sampled_from([START - timedelta(days=1), START + timedelta(days=1)]),
    until=st.none() | st.sampled_from([START - timedelta(days=1), START + timedelta(days=1)]),
)


@settings(deadline=None)
@given(FACTS, st.sampled_from(Kind), st.integers(-800, 800), st.text(max_size=9))
def test_what_a_forecast_leaves_out_of_consent_is_only_words(
    facts: MailFacts, kind: Kind, days: int, words: str
) -> None:
    """Once a rule reads one of these, `store.crowd` must read it too."""
    told = facts._replace(since=START + timedelta(days=days), suppression_evidence=words, domain_evidence=words)
    said, plain = may_mail(told, kind, START), may_mail(facts, kind, START)
    assert (said.state, said.reason, said.later) == (plain.state, plain.reason, plain.later)
