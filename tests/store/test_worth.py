from __future__ import annotations

from datetime import timedelta

import pytest

from outreach.plan.holdout import Finding, Group, HoldOut
from outreach.plan.worth import expect
from outreach.records import Category, Delivery, DeliveryState, Kind
from outreach.store.fairness import read_contacts, read_fairness
from outreach.store.holdouts import keep_hold_out
from outreach.store.worth import past_of, read_worth
from outreach.work.answer import note_answer
from outreach.work.workspace import Workspace

from ..cases.make import receive
from ..conftest import BOTH, HandClock
from ..web.make import make_edition, make_people


@pytest.fixture
def answered(workspace: Workspace, clock: HandClock) -> int:
    """An issue to 300 people, on a Tuesday at 10. Six complained and were answered after two hours; one asked."""
    people = make_people(workspace, 300)
    edition, deliveries = make_edition(workspace, people)
    cases = [
        receive(
            workspace, Category.COMPLAINT, customer_id=people[place], delivery_id=deliveries[place], topics=("grinder",)
        )
        for place in range(6)
    ]
    receive(workspace, Category.QUESTION, customer_id=people[7], delivery_id=deliveries[7], topics=("milk",))
    receive(workspace, Category.THANKS, customer_id=people[8], delivery_id=deliveries[8])
    receive(workspace, Category.UNSUBSCRIBE, customer_id=people[9], delivery_id=deliveries[9])
    receive(workspace, Category.COMPLAINT, customer_id=people[20], topics=("price",))
    clock.advance(hours=2)
    for case in cases:
        assert case is not None
        note_answer(workspace, case, "Sorry.", by="maria")
    return edition


@BOTH
def test_what_earlier_editions_brought_is_what_the_next_lets_expect(
    workspace: Workspace, answered: int, clock: HandClock
) -> None:
    with workspace.database.read() as session:
        past = past_of(session, Kind.TIPS, workspace.working_hours, clock.now)
        other = past_of(session, Kind.NEWS, workspace.working_hours, clock.now)
    assert (past.editions, past.reached, past.replies, past.cases) == (1, 300, 8, 7)
    assert past.hours == pytest.approx([2.0] * 6)
    assert expect(600, past).hours == pytest.approx(16 * 7 / 8 * 2)
    assert other.reached == 0


@BOTH
def test_afterwards_an_edition_has_the_hours_of_its_own_cases_open_ones_until_now(
    workspace: Workspace, answered: int, clock: HandClock
) -> None:
    clock.advance(hours=1)
    with workspace.database.read() as session:
        worth = read_worth(session, [answered], workspace.working_hours, clock.now)
    spent = worth.editions[answered].spent
    assert (spent.cases, spent.unsolved) == (7, 7)
    assert spent.hours == pytest.approx(7 * 3.0)
    assert worth.editions[answered].help is None and worth.together is None


def test_complaints_avoided_are_told_for_a_tested_issue(workspace: Workspace, clock: HandClock) -> None:
    people = make_people(workspace, 400)
    edition, deliveries = make_edition(workspace, people)
    plan = HoldOut(True, "because", percent=50, effect=0.5, days=7, people=400, needed=300)
    with workspace.database.write() as session:
        keep_hold_out(session, edition, plan)
        for place, delivery_id in enumerate(deliveries):
            row = session.get_one(Delivery, delivery_id)
            row.variant = Group.HELD if place % 2 else Group.ISSUE
            session.add(row)
    clock.advance(hours=1)
    for place in range(1, 80, 2):
        receive(workspace, Category.COMPLAINT, customer_id=people[place], topics=("grinder",))
    clock.advance(days=7)
    with workspace.database.read() as session:
        found = read_worth(session, [edition], workspace.working_hours, clock.now)
    told = found.editions[edition].help
    assert told is not None and found.together is not None
    assert (told.finding, told.held.count, told.issue.count) == (Finding.FEWER, 40, 0)
    assert told.avoided[0] == pytest.approx(40) and told.avoided[1] > 20
    assert found.together.finding is Finding.FEWER


@BOTH
def test_an_offer_for_complainers_alone_shows_that_griping_pays(workspace: Workspace, clock: HandClock) -> None:
    people = make_people(workspace, 200)
    for person in people[:40]:
        receive(workspace, Category.COMPLAINT, customer_id=person, topics=("price",))
    clock.advance(days=3)
    with workspace.database.read() as session:
        assert read_fairness(session, clock.now).words.startswith("too few to say")
    make_edition(workspace, people[:40], kind=Kind.OFFER, campaign="sorry")
    with workspace.database.read() as session:
        found = read_fairness(session, clock.now)
    assert found.pays
    assert (found.complainers.count, found.complainers.of) == (40, 40)
    assert (found.quiet.count, found.quiet.of) == (0, 160)
    make_edition(workspace, people[40:], kind=Kind.OFFER, campaign="spring")
    make_edition(workspace, people[40:], kind=Kind.OFFER, campaign="summer")
    with workspace.database.read() as session:
        after = read_fairness(session, clock.now)
        later = read_fairness(session, clock.now + timedelta(days=91))
    assert not after.pays and after.words.startswith("griping does not pay")
    assert later.complainers.of == 0


@BOTH
def test_newsletters_of_the_last_seven_days_are_counted_by_person(workspace: Workspace, clock: HandClock) -> None:
    people = make_people(workspace, 10)
    make_edition(workspace, people, campaign="old", at=clock.now - timedelta(days=8))
    make_edition(workspace, people[:6], campaign="a", kind=Kind.NEWS)
    make_edition(workspace, people[:4], campaign="b", states=[DeliveryState.FAILED])
    make_edition(workspace, people[:2], campaign="c", kind=Kind.OFFER)
    make_edition(workspace, people, campaign="s", kind=Kind.SERVICE, on_list=False)
    with workspace.database.read() as session:
        found = read_contacts(session, clock.now, per_week=2)
    assert found.people == {1: 2, 2: 3, 3: 1}
    assert found.over == 1
