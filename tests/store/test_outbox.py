"""The outbox: claims, intents and moves as compare-and-set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update
from sqlmodel import col

from outreach.records import (
    YES,
    Boost,
    Campaign,
    Customer,
    Delivery,
    DeliveryEvent,
    DeliveryMove,
    DeliveryState,
    Edition,
    EditionState,
    Kind,
    Permission,
    WorkspaceRow,
    withhold,
)
from outreach.store import doubts, health, outbox, workers
from outreach.store.moves import Move, apply_moves, keep_choices, late_reply, refuse, release
from outreach.store.outbox import Claimed
from outreach.work.workspace import Workspace

from ..conftest import BOTH
from .rows import delivery, lay_edition, states_of

pytestmark = BOTH

LEASE = timedelta(minutes=10)
People = Callable[..., int]


@pytest.fixture
def three(make_customer: People) -> list[int]:
    return [make_customer(f"{name}@example.com") for name in ("ann", "bob", "cid")]


def take(
    workspace: Workspace, *, owner: str = "w1", limit: int = 100, editions: list[int] | None = None
) -> list[Claimed]:
    with workspace.database.write() as session:
        return outbox.claim(session, edition_ids=editions, owner=owner, limit=limit, now=workspace.clock(), lease=LEASE)


def intend(workspace: Workspace, rows: list[Claimed]) -> set[int]:
    with workspace.database.write() as session:
        return outbox.intend(session, rows, workspace.clock())


def make(workspace: Workspace, *moves: Move) -> list[Move]:
    with workspace.database.write() as session:
        return apply_moves(session, moves, workspace.clock())


def settled(
    row: Claimed, event: DeliveryEvent, *, before: DeliveryState = DeliveryState.INFLIGHT, **more: object
) -> Move:
    return Move(row, before, (event,), tried=True, **more)  # type: ignore[arg-type]


def test_the_same_person_gets_one_row_per_campaign_and_occasion(workspace: Workspace, three: list[int]) -> None:
    edition = lay_edition(workspace, three)
    with workspace.database.write() as session:
        row = session.execute(select(Delivery).limit(1)).scalar_one()
        again = {
            name: getattr(row, name) for name in ("edition_id", "campaign_id", "occasion", "address_key", "due_at")
        }
        assert outbox.insert_deliveries(session, [again | {"public_id": "x", "kind": Kind.NEWS}]) == 0
        other = again | {"public_id": "y", "kind": Kind.NEWS, "occasion": "once-2"}
        assert outbox.insert_deliveries(session, [other]) == 1
    assert len(states_of(workspace, edition)) == 4


def test_a_claim_gives_a_name_a_fence_a_lease_and_the_versions(workspace: Workspace, three: list[int]) -> None:
    lay_edition(workspace, three)
    rows = take(workspace, limit=2)
    assert [row.customer_id for row in rows] == three[:2]
    kept = delivery(workspace, rows[0].id)
    assert (kept.state, kept.owner, kept.fence) == (DeliveryState.CLAIMED, "w1", 1)
    assert kept.lease_until == workspace.clock() + LEASE
    assert (kept.customer_version, kept.campaign_version, kept.workspace_version) == (1, 1, 1)
    assert len(take(workspace, owner="w2")) == 1
    assert take(workspace) == []


def test_what_is_not_due_or_not_open_is_not_claimed(workspace: Workspace, three: list[int], clock: object) -> None:
    later = workspace.clock() + timedelta(hours=1)
    lay_edition(workspace, three[:1], due_at=later, occasion="later")
    waiting = lay_edition(workspace, three[1:2], occasion="waiting")
    with workspace.database.write() as session:
        session.execute(update(Edition).where(col(Edition.id) == waiting).values(state=EditionState.WAITING))
    mine = lay_edition(workspace, three[2:], occasion="open")
    lay_edition(workspace, three[2:], occasion="other")
    assert [row.edition_id for row in take(workspace, editions=[mine])] == [mine]


def test_single_mails_go_before_bulk(workspace: Workspace, three: list[int]) -> None:
    lay_edition(workspace, three)
    single = lay_edition(workspace, three[:1], name="_service", kind=Kind.SERVICE)
    assert take(workspace, limit=1)[0].edition_id == single


def test_an_intent_is_granted_only_while_the_versions_stand(workspace: Workspace, three: list[int]) -> None:
    lay_edition(workspace, three)
    rows = take(workspace)
    with workspace.database.write() as session:
        session.execute(update(Customer).where(col(Customer.id) == three[1]).values(version=2))
    assert intend(workspace, rows) == {rows[0].id, rows[2].id}
    assert delivery(workspace, rows[0].id).state is DeliveryState.INFLIGHT
    assert delivery(workspace, rows[1].id).state is DeliveryState.CLAIMED


@pytest.mark.parametrize("table", [Campaign, WorkspaceRow, Edition])
def test_a_paused_campaign_workspace_or_edition_refuses_every_intent(
    workspace: Workspace, three: list[int], table: type
) -> None:
    lay_edition(workspace, three)
    rows = take(workspace)
    with workspace.database.write() as session:
        stop = {"state": EditionState.PAUSED} if table is Edition else {"version": 2}
        session.execute(update(table).values(**stop))
    assert intend(workspace, rows) == set()


def test_a_worker_that_lost_its_row_gets_no_intent(workspace: Workspace, three: list[int]) -> None:
    lay_edition(workspace, three)
    frozen = take(workspace)
    assert make(workspace, *(release(row) for row in frozen)) == []
    assert len(take(workspace, owner="w2")) == 3
    assert intend(workspace, frozen) == set()
    again = take(workspace, owner="w1")
    assert again == []


def test_the_same_worker_with_an_old_fence_gets_no_intent(workspace: Workspace, three: list[int]) -> None:
    lay_edition(workspace, three)
    old = take(workspace)
    make(workspace, *(release(row) for row in old))
    new = take(workspace)
    assert intend(workspace, old) == set()
    assert intend(workspace, new) == {row.id for row in new}


def test_an_accepted_mail_is_sent_and_its_boost_is_used(workspace: Workspace, three: list[int]) -> None:
    lay_edition(workspace, three)
    now = workspace.clock()
    with workspace.database.write() as session:
        boost = Boost(customer_id=three[0], topic="charging", reason="asked", since=now)
        session.add(boost)
        session.flush()
        assert boost.id is not None
    row = take(workspace, limit=1)[0]
    intend(workspace, [row])
    assert make(workspace, settled(row, DeliveryEvent.ACCEPTED, response="250 ok", relay="r", boosts=(boost.id,))) == []
    kept = delivery(workspace, row.id)
    assert (kept.state, kept.sent_at, kept.settled_at, kept.owner) == (DeliveryState.SENT, now, now, None)
    assert (kept.attempts, kept.response, kept.relay, kept.fence) == (1, "250 ok", "r", 1)
    with workspace.database.read() as session:
        assert session.execute(select(col(Boost.used_at))).scalar() == now


def test_a_deferred_mail_waits_for_its_time_and_keeps_its_history(
    workspace: Workspace, three: list[int], clock: object
) -> None:
    lay_edition(workspace, three[:1])
    row = take(workspace)[0]
    next_at = workspace.clock() + timedelta(minutes=30)
    make(
        workspace,
        settled(row, DeliveryEvent.TEMPORARY, before=DeliveryState.CLAIMED, response="450 busy", next_at=next_at),
    )
    assert take(workspace) == []
    clock.advance(minutes=31)  # type: ignore[attr-defined]
    again = take(workspace)[0]
    assert (again.fence, again.attempts) == (2, 1)
    with workspace.database.read() as session:
        told = session.execute(select(DeliveryMove)).scalars().all()
    assert [(one.event, one.before, one.after, one.detail) for one in told] == [
        ("temporary", DeliveryState.CLAIMED, DeliveryState.DEFERRED, "450 busy")
    ]


def test_a_move_from_a_state_that_no_longer_holds_changes_nothing(workspace: Workspace, three: list[int]) -> None:
    lay_edition(workspace, three)
    rows = take(workspace)
    intend(workspace, rows)
    make(workspace, settled(rows[0], DeliveryEvent.UNKNOWN))
    late = [settled(row, DeliveryEvent.ACCEPTED, response="250") for row in rows]
    assert make(workspace, *late) == [late[0]]
    assert delivery(workspace, rows[0].id).state is DeliveryState.IN_DOUBT
    assert delivery(workspace, rows[1].id).state is DeliveryState.SENT
    evidence = late_reply(late[0])
    assert evidence is not None
    assert make(workspace, evidence) == []
    assert delivery(workspace, rows[0].id).state is DeliveryState.SENT


def test_a_late_temporary_reply_settles_nothing(workspace: Workspace, three: list[int]) -> None:
    lay_edition(workspace, three)
    row = take(workspace)[0]
    assert late_reply(settled(row, DeliveryEvent.TEMPORARY)) is None
    assert late_reply(release(row)) is None


def test_a_move_that_the_table_does_not_know_cannot_be_made(workspace: Workspace, three: list[int]) -> None:
    lay_edition(workspace, three)
    row = take(workspace)[0]
    with pytest.raises(ValueError, match="cannot be moved"):
        make(workspace, Move(row, DeliveryState.INFLIGHT, (DeliveryEvent.RELEASE,)))


def test_a_refusal_is_kept_with_its_reason(workspace: Workspace, three: list[int]) -> None:
    lay_edition(workspace, three)
    rows = take(workspace)
    tonight = workspace.clock() + timedelta(hours=9)
    make(
        workspace,
        refuse(rows[0], withhold("unsubscribed", "on 2026-11-30 by one-click")),
        refuse(rows[1], Permission(DeliveryState.CANCELLED, "cancelled", "campaign cancelled")),
        refuse(rows[2], Permission(reason="quiet_hours", evidence="21:00 to 08:00", later=tonight)),
    )
    kept = [delivery(workspace, row.id) for row in rows]
    assert [row.state for row in kept] == [DeliveryState.WITHHELD, DeliveryState.CANCELLED, DeliveryState.QUEUED]
    assert [row.reason for row in kept] == ["unsubscribed", "cancelled", "quiet_hours"]
    assert kept[2].next_at == tonight
    assert take(workspace) == []
    assert YES.allowed


def test_choices_are_kept_by_whoever_holds_the_row_only(workspace: Workspace, three: list[int]) -> None:
    lay_edition(workspace, three)
    rows = take(workspace)
    make(workspace, release(rows[0]))
    with workspace.database.write() as session:
        keep_choices(session, [(row, {"tips": ["a"]}) for row in rows])
    assert delivery(workspace, rows[0].id).choices == {}
    assert delivery(workspace, rows[1].id).choices == {"tips": ["a"]}


def test_an_edition_is_done_when_nothing_is_left_in_it(workspace: Workspace, three: list[int]) -> None:
    edition = lay_edition(workspace, three)
    rows = take(workspace)
    intend(workspace, rows)
    make(workspace, settled(rows[0], DeliveryEvent.ACCEPTED), settled(rows[1], DeliveryEvent.UNKNOWN))

    def finish() -> list[int]:
        with workspace.database.write() as session:
            return outbox.finish_editions(session, [edition], workspace.clock())

    assert finish() == []
    make(workspace, settled(rows[2], DeliveryEvent.PERMANENT))
    assert finish() == [edition]
    with workspace.database.read() as session:
        kept = session.get(Edition, edition)
        assert kept is not None
        assert (kept.state, kept.finished_at) == (EditionState.DONE, workspace.clock())


@pytest.mark.sqlite
def test_no_statement_reads_the_whole_outbox(workspace: Workspace, three: list[int]) -> None:
    edition = lay_edition(workspace, three)
    ran: list[str] = []

    def listen(connection: Any, _record: Any = None) -> None:
        connection.set_trace_callback(ran.append)  # also what goes to the driver without SQLAlchemy

    workspace.database.engine.dispose()
    event.listen(workspace.database.engine, "connect", listen)
    rows = take(workspace)
    intend(workspace, rows)
    make(workspace, *(settled(row, DeliveryEvent.UNKNOWN) for row in rows))
    with workspace.database.write() as session:
        outbox.finish_editions(session, [edition], workspace.clock())
        workers.beat(session, "w1", workspace.clock(), LEASE)
        workers.holders(session)
        workers.overdue(session, workspace.clock())
        workers.reclaim(session, "w1", now=workspace.clock(), max_crashes=3)
        list(doubts.doubts(session))
        list(doubts.doubts(session, 1))
        health.in_doubt(session, workspace.clock())
        outbox.count_due(session, [edition], workspace.clock())
    event.remove(workspace.database.engine, "connect", listen)
    asked = [statement for statement in ran if statement.startswith(("SELECT", "UPDATE"))]
    sought = 0
    with workspace.database.read() as session:
        for statement in asked:
            found = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement.replace(':', '::')}")
            plan = [str(row[3]) for row in found]
            assert "SCAN delivery" not in " ".join(plan), statement
            if statement.startswith("UPDATE delivery") and "delivery.id" in statement:
                assert plan[0] == "SEARCH delivery USING INTEGER PRIMARY KEY (rowid=?)", (statement, plan)
                sought += 1
    assert sought >= 3, "a claim, an intent and a move"
