from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from outreach.records import Delivery, DeliveryState, Edition, EditionState, Schedule, Step
from outreach.store.editions import (
    advance_schedule,
    cancel_some,
    deliveries_to,
    due_counts,
    editions_of,
    end_planning,
    extend_some,
    had_content,
    is_planning,
    keep_schedule,
    last_gone_out,
    move_edition,
    next_number,
    note_missed,
    outcome_counts,
    planned_rows,
    schedules_due,
    unplan,
    withhold_queued,
)
from outreach.store.outbox import insert_deliveries
from outreach.store.plan import recent_bulk, shown_tips
from outreach.work.workspace import Workspace
from tests.conftest import BOTH
from tests.work.planning_kit import make_campaign, make_edition, make_sent

pytestmark = BOTH

MakeCustomer = Callable[..., int]


def _fill(workspace: Workspace, edition_id: int, people: dict[int, DeliveryState]) -> None:
    now = workspace.clock()
    with workspace.database.write() as session:
        edition = session.get_one(Edition, edition_id)
        insert_deliveries(
            session,
            [
                {
                    "public_id": f"{edition_id}-{person}",
                    "edition_id": edition_id,
                    "campaign_id": edition.campaign_id,
                    "occasion": edition.occasion,
                    "customer_id": person,
                    "address_key": f"key-{person}",
                    "kind": edition.kind,
                    "state": state,
                    "due_at": now,
                    "expires_at": now + timedelta(days=1),
                }
                for person, state in people.items()
            ],
        )


def _states(workspace: Workspace, edition_id: int) -> dict[int | None, str]:
    with workspace.database.read() as session:
        rows = session.exec(select(Delivery).where(Delivery.edition_id == edition_id)).all()
        return {row.customer_id: row.state.value for row in rows}


def test_a_schedule_is_advanced_by_one_of_two_who_saw_the_same_occasion(workspace: Workspace) -> None:
    campaign, now = make_campaign(workspace), workspace.clock()
    rule = {"rule": "every day at 09:00", "zone": "UTC", "next_at": now, "next_occasion": "2026-12-01/09:00"}
    with workspace.database.write() as session:
        keep_schedule(session, campaign, rule)
        keep_schedule(session, campaign, rule)
    with workspace.database.read() as session:
        ((_, seen),) = schedules_due(session, now)
    later = {"done": "2026-12-01/09:00", "next_at": now + timedelta(days=1), "next_occasion": "2026-12-02/09:00"}
    for expected in (True, False):
        with workspace.database.write() as session:
            assert advance_schedule(session, seen, **later) is expected
    with workspace.database.write() as session:
        assert schedules_due(session, now) == []
        assert session.exec(select(Schedule)).one().last_occasion == "2026-12-01/09:00"
        keep_schedule(session, campaign, None)
        assert session.exec(select(Schedule)).all() == []


def test_an_edition_moves_only_from_the_state_that_was_seen_and_planning_ends_once(workspace: Workspace) -> None:
    edition = make_edition(workspace, make_campaign(workspace), state=EditionState.PLANNING)
    with workspace.database.write() as session:
        assert is_planning(session, edition)
        assert end_planning(session, edition, 3, "digest", workspace.clock())
        assert not end_planning(session, edition, 4, "other", workspace.clock())
        assert not is_planning(session, edition)
        assert move_edition(session, edition, [EditionState.PLANNING], EditionState.OPEN)
        assert not move_edition(session, edition, [EditionState.PLANNING], EditionState.WAITING, "no")
    with workspace.database.read() as session:
        found = session.get_one(Edition, edition)
        assert (found.planned, found.planned_digest, found.state) == (3, "digest", EditionState.OPEN)


