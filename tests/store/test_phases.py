"""Rows are found by their state on both databases; on PostgreSQL an intent is written into no index."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import combinations

import pytest
from sqlalchemy import select, text, update
from sqlmodel import col

from outreach.records import Delivery, DeliveryState
from outreach.store.outbox import _TAKE_BESIDE_OTHERS, claim, insert_deliveries, intend
from outreach.store.phases import GOING, InState, phase
from outreach.store.postgresql import by_keys
from outreach.store.slices import note_slice
from outreach.work.workspace import Workspace

from ..conftest import BOTH
from .rows import delivery, lay_edition


@pytest.fixture
def edition(workspace: Workspace, make_customer: Callable[..., int]) -> int:
    """An edition with one delivery in each state, in the order of the vocabulary."""
    people = [make_customer(f"p{number}@example.com") for number, _ in enumerate(DeliveryState)]
    edition = lay_edition(workspace, people)
    with workspace.database.write() as session:
        ids = session.execute(select(col(Delivery.id)).order_by(col(Delivery.id))).scalars().all()
        for number, state in zip(ids, DeliveryState, strict=True):
            session.execute(update(Delivery).where(col(Delivery.id) == number).values(state=state))
        if session.connection().dialect.name == "postgresql":  # as the claim of those that are held would have
            note_slice(session, "w", [number for number in ids if number is not None])
    return edition


@BOTH
def test_just_the_rows_of_these_states_are_found(workspace: Workspace, edition: int) -> None:
    wanted = [*combinations(DeliveryState, 1), *combinations(DeliveryState, 2), *combinations(DeliveryState, 3)]
    with workspace.database.read() as session:
        for states in wanted:
            found = session.execute(
                select(col(Delivery.state)).where(col(Delivery.edition_id) == edition, InState(*states))
            ).scalars()
            assert sorted(found) == sorted(states)


@pytest.mark.needs_debian
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_the_database_computes_the_phase_as_the_program_names_it(workspace: Workspace, edition: int) -> None:
    with workspace.database.read() as session:
        rows = session.execute(text("SELECT state, phase FROM delivery")).all()
    assert {(row.state, row.phase) for row in rows} == {(state.value, phase(state)) for state in DeliveryState}
    assert sorted(row.state for row in rows if row.phase == GOING) == ["claimed", "inflight", "queued", "sent"]


@pytest.mark.needs_debian
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_an_intent_is_written_into_no_index(workspace: Workspace, make_customer: Callable[..., int]) -> None:
    lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(5)])
    now = workspace.clock()
    with workspace.database.write(beside=True) as session:
        rows = claim(session, edition_ids=None, owner="w", limit=9, now=now, lease=timedelta(minutes=10))
    changes = text("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = 'delivery'")
    with workspace.database.write(beside=True) as session:
        before = session.execute(changes).one()
        assert len(intend(session, rows, now, "one")) == 5
        after = session.execute(changes).one()
    assert [new - old for new, old in zip(after, before, strict=True)] == [5, 5]


@pytest.mark.needs_debian
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_claim_finds_the_next_in_order_without_sorting_or_walking_all_that_waits(
    workspace: Workspace, make_customer: Callable[..., int]
) -> None:
    lay_edition(workspace, [make_customer("ann@example.com")])
    copied = ("edition_id", "campaign_id", "kind", "state", "due_at")
    others = {name: getattr(delivery(workspace, 1), name) for name in copied}
    with workspace.database.write() as session:
        insert_deliveries(
            session,
            [
                others
                | {"occasion": f"again-{number}", "address_key": "", "public_id": str(number)}
                | ({"state": DeliveryState.DEFERRED} if number % 2 else {})
                for number in range(4000)
            ],
        )
    with workspace.database.write() as session:
        session.execute(text("ANALYZE delivery, queued_row"))  # as the server does by itself once many wait
    with workspace.database.read() as session:
        now = workspace.clock()
        by_keys(session.connection())
        given = {"edition": others["edition_id"], "its_wave": 0, "most": 50, "by": "w", "now": now, "until": now}
        steps = _TAKE_BESIDE_OTHERS.explain(session, **given)
    used = [index for step in steps for index in ("queued_row_pkey", "delivery_pkey") if f"using {index} on" in step]
    assert used == ["queued_row_pkey", "delivery_pkey"], steps  # one after the other: each delivery by its own number
    slow = ("Sort", "Seq Scan on delivery", "Bitmap")
    assert not any(word in step for step in steps for word in slow), steps
