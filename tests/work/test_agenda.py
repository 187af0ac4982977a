from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outreach.errors import UsageError
from outreach.plan.steps import PlanEvent
from outreach.records import CampaignState, DeliveryState, EditionState, Kind
from outreach.store.outbox import insert_deliveries
from outreach.work.agenda import SAME_AGAIN, read_agenda
from outreach.work.entries import Entry
from outreach.work.plan_names import who_is
from outreach.work.workspace import Workspace

from .planning_kit import complain, make_campaign, make_edition, make_sent, make_tip

MakeCustomer = Callable[..., int]
ZONES = ["Europe/Berlin", "Europe/Berlin", "America/New_York", "Asia/Tokyo", None]


@pytest.fixture
def people(make_customer: MakeCustomer) -> list[int]:
    return [make_customer(f"p{number}@example.com", zone=zone) for number, zone in enumerate(ZONES)]


def _only(workspace: Workspace, **options: Any) -> Entry:
    (entry,) = read_agenda(workspace, **options).entries
    return entry


def test_a_schedule_tells_who_gets_it_when_by_their_own_clock(workspace: Workspace, people: list[int]) -> None:
    make_campaign(workspace, schedule="every wednesday at 09:00", zone="Europe/Berlin")
    entry = _only(workspace, days=7)
    assert (entry.occasion, entry.state, entry.people, entry.going) == ("2026-12-02/09:00", "to come", 5, 5)
    assert [(slot.zone, slot.local, slot.people) for slot in entry.slots] == [
        ("Asia/Tokyo", "2026-12-02 17:00", 1),
        ("Europe/Berlin", "2026-12-02 09:00", 2),
        ("UTC", "2026-12-02 08:00", 1),
        ("America/New_York", "2026-12-02 08:00", 1),
    ]
    assert entry.later == {"quiet hours": 1}


def test_in_customers_own_zones_everybody_gets_it_at_the_same_wall_time(
    workspace: Workspace, people: list[int]
) -> None:
    make_campaign(workspace, schedule="at 2026-12-03 09:00", zone="customer")
    entry = _only(workspace)
    assert entry.opens == datetime(2026, 12, 2, 19, 0, tzinfo=UTC)
    assert {slot.local for slot in entry.slots} == {"2026-12-03 09:00"}
    assert [(slot.zone, slot.at.hour) for slot in entry.slots] == [
        ("Asia/Tokyo", 0),
        ("Europe/Berlin", 8),
        ("UTC", 9),
        ("America/New_York", 14),
    ]


def test_what_is_withheld_is_counted_by_reason_and_named_on_request(
    workspace: Workspace, people: list[int], make_customer: MakeCustomer
) -> None:
    make_customer("gone@example.com", subscribed=False)
    complain(workspace, people[0])
    make_campaign(workspace, "news", Kind.NEWS)
    entry = _only(workspace)
    assert (entry.occasion, entry.state) == ("by hand", "ready")
    assert {(refused.state, refused.reason): refused.people for refused in entry.refused} == {
        ("withheld", "unsubscribed"): 1,
        ("withheld", "open complaint"): 1,
    }
    assert (entry.going, entry.before) == (4, 5)
    named = {person.address: person.reason for person in who_is(workspace, "news", "withheld")}
    assert named == {"gone@example.com": "unsubscribed", "p0@example.com": "open complaint"}
    assert len(list(who_is(workspace, "news", "going"))) == 4
    assert list(who_is(workspace, "news", "later")) == []


def test_a_hold_that_lapses_before_the_mail_is_due_withholds_nobody(workspace: Workspace, people: list[int]) -> None:
    complain(workspace, people[0])
    make_campaign(workspace, "before", Kind.NEWS, schedule="at 2026-12-03 09:00", zone="UTC")
    make_campaign(workspace, "after", Kind.NEWS, schedule="at 2026-12-03 11:00", zone="UTC")
    assert [(entry.campaign, entry.going) for entry in read_agenda(workspace).entries] == [("before", 4), ("after", 5)]


def test_the_topics_of_replies_change_the_next_tips_and_only_the_next(workspace: Workspace, people: list[int]) -> None:
    for position in range(6):
        make_tip(workspace, f"tip-{position}", position=position)
    make_tip(workspace, "descale", "descaling", position=9)
    make_tip(workspace, "filter", "filters", position=-1)
    complain(workspace, people[0], "descaling", PlanEvent.COMPLAINT_SUGGESTED, PlanEvent.ANSWERED)
    complain(workspace, people[1], "filters")
    make_campaign(workspace, schedule="every wednesday at 12:00", zone="UTC")
    first, second = read_agenda(workspace, days=14).entries[:2]
    assert first.first == {"descaling": 1}
    assert first.waiting == {"filters": 1}
    assert first.changed_tips == 2
    assert second.first == {}


def test_mail_that_is_foreseen_counts_in_the_budget_of_what_follows(workspace: Workspace, people: list[int]) -> None:
    make_campaign(workspace, schedule="every day at 12:00", zone="UTC")
    first, second, third = read_agenda(workspace, days=3).entries
    assert "budget" not in {*first.later, *second.later}
    assert {refused.reason: refused.people for refused in third.refused} == {"budget": 5}


def test_what_a_person_may_send_by_hand_uses_up_nobodys_budget(workspace: Workspace, people: list[int]) -> None:
    for name in ("a", "b", "c"):
        make_campaign(workspace, name, Kind.NEWS)
    make_campaign(workspace, schedule="at 2026-12-01 12:00", zone="UTC")
    entries = read_agenda(workspace, days=1).entries
    assert [(entry.campaign, entry.going) for entry in entries] == [("a", 5), ("b", 5), ("c", 5), ("tips", 5)]


