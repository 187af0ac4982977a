"""Somebody else holds the database in the middle of an edition: for a while a send waits, for too long it gives up."""

from __future__ import annotations

import fcntl
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from outreach.records import DeliveryState
from outreach.store.sqlite import BUSY_MILLISECONDS

from ..servers import Sink, start_sink
from .crowd import CONNECTIONS, Crowd, assert_nobody_lost_nobody_twice, count_in, gather

PEOPLE = 300


def hold(crowd: Crowd, sink: Sink, seconds: float) -> tuple[int, str, int]:
    """Hold the database for so long while a send is going on; its end, and how many mails left meanwhile."""
    with crowd.start("send", "news", "--yes") as process:
        while sink.count() < 30:
            assert process.poll() is None
            time.sleep(0.002)
        with (crowd.root / "outreach.db.lock").open("a") as file, closing(_connect(crowd)) as database:
            fcntl.flock(file, fcntl.LOCK_EX)  # as another process of ours would
            database.execute("BEGIN IMMEDIATE")
            time.sleep(0.2)
            before = sink.count()
            time.sleep(seconds)
            meanwhile = sink.count() - before
            database.execute("ROLLBACK")
        out, _ = process.communicate(timeout=60)
        return process.returncode, out.decode(), meanwhile


def _connect(crowd: Crowd) -> sqlite3.Connection:
    return sqlite3.connect(crowd.root / "outreach.db", isolation_level=None, timeout=15)


def check(crowd: Crowd, sink: Sink, doubtful: int) -> None:
    workspace = crowd.open()
    assert_nobody_lost_nobody_twice(workspace, [str(one["message_id"]) for one in sink.taken()], PEOPLE)
    assert count_in(workspace, DeliveryState.IN_DOUBT) <= doubtful
    workspace.database.close()


def test_while_the_database_is_held_no_dot_leaves_and_then_the_send_goes_on(tmp_path: Path) -> None:
    with start_sink(tmp_path / "sink.log", "--dot-delay", "0.01") as sink:
        crowd = gather(tmp_path / "acme", sink.port, PEOPLE)
        status, said, meanwhile = hold(crowd, sink, 1.0)
        assert status == 0, said
        assert meanwhile == 0
        check(crowd, sink, 0)


@pytest.mark.long
def test_a_database_that_is_held_for_too_long_ends_the_send_with_words_and_the_next_one_finishes(
    tmp_path: Path,
) -> None:
    with start_sink(tmp_path / "sink.log", "--dot-delay", "0.01") as sink:
        crowd = gather(tmp_path / "acme", sink.port, PEOPLE)
        status, said, meanwhile = hold(crowd, sink, BUSY_MILLISECONDS / 1000 * 2.5)
        assert status == 1 and "locked" in said and "Traceback" not in said, said
        assert meanwhile == 0
        assert crowd.run("send", "news", "--yes")[0] == 0
        check(crowd, sink, CONNECTIONS)
