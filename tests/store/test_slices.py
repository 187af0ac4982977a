"""What was claimed on PostgreSQL stands in slices, and is found by them until nothing of it is held."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.engine import Connection

import outreach.store.migrate
from outreach.store import workers
from outreach.store.migrate import migrate
from outreach.store.outbox import Claimed, claim
from outreach.store.workers import Reclaimed
from outreach.work.workspace import Workspace

from .rows import lay_edition
from .test_outbox import LEASE, intend

pytestmark = [pytest.mark.needs_debian, pytest.mark.parametrize("backend", ["postgresql"], indirect=True)]


@pytest.fixture
def six(workspace: Workspace, make_customer: Callable[..., int]) -> list[int]:
    """An edition for six people."""
    people = [make_customer(f"p{number}@example.com") for number in range(6)]
    lay_edition(workspace, people)
    return people


def take(workspace: Workspace, owner: str, most: int) -> list[Claimed]:
    with workspace.database.write(beside=True) as session:
        now = workspace.clock()
        return claim(session, edition_ids=None, owner=owner, limit=most, now=now, lease=LEASE)


def slices(workspace: Workspace) -> list[tuple[str, int]]:
    """Of each slice whose it is, and how many rows it names."""
    with workspace.database.read() as session:
        found = session.execute(text("SELECT owner, cardinality(ids) FROM held_slice ORDER BY id")).all()
        return [(row[0], row[1]) for row in found]


def reclaim(workspace: Workspace, owner: str) -> Reclaimed:
    with workspace.database.write() as session:
        return workers.reclaim(session, owner, now=workspace.clock(), max_crashes=3)


def holders(workspace: Workspace) -> list[str]:
    with workspace.database.read() as session:
        return workers.holders(session)


def alembic_on(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(outreach.store.migrate.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


_WAITING = text("SELECT count(*) FROM pg_locks WHERE relation = 'delivery'::regclass AND NOT granted")


def test_what_each_worker_holds_is_found_by_its_slices(workspace: Workspace, six: list[int]) -> None:
    one, _ = take(workspace, "one", 2), take(workspace, "two", 3)
    intend(workspace, one[:1])
    assert slices(workspace) == [("one", 2), ("two", 3)]
    assert holders(workspace) == ["one", "two"]
    assert reclaim(workspace, "one") == Reclaimed(queued=1, in_doubt=1)
    assert holders(workspace) == ["two"]
    assert reclaim(workspace, "one").total == 0
    assert slices(workspace) == [("two", 3)]


def test_a_slice_goes_with_the_next_claim_when_nothing_of_it_is_held(workspace: Workspace, six: list[int]) -> None:
    take(workspace, "one", 2)
    take(workspace, "one", 2)
    assert slices(workspace) == [("one", 2), ("one", 2)]
    with workspace.database.write() as session:
        session.execute(text("UPDATE delivery SET state = 'queued', owner = NULL, lease_until = NULL"))
    assert len(take(workspace, "two", 4)) == 4  # what the first had: it is another's now
    take(workspace, "one", 1)
    assert slices(workspace) == [("two", 4), ("one", 1)]


def test_a_slice_of_which_one_row_is_held_stays(workspace: Workspace, six: list[int]) -> None:
    rows = take(workspace, "one", 3)
    with workspace.database.write() as session:
        gone = {"ids": [row.id for row in rows[1:]]}
        session.execute(text("UPDATE delivery SET state = 'sent', owner = NULL WHERE id = ANY(:ids)"), gone)
    take(workspace, "one", 1)
    assert slices(workspace) == [("one", 3), ("one", 1)]
    assert reclaim(workspace, "one").queued == 2


def test_slices_go_behind_those_of_which_a_mail_hangs(workspace: Workspace, six: list[int]) -> None:
    hanging = take(workspace, "one", 1) + take(workspace, "one", 1)
    gone = take(workspace, "one", 1)
    with workspace.database.write() as session:
        session.execute(text("UPDATE delivery SET state = 'sent', owner = NULL WHERE id = :id"), {"id": gone[0].id})
    take(workspace, "one", 3)
    assert slices(workspace) == [("one", 1), ("one", 1), ("one", 3)]
    assert intend(workspace, hanging) == {row.id for row in hanging}


def test_the_slice_of_a_worker_whom_nobody_misses_goes_with_the_end_of_another(
    workspace: Workspace, six: list[int]
) -> None:
    take(workspace, "alert", 1)
    with workspace.database.write() as session:
        session.execute(text("UPDATE delivery SET state = 'sent', owner = NULL WHERE owner = 'alert'"))
    take(workspace, "two", 1)
    assert reclaim(workspace, "one").total == 0
    assert slices(workspace) == [("two", 1)]


def test_a_claim_is_written_into_no_index(workspace: Workspace, six: list[int]) -> None:
    take(workspace, "one", 6)
    with workspace.database.read() as session:
        indexed = session.execute(
            text(
                "SELECT count(*) FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)"
                " WHERE indrelid = 'delivery'::regclass AND attname IN ('state', 'owner', 'fence', 'lease_until',"
                " 'next_at', 'customer_version', 'campaign_version', 'workspace_version', 'intent_at', 'relay')"
            )
        ).scalar()
    assert indexed == 0


def test_a_late_lease_is_found_and_a_living_worker_lengthens_it(workspace: Workspace, six: list[int]) -> None:
    take(workspace, "one", 2)
    take(workspace, "two", 2)
    later = workspace.clock() + LEASE + timedelta(seconds=1)
    with workspace.database.write() as session:
        workers.beat(session, "two", later, LEASE)
    with workspace.database.read() as session:
        assert workers.overdue(session, later) == ["one"]


def test_what_is_held_while_the_database_is_upgraded_is_found_afterwards(workspace: Workspace, six: list[int]) -> None:
    take(workspace, "one", 2)
    take(workspace, "two", 1)
    with workspace.database.engine.begin() as connection:
        command.downgrade(alembic_on(connection), "0031")
    migrate(workspace.database)
    assert sorted(slices(workspace)) == [("one", 2), ("two", 1)]
    assert reclaim(workspace, "one").queued == 2


def test_what_is_claimed_at_the_instant_of_an_upgrade_is_found_afterwards(workspace: Workspace, six: list[int]) -> None:
    database = workspace.database
    with database.engine.begin() as connection:
        command.downgrade(alembic_on(connection), "0031")
    upgrade = threading.Thread(target=migrate, args=[database], daemon=True)
    with database.write(beside=True) as session:  # one of an older version, which knows no slices
        session.execute(text("UPDATE delivery SET state = 'claimed', owner = 'old', lease_until = now()"))
        upgrade.start()
        until = time.monotonic() + 20
        while not session.execute(_WAITING).scalar():
            assert time.monotonic() < until
            time.sleep(0.01)
    upgrade.join(20)
    assert slices(workspace) == [("old", 6)]
    assert reclaim(workspace, "old").queued == 6
