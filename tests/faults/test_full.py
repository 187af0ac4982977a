"""The disk fills up in the middle of an edition: no further dot is sent, and what was read is not lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from outreach.errors import DatabaseError
from outreach.records import DeliveryState
from outreach.store.database import open_database
from outreach.work.send import send_open
from outreach.work.workspace import Workspace

from ..servers import start_sink
from ..store.rows import lay_edition, states_of
from ..work.sending import arrived, open_plain_press, with_relay

People = Callable[..., int]


def on_a_full_disk(workspace: Workspace, spare_pages: int) -> Workspace:
    """The same workspace, whose database may grow by so many pages and then is full (SQLite's own SQLITE_FULL)."""
    database = open_database(workspace.settings.database, workspace.root)
    with database.read() as session:
        pages = int(session.connection().exec_driver_sql("PRAGMA page_count").scalar_one())
    database.close()

    def limit(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages + spare_pages}")

    event.listen(database.engine, "connect", limit)
    return replace(workspace, database=database)


def test_when_the_disk_is_full_no_further_dot_is_sent_and_the_next_run_finishes(
    workspace: Workspace, make_customer: People, tmp_path: Path
) -> None:
    people = [make_customer(f"p{number}@example.com") for number in range(300)]
    edition = lay_edition(workspace, people)
    with start_sink(tmp_path / "sink.log") as sink:
        here = with_relay(workspace, sink.port)
        full = on_a_full_disk(here, spare_pages=3)
        with pytest.raises(DatabaseError, match="full") as told:
            send_open(full, press=open_plain_press)
        assert "space" in told.value.remedy
        full.database.close()
        taken = len(arrived(sink))
        states = states_of(workspace, edition)
        known = states.count(DeliveryState.SENT)
        flying = states.count(DeliveryState.INFLIGHT) + states.count(DeliveryState.IN_DOUBT)
        assert 0 < taken < 300
        assert known <= taken <= known + flying
        assert flying <= here.settings.relay.connections
        counts = send_open(here, press=open_plain_press)
        after = states_of(workspace, edition)
        assert len(arrived(sink)) == len(set(arrived(sink)))
        assert set(after) <= {DeliveryState.SENT, DeliveryState.IN_DOUBT}
        assert after.count(DeliveryState.IN_DOUBT) == flying
        assert known + counts.sent + flying == 300
