from __future__ import annotations

from collections.abc import Callable

import icalendar
import pytest
from sqlalchemy import select
from sqlmodel import col

from outreach.errors import NeedsPerson, UsageError
from outreach.plan.effects import NewTrend, effect_value
from outreach.plan.steps import PlanEvent
from outreach.records import Delivery, DeliveryState, Edition, EditionState, Kind, Step, StepState
from outreach.work.agenda import read_agenda
from outreach.work.approve import approve, diff_plan
from outreach.work.compose import apply_campaign, apply_tips
from outreach.work.proposal import propose
from outreach.work.publish import open_occasion, publish_due
from outreach.work.steps import approve_step
from outreach.work.team_calendar import calendar_of
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock
from .planning_kit import complain
from .test_holdout import with_plan

MakeCustomer = Callable[..., int]
OFFER = """---
name: offer
subject: A grinder for less
template: news
list: customers
kind: offer
---
Ten per cent off until Sunday.
"""
VERSION = "\n---\nversion: b\nsubject: Five per cent\n---\nFive per cent off.\n"
TIP = "---\ntitle: {name}\ntopics: [{topic}]\nposition: {place}\n---\nDo this: {name}.\n"


def write(workspace: Workspace, text: str = OFFER) -> None:
    (workspace.root / "offer.md").write_text(text, encoding="utf-8")
    apply_campaign(workspace, workspace.root / "offer.md")


@pytest.fixture
def people(make_customer: MakeCustomer) -> list[int]:
    return [make_customer(f"p{number}@example.com", zone="Europe/Berlin") for number in range(4)]


@pytest.fixture
def acme(workspace: Workspace, people: list[int]) -> Workspace:
    write(workspace)
    return workspace


def planned(workspace: Workspace) -> dict[int, DeliveryState]:
    with workspace.database.read() as session:
        return {row.customer_id: row.state for row in session.execute(select(Delivery)).scalars() if row.customer_id}


def test_an_approved_plan_goes_just_so(acme: Workspace) -> None:
    done = approve(acme, "offer", "maria")
    assert (done.occasion, done.people, done.going, done.by) == ("once-1", 4, 4, "maria")
    assert approve(acme, "offer", "maria").digest == done.digest
    found = diff_plan(acme, "offer")
    assert (found.words, found.people, found.digest) == ("", (), done.digest)
    open_occasion(acme, "offer")
    assert set(planned(acme).values()) == {DeliveryState.QUEUED}


@BOTH
def test_a_complaint_after_the_approval_stops_the_send_and_the_step_is_named(
    acme: Workspace, people: list[int], clock: HandClock
) -> None:
    approve(acme, "offer", "maria")
    clock.advance(minutes=5)
    case = complain(acme, people[1], "descaling", PlanEvent.COMPLAINT_CONFIRMED)
    with pytest.raises(NeedsPerson, match=r"maria approved it on 2026-12-01 10:00 UTC: 1 person fewer") as refused:
        propose(acme, "offer", asking=False)
    assert refused.value.exit_status == 3
    assert refused.value.remedy == "Look: outreach plan diff offer. Agree: outreach plan approve offer"
    assert planned(acme) == {}, "nothing of it is in the outbox"
    found = diff_plan(acme, "offer")
    assert (found.going_before, found.going, found.basis) == (4, 3, "as approved")
    (person,) = found.people
    assert (person.address, person.before) == ("p1@example.com", "goes")
    assert person.after.startswith(f"open complaint: complaint about descaling in case {case}")
    assert {step["rule"] for step in person.because} == {"confirmed_complaint"}
    assert all(step["reason"] and step["evidence"]["case"] == case for step in person.because)
    approve(acme, "offer", "maria")
    open_occasion(acme, "offer")
    assert sorted(planned(acme).values()) == [DeliveryState.QUEUED] * 3 + [DeliveryState.WITHHELD]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("text", "the text"),
        ("version", "the text"),
        ("hour", "the schedule"),
        ("person", "1 person more"),
        ("left", "1 person fewer"),
        ("segment", "the segment; "),
    ],
)
def test_whatever_changes_the_mail_or_its_people_is_a_drift(
    acme: Workspace, make_customer: MakeCustomer, change: str, words: str
) -> None:
    if change in ("version", "hour"):
        write(acme, OFFER + VERSION)
    approve(acme, "offer", "maria")
    if change == "text":
        write(acme, OFFER.replace("Ten", "Twenty"))
    elif change == "version":
        write(acme, OFFER + VERSION.replace("Five", "Fifty"))
    elif change == "hour":
        write(acme, OFFER + VERSION.replace("subject:", "later: 9 hours\nsubject:"))
    elif change == "segment":
        write(acme, OFFER.replace("kind:", 'segment: email == "p1@example.com"\nkind:'))
    else:
        make_customer("new@example.com", subscribed=change == "person")
    if change == "left":
        approve(acme, "offer", "maria")
        from outreach.store.consents import unsubscribe

        with acme.database.write() as session:
            unsubscribe(session, customer_id=1, list_id=1, at=acme.clock(), how="page", evidence="a button")
    with pytest.raises(NeedsPerson, match=words):
        open_occasion(acme, "offer")
    open_occasion(acme, "offer", release=True)
    assert planned(acme), "a person may let it go as it is"


