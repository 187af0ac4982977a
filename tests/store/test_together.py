"""A whole commit in one call: outcomes, intents and the lane's turn, all of them or none."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from datetime import timedelta

import pytest
from sqlalchemy import text, update
from sqlmodel import col

from outreach.errors import DatabaseError
from outreach.records import LANES, Campaign, Customer, DeliveryEvent, DeliveryState
from outreach.store.database import open_database
from outreach.store.lanes import raise_lane, turns_of
from outreach.store.moves import Move, apply_moves, release, settle_sent
from outreach.store.outbox import Claimed, claim
from outreach.store.together import settle_and_intend
from outreach.work.workspace import Workspace

from ..conftest import BOTH
from .rows import delivery, lay_edition, states_of

pytestmark = BOTH
SENT, INFLIGHT, CLAIMED = DeliveryState.SENT, DeliveryState.INFLIGHT, DeliveryState.CLAIMED


@pytest.fixture
def rows(workspace: Workspace, make_customer: Callable[..., int]) -> list[Claimed]:
    """Four claimed deliveries."""
    lay_edition(workspace, [make_customer(f"{name}@example.com") for name in ("ann", "bob", "cid", "dan")])
    with workspace.database.write(beside=True) as session:
        lease = timedelta(minutes=10)
        return claim(session, edition_ids=None, owner="w", limit=9, now=workspace.clock(), lease=lease)


def accepted(row: Claimed) -> Move:
    return Move(row, INFLIGHT, (DeliveryEvent.ACCEPTED,), response='250 \0ok "{a,}\\\\b" NULL', relay="one", tried=True)


def turns(workspace: Workspace) -> tuple[int, ...]:
    with workspace.database.read() as session:
        return turns_of(session)


def states(workspace: Workspace, rows: list[Claimed]) -> list[DeliveryState]:
    return states_of(workspace, rows[0].edition_id)


def test_outcomes_and_intents_are_committed_when_it_returns(workspace: Workspace, rows: list[Claimed]) -> None:
    ann, bob, cid, _ = rows
    with workspace.database.keep_writing() as writer:
        first = settle_and_intend(writer, [], {"one": [ann], "two": [bob]}, workspace.clock())
        assert first.granted == {ann.id, bob.id}
        assert states(workspace, rows) == [INFLIGHT, INFLIGHT, CLAIMED, CLAIMED]
        then = settle_and_intend(writer, [accepted(ann)], {"one": [cid]}, workspace.clock())
        assert (then.granted, then.missed) == ({cid.id}, [])
        assert then.raised is not None
        assert turns(workspace)[writer.lane] == then.raised[1] == 2
        last = settle_and_intend(writer, [accepted(bob), accepted(cid)], {}, workspace.clock())
        assert (last.granted, last.missed, last.raised) == (set(), [], None)
    assert states(workspace, rows) == [SENT, SENT, SENT, CLAIMED]
    kept = delivery(workspace, bob.id)
    assert (kept.relay, kept.attempts, kept.sent_at, kept.owner) == ("one", 1, workspace.clock(), None)
    assert kept.intent_at == workspace.clock()
    assert sum(turns(workspace)) == 2


def test_whoever_changed_meanwhile_gets_no_leave_and_the_turn_stays_where_nobody_does(
    workspace: Workspace, rows: list[Claimed]
) -> None:
    with workspace.database.write() as session:
        session.execute(update(Customer).where(col(Customer.id) == rows[0].customer_id).values(version=2))
    with workspace.database.keep_writing() as writer:
        assert settle_and_intend(writer, [], {"one": rows[:2]}, workspace.clock()).granted == {rows[1].id}
        with workspace.database.write() as session:
            session.execute(update(Campaign).values(version=2))
        refused = settle_and_intend(writer, [accepted(rows[1])], {"one": rows[2:]}, workspace.clock())
    assert (refused.granted, refused.missed, refused.raised) == (set(), [], None)
    assert states(workspace, rows) == [CLAIMED, SENT, CLAIMED, CLAIMED]
    assert sum(turns(workspace)) == 1


def test_a_move_that_finds_its_row_elsewhere_is_told_and_stops_nothing_else(
    workspace: Workspace, rows: list[Claimed]
) -> None:
    ann, bob, cid, _ = rows
    with workspace.database.keep_writing() as writer:
        settle_and_intend(writer, [], {"one": [ann]}, workspace.clock())
        done = settle_and_intend(writer, [accepted(ann), accepted(bob)], {"one": [cid]}, workspace.clock())
    assert ([made.row.id for made in done.missed], done.granted) == ([bob.id], {cid.id})
    assert states(workspace, rows) == [SENT, CLAIMED, INFLIGHT, CLAIMED]


def test_only_what_has_no_consequences_goes_together(workspace: Workspace, rows: list[Claimed]) -> None:
    told = Move(rows[0], INFLIGHT, (DeliveryEvent.TEMPORARY,), reason="busy", tried=True)
    with workspace.database.keep_writing() as writer:
        for moves, asked in (([told], []), ([accepted(rows[0])] * 2, []), ([accepted(rows[0])], rows[:1])):
            with pytest.raises(ValueError, match="plain moves"):
                settle_and_intend(writer, moves, {"one": asked} if asked else {}, workspace.clock())
        assert settle_and_intend(writer, [], {}, workspace.clock()).raised is None


def test_after_a_failure_nothing_is_kept_and_the_next_commit_is_made(workspace: Workspace, rows: list[Claimed]) -> None:
    wrong = release(rows[1], next_at="never")  # type: ignore[arg-type]
    with workspace.database.keep_writing() as writer:
        if writer.is_sqlite:
            pytest.skip("SQLite keeps any text")
        with pytest.raises(DatabaseError):
            settle_and_intend(writer, [wrong], {"one": rows[:1]}, workspace.clock())
        assert states(workspace, rows) == [CLAIMED] * 4
        with writer.write():  # in an open transaction as before
            pass
        assert settle_and_intend(writer, [], {"one": rows[:1]}, workspace.clock()).granted == {rows[0].id}
    elsewhere = open_database(workspace.settings.database, workspace.root)
    with elsewhere.read() as session:
        assert sum(turns_of(session)) == 1
    elsewhere.close()


def test_a_mail_that_was_taken_is_written_alike_by_the_short_way_and_by_the_long_one(
    workspace: Workspace, rows: list[Claimed]
) -> None:
    ann, bob, cid, _ = rows
    now = workspace.clock()
    with workspace.database.keep_writing() as writer:
        settle_and_intend(writer, [], {"one": [ann, bob]}, now)
        settle_and_intend(writer, [accepted(ann)], {}, now)
    with workspace.database.write() as session:
        assert apply_moves(session, [accepted(bob)], now) == []
        assert settle_sent(session, [accepted(cid)], now) == [accepted(cid)], "it was never in flight"
    own = {"id", "public_id", "customer_id", "address_key", "domain_key"}
    short, long = (delivery(workspace, row.id).model_dump(exclude=own) for row in (ann, bob))
    assert short == long
    assert (short["state"], short["attempts"], short["lease_until"]) == (SENT, 1, None)


def test_the_turn_is_raised_where_it_lies_and_found_again_where_another_hand_has_moved_it(
    workspace: Workspace, rows: list[Claimed]
) -> None:
    with workspace.database.keep_writing() as writer:
        if writer.is_sqlite:
            pytest.skip("its rows lie in order of their numbers")
        assert writer.alone
        lies = []
        for number, row in enumerate(rows[:3], 1):
            done = settle_and_intend(writer, [], {"one": [row]}, workspace.clock())
            assert done.raised is not None
            assert done.raised[1] == turns(workspace)[writer.lane] == number + (number > 2)
            lies.append(writer.lane_lies)
            if number == 2:
                with workspace.database.write() as session:
                    session.execute(text("UPDATE lane SET turn = turn + 1 WHERE id = :lane"), {"lane": writer.lane})
        assert len(set(lies)) == 3 and None not in lies
        with workspace.database.write() as session:
            session.execute(text("UPDATE lane SET turn = 49 WHERE id = :lane"), {"lane": writer.lane})
        assert settle_and_intend(writer, [], {"one": [rows[3]]}, workspace.clock()).raised is not None
        assert writer.lane_lies is None, "so that it is sought by its number, which clears the page"


def test_a_turn_is_raised_also_where_another_who_shares_the_lane_raises_it_in_that_moment(
    workspace: Workspace, rows: list[Claimed]
) -> None:
    database = workspace.database
    if database.is_sqlite:
        pytest.skip("all writers share one lane there")
    with ExitStack() as entered:
        writers = [entered.enter_context(database.keep_writing()) for _ in range(LANES)]
        shares = writers[-1]
        own = next(writer for writer in writers if writer.lane == shares.lane)
        assert own.alone and not shares.alone
        with ThreadPoolExecutor(1) as pool:
            with shares.write():
                raise_lane(shares, shares.lane)
                done = pool.submit(settle_and_intend, own, [], {"one": rows[:1]}, workspace.clock())
                wait([done], timeout=0.5)
                assert not done.done(), "it waits for the other"
            found = done.result(timeout=10)
        assert (found.granted, found.raised is not None and found.raised[1]) == ({rows[0].id}, 2)
        assert turns(workspace)[own.lane] == 2
