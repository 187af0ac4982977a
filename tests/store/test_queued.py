"""On PostgreSQL whoever waits stands in a narrow table; claims take them from there, and nothing else is in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import permutations

import pytest
from alembic import command
from sqlalchemy import text, update
from sqlmodel import col

from outreach.delivery.domain import Finding
from outreach.records import Delivery, DeliveryEvent, DeliveryState, Edition, EditionState
from outreach.store import outbox
from outreach.store.migrate import migrate
from outreach.store.moves import Move, apply_moves, release
from outreach.store.postgresql import by_keys
from outreach.store.queued import _TAKE_OUT, Reached
from outreach.store.together import settle_and_intend
from outreach.work import doctor_server
from outreach.work.doctor_server import check_server
from outreach.work.upgrade import upgrade
from outreach.work.workspace import Workspace

from .rows import lay_edition
from .test_slices import alembic_on, take

pytestmark = [pytest.mark.needs_debian, pytest.mark.parametrize("backend", ["postgresql"], indirect=True)]


@pytest.fixture
def edition(workspace: Workspace, make_customer: Callable[..., int]) -> int:
    """An edition for five people."""
    return lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(5)])


def queue(workspace: Workspace) -> list[int]:
    """Who stands in the queue; each of them must be as the delivery says."""
    with workspace.database.read() as session:
        there = session.execute(text("SELECT id FROM queued_row ORDER BY id")).scalars().all()
        same = "JOIN delivery USING (edition_id, wave, due_at, id) WHERE state = 'queued'"
        assert session.execute(text(f"SELECT count(*) FROM queued_row {same}")).scalar() == len(there)
    return list(there)


def change(workspace: Workspace, number: int, **values: object) -> None:
    with workspace.database.write() as session:
        session.execute(update(Delivery).where(col(Delivery.id) == number).values(**values))


def test_a_delivery_stands_in_the_queue_just_while_it_is_queued(workspace: Workspace, edition: int) -> None:
    assert queue(workspace) == [1, 2, 3, 4, 5]
    others = [state for state in DeliveryState if state is not DeliveryState.CLAIMED]
    for before, after in permutations(others, 2):
        if DeliveryState.QUEUED in (before, after):
            change(workspace, 3, state=before)
            change(workspace, 3, state=after)
            assert queue(workspace) == ([1, 2, 3, 4, 5] if after is DeliveryState.QUEUED else [1, 2, 4, 5]), before
    change(workspace, 3, wave=2)
    change(workspace, 4, due_at=workspace.clock() + timedelta(days=1))
    change(workspace, 5, reason="night", next_at=workspace.clock())
    assert queue(workspace) == [1, 2, 3, 4, 5]
    with workspace.database.write() as session:
        session.execute(text("DELETE FROM delivery WHERE id < 3"))
    assert queue(workspace) == [3, 4, 5]


def test_a_claim_takes_its_own_out_and_what_is_given_back_is_found_again(workspace: Workspace, edition: int) -> None:
    rows = take(workspace, "one", 3)
    assert [row.id for row in rows] == [1, 2, 3]
    assert queue(workspace) == [4, 5]
    with workspace.database.write() as session:
        assert apply_moves(session, [release(rows[1])], workspace.clock()) == []
    assert queue(workspace) == [2, 4, 5]
    assert [row.id for row in take(workspace, "two", 9)] == [2, 4, 5]
    assert queue(workspace) == []


def test_what_stands_in_the_queue_and_is_not_queued_is_never_claimed(workspace: Workspace, edition: int) -> None:
    with workspace.database.write() as session:  # as another's claim leaves it that knows no queue
        session.execute(text("UPDATE delivery SET state = 'claimed', owner = 'old' WHERE id < 3"))
    assert [row.id for row in take(workspace, "one", 2)] == [3, 4]
    with workspace.database.read() as session:
        assert outbox.count_due(session, [edition], workspace.clock(), 9) == 1


def test_an_outcome_is_written_into_no_index(workspace: Workspace, edition: int) -> None:
    rows = take(workspace, "one", 5)
    accepted = (DeliveryEvent.ACCEPTED,)
    moves = [Move(row, DeliveryState.INFLIGHT, accepted, response="250 Ok", relay="one", tried=True) for row in rows]
    changes = text("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'delivery'")
    with workspace.database.keep_writing() as writer:
        assert settle_and_intend(writer, [], {"one": rows}, workspace.clock()).granted == {1, 2, 3, 4, 5}
        assert settle_and_intend(writer, moves[:1], {}, workspace.clock()).missed == []
    with workspace.database.write(beside=True) as session:
        before = session.execute(changes).one()
        assert apply_moves(session, moves[1:], workspace.clock()) == []
        after = session.execute(changes).one()
    assert [new - old for new, old in zip(after, before, strict=True)] == [4, 4]


def test_an_edition_is_done_when_nobody_waits_is_held_or_is_deferred(workspace: Workspace, edition: int) -> None:
    def finished() -> list[int]:
        with workspace.database.write() as session:
            return outbox.finish_editions(session, [edition], workspace.clock())

    rows = take(workspace, "one", 4)
    with workspace.database.write() as session:
        session.execute(text("UPDATE delivery SET state = 'sent' WHERE id > 1 AND id < 5"))
    for state in (DeliveryState.CLAIMED, DeliveryState.INFLIGHT, DeliveryState.DEFERRED, DeliveryState.QUEUED):
        change(workspace, rows[0].id, state=state)
        change(workspace, 5, state=DeliveryState.WITHHELD)
        assert finished() == [], state
    change(workspace, rows[0].id, state=DeliveryState.IN_DOUBT)
    assert finished() == [edition]
    with workspace.database.read() as session:
        assert session.get_one(Edition, edition).state is EditionState.DONE


def test_who_waits_while_the_database_is_upgraded_is_claimed_afterwards(workspace: Workspace, edition: int) -> None:
    take(workspace, "one", 2)
    database = workspace.database
    with database.engine.begin() as connection:
        command.downgrade(alembic_on(connection), "0034")
    change(workspace, 5, state=DeliveryState.DEFERRED)
    migrate(database)
    assert queue(workspace) == [3, 4]
    change(workspace, 5, state=DeliveryState.QUEUED)
    assert [row.id for row in take(workspace, "two", 9)] == [3, 4, 5]


def test_whom_nobody_would_claim_is_told_by_the_doctor_and_found_again_by_an_upgrade(
    workspace: Workspace, edition: int
) -> None:
    """As rows that were put in or changed with the database's own triggers off."""
    assert told_of_the_queue(workspace) == []
    with workspace.database.write() as session:
        session.execute(text("ALTER TABLE delivery DISABLE TRIGGER queued_moved"))
        session.execute(text("UPDATE delivery SET wave = 1 WHERE id = 1"))
        session.execute(text("UPDATE delivery SET state = 'withheld' WHERE id > 2"))
        session.execute(text("DELETE FROM queued_row WHERE id = 2"))
        assert outbox.finish_editions(session, [edition], workspace.clock()) == [edition]
    [told] = told_of_the_queue(workspace)
    assert told.level == "bad" and "2 mails wait" in told.words and "queued_moved is off" in told.words
    assert "outreach db upgrade" in told.remedy
    assert upgrade(workspace.database, workspace.root).found_again == 2
    assert told_of_the_queue(workspace) == []
    assert queue(workspace) == [1, 2]
    change(workspace, 1, wave=0)
    assert [row.id for row in take(workspace, "one", 9)] == [1, 2]
    assert upgrade(workspace.database, workspace.root).found_again == 0


