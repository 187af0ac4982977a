from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from outreach.address import new_public_id
from outreach.chance import Share
from outreach.plan.holdout import HELD_OUT, Group
from outreach.plan.steps import PlanEvent
from outreach.records import (
    Category,
    Channel,
    Delivery,
    DeliveryState,
    Edition,
    EditionState,
    Inbound,
    InboundState,
    Kind,
)
from outreach.store.holdouts import trials
from outreach.work.agenda import read_agenda
from outreach.work.compose import apply_campaign
from outreach.work.publish import open_occasion
from outreach.work.why import explain_person
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock
from .planning_kit import complain, make_campaign, make_edition, make_sent

MakeCustomer = Callable[..., int]
TIPS = """---
name: tips
subject: Care for your machine
template: tips
list: customers
kind: tips
tips: 0
---
Rinse it every evening.
"""


def with_plan(workspace: Workspace, **values: Any) -> Workspace:
    """The same workspace with other settings of the plan."""
    settings = workspace.settings
    return replace(workspace, settings=settings.model_copy(update={"plan": settings.plan.model_copy(update=values)}))


def told(workspace: Workspace, customer_id: int, at: datetime, category: Category = Category.COMPLAINT) -> None:
    """Something that a customer wrote, as it was read."""
    with workspace.database.write() as session:
        session.add(
            Inbound(
                public_id=new_public_id(),
                channel=Channel.PHONE,
                state=InboundState.READ,
                received_at=at,
                stored_at=at,
                content_hash=new_public_id(),
                raw=b"",
                customer_id=customer_id,
                category=category,
            )
        )


@pytest.fixture
def people(make_customer: MakeCustomer) -> list[int]:
    return [make_customer(f"p{number}@example.com") for number in range(60)]


@pytest.fixture
def acme(workspace: Workspace, people: list[int]) -> Workspace:
    """Sixty people. After an issue twenty days ago 24 of the 40 who got it complained, so that few are enough."""
    ago = workspace.clock() - timedelta(days=20)
    campaign = make_campaign(workspace, "earlier")
    edition = make_edition(workspace, campaign, state=EditionState.DONE, due_at=ago)
    for person in people[:40]:
        make_sent(workspace, edition, person, ago)
    for person in people[:24]:
        told(workspace, person, ago + timedelta(days=3))
        told(workspace, person, ago + timedelta(days=4))
    told(workspace, people[30], ago + timedelta(days=15))
    told(workspace, people[31], ago + timedelta(days=2), Category.THANKS)
    (workspace.root / "tips.md").write_text(TIPS, encoding="utf-8")
    small = with_plan(workspace, hold_out_percent=50, hold_out_effect=0.9)
    apply_campaign(small, workspace.root / "tips.md")
    return small


def rows(workspace: Workspace, edition_id: int) -> list[Delivery]:
    with workspace.database.read() as session:
        return list(session.execute(select(Delivery).where(col(Delivery.edition_id) == edition_id)).scalars())


@BOTH
def test_some_are_left_out_by_chance_and_the_row_says_why(acme: Workspace, people: list[int]) -> None:
    owed = people[5]
    complain(acme, owed, "descaling", PlanEvent.COMPLAINT_SUGGESTED, PlanEvent.ANSWERED)
    foreseen = next(entry for entry in read_agenda(acme, campaign="tips").entries if entry.campaign == "tips")
    planned = rows(acme, open_occasion(acme, "tips"))
    groups = Counter(row.variant for row in planned)
    assert groups[Group.ISSUE] + groups[Group.HELD] == 59
    assert 15 < groups[Group.HELD] < 45
    for row in planned:
        held = row.variant == Group.HELD
        assert row.state is (DeliveryState.WITHHELD if held else DeliveryState.QUEUED)
        assert row.reason == (HELD_OUT if held else "")
        assert ("chosen by chance" in row.evidence) is held
    assert next(row for row in planned if row.customer_id == owed).variant == ""
    assert foreseen.hold_out is not None
    assert foreseen.hold_out.on and foreseen.hold_out.usual == Share(24, 40)
    assert f"takes {foreseen.hold_out.needed} people with 50 % held out" in foreseen.hold_out.why
    assert foreseen.going == 60 - groups[Group.HELD], "the plan foresees the very groups that are dealt"


