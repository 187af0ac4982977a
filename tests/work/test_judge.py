from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from outreach.plan.steps import PlanEvent
from outreach.records import (
    Campaign,
    CampaignState,
    Customer,
    DeliveryState,
    Edition,
    EditionState,
    Kind,
    Permission,
    SuppressionReason,
)
from outreach.store.consents import suppress, unsubscribe
from outreach.store.customers import list_id_of, load_customers
from outreach.work.judge import choose_for, judge_people
from outreach.work.workspace import Workspace

from .planning_kit import complain, make_campaign, make_edition, make_sent, make_tip

MakeCustomer = Callable[..., int]


def _judge(workspace: Workspace, edition_id: int, *people: int, **more: Any) -> dict[int, Permission]:
    with workspace.database.read() as session:
        edition = session.get_one(Edition, edition_id)
        campaign = session.get_one(Campaign, edition.campaign_id)
        now = more.pop("now", workspace.clock())
        return judge_people(
            session, workspace, campaign=campaign, edition=edition, customer_ids=people, now=now, **more
        )


def _choose(workspace: Workspace, edition_id: int, *people: int) -> dict[int, dict[str, Any]]:
    with workspace.database.read() as session:
        edition = session.get_one(Edition, edition_id)
        return choose_for(
            session,
            workspace,
            edition=edition,
            campaign=session.get_one(Campaign, edition.campaign_id),
            customers=load_customers(session, people).values(),
            now=workspace.clock(),
        )


