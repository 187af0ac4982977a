"""The account of an edition: it adds up at every instant, and it notices when it does not."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, update
from sqlmodel import col

from outreach.records import Campaign, Delivery, DeliveryEvent, DeliveryState
from outreach.store.accounts import EditionAccount, account, people_in
from outreach.store.moves import Move, apply_moves
from outreach.work.workspace import Workspace

from ..conftest import BOTH
from .rows import lay_edition
from .test_outbox import intend, take

pytestmark = BOTH

People = Callable[..., int]


def accounts(workspace: Workspace) -> list[EditionAccount]:
    with workspace.database.read() as session:
        campaign = session.execute(select(col(Campaign.id))).scalar()
        assert campaign is not None
        return account(session, campaign)


def test_an_account_names_every_state_and_adds_up(workspace: Workspace, make_customer: People) -> None:
    lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(5)])
    rows = take(workspace, limit=3)
    intend(workspace, rows[:2])
    with workspace.database.write() as session:
        apply_moves(session, [Move(rows[0], DeliveryState.INFLIGHT, (DeliveryEvent.ACCEPTED,))], workspace.clock())
    [one] = accounts(workspace)
    assert set(one.counts) == set(DeliveryState)
    assert (one.counts[DeliveryState.SENT], one.counts[DeliveryState.INFLIGHT]) == (1, 1)
    assert (one.counts[DeliveryState.CLAIMED], one.counts[DeliveryState.QUEUED]) == (1, 2)
    assert one.total == one.planned == 5
    assert one.adds_up
    assert one.digest_matches is True


def test_a_row_that_vanished_is_noticed(workspace: Workspace, make_customer: People) -> None:
    lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(3)])
    with workspace.database.write() as session:
        session.execute(delete(Delivery).where(col(Delivery.id) == 2))
    [one] = accounts(workspace)
    assert not one.adds_up
    assert (one.planned, one.total) == (3, 2)


def test_a_row_for_somebody_else_is_noticed_though_the_count_is_right(
    workspace: Workspace, make_customer: People
) -> None:
    lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(3)])
    with workspace.database.write() as session:
        session.execute(update(Delivery).where(col(Delivery.id) == 2).values(address_key="stranger"))
    [one] = accounts(workspace)
    assert one.total == one.planned
    assert one.digest_matches is False
    assert not one.adds_up


def test_every_name_behind_a_number_can_be_read(workspace: Workspace, make_customer: People) -> None:
    edition = lay_edition(workspace, [make_customer("ann@example.com"), make_customer("bob@example.com")])
    row = take(workspace, limit=1)[0]
    failed = Move(row, DeliveryState.CLAIMED, (DeliveryEvent.PERMANENT,), reason="refused", response="550 no such user")
    with workspace.database.write() as session:
        apply_moves(session, [failed], workspace.clock())
    with workspace.database.read() as session:
        [line] = people_in(session, edition, DeliveryState.FAILED)
        [other] = people_in(session, edition, DeliveryState.QUEUED)
    assert (line.address, line.reason, line.response) == ("ann@example.com", "refused", "550 no such user")
    assert line.public_id == row.public_id
    assert other.address == "bob@example.com"


ENDS = st.lists(st.sampled_from(("accepted", "permanent", "unknown", "temporary", "release", "crash", "nothing")))


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ends=ENDS)
def test_whatever_happens_planned_is_the_sum_of_all_states(
    workspace: Workspace, make_customer: People, ends: list[str]
) -> None:
    with workspace.database.read() as session:
        known = len(session.execute(select(col(Delivery.id))).all())
    people = [make_customer(f"p{known}-{number}@example.com") for number in range(len(ends))]
    edition = lay_edition(workspace, people, occasion=f"once-{known}-{len(ends)}")
    rows = take(workspace, editions=[edition])
    for row, end in zip(rows, ends, strict=False):
        if end in ("nothing", "release"):
            moves = [Move(row, DeliveryState.CLAIMED, (DeliveryEvent.RELEASE,))] if end == "release" else []
        elif end == "crash":
            intend(workspace, [row])
            moves = []
        else:
            intend(workspace, [row])
            moves = [Move(row, DeliveryState.INFLIGHT, (DeliveryEvent(end),), tried=True)]
        with workspace.database.write() as session:
            assert apply_moves(session, moves, workspace.clock()) == []
        assert all(one.adds_up for one in accounts(workspace))
