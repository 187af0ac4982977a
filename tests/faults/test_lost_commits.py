"""A commit of sending whose answer is lost, or that never arrives: nobody is lost, and nobody gets anything twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from outreach.errors import DatabaseError
from outreach.records import DeliveryState
from outreach.store.database import open_database
from outreach.work.send import send_open
from outreach.work.workspace import Workspace

from ..servers import start_sink
from ..servers.cut import Cut
from ..servers.postgres import Cluster
from ..store.rows import lay_edition, states_of
from ..work.sending import arrived, open_plain_press, with_relay

pytestmark = [pytest.mark.needs_debian, pytest.mark.parametrize("backend", ["postgresql"], indirect=True)]
CONNECTIONS = 4


@pytest.mark.parametrize(("at", "heard"), [(1, True), (2, False), (5, True), (5, False)])
def test_a_connection_that_ends_in_a_commit_costs_no_more_than_doubts(
    workspace: Workspace,
    postgres: Cluster,
    make_customer: Callable[..., int],
    tmp_path: Path,
    at: int,
    heard: bool,
) -> None:
    people = [make_customer(f"p{number}@example.com") for number in range(40)]
    edition = lay_edition(workspace, people)
    url = workspace.database.engine.url
    with start_sink(tmp_path / "sink.log") as sink, Cut(postgres.folder, at, heard) as way:
        here = with_relay(workspace, sink.port, connections=CONNECTIONS)
        through = f"postgresql://{url.username}@127.0.0.1:{way.port}/{url.database}"
        database = open_database(through, workspace.root)
        with pytest.raises(DatabaseError):
            send_open(replace(here, database=database), press=open_plain_press)
        database.close()
        assert way.cut
        first = states_of(workspace, edition)
        assert not {DeliveryState.CLAIMED, DeliveryState.INFLIGHT} & set(first), first
        send_open(here, press=open_plain_press)
        mails = arrived(sink)
    states = states_of(workspace, edition)
    doubts = states.count(DeliveryState.IN_DOUBT)
    assert doubts <= CONNECTIONS and states.count(DeliveryState.SENT) == len(people) - doubts
    assert len(mails) == len(set(mails)) and len(people) - CONNECTIONS <= len(mails)