def test_where_the_settings_say_so_an_approved_plan_may_lose_people_but_win_none(
    acme: Workspace, people: list[int], make_customer: MakeCustomer
) -> None:
    lenient = with_plan(acme, drift="fewer")
    approve(lenient, "offer", "maria")
    complain(lenient, people[0])
    make_customer("new@example.com")
    with pytest.raises(NeedsPerson, match="1 person more, 1 person fewer"):
        open_occasion(lenient, "offer")
    approve(lenient, "offer", "maria")
    complain(lenient, people[1])
    open_occasion(lenient, "offer")
    assert sum(state is DeliveryState.QUEUED for state in planned(lenient).values()) == 3


def weekly(acme: Workspace) -> Workspace:
    """Where every plan of an offer needs a yes, and there is one each week."""
    strict = with_plan(acme, approve=(Kind.OFFER,))
    write(strict, OFFER.replace("kind: offer", "kind: offer\nschedule: every wednesday at 11:00"))
    return strict


def test_what_waits_for_an_approval_is_tentative_in_the_teams_calendar(acme: Workspace) -> None:
    strict = weekly(acme)
    assert in_calendar(strict, "offer") == ["TENTATIVE"]
    assert "waits until a person approves its plan: outreach plan approve offer" in _notes(strict)
    approve(strict, "offer", "maria")
    assert in_calendar(strict, "offer") == ["CONFIRMED"]


def _notes(workspace: Workspace) -> list[str]:
    return [entry.note for entry in read_agenda(workspace, days=7).entries]


def in_calendar(workspace: Workspace, name: str) -> list[str]:
    """What the team's calendar says of this campaign's editions: whether they are sure."""
    events = icalendar.Calendar.from_ical(calendar_of(workspace, read_agenda(workspace, days=7))).walk("VEVENT")
    return [str(event["STATUS"]) for event in events if str(event["SUMMARY"]).startswith(name)]


def test_a_kind_that_needs_approval_waits_for_it_and_then_goes_by_itself(acme: Workspace, clock: HandClock) -> None:
    strict = weekly(acme)
    clock.advance(days=1, hours=1)
    assert publish_due(strict) == []
    assert "TENTATIVE" in in_calendar(strict, "offer")
    with strict.database.read() as session:
        edition = session.execute(select(Edition).where(col(Edition.occasion) == "2026-12-02/11:00")).scalars().one()
    assert edition.state is EditionState.WAITING
    assert edition.reason == "no person has approved the plan, as offer mail needs"
    assert planned(strict) == {}
    clock.advance(minutes=1)
    assert publish_due(strict) == []
    assert approve(strict, "offer", "maria").occasion == "2026-12-02/11:00"
    clock.advance(minutes=1)
    assert publish_due(strict) == [edition.id]
    assert set(planned(strict).values()) == {DeliveryState.QUEUED}


