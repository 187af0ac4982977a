"""A month lived through in a copy, beside what the plan foresees of it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlmodel import select

from outreach.errors import DatabaseError
from outreach.records import Campaign, Delivery, Edition, Schedule, Step
from outreach.store import postgresql
from outreach.store.database import Database
from outreach.store.simulated_schema import PREFIX
from outreach.work.agenda import read_agenda
from outreach.work.compose import apply_campaign, apply_tip
from outreach.work.private_copy import PREFIX as FOLDER
from outreach.work.simulate import simulate
from outreach.work.workspace import Workspace

from ..conftest import BOTH
from .planning_kit import complain, with_calendar

MakeCustomer = Callable[..., int]


def _write(workspace: Workspace, name: str, front: str) -> None:
    path = workspace.root / f"{name}.md"
    path.write_text(f"---\nname: {name}\nsubject: About {name}\nlist: customers\n{front}---\nHello\n", encoding="utf-8")
    apply_campaign(workspace, path)


@BOTH
def test_a_month_is_lived_through_in_a_copy_as_the_plan_foresees_it_and_nothing_is_touched(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    for number, zone in enumerate(["Europe/Berlin", "America/New_York", "Asia/Tokyo", None]):
        make_customer(f"p{number}@example.com", zone=zone)
    make_customer("gone@example.com", subscribed=False)
    complain(workspace, make_customer("ann@example.com", zone="Europe/Berlin"))
    for number in range(9):
        path = workspace.root / f"tip{number}.md"
        path.write_text(f"---\nname: tip{number}\ntitle: T\ntopics: [other]\n---\nDo.\n", encoding="utf-8")
        apply_tip(workspace, path)
    _write(workspace, "tips", "kind: tips\ntips: 1\nschedule: every thursday at 09:00\nzone: customer\n")
    _write(workspace, "news", "kind: news\nschedule: at 2026-12-02 15:00\nzone: Europe/Berlin\n")
    _write(workspace, "sale", "kind: offer\nschedule: at 2026-12-10 10:00\nzone: Europe/Berlin\n")
    here = with_calendar(replace(workspace), blackout=("2026-12-17",))
    before = _everything(here)
    foreseen = read_agenda(here, days=21)
    lived = simulate(here, 21)
    assert _everything(here) == before
    assert not list((here.root).glob("outreach-simulation*"))
    went = {(one.campaign, one.occasion): one for one in lived.editions}
    wanted = {(one.campaign, one.occasion): one for one in foreseen.entries}
    assert set(went) == set(wanted)
    for key, one in went.items():
        assert (one.sent, one.to_go) == (wanted[key].going, 0), key
        assert one.not_sent == {refused.reason: refused.people for refused in wanted[key].refused}
        assert one.first == min(slot.at for slot in wanted[key].slots)
    assert went["news", "2026-12-02/15:00"].not_sent == {"unsubscribed": 1, "open complaint": 1}
    assert went["tips", "2026-12-17/09:00"].first == datetime(2026, 12, 18, 0, 0, tzinfo=UTC)


def _everything(workspace: Workspace) -> list[str]:
    with workspace.database.read() as session:
        return [
            repr(row)
            for record in (Campaign, Schedule, Edition, Delivery, Step)
            for row in session.exec(select(record))
        ]


POSTGRES = pytest.mark.parametrize(
    "backend", [pytest.param("postgresql", marks=pytest.mark.needs_debian)], indirect=True
)


def _schemas(workspace: Workspace) -> list[str]:
    with workspace.database.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'outreach')")
        return [row[0] for row in found]


def test_the_copy_is_gone_at_the_end_and_what_a_killed_one_left_too(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com")
    _write(workspace, "news", "kind: news\nschedule: at 2026-12-02 15:00\nzone: Europe/Berlin\n")
    left, lived_in = workspace.root / f"{FOLDER}left", workspace.root / f"{FOLDER}lived_in"
    for folder in (left, lived_in):
        folder.mkdir()
        (folder / "outreach.db").write_bytes(b"ann@example.com")
    handle = os.open(lived_in, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert [one.sent for one in simulate(workspace, 3).editions] == [1]
        assert list(workspace.root.glob(f"{FOLDER}*")) == [lived_in]
    finally:
        os.close(handle)


@POSTGRES
def test_on_a_server_the_copy_is_gone_at_the_end_and_what_a_killed_one_left_too(
    workspace: Workspace, make_customer: MakeCustomer
) -> None:
    make_customer("ann@example.com")
    _write(workspace, "news", "kind: news\nschedule: at 2026-12-02 15:00\nzone: Europe/Berlin\n")
    left, lived_in = f"{PREFIX}left", f"{PREFIX}lived_in"
    with workspace.database.engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {left}")
        connection.exec_driver_sql(f"CREATE TABLE {left}.x (id int)")
        connection.exec_driver_sql(f"CREATE SCHEMA {lived_in}")
    with postgresql.hold(workspace.database.engine, lived_in):
        assert [one.sent for one in simulate(workspace, 3).editions] == [1]
        assert _schemas(workspace) == [lived_in]
    assert make_customer("ben@example.com") == 2, "the copy drew from our numbers"


@POSTGRES
def test_a_role_that_may_not_create_a_schema_is_told_so_with_the_remedy(workspace: Workspace) -> None:
    url = workspace.database.engine.url
    with workspace.database.engine.begin() as connection:
        connection.exec_driver_sql("CREATE ROLE clerk LOGIN")
        connection.exec_driver_sql("GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO clerk")
    clerk = replace(workspace, database=Database(postgresql.open_server(url.set(username="clerk")), None))
    try:
        with pytest.raises(DatabaseError, match="role clerk may not create a schema") as told:
            simulate(clerk, 3)
        assert "GRANT CREATE ON DATABASE" in told.value.remedy
        assert _schemas(workspace) == []
    finally:
        clerk.database.close()
        with workspace.database.engine.begin() as connection:
            connection.exec_driver_sql("DROP OWNED BY clerk")
            connection.exec_driver_sql("DROP ROLE clerk")


def test_where_no_copy_can_be_made_that_is_told_with_the_remedy(workspace: Workspace) -> None:
    with pytest.raises(DatabaseError, match=r"cannot be made in .*gone: No such file") as wrong:
        simulate(replace(workspace, root=workspace.root / "gone"), 1)
    assert "Free some space" in str(wrong.value.remedy)