def test_each_refusal_has_its_state_rule_and_words(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann, ben, cid, dan = (make_customer(f"{name}@example.com") for name in ("ann", "ben", "cid", "dan"))
    now = workspace.clock()
    with workspace.database.write() as session:
        unsubscribe(
            session, customer_id=ben, list_id=list_id_of(session, "customers"), at=now, how="mail", evidence="x"
        )
        key = session.get_one(Customer, cid).address_key
        assert key is not None
        suppress(session, address_key=key, reason=SuppressionReason.BAD_ADDRESS, at=now, evidence="550 5.1.1")
    complain(workspace, dan)
    said = _judge(workspace, make_edition(workspace, make_campaign(workspace, "news", Kind.NEWS)), ann, ben, cid, dan)
    assert said[ann].allowed
    assert (said[ben].state, said[ben].reason) == (DeliveryState.WITHHELD, "unsubscribed")
    assert said[cid].state is DeliveryState.SUPPRESSED
    assert (said[dan].state, said[dan].reason) == (DeliveryState.WITHHELD, "open complaint")
    assert "lapses 3 Dec 2026" in said[dan].evidence


def test_the_surest_refusal_wins(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann = make_customer("ann@example.com", subscribed=False)
    complain(workspace, ann)
    edition = make_edition(workspace, make_campaign(workspace, "news", Kind.NEWS))
    assert _judge(workspace, edition, ann)[ann].reason == "unsubscribed"


def test_tips_and_service_mail_reach_a_person_with_an_open_complaint(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com")
    complain(workspace, ann, "descaling", PlanEvent.COMPLAINT_CONFIRMED)
    for kind in (Kind.TIPS, Kind.SERVICE):
        assert _judge(workspace, make_edition(workspace, make_campaign(workspace, kind.value, kind)), ann)[ann].allowed


def test_somebody_whose_mail_is_due_later_is_judged_as_of_then(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com")
    complain(workspace, ann)
    edition = make_edition(workspace, make_campaign(workspace, "news", Kind.NEWS))
    after = workspace.clock() + timedelta(days=2)
    assert not _judge(workspace, edition, ann)[ann].allowed
    assert _judge(workspace, edition, ann, due={ann: after})[ann].allowed


def test_a_third_bulk_mail_in_a_week_waits_until_there_is_room(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann, now = make_customer("ann@example.com"), workspace.clock()
    for days in (6, 1):
        campaign = make_campaign(workspace, f"sent-{days}", Kind.NEWS)
        make_sent(workspace, make_edition(workspace, campaign), ann, now - timedelta(days=days))
    said = _judge(workspace, make_edition(workspace, make_campaign(workspace)), ann)[ann]
    assert (said.state, said.reason, said.later) == (None, "budget", now + timedelta(days=1))


def test_quiet_hours_delay_a_schedules_mail_by_the_persons_own_clock(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com", zone="Europe/Berlin")
    bob = make_customer("bob@example.com", zone="America/Los_Angeles")
    edition = make_edition(workspace, make_campaign(workspace), "2026-12-01/10:00")
    said = _judge(workspace, edition, ann, bob)
    assert said[ann].allowed
    assert (said[bob].reason, said[bob].later) == ("quiet hours", datetime(2026, 12, 1, 16, 0, tzinfo=UTC))
    assert "America/Los_Angeles" in said[bob].evidence


def test_quiet_hours_never_delay_what_a_person_sends_now_nor_a_time_that_a_marketer_chose(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    bob = make_customer("bob@example.com", zone="America/Los_Angeles")
    campaign = make_campaign(workspace)
    by_hand, at_night = make_edition(workspace, campaign), make_edition(workspace, campaign, "2026-12-01/22:30")
    scheduled = make_edition(workspace, campaign, "2026-12-01/10:00")
    assert _judge(workspace, by_hand, bob)[bob].allowed
    assert _judge(workspace, at_night, bob)[bob].allowed
    assert not _judge(workspace, scheduled, bob)[bob].allowed
    assert _judge(workspace, scheduled, bob, explicit=True)[bob].allowed


def test_a_cancelled_edition_a_paused_campaign_and_a_mail_past_its_worth(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann, campaign, now = make_customer("ann@example.com"), make_campaign(workspace), workspace.clock()
    cancelled = make_edition(workspace, campaign, "once-1", state=EditionState.CANCELLED)
    assert _judge(workspace, cancelled, ann)[ann].state is DeliveryState.CANCELLED
    old = make_edition(workspace, campaign, "once-2", expires_at=now)
    assert _judge(workspace, old, ann)[ann].state is DeliveryState.EXPIRED
    paused = make_edition(workspace, make_campaign(workspace, "paused", state=CampaignState.PAUSED))
    said = _judge(workspace, paused, ann)[ann]
    assert said.reason == "paused"
    assert said.later is not None


def test_more_people_than_fit_one_query_are_all_judged(workspace: Workspace, make_customer: MakeCustomer) -> None:
    people = [make_customer(f"p{number}@example.com") for number in range(30)]
    edition = make_edition(workspace, make_campaign(workspace))
    strangers = range(10_000, 11_100)
    said = _judge(workspace, edition, *people, *strangers)
    assert all(said[person].allowed for person in people)
    assert {said[stranger].reason for stranger in strangers} == {"no address"}


def test_a_persons_tips_are_new_to_them_and_begin_with_what_they_wrote_about(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann, ben, cid = (make_customer(f"{name}@example.com") for name in ("ann", "ben", "cid"))
    pool = ["one", "two", "descale", "three", "filter"]
    for position, name in enumerate(pool):
        make_tip(workspace, name, "descaling" if name in ("descale", "filter") else "other", position=position)
    campaign = make_campaign(workspace)
    make_sent(workspace, make_edition(workspace, campaign), ann, workspace.clock() - timedelta(days=8), "one")
    complain(workspace, ben, "descaling", PlanEvent.COMPLAINT_SUGGESTED, PlanEvent.ANSWERED)
    complain(workspace, cid)
    edition = make_edition(workspace, campaign, "once-2", frozen={"tips": {name: {} for name in pool}})
    chosen = _choose(workspace, edition, ann, ben, cid)
    assert chosen[ann]["tips"] == ["two", "descale", "three"]
    assert chosen[ben]["tips"] == ["descale", "one", "two"]
    assert chosen[ben]["reasons"] == {"descale": "You wrote to us about descaling"}
    assert len(chosen[ben]["boosts"]) == 1
    assert chosen[cid]["tips"] == ["one", "two", "three"]


def test_a_tip_for_a_segment_is_chosen_for_that_segment_only(workspace: Workspace, make_customer: MakeCustomer) -> None:
    ann = make_customer("ann@example.com", country="DE", attributes={"plan": "pro"})
    ben = make_customer("ben@example.com", country="AT", attributes={"plan": "basic"})
    make_tip(workspace, "pro-tip", segment='plan == "pro" and country == "DE"')
    make_tip(workspace, "plain", position=1)
    edition = make_edition(workspace, make_campaign(workspace), frozen={"tips": {"pro-tip": {}, "plain": {}}})
    chosen = _choose(workspace, edition, ann, ben)
    assert chosen[ann]["tips"] == ["pro-tip", "plain"]
    assert chosen[ben]["tips"] == ["plain"]


def test_only_frozen_tips_are_chosen_and_news_carries_none_unless_it_says_so(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann = make_customer("ann@example.com")
    make_tip(workspace, "frozen")
    make_tip(workspace, "written-later")
    frozen = {"tips": {"frozen": {}}}
    tips = make_edition(workspace, make_campaign(workspace), frozen=frozen)
    news = make_edition(workspace, make_campaign(workspace, "news", Kind.NEWS), frozen=frozen)
    mixed = make_edition(workspace, make_campaign(workspace, "mixed", Kind.NEWS, options={"tips": 1}), frozen=frozen)
    assert _choose(workspace, tips, ann)[ann]["tips"] == ["frozen"]
    assert _choose(workspace, news, ann)[ann]["tips"] == []
    assert _choose(workspace, mixed, ann)[ann]["tips"] == ["frozen"]