def test_why_tells_each_person_their_group_before_and_after_planning(acme: Workspace, people: list[int]) -> None:
    before = {number: explain_person(acme, f"p{number}@example.com", "tips") for number in range(12)}
    planned = {row.customer_id: row for row in rows(acme, open_occasion(acme, "tips"))}
    assert len({found.allowed for found in before.values()}) == 2
    for number, found in before.items():
        row = planned[people[number]]
        assert found.allowed is (row.state is DeliveryState.QUEUED)
        after = explain_person(acme, f"p{number}@example.com", "tips")
        assert after.allowed is found.allowed
        said = next(rule for rule in after.rules if rule.rule == "hold-out")
        assert (said.answer, said.evidence) == (("yes", "") if found.allowed else ("no", row.evidence))


def test_those_held_out_get_it_later_where_the_settings_say_so(acme: Workspace, clock: HandClock) -> None:
    later = with_plan(acme, hold_out_later=True, hold_out_days=9)
    edition_id = open_occasion(later, "tips")
    held = [row for row in rows(later, edition_id) if row.variant == Group.HELD]
    assert held
    for row in held:
        assert (row.state, row.reason) == (DeliveryState.QUEUED, HELD_OUT)
        assert row.next_at == clock.now + timedelta(days=9)
        assert row.expires_at == clock.now + timedelta(days=14)
    with later.database.read() as session:
        assert session.get_one(Edition, edition_id).expires_at == clock.now + timedelta(days=14)


def test_a_planning_that_broke_off_goes_on_with_the_same_groups(acme: Workspace) -> None:
    edition_id = open_occasion(acme, "tips")
    first = {row.customer_id: row.variant for row in rows(acme, edition_id)}
    with acme.database.write() as session:
        session.connection().execute(
            update(Edition).where(col(Edition.id) == edition_id).values(state=EditionState.PLANNING, planned_at=None)
        )
        session.connection().execute(Delivery.__table__.delete().where(col(Delivery.customer_id) > 20))  # type: ignore[attr-defined]
    open_occasion(with_plan(acme, hold_out_percent=0), "tips")
    assert {row.customer_id: row.variant for row in rows(acme, edition_id)} == first


@BOTH
def test_complaints_of_both_groups_are_counted_by_person_within_the_days(acme: Workspace, clock: HandClock) -> None:
    edition_id = open_occasion(acme, "tips")
    planned = rows(acme, edition_id)
    held = [row.customer_id for row in planned if row.variant == Group.HELD]
    issue = [row.customer_id for row in planned if row.variant == Group.ISSUE]
    for person in [*held[:3], *issue[:2]]:
        assert person is not None
        told(acme, person, clock.now + timedelta(days=2))
        told(acme, person, clock.now + timedelta(days=13))
    assert held[4] is not None and issue[4] is not None
    told(acme, held[4], clock.now + timedelta(days=14, seconds=1))
    told(acme, issue[4], clock.now - timedelta(seconds=1))
    told(acme, issue[4], clock.now + timedelta(days=1), Category.QUESTION)
    with acme.database.read() as session:
        found = trials(session, clock.now + timedelta(days=13))[edition_id]
        assert not found.over
        found = trials(session, clock.now + timedelta(days=14))[edition_id]
    assert (found.held, found.issue, found.over) == (Share(3, len(held)), Share(2, len(issue)), True)


def test_a_campaign_may_say_no_and_no_other_kind_is_tested(acme: Workspace) -> None:
    (acme.root / "tips.md").write_text(TIPS.replace("tips: 0", "tips: 0\nhold_out: no"), encoding="utf-8")
    apply_campaign(acme, acme.root / "tips.md")
    make_campaign(acme, "news", Kind.NEWS)
    for name in ("tips", "news"):
        entry = read_agenda(acme, campaign=name).entries[0]
        assert entry.hold_out is not None and not entry.hold_out.on
        assert entry.going == 60