def write_tips(workspace: Workspace) -> None:
    """A campaign called tips, which gives everybody one of two."""
    for place, (name, topic) in enumerate([("rinse", "cleaning"), ("descale", "descaling")]):
        path = workspace.root / f"{name}.md"
        path.write_text(TIP.format(name=name, topic=topic, place=place), encoding="utf-8")
        apply_tips(workspace, [path])
    write(workspace, OFFER.replace("kind: offer", "kind: tips\ntips: 1").replace("name: offer", "name: tips"))


def test_without_an_approval_the_plan_stands_beside_that_without_what_replies_changed(
    workspace: Workspace, people: list[int]
) -> None:
    write_tips(workspace)
    complain(workspace, people[2], "descaling", PlanEvent.COMPLAINT_CONFIRMED, PlanEvent.ANSWERED)
    found = diff_plan(workspace, "tips")
    assert (found.basis, found.words) == ("without what replies changed", "1 person with other tips")
    (person,) = found.people
    assert (person.tips_before, person.tips_after) == (("rinse",), ("descale",))
    assert "answered_topic" in {step["rule"] for step in person.because}
    assert person.at.endswith("Europe/Berlin")


def test_a_trend_that_comes_into_the_issue_is_named_and_is_no_drift_once_approved(
    workspace: Workspace, people: list[int]
) -> None:
    write_tips(workspace)
    approve(workspace, "tips", "maria")
    with workspace.database.write() as session:
        session.add(
            Step(
                at=workspace.clock(),
                rule="trend",
                state=StepState.APPLIED,
                campaign_id=1,
                what="the issue brings descaling forward",
                reason="9 people wrote about it",
                effect={"topic": "descaling", "rank": 0},
            )
        )
    with pytest.raises(NeedsPerson, match="4 people with other tips"):
        open_occasion(workspace, "tips")
    assert {person.tips_after for person in diff_plan(workspace, "tips").people} == {("descale",)}
    approve(workspace, "tips", "maria")
    open_occasion(workspace, "tips")
    assert set(planned(workspace).values()) == {DeliveryState.QUEUED}


def test_a_trend_that_somebody_says_yes_to_after_the_plan_was_approved_stops_the_send(
    workspace: Workspace, people: list[int]
) -> None:
    write_tips(workspace)
    brought = {"what": "the issue brings descaling forward", "reason": "9 people wrote about it"}
    with workspace.database.write() as session:
        step = Step(
            at=workspace.clock(),
            rule="trend",
            state=StepState.PROPOSED,
            campaign_id=1,
            effect=effect_value(NewTrend(1, "descaling", 0)),
            **brought,
        )
        session.add(step)
        session.flush()
        number = step.id or 0
    approve(workspace, "tips", "maria")
    assert diff_plan(workspace, "tips").words == "", "a proposal changes nothing"
    approve_step(workspace, number, by="otto")
    for _ in ("before", "after"):
        (one, *_) = diff_plan(workspace, "tips").people
        assert {found["rule"] for found in one.because} == {"trend"}
        with pytest.raises(NeedsPerson, match="4 people with other tips") as refused:
            propose(workspace, "tips", asking=False)
        assert refused.value.exit_status == 3
        assert planned(workspace) == {}


def test_the_same_plan_judged_later_is_the_same(acme: Workspace, people: list[int], clock: HandClock) -> None:
    write(acme, OFFER.replace("kind: offer", "kind: offer\nschedule: every friday at 09:00\nzone: customer"))
    complain(acme, people[0], "descaling", PlanEvent.COMPLAINT_CONFIRMED)
    before = approve(acme, "offer", "maria").digest
    clock.advance(hours=30)
    assert diff_plan(acme, "offer").digest == before


def test_what_is_unknown_or_over_is_said(acme: Workspace, clock: HandClock) -> None:
    with pytest.raises(UsageError, match="no campaign called nobody"):
        approve(acme, "nobody", "maria")
    write(acme, OFFER.replace("kind: offer", "kind: offer\nschedule: at 2026-11-01 09:00"))
    with pytest.raises(NeedsPerson, match="its schedule is over"):
        diff_plan(acme, "offer")
