"""The migrations and the tables say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text
from sqlmodel import SQLModel, col

import outreach.store.migrate
from outreach.errors import DatabaseError
from outreach.records import LANES, Campaign, Edition, EditionState, Kind, Link
from outreach.store.database import check_integrity, open_database
from outreach.store.lanes import turns_of
from outreach.store.migrate import HEAD, check_revision, migrate

from ..conftest import BOTH, START


def test_head_is_the_newest_script() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(outreach.store.migrate.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


PHASES = {("remove", "phase"), ("remove", "ix_delivery_work"), ("add", "ix_delivery_work")} | {
    (how, "ix_delivery_doubt") for how in ("remove", "add")
}
SLICES = {("remove", "held_slice"), ("add", "ix_delivery_lease")}
QUEUED = {("remove", "queued_row"), ("remove", "ix_delivery_customer"), ("add", "ix_delivery_customer")}
"""What PostgreSQL alone has in another way (`store.phases`, `store.slices`, `store.queued`)."""


def _of_phases(difference: Any) -> tuple[str, str]:
    """What differs, in two words."""
    kind, what = str(difference[0]), difference[-1]
    return kind.partition("_")[0], str(what.name)


@BOTH
def test_a_migrated_database_has_just_the_tables_of_the_records(database_url: str, tmp_path: Path) -> None:
    database = open_database(database_url, tmp_path)
    migrate(database)
    check_revision(database)
    with database.engine.connect() as connection:
        differs = compare_metadata(MigrationContext.configure(connection), SQLModel.metadata)
    assert {_of_phases(one) for one in differs} == (set() if database.is_sqlite else PHASES | SLICES | QUEUED), differs
    with database.read() as session:
        assert check_integrity(session) == []
    database.close()


@BOTH
def test_migrating_twice_changes_nothing(database_url: str, tmp_path: Path) -> None:
    database = open_database(database_url, tmp_path)
    migrate(database)
    migrate(database)
    check_revision(database)
    database.close()


@BOTH
def test_a_database_of_an_older_or_a_newer_outreach_is_told_apart(database_url: str, tmp_path: Path) -> None:
    database = open_database(database_url, tmp_path)
    with pytest.raises(DatabaseError, match="no tables of outreach"):
        check_revision(database)
    migrate(database)
    for revision, words in (("0001", "older"), ("9999", "newer")):
        with database.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = :number"), {"number": revision})
        with pytest.raises(DatabaseError, match=words):
            check_revision(database)
    database.close()


@BOTH
def test_issues_that_counted_opens_before_say_so_from_now_on(database_url: str, tmp_path: Path) -> None:
    database = open_database(database_url, tmp_path)
    migrate(database)
    frozen = (
        {"layout": {"source": '<img src="{{ click_url }}/0.gif" alt="">'}},
        {"layout": {"source": "<p>0.gif</p>"}},
    )
    with database.write() as session:
        at = {"created_at": START, "updated_at": START}
        session.add(Campaign(id=1, name="news", kind=Kind.NEWS, **at))
        session.flush()
        for number, value in enumerate(frozen, 1):
            once = {
                "occasion": f"once-{number}",
                "due_at": START,
                "frozen_at": START,
                "frozen": value,
                "state": EditionState.DONE,
            }
            session.add(Edition(public_id=f"e{number}", campaign_id=1, kind=Kind.NEWS, number=number, **once))
    config = Config()
    config.set_main_option("script_location", str(Path(outreach.store.migrate.__file__).parent / "migrations"))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0028")
    migrate(database)
    with database.read() as session:
        numbers = list(session.execute(select(col(Link.edition_id)).where(col(Link.number) == 0)).scalars())
        editions = list(session.execute(select(col(Edition.id)).order_by(col(Edition.number))).scalars())
    assert numbers == editions[:1]
    database.close()


@BOTH
def test_the_turn_that_a_database_has_reached_is_kept_when_lanes_come(database_url: str, tmp_path: Path) -> None:
    database = open_database(database_url, tmp_path)
    config = Config()
    config.set_main_option("script_location", str(Path(outreach.store.migrate.__file__).parent / "migrations"))
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
        connection.execute(
            text("INSERT INTO workspace (id, name, version, epoch, turn, pause_reason, created_at)"
                 " VALUES (1, 'acme', 1, 'e', 42, '', '2026-01-01 00:00:00')")
        )  # fmt: skip
    migrate(database)
    with database.read() as session:
        assert turns_of(session) == (42,) + (0,) * (LANES - 1)
    database.close()