def test_times_a_few_seconds_apart_are_one_line(workspace: Workspace, people: list[int]) -> None:
    news = make_campaign(workspace, "news", Kind.NEWS)
    for occasion in ("once-1", "once-2"):
        edition = make_edition(workspace, news, occasion, state=EditionState.DONE)
        for number, person in enumerate(people):
            make_sent(workspace, edition, person, workspace.clock() - timedelta(days=6, seconds=number))
    make_campaign(workspace, schedule="every day at 12:00", zone="UTC")
    entry = read_agenda(workspace, days=1).entries[0]
    assert entry.later == {"budget": 5}
    assert len({(slot.zone, slot.local) for slot in entry.slots}) == len(entry.slots)


def test_what_is_under_way_is_counted_in_the_outbox(workspace: Workspace, people: list[int]) -> None:
    campaign = make_campaign(workspace, "news", Kind.NEWS)
    edition = make_edition(workspace, campaign, reason="", subject="Winter")
    states = [
        DeliveryState.SENT,
        DeliveryState.QUEUED,
        DeliveryState.WITHHELD,
        DeliveryState.IN_DOUBT,
        DeliveryState.FAILED,
    ]
    with workspace.database.write() as session:
        insert_deliveries(
            session,
            [
                {
                    "public_id": f"d{person}",
                    "edition_id": edition,
                    "campaign_id": campaign,
                    "occasion": "once-1",
                    "customer_id": person,
                    "address_key": f"k{person}",
                    "kind": Kind.NEWS,
                    "state": state,
                    "reason": "open complaint" if state is DeliveryState.WITHHELD else "",
                    "due_at": workspace.clock(),
                }
                for person, state in zip(people, states, strict=True)
            ],
        )
    entry = _only(workspace)
    assert (entry.edition_id, entry.state, entry.subject) == (edition, "open", "Winter")
    assert entry.done == {"sent": 1, "queued": 1, "withheld": 1, "in_doubt": 1, "failed": 1}
    assert (entry.people, entry.going, entry.before) == (5, 4, 5)
    assert sum(slot.people for slot in entry.slots) == 1
    assert [person.reason for person in who_is(workspace, "news", "withheld")] == ["open complaint"]


def test_an_edition_that_waits_says_why(workspace: Workspace, people: list[int]) -> None:
    make_edition(workspace, make_campaign(workspace), state=EditionState.WAITING, reason="unchanged")
    assert _only(workspace).note == "unchanged"


def test_the_same_text_on_the_next_occasion_is_foreseen_to_wait(
    workspace: Workspace, people: list[int], clock: Any
) -> None:
    news = make_campaign(workspace, "news", Kind.NEWS, schedule="every day at 12:00", zone="UTC")
    assert [entry.note for entry in read_agenda(workspace, days=2).entries] == ["", SAME_AGAIN]
    clock.advance(hours=1)
    make_edition(workspace, news, "2026-12-01/11:00", state=EditionState.DONE)
    assert read_agenda(workspace, days=1).entries[0].note == SAME_AGAIN


def test_a_campaign_that_is_done_is_foreseen_again_only_when_asked_for(workspace: Workspace, people: list[int]) -> None:
    make_edition(workspace, make_campaign(workspace), state=EditionState.DONE)
    assert read_agenda(workspace).entries == ()
    asked = _only(workspace, campaign="tips")
    assert (asked.occasion, asked.going) == ("by hand again", 5)
    assert asked.note.endswith("outreach send tips --again")


def test_a_paused_campaign_and_one_whose_rule_cannot_be_read_are_told(workspace: Workspace) -> None:
    make_campaign(workspace, "paused", state=CampaignState.PAUSED)
    make_campaign(workspace, "odd", schedule="every tueday at 09:00")
    make_campaign(workspace, "old", state=CampaignState.CANCELLED)
    problems = read_agenda(workspace).problems
    assert "paused is paused: nothing of it is sent" in problems
    assert not any(problem.startswith("old") for problem in problems)
    assert read_agenda(workspace, campaign="old").problems == ("old is cancelled: nothing of it is sent",)
    assert any(problem.startswith("campaign odd: the schedule cannot be read at column 7") for problem in problems)


def test_what_changed_the_plan_is_listed_newest_first_with_its_reason(
    workspace: Workspace, people: list[int], clock: Any
) -> None:
    case = complain(workspace, people[0])
    clock.advance(hours=1)
    complain(workspace, people[1], "delivery", PlanEvent.COMPLAINT_CONFIRMED)
    agenda = read_agenda(workspace)
    assert agenda.changed == {"confirmed_complaint": 2, "suggested_complaint": 2}
    assert agenda.changes[0].who == "p1@example.com"
    assert agenda.changes[-1].case == case
    assert "hold news, offers and invitations until 3 Dec 2026" in {change.what for change in agenda.changes}


def test_an_occasion_that_was_missed_is_shown_as_due(workspace: Workspace, people: list[int], clock: Any) -> None:
    make_campaign(workspace, schedule="every wednesday at 09:00", zone="UTC")
    clock.advance(days=1)
    first = read_agenda(workspace, days=3).entries[0]
    assert (first.occasion, first.state) == ("2026-12-02/09:00", "due")
    assert first.opens == workspace.clock() - timedelta(hours=1)


def test_a_campaign_that_is_not_there_is_refused_with_those_that_are(workspace: Workspace) -> None:
    make_campaign(workspace)
    with pytest.raises(UsageError, match="There are: tips"):
        read_agenda(workspace, campaign="tipps")
