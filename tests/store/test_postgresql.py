"""PostgreSQL: what it means when it fails, what several machines may do at once, and what text it cannot hold."""

from __future__ import annotations

import builtins
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update
from sqlmodel import Session, col, select

from outreach.errors import DatabaseError
from outreach.records import Customer, Delivery, DeliveryState, Suppression, SuppressionReason
from outreach.store import outbox
from outreach.store.consents import suppress, unsubscribe
from outreach.store.database import Database, open_database
from outreach.store.outbox import Claimed, claim, intend
from outreach.store.postgresql import check_server
from outreach.work.pause import pause_all
from outreach.work.workspace import Workspace

from ..conftest import MakeCustomer
from ..servers.dovecot import free_port
from ..servers.postgres import LOCKED_USER, PASSWORD, Cluster
from .rows import lay_edition, states_of

pytestmark = pytest.mark.needs_debian
on_server = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)


def fails(url: str) -> DatabaseError:
    """What is said of a database that cannot be used."""
    database = open_database(url, Path("."))
    with pytest.raises(DatabaseError) as told, database.read() as session:
        session.connection().execute(text("SELECT 1"))
    database.close()
    assert PASSWORD not in str(told.value)
    return told.value


def test_a_server_that_does_not_answer_is_told() -> None:
    told = fails(f"postgresql://ann:{PASSWORD}@127.0.0.1:{free_port()}/acme")
    assert "refused" in told.message and "Is the server running" in told.remedy
    assert "postgresql://ann:***@127.0.0.1" in told.message


def test_a_database_that_does_not_exist_is_told(postgres: Cluster) -> None:
    assert "createdb" in fails(postgres.url("nowhere")).remedy


def test_a_wrong_password_is_told_and_not_printed(postgres: Cluster) -> None:
    wrong = fails(postgres.url("postgres", user=LOCKED_USER, password=PASSWORD + "x"))
    assert "password authentication failed" in wrong.message and "PGPASSWORD" in wrong.remedy
    database = open_database(postgres.url("postgres", user=LOCKED_USER, password=PASSWORD), Path("."))
    with database.read() as session:
        assert session.connection().execute(text("SELECT 1")).scalar() == 1
    database.close()


def test_a_password_in_the_query_is_not_printed_either(postgres: Cluster) -> None:
    fails(f"{postgres.url('nowhere')}&password={PASSWORD}")


def test_a_user_without_rights_is_told(postgres: Cluster) -> None:
    database = open_database(postgres.url("postgres", user=LOCKED_USER, password=PASSWORD), Path("."))
    with pytest.raises(DatabaseError, match="permission denied") as told, database.write() as session:
        session.connection().execute(text("CREATE TABLE public.x (id int)"))
    assert "GRANT" in told.value.remedy
    database.close()


@pytest.mark.parametrize(
    ("version", "encoding", "words"), [(120015, "UTF8", "needs 13"), (150018, "LATIN1", "cannot hold every name")]
)
def test_a_server_too_old_or_a_database_in_another_encoding_is_refused(version: int, encoding: str, words: str) -> None:
    with pytest.raises(DatabaseError, match=words):
        check_server(version, encoding)
    check_server(130000, "UTF8")


def test_without_the_driver_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *more: Any) -> Any:
        if name == "psycopg":
            raise ModuleNotFoundError("No module named 'psycopg'")
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(DatabaseError) as told:
        open_database("postgresql://ann@127.0.0.1/acme", Path("."))
    assert "pip install 'outreach[postgresql]'" in told.value.remedy


@pytest.mark.parametrize(
    ("url", "words"), [("mysql://ann@x/y", "not supported"), ("postgresql://ann:a@b@c:d/e", "URL")]
)
def test_another_database_or_a_url_that_cannot_be_read_is_refused(url: str, words: str) -> None:
    with pytest.raises(DatabaseError, match=words):
        open_database(url, Path("."))


