"""What becomes of the rows that a dead worker held."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlmodel import col

from outreach.records import DeliveryMove, DeliveryState, FailureClass, Worker
from outreach.store import workers
from outreach.store.workers import Reclaimed
from outreach.work.workspace import Workspace

from ..conftest import BOTH
from .rows import delivery, lay_edition
from .test_outbox import intend, take

pytestmark = BOTH


@pytest.fixture
def held(workspace: Workspace, make_customer: Callable[..., int]) -> list[int]:
    """Four deliveries held by the worker `w1`; the first is in flight."""
    lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(4)])
    rows = take(workspace)
    intend(workspace, rows[:1])
    return [row.id for row in rows]


def reclaim(workspace: Workspace, **how: object) -> Reclaimed:
    with workspace.database.write() as session:
        return workers.reclaim(session, "w1", now=workspace.clock(), max_crashes=3, **how)  # type: ignore[arg-type]


def test_what_was_in_flight_is_in_doubt_and_the_rest_is_queued(workspace: Workspace, held: list[int]) -> None:
    assert reclaim(workspace) == Reclaimed(queued=3, in_doubt=1)
    doubt = delivery(workspace, held[0])
    assert (doubt.state, doubt.reason, doubt.owner) == (DeliveryState.IN_DOUBT, "crash", "w1")
    assert "may have arrived" in doubt.evidence
    queued = delivery(workspace, held[1])
    assert (queued.state, queued.owner, queued.lease_until, queued.crashes) == (DeliveryState.QUEUED, None, None, 0)
    with workspace.database.read() as session:
        told = session.execute(select(DeliveryMove)).scalars().all()
    assert [(one.delivery_id, one.event) for one in told] == [(held[0], "unknown")]
    assert reclaim(workspace).total == 0


def test_only_what_was_in_the_hand_counts_as_a_crash_and_the_third_is_poison(
    workspace: Workspace, held: list[int]
) -> None:
    suspect = held[2]
    for crash in (1, 2):
        reclaim(workspace, suspects=[suspect])
        assert delivery(workspace, suspect).crashes == crash
        assert delivery(workspace, held[3]).crashes == 0
        take(workspace)
    assert reclaim(workspace, suspects=[suspect]) == Reclaimed(queued=2, poison=1)
    with workspace.database.read() as session:
        told = session.execute(select(DeliveryMove).where(col(DeliveryMove.delivery_id) == suspect)).scalars()
        assert [one.event for one in told] == ["release", "release", "poison"]
    poisoned = delivery(workspace, suspect)
    assert (poisoned.state, poisoned.failure, poisoned.crashes) == (DeliveryState.FAILED, FailureClass.POISON, 3)


def test_an_inflight_suspect_is_in_doubt_and_never_queued(workspace: Workspace, held: list[int]) -> None:
    assert reclaim(workspace, suspects=held[:1]).in_doubt == 1
    assert delivery(workspace, held[0]).state is DeliveryState.IN_DOUBT


def test_a_lease_is_lengthened_by_a_beat_and_runs_out_without(
    workspace: Workspace, held: list[int], clock: Callable[..., object]
) -> None:
    def overdue() -> list[str]:
        with workspace.database.read() as session:
            return workers.overdue(session, workspace.clock())

    clock.advance(minutes=8)  # type: ignore[attr-defined]
    with workspace.database.write() as session:
        assert workers.holders(session) == ["w1"]
        workers.beat(session, "w1", workspace.clock(), timedelta(minutes=10))
    clock.advance(minutes=8)  # type: ignore[attr-defined]
    assert overdue() == []
    assert reclaim(workspace, only_overdue=True).total == 0
    clock.advance(minutes=3)  # type: ignore[attr-defined]
    assert overdue() == ["w1"]
    assert reclaim(workspace, only_overdue=True) == Reclaimed(queued=3, in_doubt=1)
    assert overdue() == []


def test_a_worker_signs_on_and_off(workspace: Workspace) -> None:
    with workspace.database.write() as session:
        workers.sign_on(session, "w9", "send", workspace.clock())
        session.flush()
        workers.sign_off(session, "w9", workspace.clock())
    with workspace.database.read() as session:
        row = session.execute(select(Worker).where(col(Worker.name) == "w9")).scalar_one()
    assert row.stopped_at == workspace.clock()
