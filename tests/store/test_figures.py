"""Figures count people once, take bounces back, compare with the editions before, and add up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.records import (
    CaseEvent,
    CaseState,
    Category,
    Delivery,
    DeliveryState,
    Inbound,
    InboundState,
    Kind,
    Machine,
)
from outreach.store.consents import unsubscribe
from outreach.store.edition_figures import LINK_EVIDENCE, Rate, differ
from outreach.store.figures import Figures, read_figures, spread
from outreach.store.replies import unreviewed_ids
from outreach.store.touch_figures import Touched
from outreach.store.touches import keep_links, keep_touch
from outreach.work.casework import find_case, move_case
from outreach.work.workspace import Workspace

from ..cases.make import receive, write_inbound
from ..conftest import HandClock
from ..web.make import make_edition, make_people

SENT, FAILED, WITHHELD, IN_DOUBT = (
    DeliveryState.SENT,
    DeliveryState.FAILED,
    DeliveryState.WITHHELD,
    DeliveryState.IN_DOUBT,
)


def figures(workspace: Workspace) -> Figures:
    with workspace.database.read() as session:
        return read_figures(
            session, name="acme", company="Acme", now=workspace.clock(), at_work=workspace.working_hours
        )


def test_an_empty_workspace_has_figures_too(workspace: Workspace) -> None:
    found = figures(workspace)
    assert (found.sent, found.people_reached, found.editions) == (0, 0, [])
    assert found.complaints.per_1000 is None
    assert found.cases.first_answer.median is None
    assert found.cases.opened == found.cases.open == 0


def test_people_count_once_and_a_late_bounce_reached_nobody(workspace: Workspace) -> None:
    people = make_people(workspace, 10)
    _, first = make_edition(workspace, people, states=[FAILED, WITHHELD, IN_DOUBT])
    make_edition(workspace, people)
    receive(workspace, None, machine=Machine.BOUNCE, delivery_id=first[9])
    found = figures(workspace)
    edition = found.editions[0]
    assert (edition.planned, edition.reached, edition.withheld) == (10, 6, 1)
    assert edition.rates.bounces == Rate(2, 8)
    assert found.sent == 7 + 10
    assert found.people_reached == 10, "everybody was reached by the second one"
    assert (found.bounced, found.in_doubt) == (2, 1)


def test_who_has_another_address_by_now_is_still_one_person(workspace: Workspace) -> None:
    people = make_people(workspace, 3)
    make_edition(workspace, people)
    _, second = make_edition(workspace, people)
    with workspace.database.write() as session:
        session.get_one(Delivery, second[0]).address_key = "the key of a new address"
    assert figures(workspace).people_reached == 3


def test_nobody_is_heard_from_who_was_not_reached(workspace: Workspace) -> None:
    people = make_people(workspace, 3)
    _, mails = make_edition(workspace, people)
    receive(workspace, None, machine=Machine.BOUNCE, delivery_id=mails[0])
    for person in people[:2]:
        receive(workspace, Category.QUESTION, customer_id=person)
    found = figures(workspace)
    assert (found.people_reached, found.people_heard_from) == (2, 1)


def test_clicks_and_opens_are_peoples_and_what_is_not_counted_is_not_nought(workspace: Workspace) -> None:
    people = make_people(workspace, 5)
    edition_id, mails = make_edition(workspace, people)
    make_edition(workspace, people)
    now = workspace.clock()
    with workspace.database.write() as session:
        keep_links(session, edition_id, ["https://acme.example/a", "https://acme.example/b"])
        for place, number, why in ((0, 1, ""), (0, 2, ""), (1, 2, ""), (2, 1, "scanner"), (3, 0, ""), (4, 0, "proxy")):
            keep_touch(session, session.get_one(Delivery, mails[place]), number, now, why)
    first, second = figures(workspace).editions
    links = (("https://acme.example/b", 2), ("https://acme.example/a", 1))
    assert first.touched == Touched(clicked=2, opened=1, programs=1, links=links)
    assert second.touched is None


def test_an_issue_that_counts_opens_says_nought_where_nobody_opened_it(workspace: Workspace) -> None:
    people = make_people(workspace, 3)
    (first, _), (second, mails) = (make_edition(workspace, people) for _ in range(2))
    with workspace.database.write() as session:
        keep_links(session, first, [], opens=True)
        keep_links(session, second, ["https://acme.example/a"], opens=True)
        keep_touch(session, session.get_one(Delivery, mails[0]), 0, workspace.clock(), "")
    assert [one.touched for one in figures(workspace).editions] == [
        Touched(clicked=None, opened=0),
        Touched(clicked=0, opened=1),
    ]


def test_service_and_test_mail_is_no_edition(workspace: Workspace) -> None:
    people = make_people(workspace, 2)
    make_edition(workspace, people, kind=Kind.SERVICE, campaign="_service")
    make_edition(workspace, people, kind=Kind.TEST, campaign="_test")
    found = figures(workspace)
    assert found.editions == []
    assert found.people_reached == 0


def test_what_waits_for_a_review_is_what_the_review_shows(workspace: Workspace) -> None:
    """A copy of the same words is decided with the first of them; what could not be read waits, too."""
    first = write_inbound(workspace, Category.COMPLAINT)
    write_inbound(workspace, Category.COMPLAINT, copy_of=first)
    write_inbound(workspace, Category.THANKS, reviewed_at=workspace.clock())
    others = {write_inbound(workspace, None): state for state in (InboundState.UNREADABLE, InboundState.STORED)}
    with workspace.database.write() as session:
        for number, state in others.items():
            session.get_one(Inbound, number).state = state
    with workspace.database.read() as session:
        waiting = unreviewed_ids(session)
    assert figures(workspace).replies.unreviewed == len(waiting) == 2


def test_complaints_count_people_not_messages(workspace: Workspace) -> None:
    people = make_people(workspace, 100)
    _, deliveries = make_edition(workspace, people)
    for _ in range(5):
        receive(workspace, Category.COMPLAINT, customer_id=people[0], delivery_id=deliveries[0])
    receive(workspace, Category.COMPLAINT, customer_id=people[1], delivery_id=deliveries[1], topics=("grinder",))
    receive(workspace, Category.THANKS, customer_id=people[2], delivery_id=deliveries[2])
    found = figures(workspace)
    edition = found.editions[0]
    assert edition.rates.complaints == Rate(2, 100)
    assert edition.rates.complaints.per_1000 == 20
    assert edition.replies == {"complaint": 6, "thanks": 1}
    assert found.complaints == Rate(2, 100)
    assert found.replies.people == {"complaint": 6, "thanks": 1}
    assert found.replies.complaint_topics == {"grinder": 1}
    assert found.replies.unreviewed == 7
    assert dict(found.replies.by_day)["2026-12-01"] == 7
    assert len(found.replies.by_day) == 28


def test_those_who_left_by_the_link_and_by_a_reply_are_counted_once_each(workspace: Workspace) -> None:
    people = make_people(workspace, 10)
    _, deliveries = make_edition(workspace, people)
    now = workspace.clock()
    with workspace.database.write() as session:
        for person, delivery_id in zip(people[:2], deliveries[:2], strict=True):
            public_id = session.get_one(Delivery, delivery_id).public_id
            evidence = f"{LINK_EVIDENCE}{public_id}"
            unsubscribe(session, customer_id=person, list_id=1, at=now, how="page", evidence=evidence)
        unsubscribe(session, customer_id=people[4], list_id=1, at=now, how="import", evidence="old.csv:7")
    receive(workspace, Category.UNSUBSCRIBE, customer_id=people[0], delivery_id=deliveries[0])
    receive(workspace, Category.UNSUBSCRIBE, customer_id=people[3], delivery_id=deliveries[3])
    found = figures(workspace)
    assert found.editions[0].rates.unsubscribes == Rate(3, 10)
    assert found.unsubscribed == 2, "by the links; the replies' own consents are written by what reads them"


def test_each_edition_stands_beside_up_to_five_of_its_kind(workspace: Workspace, clock: HandClock) -> None:
    people = make_people(workspace, 20)
    for number in range(7):
        _, deliveries = make_edition(workspace, people)
        for place in range(number):
            receive(workspace, Category.COMPLAINT, customer_id=people[place], delivery_id=deliveries[place])
        clock.advance(days=7)
    make_edition(workspace, people, kind=Kind.NEWS, campaign="news")
    found = figures(workspace).editions
    assert [edition.before_editions for edition in found] == [0, 1, 2, 3, 4, 5, 5, 0]
    assert found[6].before is not None
    assert found[6].before.complaints == Rate(1 + 2 + 3 + 4 + 5, 100)


def test_the_register_of_cases_reconciles_and_clocks_are_in_business_hours(
    workspace: Workspace, clock: HandClock
) -> None:
    people = make_people(workspace, 6)
    ids = [
        receive(workspace, Category.COMPLAINT, customer_id=person, topics=(topic,)) or 0
        for person, topic in zip(people, ["a", "a", "b", "b", "b", "c"], strict=True)
    ]
    steps = [
        [],
        [CaseEvent.ANSWER],
        [CaseEvent.ANSWER, CaseEvent.RESOLVE],
        [CaseEvent.ANSWER, CaseEvent.RESOLVE, CaseEvent.CONFIRM],
        [CaseEvent.DISMISS],
        [CaseEvent.WAIT],
    ]
    clock.advance(hours=2)
    with workspace.database.write() as session:
        for case_id, events in zip(ids, steps, strict=True):
            for event in events:
                move_case(session, workspace, find_case(session, case_id), event, at=clock(), by="maria")
    clock.advance(days=30)
    cases = figures(workspace).cases
    assert cases.opened == 6
    closed = cases.states[CaseState.CONFIRMED] + cases.states[CaseState.DISMISSED]
    assert cases.opened == cases.open + cases.states[CaseState.SOLVED] + closed
    assert cases.open == 3
    assert cases.overdue == 2, "the one that waits for the customer is not"
    assert cases.unanswered == 2
    assert cases.open_by_age == {"today": 0, "1 to 2 days": 0, "3 to 7 days": 0, "1 to 4 weeks": 0, "older": 3}
    assert cases.open_by_topic == {"a": 2, "c": 1}
    assert (cases.first_answer.count, cases.first_answer.median) == (3, 2)
    assert (cases.solution.count, cases.solution.p90) == (2, 2)


@pytest.mark.parametrize(
    ("hours", "median", "p90"), [([], None, None), ([3.0], 3, 3), ([1.0, 2.0, 3.0, 4.0, 5.0], 3, 4.6)]
)
def test_median_and_ninetieth_percentile(hours: list[float], median: float | None, p90: float | None) -> None:
    found = spread(hours)
    assert found.median == median
    assert found.p90 == (None if p90 is None else pytest.approx(p90))


def test_only_what_chance_would_not_do_differs() -> None:
    assert not differ(Rate(3, 100), Rate(2, 100))
    assert not differ(Rate(0, 0), Rate(5, 100))
    assert differ(Rate(30, 1000), Rate(5, 1000))


@settings(deadline=None)
@given(st.integers(0, 2000), st.integers(0, 1000), st.integers(0, 2000), st.integers(0, 1000))
def test_comparing_is_the_same_from_both_sides_and_never_fails(a: int, b: int, c: int, d: int) -> None:
    assert differ(Rate(a, b), Rate(c, d)) == differ(Rate(c, d), Rate(a, b))
    assert not differ(Rate(a, b), Rate(a, b))