@on_server
def test_intents_are_durable_whatever_the_server_was_set_to(workspace: Workspace, postgres: Cluster) -> None:
    name = workspace.database.engine.url.database
    postgres.run(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    workspace.database.close()
    with workspace.database.write() as session:
        run = session.connection().execute
        assert run(text("SHOW synchronous_commit")).scalar() == "on"
        assert run(text("SHOW transaction_isolation")).scalar() == "read committed"


@on_server
def test_who_writes_may_not_stand_still_for_long_and_who_reads_may(workspace: Workspace) -> None:
    shown = text("SHOW idle_in_transaction_session_timeout")
    with workspace.database.write(beside=True) as session:
        assert session.connection().execute(shown).scalar() == "1min"
    with workspace.database.read() as session:
        assert session.connection().execute(shown).scalar() == "30min"


@on_server
def test_an_address_that_two_block_at_once_is_blocked_once(workspace: Workspace, elsewhere: Database) -> None:
    def block(database: Database) -> None:
        with database.write(beside=True) as session:
            both.wait()
            suppress(session, address_key="k", reason=SuppressionReason.BAD_ADDRESS, at=workspace.clock(), evidence="")
            told.append(1)

    both, told = threading.Barrier(2, timeout=20), list[int]()
    pair = [threading.Thread(target=block, args=(one,), daemon=True) for one in (workspace.database, elsewhere)]
    for thread in pair:
        thread.start()
    for thread in pair:
        thread.join(30)
    assert len(told) == 2
    with workspace.database.read() as session:
        assert len(session.exec(select(Suppression)).all()) == 1


@on_server
def test_a_reading_keeps_its_snapshot_while_others_write(workspace: Workspace) -> None:
    seen = []
    with workspace.database.read() as reading:
        for reason in ("one", "two"):
            seen.append(reading.connection().execute(text("SELECT pause_reason FROM workspace")).scalar())
            with workspace.database.write() as session:
                session.connection().execute(text("UPDATE workspace SET pause_reason = :r"), {"r": reason})
    assert seen == ["", ""]


@on_server
def test_text_that_it_cannot_hold_is_kept_without_the_nul(workspace: Workspace, make_customer: MakeCustomer) -> None:
    who = make_customer("ann@example.com", first_name="A\0n", attributes={"pl\0an": ["a\0b", "c\\u0000d"]})
    with workspace.database.read() as session:
        row = session.get_one(Customer, who)
        assert (row.first_name, row.attributes) == ("A\ufffdn", {"pl\ufffdan": ["a\ufffdb", "c\\u0000d"]})
        assert session.exec(select(Customer).where(Customer.first_name == "\0")).all() == []


@on_server
def test_a_lock_by_name_is_held_by_one_and_waited_for_by_nobody(workspace: Workspace) -> None:
    other = open_database(workspace.settings.database, workspace.root)
    both = workspace.database.only_here("publish"), other.only_here("publish")
    with both[0] as ours, both[1] as theirs, other.only_here("replies") as another:
        assert (ours, theirs, another) == (True, False, True)
    with other.only_here("publish") as theirs:
        assert theirs
    other.close()


@on_server
def test_two_that_wait_for_each_other_are_told_and_one_may_try_again(workspace: Workspace) -> None:
    told: list[DatabaseError] = []
    both = threading.Barrier(2, timeout=20)

    def change(first: str, second: str) -> None:
        try:
            with workspace.database.write(beside=True) as session:
                for table in (first, second):
                    session.connection().execute(text(f"UPDATE {table} SET id = id"))
                    if table == first:
                        both.wait()
        except DatabaseError as wrong:
            told.append(wrong)

    pair = [threading.Thread(target=change, args=names, daemon=True) for names in (("workspace", "mailing_list"),) * 1]
    pair.append(threading.Thread(target=change, args=("mailing_list", "workspace"), daemon=True))
    for thread in pair:
        thread.start()
    for thread in pair:
        thread.join(30)
    assert len(told) == 1 and told[0].again


# --- the outbox, by several at once -----------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(workspace: Workspace) -> Iterator[Database]:
    """The same database, as another machine has it open."""
    database = open_database(workspace.settings.database, workspace.root)
    yield database
    database.close()


def take(database: Database, workspace: Workspace, owner: str, limit: int) -> list[Claimed]:
    with database.write(beside=True) as session:
        lease = timedelta(minutes=10)
        return claim(session, edition_ids=None, owner=owner, limit=limit, now=workspace.clock(), lease=lease)


@on_server
def test_two_machines_share_an_outbox_without_waiting_and_never_take_more_than_asked(
    workspace: Workspace, make_customer: MakeCustomer, elsewhere: Database
) -> None:
    lay_edition(workspace, [make_customer(f"p{number}@example.com") for number in range(7)])
    with workspace.database.write(beside=True) as session:
        asked = {"edition_ids": None, "now": workspace.clock(), "lease": timedelta(minutes=10)}
        mine = claim(session, owner="one", limit=3, **asked)
        theirs = take(elsewhere, workspace, "two", 3)
    rest = take(elsewhere, workspace, "two", 10)
    assert [len(mine), len(theirs), len(rest)] == [3, 3, 1]
    assert len({row.id for row in [*mine, *theirs, *rest]}) == 7


def waits(database: Database, who: str) -> bool:
    """Whether a statement that begins like this waits for a lock."""
    with database.read() as session:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ILIKE :who"
        return bool(session.connection().execute(text(query), {"who": f"{who}%"}).scalar())


def wait_until(true: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


def race(workspace: Workspace, make_customer: MakeCustomer, elsewhere: Database) -> tuple[bool, bool]:
    """An unsubscribe comes while an intent is on its way. Was it committed before the intent, and was that granted?

    A third one holds the delivery's row for a moment, so that the intent has begun and must wait in its middle.
    """
    ann = make_customer("ann@example.com")
    lay_edition(workspace, [ann])
    rows = take(workspace.database, workspace, "one", 1)
    granted: list[set[int]] = []
    left = threading.Event()

    def intending() -> None:
        with workspace.database.write(beside=True) as session:
            granted.append(intend(session, rows, workspace.clock()))

    def leaving() -> None:
        with elsewhere.write() as session:
            now = workspace.clock()
            unsubscribe(session, customer_id=ann, list_id=None, at=now, how="page", evidence="link")
        left.set()

    held = Session(elsewhere.engine)
    held.connection().execute(text("SELECT 1 FROM delivery FOR UPDATE"))
    intent = threading.Thread(target=intending, daemon=True)
    intent.start()
    wait_until(lambda: waits(elsewhere, "%UPDATE delivery"))
    leave = threading.Thread(target=leaving, daemon=True)
    leave.start()
    wait_until(lambda: left.is_set() or waits(elsewhere, "UPDATE customer"))
    before = left.is_set()
    held.rollback()
    intent.join(20)
    leave.join(20)
    held.close()
    return before, bool(granted[0])


@on_server
def test_an_unsubscribe_that_commits_while_an_intent_is_on_its_way_waits_for_it_or_stops_it(
    workspace: Workspace, make_customer: MakeCustomer, elsewhere: Database
) -> None:
    before, granted = race(workspace, make_customer, elsewhere)
    assert not (before and granted), "it was stored, and the mail went out after it"
    assert granted


@on_server
def test_without_the_locks_the_same_race_lets_one_through(
    workspace: Workspace, make_customer: MakeCustomer, elsewhere: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compare_alone(session: Session, rows: list[Claimed], owner: str, relay: str, now: datetime) -> set[int]:
        given = {"ids": [row.id for row in rows], "under": rows[0].fence}
        found = outbox._INTENT.rows(session, **given, held_by=owner, now=now, to_relay=relay)
        return {row[0] for row in found}

    monkeypatch.setattr(outbox, "intend_beside_others", compare_alone)
    assert race(workspace, make_customer, elsewhere) == (True, True)


@on_server
def test_whoever_is_being_changed_at_this_instant_gets_no_intent_and_keeps_nobody_waiting(
    workspace: Workspace, make_customer: MakeCustomer, elsewhere: Database
) -> None:
    ann, bob = make_customer("ann@example.com"), make_customer("bob@example.com")
    edition = lay_edition(workspace, [ann, bob])
    rows = take(workspace.database, workspace, "one", 2)
    with elsewhere.write() as changing:
        changing.connection().execute(update(Customer).where(col(Customer.id) == ann).values(version=9))
        with workspace.database.write(beside=True) as session:
            granted = intend(session, rows, workspace.clock())
    assert granted == {row.id for row in rows if row.customer_id == bob}
    assert states_of(workspace, edition) == [DeliveryState.CLAIMED, DeliveryState.INFLIGHT]


@on_server
def test_a_pause_waits_for_the_intents_that_came_before_it(
    workspace: Workspace, make_customer: MakeCustomer, elsewhere: Database
) -> None:
    lay_edition(workspace, [make_customer("ann@example.com")])
    rows = take(workspace.database, workspace, "one", 1)
    paused = threading.Event()

    def pausing() -> None:
        with elsewhere.write() as session:
            session.connection().execute(text("UPDATE workspace SET version = version + 1"))
        paused.set()

    with workspace.database.write(beside=True) as session:
        assert intend(session, rows, workspace.clock())
        pause = threading.Thread(target=pausing, daemon=True)
        pause.start()
        wait_until(lambda: waits(elsewhere, "UPDATE workspace"))
        assert not paused.is_set()
    pause.join(20)
    assert paused.is_set()
    with workspace.database.write(beside=True) as session:
        assert session.exec(select(Delivery.state)).one() is DeliveryState.INFLIGHT


@on_server
def test_a_row_that_changes_while_its_intent_waits_for_it_is_looked_at_again(
    workspace: Workspace, make_customer: MakeCustomer, elsewhere: Database
) -> None:
    lay_edition(workspace, [make_customer(f"{name}@example.com") for name in ("ann", "bob", "cid")])
    ann, bob, cid = take(workspace.database, workspace, "one", 3)
    granted: list[set[int]] = []

    def intending() -> None:
        with workspace.database.write(beside=True) as session:
            granted.append(intend(session, [ann, bob, cid], workspace.clock()))

    with elsewhere.write(beside=True) as session:
        run = session.connection().execute
        run(text("UPDATE delivery SET choices = '{\"tips\": []}' WHERE id = :id"), {"id": ann.id})
        run(text("UPDATE delivery SET fence = fence + 1 WHERE id = :id"), {"id": bob.id})
        intent = threading.Thread(target=intending, daemon=True)
        intent.start()
        wait_until(lambda: waits(workspace.database, "%UPDATE delivery"))
    intent.join(20)
    assert granted == [{ann.id, cid.id}]


@on_server
def test_whoever_commits_goes_on_after_the_server_has_ended_its_connection(
    workspace: Workspace, make_customer: MakeCustomer, elsewhere: Database
) -> None:
    edition = lay_edition(workspace, [make_customer("ann@example.com")])
    rows = take(workspace.database, workspace, "one", 1)
    with workspace.database.keep_writing() as writer:
        with writer.write():
            process = writer.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar()
        with elsewhere.write(beside=True) as session:
            session.connection().execute(text("SELECT pg_terminate_backend(:process, 5000)"), {"process": process})
        with pytest.raises(DatabaseError), writer.write():
            intend(writer, rows, workspace.clock())
        with writer.write():
            assert intend(writer, rows, workspace.clock()) == {rows[0].id}
    assert states_of(workspace, edition) == [DeliveryState.INFLIGHT]


@on_server
def test_whoever_stops_mail_gets_its_turn_though_intents_come_all_the_time(
    workspace: Workspace, make_customer: MakeCustomer, elsewhere: Database
) -> None:
    lay_edition(workspace, [make_customer(f"{name}@example.com") for name in ("ann", "bob")])
    ann, bob = take(workspace.database, workspace, "one", 2)
    paused = threading.Event()

    def pausing() -> None:
        pause_all(workspace, "stop")
        paused.set()

    with workspace.database.write(beside=True) as session:
        assert intend(session, [ann], workspace.clock())
        pause = threading.Thread(target=pausing, daemon=True)
        pause.start()
        wait_until(lambda: waits(elsewhere, "SELECT pg_advisory_xact_lock"))
        with elsewhere.write(beside=True) as another:
            assert intend(another, [bob], workspace.clock()) == set()
        assert not paused.is_set()
    pause.join(20)
    assert paused.is_set()
