from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from outreach.records import CampaignState, DeliveryState, Edition, Kind, Permission
from outreach.store.editions import find_campaign
from outreach.store.outbox import insert_deliveries, open_editions
from outreach.work.agenda import read_agenda
from outreach.work.judge import judge_people
from outreach.work.schedules import settle_schedules
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock
from .planning_kit import make_campaign, make_edition

MakeCustomer = Callable[..., int]


@pytest.fixture
def acme(workspace: Workspace) -> Workspace:
    """One newsletter a week for each."""
    sending = workspace.settings.sending.model_copy(update={"per_week": 1})
    return replace(workspace, settings=workspace.settings.model_copy(update={"sending": sending}))


def judged(workspace: Workspace, kind: Kind, people: list[int]) -> dict[int, Permission]:
    """What the rules say to a mail of this kind that goes now."""
    edition_id = make_edition(workspace, make_campaign(workspace, str(kind), kind))
    with workspace.database.read() as session:
        campaign = find_campaign(session, str(kind))
        edition = session.get_one(Edition, edition_id)
        assert campaign is not None
        return judge_people(
            session, workspace, campaign=campaign, edition=edition, customer_ids=people, now=workspace.clock()
        )


@BOTH
def test_an_offer_waits_for_scheduled_tips_of_those_who_are_to_get_them(
    acme: Workspace, make_customer: MakeCustomer
) -> None:
    mine, other, gone = (
        make_customer("ann@example.com", attributes={"plan": "plus"}),
        make_customer("ben@example.com", attributes={"plan": "basic"}),
        make_customer("cid@example.com", subscribed=False, attributes={"plan": "plus"}),
    )
    make_campaign(acme, "weekly", schedule="every thursday at 09:00", segment='plan == "plus"')
    settle_schedules(acme)
    said = judged(acme, Kind.OFFER, [mine, other, gone])
    assert said[mine].reason == "budget"
    assert said[mine].evidence == "the tips of 2026-12-03 come first: at most 1 bulk mails in seven days are allowed"
    assert said[other].allowed
    assert said[gone].reason == "unsubscribed"
    assert judged(acme, Kind.TIPS, [mine])[mine].allowed


@BOTH
def test_tips_in_the_outbox_count_and_a_paused_campaign_does_not(
    acme: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    ann, ben = make_customer("ann@example.com"), make_customer("ben@example.com")
    paused = make_campaign(acme, "paused", schedule="every thursday at 09:00", state=CampaignState.PAUSED)
    assert paused
    campaign = make_campaign(acme, "weekly")
    edition = make_edition(acme, campaign, due_at=clock.now + timedelta(days=2))
    rows = [
        {
            "public_id": f"d{ann}".ljust(26, "a"),
            "edition_id": edition,
            "campaign_id": campaign,
            "occasion": "once-1",
            "customer_id": ann,
            "address_key": "k",
            "kind": Kind.TIPS,
            "due_at": clock.now + timedelta(days=2),
        }
    ]
    with acme.database.write() as session:
        insert_deliveries(session, rows)
    said = judged(acme, Kind.NEWS, [ann, ben])
    assert (said[ann].state, said[ann].reason) == (DeliveryState.WITHHELD, "budget")
    assert said[ben].allowed


def test_the_plan_foresees_what_leaves_room(acme: Workspace, make_customer: MakeCustomer) -> None:
    make_customer("ann@example.com")
    make_campaign(acme, "weekly", schedule="every thursday at 09:00")
    make_campaign(acme, "spring", Kind.OFFER, schedule="at 2026-12-02 09:00")
    settle_schedules(acme)
    entry = next(entry for entry in read_agenda(acme, days=7).entries if entry.campaign == "spring")
    assert entry.going == 0
    assert [(one.state, one.reason, one.people) for one in entry.refused] == [("withheld", "budget", 1)]


def test_tips_are_claimed_before_other_bulk_mail_and_service_mail_before_both(workspace: Workspace) -> None:
    kinds = (Kind.OFFER, Kind.NEWS, Kind.TIPS, Kind.SERVICE)
    made = {kind: make_edition(workspace, make_campaign(workspace, str(kind), kind)) for kind in kinds}
    with workspace.database.read() as session:
        found = open_editions(session)
    assert found == [made[Kind.SERVICE], made[Kind.TIPS], made[Kind.OFFER], made[Kind.NEWS]]
