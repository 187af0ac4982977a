"""Of each household one gets a newsletter: when it is planned, when it leaves, and in the plan for the days ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from outreach.groups import GroupKind
from outreach.records import Delivery, DeliveryState, Edition, EditionState, Kind, MailingList, Subscription
from outreach.store.accounts import account
from outreach.store.consents import unsubscribe
from outreach.store.edition_figures import edition_figures
from outreach.store.house_mail import HouseMail
from outreach.store.one_per import houses_with, others_in
from outreach.work.agenda import read_agenda
from outreach.work.compose import apply_campaign
from outreach.work.groups import join_group
from outreach.work.planning import CHUNK, plan_edition
from outreach.work.publish import open_occasion
from outreach.work.send import send_open
from outreach.work.together import stand_in
from outreach.work.why import explain_person
from outreach.work.workspace import Workspace

from ..conftest import BOTH, HandClock, MakeCustomer
from ..servers import Sink, start_sink
from .planning_kit import complain, make_campaign, make_edition, make_sent
from .sending import arrived, open_plain_press, with_relay
from .test_holdout import with_plan

ONE = "one per household"
NEWS = "---\nname: news\nsubject: News\nkind: news\nlist: customers\n{more}---\nHello\n"


def house(workspace: Workspace, *people: int, name: str = "Baker") -> None:
    join_group(workspace, GroupKind.HOUSEHOLD, name, [f"#{one}" for one in people], by="ann")


def apply(workspace: Workspace, more: str = "one_per: household\n") -> None:
    path = workspace.root / "news.md"
    path.write_text(NEWS.format(more=more), encoding="utf-8")
    apply_campaign(workspace, path)


def became(workspace: Workspace, edition: int) -> dict[int, tuple[DeliveryState, str]]:
    with workspace.database.read() as session:
        rows = session.execute(select(Delivery).where(col(Delivery.edition_id) == edition)).scalars()
        return {row.customer_id or 0: (row.state, row.reason) for row in rows}


def evidence(workspace: Workspace, edition: int, person: int) -> str:
    with workspace.database.read() as session:
        mine = (col(Delivery.edition_id) == edition, col(Delivery.customer_id) == person)
        return str(session.execute(select(col(Delivery.evidence)).where(*mine)).scalar_one())


def going(workspace: Workspace, edition: int) -> set[int]:
    return {one for one, (state, _) in became(workspace, edition).items() if state is DeliveryState.QUEUED}


@pytest.fixture
def people(workspace: Workspace, make_customer: MakeCustomer, clock: HandClock) -> list[int]:
    """Three of one house, the second of whom subscribed first, and one who lives alone."""
    ids = [make_customer(f"p{number}@example.com") for number in range(4)]
    with workspace.database.write() as session:
        early = update(Subscription).where(col(Subscription.customer_id) == ids[1])
        session.connection().execute(early.values(changed_at=clock.now - timedelta(days=9)))
    house(workspace, *ids[:3])
    return ids


@BOTH
def test_one_of_a_household_gets_it_and_the_others_are_told_why(workspace: Workspace, people: Sequence[int]) -> None:
    apply(workspace)
    foreseen = read_agenda(workspace, campaign="news").entries[0]
    edition = open_occasion(workspace, "news")
    assert going(workspace, edition) == {people[1], people[3]}
    assert became(workspace, edition)[people[0]] == (DeliveryState.WITHHELD, ONE)
    words = f"customer {people[1]} of the same household gets it: they are subscribed longest (2026-11-22)"
    assert evidence(workspace, edition, people[0]) == words
    assert (foreseen.going, foreseen.people) == (2, 4)
    assert [(one.reason, one.people) for one in foreseen.refused] == [(ONE, 2)]
    with workspace.database.read() as session:
        told = account(session, session.get_one(Edition, edition).campaign_id)[0]
    assert told.adds_up and told.counts[DeliveryState.WITHHELD] == 2
    why = explain_person(workspace, "p0@example.com", "news")
    assert not why.allowed and f"customer {people[1]} of the same household gets it" in why.answer


def test_why_tells_it_before_anything_is_planned(workspace: Workspace, people: Sequence[int]) -> None:
    apply(workspace)
    assert explain_person(workspace, "p1@example.com", "news").allowed
    why = explain_person(workspace, "p2@example.com", "news")
    assert why.answer == (
        f"no: {ONE} (customer {people[1]} of the same household gets it: they are subscribed longest (2026-11-22))"
    )


def test_a_list_may_say_it_for_all_its_campaigns_and_a_campaign_otherwise(
    workspace: Workspace, people: Sequence[int]
) -> None:
    with workspace.database.write() as session:
        session.connection().execute(update(MailingList).values(one_per="household"))
    apply(workspace, "one_per: person\n")
    assert read_agenda(workspace, campaign="news").entries[0].going == 4
    apply(workspace, "")
    assert going(workspace, open_occasion(workspace, "news")) == {people[1], people[3]}


def test_nobody_is_mailed_because_another_in_the_house_agreed(
    workspace: Workspace, people: Sequence[int], make_customer: MakeCustomer
) -> None:
    stranger, gone = make_customer("s@example.com", subscribed=None), make_customer("g@example.com", subscribed=False)
    house(workspace, stranger, gone, people[3], name="Cook")
    apply(workspace)
    edition = open_occasion(workspace, "news")
    assert going(workspace, edition) == {people[1], people[3]}
    assert stranger not in became(workspace, edition)
    assert became(workspace, edition)[gone][1] == "unsubscribed"


def test_where_the_chosen_one_may_not_get_it_another_does(workspace: Workspace, people: Sequence[int]) -> None:
    complain(workspace, people[1])
    apply(workspace)
    edition = open_occasion(with_plan(workspace, household_holds="no"), "news")
    assert became(workspace, edition)[people[1]][1] == "open complaint"
    assert len(going(workspace, edition)) == 2 and people[3] in going(workspace, edition)


def test_who_had_the_last_issue_gets_the_next_one_too(workspace: Workspace, people: Sequence[int]) -> None:
    now = workspace.clock()
    campaign = make_campaign(workspace, "news", Kind.NEWS)
    before = make_edition(workspace, campaign, "once-1", state=EditionState.DONE)
    make_sent(workspace, before, people[2], now - timedelta(days=9))
    edition = make_edition(workspace, campaign, "once-2", state=EditionState.PLANNING, one_per="household")
    with workspace.database.write() as session:
        session.connection().execute(update(Edition).values(frozen={}))
    plan_edition(workspace, edition, hold="x")
    assert going(workspace, edition) == {people[2], people[3]}
    assert evidence(workspace, edition, people[1]).endswith("they had the last issue")


def test_members_in_different_pages_of_a_planning_are_decided_once(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ids = [make_customer(f"q{number}@example.com") for number in range(CHUNK + 20)]
    for pair in range(10):
        house(workspace, ids[pair], ids[-1 - pair], name=f"House {pair}")
    apply(workspace)
    edition = open_occasion(workspace, "news")
    assert going(workspace, edition) == set(ids[:-10])


def test_a_segment_that_leaves_the_chosen_one_out_leaves_the_mail_to_another(
    workspace: Workspace, people: Sequence[int]
) -> None:
    apply(workspace, 'one_per: household\nsegment: email != "p1@example.com"\n')
    edition = open_occasion(workspace, "news")
    assert going(workspace, edition) == {people[0], people[3]}


@BOTH
def test_who_cannot_get_it_after_all_is_stood_in_for(
    workspace: Workspace, people: Sequence[int], clock: HandClock
) -> None:
    apply(workspace)
    edition = open_occasion(workspace, "news")
    clock.advance(minutes=5)
    assert stand_in(workspace, None) == 0
    with workspace.database.write() as session:
        mine = update(Delivery).where(col(Delivery.customer_id) == people[1])
        session.connection().execute(mine.values(state=DeliveryState.FAILED, settled_at=clock.now))
    assert stand_in(workspace, [edition]) == 1
    assert going(workspace, edition) == {people[0], people[3]}
    assert evidence(workspace, edition, people[0]) == f"in the place of customer {people[1]}, who could not get it"
    assert f"customer {people[0]} of the same household gets it" in evidence(workspace, edition, people[2])
    assert stand_in(workspace, [edition]) == 0, "one of them is to get it by now"


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    with start_sink(tmp_path / "sink.log") as running:
        yield running


@BOTH
def test_a_mail_withheld_at_the_last_moment_goes_to_another_of_the_house(
    workspace: Workspace, people: Sequence[int], sink: Sink, clock: HandClock
) -> None:
    apply(workspace)
    edition = open_occasion(workspace, "news")
    clock.advance(minutes=1)
    with workspace.database.write() as session:
        unsubscribe(session, customer_id=people[1], list_id=None, at=clock.now, how="mail", evidence="x")
    complain(workspace, people[0])
    apart = with_plan(workspace, household_holds="no")
    counts = send_open(with_relay(apart, sink.port), press=open_plain_press)
    states = became(workspace, edition)
    assert (counts.sent, counts.finished) == (2, (edition,))
    assert {one for one, (state, _) in states.items() if state is DeliveryState.SENT} == {people[2], people[3]}
    assert len(arrived(sink)) == 2
    with workspace.database.read() as session:
        assert account(session, session.get_one(Edition, edition).campaign_id)[0].adds_up
        figures = edition_figures(session)[-1]
    assert (figures.reached, figures.households) == (2, 1)


@BOTH
def test_two_who_move_together_after_the_planning_get_one_mail(
    workspace: Workspace, people: Sequence[int], sink: Sink, make_customer: MakeCustomer
) -> None:
    other = make_customer("o@example.com")
    apply(workspace)
    edition = open_occasion(workspace, "news")
    assert going(workspace, edition) == {people[1], people[3], other}
    house(workspace, people[3], other, name="Together now")
    send_open(with_relay(workspace, sink.port), press=open_plain_press)
    states = became(workspace, edition)
    assert states[people[3]][0] is DeliveryState.SENT
    assert states[other] == (DeliveryState.WITHHELD, ONE)


def test_a_house_that_is_held_out_is_not_mailed_by_way_of_another(
    workspace: Workspace, people: Sequence[int], clock: HandClock
) -> None:
    apply(workspace)
    edition = open_occasion(workspace, "news")
    clock.advance(minutes=5)
    with workspace.database.write() as session:
        mine = update(Delivery).where(col(Delivery.customer_id) == people[1])
        values = {"state": DeliveryState.WITHHELD, "reason": "held out", "settled_at": clock.now}
        session.connection().execute(mine.values(**values))
    assert stand_in(workspace, [edition]) == 0


@pytest.mark.sqlite
def test_what_is_read_of_a_company_grows_with_its_people_and_not_with_their_square(
    workspace: Workspace, make_customer: MakeCustomer, clock: HandClock
) -> None:
    campaign = make_campaign(workspace, "old", Kind.NEWS, state="paused")
    before = make_edition(workspace, campaign, "once-1", state=EditionState.DONE, one_per="company")
    under_way = make_edition(workspace, campaign, "once-2", planned_at=clock.now, one_per="company")
    ids = [make_customer(f"p{number}@example.com") for number in range(153)]
    tiny, small, large = ids[:3], ids[3:33], ids[33:]
    for name, members in (("Tiny", tiny), ("Small", small), ("Large", large)):
        join_group(workspace, GroupKind.COMPANY, name, [f"#{one}" for one in members], by="ann")
        for person in members:
            make_sent(workspace, before, person, clock.now - timedelta(days=1))
        make_sent(workspace, under_way, members[0], clock.now)

    def work(members: Sequence[int]) -> int:
        """How much the database does to read this company, in thousands of its steps."""
        done = 0

        def step() -> int:
            nonlocal done
            done += 1
            return 0

        with workspace.database.read() as session:
            lists = session.execute(select(col(MailingList.id)).where(col(MailingList.name) == "customers")).scalar()
            driver = session.connection().connection.driver_connection
            assert driver is not None
            driver.set_progress_handler(step, 100)
            houses = houses_with(session, GroupKind.COMPANY, lists, members)
            others = others_in(session, under_way, GroupKind.COMPANY, members)
            mail = HouseMail(GroupKind.COMPANY, shared=True).of(session, members, clock.now - timedelta(days=7))
            driver.set_progress_handler(None, 0)
        assert [len(house) for house in houses.values()] == [len(members)]
        assert set(others) == set(members[1:]) and {one.customer_id for one in others[members[1]]} == {members[0]}
        assert set(mail) == set(members[1:]), "what they got themselves counts no second time"
        return done

    work(small)
    assert 15 * work(tiny) < work(large), "the others on the list are not gone through"
    assert work(large) < 6 * work(small), "four times as many people; by their square it were sixteen times as much"