def test_rows_are_taken_back_only_while_the_edition_is_planned(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    people = [make_customer(f"p{number}@example.com") for number in range(3)]
    edition = make_edition(workspace, make_campaign(workspace), state=EditionState.PLANNING)
    _fill(workspace, edition, dict.fromkeys(people, DeliveryState.QUEUED))
    with workspace.database.write() as session:
        rows = list(planned_rows(session, edition))
        assert [customer for _, customer in rows] == people
        unplan(session, edition, [rows[0][0]])
    assert set(_states(workspace, edition)) == set(people[1:])
    with workspace.database.write() as session:
        end_planning(session, edition, 2, "", workspace.clock())
        unplan(session, edition, [rows[1][0]])
    assert set(_states(workspace, edition)) == set(people[1:])


def test_only_queued_mail_of_the_edition_is_withheld_with_its_reason(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann, ben = make_customer("ann@example.com"), make_customer("ben@example.com")
    campaign = make_campaign(workspace)
    one, two = make_edition(workspace, campaign), make_edition(workspace, campaign, "once-2")
    _fill(workspace, one, {ann: DeliveryState.QUEUED, ben: DeliveryState.SENT})
    _fill(workspace, two, {ann: DeliveryState.QUEUED})
    with workspace.database.write() as session:
        refusals = {ann: ("render: plan", "no such value"), ben: ("render: plan", "no such value")}
        assert withhold_queued(session, one, refusals, workspace.clock()) == 1
        assert withhold_queued(session, one, {}, workspace.clock()) == 0
        assert (DeliveryState.WITHHELD, "render: plan", 1) in outcome_counts(session, one)
    assert _states(workspace, one) == {ann: "withheld", ben: "sent"}
    assert _states(workspace, two) == {ann: "queued"}


def test_mail_still_to_go_is_cancelled_or_given_more_time_in_portions(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    people = [make_customer(f"p{number}@example.com") for number in range(5)]
    edition = make_edition(workspace, make_campaign(workspace))
    states = [
        DeliveryState.QUEUED,
        DeliveryState.DEFERRED,
        DeliveryState.QUEUED,
        DeliveryState.SENT,
        DeliveryState.IN_DOUBT,
    ]
    _fill(workspace, edition, dict(zip(people, states, strict=True)))
    until, last, rounds = workspace.clock() + timedelta(days=9), None, 0
    with workspace.database.write() as session:
        while last := extend_some(session, edition, until, after=last, limit=2):
            rounds += 1
        rows = session.exec(select(Delivery).where(Delivery.expires_at == until)).all()
        assert (rounds, {row.customer_id for row in rows}) == (2, set(people[:3]))
        assert sum(count for _, _, count in due_counts(session, edition)) == 3
        rounds = 0
        while last := cancel_some(session, edition, "superseded", workspace.clock(), after=last, limit=2):
            rounds += 1
        assert rounds == 2
    assert sorted(_states(workspace, edition).values()) == ["cancelled", "cancelled", "cancelled", "in_doubt", "sent"]


def test_who_is_woken_while_an_edition_is_given_more_time_gets_it_too(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    woken, *others = [make_customer(f"p{number}@example.com") for number in range(3)]
    edition = make_edition(workspace, make_campaign(workspace))
    _fill(workspace, edition, dict.fromkeys(others, DeliveryState.QUEUED) | {woken: DeliveryState.DEFERRED})
    until = workspace.clock() + timedelta(days=9)
    wave = update(Delivery).where(col(Delivery.customer_id) != woken).values(wave=1)
    wake = update(Delivery).where(col(Delivery.customer_id) == woken).values(state=DeliveryState.QUEUED)
    with workspace.database.write() as session:
        session.execute(wave)
        last = extend_some(session, edition, until, limit=1)
        session.execute(wake)
        while last := extend_some(session, edition, until, after=last, limit=1):
            pass
        assert set(session.execute(select(col(Delivery.expires_at))).scalars()) == {until}


def test_the_last_edition_that_went_out_and_who_had_its_content(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    ann, ben = make_customer("ann@example.com"), make_customer("ben@example.com")
    campaign, now = make_campaign(workspace), workspace.clock()
    first = make_edition(workspace, campaign, "once-1", state=EditionState.DONE, content_digest="same")
    make_edition(workspace, campaign, "once-2", state=EditionState.CANCELLED, content_digest="same", number=2)
    third = make_edition(workspace, campaign, "once-3", content_digest="same", number=3)
    other = make_edition(workspace, make_campaign(workspace, "other"), content_digest="same")
    make_sent(workspace, first, ann, now)
    make_sent(workspace, other, ben, now)
    with workspace.database.read() as session:
        found = last_gone_out(session, campaign, third)
        assert found is not None and found.id == first
        assert last_gone_out(session, campaign, first) is None
        assert next_number(session, campaign) == 4
        assert had_content(session, campaign, "same", [ann, ben]) == {ann}
        assert had_content(session, campaign, "changed", [ann, ben]) == set()
        assert [edition.occasion for edition in editions_of(session, campaign)] == ["once-1", "once-2", "once-3"]
        assert [edition.id for _, edition in deliveries_to(session, campaign, ann)] == [first]


def test_a_long_list_of_missed_occasions_is_told_in_few_words_and_kept_whole(workspace: Workspace) -> None:
    campaign = make_campaign(workspace)
    names = [f"2026-12-{day:02}/09:00" for day in range(1, 8)]
    with workspace.database.write() as session:
        note_missed(session, campaign, names, "nothing ran", workspace.clock())
        step = session.exec(select(Step)).one()
    assert step.what.startswith("passed over 7 occasions: 2026-12-01/09:00, ")
    assert step.what.endswith(", …")
    assert step.evidence == {"occasions": names}


@pytest.mark.sqlite
def test_what_is_asked_for_every_slice_goes_by_customer_and_never_walks_all_that_was_sent(workspace: Workspace) -> None:
    asked: list[str] = []
    with workspace.database.read() as session:
        driver: Any = session.connection().connection.driver_connection
        driver.set_trace_callback(asked.append)  # also what goes to the driver without SQLAlchemy
        people = list(range(1, 400))
        recent_bulk(session, people, workspace.clock())
        shown_tips(session, people, but_edition=1)
        had_content(session, 1, "x", people)
        driver.set_trace_callback(None)
        plans = [
            str(driver.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall())
            for statement in asked
            if "FROM delivery" in statement
        ]
    assert len(plans) == 3
    assert all("ix_delivery_customer (customer_id=?)" in plan for plan in plans), plans
