"""Whatever PostgreSQL believes of the outbox and its queue, no statement goes through them more than a few times."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session

from outreach.records import Delivery, DeliveryState, EditionState
from outreach.store import workers
from outreach.store.campaigns import queued_people
from outreach.store.editions import cancel_some, due_counts, extend_some
from outreach.store.outbox import claim, count_due, finish_editions
from outreach.store.sequences import reopen_unfinished
from outreach.store.waiting import places
from outreach.store.waves import is_under_way, put_in_wave, queued_places, wavy_editions
from outreach.work.workspace import Workspace

from .rows import lay_edition

pytestmark = [pytest.mark.needs_debian, pytest.mark.parametrize("backend", ["postgresql"], indirect=True)]
MANY = 2000
AT_MOST = 12 * MANY
"""Rows that the steps of one call may go through altogether; one that takes each with each has millions."""
STATES = ["never counted", "counted now", "counted before the edition came", "last seen empty"]


def fill(workspace: Workspace, first: int) -> None:
    """Copies of this delivery, for so many people more."""
    names = ", ".join(name for name in Delivery.model_fields if name not in ("id", "public_id", "address_key"))
    with workspace.database.write() as session:
        session.execute(
            text(
                f"INSERT INTO delivery (public_id, address_key, {names})"
                f" SELECT 'd{first}-' || number, 'k' || number, {names}"
                f" FROM delivery, generate_series(2, {MANY}) number WHERE id = {first}"
            )
        )


def run(workspace: Workspace, sql: str) -> None:
    with workspace.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(sql)


@pytest.fixture(params=STATES)
def edition(workspace: Workspace, make_customer: Callable[..., int], request: pytest.FixtureRequest) -> int:
    """A large edition that waits beside one that is done, with the server's statistics in one of `STATES`."""
    ann = make_customer("ann@example.com")
    lay_edition(workspace, [ann])
    fill(workspace, 1)
    with workspace.database.write() as session:
        session.execute(text("UPDATE delivery SET state = 'sent'"))
        session.execute(text(f"UPDATE edition SET state = '{EditionState.DONE}'"))
    if request.param in STATES[2:]:
        run(workspace, "ANALYZE delivery, queued_row")
    if request.param == STATES[3]:
        run(workspace, "VACUUM (ANALYZE, TRUNCATE off) queued_row")
    later = lay_edition(workspace, [ann], occasion="once-2")
    fill(workspace, MANY + 1)
    with workspace.database.write() as session:
        session.execute(text(f"UPDATE edition SET waves = '[1, {MANY}]' WHERE id = {later}"))
    if request.param == STATES[1]:
        run(workspace, "ANALYZE delivery, queued_row")
    return later


@contextmanager
def watched(workspace: Workspace) -> Iterator[tuple[Session, list[dict[str, Any]]]]:
    """A transaction that is not kept, and the plan of each statement in it as it was carried out."""
    plans: list[dict[str, Any]] = []

    def note(diagnostic: Any) -> None:
        if " plan:\n" in (said := diagnostic.message_primary):
            plans.append(json.loads(said.partition(" plan:\n")[2])["Plan"])

    with workspace.database.write(beside=True) as session:
        driver: Any = session.connection().connection.driver_connection
        session.execute(text("LOAD 'auto_explain'"))
        for name, value in (
            ("log_min_duration", "0"),
            ("log_analyze", "on"),
            ("log_timing", "off"),
            ("log_format", "json"),
            ("log_level", "notice"),
        ):
            session.execute(text(f"SET LOCAL auto_explain.{name} = '{value}'"))
        driver.add_notice_handler(note)
        try:
            yield session, plans
        finally:
            driver.remove_notice_handler(note)
            session.rollback()


def rows_of(step: dict[str, Any]) -> int:
    """How many rows this step of a plan, and those below it, took up: those that they let fall, too."""
    passed = sum(value for name, value in step.items() if name.startswith("Rows Removed by") or name == "Actual Rows")
    return int(passed * step["Actual Loops"]) + sum(rows_of(each) for each in step.get("Plans", ()))


def test_no_call_goes_through_the_outbox_more_than_a_few_times(workspace: Workspace, edition: int) -> None:
    now = workspace.clock()
    later, lease = now + timedelta(days=9), timedelta(minutes=10)
    asked: dict[str, Any] = {"edition_ids": None, "now": now, "lease": lease}
    with workspace.database.read() as session:
        wavy = wavy_editions(session, [EditionState.OPEN])[0]
        campaign = session.get_one(Delivery, 1).campaign_id
    calls: dict[str, Callable[[Session], Any]] = {
        "claim": lambda session: claim(session, owner="one", limit=200, **asked),
        "claims": lambda session: [claim(session, owner="two", limit=100, **asked) for _ in range(2)],
        "whether anybody is due": lambda session: count_due(session, [edition], now),
        "how many are due": lambda session: count_due(session, [edition], now, 9 * MANY),
        "who is tried": lambda session: list(queued_people(session, edition)),
        "who is dealt": lambda session: list(queued_places(session, edition)),
        "when they are due": lambda session: due_counts(session, edition),
        "whether a wave goes": lambda session: is_under_way(session, wavy, now),
        "look onward": lambda session: places(session, edition, DeliveryState.QUEUED, None, MANY // 2),
        "lengthen": lambda session: extend_some(session, edition, later),
        "deal": lambda session: put_in_wave(session, list(range(MANY + 1, MANY + 501)), 1),
        "cancel": lambda session: cancel_some(session, edition, "a test", now),
        "finish": lambda session: finish_editions(session, [edition], now),
        "open again": lambda session: reopen_unfinished(session, [campaign], now - lease),
        "beat": lambda session: workers.beat(session, "one", now, lease),
        "reclaim": lambda session: workers.reclaim(session, "one", now=now, max_crashes=3),
    }
    with workspace.database.write(beside=True) as session:
        assert len(claim(session, owner="one", limit=300, **asked)) == 300
    walked: dict[str, int] = {}
    for name, call in calls.items():
        with watched(workspace) as (session, plans):
            call(session)
            session.execute(text("SELECT 1"))  # the server tells the plan of a statement with the next one
            walked[name] = sum(map(rows_of, plans))
            assert plans, name
    print(walked)
    assert {name: rows for name, rows in walked.items() if rows > AT_MOST} == {}
    assert walked["how many are due"] >= MANY - 300, "the rows that are gone through were to be counted"
    assert walked["whether anybody is due"] < 50, walked