def test_a_program_that_reads_from_an_old_snapshot_is_told_of(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> list[Finding]:
        return [found for found in check_server(workspace) if found.check == "long reader"]

    with workspace.database.read() as dump:
        process = dump.execute(text("SELECT pg_backend_pid()")).scalar()
        assert told() == []
        monkeypatch.setattr(doctor_server, "LONG_MINUTES", 0)
        [found] = told()
        assert f"outreach (process {process}) has read from one snapshot for 0 minutes" in found.words
        assert f"pg_terminate_backend({process})" in found.remedy
    assert told() == []


def told_of_the_queue(workspace: Workspace) -> list[Finding]:
    return [found for found in check_server(workspace) if found.check == "queue"]


def test_what_was_claimed_is_taken_out_by_its_key_though_the_server_last_saw_the_queue_empty(
    workspace: Workspace, edition: int
) -> None:
    with workspace.database.write() as session:  # as a VACUUM leaves it that found the queue worked off
        session.execute(text("UPDATE pg_class SET reltuples = 0, relpages = 1 WHERE relname = 'queued_row'"))
    with workspace.database.read() as session:
        by_keys(session.connection())
        steps = _TAKE_OUT.explain(session, ids=list(range(500)))
    key = " AND ".join(f"({name} = delivery.{name})" for name in ("edition_id", "wave", "due_at", "id"))
    assert any(f"Index Cond: ({key})" in step for step in steps), steps


MANY = 1200


@pytest.fixture
def crowded(workspace: Workspace, edition: int) -> int:
    """The same edition, with so many deliveries more."""
    with workspace.database.write() as session:
        names = [name for name in Delivery.model_fields if name not in ("id", "public_id", "address_key")]
        copied = ", ".join(names)
        session.execute(
            text(
                f"INSERT INTO delivery (public_id, address_key, {copied}) SELECT 'd' || number, 'k' || number, {copied}"
                f" FROM delivery, generate_series(1, {MANY}) number WHERE id = 1"
            )
        )
    return edition


def claim_on(workspace: Workspace, reached: Reached, most: int = 100) -> tuple[int, int]:
    """How many were claimed, and over how many entries of the queue's and the slices' indexes that went."""
    of = "pg_stat_get_xact_tuples_returned"
    walked = text(f"SELECT {of}('queued_row_pkey'::regclass) + {of}('held_slice_pkey'::regclass)")
    with workspace.database.write(beside=True) as session:
        before = session.execute(walked).scalar_one()
        now, lease = workspace.clock(), timedelta(minutes=10)
        rows = outbox.claim(session, edition_ids=None, owner="w", limit=most, now=now, lease=lease, reached=reached)
        went = session.execute(walked).scalar_one() - before
        session.execute(text("UPDATE delivery SET state = 'sent', owner = NULL WHERE state = 'claimed'"))
        return len(rows), went


def test_a_claim_costs_no_more_while_somebody_reads_from_an_old_snapshot(workspace: Workspace, crowded: int) -> None:
    reached = Reached()
    with workspace.database.read() as dump:
        assert dump.execute(text("SELECT count(*) FROM queued_row")).scalar() == MANY + 5
        walked = [claim_on(workspace, reached) for _ in range(MANY // 100)]
        assert all(taken == 100 for taken, _ in walked)
        assert walked[-1][1] <= 1.1 * walked[0][1], walked
        last, went = claim_on(workspace, reached)
        assert (last, went < walked[0][1] / 5) == (5, True)
        assert claim_on(workspace, Reached())[1] > 1000, "the snapshot was to keep what is gone"


def test_who_comes_back_behind_is_claimed_as_soon_as_the_claims_begin_anew(workspace: Workspace, crowded: int) -> None:
    reached = Reached()
    claim_on(workspace, reached)
    change(workspace, 3, state=DeliveryState.QUEUED, owner=None)
    change(workspace, 4, state=DeliveryState.DEFERRED, next_at=workspace.clock())
    assert claim_on(workspace, reached)[0] == 100
    assert claim_on(workspace, reached, MANY)[0] == MANY + 5 - 200
    assert claim_on(workspace, reached)[0] == 0
    reached.forget()
    assert claim_on(workspace, reached)[0] == 2
    with workspace.database.read() as session:
        assert outbox.count_due(session, [crowded], workspace.clock(), 9) == 0
